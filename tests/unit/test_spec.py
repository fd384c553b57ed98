from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.sparse import issparse

from sim.following import View
from sim.linear_network import LinearNetwork
from sim.logistic import Logistic
from sim.network import BATCH_NORM, Classification
from sim.quadratic import Quadratic
from sim.run import run
from sim.schedule import METHODS, ask
from sim.smooth import Smooth
from sim.spec import GOSSIPS, MANY, NUMERICS, PROBLEMS, Spec
from sim.store import json_bytes
from theory.errors import OnemergeError

NETWORK = Spec(Classification(width=8, dtype="float64"), agents=4, rounds=3, local_steps=2, batch=4)
QUADRATIC = Spec(Quadratic(), agents=4, rounds=3, local_steps=2)
OTHER = {
    Spec: {
        "problem": Quadratic(),
        "agents": 5,
        "rounds": 4,
        "local_steps": 3,
        "batch": 5,
        "optimizer": "momentum",
        "lr": 0.2,
        "momentum": 0.8,
        "weight_decay": 0.1,
        "clip": 1.0,
        "gossip": "ring",
        "peers": 0.3,
        "order": "combine_then_adapt",
        "participation": None,
        "edge": None,
        "period": None,
        "drop": 0.1,
        "drop_pairs": True,
        "outage": 0.1,
        "outage_rounds": 2,
        "stale": 0.1,
        "window_start": 1,
        "window_stop": 3,
        "final_merge": True,
        "measure_every": 2,
        "gradients_every": 1,
        "probes": "spread",
        "probes_every": 1,
        "probe_images": 10,
        "probe_dtype": "float64",
        "execution": "loop",
        "chunk": 2,
        "keep_models": True,
    },
    Classification: {
        "data": None,
        "model": "cnn",
        "width": 9,
        "alpha": float("inf"),
        "sampling": "fixed",
        "samples": 100,
        "init": "same",
        "label_smoothing": 0.1,
        "test": "mixture",
        "dtype": "float32",
        "compute": None,
        "side": None,
        "per_class": None,
        "augmentation": None,
        "folder": None,
        "pretraining_steps": None,
        "weights": None,
        "statistics_gossip": None,
        "merged_statistics": None,
        "statistics_images": None,
    },
    Quadratic: {
        "dim": 11,
        "mu": 0.2,
        "L": 2.0,
        "zeta": 2.0,
        "sigma": 2.0,
        "spread": 0.5,
        "distance": 2.0,
        "instance": None,
        "spectrum": "log",
        "decay": 2.0,
        "outliers": 2,
        "signs": "coordinates",
        "noise": "curvature",
    },
    Smooth: {
        "function": "log_cosh",
        "form": "radial",
        "dim": 11,
        "height": 2.0,
        "width": 2.0,
        "zeta": 2.0,
        "sigma": 2.0,
        "distance": 0.1,
        "instance": None,
    },
    Logistic: {
        "dim": 11,
        "samples": 50,
        "l2": 0.2,
        "alpha": float("inf"),
        "condition": 2.0,
        "label_noise": 0.2,
        "instance": None,
    },
    LinearNetwork: {
        "inputs": 9,
        "hidden": 3,
        "outputs": 5,
        "samples": 50,
        "condition": 2.0,
        "noise": 0.2,
        "skew": 0.5,
        "init": "same",
        "scale": 2.0,
        "instance": None,
    },
}
BASE = {Smooth: Smooth(function="pseudo_huber")}  # a function that has both forms
ELSEWHERE = {  # fields of runs of one kind only, with another value than their default
    "side": ({"data": "glyphs"}, 17),
    "per_class": ({"data": "glyphs"}, 3),
    "augmentation": ({"data": "cifar10"}, "crop_flip_randaugment"),
    "compute": ({"dtype": "float32"}, "bf16"),
    "statistics_gossip": ({"model": "resnet18"}, "own"),
    "merged_statistics": ({"model": "resnet18"}, "mean"),
    "statistics_images": ({"model": "resnet18"}, 64),
    "pretraining_steps": ({"data": "glyphs", "init": "pretrained"}, 7),
}
OF_OTHER_RUNS = {*ELSEWHERE, "weights"} - {"compute"}
ONLY_ELSEWHERE = {"data", "folder", "weights", *ELSEWHERE}  # weights: see the tests of the models


