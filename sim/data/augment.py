"""RandomCrop, horizontal flip and RandAugment as tensor operations on a batch x [n, channels, side, side] in [0, 1].

What is random is drawn on the CPU (`draw`), from a generator that the caller names, and is the same on every device and
for every layout of agents. RandAugment(N, M) (Cubuk, Zoph, Shlens and Le 2020, arXiv:1909.13719) with the fourteen
operations and scales of torchvision.transforms.RandAugment; M of 0 to 30, s = ±1 a fair sign where one is written:

    identity
    shear_x, shear_y         source (u - s 0.3 M/30 v, v), or u and v exchanged   (from the corner)
    translate_x, _y          by s ⌊150/331 side M/30⌋ pixels
    rotate                   by s M degrees about the center
    brightness, color,       f x + (1 - f) b with f = 1 + s 0.9 M/30 and b = 0, the gray image, the mean gray,
      contrast, sharpness      or the image under the kernel [1 1 1; 1 5 1; 1 1 1]/13 (its border pixels as they are)
    posterize                the first 8 - round(M/7.5) bits of the pixel as a byte
    solarize                 1 - x where x > 1 - M/30
    autocontrast             every channel stretched to [0, 1]
    equalize                 every channel's histogram of bytes made level

Geometric operations take the nearest pixel, and 0 outside. Unlike torchvision on PIL images, pixels are not rounded to
bytes between operations, and solarize leaves white alone at M = 0 (there x >= 1 - M/30, which is the same at odd M).
Autocontrast and equalize have no strength: they act at M = 0 too.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch.nn.functional import conv2d, pad

from theory.errors import require

GEOMETRIC = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
BLENDS = ("brightness", "color", "contrast", "sharpness")
OPERATIONS = ("identity", *GEOMETRIC, *BLENDS, "posterize", "solarize", "autocontrast", "equalize")
PAD = 4


@dataclass(frozen=True, eq=False)
class Draws:
    """For images [*shape]: crop [*shape, 2] rows and columns in 0 ... 2 PAD, flip [*shape] bool, and for each of N
    operations in turn its place in OPERATIONS [*shape, N] and its sign [*shape, N]."""

    crop: np.ndarray
    flip: np.ndarray
    operation: np.ndarray
    sign: np.ndarray

    def at(self, place):
        """The draws of one place along the first axis."""
        return Draws(self.crop[place], self.flip[place], self.operation[place], self.sign[place])


def draw(generator, shape, operations=2):
    """What `augment` needs for images [*shape]; one row of uniform numbers an image decides all of it."""
    u = generator.random((*shape, 3 + 2 * operations))
    crop = np.floor(u[..., :2] * (2 * PAD + 1)).astype(np.int64)
    chosen = np.floor(u[..., 3 : 3 + operations] * len(OPERATIONS)).astype(np.int64)
    return Draws(crop, u[..., 2] < 0.5, chosen, np.where(u[..., 3 + operations :] < 0.5, -1, 1))


def augment(x, draws, magnitude=9):
    """RandomCrop(side, padding=PAD), flip, RandAugment(N, magnitude) of x [n, ...], n the number of draws, in order."""
    n, count = len(x), draws.flip.size
    check(x, magnitude)
    require(n == count, f"{n} images need as many draws, not {count}.")
    x = flip(crop(x, draws.crop.reshape(n, 2)), draws.flip.reshape(n))
    return randaugment(x, draws.operation.reshape(n, -1), draws.sign.reshape(n, -1), magnitude)


def check(x, magnitude):
    """Refuse images and magnitudes that the operations are not defined for."""
    fits = x.dim() == 4 and x.shape[1] in (1, 3) and x.shape[2] == x.shape[3]
    require(fits, f"augmentation needs square images [n, 1 or 3, side, side], not {list(x.shape)}.")
    whole = isinstance(magnitude, int) and 0 <= magnitude <= 30
    require(whole, f"magnitude must be a whole number from 0 to 30, not {magnitude!r}.")


def crop(x, start):
    """out[i, c, r, q] = p[i, c, r + start[i, 0], q + start[i, 1]], p the images within PAD zeros on every side."""
    side, start = x.shape[-1], torch.as_tensor(start, device=x.device)
    steps = torch.arange(side, device=x.device)
    rows, columns = (start[:, k, None] + steps for k in (0, 1))
    image = torch.arange(len(x), device=x.device)[:, None, None]
    return pad(x, (PAD,) * 4)[image, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def flip(x, where):
    """Left and right exchanged in the images where `where` [n] holds."""
    return torch.where(torch.as_tensor(where, device=x.device)[:, None, None, None], x.flip(-1), x)


def randaugment(x, operation, sign, magnitude=9):
    """Operations operation[:, 0], operation[:, 1], ... (places in OPERATIONS) one after the other, with their signs."""
    for chosen, signs in zip(operation.T, sign.T, strict=True):
        out = x.clone()
        for place, name in enumerate(OPERATIONS):
            rows = np.flatnonzero(chosen == place)
            if rows.size:
                index = torch.as_tensor(rows, device=x.device)
                out[index] = apply(name, x[index], signs[rows], magnitude)
        x = out
    return x


def apply(name, x, sign, magnitude):
    """One operation on all images, with a sign [n] each."""
    if name == "identity":
        return x
    if name in GEOMETRIC:
        table = torch.as_tensor(sources(name, x.shape[-1], magnitude), device=x.device)
        return take(x, table[torch.as_tensor((sign > 0).astype(np.int64), device=x.device)])
    if name in BLENDS:
        factor = torch.as_tensor(1 + sign * 0.9 * magnitude / 30, dtype=x.dtype, device=x.device)
        base = {"brightness": torch.zeros_like, "color": gray, "contrast": mean_gray, "sharpness": smooth}[name](x)
        # x + (1 - f)(b - x), so that f = 1 changes no bit
        return (x + (1 - factor)[:, None, None, None] * (base - x)).clamp(0, 1)
    if name == "posterize":
        lost = 2 ** round(magnitude / 7.5)
        return x if lost == 1 else (levels(x) // lost * lost).to(x.dtype) / 255
    if name == "solarize":
        return torch.where(x > 1 - magnitude / 30, 1 - x, x)
    return autocontrast(x) if name == "autocontrast" else equalize(x)


@lru_cache(maxsize=64)
def sources(name, side, magnitude):
    """[2, side²]: for sign -1 and +1, which pixel each pixel takes (side² for one outside), in float64 on the CPU."""
    v, u = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5, indexing="ij")
    tables = []
    for sign in (-1, 1):
        shear = sign * 0.3 * magnitude / 30
        shift = sign * np.floor(150 / 331 * side * magnitude / 30)
        cos, sin = np.cos(np.deg2rad(sign * magnitude)), np.sin(np.deg2rad(sign * magnitude))
        x, y = u - side / 2, v - side / 2
        a, b = {
            "shear_x": (u - shear * v, v),
            "shear_y": (u, v - shear * u),
            "translate_x": (u - shift, v),
            "translate_y": (u, v - shift),
            "rotate": (cos * x - sin * y + side / 2, sin * x + cos * y + side / 2),
        }[name]
        column, row = np.floor(a).astype(np.int64), np.floor(b).astype(np.int64)
        inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
        tables.append(np.where(inside, row * side + column, side**2).ravel())
    return np.stack(tables)


def take(x, source):
    """out[i, c, p] = x[i, c, source[i, p]] over flat pixels p, 0 where the source is side²."""
    flat = pad(x.flatten(2), (0, 1))
    return flat.gather(2, source[:, None, :].expand(-1, x.shape[1], -1)).view_as(x)


def gray(x):
    """[n, 1, side, side]: 0.299 R + 0.587 G + 0.114 B (ITU-R 601), the image itself where it has one channel."""
    if x.shape[1] == 1:
        return x
    return 0.299 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:]


def mean_gray(x):
    """[n, 1, 1, 1]: the mean of `gray`."""
    return gray(x).mean(dim=(2, 3), keepdim=True)


def smooth(x):
    """Every channel under [1 1 1; 1 5 1; 1 1 1]/13; border pixels as they are."""
    kernel = torch.ones(3, 3, dtype=x.dtype, device=x.device)
    kernel[1, 1] = 5
    out = x.clone()
    if x.shape[-1] > 2:
        inner = conv2d(x.flatten(0, 1)[:, None], kernel[None, None] / 13)
        out[:, :, 1:-1, 1:-1] = inner.view(*x.shape[:2], *inner.shape[2:])
    return out


def levels(x):
    """Pixels as whole numbers 0 ... 255."""
    return (x * 255).round().long()


def autocontrast(x):
    """(x - min)/(max - min) by channel; a channel of one value stays as it is."""
    low, high = x.amin(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True)
    return torch.where(high > low, (x - low) / torch.where(high > low, high - low, 1), x)


def equalize(x):
    """Level l becomes ⌊(⌊step/2⌋ + #{pixels below l})/step⌋ of 255, step = ⌊#{pixels below the highest level}/255⌋.

    By channel; where step is 0 (as where there is one level) the channel stays as it is. Source: PIL.ImageOps.equalize.
    """
    level = levels(x).flatten(2)
    count = torch.zeros(*level.shape[:2], 256, dtype=torch.long, device=x.device)
    count.scatter_add_(2, level, torch.ones_like(level))
    below = count.cumsum(dim=2) - count
    step = below.gather(2, level.amax(dim=2, keepdim=True)) // 255
    table = ((step // 2 + below) // step.clamp(min=1)).clamp(max=255)
    equal = table.gather(2, level).view_as(x).to(x.dtype) / 255
    return torch.where((step > 0)[..., None], equal, x)
