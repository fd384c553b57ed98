"""Interrupted, branched and plain runs end in the same bits."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sim.network import Classification
from sim.quadratic import Quadratic
from sim.run import run
from sim.simulate import simulate
from sim.spec import Spec
from sim.store import Store
from theory.errors import OnemergeError

SEEDS = (0, 3)
QUADRATIC = Spec(Quadratic(dim=3), agents=4, rounds=9, local_steps=2, lr=0.05, keep_models=True)
NETWORK = Spec(Classification(width=4), agents=4, rounds=9, local_steps=2, batch=4, lr=0.05, keep_models=True)
FIXED = replace(NETWORK, problem=Classification(width=2, model="cnn", sampling="fixed", samples=15))
RUNS = {
    f"{name}, {optimizer}": replace(spec, optimizer=optimizer, gradients_every=4, measure_every=2)
    for name, spec in {"quadratic": QUADRATIC, "mlp": NETWORK, "cnn, fixed pools": FIXED}.items()
    for optimizer in ("sgd", "momentum", "adamw")
}


def interrupt_at(done):
    def on_round(state):
        if state.round == done:
            raise KeyboardInterrupt

    return on_round


def results(folder, spec):
    """The bytes of everything a run leaves behind but the seconds it took."""
    kept = folder / "runs" / spec.key()
    return {
        path.name: path.read_bytes()
        for path in kept.iterdir()
        if not path.name.startswith("seed") or path.suffix == ".csv"
    }


def counting(rounds):
    return lambda state: rounds.append(state.round)


@pytest.mark.parametrize("name", RUNS)
def test_a_resumed_run_is_bitwise_the_uninterrupted_one(name, tmp_path):
    spec, plain, broken = RUNS[name], Store(tmp_path / "plain"), Store(tmp_path / "broken")
    table = run(spec, SEEDS, store=plain)
    for done in (2, 5):  # twice: a resumed run can be interrupted again
        with pytest.raises(KeyboardInterrupt):
            run(spec, SEEDS, store=broken, on_round=interrupt_at(done))
    assert broken.missing(spec, SEEDS) == SEEDS
    rounds = []
    resumed = run(spec, SEEDS, store=broken, on_round=counting(rounds))
    assert rounds == [6, 7, 8, 9]
    pd.testing.assert_frame_equal(resumed, table, check_exact=True)
    assert results(broken.folder, spec) == results(plain.folder, spec)
    assert len(results(plain.folder, spec)) == 5
    assert broken.facts(spec, 0)["from_round"] == 5
    assert not list(broken.folder.glob("states/*/*"))


def test_a_run_interrupted_before_its_first_round_starts_afresh(tmp_path):
    store = Store(tmp_path)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sim.run.simulate", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(QUADRATIC, SEEDS, store=store)
    pd.testing.assert_frame_equal(run(QUADRATIC, SEEDS, store=store), run(QUADRATIC, SEEDS), check_exact=True)


def test_a_long_run_keeps_its_state_as_it_goes(tmp_path, monkeypatch):
    """So that even a run that is killed loses half a minute only."""
    monkeypatch.setattr("sim.run.SAVE_SECONDS", 0)
    assert first_round_after_a_death(tmp_path, 4) == 5


@pytest.mark.parametrize(
    ("every", "died", "first"), [(1, 4, 5), (2, 5, 5), (3, 5, 4), (4, 3, 1), (9, 8, 1), (20, 8, 1)]
)
def test_a_state_is_kept_every_so_many_rounds(tmp_path, every, died, first):
    assert first_round_after_a_death(tmp_path, died, checkpoint_rounds=every) == first


def first_round_after_a_death(folder, died, **options):
    """The first round that is run again where the process ended in round `died`; all bits are those of a plain run."""

    def die(state):
        if state.round == died:
            raise SystemError

    store, rounds = Store(folder), []
    with pytest.raises(SystemError):
        run(QUADRATIC, SEEDS, store=store, on_round=die, **options)
    resumed = run(QUADRATIC, SEEDS, store=store, on_round=counting(rounds), **options)
    assert rounds == list(range(rounds[0], 10))
    pd.testing.assert_frame_equal(resumed, run(QUADRATIC, SEEDS), check_exact=True)
    assert not list(folder.glob("states/*/*"))
    return rounds[0]


@pytest.mark.parametrize("every", [0, -1, 2.5, True, "3"])
def test_a_bad_number_of_rounds_is_named(every):
    with pytest.raises(OnemergeError, match="checkpoint_rounds must be a whole number of at least 1, or None, not"):
        run(QUADRATIC, SEEDS, checkpoint_rounds=every)


def test_many_seeds_have_a_state_too(tmp_path):
    """Their names together are longer than that of a file may be."""
    seeds, rounds = tuple(range(1000, 1100)), []
    with pytest.raises(KeyboardInterrupt):
        run(QUADRATIC, seeds, store=Store(tmp_path), on_round=interrupt_at(5))
    run(QUADRATIC, seeds, store=Store(tmp_path), on_round=counting(rounds))
    assert rounds == [6, 7, 8, 9]


def test_the_state_of_other_seeds_is_another_state(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(QUADRATIC, (0, 3), store=store, on_round=interrupt_at(5))
    rounds = []
    run(QUADRATIC, (0,), store=store, on_round=counting(rounds))
    assert rounds == list(range(1, 10))


def test_a_diverged_run_is_resumed_as_such(tmp_path):
    spec = replace(NETWORK, lr=1e30, rounds=6, keep_models=False)
    table = run(spec, SEEDS)
    assert (table["metric"] == "diverged").sum() == 2
    with pytest.raises(KeyboardInterrupt):
        run(spec, SEEDS, store=Store(tmp_path), on_round=interrupt_at(1))
    pd.testing.assert_frame_equal(run(spec, SEEDS, store=Store(tmp_path)), table, check_exact=True)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adamw"])
@pytest.mark.parametrize("base", [QUADRATIC, NETWORK], ids=["quadratic", "mlp"])
def test_a_branched_run_is_bitwise_the_run_from_scratch(base, optimizer, tmp_path):
    """Windows, final merge and shorter runs, from the states that a long run without any of them keeps."""
    base = replace(base, optimizer=optimizer, measure_every=4)
    others = {
        4: replace(base, window_start=4, window_stop=6),
        8: replace(base, final_merge=True),
        5: replace(base, window_start=5, window_stop=9, final_merge=True),
        6: replace(base, rounds=7),
    }
    store = Store(tmp_path)
    run(base, SEEDS, store=store, branches=tuple(others))
    for branch, spec in others.items():
        rounds = []
        branched = run(spec, SEEDS, store=store, on_round=counting(rounds))
        assert rounds == list(range(branch + 1, spec.rounds + 1))
        assert store.facts(spec, 0)["from_round"] == branch
        scratch = Store(tmp_path / "scratch")
        pd.testing.assert_frame_equal(branched, run(spec, SEEDS, store=scratch), check_exact=True)
        assert results(store.folder, spec) == results(scratch.folder, spec)
        assert not branched.equals(store.load(base, SEEDS))


def test_a_state_goes_on_where_it_was(tmp_path):
    """`simulate` itself, without a store: the state is all there is."""
    problem, schedule, optimizer = NETWORK.build(SEEDS), NETWORK.schedule(), NETWORK.local_optimizer()
    whole, final = simulate(problem, schedule, optimizer, rounds=6, local_steps=2)
    kept = []
    simulate(problem, schedule, optimizer, rounds=6, local_steps=2, on_round=lambda state: kept.append(state.copy()))
    for state in kept:
        table, end = simulate(NETWORK.build(SEEDS), NETWORK.schedule(), optimizer, rounds=6, local_steps=2, state=state)
        pd.testing.assert_frame_equal(table, whole, check_exact=True)
        np.testing.assert_array_equal(end.theta, final.theta)
