"""The exercises of notebook 2: decentralized SGD on quadratics."""

import numpy as np

from paper_repro.course.checks import choice, function, number
from paper_repro.course.gossip import shuffle
from sim.optimizer import Optimizer
from sim.quadratic import Quadratic
from sim.randomness import stream
from sim.schedule import always, silent
from sim.simulate import simulate
from theory.bounds import BOUNDS
from theory.graphs import ring, star
from theory.mixing import complete_average, metropolis, uniform
from theory.oracles import fixed_point
from theory.spectrum import noise_gain

RING = metropolis(ring(16))
SAME = 1e-9  # relative difference of two losses up to rounding


def gradient(x, h, b, noise):
    """Stochastic gradients h (x - b) + noise of all agents [m]."""
    return h * (x - b) + noise


def adapt_then_combine(x, W, lr, h, b, noise):
    """x <- W (x - η (h (x - b) + ξ))."""
    return W @ (x - lr * gradient(x, h, b, noise))


def combine_then_adapt(x, W, lr, h, b, noise):
    """x <- W x - η (h (x - b) + ξ), the gradient at x and not at W x."""
    return W @ x - lr * gradient(x, h, b, noise)


def transposed(step):
    """The same step with the transpose of W."""
    return lambda x, W, *rest: step(x, W.T, *rest)


def rounds():
    """Arguments (x, W, lr, h, b, noise) of one round, W directed, for 1, 4 and 5 agents."""
    for W in (np.ones((1, 1)), shuffle(4), uniform(star(5))):
        m, draw = len(W), stream(len(W), "course").standard_normal
        yield draw(m), W, 0.3, 1 + draw(m) ** 2, draw(m), draw(m)


def noise_of_last_step():
    """What combine-then-adapt has more in E Xi^2, in units of (η σ)^2, noise alone."""
    at = {"lr": 1.0, "sigma": 1.0, "noise_gain": noise_gain(RING)}
    return BOUNDS["pure_noise_cta"](agents=16, **at) - BOUNDS["pure_noise"](**at)


def floor(lr, zeta, slem, curvature, record="stationary_consensus"):
    """E Xi^2 that heterogeneity alone leaves on (1 - a) I + a J."""
    return BOUNDS[record](agents=16, lr=lr, sigma=0.0, zeta=zeta, slem=slem, curvature=curvature)


def merged_against_parallel():
    """How the merged loss after 100 steps without any communication compares with parallel SGD on the same noise."""
    problem = Quadratic(zeta=2.0, sigma=1.0).build(agents=16, seeds=range(3))
    losses = []
    for schedule in (silent, always(complete_average(16))):
        table, _ = simulate(problem, schedule, Optimizer("sgd", lr=0.1), rounds=100, measure_every=100)
        rows = table[(table["metric"] == "merged_loss") & (table["round"] == 100)]
        losses.append(rows["value"].to_numpy())
    alone, parallel = losses
    if np.allclose(alone, parallel, rtol=SAME, atol=0):
        return "same"
    return "worse" if alone.mean() > parallel.mean() else "better"


def bias_cases():
    """Arguments (W, h, b, lr) of fixed points: one agent, a ring, and two directed matrices."""
    for W in (np.ones((1, 1)), metropolis(ring(4)), shuffle(4), uniform(star(5))):
        m, draw = len(W), stream(len(W), "course").standard_normal
        yield W, 0.5 + draw(m) ** 2, draw(m), 0.1


def transposed_point(W, h, b, lr):
    """The fixed point with the transpose of W, whose rows may have any sum."""
    return np.linalg.solve(np.eye(len(W)) - W.T * (1 - lr * h), lr * W.T @ (h * b))


ONE_ROUND = "Write one agent first: its gradient is h (x − b) + noise. Then W acts on"
EXERCISES = {
    "2.1": function(
        adapt_then_combine,
        list(rounds()),
        f"{ONE_ROUND} what the local steps have made of the models.",
        slips=[
            (combine_then_adapt, "That is the other order: here the step comes first, and W acts on its result."),
            (transposed(adapt_then_combine), "W is transposed: rows receive, so agent i hears Σ_j W[i, j] x_j."),
            (lambda x, W, lr, h, b, noise: adapt_then_combine(x, W, lr, h, b, -noise), "Mind the sign of the noise."),
        ],
    ),
    "2.2": function(
        combine_then_adapt,
        list(rounds()),
        f"{ONE_ROUND} the models as they were; the step is subtracted after it.",
        slips=[
            (adapt_then_combine, "That is the first order: here the step is not averaged in its own round."),
            (
                lambda x, W, *rest: W @ x - rest[0] * gradient(W @ x, *rest[1:]),
                "Here the gradient is taken at the models before mixing, not after.",
            ),
            (transposed(combine_then_adapt), "W is transposed: rows receive, so agent i hears Σ_j W[i, j] x_j."),
        ],
    ),
    "2.3": number(
        noise_of_last_step,
        "The noise of the last step has variance σ² at every agent and is not averaged yet. How much of it is a "
        "deviation from the mean?",
        slips=[(lambda: 1.0, "Almost: a part of that noise is in the mean of the agents, which Xi² does not see.")],
    ),
    "2.4": function(
        floor,
        [(0.1, 1.0, 0.9, 1.0), (0.01, 2.0, 0.5, 0.3), (0.3, 0.5, 0.99, 1.0)],
        "Follow one deviation y along an eigenvector: y ← λ (y − η h y + η g). Where does it stay? The mean of its "
        "square has ζ² in the place of g².",
        slips=[
            (
                lambda *at: floor(*at, record="stationary_consensus_cta"),
                "That is combine-then-adapt: here the push η g is multiplied by λ, too.",
            ),
            (lambda *at: np.sqrt(floor(*at)), "That is the distance Xi; the question is about its square."),
        ],
    ),
    "2.5": number(
        lambda: floor(0.002, 1.0, 0.9, 1.0) / floor(0.001, 1.0, 0.9, 1.0),
        "In your formula η stands in the numerator, in a square.",
        rtol=0.05,
        slips=[(lambda: 2.0, "That is how the distance Xi falls; Xi² is its square."), (lambda: 0.25, "Upside down.")],
    ),
    "2.6": choice(
        merged_against_parallel,
        {
            "worse": "Write the mean of the agents' steps: θ̄ ← θ̄ − η (1/m) Σ (H (θ_k − b_k) + ξ_k). Where is W in it?",
            "better": "Averaging more often cannot hurt here; but does it help? Write the step of the mean model.",
            "same": "The two losses differ.",
        },
    ),
    "2.7": function(
        fixed_point,
        list(bias_cases()),
        "Set x = W (x − η h (x − b)), bring everything with x to the left, and solve the linear system.",
        rtol=1e-6,
        slips=[
            (
                lambda W, h, b, lr: fixed_point(W, h, b, lr, order="combine_then_adapt"),
                "That is the fixed point of combine-then-adapt: here W multiplies the pull η h b, too.",
            ),
            (transposed_point, "W is transposed: rows receive."),
        ],
    ),
}
