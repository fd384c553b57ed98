"""Functions of the testbed as torch losses, for the probes of `sim.probes.derivatives`."""

import sympy
import torch

from sim.testbed import x


def torch_function(function):
    """f of a `sim.testbed.Function` on tensors of any shape, with derivatives to any order.

    It is the expression itself: those with an exponential overflow for |x| > 700 or so.
    """
    return sympy.lambdify(x, function.expression, "torch")


def smooth_losses(run):
    """(loss, data) of a `sim.search.smooth_run.SmoothRun` in float64, one replica of its m agents in one dimension.

    L_k(θ [1]) = heights[k] f((θ − shifts[k])/width) + slopes[k] θ.
    """
    f, width = torch_function(run.function), float(run.width)

    def loss(theta, height, shift, slope):
        return (height * f((theta - shift) / width) + slope * theta).sum()

    fields = (run.heights, run.shifts, run.slopes)
    return loss, tuple(torch.tensor([[float(number) for number in numbers]], dtype=torch.float64) for numbers in fields)