def sentence(call):
    with pytest.raises(OnemergeError) as error:
        call()
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def one_field_changed():
    """Specs that differ from others in one field (a window in both ends, against a longer window)."""
    base = replace(NETWORK, window_start=0, window_stop=2)
    for name, value in OTHER[Spec].items():
        if value is not None:
            yield name, base, replace(base, **{name: value})
    for name, gossip, value in (("participation", "server", 0.5), ("edge", "edge", 0.5), ("period", "periodic", 2)):
        talking = replace(NETWORK, gossip=gossip)
        yield name, talking, replace(talking, **{name: value})
    for data in ("glyphs", "cifar10"):
        yield "data", NETWORK, replace(NETWORK, problem=replace(NETWORK.problem, data=data))
    for name, (kind, value) in ELSEWHERE.items():
        problem = replace(NETWORK.problem, **kind)
        yield name, replace(NETWORK, problem=problem), replace(NETWORK, problem=replace(problem, **{name: value}))
    for kind in PROBLEMS.values():
        spec = NETWORK if kind is Classification else replace(NETWORK, problem=BASE.get(kind, kind()))
        for name, value in OTHER[kind].items():
            if name not in ONLY_ELSEWHERE:
                yield name, spec, replace(spec, problem=replace(spec.problem, **{name: value}))


@pytest.mark.parametrize("kind", OTHER)
def test_no_field_is_forgotten_here(kind):
    assert list(OTHER[kind]) == [f.name for f in fields(kind)]


def test_every_field_changes_the_key():
    seen, pairs = {}, list(one_field_changed())
    for name, base, changed in pairs:
        assert changed != base
        assert changed.key() != base.key(), name
        seen.setdefault(changed.key(), []).append(name)
    assert all(len(names) == 1 for names in seen.values()), seen
    assert len(seen) == len(pairs) > 80


def test_equal_specs_have_equal_keys():
    assert Spec().key() == Spec().key()
    whole = replace(Spec(Classification(alpha=1, label_smoothing=0)), lr=1, momentum=0, clip=1, peers=1, weight_decay=0)
    point = replace(
        Spec(Classification(alpha=1.0, label_smoothing=0.0)),
        lr=1.0,
        momentum=0.0,
        clip=1.0,
        peers=1.0,
        weight_decay=0.0,
    )
    assert whole == point
    assert whole.key() == point.key()
    assert Spec(Quadratic(L=1, sigma=2)).key() == Spec(Quadratic(L=1.0, sigma=2.0)).key()
    assert Spec(Quadratic(instance=1)).key() != Spec(Quadratic(instance=None)).key()


def test_golden_keys():
    """They change with a field, a default or NUMERICS; then results on disk are computed again."""
    assert NUMERICS == 3
    assert Spec().key() == "74c38dbbaa6e1e97"
    assert Spec(Quadratic()).key() == "b49f6bcbbeba3edb"


