"""A user's own sequence of mixing matrices: one array, or files in their order."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from theory.errors import OnemergeError, require
from theory.files import natural
from theory.matrix_files import MATRIX_FILES, read_matrix
from theory.validate import as_square

SEQUENCE_FILES = (".npz", ".npy")


def is_sequence(matrices):
    """Whether this is a sequence of matrices: an array [rounds, m, m], or a list or tuple of arrays [m, m]."""
    if isinstance(matrices, (list, tuple)):
        return len(matrices) > 0 and all(getattr(W, "ndim", 0) == 2 for W in matrices)
    return getattr(matrices, "ndim", 0) == 3


def holds_sequence(path):
    """Whether `path` is a folder, a .npz file, or a .npy file of an array with three axes."""
    path = Path(path)
    if path.suffix.lower() != ".npy" or not path.is_file():
        return path.is_dir() or path.suffix.lower() in SEQUENCE_FILES[:1]
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False).ndim == 3
    except (EOFError, OSError, ValueError):
        return False  # read_matrix says what is wrong with it


def read_sequence(path):
    """List of matrices [m, m], square and finite, of a folder of .npy and .csv files, or of one .npz or .npy file.

    A folder and a .npz file are read in the natural order of their names, 2 before 10 and W2 before W10; a .npy file
    has the shape [rounds, m, m].
    """
    path = Path(path)
    if path.is_dir():
        files = sorted((f for f in path.iterdir() if f.suffix.lower() in MATRIX_FILES), key=lambda f: natural(f.name))
        require(files, f"{path} has no file of a matrix; valid suffixes are {', '.join(MATRIX_FILES)}")
        return [read_matrix(file) for file in files]
    valid = ", ".join(SEQUENCE_FILES)
    require(path.suffix.lower() in SEQUENCE_FILES, f"{path} has the suffix {path.suffix!r}; valid suffixes are {valid}")
    require(path.is_file(), f"{path} is not a file; give the path of an existing file")
    try:
        found = np.load(path, allow_pickle=False)
        if path.suffix.lower() == ".npz":
            with found:
                found = {name: found[name] for name in sorted(found.files, key=natural)}
        else:
            found = dict(enumerate(found))
    except (EOFError, OSError, ValueError, BadZipFile) as error:
        raise OnemergeError(f"{path} is not a set of arrays as numpy writes it, without pickles") from error
    require(found, f"{path} has no array; give one for each round")
    return [as_square(W, name=f"round {name} of {path}") for name, W in found.items()]
