"""All statements that the toolkit knows, by name: one module a source, each a list of `Bound` records."""

from theory.bound import Bound
from theory.bounds import corrected, spectra, zhu2025

BOUNDS = {
    record.name: record
    for module in (zhu2025, corrected, spectra)
    for record in vars(module).values()
    if isinstance(record, Bound)
}