GOLDEN = {
    "mlp": (
        NETWORK,
        {
            "consensus_distance": 1.756350904,
            "average_global_accuracy": 0.1,
            "merged_accuracy": 0.1022222222,
            "average_local_accuracy": 0.7071452351,
            "average_global_loss": 2.324778446,
            "merged_loss": 2.313008221,
            "average_local_loss": 2.039645267,
        },
    ),
    "cnn": (
        replace(
            NETWORK,
            problem=Classification(
                model="cnn", width=2, dtype="float64", sampling="fixed", samples=9, label_smoothing=0.1, test="mixture"
            ),
            optimizer="adamw",
            lr=0.01,
            weight_decay=0.1,
            gossip="one_peer_exponential",
            order="combine_then_adapt",
            gradients_every=3,
        ),
        {
            "consensus_distance": 0.09416290148,
            "average_global_accuracy": 0.2546685756,
            "merged_accuracy": 0.3092166467,
            "average_local_accuracy": 0.4776385789,
            "average_global_loss": 2.200416038,
            "merged_loss": 2.200515283,
            "average_local_loss": 2.071032026,
            "gradient_norm_sq": 0.4766165944,
            "local_gradient_norm_sq": 2.334674518,
        },
    ),
    "quadratic": (
        replace(QUADRATIC, optimizer="momentum", clip=0.5, gossip="random_matching", gradients_every=3),
        {
            "consensus_distance": 0.8138952451,
            "merged_loss": 0.04816652656,
            "merged_norm_sq": 0.3101816117,
            "gradient_norm_sq": 0.03952021052,
            "local_gradient_norm_sq": 0.4238602672,
        },
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_runs(name):
    """Where these change by more than rounding, raise NUMERICS: no old result on disk may be taken for a new one."""
    spec, expected = GOLDEN[name]
    table = run(spec, (3,))
    final = table[(table["round"] == 3) & table["agent"].isna()].set_index("metric")["value"]
    numbers = final.drop(["messages", "bytes"]).to_dict()
    assert {metric: pytest.approx(value, rel=1e-8) for metric, value in expected.items()} == numbers


def dense(W):
    return W.toarray() if issparse(W) else np.asarray(W)


@pytest.mark.parametrize("gossip", GOSSIPS)
def test_every_gossip_draws_rows_that_sum_to_one(gossip):
    spec = replace(NETWORK, gossip=gossip, agents=6)
    drawn = ask(spec.schedule(), 2, np.random.default_rng(0), View(2.0, 1.0))
    assert (drawn is None) == (gossip == "none")
    if drawn is not None:
        np.testing.assert_allclose(dense(drawn).sum(axis=1), 1, atol=1e-14)


@pytest.mark.parametrize("gossip", ["random_peers", "random_matching", "ring", "exponential", "one_peer_exponential"])
def test_many_agents_draw_the_same_matrices(gossip, monkeypatch):
    """From MANY agents on they are sparse, and the same to the rounding of self-weights."""
    many = replace(NETWORK, gossip=gossip, agents=MANY)
    few = replace(many, agents=MANY - 1)
    assert issparse(many.schedule()(3, np.random.default_rng(0)))
    monkeypatch.setattr("sim.spec.MANY", 2)
    as_sparse = few.schedule()(3, np.random.default_rng(0))
    monkeypatch.undo()
    as_dense = few.schedule()(3, np.random.default_rng(0))
    assert issparse(as_sparse)
    assert not issparse(as_dense)
    np.testing.assert_allclose(dense(as_sparse), as_dense, rtol=1e-15)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_a_run(method):
    spec = replace(NETWORK, **METHODS[method])
    last = run(spec, (0,)).query("round == 3").set_index("metric")["value"]
    merged = spec.final_merge or spec.gossip in ("server", "complete")
    assert (last["consensus_distance"] < 1e-20) == merged
    assert (last["messages"] == 0) == (method == "local")


def test_flat_holds_every_field_once():
    names = [f.name for f in fields(Classification)] + [f.name for f in fields(Spec)]
    flat = Spec().flat()
    assert sorted([*flat, *OF_OTHER_RUNS, "folder", "participation", "edge", "period"]) == sorted(names)
    batch_norm = {"statistics_gossip", "merged_statistics", "statistics_images"}
    for model in BATCH_NORM:
        assert set(Spec(Classification(model=model)).flat()) - set(flat) == batch_norm
    assert set(Spec(gossip="server").flat()) - set(flat) == {"participation"}
    assert set(Spec(gossip="edge").flat()) - set(flat) == {"edge"}
    assert set(Spec(gossip="periodic").flat()) - set(flat) == {"period"}
    assert set(Spec(Classification(data="glyphs")).flat()) - set(flat) == {"side", "per_class"}
    assert set(Spec(Classification(data="cifar100")).flat()) - set(flat) == {"augmentation"}
    assert flat["problem"] == "classification"
    assert Spec(Quadratic()).flat()["problem"] == "quadratic"
    assert b'"alpha": "inf"' in json_bytes(Spec(Classification(alpha=float("inf"))).flat())


def test_the_folder_of_an_archive_is_no_part_of_the_run():
    here, there = (Spec(Classification(data="cifar10", folder=folder)) for folder in ("here", None))
    assert here == there
    assert here.key() == there.key()
    assert "folder" not in here.flat()
    assert there.override(folder="here").problem.folder == "here"
    assert here.key() != Spec(Classification(data="cifar100")).key() != Spec(Classification()).key()


def test_override():
    changed = Spec().override(
        lr="0.05", agents="4", rounds="7", optimizer="adamw", final_merge="True", window_start="1", window_stop="3",
        alpha="inf", sampling="fixed",
    )  # fmt: skip
    assert changed == Spec(
        Classification(alpha=float("inf"), sampling="fixed"),
        lr=0.05, agents=4, rounds=7, optimizer="adamw", final_merge=True, window_start=1, window_stop=3,
    )  # fmt: skip
    assert changed.override(window_start="none", window_stop="None", final_merge="false").window_start is None
    assert Spec(Quadratic()).override(instance="none", L="3").problem == Quadratic(instance=None, L=3.0)
    assert Spec().override() == Spec()


@pytest.mark.parametrize("name", ["lrr", "zeta", "problem", "seeds", "device"])
def test_override_of_an_unknown_field_lists_the_valid_ones(name):
    text = sentence(lambda: Spec().override(**{name: "1"}))
    assert text.startswith(f"Unknown field {name!r} of runs; valid: ")
    valid = text.partition("valid: ")[2].rstrip(".").split(", ")
    assert valid == sorted({f.name for f in (*fields(Spec), *fields(Classification))} - {"problem"})


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("rounds", "ten", "rounds must be a whole number, not 'ten'."),
        ("rounds", "1e3", "rounds must be a whole number, not '1e3'."),
        ("rounds", "0", "rounds must be a whole number of at least 1, not 0."),
        ("lr", "fast", "lr must be a number, not 'fast'."),
        ("lr", "nan", "lr must be a positive number, not nan."),
        ("lr", "none", "lr must be a number, not 'none'."),
        ("final_merge", "yes", "final_merge must be true or false, not 'yes'."),
        ("window_start", "x", "window_start must be a whole number, not 'x'."),
        ("window_start", "3", "a window needs both ends, not 3 and None."),
        ("gossip", "mesh", f"Unknown gossip 'mesh'; valid: {', '.join(GOSSIPS)}."),
        ("optimizer", "adam", "Unknown optimizer 'adam'; valid: sgd, momentum, adamw."),
        ("order", "mix", "Unknown order 'mix'; valid: adapt_then_combine, combine_then_adapt."),
        ("alpha", "0", "alpha must be positive (inf for IID agents), not 0.0."),
    ],
)
def test_override_errors(field, text, reason):
    assert sentence(lambda: Spec().override(**{field: text})) == reason


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"agents": 0}, "agents .*not 0"),
        ({"agents": 2.0}, r"agents .*not 2\.0"),
        ({"batch": 0}, "batch .*not 0"),
        ({"measure_every": 0}, "measure_every .*not 0"),
        ({"gossip": "periodic", "period": 0}, "period .*not 0"),
        ({"period": 2}, "period is a field of gossip periodic: with random_peers it is 1, not 2"),
        ({"gradients_every": -1}, "gradients_every .*not -1"),
        ({"momentum": 1.0}, r"momentum .*not 1\.0"),
        ({"agents": 1}, "agents"),
        ({"peers": 4.5}, r"peers is 4\.5"),
        ({"peers": 16}, "peers is 16"),
        ({"window_start": 3, "window_stop": 3}, "not 3 and 3"),
        ({"window_start": 3, "window_stop": 101}, "rounds = 100, not 3 and 101"),
        ({"window_start": -1, "window_stop": 5}, "not -1 and 5"),
    ],
)
def test_bad_fields_are_named(changed, named):
    with pytest.raises(OnemergeError, match=named) as error:
        Spec(**changed)
    assert "\n" not in str(error.value)


