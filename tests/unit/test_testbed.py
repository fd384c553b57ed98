"""The testbed: derivatives and norms of every function, each against a second derivation that does not use sympy."""

import numpy as np
import pytest
import sympy

from sim.lifts import KINDS, RADIAL, Lifted
from sim.testbed import TESTBED, function_of, smooth_huber, washboard, x
from theory.errors import OnemergeError

EVERY = pytest.mark.parametrize("function", TESTBED.values(), ids=TESTBED.keys())


def grid(function, points=40_001, reach=12.0):
    low, high = max(float(function.region.inf), -reach), min(float(function.region.sup), reach)
    return np.linspace(low, high, points)


@EVERY
def test_derivatives_are_the_differences_of_the_order_before(function):
    """Central differences err by h^2/6 |f^(q+3)|, where a piecewise polynomial has a joint by h |f^(q+2)|."""
    at, h = np.random.default_rng(0).uniform(-0.99, 0.99, 200) * min(float(function.region.sup), 4.0), 1e-5
    for q in range(4):
        slope = (function(at + h, q) - function(at - h, q)) / (2 * h)
        assert np.abs(slope - function(at, q + 1)).max() < (3e-4 if "huber(" in function.name else 1e-8)
    assert function(at.reshape(4, 50), 2).shape == (4, 50)


@EVERY
def test_derivatives_by_a_complex_step(function):
    """f^(q+1)(a) = Im f^(q)(a + ih)/h to rounding, as no digits cancel; the expression's own, not the stable form's."""
    if "huber(" in function.name:
        pytest.skip("a piecewise polynomial has no value at complex points")
    for q in range(4):
        form = sympy.lambdify(x, function.derivatives[q], "numpy")
        for at in (-0.9, -0.2, 0.3, 0.7):
            assert np.imag(form(at + 1e-30j)) / 1e-30 == pytest.approx(float(function(at, q + 1)), rel=1e-9, abs=1e-13)


@EVERY
def test_norms_are_what_a_dense_grid_shows(function):
    """No point is above the norm, and one is near it; a norm of oo grows with the reach of the grid."""
    points = grid(function)
    for q, norm in enumerate(function.constants.values(), start=1):
        seen = np.abs(function(points, q)).max()
        if norm == np.inf:
            assert seen > 11
            continue
        assert seen <= norm * (1 + 1e-12)
        assert seen >= norm * (1 - 4e-3 if function.name == "pseudo_huber" and q == 1 else 1 - 1e-4)


@EVERY
def test_infimum_supremum_and_minimizer(function):
    values = function(grid(function))
    low, high = float(function.infimum), float(function.supremum)
    assert values.min() >= low - 1e-12
    assert values.max() <= high + 1e-12
    if function.minimizer is not None:
        assert sympy.simplify(function.expression.subs(x, function.minimizer) - function.infimum) == 0
        assert function(float(function.minimizer), 1) == pytest.approx(0, abs=1e-15)
    else:
        assert np.abs(function(grid(function), 1)).min() > 0 or low == -np.inf


@EVERY
def test_assumption_4_holds_where_it_is_said_to(function):
    points = grid(function, 4001)
    slope, third = function(points, 1), function(points, 3)
    product = slope * third
    clear = np.abs(product) > 1e-9
    said = np.broadcast_to(np.asarray(sympy.lambdify(x, function.where_a4, "numpy")(points), dtype=bool), points.shape)
    np.testing.assert_array_equal(said[clear], product[clear] < 0)
    if function.weak_a4:
        assert said[np.abs(slope) > 1e-9].all()
    else:
        assert (~said & (np.abs(slope) > 1e-3)).any()


def test_only_the_quadratic_has_a_pl_constant_on_all_of_the_line():
    """The largest mu of f'^2 >= 2 mu (f - inf f) on a grid."""
    for name, function in TESTBED.items():
        points = grid(function, 2001, reach=60.0)
        gap = function(points) - float(function.infimum)
        far = gap > 1e-9
        best = (function(points, 1)[far] ** 2 / (2 * gap[far])).min() if np.isfinite(gap).all() else 0.0
        assert best == pytest.approx(1.0) if name == "quadratic" else best < 0.05
        assert (function.pl is not None) == (name == "quadratic")


def test_closed_forms_of_the_norms():
    closed = {
        "log_cosh": (1, 1, 4 * sympy.sqrt(3) / 9, 2),
        "pseudo_huber": (1, 1, 48 / (25 * sympy.sqrt(5)), 3),
        "softplus": (1, sympy.Rational(1, 4), sympy.sqrt(3) / 18, sympy.Rational(1, 8)),
        "gaussian_well": (sympy.exp(-sympy.Rational(1, 2)), 1, 1.3801202, 3),
    }
    for name, norms in closed.items():
        assert [float(a) for a in TESTBED[name].norms] == pytest.approx([float(b) for b in norms], rel=1e-6)
    assert float(TESTBED["pseudo_huber"].norms[2]) == pytest.approx(0.8587, abs=1e-4)
    assert smooth_huber("1/50").norms == (sympy.Rational(101, 100), 1, sympy.Rational(375, 4), 25000 / sympy.sqrt(3))


