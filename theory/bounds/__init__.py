"""All statements that the toolkit knows, by name: one module a source, each a list of `Bound` records."""

from theory.bound import Bound
from theory.bounds import (
    armacki2026,
    baselines,
    corrected,
    dekel2012,
    dsgd_ac2026,
    eisen2025,
    koloskova_lower,
    kong2021,
    le_bars2023,
    le_bars2024,
    lu_desa2021,
    master,
    niwa2025,
    pga2021,
    spectra,
    stepsize,
    sun2021,
    takezawa2026,
    versini2026,
    wang_joshi2021,
    yuan2023,
    zhu2022,
    zhu2023,
    zhu2025,
)

MODULES = (
    zhu2025, corrected, master, le_bars2023, wang_joshi2021, kong2021, takezawa2026, baselines, stepsize,
    koloskova_lower, dekel2012, lu_desa2021, pga2021, yuan2023, zhu2022, sun2021, le_bars2024, zhu2023, dsgd_ac2026,
    versini2026, armacki2026, eisen2025, niwa2025, spectra,
)  # fmt: skip
BOUNDS = {record.name: record for module in MODULES for record in vars(module).values() if isinstance(record, Bound)}