def test_trunk_and_branch():
    """Runs of one trunk are equal until their branch: at the latest their last round, which is measured in full."""
    base = replace(NETWORK, rounds=10)
    windowed = replace(base, window_start=3, window_stop=5)
    merged = replace(base, final_merge=True, keep_models=True)
    late = replace(base, window_start=9, window_stop=10)
    assert {spec.trunk() for spec in (base, windowed, merged, late, replace(base, rounds=20))} == {base.trunk()}
    assert [spec.branch for spec in (base, windowed, merged, late)] == [9, 3, 9, 9]
    for name, value in OTHER[Spec].items():
        if value is None:
            continue
        same = name in ("rounds", "window_start", "window_stop", "final_merge", "keep_models")
        early = replace(base, window_start=0, window_stop=2)
        assert (replace(early, **{name: value}).trunk() == early.trunk()) == same, name


@pytest.mark.parametrize(("gossip", "name"), [("server", "participation"), ("edge", "edge"), ("periodic", "period")])
def test_another_gossip_leaves_the_fields_of_the_one_before(gossip, name):
    value = 2 if name == "period" else 0.5
    spec = replace(NETWORK, gossip=gossip, **{name: value})
    assert spec.with_gossip("none") == replace(NETWORK, gossip="none")
    assert getattr(spec, name) == value
