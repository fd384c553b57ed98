"""Files of mixing matrices, and of topologies in general."""

from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np

from theory.errors import OnemergeError, require, shown
from theory.files import GRAPH_FILES, read_graph, read_text, suffix_of
from theory.mixing import as_square, check_mixing, graph_of, mixing

STARTS = {".npy": b"\x93NUMPY", ".npz": b"PK"}
FAULTS = (  # of numpy, zipfile and zlib on damaged files
    *(ArithmeticError, AttributeError, BadZipFile, EOFError, LookupError, MemoryError, OSError, RuntimeError),
    *(SyntaxError, TokenError, TypeError, ValueError, ZlibError),
)


def load_arrays(path):
    """The array of a .npy file, or {name: array} of a .npz file, without pickles."""
    suffix = suffix_of(path, STARTS)
    require(Path(path).is_file(), f"{path} is not a file; give the path of an existing file")
    try:
        with open(path, "rb") as file, np.errstate(over="raise"):
            started = file.read(len(STARTS[suffix])) == STARTS[suffix]
            file.seek(0)
            found = np.load(file, allow_pickle=False) if started else None
            if suffix == ".npz" and started:
                found = {name: found[name] for name in found.files}
    except FAULTS:
        found = None
    writer = {".npy": "an array of numbers as numpy.save", ".npz": "a set of arrays as numpy"}[suffix]
    require(found is not None, f"{path} is not {writer} writes it, without pickles")
    return found


def _read_csv(path):
    rows = [line.split(",") for line in read_text(path).splitlines() if line.strip()]
    for number, row in enumerate(rows):
        square = f"a square matrix of {len(rows)} rows needs {len(rows)}"
        require(len(row) == len(rows), f"row {number} of {path} has {len(row)} entries; {square}")
        for column, entry in enumerate(row):
            try:
                row[column] = float(entry)
            except ValueError as error:
                place = f"entry [{number}, {column}] of {path}"
                raise OnemergeError(f"{place} is {shown(entry)}; every weight must be a finite number") from error
    return rows


MATRIX_FILES = {".npy": load_arrays, ".csv": _read_csv}


def read_matrix(path):
    """Square finite float64 matrix [m, m] of a .npy file (no pickles) or of a .csv file (commas, no header)."""
    return as_square(MATRIX_FILES[suffix_of(path, MATRIX_FILES)](path), name=str(path))


def read_topology(path, weights="metropolis"):
    """(graph, W) of a matrix file (`read_matrix`) or of a graph file (`read_graph`).

    `weights` names the rule for a graph; a matrix has its weights already. W must be nonnegative, row-stochastic,
    connected and aperiodic; that the columns sum to 1 as well is left to `check_mixing`.
    """
    if suffix_of(path, (*MATRIX_FILES, *GRAPH_FILES)) in MATRIX_FILES:
        W = read_matrix(path)
        graph = graph_of(W)
    else:
        graph = read_graph(path)
        W = mixing(graph, weights)
    for problem in check_mixing(W).problems(doubly_stochastic=False):
        raise OnemergeError(f"{path}: {problem}")
    return graph, W
