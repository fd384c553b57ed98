"""`mlp`, `cnn`: rounds of `sim.simulate` against modules and optimizers in a loop, on the same batches and gossip.

Digits of 8×8, batch 32, SGD of lr 0.1, ten local steps a round and gossip of R 0.2. All of a round counts on both
sides: the draws of its batches and of its gossip, the images, the steps, the mixing; of ours its check for divergence
too. Only measures are left out. The two take turns round by round. Models are compared after the first round: where
they differ by more than rounding, a ReLU's input fell on the other side of 0.
"""

from functools import partial

from paper_repro.bench.modules import Modules
from paper_repro.bench.row import rates
from paper_repro.bench.timing import Clock, seconds
from sim.models import WIDTHS
from sim.network import Classification
from sim.simulate import simulate
from sim.spec import Spec

STEPS, LR = 10, 0.1
TARGETS = {("mlp", "cpu"): 6, ("cnn", "cpu"): 2.5, ("mlp", "cuda"): 20, ("resnet18", "cuda"): 3}
TOLERANCE = 1e-3  # of a weight after a round: a flipped ReLU moves it by about lr · gradient / batch


def mlp(setting):
    """Cases of 16, 64 and 256 agents."""
    return [partial(small, "mlp", agents, setting) for agents in setting.sizes((16, 64, 256), (3,))]


def cnn(setting):
    """Cases of 16, 64 and 256 agents."""
    return [partial(small, "cnn", agents, setting) for agents in setting.sizes((16, 64, 256), (3,))]


def small(model, agents, setting):
    """The row of a small model."""
    width = setting.sizes(WIDTHS[model], 4)
    spec = Spec(Classification(model=model, width=width), agents=agents, local_steps=STEPS, lr=LR)
    ours, theirs, difference = alternated(spec, setting, setting.sizes(15 if agents < 256 else 5, 1))
    return [row(model, f"{agents} agents", spec, setting, ours, theirs, difference)]


def row(model, case, spec, setting, ours, theirs, difference, tolerance=TOLERANCE):
    """The row of the times of two sides whose rounds are those of a spec."""
    work = spec.agents * spec.local_steps
    return rates(
        setting,
        "agent-steps/s",
        (work, ours),
        (work, theirs),
        benchmark=model,
        case=case,
        against="modules in a loop",
        target=setting.target("ratio", ">=", TARGETS.get((model, setting.device.type))),
        difference=difference,
        tolerance=tolerance,
    )


def alternated(spec, setting, repetitions):
    """([(wall, CPU) seconds of a round of simulate], [the same of the modules], difference after the first round).

    The first round warms up, and the last is left out, as simulate measures in it.
    """
    problem = spec.build((0,), setting.device)
    schedule, peer, found = spec.schedule(), Modules(problem, spec.schedule(), spec.lr), {}
    ours, theirs, clock = [], [], Clock(setting.device)

    def turn(state):
        if 1 < state.round <= repetitions + 1:
            ours.append(clock.lap())
        if state.round <= repetitions + 1:
            took = seconds(setting.device, lambda: peer.round(state.round - 1, spec.local_steps))
            if state.round > 1:
                theirs.append(took)
            else:
                found["difference"] = float((state.theta[0] - peer.theta()).abs().max())
        clock.restart()

    rounds = repetitions + 2
    simulate(
        problem,
        schedule,
        spec.local_optimizer(),
        rounds=rounds,
        local_steps=spec.local_steps,
        measure_every=rounds,
        execution=spec.execution,
        on_round=turn,
        threads=setting.threads,
    )
    return ours, theirs, found["difference"]
