"""Instances in words: the agents' losses as formulas, the mixing, the start, the noise and the step."""

PROFILES = {"smooth_huber": "f(x) = x^2/2 for |x| <= 1, flattening C^4 to lines beyond 2"}


def _sum(terms):
    """A sum of (coefficient, symbol) as text, without zeros and ones."""
    text = ""
    for coefficient, symbol in terms:
        if coefficient:
            size = abs(coefficient)
            term = symbol if size == 1 and symbol else f"{size} {symbol}".rstrip()
            first, later = ("-", " - ") if coefficient < 0 else ("", " + ")
            text += (later if text else first) + term
    return text or "0"


def matrix(W):
    return "[" + "; ".join(" ".join(map(str, row)) for row in W) + "]"


def _losses(texts):
    if len(set(texts)) == 1:
        return f"L_k = {texts[0]}"
    return ", ".join(f"L_{k} = {text}" for k, text in enumerate(texts, start=1))


def _models(start):
    same = len(set(start)) == 1
    return f"all at x = {start[0]}" if same else f"x = ({', '.join(map(str, start))})"


def smooth(run, step):
    """A `SmoothRun` of fractions."""
    inner = []
    for shift in run.shifts:
        inner.append(f"f({_sum([(1 / run.width, 'x'), (-shift / run.width, '')])})")
    losses = _losses([_sum([(a, f), (g, "x")]) for a, f, g in zip(run.heights, inner, run.slopes, strict=True)])
    noise = f", noise +-({', '.join(map(str, run.noise))})" if any(run.noise) else ""
    profile = PROFILES.get(run.profile, f"f = {run.profile}")
    return (
        f"{run.agents} agents {_models(run.start)} with {losses}, {profile}, W = {matrix(run.W)}, eta = {run.lr}"
        f"{noise}, step {step + 1}"
    )


def quadratic(run, step):
    """A `QuadraticRun` of fractions."""
    losses = _losses([_sum([(h / 2, "x^2"), (g, "x")]) for h, g in zip(run.h, run.g, strict=True)])
    kind = "W drawn from" if run.drawn else "W =" if len(run.mixings) == 1 else "W in turn"
    mixings = ", ".join(matrix(W) for W in run.mixings)
    noise = f", noise of covariance {matrix(run.noise)}" if run.noise.any() else ""
    return (
        f"{run.agents} agents {_models(run.start)} with {losses}, {kind} {mixings}, eta = {run.lr}{noise},"
        f" step {step + 1}"
    )
