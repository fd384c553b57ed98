"""Image classification by a network, as a problem on flat models θ [d]."""

import math
from dataclasses import dataclass, field, fields

import numpy as np
import torch
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

from sim.archives import ARCHIVES
from sim.augment import augment, draw
from sim.data import DATASETS, class_shares, draw_images
from sim.glyphs import check_glyphs
from sim.models import MODELS
from sim.randomness import stream
from theory.errors import require

SAMPLING = ("resample", "fixed")
INITS = ("different", "same")
TESTS = ("test_set", "mixture")
CHUNK = 512  # test images whose activations are in memory at once
AUGMENTATIONS = ("none", "crop_flip_randaugment")


@dataclass(frozen=True)
class Classification:
    """Agents that hold skewed shares of one data set.

    `data` names it (sim.data.DATASETS); `side` and `per_class`, of "glyphs" only, are the pixels of a side and the
    training images of a class; `folder`, of CIFAR and Tiny ImageNet only, holds their archive (no part of the run, as
    the archive's checksum fixes the images). `augmentation`, of these too (a mirrored letter is another one): "none",
    or "crop_flip_randaugment", the paper's RandomCrop(pad 4), flip and RandAugment(2, 9) of all images that are trained
    on; exact losses and gradients are of images as they are. A field of one data set is no part of runs on another, and
    keeps its default there.
    `alpha` is the Dirichlet parameter of the label skew (inf: IID). `sampling`: "resample" draws every batch afresh
    from the agent's class distribution (what the paper's official code does whenever its loader restarts); "fixed"
    draws a pool of `samples` images an agent once and goes through it in shuffled epochs. `init`: "different" or
    "same" initial weights over agents. `test`: the distribution of global accuracy and loss, the balanced "test_set"
    or the "mixture" of the agents' class distributions (Definition 1 to the letter; they agree for IID agents).
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
    side: int = field(default=16, metadata={"data": ("glyphs",)})
    per_class: int = field(default=100, metadata={"data": ("glyphs",)})
    augmentation: str = field(default="none", metadata={"data": tuple(ARCHIVES)})
    folder: str | None = field(default=None, compare=False, metadata={"data": tuple(ARCHIVES)})

    def __post_init__(self):
        for value, valid, name in (
            (self.data, DATASETS, "data"),
            (self.model, MODELS, "model"),
            (self.sampling, SAMPLING, "sampling"),
            (self.init, INITS, "init"),
            (self.test, TESTS, "test"),
            (self.dtype, ("float32", "float64"), "dtype"),
            (self.augmentation, AUGMENTATIONS, "augmentation"),
        ):
            require(value in valid, f"Unknown {name} {value!r}; valid: {', '.join(valid)}.")
        require(self.alpha > 0, f"alpha must be positive (inf for IID agents), not {self.alpha}.")
        require(self.width >= 1, f"width must be at least 1, not {self.width}.")
        require(self.samples >= 1, f"samples must be at least 1, not {self.samples}.")
        require(0 <= self.label_smoothing < 1, f"label_smoothing must lie in [0, 1), not {self.label_smoothing}.")
        for f in fields(self):
            value, only = getattr(self, f.name), f.metadata.get("data", (self.data,))
            require(
                self.data in only or value == f.default,
                f"{f.name} is a field of data {', '.join(only)}: with data {self.data} leave it at {f.default}, "
                f"not {value!r}.",
            )
        if self.data == "glyphs":
            check_glyphs(self.side, self.per_class)

    def build(self, agents, seeds, batch, device="cpu"):
        """The problem for `agents` agents, one replica (partition, initial weights, batches) per seed."""
        return ClassificationProblem(self, agents, tuple(seeds), batch, torch.device(device))


class ClassificationProblem:
    """`Classification` on a device; `shares` π [replicas, agents, classes] are the agents' class distributions."""

    def __init__(self, config, agents, seeds, batch, device):
        self.config, self.agents, self.seeds, self.batch, self.device = config, agents, seeds, batch, device
        self.dtype = getattr(torch, config.dtype)
        images = self.images = DATASETS[config.data](config)
        channels, side = images.train_x.shape[1:3]
        self.make = lambda: MODELS[config.model](channels, side, images.classes, config.width)
        with torch.device("meta"):  # no numbers, so none are drawn from torch's global generator
            self.skeleton = self.make()
        self.shapes = {name: tensor.shape for name, tensor in self.skeleton.named_parameters()}
        self.sizes = [math.prod(shape) for shape in self.shapes.values()]
        self.dim = sum(self.sizes)
        self.shares = np.stack([class_shares(seed, agents, images.classes, config.alpha) for seed in seeds])
        self.train_x = torch.as_tensor(images.train_x, dtype=self.dtype, device=device)
        self.train_y = torch.as_tensor(images.train_y, device=device)
        self.test_x = torch.as_tensor(images.test_x, dtype=self.dtype, device=device)
        self.test_y = torch.as_tensor(images.test_y, device=device)
        if config.sampling == "fixed":
            require(
                batch <= config.samples, f"batch must be at most samples = {config.samples} (fixed pools), not {batch}."
            )
            self.pools = np.stack(
                [
                    draw_images(stream(seed, "pool"), shares, images.train_y, (config.samples,))
                    for seed, shares in zip(seeds, self.shares, strict=True)
                ]
            )

    def unflatten(self, theta):
        """θ [d] as {parameter name: tensor}, by one split (whose backward is one concatenation)."""
        parts = theta.split(self.sizes)
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def logits(self, theta, x):
        """Outputs [n, classes] of the model θ [d] on images x [n, channels, side, side]."""
        return functional_call(self.skeleton, self.unflatten(theta), (x,))

    def init(self):
        """torch's default initial weights, from the stream "init"; every agent its own, or agent 0's for all."""
        drawn = self.agents if self.config.init == "different" else 1
        stacks = [torch.stack([self._one_init(seed, agent) for agent in range(drawn)]) for seed in self.seeds]
        return torch.stack(stacks).expand(-1, self.agents, -1).to(self.device, self.dtype).clone()

    def _one_init(self, seed, agent):
        with torch.random.fork_rng(devices=[]):  # torch's initializers know the global generator only
            torch.default_generator.manual_seed(int(stream(seed, "init", agent).integers(2**63)))
            return torch.cat([parameter.detach().flatten() for parameter in self.make().parameters()])

    def batches(self, round, steps):
        choose = self._resample if self.config.sampling == "resample" else self._epochs
        index = np.stack([choose(replica, round, steps) for replica in range(len(self.seeds))], axis=1)
        index = torch.as_tensor(index, device=self.device).flatten(1, 2)
        x, y = self.train_x[index], self.train_y[index]
        if self.config.augmentation != "none":
            self._augment(x, round)
        return x, y

    def _augment(self, x, round):
        """Replace x [steps, replicas · agents, batch, ...] by its augmented images, in place and step by step, so that
        beside x itself there are copies of one step only; each replica draws from its stream "augment"."""
        steps, shape = len(x), (self.agents, self.batch)
        draws = [draw(stream(seed, "augment", round), (steps, *shape)) for seed in self.seeds]
        for step in range(steps):
            for replica, images in enumerate(x[step].unflatten(0, (len(self.seeds), self.agents))):
                images[:] = augment(images.flatten(0, 1), draws[replica].at(step)).view_as(images)

    def _resample(self, replica, round, steps):
        generator = stream(self.seeds[replica], "batch", round)
        return draw_images(generator, self.shares[replica], self.images.train_y, (steps, self.batch))

    def _epochs(self, replica, round, steps):
        """Shuffled epochs over the fixed pools; an epoch has samples // batch batches, the rest is left out."""
        per_epoch = self.config.samples // self.batch
        out = np.empty((steps, self.agents, self.batch), dtype=np.int64)
        order = {}
        for step in range(steps):
            epoch, position = divmod(round * steps + step, per_epoch)
            if epoch not in order:
                keys = stream(self.seeds[replica], "epoch", epoch).random((self.agents, self.config.samples))
                order = {epoch: np.argsort(keys, axis=1, kind="stable")}
            chosen = order[epoch][:, position * self.batch : (position + 1) * self.batch]
            out[step] = np.take_along_axis(self.pools[replica], chosen, axis=1)
        return out

    def loss(self, theta, x, y):
        return cross_entropy(self.logits(theta, x), y, label_smoothing=self.config.label_smoothing)

    def class_weights(self, labels):
        """Weights of test or training samples under each agent's and under the global distribution.

        Returns ([replicas, agents, n], [replicas, n]): sample i of class c weighs π_k(c) / n_c; globally it weighs
        1/n ("test_set") or its mean over the agents ("mixture").
        """
        count = torch.bincount(labels, minlength=self.images.classes)
        shares = torch.as_tensor(self.shares, dtype=self.dtype, device=self.device)
        local = (shares / count)[..., labels]
        mixture = local.mean(dim=1)
        return local, (torch.full_like(mixture, 1 / len(labels)) if self.config.test == "test_set" else mixture)

    def test_scores(self, theta):
        """(correct, loss) of the models Θ [models, d] on every test image, each [models, n]; CHUNK images at a time."""
        parts = [vmap(self.logits, in_dims=(0, None))(theta, images) for images in self.test_x.split(CHUNK)]
        logits = torch.cat(parts, dim=1)
        correct = (logits.argmax(-1) == self.test_y).to(self.dtype)
        return correct, cross_entropy(logits.transpose(1, 2), self.test_y.expand(len(theta), -1), reduction="none")

    def measure(self, theta):
        """Definitions 1, C.1 and C.2: accuracy and loss of the agents' models and of the merged model.

        global_*, local_* are [replicas, agents] (each model on the global, on its own distribution); merged_* is the
        mean model θ̄ on the global distribution, [replicas].
        """
        local, overall = self.class_weights(self.test_y)
        models = torch.cat([theta, theta.mean(dim=1, keepdim=True)], dim=1)
        scores = self.test_scores(models.flatten(0, 1))
        out = {}
        for name, score in zip(("accuracy", "loss"), scores, strict=True):
            score = score.view(len(self.seeds), self.agents + 1, -1)
            globally = torch.einsum("ran,rn->ra", score, overall)
            out[f"global_{name}"] = globally[:, :-1]
            out[f"merged_{name}"] = globally[:, -1]
            out[f"local_{name}"] = torch.einsum("ran,ran->ra", score[:, :-1], local)
        return out

    def train_weights(self):
        """Weights [replicas, agents, n] of the training images in every L_k: of π_k, or of the agent's fixed pool."""
        if self.config.sampling == "resample":
            return self.class_weights(self.train_y)[0]
        count = np.apply_along_axis(np.bincount, -1, self.pools, minlength=len(self.train_y))
        return torch.as_tensor(count / self.config.samples, dtype=self.dtype, device=self.device)

    def weighted_loss(self, theta, weights):
        """Σ_i w_i ℓ(θ; x_i, y_i) over all training images: L_k(θ) for a row of `train_weights`, with no sampling."""
        losses = cross_entropy(
            self.logits(theta, self.train_x),
            self.train_y,
            reduction="none",
            label_smoothing=self.config.label_smoothing,
        )
        return (losses * weights).sum()

    def exact_losses(self):
        """(loss, data) of every L_k without sampling, as the probes of `sim.derivatives` take them."""
        return self.weighted_loss, (self.train_weights(),)

    def measure_gradients(self, theta):
        """Full-batch gradient norms of the training loss; L is the mean of the L_k (the mixture), as in the theory."""
        local = self.train_weights()
        gradient = vmap(grad(self.weighted_loss))
        own = gradient(theta.flatten(0, 1), local.flatten(0, 1)).view_as(theta)
        merged = gradient(theta.mean(dim=1), local.mean(dim=1))
        return {
            "gradient_norm_sq": (merged**2).sum(-1),
            "local_gradient_norm_sq": (own**2).sum(-1).mean(-1),
        }

    def polygon_loss(self, theta, weights):
        """Test loss of the weighted models Σ_k w_k θ_k: arrays Θ [agents, d], w [points, agents] -> array [points]."""
        weights, theta = (torch.as_tensor(a, dtype=self.dtype, device=self.device) for a in (weights, theta))
        losses = [self.test_scores(chunk)[1].mean(dim=1) for chunk in (weights @ theta).split(64)]
        return torch.cat(losses).cpu().numpy().astype(np.float64)
