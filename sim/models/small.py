"""Small networks: logistic regression, a linear map of two layers, an MLP and a CNN. No normalization layers."""

from torch import nn


def logistic(channels, side, classes, width=None):
    """pixels → classes: multinomial logistic regression, convex in θ (650 parameters on digits)."""
    return nn.Sequential(nn.Flatten(start_dim=-3), nn.Linear(channels * side * side, classes))


def linear2(channels, side, classes, width=64):
    """pixels → width → classes with nothing between the layers: a linear map whose loss is not convex in θ."""
    return nn.Sequential(
        nn.Flatten(start_dim=-3),
        nn.Linear(channels * side * side, width),
        nn.Linear(width, classes),
    )


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
