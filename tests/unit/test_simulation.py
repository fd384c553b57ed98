"""Which runs a command line asks for, what their fields mean, and how their tables are summed up."""

import inspect
import re
from dataclasses import fields, replace

import pandas as pd
import pytest
import torch

from paper_repro.simulation.meanings import OF_PROBLEM, RUN, VALID, as_text, choices, listing, probe_metrics
from paper_repro.simulation.record import differing, summary, tidy
from paper_repro.simulation.rows import chosen_runs, name_of, parse_fields, parse_method
from paper_repro.simulation.show import _side_by_side, ordered, shown
from sim.models import WIDTHS
from sim.probes import named
from sim.schedule import METHODS
from sim.smooth import Smooth
from sim.spec import PROBLEMS, Spec
from theory.errors import OnemergeError


def test_words_of_fields_and_methods():
    assert parse_fields(("lr=0.1", " agents = 3 ", "probes=terms,spread", "folder=a=b")) == {
        "lr": "0.1",
        "agents": "3",
        "probes": "terms,spread",
        "folder": "a=b",
    }
    assert parse_method("fedavg") == ("fedavg", {})
    assert parse_method("dsgd:probes=terms,spread,lr=1") == ("dsgd", {"probes": "terms,spread", "lr": "1"})
    for word in ("fedavg:", "fedavg:lr", "fedavg:lr=1,lr=2", "fed"):
        with pytest.raises(OnemergeError):
            parse_method(word)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_what_it_sets_and_has_its_name(name):
    (spec,) = chosen_runs("quadratic", (name,), {"lr": "0.2"}).values()
    assert {field: getattr(spec, field) for field in METHODS[name]} == METHODS[name]
    assert spec.lr == 0.2
    assert name_of(spec) == name
    assert replace(Spec(PROBLEMS["quadratic"]()), **METHODS[name], lr=0.2) == spec


def test_runs_of_no_method_are_described():
    spec = Spec(PROBLEMS["smooth"](), gossip="ring", optimizer="momentum", window_start=2, window_stop=5)
    assert name_of(spec) == "momentum, ring, window 2-5"
    assert (
        name_of(replace(spec, window_start=None, window_stop=None, final_merge=True)) == "momentum, ring, final merge"
    )
    assert list(chosen_runs("smooth", (None,), {})) == ["dsgd"]


def test_a_method_may_be_changed_on_purpose_only():
    same = chosen_runs("smooth", ("dsgd",), {"gossip": "random_peers"})  # what it is anyhow
    assert same["dsgd"].gossip == "random_peers"
    with pytest.raises(OnemergeError, match="would change what dsgd is"):
        chosen_runs("smooth", ("dsgd",), {"gossip": "ring"})
    assert chosen_runs("smooth", ("dsgd:gossip=ring",), {"gossip": "ring"})["dsgd:gossip=ring"].gossip == "ring"


def test_probes_and_widths_that_are_not_said():
    (spec,) = chosen_runs("smooth", (None,), {"probes": "spread", "rounds": "7"}).values()
    assert spec.probes_every == 7
    (spec,) = chosen_runs("smooth", (None,), {"probes": "spread", "probes_every": "2"}).values()
    assert spec.probes_every == 2
    for model in ("cnn", "vit"):
        (spec,) = chosen_runs("classification", (None,), {"model": model}).values()
        assert spec.problem.width == WIDTHS[model]
    (spec,) = chosen_runs("classification", (None,), {"model": "cnn", "width": "5"}).values()
    assert spec.problem.width == 5


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_field_has_a_meaning_and_a_default_that_reads_back(problem):
    assert {f.name for f in fields(PROBLEMS[problem])} == set(OF_PROBLEM[problem])
    assert {f.name for f in fields(Spec)} - {"problem"} == set(RUN)
    spec, records = Spec(PROBLEMS[problem]()), listing(problem)
    assert len(records) == len(OF_PROBLEM[problem]) + len(RUN)
    for record in records:
        assert spec.override(**{record["field"]: record["default"]}) == spec
        assert record["meaning"]
        assert record["valid"] is None or record["default"] in record["valid"]


def refused(problem, field):
    try:
        Spec(PROBLEMS[problem]()).override(**{field: "?"})
    except OnemergeError as error:
        return re.search(r"valid: ([\w, ]+)\.", str(error)).group(1).split(", ")


