"""U < 0, the critical edge and what is said to follow from it: verdicts, and what turns them."""

from dataclasses import replace

import pytest
from sympy import Rational, S, sqrt

from paper_repro.claims import CLAIMS, guidance, mergeability, proposition_2, proposition_3, version_1
from sim.testbed import LINE, TESTBED
from theory import edge
from theory.bounds import corrected
from theory.errors import OnemergeError
from theory.notation import symbols
from theory.proof.edges import infeasible, negative_gain
from theory.proof.evidence import Effort, Evidence, outcome_of, verdict_of
from theory.proof.gain import never_below_best
from theory.proof.step import by_proof

EFFORT = Effort(tries=48, runs=16)
STRONGER = "holds with a stronger assumption"
VERDICTS = {
    "proposition-2": (STRONGER, "one loss"),
    "proposition-3": (STRONGER, "every path"),
    "guidance": (STRONGER, "noise"),
    "mergeability": ("refuted", "printed"),
    "version-1": ("refuted", "printed"),
}
MODULES = {module.CLAIM.name: module for module in (proposition_2, proposition_3, guidance, mergeability, version_1)}
L2, agents, gradient_sq = symbols("L2 agents gradient_norm_sq")


def evidence(module, **options):
    return [one for one in module.CLAIM.check(EFFORT, **options) if isinstance(one, Evidence)]


@pytest.mark.parametrize("name", VERDICTS)
def test_verdicts(name):
    found = evidence(MODULES[name])
    computed = verdict_of(CLAIMS[name], found)
    assert (computed.verdict, computed.variant) == VERDICTS[name]
    assert computed.what


def test_the_sign_of_the_gain_turns_with_the_models_of_different_losses(monkeypatch):
    assert proposition_2.gain(**proposition_2.POINT, tilt=-1).violates
    assert not proposition_2.gain(**proposition_2.POINT, tilt=1).violates
    assert not proposition_2.gain(**proposition_2.POINT, tilt=0).violates
    with pytest.raises(OnemergeError, match="no progressive sharpening"):
        proposition_2.gain(-1, "1/1000", 6, function="softplus")
    gain = proposition_2.gain
    monkeypatch.setattr(proposition_2, "gain", lambda **k: gain(**(k | {"tilt": 0})))
    assert verdict_of(proposition_2.CLAIM, evidence(proposition_2)).verdict == "open"


def test_the_edge_needs_its_half(monkeypatch):
    def doubled(*args):
        K, C, high = edge.repaired_terms(*args)
        return 2 * K, C, high

    assert by_proof("edge", negative_gain()).outcome == "proves"
    assert by_proof("edge", negative_gain(doubled)).outcome == "undecided"
    monkeypatch.setattr(proposition_3, "negative_gain", lambda: negative_gain(doubled))
    assert verdict_of(proposition_3.CLAIM, evidence(proposition_3)).verdict == "refuted"


def test_the_edge_is_below_the_true_one():
    shown, measured = proposition_2.edges()
    assert 0 < shown < measured
    for apart in (shown, measured * 0.999):
        assert not proposition_2.gain("1/2", Rational(apart).limit_denominator(1000), "3/2", tilt=0).violates
    assert proposition_2.gain("1/2", Rational(measured * 1.01).limit_denominator(1000), "3/2", tilt=0).violates


def test_rare_gossip_is_against_the_mean_square_and_not_against_every_path():
    assert proposition_3.averaged_out().violates
    assert not proposition_3.averaged_out(share="1/4").violates
    assert proposition_3.rare_gossip().violates
    with pytest.raises(OnemergeError, match="beyond the edge"):
        proposition_3.rare_gossip(every_path=True)
    assert not proposition_3.rare_gossip(noise="1/10000", every_path=True).violates
    with pytest.raises(OnemergeError, match="does not hold"):
        proposition_3.rare_gossip(chance="1/100")


def test_the_gossip_of_the_experiments_is_too_sparse():
    assert proposition_3.needed_gossip(16).violates
    assert proposition_3.needed_gossip(32).violates
    assert not proposition_3.needed_gossip(2, 1).violates  # two agents that always average
    assert float(edge.least_rate(edge.largest_ratio(16))) == pytest.approx(0.848, abs=1e-3)
    assert float(edge.least_rate(edge.largest_ratio(32))) == pytest.approx(0.912, abs=1e-3)
    assert by_proof("edge", infeasible(ratio=Rational(183, 100) / sqrt(agents))).outcome == "undecided"
    assert by_proof("edge", infeasible()).outcome == "proves"


