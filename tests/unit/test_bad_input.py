"""Whatever a field or an argument is given that it cannot be, there is one sentence that names it, and no traceback."""

import math
import resource
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from sim.faults import Faults
from sim.optimizer import Optimizer
from sim.quadratic import Quadratic
from sim.run import run
from sim.schedule import Average, always, merge, silent
from sim.simulate import simulate
from sim.spec import PROBLEMS, Spec
from theory.errors import OnemergeError

WRONG = {
    int: (
        None,
        "3",
        "",
        True,
        2.0,
        math.nan,
        math.inf,
        -(10**30),
        10**30,
        [1],
        (1,),
        {},
        1j,
        np.arange(2),
        np.int64(2),
    ),
    float: (None, "0.1", "", True, 10**30, [0.1], (0.1,), {}, 0.1j, np.ones(2), torch.ones(2)),
    bool: (None, "true", "", 0, 1, math.nan, [True], {}, np.ones(2), np.True_),
    str: (None, 3, 0.5, True, math.nan, ["ring"], ("ring",), {}, np.array("ring"), b"ring"),
}
RECORDS = (Spec(Quadratic(), agents=3), *(kind() for kind in PROBLEMS.values()), Optimizer("sgd", 0.1))
CASES = [(record, f.name) for record in RECORDS for f in fields(record) if f.name != "problem"]


def sentence(call):
    with pytest.raises(OnemergeError) as error:
        call()
    text = str(error.value)
    assert "\n" not in text
    assert 10 < len(text) < 400
    return text


@pytest.mark.parametrize(
    ("record", "name"), CASES, ids=lambda part: part if isinstance(part, str) else type(part).__name__
)
def test_wrong_kinds_of_every_field(record, name):
    kind = next(f.type for f in fields(record) if f.name == name)
    optional = kind not in WRONG
    base = next(known for known in WRONG if kind in (known, known | None))
    for wrong in WRONG[base]:
        if wrong is not None or not optional:
            assert name in sentence(lambda wrong=wrong: replace(record, **{name: wrong}))


@pytest.mark.parametrize(
    "kind", [kind for kind in PROBLEMS.values() if any(f.name == "instance" for f in fields(kind))]
)
def test_instances_seed_generators(kind):
    for wrong in (-1, 0.0, True):
        assert "instance" in sentence(lambda wrong=wrong: kind(instance=wrong))
    assert kind(instance=2**62).build(2, (0,), **({} if kind is Quadratic else {"batch": 1})).init().isfinite().all()


@pytest.mark.parametrize("wrong", [None, "quadratic", 3, Quadratic, Faults(), {}])
def test_a_problem_is_a_configuration(wrong):
    text = sentence(lambda: Spec(wrong))
    assert "problem must be Classification or Quadratic or Smooth or Logistic or LinearNetwork" in text


def test_limits_that_no_number_beyond_them_passes():
    assert "finite" in sentence(lambda: Optimizer("sgd", 0.1, weight_decay=math.inf))
    assert Optimizer("sgd", np.float32(0.5), clip=math.inf).lr == 0.5


COUNTS = (None, "3", "", True, 2.0, math.nan, math.inf, 0, -1, -(10**30), [1], {}, 1j, np.arange(2), np.int64(2))
NOTHING = (None, "x", 3, -1.5, math.nan, [1], {}, np.eye(2), 1j)
PARTS = {
    "problem": NOTHING,
    "schedule": (*NOTHING, (silent, 3), (silent,), ()),
    "optimizer": NOTHING,
    "faults": (*NOTHING[1:], Faults),
    "probes": (*NOTHING, (silent, 3)),
    "on_round": NOTHING[1:],
    "state": NOTHING[1:],
    "rounds": COUNTS,
    "local_steps": COUNTS,
    "measure_every": COUNTS,
    "threads": COUNTS,
    "gradients_every": (True, -1, 0.5),
    "probes_every": (True, -1, 0.5),
    "chunk": (True, 0, -1, 0.5, "x"),
    "order": (*NOTHING,),
    "execution": (*NOTHING,),
    "lr": (
        "x",
        {},
        0.1,
        [0.1],
        [0.1] * 3,
        ["a", "b"],
        [0.0, 0.1],
        [-0.1, 0.1],
        [math.nan, 0.1],
        [math.inf, 1],
        [1j, 1],
    ),
}


def simulated(**changes):
    parts = {"problem": Quadratic(dim=3).build(3, (0, 1)), "schedule": silent, "optimizer": Optimizer("sgd", 0.1)}
    given = parts | {"rounds": 2} | changes
    positional = [given.pop(name) for name in parts]
    return simulate(*positional, **given)


@pytest.mark.parametrize("name", PARTS)
def test_wrong_arguments_of_a_simulation(name):
    for wrong in PARTS[name]:
        sentence(lambda wrong=wrong: simulated(**{name: wrong}))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (np.eye(2), "for 3 agents it is [3, 3]"),
        (np.ones(3), "a mixing matrix of [3]; for 3 agents it is [3, 3]"),
        (np.eye(3) * 1j, "real numbers"),
        (np.eye(3).astype(object), "real numbers"),
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], "real numbers"),
        ("ring", "not 'ring'"),
        (3, "not 3"),
        (np.full((3, 3), np.nan), "every weight must be a finite number"),
        (np.zeros((3, 3)), "row 0 of a mixing matrix is all zeros"),
        (Average(np.ones(2, dtype=bool), np.ones(2, dtype=bool)), "an average among [2]; for 3 agents it is [3]"),
        (merge(4)(0, None), "an average among [4]; for 3 agents it is [3]"),
    ],
)
def test_what_a_schedule_says_is_a_communication(said, words):
    for faults in (None, Faults(drop=0.5), Faults(stale=0.5)):
        assert words in sentence(lambda faults=faults: simulated(schedule=always(said), faults=faults))


