"""`resnet18`: rounds of ResNet-18 against modules in a loop, and the share of the device's matrix products it attains.

On CUDA 16 agents on glyphs of 32×32, batch 32, width 64, products in bf16, each agent's step captured as a graph. On a
CPU a small one in float32, to see that it runs. Work is counted as the floating-point operations of a forward and a
backward pass; the ceiling is the product of two square matrices in the same precision, measured beside it.
"""

from functools import partial

import torch
from torch.utils.flop_counter import FlopCounterMode

from paper_repro.bench.networks import alternated, row
from paper_repro.bench.row import Row
from paper_repro.bench.timing import in_turn
from sim.network import Classification
from sim.spec import Spec

STEPS, LR = 2, 0.01


def resnet18(setting):
    """One case of two rows."""
    return [partial(measured, spec_of(setting), setting)]


def spec_of(setting):
    """The run of a setting."""
    if setting.device.type == "cuda" and not setting.quick:
        problem = Classification(data="glyphs", side=32, model="resnet18", compute="bf16")
        return Spec(problem, agents=16, local_steps=STEPS, lr=LR, execution="compiled")
    width, agents, batch = setting.sizes((16, 4, 16), (2, 2, 4))
    problem = Classification(data="glyphs", side=16, per_class=setting.sizes(100, 2), model="resnet18", width=width)
    return Spec(problem, agents=agents, local_steps=STEPS, batch=batch, lr=LR)


def measured(spec, setting):
    """The rows of the rounds and of the share."""
    problem = spec.problem
    case = f"{spec.agents} agents, {problem.side}×{problem.side}, width {problem.width}, batch {spec.batch}, "
    case += "bf16" if problem.compute == "bf16" else problem.dtype
    ours, theirs, difference = alternated(spec, setting, setting.sizes(5, 1))
    rounds = row("resnet18", case, spec, setting, ours, theirs, difference)
    kind = torch.bfloat16 if problem.compute == "bf16" else torch.float32
    side = setting.sizes({"cuda": 8192, "cpu": 1024}[setting.device.type], 64)
    share = Row(
        benchmark="resnet18",
        case=f"share of the matmul ceiling, {case}",
        unit="TFLOP/s",
        ours=operations(spec) * rounds.ours / 1e12,
        against=f"matmul of {side}×{side}",
        peer=ceiling(kind, side, setting) / 1e12,
        repetitions=rounds.repetitions,
    )
    return [rounds, share]


def operations(spec):
    """Floating-point operations of a forward and a backward pass on one batch, a product and a sum counted as two."""
    problem = spec.build((0,))
    network = problem.make()
    with FlopCounterMode(display=False) as counter:
        network(problem.train_x[: spec.batch]).sum().backward()
    return counter.get_total_flops()


def ceiling(kind, side, setting):
    """Operations a second of the product of two matrices [side, side]."""
    a, b = torch.randn(2, side, side, generator=torch.Generator().manual_seed(0)).to(setting.device, kind)
    times = in_turn(setting.device, setting.sizes(10, 1), product=lambda: a @ b)["product"]
    return 2 * side**3 / min(wall for wall, _ in times)
