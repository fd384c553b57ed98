"""A user's own sequence of mixing matrices: one array, or files in their order."""

from theory.errors import OnemergeError, require
from theory.files import as_path, natural, suffix_of
from theory.matrix_files import MATRIX_FILES, load_arrays, read_matrix
from theory.validate import as_square

SEQUENCE_FILES = (".npz", ".npy")


def is_sequence(matrices):
    """Whether this is a sequence of matrices: an array [rounds, m, m], or a list or tuple of arrays [m, m]."""
    if isinstance(matrices, (list, tuple)):
        return len(matrices) > 0 and all(getattr(W, "ndim", 0) == 2 for W in matrices)
    return getattr(matrices, "ndim", 0) == 3


def holds_sequence(path):
    """Whether `path` is a folder, a .npz file, or a .npy file of an array with three axes."""
    path = as_path(path)
    if path.suffix.lower() != ".npy" or not path.is_file():
        return path.is_dir() or path.suffix.lower() in SEQUENCE_FILES[:1]
    try:
        return load_arrays(path).ndim == 3
    except OnemergeError:
        return False  # read_matrix says what is wrong with it


def read_sequence(path):
    """List of matrices [m, m], square and finite, of a folder of .npy and .csv files, or of one .npz or .npy file.

    A folder and a .npz file are read in the natural order of their names, 2 before 10 and W2 before W10; a .npy file
    has the shape [rounds, m, m].
    """
    path = as_path(path)
    if path.is_dir():
        files = (file for file in path.iterdir() if file.suffix.lower() in MATRIX_FILES)
        files = sorted(files, key=lambda file: natural(file.name))
        require(files, f"{path} has no file of a matrix; valid suffixes are {', '.join(MATRIX_FILES)}")
        return [read_matrix(file) for file in files]
    suffix = suffix_of(path, SEQUENCE_FILES)
    found = load_arrays(path)
    if suffix == ".npz":
        found = {name: found[name] for name in sorted(found, key=natural)}
    else:
        require(found.ndim == 3, f"{path} has the shape {found.shape}; a sequence has the shape (rounds, m, m)")
        found = dict(enumerate(found))
    require(found, f"{path} has no array; give one for each round")
    return [as_square(W, name=f"round {name} of {path}") for name, W in found.items()]
