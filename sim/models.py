"""Networks for small images by name, as torch modules from images [n, channels, side, side] to logits [n, classes].

`width` scales each of them: hidden units of `mlp` and `linear2`, channels of the first layer of `cnn` and the ResNets
(64 is ResNet-18), the embedding of `vit` and `clip_vit_b32`. `logistic` has none and leaves it unread.
"""

from torch import nn

from sim.vision import clip_vit_b32, resnet18, resnet18_imagenet, vit


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


MODELS = {
    "logistic": logistic,
    "linear2": linear2,
    "mlp": mlp,
    "cnn": cnn,
    "resnet18": resnet18,
    "resnet18_imagenet": resnet18_imagenet,
    "vit": vit,
    "clip_vit_b32": clip_vit_b32,
}

# The width a model has where none is chosen; None: the model has no width.
WIDTHS = {
    "logistic": None,
    "linear2": 64,
    "mlp": 64,
    "cnn": 16,
    "resnet18": 64,
    "resnet18_imagenet": 64,
    "vit": 64,
    "clip_vit_b32": 768,
}
