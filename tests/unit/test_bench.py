"""Rows, targets and rates of `onemerge bench`, and that its peers compute the same as the simulator."""

import math

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from paper_repro.bench import gossip, resnet
from paper_repro.bench.bandwidth import triad
from paper_repro.bench.footprint import footprint
from paper_repro.bench.measure import BENCHMARKS, chosen, command, impossible
from paper_repro.bench.modules import Modules
from paper_repro.bench.networks import alternated
from paper_repro.bench.quadratics import SCHEDULES, batched, looped, simulated
from paper_repro.bench.row import Row, Setting, Target, rates
from paper_repro.bench.show import COLUMNS, cells, markdown
from paper_repro.bench.timing import in_turn
from sim.network import Classification
from sim.quadratic import Quadratic
from sim.spec import Spec
from theory.errors import OnemergeError

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
QUICK = Setting(CPU, quick=True)


def row(**changes):
    given = {"benchmark": "b", "case": "c", "unit": "u", "ours": 6.0, "against": "p", "peer": 2.0, "repetitions": 1}
    return Row(**given | changes)


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target("ratio", ">=", 3), True),
        (Target("ratio", ">=", 3.01), False),
        (Target("ratio", "<=", 3), True),
        (Target("ratio", "<=", 2.99), False),
        (Target("ours", ">=", 6), True),
        (Target("ours", ">=", 7), False),
        (None, None),
    ],
)
def test_a_target_is_about_the_ratio_or_about_ours(target, met):
    assert row(target=target).met is met


def test_a_target_is_not_met_by_other_results():
    target = Target("ratio", ">=", 1)
    same = row(target=target, difference=1e-6, tolerance=1e-6)
    assert (same.equal, same.met) == (True, True)
    other = row(target=target, difference=2e-6, tolerance=1e-6)
    assert (other.equal, other.met) == (False, False)
    lost = row(target=target, difference=math.nan, tolerance=1e-6)
    assert (lost.equal, lost.met, lost.record()["difference"]) == (False, False, None)
    unknown = row(target=target)
    assert (unknown.equal, unknown.met) == (None, True)


def test_rates_are_of_the_least_times_and_count_the_work_of_each_side():
    ours, theirs = [(90.0, 4.0), (2.0, 8.0), (4.0, 90.0)], [(4.0, 5.0)] * 2
    found = rates(Setting(CPU), "u", (10, ours), (30, theirs), benchmark="b", case="c", against="p")
    assert (found.ours, found.peer, found.ratio, found.repetitions) == (5.0, 7.5, pytest.approx(2 / 3), 2)
    assert found.cpu_ratio == pytest.approx((10 / 4) / (30 / 5))
    on_gpu = rates(Setting(CUDA), "u", (10, ours), (30, theirs), benchmark="b", case="c", against="p")
    assert (on_gpu.cpu_ratio, on_gpu.ratio) == (None, found.ratio)


def test_a_quick_setting_has_small_sizes_and_no_target():
    assert (Setting(CPU).sizes(9, 1), QUICK.sizes(9, 1)) == (9, 1)
    assert Setting(CPU).target("ours", "<=", 3) == Target("ours", "<=", 3)
    assert QUICK.target("ours", "<=", 3) is None
    assert Setting(CUDA).target("ratio", ">=", None) is None


def test_calls_take_turns_after_each_was_called_once():
    called = []
    found = in_turn(CPU, 2, a=lambda: called.append("a"), b=lambda: called.append("b"))
    assert "".join(called) == "ababab"
    assert {name: len(times) for name, times in found.items()} == {"a": 2, "b": 2}
    assert all(wall >= 0 and cpu >= 0 for times in found.values() for wall, cpu in times)


def test_a_device_gets_what_suits_it():
    names, left_out = chosen((), CPU)
    assert names == ["mlp", "cnn", "gossip", "quadratics", "memory"]
    assert len(left_out) == 1
    assert "resnet18" in left_out[0]
    assert chosen((), CUDA)[0] == ["mlp", "cnn", "resnet18", "gossip", "memory"]
    assert chosen(("cnn", "resnet18", "cnn"), CPU) == (["cnn", "resnet18"], [])
    assert impossible("quadratics", CPU) is None
    with pytest.raises(OnemergeError, match="Nothing is left to run: quadratics is left out on cuda"):
        chosen(("quadratics",), CUDA)
    with pytest.raises(OnemergeError, match=f"Unknown benchmark 'mpl'; valid: {', '.join(BENCHMARKS)}"):
        chosen(("mpl",), CPU)


def test_the_command_measures_the_same_again():
    assert command(["mlp", "cnn"], Setting(CPU, 2)) == "onemerge bench mlp cnn --threads 2"
    assert command(["mlp"], Setting(CUDA, 1, True)) == "onemerge bench mlp --device cuda --quick --threads 1"


def test_targets_are_those_of_their_device():
    """The goals of the project, by benchmark and device; memory and bandwidth are checked by what they report."""
    from paper_repro.bench.networks import TARGETS

    assert TARGETS == {("mlp", "cpu"): 6, ("cnn", "cpu"): 2.5, ("mlp", "cuda"): 20, ("resnet18", "cuda"): 3}


def test_cells_show_what_is_not_there_as_a_dash():
    plain = dict(zip(COLUMNS, cells(row().record()), strict=True))
    assert [plain[name] for name in ("CPU ratio", "target", "met", "equal")] == ["–"] * 4
    full = row(ours=2e6, target=Target("ours", ">=", 2_000_000), difference=0.0, tolerance=0.0, cpu_ratio=0.5)
    shown = dict(zip(COLUMNS, cells(full.record()), strict=True))
    assert (shown["ours"], shown["target"], shown["met"]) == ("2,000,000", "ours ≥ 2,000,000", "yes")
    assert (shown["equal"], shown["CPU ratio"], shown["ratio"]) == ("yes (0)", "0.5", "1,000,000")