@pytest.mark.parametrize("name", ["sgd", "momentum", "adamw"])
def test_numbers_that_the_models_cannot_hold(name):
    """Each of them overflowed float32 in the middle of a step."""
    spec = Spec(PROBLEMS["classification"](width=2), agents=2, rounds=1, local_steps=1, batch=2, optimizer=name)
    for field in ("lr", "weight_decay", "clip"):
        for wrong in (1e300, 1e38):
            text = sentence(lambda field=field, wrong=wrong: run(replace(spec, **{field: wrong}), (0,)))
            assert text == f"{field} must be at most 2.13e+37 for models of torch.float32, not {wrong}."
        assert len(run(replace(spec, **{field: 1e37}), (0,))) > 0
    assert len(run(replace(spec, clip=math.inf), (0,))) > 0
    for wrong in (1e300, 1e-60):
        found = lambda wrong=wrong: simulated(problem=spec.build((0, 1)), lr=[0.1, wrong])  # noqa: E731
        assert "positive numbers that torch.float32 holds" in sentence(found)


def test_a_state_of_another_run_is_refused():
    kept = {}
    for name in ("sgd", "momentum", "adamw"):
        kept[name] = simulated(optimizer=Optimizer(name, 0.1))[1]
    for name in kept:
        assert simulated(optimizer=Optimizer(name, 0.1), state=kept[name], rounds=3)[1].round == 3
        for other in set(kept) - {name}:
            text = sentence(lambda name=name, other=other: simulated(optimizer=Optimizer(name, 0.1), state=kept[other]))
            assert "optimizer's state of shapes" in text
    sgd = kept["sgd"]
    assert "published" in sentence(lambda: simulated(state=sgd, faults=Faults(stale=0.5)))
    assert "[2, 3, 4]" in sentence(lambda: simulated(problem=Quadratic(dim=4).build(3, (0, 1)), state=sgd))
    assert "[1, 3, 3]" in sentence(lambda: simulated(problem=Quadratic(dim=3).build(3, (0,)), state=sgd))
    assert "of round 2" in sentence(lambda: simulated(state=sgd, rounds=1))
    single = replace(sgd, theta=sgd.theta.float())
    assert "torch.float64, as the problem's are" in sentence(lambda: simulated(state=single, rounds=3))


BUILDS = {
    "agents": COUNTS,
    "batch": COUNTS,
    "seeds": (None, 0, "01", (), [], (True,), (-1,), (0.5,), ("a",), np.arange(2), {0: 1}),
}


@pytest.mark.parametrize("kind", PROBLEMS.values())
def test_wrong_arguments_of_a_build(kind):
    for name, values in BUILDS.items():
        if name == "batch" and kind is Quadratic:
            continue
        for wrong in values:
            given = {"agents": 2, "seeds": (0,)} | ({} if kind is Quadratic else {"batch": 2}) | {name: wrong}
            assert name in sentence(lambda given=given: kind().build(**given))


def test_seeds_of_a_build_may_be_a_range_or_numpys_integers():
    own = [Quadratic().build(2, seeds).seeds for seeds in ((0, 1), range(2), list(np.arange(2)))]
    assert own == [(0, 1)] * 3


RUN = Spec(Quadratic(dim=3), agents=3, rounds=2, local_steps=1)


@pytest.mark.parametrize(
    ("name", "values"),
    {
        "seeds": (None, 0, "01", (), (True,), (-1,), (0.5,), (1, 1), np.arange(2), {0, 1}),
        "device": (None, 0, "gpu", ["cpu"], np.array("cpu"), {}),
        "store": ("results", 3, True, {}, []),
        "on_round": ("x", 3, [], {}),
        "branches": (None, 1, "1", (-1,), (1.0,), (True,), np.arange(2)),
        "checkpoint_rounds": (0, -1, 1.0, True, "x", np.eye(2)),
    }.items(),
)
def test_wrong_arguments_of_a_run(name, values):
    for wrong in values:
        sentence(lambda wrong=wrong: run(RUN, **{name: wrong}))


@pytest.mark.parametrize("wrong", [None, "fig1a", {}, Quadratic()])
def test_a_run_is_of_a_spec(wrong):
    assert "sim.spec.Spec" in sentence(lambda: run(wrong))


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ({"problem": "quadratic", "dim": 2**60}, "dim (1152921504606846976)."),
        ({"problem": "logistic", "samples": 2**62}, "lower dim (10) or samples (4611686018427387904)."),
        ({"problem": "linearnetwork", "outputs": 10**12}, "or outputs (1000000000000) or samples (64)."),
    ],
)
def test_data_that_no_memory_holds(problem, words):
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**35, before[1]))  # where memory is lent without being there
    try:
        made = PROBLEMS[problem["problem"]](**{name: value for name, value in problem.items() if name != "problem"})
        assert words in sentence(lambda: run(replace(RUN, problem=made)))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
