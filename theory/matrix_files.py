"""Files of mixing matrices, and of topologies in general."""

from pathlib import Path

import numpy as np

from theory.errors import OnemergeError, require
from theory.files import GRAPH_FILES, read_graph, read_text
from theory.mixing import as_square, check_mixing, graph_of, mixing


def _read_npy(path):
    require(Path(path).is_file(), f"{path} is not a file; give the path of an existing file")
    try:
        return np.load(path, allow_pickle=False)
    except (EOFError, OSError, ValueError) as error:
        raise OnemergeError(f"{path} is not an array of numbers as numpy.save writes it, without pickles") from error


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
                raise OnemergeError(f"{place} is {entry!r}; every weight must be a finite number") from error
    return rows


MATRIX_FILES = {".npy": _read_npy, ".csv": _read_csv}


def read_matrix(path):
    """Square finite float64 matrix [m, m] of a .npy file (no pickles) or of a .csv file (commas, no header)."""
    suffix = Path(path).suffix.lower()
    require(suffix in MATRIX_FILES, f"{path} has the suffix {suffix!r}; valid suffixes are {', '.join(MATRIX_FILES)}")
    return as_square(MATRIX_FILES[suffix](path), name=str(path))


def read_topology(path, weights="metropolis"):
    """(graph, W) of a matrix file (`read_matrix`) or of a graph file (`read_graph`).

    `weights` names the rule for a graph; a matrix has its weights already. W must be nonnegative, row-stochastic,
    connected and aperiodic; that the columns sum to 1 as well is left to `check_mixing`.
    """
    suffix = Path(path).suffix.lower()
    valid = (*MATRIX_FILES, *GRAPH_FILES)
    require(suffix in valid, f"{path} has the suffix {suffix!r}; valid suffixes are {', '.join(valid)}")
    if suffix in MATRIX_FILES:
        W = read_matrix(path)
        graph = graph_of(W)
    else:
        graph = read_graph(path)
        W = mixing(graph, weights)
    for problem in check_mixing(W).problems(doubly_stochastic=False):
        raise OnemergeError(f"{path}: {problem}")
    return graph, W
