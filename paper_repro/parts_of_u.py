"""U of the descent inequality, taken apart into what the paper prints, what it leaves out, and what is left."""

import pandas as pd

from sim.probes.terms import residuals
from theory.bounds import BOUNDS


def parts(spec, values):
    """U and its parts, one row a seed and round: U = U_printed + U_heterogeneity + U_rest [loss]²/[θ]².

    L2 is the known constant of L, and of networks, which have none, the curvature along the step, with which the
    descent inequality is an equality. U_d11 is (D.11) as printed, U_repaired what can be proved, for the pseudo-Huber.
    """
    constants = getattr(spec.problem, "constants", {})
    fixed = constants.get("L2", getattr(spec.problem, "L", None))
    L2 = values["step_curvature"] if fixed is None else fixed
    out = residuals(values, spec.lr, L2)
    out["U_heterogeneity"] = (spec.lr * L2 - 1) * values["h_inner"]
    out["U_rest"] = out["U"] - out["U_printed"] - out["U_heterogeneity"]
    if constants:
        state = {name: values[name].to_numpy() for name in ("T2", "consensus_distance")}
        for name, bound in (("U_d11", "residual_d11"), ("U_repaired", "residual_homogeneous")):
            symbols = {"lr": spec.lr, "agents": spec.agents, **constants, **state}
            out[name] = BOUNDS[bound](**BOUNDS[bound].arguments(symbols))
    out["lr_curvature"] = spec.lr * values["step_curvature"]
    return pd.DataFrame(out, index=values["T2"].index)
