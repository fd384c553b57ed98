"""All statements that the toolkit knows, by name: one module a source, each a list of `Bound` records."""

from theory.bound import Bound
from theory.bounds import (
    baselines,
    corrected,
    kong2021,
    le_bars2023,
    master,
    spectra,
    takezawa2026,
    wang_joshi2021,
    zhu2025,
)

MODULES = (zhu2025, corrected, master, le_bars2023, wang_joshi2021, kong2021, takezawa2026, baselines, spectra)
BOUNDS = {record.name: record for module in MODULES for record in vars(module).values() if isinstance(record, Bound)}