def test_markdown_has_one_line_a_row_and_no_date():
    record = {
        "command": "onemerge bench mlp --threads 1",
        "hardware": "a CPU",
        "versions": {"python": "3", "torch": "1", "numpy": "2", "scipy": "4"},
        "left_out": ["resnet18 is left out."],
        "rows": [row().record(), row(difference=3e-8, tolerance=1e-3).record()],
    }
    lines = markdown(record).splitlines()
    assert lines[0] == "`onemerge bench mlp --threads 1`"
    assert "a CPU; Python 3, torch 1, numpy 2, scipy 4." in lines
    assert "resnet18 is left out." in lines
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 4
    assert {line.count("|") for line in table} == {len(COLUMNS) + 1}
    assert table[3].endswith("| yes (3e-08) |")


@pytest.mark.parametrize("agents", [1, 2, 3, 8])
def test_gossip_of_modules_is_that_of_a_directed_matrix(agents):
    """Modules hear by rows: against W Θ in numpy, with agents that keep only themselves."""
    W = np.eye(agents)
    if agents > 1:
        W[0] = [0.25, 0.75] + [0.0] * (agents - 2)  # 0 hears 1, who hears nobody
    spec = Spec(Classification(width=2), agents=agents, batch=2, gossip="none")
    peer = Modules(spec.build((0,)), lambda t, generator: csr_array(W), 0.0)
    before = peer.theta()
    peer.round(0, 1)
    torch.testing.assert_close(peer.theta(), torch.as_tensor(W, dtype=torch.float32) @ before)


@pytest.mark.parametrize(
    ("model", "agents", "compute"), [("mlp", 2, "same"), ("mlp", 8, "same"), ("cnn", 2, "same"), ("cnn", 3, "bf16")]
)
def test_modules_and_the_simulator_train_the_same_models(model, agents, compute):
    spec = Spec(Classification(model=model, width=4, compute=compute), agents=agents, batch=4, local_steps=2)
    ours, theirs, difference = alternated(spec, QUICK, 2)
    assert (len(ours), len(theirs)) == (2, 2)
    assert difference < (1e-2 if compute == "bf16" else 1e-5)


def test_other_models_are_seen(monkeypatch):
    """The difference of the first round, where the modules take steps of another length."""
    spec = Spec(Classification(width=4), agents=2, batch=4)
    init = Modules.__init__
    monkeypatch.setattr(Modules, "__init__", lambda self, problem, schedule, lr: init(self, problem, schedule, 2 * lr))
    assert alternated(spec, QUICK, 1)[2] > 1e-3


@pytest.mark.parametrize(
    ("name", "agents"),
    [("merge", 1), *((name, agents) for name in gossip.MATRICES for agents in (2, 3, 5))],
)
def test_ways_to_gossip_agree(name, agents):
    W, theta = gossip.MATRICES[name](agents), torch.randn(agents, 3, generator=torch.Generator().manual_seed(1))
    dense = torch.as_tensor(W.toarray() if hasattr(W, "toarray") else W, dtype=torch.float32)
    for call in gossip.ways(W, theta).values():
        torch.testing.assert_close(call(), dense @ theta)


def test_the_loop_over_agents_hears_by_rows():
    W = csr_array(np.array([[1.0, 0, 0], [0.75, 0.25, 0], [0, 0.5, 0.5]]))
    theta = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.testing.assert_allclose(gossip.looped(theta, W).numpy(), W @ theta)


@pytest.mark.parametrize("sigma", [0.0, 1.0])
@pytest.mark.parametrize("name", SCHEDULES)
def test_three_ways_to_run_quadratics_agree(name, sigma):
    problem, schedule = Quadratic(dim=3, sigma=sigma).build(5, (0,)), SCHEDULES[name](5)
    models = simulated(problem, schedule, 1, 6)
    for way in (looped, batched):
        torch.testing.assert_close(way(problem, schedule, 6), models, rtol=0, atol=1e-14)
        assert (way(problem, schedule, 5) - models).abs().max() > 1e-4


def test_the_triad_reads_two_arrays_and_writes_one():
    theta = torch.arange(4, dtype=torch.float64)
    call, moved = triad(theta)
    assert moved == 3 * 4 * 8
    torch.testing.assert_close(call(), 1.1 * theta)


def test_operations_of_a_network_are_twice_its_weights_for_every_image_and_pass():
    """A linear map of 64 numbers into 10: 2 · 64 · 10 forward and as many for the gradient of the weights."""
    spec = Spec(Classification(model="logistic"), batch=4)
    assert resnet.operations(spec) == 4 * 2 * (2 * 64 * 10)


def test_the_ceiling_counts_operations(monkeypatch):
    monkeypatch.setattr(resnet, "in_turn", lambda *rest, **calls: {"product": [(2.0, 1.0)]})
    assert resnet.ceiling(torch.float32, 5, QUICK) == 2 * 5**3 / 2


def test_a_footprint_counts_parameters_and_state_exactly():
    found = footprint(width=16, agents=3, optimizer="momentum", device="cpu")
    d = 64 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10
    assert found["held"] == 2 * 3 * d * 4
    assert found["estimate"] > found["held"]
    assert found["peak"] >= 0
