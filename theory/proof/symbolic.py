"""The engine of sympy: links of a chain, identities, signs by assumptions, and coefficients of one sign.

The last after a change of variables: 1/(1 + s) for a rate and 1 + s for a count, s >= 0.
"""

import sympy

from theory.proof.relation import Decision, domain

LARGEST = 100  # operations up to which a difference is factored: beyond, factoring may take minutes


def by_sympy(problem, seconds=None):
    """Decide by algebra alone; what is given is used as links of a chain, a <= b <= c, and not otherwise."""
    claim = problem.claim
    if claim in (sympy.true, sympy.false):
        return Decision("proved" if claim == sympy.true else "unknown", "sympy", f"evaluates to {claim}")
    if _linked(problem):
        return Decision("proved", "sympy", "what is given links both sides")
    expression, kind = problem.goal
    poles = [pole for side in claim.args for pole in _may_vanish(side)]
    if poles:
        return Decision("unknown", "sympy", f"{poles[0]} may vanish or be negative")
    reduced = sympy.together(sympy.expand(expression.doit()))
    if reduced != 0 and kind == "=":
        reduced = sympy.simplify(reduced) if sympy.count_ops(reduced) <= 3 * LARGEST else reduced
    if reduced == 0:
        verdict = "proved" if kind in ("=", ">=") else "unknown"
        return Decision(verdict, "sympy", "both sides are identical")
    small = sympy.count_ops(reduced) <= LARGEST
    for form in (reduced, sympy.factor(reduced)) if small and kind != "=" else (reduced,):
        shown = {"=": form.is_zero, "!=": form.is_nonzero, ">=": form.is_nonnegative, ">": form.is_positive}
        if shown[kind]:
            return Decision("proved", "sympy", f"the difference {form} has the sign by its symbols' domains")
    if kind in (">=", ">") and one_sign(reduced, kind):
        return Decision("proved", "sympy", "all coefficients of the difference have one sign after 1/(1 + s) for rates")
    return Decision("unknown", "sympy", "the sign does not show in the form")


def _linked(problem):
    """Do relations a <= b that are given lead from the smaller side of the claim to the larger one?"""
    links = {}
    for relation in problem.given:
        if isinstance(relation, sympy.Eq | sympy.Le | sympy.Lt | sympy.Ge | sympy.Gt):
            low, high = reversed(relation.args) if isinstance(relation, sympy.Ge | sympy.Gt) else relation.args
            strict = isinstance(relation, sympy.Lt | sympy.Gt)
            links.setdefault(low, []).append((high, strict))
            if isinstance(relation, sympy.Eq):
                links.setdefault(high, []).append((low, False))
    if isinstance(problem.claim, sympy.Ge | sympy.Gt):
        end, start = problem.claim.args
    elif isinstance(problem.claim, sympy.Le | sympy.Lt):
        start, end = problem.claim.args
    else:
        return False
    needed = isinstance(problem.claim, sympy.Lt | sympy.Gt)
    reached, fresh = set(), [(start, False)]
    while fresh:
        place, strict = fresh.pop()
        for following, more in links.get(place, ()):
            state = (following, strict or more)
            if state not in reached:
                reached.add(state)
                fresh.append(state)
    return (end, True) in reached or (not needed and (end, False) in reached)


def _may_vanish(expression):
    """Denominators and radicands that the symbols' domains do not keep from 0, or from below 0."""
    found = []
    for power in expression.atoms(sympy.Pow):
        base, exponent = power.args
        if not exponent.is_Integer and not base.is_nonnegative and not one_sign(base, ">="):
            found.append(base)
        if not exponent.is_nonnegative and not (base.is_nonzero or one_sign(base, ">") or one_sign(-base, ">")):
            found.append(base)
    for call in expression.atoms(sympy.log):
        if not call.args[0].is_positive:
            found.append(call.args[0])
    return found


def one_sign(expression, kind):
    """Have all coefficients one sign, with 1/(1 + s), s >= 0, for a rate and 1 + s for a count?"""
    changed, positive = {}, []
    for symbol in expression.free_symbols:
        name, _ = domain(symbol)
        fresh = sympy.Symbol(f"{symbol.name}_", nonnegative=True)
        if name == "rate":
            changed[symbol] = 1 / (1 + fresh)
        elif name == "count":
            changed[symbol] = 1 + fresh
        elif name == "positive":
            positive.append(symbol)
        elif name != "nonnegative":
            return False
    top, bottom = sympy.fraction(sympy.together(expression.xreplace(changed)))
    if not bottom.is_positive or not top.is_polynomial(*top.free_symbols):
        return False
    if not top.free_symbols:
        return bool(top.is_positive or (kind == ">=" and top.is_nonnegative))
    terms = sympy.Poly(top, *sorted(top.free_symbols, key=str)).terms()
    if not all(coefficient.is_nonnegative for _, coefficient in terms):
        return False
    if kind == ">=":
        return True
    generators = sorted(top.free_symbols, key=str)
    return any(
        coefficient.is_positive and all(not power or s in positive for s, power in zip(generators, powers, strict=True))
        for powers, coefficient in terms
    )
