"""A problem in polynomials: roots, absolute values, maxima and minima become variables with polynomial conditions.

Whatever is no such function (a power with a symbolic exponent, a logarithm) becomes a free variable of its sign: what
is proved for every value of it is proved, but nothing is refuted that way.
"""

from dataclasses import dataclass, field
from functools import lru_cache, reduce

import sympy

from theory import balls
from theory.proof.relation import domain, ends
from theory.proof.symbolic import one_sign


@dataclass
class System:
    """Wherever all `conditions` hold, `goal` is claimed; each is (polynomial, kind): polynomial kind 0.

    `defined` [(polynomial, kind, number of conditions before it)] is what the claim needs in order to be defined; it is
    to follow from the conditions before it. `abstract` says that free variables stand for functions. `roots` maps
    symbols to the expression that takes their place, so that their roots are polynomials.
    """

    conditions: list = field(default_factory=list)
    defined: list = field(default_factory=list)
    goal: tuple = ()
    abstract: bool = False
    roots: dict = field(default_factory=dict)
    known: dict = field(default_factory=dict)


@lru_cache(maxsize=16)
def system(problem):
    """The `System` of a problem, which nobody changes afterwards."""
    built = System()
    expressions = [*(expression for expression, _ in problem.hypotheses), *problem.claim.args]
    built.roots = _squares(problem.symbols, expressions)
    for symbol in problem.symbols:
        low, is_open, high = ends(symbol)
        inner = built.roots.get(symbol, symbol)
        for variable in inner.free_symbols if inner is not symbol else ():
            built.conditions.append((variable, ">" if is_open and low == 0 else ">="))
        if low != -sympy.oo:
            built.conditions.append((inner - low, ">" if is_open else ">="))
        if high != sympy.oo:
            built.conditions.append((high - inner, ">="))
    for expression, kind in problem.hypotheses:
        polynomial = _cleared(_walk(expression.xreplace(built.roots), built, assumed=True), kind)
        built.conditions.append(polynomial)
    for side in problem.claim.args:  # their difference may be defined where they are not
        _walk(side.xreplace(built.roots), built, assumed=False)
    expression, kind = problem.goal
    built.goal = _cleared(_walk(expression.xreplace(built.roots), built, assumed=False), kind)
    return built


def _squares(symbols, expressions):
    """{x: x_r**q} for the nonnegative symbols x whose q-th roots occur."""
    orders = {}
    for power in set().union(*(expression.atoms(sympy.Pow) for expression in expressions)):
        base, exponent = power.args
        if base in symbols and exponent.is_Rational and not exponent.is_Integer and domain(base)[0] != "real":
            orders[base] = sympy.ilcm(orders.get(base, 1), exponent.q)
    return {
        x: sympy.Dummy(x.name, **{("positive" if x.is_positive else "nonnegative"): True}) ** q
        for x, q in orders.items()
    }


def _cleared(expression, kind):
    """(polynomial, kind) that is equivalent to expression kind 0 where the denominator is not 0."""
    top, bottom = sympy.fraction(sympy.together(expression))
    if kind in (">=", ">"):
        _, factors = sympy.factor_list(bottom)
        sign = sympy.sign(sympy.factor_list(bottom)[0])
        top = sign * top * reduce(lambda a, b: a * b, (f for f, n in factors if n % 2 and not f.is_positive), 1)
    return sympy.expand(top), kind


def _walk(node, built, assumed):
    """The rational function of `node`; new variables and their conditions go into `built`."""
    if node.is_Rational or node.is_Symbol:
        return node
    if node in built.known:
        return built.known[node]
    if node.is_Add or node.is_Mul:
        return node.func(*(_walk(argument, built, assumed) for argument in node.args))
    if node.is_Pow and node.exp.is_Rational:
        built.known[node] = _power(node, built, assumed)
    elif isinstance(node, sympy.Abs):
        built.known[node] = _absolute(_walk(node.args[0], built, assumed), built)
    elif isinstance(node, sympy.Max | sympy.Min):
        parts = [_walk(argument, built, assumed) for argument in node.args]
        built.known[node] = reduce(lambda a, b: _end(a, b, isinstance(node, sympy.Max), built), parts)
    else:
        built.known[node] = _free(node, built)
    return built.known[node]


def _needs(polynomial, kind, built, assumed):
    if assumed:  # what is given makes sense where it holds
        built.conditions.append((polynomial, kind))
    elif not (one_sign(polynomial, ">") or (kind == ">=" and one_sign(polynomial, ">="))):
        built.defined.append((polynomial, kind, len(built.conditions)))


def _power(node, built, assumed):
    base, exponent = _walk(node.base, built, assumed), node.exp
    if exponent.is_negative:
        _needs(*_cleared(base, "!="), built, assumed)
    if exponent.is_Integer:
        return base**exponent
    _needs(*_cleared(base, ">="), built, assumed)
    root = sympy.Dummy("root", nonnegative=True)
    built.conditions += [(root, ">="), _cleared(root**exponent.q - base, "=")]
    return root**exponent.p


def _absolute(inside, built):
    size = sympy.Dummy("size", nonnegative=True)
    built.conditions += [(size, ">="), _cleared(size**2 - inside**2, "=")]
    return size


def _end(a, b, largest, built):
    end = sympy.Dummy("end", real=True)
    sign = 1 if largest else -1
    built.conditions += [_cleared(sign * (end - a), ">="), _cleared(sign * (end - b), ">=")]
    built.conditions.append(_cleared((end - a) * (end - b), "="))
    return end


def _free(node, built):
    """A variable for a function that is real wherever its symbols are in their domains, with its sign if it is known.

    A number such as pi lies between two rationals. A power with a base in [0, 1] and an exponent >= 0 is in [0, 1], and
    >= 1 where the base is.
    """
    power = node.is_Pow and one_sign(node.base, ">=") and node.exp.is_nonnegative
    if not (power or node.is_real):
        raise NotImplementedError(f"{node} is no algebraic function and not known to be real")
    built.abstract = True
    value = sympy.Dummy("value", real=True)
    if node.is_number:
        low, high = (sympy.Rational(end) for end in balls.outward(balls.evaluate(node)))
        built.conditions += [(value - low, ">="), (high - value, ">=")]
    elif power or node.is_nonnegative:
        built.conditions.append((value, ">" if node.is_positive else ">="))
    if power and one_sign(1 - node.base, ">="):
        built.conditions.append((1 - value, ">="))
    if power and one_sign(node.base - 1, ">="):
        built.conditions.append((value - 1, ">="))
    return value