def test_smooth_huber_has_four_continuous_derivatives_and_an_exact_core():
    function = smooth_huber("1/4")
    for derivative in function.derivatives:
        pieces = [piece for piece, _ in derivative.args]
        joints = (-sympy.Rational(5, 4), -1, 1, sympy.Rational(5, 4))
        for left, right, joint in zip(pieces[:-1], pieces[1:], joints, strict=True):
            assert sympy.sympify(left).subs(x, joint) == sympy.sympify(right).subs(x, joint)
    assert function.expression.subs(x, sympy.Rational(7, 8)) == sympy.Rational(49, 128)


def test_stable_forms_survive_large_points():
    for name in ("log_cosh", "softplus", "logistic"):
        function, far = TESTBED[name], np.array([-2000.0, 2000.0])
        with np.errstate(all="raise", under="ignore"):
            assert np.isfinite([function(far, q) for q in range(5)]).all()
        near = np.linspace(-3, 3, 7)
        plain = sympy.lambdify(x, function.expression, "numpy")(near)
        np.testing.assert_allclose(function(near), plain, rtol=1e-14)


def test_scaled_copies_have_scaled_norms():
    """|a| L_q/w^q, and the grid agrees; what is turned over has its infimum at minus the supremum."""
    function = TESTBED["gaussian_well"].scaled(-3, "1/2", 2)
    for q, (norm, plain) in enumerate(zip(function.norms, TESTBED["gaussian_well"].norms, strict=True), start=1):
        assert float(norm) == pytest.approx(3 * 2**q * float(plain), rel=1e-12)
        assert np.abs(function(grid(function), q)).max() == pytest.approx(float(norm), rel=1e-5)
    assert (function.infimum, function.minimizer) == (0, None)
    turned = TESTBED["cos"].scaled(2, 3, 1)
    assert turned.minimizer == 3 * sympy.pi + 1
    assert TESTBED["quadratic"].scaled(3, 2).pl == sympy.Rational(3, 4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["pseudo_huber", "gaussian_well", "quadratic", "cos"])
def test_lifts_against_finite_differences_and_random_directions(kind, name):
    if kind == "radial" and name not in RADIAL:
        with pytest.raises(OnemergeError, match="cos has no known norms"):
            Lifted(TESTBED[name], kind, 3)
        return
    generator = np.random.default_rng(1)
    dim = 3
    lifted = Lifted(TESTBED[name], kind, dim, tuple(generator.normal(size=dim)) if kind == "direction" else ())
    at, h, eye = generator.normal(size=(5, dim)), 1e-5, np.eye(dim)
    root = generator.normal(size=(dim, dim))
    Gamma = root @ root.T
    trace = lambda p: np.einsum("...ij,ij->...", lifted.hessian(p), Gamma)  # noqa: E731
    for of, derived in (
        (lifted, lifted.gradient(at)),
        (lifted.gradient, np.swapaxes(lifted.hessian(at), -1, -2)),
        (trace, lifted.trace_gradient(at, Gamma)),
    ):
        steps = [(of(at + h * e) - of(at - h * e)) / (2 * h) for e in eye]
        np.testing.assert_allclose(np.stack(steps, axis=1), derived, atol=2e-8 * np.abs(derived).max() + 1e-9)
    points = generator.normal(size=(4000, dim)) * generator.choice([0.05, 0.5, 3], (4000, 1))
    if kind == "direction":
        points[:, 0] += 0.1
    largest = np.abs(np.linalg.eigvalsh(lifted.hessian(points))).max()
    assert 0.9 * float(lifted.norms[1]) <= largest <= float(lifted.norms[1]) * (1 + 1e-12)
    if name != "quadratic":
        steep = np.linalg.norm(lifted.gradient(points), axis=1).max()
        assert 0.85 * float(lifted.norms[0]) <= steep <= float(lifted.norms[0]) * (1 + 1e-12)
    third = np.array([np.linalg.norm(lifted.trace_gradient(p, np.outer(v, v))) for p, v in _pairs(points, generator)])
    assert third.max() <= float(lifted.norms[2]) * (1 + 1e-12)


def _pairs(points, generator):
    directions = generator.normal(size=(300, points.shape[1]))
    return zip(points[:300], directions / np.linalg.norm(directions, axis=1, keepdims=True), strict=True)


def test_what_is_refused():
    for call, words in [
        (lambda: function_of("tan"), "'tan' is no function of the testbed; valid: cos, "),
        (lambda: TESTBED["cos"](0.0, 5), "order is 5"),
        (lambda: TESTBED["cos"].scaled(0), "height 0 must not be 0"),
        (lambda: TESTBED["cos"].scaled(1, -2), "width -2 must be above 0"),
        (lambda: smooth_huber(0), "the width of the transition is 0"),
        (lambda: washboard(-1, 1, 1), "a washboard of -1, 1, 1 is none"),
        (lambda: Lifted(TESTBED["cos"], "sum", 2), "kind 'sum' is not one of separable"),
        (lambda: Lifted(TESTBED["cos"], "direction", 2), "direction has 0 entries; it must have 2"),
    ]:
        with pytest.raises(OnemergeError, match=words.replace("(", r"\(")):
            call()
