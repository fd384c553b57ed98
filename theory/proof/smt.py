"""The engine of z3: relations between algebraic functions, decided over the real numbers by nonlinear arithmetic."""

import sympy

from theory.errors import OnemergeError
from theory.proof.algebra import system
from theory.proof.relation import Decision, Problem, domain, negated

WORK = 2_000_000  # steps of z3 in about a second: a limit on work gives one answer on a busy machine and an idle one


def z3():
    """The module z3 of z3-solver."""
    try:
        import z3
    except ImportError as error:
        raise OnemergeError(
            "deciding polynomial inequalities needs z3; install onemerge with its extra 'rigor'"
        ) from error
    return z3


def by_smt(problem, seconds=4.0):
    """Proved where no point of the real numbers contradicts; refuted by an exact point that does."""
    if problem.claim == sympy.true:
        return Decision("proved", "z3", "evaluates to True")
    try:
        built = system(problem) if problem.claim != sympy.false else None
    except (NotImplementedError, sympy.PolynomialError) as error:
        return Decision("unknown", "z3", str(error))
    if built is None:
        return Decision("unknown", "z3", "the claim evaluates to False")
    for polynomial, kind, before in built.defined:
        answer, _ = _solve(built.conditions[:before], negated(kind, polynomial), seconds)
        if answer != "unsat":
            words = {"=": "0", "!=": "0", ">=": "negative", ">": "0 or negative"}[kind]
            return Decision("unknown", "z3", f"{polynomial} may be {words}, where the claim is not defined")
    conditions = built.conditions
    expression, kind = built.goal
    answer, model = _solve(conditions, negated(kind, expression), seconds)
    if answer == "unsat":
        return Decision("proved", "z3", "no real point is against it")
    if answer == "unknown":
        return Decision("unknown", "z3", f"undecided after the work of {seconds:g} s")
    if built.abstract:
        return Decision("unknown", "z3", "false for some value of a function that is no algebraic one")
    witness = _witness(problem, built, model)
    if witness is not None and problem.violated(witness):
        return Decision("refuted", "z3", "false at an exact point", witness)
    if any(domain(symbol)[1] for symbol in problem.symbols):
        return Decision("unknown", "z3", "false for real numbers in the place of integers")
    return Decision("unknown", "z3", "a point against it is irrational and not confirmed")


def feasible(given, seconds=4.0):
    """Is there a point with all relations of `given`? True, False, or None where that is open."""
    problem = Problem(sympy.Ge(0, 1, evaluate=False), tuple(given))
    try:
        built = system(problem)
    except (NotImplementedError, sympy.PolynomialError):
        return None
    answer, _ = _solve(built.conditions, [], seconds)
    return {"sat": None if built.abstract else True, "unsat": False}.get(answer)


def undefined(expression, given=(), seconds=1.0):
    """The polynomial that keeps `expression` undefined at an exact point with all of `given`; None where none is found.

    It is a denominator that is 0, or a number below 0 under a root.
    """
    problem = Problem(sympy.Ge(expression, expression, evaluate=False), tuple(given))
    try:
        built = system(problem)
    except (NotImplementedError, sympy.PolynomialError):
        return None
    for polynomial, kind, before in built.defined if not built.abstract else ():
        answer, model = _solve(built.conditions[:before], negated(kind, polynomial), seconds)
        point = _witness(problem, built, model) if answer == "sat" else None
        if point and problem.inside(point):
            return polynomial
    return None


def _solve(conditions, either, seconds):
    """("sat" | "unsat" | "unknown", model {symbol: exact number or None}) of all conditions and one of `either`."""
    solver_module = z3()
    free = set().union(*(sympy.sympify(p).free_symbols for p, *_ in (*conditions, *either)))
    names = {symbol: solver_module.Real(f"v{i}") for i, symbol in enumerate(sorted(free, key=str))}
    formulas = [_formula(p, kind, names) for p, kind in conditions]
    if either:
        formulas.append(solver_module.Or([_formula(p, kind, names) for p, kind in either]))
    for tactic, share in (("qfnra-nlsat", 0.5), ("qfnra", 0.5)):
        solver = solver_module.Then("simplify", "solve-eqs", tactic).solver()
        solver.set("rlimit", int(WORK * seconds * share) + 1)
        solver.set("timeout", int(20_000 * seconds * share) + 1)  # a single step of z3 may be long
        solver.add(*formulas)
        answer = str(solver.check())
        if answer == "sat":
            model = solver.model()
            return answer, {s: _exact(model.eval(v, model_completion=True)) for s, v in names.items()}
        if answer == "unsat":
            return answer, {}
    return "unknown", {}


def _formula(polynomial, kind, names):
    value = _term(sympy.sympify(polynomial), names)
    return {">=": value >= 0, ">": value > 0, "=": value == 0, "!=": value != 0}[kind]


def _term(node, names):
    """The z3 term of a polynomial."""
    if node.is_Symbol:
        return names[node]
    if node.is_Rational:
        return z3().Q(int(node.p), int(node.q))
    if node.is_Pow:
        base, result = _term(node.base, names), None
        for _ in range(int(node.exp)):
            result = base if result is None else result * base
        return result
    terms = [_term(argument, names) for argument in node.args]
    total = terms[0]
    for term in terms[1:]:
        total = total + term if node.is_Add else total * term
    return total


def _exact(value):
    """A sympy number of a z3 number; algebraic ones are a rational near them (a witness is checked afterwards)."""
    module = z3()
    if module.is_algebraic_value(value):
        value = value.approx(30)
    if module.is_rational_value(value):
        return sympy.Rational(value.numerator_as_long(), value.denominator_as_long())
    return None


def _witness(problem, built, model):
    point = {}
    for symbol in problem.symbols:
        inner = sympy.sympify(built.roots.get(symbol, symbol))
        value = inner.xreplace({s: model.get(s, sympy.S.One) for s in inner.free_symbols})
        if value is None or not value.is_number:
            return None
        point[symbol] = value
    return point
