import numpy as np
import pytest
import torch
from scipy.sparse import csc_array, csr_array

from sim import mixing
from sim.edge_sums import Product, Sums
from sim.mixing import exchange, mix_
from theory.errors import OnemergeError
from theory.gossip import random_matching, random_peers
from theory.graphs import exponential, ring, star
from theory.mixing import complete_average, metropolis, uniform

EPS = np.finfo(np.float64).eps
COLUMNS = 37


def stochastic(agents, density, seed=0):
    """A directed W whose rows sum to 1, with about `density` of its weights; some agents do not hear themselves."""
    rng = np.random.default_rng(seed)
    W = rng.random((agents, agents)) * (rng.random((agents, agents)) < density)
    empty = W.sum(axis=1) == 0
    W[empty, empty] = 1
    return W / W.sum(axis=1, keepdims=True)


def federated(agents, members):
    """The members get their weighted average, the others keep their models."""
    W, weights = np.eye(agents), np.arange(1.0, len(members) + 1)
    W[members] = 0
    W[np.ix_(members, members)] = weights / weights.sum()
    return W


def draw(gossip, seed=0):
    return gossip.draw(0, np.random.default_rng(seed))


MATRICES = {
    "one agent": np.eye(1),
    "silent": np.eye(5),
    "two agents": np.array([[0.25, 0.75], [0.0, 1.0]]),
    "copies": np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]),
    "all copy the first": np.eye(4)[np.zeros(4, dtype=int)],
    "cycle of three": np.eye(3)[[1, 2, 0]],
    "negative weights": np.array([[1.5, -0.5, 0.0], [0.0, 1.0, 0.0], [-0.25, 0.25, 1.0]]),
    "a row that begins another": np.array([[0.5, 0.5, 0.25, -0.25], [0.5, 0.5, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
    "scaled": np.diag([1.0, 2.0, 0.5]),
    "random peers": draw(random_peers(30, 0.3)),
    "matching": draw(random_matching(9, 1)),
    "ring": metropolis(ring(16)),
    "exponential": uniform(exponential(20)),
    "star": metropolis(star(12)),
    "directed": stochastic(17, 0.3),
    "merge of 2": complete_average(2),
    "merge of 3": complete_average(3),
    "merge of many": complete_average(50),
    "federated": federated(12, [1, 4, 5, 11]),
    "federated, many": federated(60, list(range(3, 53))),
    "half": stochastic(48, 0.7, seed=1),
    "block of many": np.kron(np.eye(2), stochastic(32, 1.0)),
    "full": stochastic(40, 1.0, seed=2),
}
FORMS = {
    "merge of many": Product,
    "federated, many": Product,
    "half": Product,
    "block of many": Product,
    "full": Product,
}


def models(rows, dtype=torch.float64, columns=COLUMNS, seed=0):
    return torch.as_tensor(np.random.default_rng(seed).standard_normal((rows, columns))).to(dtype)


def close(found, W, theta, eps=EPS):
    """Within the rounding of sums of so many terms."""
    W, theta = np.asarray(W), theta.numpy()
    bound = (W.shape[1] + 2) * eps * (np.abs(W) @ np.abs(theta))
    return (np.abs(found.numpy() - W @ theta) <= bound).all()


@pytest.mark.parametrize("name", MATRICES)
def test_gossip_along_edges_is_the_dense_product(name):
    W = MATRICES[name]
    theta = models(len(W))
    before, address = theta.clone(), theta.data_ptr()
    plan = exchange([W], torch.float64, "cpu")
    mix_(theta, plan)
    assert close(theta, W, before)
    assert theta.data_ptr() == address
    np.testing.assert_array_equal(plan.W(), W)
    assert all(type(part) is FORMS.get(name, Sums) for part in plan.parts)


@pytest.mark.parametrize("name", MATRICES)
def test_sparse_and_dense_input_make_the_same_exchange(name):
    W = MATRICES[name]
    one = exchange([W], torch.float32, "cpu")
    for form in (csr_array, csc_array):
        other = exchange([form(W)], torch.float32, "cpu")
        assert (one.count, len(one.parts)) == (other.count, len(other.parts))
        for part, twin in zip(one.parts, other.parts, strict=True):
            assert type(part) is type(twin)
            for field in vars(part):
                mine, its = getattr(part, field), getattr(twin, field)
                assert torch.equal(mine, its) if isinstance(mine, torch.Tensor) else mine == its


@pytest.mark.parametrize("together", [1, 4096])
@pytest.mark.parametrize("sparse", [False, True])
def test_replicas_with_matrices_of_their_own_do_not_meet(together, sparse, monkeypatch):
    monkeypatch.setattr(mixing, "ROWS", together)
    agents = 40
    Ws = [
        MATRICES["full"],
        complete_average(agents),
        np.eye(agents),
        stochastic(agents, 0.1),
        draw(random_peers(40, 1)),
    ]
    Ws += [federated(agents, [2, 3, 30]), federated(agents, [0, 39]), stochastic(agents, 0.8)]
    given = [csr_array(W) if sparse and k % 2 else W for k, W in enumerate(Ws)]
    theta = models(len(Ws) * agents)
    theta[agents : 2 * agents] = torch.nan
    before = theta.clone()
    plan = exchange(given, torch.float64, "cpu")
    mix_(theta, plan)
    assert theta[agents : 2 * agents].isnan().all()
    for r, W in enumerate(Ws):
        rows = slice(r * agents, (r + 1) * agents)
        np.testing.assert_array_equal(plan.W()[rows, rows], W)
        assert r == 1 or close(theta[rows], W, before[rows])


def test_bits_of_a_replica_depend_on_no_other_and_not_on_the_blocks(monkeypatch):
    Ws = [draw(random_peers(16, 0.5), seed) for seed in range(5)] + [MATRICES["ring"], complete_average(16)]
    for dtype in (torch.float32, torch.float64):
        together = models(16 * len(Ws), dtype, columns=1000)
        alone = together.clone().split(16)
        mix_(together, exchange(Ws, dtype, "cpu"))
        monkeypatch.setitem(mixing.SPACE, "cpu", 1)
        for W, theta in zip(Ws, alone, strict=True):
            mix_(theta, exchange([W], dtype, "cpu"))
        monkeypatch.undo()
        assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize("agents", [2, 3, 16, 100])
def test_a_merge_is_one_mean(agents):
    theta = models(3 * agents)
    mean = theta.unflatten(0, (3, agents)).mean(dim=1)
    plan = exchange([complete_average(agents)] * 3, torch.float64, "cpu")
    mix_(theta, plan)
    merged = theta.unflatten(0, (3, agents))
    assert torch.equal(merged, merged[:, :1].expand_as(merged))
    torch.testing.assert_close(merged[:, 0], mean, rtol=0, atol=agents * EPS)
    sums = sum(len(part.weights) if isinstance(part, Product) else len(part.offsets) - 1 for part in plan.parts)
    assert sums == 3  # not one for each agent


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
def test_what_is_not_finite_reaches_only_those_who_hear_it(name, poison):
    W = MATRICES[name]
    plan = exchange([W], torch.float64, "cpu")
    for bad in {0, len(W) // 2, len(W) - 1}:
        theta = models(len(W))
        theta[bad, 5:] = poison
        before = theta.clone()
        mix_(theta, plan)
        hears = torch.as_tensor(W[:, bad] != 0)
        assert not theta[hears, 5:].isfinite().any()
        assert theta[~hears].isfinite().all()
        assert theta[:, :5].isfinite().all()
        rest = np.delete(W, bad, axis=1)[~hears.numpy()]
        assert close(theta[~hears], rest, before[np.arange(len(W)) != bad])


def test_who_does_not_talk_is_not_touched():
    W = np.eye(6)
    W[2, [2, 4]] = 0.5
    theta = models(6, torch.float32)
    theta[0], theta[1], theta[4, 1:] = torch.nan, -0.0, torch.inf
    before = theta.clone()
    plan = exchange([W], torch.float32, "cpu")
    mix_(theta, plan)
    kept = [0, 1, 3, 4, 5]
    assert torch.equal(theta[kept].view(torch.int32), before[kept].view(torch.int32))
    assert len(plan.parts[0].sources) == 2  # it costs two rows
    assert not exchange([np.eye(6)], torch.float32, "cpu").parts


@pytest.mark.parametrize("name", MATRICES)
def test_stale_peers_are_heard_and_the_own_model_is_the_present_one(name):
    W = MATRICES[name]
    theta, heard = models(len(W)), models(len(W), seed=1)
    before = torch.cat([theta, heard])
    plan = exchange([W], torch.float64, "cpu")
    mix_(theta, plan, heard)
    own = np.diag(np.diag(W))
    assert close(theta, np.hstack([own, W - own]), before)
    assert torch.equal(heard, before[len(W) :])
    theta = before[: len(W)].clone()
    heard[0] = torch.nan  # its own copy, which it does not hear
    mix_(theta, plan, heard)
    expected = (W[:, 0] != 0) & (np.arange(len(W)) > 0)
    np.testing.assert_array_equal(theta.isnan().any(dim=1).numpy(), expected)


@pytest.mark.parametrize("name", ["ring", "merge of many", "half", "random peers"])
def test_small_floats_are_summed_in_float32_and_weights_are_not_rounded(name):
    W = MATRICES[name]
    for dtype, eps in ((torch.float32, 2**-24), (torch.bfloat16, 2**-8), (torch.float16, 2**-11)):
        theta = models(len(W), dtype)
        before = theta.double()
        mix_(theta, exchange([W], dtype, "cpu"))
        assert theta.dtype == dtype
        error = np.abs(theta.double().numpy() - W @ before.numpy())
        assert (error <= eps * np.abs(W @ before.numpy()) + len(W) * 2**-24 * (np.abs(W) @ before.abs().numpy())).all()
    ones = torch.ones(len(W), 8, dtype=torch.bfloat16)
    for _ in range(50):
        mix_(ones, exchange([W], torch.bfloat16, "cpu"))
    assert (ones == 1).all()  # a third rounded to bfloat16 would have added 0.2 % each round


@pytest.mark.parametrize("name", ["ring", "full"])
def test_autocast_of_the_steps_does_not_round_the_gossip(name):
    W, dtype = MATRICES[name], torch.float32
    plain, cast = models(len(W), dtype), models(len(W), dtype)
    mix_(plain, exchange([W], dtype, "cpu"))
    with torch.autocast("cpu", torch.bfloat16):
        mix_(cast, exchange([W], dtype, "cpu"))
    assert torch.equal(plain, cast)


def test_a_part_of_a_wider_tensor_is_mixed_where_it_is():
    W = MATRICES["directed"]
    wide = models(len(W), columns=20)
    before, plan = wide.clone(), exchange([W], torch.float64, "cpu")
    mix_(wide[:, 3:11], plan)
    assert close(wide[:, 3:11], W, before[:, 3:11])
    assert torch.equal(wide[:, :3], before[:, :3])
    assert torch.equal(wide[:, 11:], before[:, 11:])
    empty = torch.empty(len(W), 0, dtype=torch.float64)
    mix_(empty, plan)


def test_blocks_keep_the_sums_small():
    for agents in (16, 256, 5000):
        W = csr_array((np.ones(agents), (np.arange(agents), np.roll(np.arange(agents), 1))))
        (part,) = exchange([W], torch.float32, "cpu").parts
        widths = {columns.stop - columns.start for columns in mixing._blocks(10**6, part)}
        assert max(widths) * agents * 4 <= 2**19 or max(widths) == mixing.NARROW


def test_bad_input_is_refused():
    W = complete_average(3)
    with pytest.raises(OnemergeError, match="no mixing matrix"):
        exchange([], torch.float32, "cpu")
    for other in (complete_average(2), np.ones((3, 2)), np.ones(3)):
        with pytest.raises(OnemergeError, match="has the shape"):
            exchange([W, other], torch.float32, "cpu")
    broken = W.copy()
    broken[2, 1] = np.nan
    for given in ([W, broken], [csr_array(broken)]):
        with pytest.raises(OnemergeError, match=r"entry \[2, 1\] .* nan"):
            exchange(given, torch.float32, "cpu")
    broken[2] = 0
    for given in ([W, broken], [csr_array(broken)], [np.zeros((3, 3))]):
        with pytest.raises(OnemergeError, match="is all zeros"):
            exchange(given, torch.float32, "cpu")
    plan = exchange([W], torch.float32, "cpu")
    for theta in (torch.zeros(4, 2), torch.zeros(3, 2, dtype=torch.float64)):
        with pytest.raises(OnemergeError, match="does not fit"):
            mix_(theta, plan)
    with pytest.raises(OnemergeError, match="what is heard"):
        mix_(torch.zeros(3, 2), plan, torch.zeros(3, 1))