def test_choices_of_a_field_are_those_of_its_refusal():
    """Second source: the sentence that the run itself gives."""
    checked = 0
    for owner, valid in VALID.items():
        for field, values in valid.items():
            assert refused(owner if owner in PROBLEMS else "smooth", field) == list(values)
            checked += 1
    assert checked >= 20


def test_the_table_of_probes_has_just_the_metrics_that_probes_give():
    """Second source: the probes themselves, on models of a smooth problem."""
    problem = Smooth(dim=3).build(4, (0,))
    theta = problem.init() + torch.arange(4)[None, :, None] / 10
    documented = probe_metrics(inspect.getdoc(named))
    assert documented == choices("smooth")["probes"]
    assert list(documented) == list(named.PROBES)
    for name, metrics in documented.items():
        (probe,) = named.make_probes(name, problem, lr=0.1)
        more = {"consensus_distance", "gradient_norm_sq", "sharpness", *documented["descent"]}
        assert set(probe(theta)) == set(metrics) | (more if name == "terms" else set())


def made(rows):
    """A table of (seed, round, metric, agent, value)."""
    table = pd.DataFrame(rows, columns=["seed", "round", "metric", "agent", "value"])
    return table.assign(agent=table["agent"].astype("Int64"), step=10 * table["round"])


def test_summaries_leave_out_seeds_that_diverged_and_values_that_do_not_exist():
    table = made(
        [
            *((seed, 2, "loss", None, value) for seed, value in ((0, 1.0), (1, 3.0))),
            *((seed, 1, "loss", None, 9.0) for seed in (0, 1, 2)),
            (0, 2, "loss", 0, 77.0),
            (2, 2, "loss", None, 500.0),
            (1, 2, "share", None, 0.5),
            (2, 1, "diverged", None, 12.0),
        ]
    )
    table.loc[table["metric"] == "diverged", "step"] = 12
    found = summary(table, 2, (0, 1, 2))
    assert found["diverged"] == {"2": 12}
    assert found["metrics"]["loss"] == {"mean": 2, "min": 1, "max": 3, "per_seed": {"0": 1, "1": 3, "2": None}}
    share = found["metrics"]["share"]
    assert share == {"mean": 0.5, "min": 0.5, "max": 0.5, "per_seed": {"0": None, "1": 0.5, "2": None}}
    everywhere = summary(table[table["seed"] == 2], 2, (2,))["metrics"]
    assert everywhere["loss"] == {"mean": None, "min": None, "max": None, "per_seed": {"2": None}}


def test_fields_that_differ_are_columns():
    runs = chosen_runs("smooth", ("dsgd", "fedavg:lr=0.3"), {"agents": "2"})
    assert differing(runs) == {
        "dsgd": {"lr": 0.1, "gossip": "random_peers", "participation": None},
        "fedavg:lr=0.3": {"lr": 0.3, "gossip": "server", "participation": 1.0},
    }
    tables = {label: made([(0, 1, "loss", None, 1.0)]) for label in runs}
    table = tidy(tables, runs)
    assert list(table)[:2] == ["label", "key"]
    assert table["lr"].tolist() == [0.1, 0.3]
    assert table["key"].tolist() == [spec.key() for spec in runs.values()]


def test_numbers_for_people():
    assert shown("bytes", 2048.0) == "2 KiB"
    assert (shown("messages", 12000.0), shown("messages", 4.5)) == ("12,000", "4.5")
    assert (shown("merged_accuracy", 0.12345), shown("U", -0.0), shown("U", None)) == ("0.123", "0", "–")
    assert ordered(["U", "bytes", "merged_loss"]) == ["merged_loss", "bytes", "U"]
    assert as_text(None) == "none"


def test_many_runs_take_several_tables_that_fit():
    metrics = {"merged_loss": {"mean": 1.0}, "bytes": {"mean": 10.0}}
    rows = [{"label": f"dsgd:lr={k},participation=0.5", "metrics": metrics} for k in range(9)]
    wide = list(_side_by_side(rows, 1000))
    narrow = list(_side_by_side(rows, 80))
    assert (len(wide), len(wide[0].columns)) == (1, 10)
    assert len(narrow) > 1
    assert sum(len(table.columns) - 1 for table in narrow) == 9
