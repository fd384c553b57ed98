"""Small networks for small images, as plain torch modules."""

from torch import nn


def mlp(channels, side, classes, width=64):
    """pixels → width → width → classes with ReLU (64-64-64-10 on digits: 8,970 parameters)."""
    return nn.Sequential(
        nn.Flatten(start_dim=-3),
        nn.Linear(channels * side * side, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, classes),
    )


def cnn(channels, side, classes, width=16):
    """Two 3×3 convolutions (the second with stride 2) and a linear layer; no normalization layers."""
    half = (side + 1) // 2
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(start_dim=-3),
        nn.Linear(2 * width * half * half, classes),
    )


MODELS = {"mlp": mlp, "cnn": cnn}
