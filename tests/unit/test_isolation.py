"""A replica that has diverged changes no bit of another, nor does a measurement change one of a run."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from sim.faults import Faults
from sim.linear_network import LinearNetwork
from sim.logistic import Logistic
from sim.network import Classification
from sim.probes.named import PROBES, make_probes
from sim.probes.spread import spread_spectrum
from sim.quadratic import Quadratic
from sim.simulate import simulate
from sim.smooth import Smooth
from sim.spec import Spec

PROBLEMS = {
    "quadratic": Quadratic(dim=3, spread=0.5),
    "smooth": Smooth(dim=3),
    "logistic": Logistic(dim=3, samples=5),
    "linear network": LinearNetwork(inputs=3, hidden=2, outputs=2, samples=5),
    "cnn": Classification(width=2, model="cnn", dtype="float64", label_smoothing=0.1),
}
SEEDS = (0, 1, 2)


@pytest.mark.parametrize("agents", [2, 3, 5])
def test_a_spectrum_has_the_same_bits_beside_one_that_is_not_finite(agents):
    generator = np.random.default_rng(0)
    for _ in range(50):
        theta = torch.as_tensor(generator.standard_normal((3, agents, 4)))
        whole = spread_spectrum(theta)
        for dead in range(3):
            broken = theta.clone()
            broken[dead, 0, 0] = (torch.nan, torch.inf, 1e200)[dead]
            found = spread_spectrum(broken)
            others = [r for r in range(3) if r != dead]
            assert torch.equal(found[others], whole[others])
            assert found[dead].isnan().all()


def simulated(spec, lr, probes=(), **changes):
    problem = spec.build(SEEDS)
    probes = make_probes(",".join(probes), problem, lr=0.01, images=10 if spec.problem == PROBLEMS["cnn"] else 0)
    rules = {"local_steps": 2, "faults": Faults(drop=0.3, outage=0.2, stale=0.3), "order": spec.order} | changes
    return simulate(
        problem, spec.schedule(), spec.local_optimizer(), rounds=3, lr=lr, probes=probes, probes_every=1, **rules
    )


def rows(table, seed):
    return table[table["seed"] == seed].reset_index(drop=True)


@pytest.mark.parametrize("order", ["adapt_then_combine", "combine_then_adapt"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_other_replicas_do_not_notice_a_divergence(name, order):
    spec = Spec(PROBLEMS[name], agents=3, batch=4, order=order, gossip="random_peers", peers=0.5, lr=0.01)
    for optimizer in ("sgd", "momentum", "adamw"):
        own = replace(spec, optimizer=optimizer)
        table, state = simulated(own, [0.01, 0.02, 0.03], ("spread", "gradients"))
        assert (state.diverged == -1).all()
        for dead in (0, 1):
            broken, end = simulated(
                own, [1e300 if r == dead else 0.01 * (r + 1) for r in range(3)], ("spread", "gradients")
            )
            assert end.diverged[dead] >= 0
            for r in set(range(3)) - {dead}:
                assert end.diverged[r] == -1
                assert torch.equal(end.theta[r], state.theta[r])
                pd.testing.assert_frame_equal(rows(broken, SEEDS[r]), rows(table, SEEDS[r]), check_exact=True)


@pytest.mark.parametrize("name", ["quadratic", "linear network"])
def test_no_probe_changes_a_bit_of_a_run(name):
    spec = Spec(PROBLEMS[name], agents=3, batch=4, gossip="random_peers", peers=0.5, lr=0.01, optimizer="adamw")
    table, state = simulated(spec, None)
    for probe in PROBES:
        probed, end = simulated(spec, None, (probe,), gradients_every=2)
        assert torch.equal(end.theta, state.theta)
        assert all(torch.equal(one, other) for one, other in zip(end.optimizer, state.optimizer, strict=True))
        known = probed[probed["metric"].isin(set(table["metric"]))].reset_index(drop=True)
        pd.testing.assert_frame_equal(known, table, check_exact=True)
        assert len(probed) > len(table)