def test_tight_norms_obey_landau_and_kolmogorov():
    lines = [f for f in TESTBED.values() if f.region == LINE and all(norm.is_finite for norm in f.norms)]
    products = [(2 * f.constants["L2"] * f.constants["L3"], 3 * f.constants["L1"] * f.constants["L4"]) for f in lines]
    assert len(products) >= 8
    assert all(left <= right for left, right in products)


@pytest.mark.parametrize("ratio", [Rational(1, 10), S(1), S(9)])
def test_the_least_rate_solves_its_equation(ratio):
    p = edge.least_rate(ratio)
    assert (sqrt(1 - p) / p - ratio).equals(0)


@pytest.mark.parametrize("scale", [Rational(1, 10), S(10)])
def test_both_sides_of_the_condition_are_lengths_with_their_roots_and_repaired_constants(scale):
    units = {"lr": 2, "L1": -1, "L2": -2, "L3": -3, "L4": -4, "gamma": -3, "mu": -1}
    values = {"lr": Rational(3, 2), "L1": S(1), "L2": S(1), "L3": S(2), "L4": S(3), "gamma": S(1), "mu": Rational(1, 2)}
    scaled = {name: value * scale ** units[name] for name, value in values.items()}

    def sides(given, terms, **more):
        K, C, high = terms(agents=4, **given, **more)
        level = edge.spread_level(Rational(1, 2), given["lr"], given["mu"], 0)
        return level, K / (2 * C), sqrt(K / (2 * high))

    before = sides(values, edge.repaired_terms, radius=S(1))
    after = sides(scaled, edge.repaired_terms, radius=scale)
    assert all((new / old - scale).equals(0) for old, new in zip(before, after, strict=True))
    before, after = (sides(given, edge.printed_terms) for given in (values, scaled))
    assert (after[0] / before[0] - scale).equals(0)
    assert not any((new / old - scale).equals(0) for old, new in zip(before[1:], after[1:], strict=True))


def test_late_gradients_ask_for_more_where_noise_stays(monkeypatch):
    assert guidance.allowed_ratio().violates
    assert guidance.allowed_ratio(form="repaired").violates
    assert not guidance.allowed_ratio(noise=1).violates
    ratio = guidance.allowed_ratio
    monkeypatch.setattr(guidance, "allowed_ratio", lambda **k: ratio(**(k | {"noise": 1})))
    assert verdict_of(guidance.CLAIM, evidence(guidance)).verdict == "open"
    monkeypatch.setitem(guidance.LOSS, "L3", 100)
    with pytest.raises(OnemergeError, match="no loss has such tight norms"):
        ratio()


def test_mergeability_is_a_matter_of_curvature(monkeypatch):
    assert mergeability.merged_although().violates
    assert mergeability.gain_although().violates
    with pytest.raises(OnemergeError, match="U is not negative"):
        mergeability.merged_although(lr="1/2")
    with pytest.raises(OnemergeError, match="not mergeable"):
        mergeability.gain_although("cos", "1/2")
    around = {"function": "pseudo_huber", "middle": "1/2", "lr": "3/2"}  # convex
    assert not mergeability.merged_although(**around).violates
    merged = mergeability.merged_although
    monkeypatch.setattr(mergeability, "merged_although", lambda **k: merged(**around))
    assert verdict_of(mergeability.CLAIM, evidence(mergeability)).verdict == "open"


def test_a_step_is_faster_in_overshoot_but_never_than_the_best_step(monkeypatch):
    overshoot = version_1.OVERSHOOT | {"only_negative": False}
    assert not version_1.against_parallel(**overshoot).violates
    assert version_1.against_parallel(**overshoot, rival="best").violates
    monkeypatch.setattr(version_1, "SLOWER", overshoot)
    assert verdict_of(version_1.CLAIM, evidence(version_1)).verdict == "open"
    beyond = gradient_sq / (3 * L2)
    assert by_proof("best step", never_below_best(beyond)).outcome == "undecided"


def test_the_bound_on_the_gain_rests_on_its_record(monkeypatch):
    residual = corrected.RESIDUAL_HOMOGENEOUS
    wrong = replace(residual, formula=residual.formula.subs(symbols("L4")[0], symbols("L4")[0] / 4))
    monkeypatch.setattr(corrected, "RESIDUAL_HOMOGENEOUS", wrong)
    assert outcome_of("one loss", evidence(proposition_2)) == "undecided"
    assert outcome_of("every path", evidence(proposition_3)) == "undecided"
