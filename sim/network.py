"""Image classification by a network, as a problem on flat models θ [d]."""

from dataclasses import dataclass, field, fields

import torch

from sim.arguments import require_build
from sim.classifier import ClassificationProblem
from sim.data.archives import ARCHIVES
from sim.data.glyphs import check_glyphs
from sim.data.sets import DATASETS
from sim.data.shaped import SHAPED
from sim.kinds import require_kinds
from sim.models import BATCH_NORM, MODELS
from sim.models.pretraining import check_pretraining
from sim.statistics import MERGED_STATISTICS, STATISTICS_GOSSIP
from theory.errors import require

SAMPLING = ("resample", "fixed")
INITS = ("different", "same", "pretrained")
TESTS = ("test_set", "mixture")
AUGMENTATIONS = ("none", "crop_flip_randaugment")
DTYPES = ("float32", "float64")
COMPUTE = ("same", "bf16", "tf32")


@dataclass(frozen=True)
class Classification:
    """Agents that hold skewed shares of one data set.

    `data` names it (sim.data.sets.DATASETS); `side` and `per_class`, of "glyphs" only, are the pixels of a side and the
    training images of a class; `folder`, of CIFAR and Tiny ImageNet only, holds their archive (no part of the run, as
    the archive's checksum fixes the images). `augmentation`, of these and of images in their shape only (a mirrored
    letter is another one): "none", or "crop_flip_randaugment", the paper's RandomCrop(pad 4), flip and RandAugment(2,
    9) of all images that are trained on; exact losses and gradients are of images as they are.
    `alpha` is the Dirichlet parameter of the label skew (inf: IID). `sampling`: "resample" draws every batch afresh
    from the agent's class distribution (what the paper's official code does whenever its loader restarts); "fixed"
    draws a pool of `samples` images an agent once and goes through it in shuffled epochs. `init`: "different" or
    "same" initial weights over agents, or of "glyphs" only "pretrained": all layers but the last as
    `pretraining_steps` steps on other typefaces left them (sim.models.pretraining), the last one of every agent its
    own. `test`: the distribution of global accuracy and loss, the balanced "test_set" or the "mixture" of the
    agents' class distributions (Definition 1 to the letter; they agree for IID agents).

    Models, sums and measures are in `dtype`; `compute`: products of the local steps in the "same", in "bf16" (autocast)
    or in "tf32" (CUDA only; else never, whatever torch's default).
    Of models with BatchNorm only: `statistics_gossip` says whether gossip mixes the running means and variances with
    the models ("mix", the paper) or leaves every agent its "own"; `merged_statistics` whether the merged model
    estimates them again ("reestimate", the paper) on `statistics_images` clean training images, or takes their "mean".
    `weights`, of clip_vit_b32 only, is a folder with CLIP's pretrained weights, with which the tower of every agent
    starts (what is in the files is part of the run, where they lie is not); None: random weights.
    A field of one data set or model is no part of runs on another, and keeps its default there.
    """

    data: str = "digits"
    model: str = "mlp"
    width: int = 64
    alpha: float = 0.1
    sampling: str = "resample"
    samples: int = 4096
    init: str = "different"
    label_smoothing: float = 0.0
    test: str = "test_set"
    dtype: str = "float32"
    compute: str = "same"
    side: int = field(default=16, metadata={"data": ("glyphs",)})
    per_class: int = field(default=100, metadata={"data": ("glyphs",)})
    augmentation: str = field(default="none", metadata={"data": (*ARCHIVES, *SHAPED)})
    folder: str | None = field(default=None, compare=False, metadata={"data": tuple(ARCHIVES)})
    pretraining_steps: int = field(default=1000, metadata={"init": ("pretrained",)})
    weights: str | None = field(default=None, metadata={"model": ("clip_vit_b32",)})
    statistics_gossip: str = field(default="mix", metadata={"model": BATCH_NORM})
    merged_statistics: str = field(default="reestimate", metadata={"model": BATCH_NORM})
    statistics_images: int = field(default=2048, metadata={"model": BATCH_NORM})

    def __post_init__(self):
        require_kinds(self)
        for value, valid, name in (
            (self.data, DATASETS, "data"),
            (self.model, MODELS, "model"),
            (self.sampling, SAMPLING, "sampling"),
            (self.init, INITS, "init"),
            (self.test, TESTS, "test"),
            (self.dtype, DTYPES, "dtype"),
            (self.compute, COMPUTE, "compute"),
            (self.statistics_gossip, STATISTICS_GOSSIP, "statistics_gossip"),
            (self.merged_statistics, MERGED_STATISTICS, "merged_statistics"),
            (self.augmentation, AUGMENTATIONS, "augmentation"),
        ):
            require(value in valid, f"Unknown {name} {value!r}; valid: {', '.join(valid)}.")
        require(self.alpha > 0, f"alpha must be positive (inf for IID agents), not {self.alpha}.")
        require(self.width >= 1, f"width must be at least 1, not {self.width}.")
        require(self.samples >= 1, f"samples must be at least 1, not {self.samples}.")
        require(0 <= self.label_smoothing < 1, f"label_smoothing must lie in [0, 1), not {self.label_smoothing}.")
        require(self.statistics_images >= 2, f"statistics_images must be at least 2, not {self.statistics_images}.")
        require(
            self.compute == "same" or self.dtype == "float32",
            f"compute {self.compute!r} needs dtype float32, not {self.dtype}.",
        )
        for f in fields(self):
            for what, only in f.metadata.items():
                have, value = getattr(self, what), getattr(self, f.name)
                require(
                    have in only or value == f.default,
                    f"{f.name} is a field of {what} {', '.join(only)}: with {what} {have} leave it at {f.default}, "
                    f"not {value!r}.",
                )
        if self.init == "pretrained":
            check_pretraining(self)
        if self.data == "glyphs":
            check_glyphs(self.side, self.per_class)

    def build(self, agents, seeds, batch, device="cpu"):
        """The problem for `agents` agents, one replica (partition, initial weights, batches) per seed."""
        require_build(agents, seeds, batch)
        return ClassificationProblem(self, agents, tuple(seeds), batch, torch.device(device))
