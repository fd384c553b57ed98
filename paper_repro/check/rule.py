"""The one rule by which a measured mean contradicts a bound."""

from scipy import special

SIGMAS = 5  # standard errors
ROUNDING = 1e-12  # relative


def margin(runs):
    """Standard errors that a mean over `runs` may be off by: 5, widened by Student's law for few runs."""
    return float(-special.stdtrit(runs - 1, special.ndtr(-SIGMAS)))


def violated(kind, measured, bound, rounding=0.0):
    """THE rule. Where the mean over the runs of what exceeds the bound is above `rounding` by more than chance allows.

    measured, bound [runs, ...] -> booleans [...]. The excess of an upper bound is measured - bound, run by run, so that
    the error of a bound that depends on the state of a run counts too; chance allows `margin` standard errors.
    """
    if kind == "equal":
        return violated("upper", measured, bound, rounding) | violated("lower", measured, bound, rounding)
    excess = measured - bound if kind == "upper" else bound - measured
    error = excess.std(axis=0, ddof=1) / len(excess) ** 0.5
    return excess.mean(axis=0) - margin(len(excess)) * error > rounding
