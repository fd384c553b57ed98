"""A `sim.network.Classification` on a device: flat models θ [d], trained on skewed shares of images."""

import math
from contextlib import nullcontext
from functools import cached_property

import numpy as np
import torch
from torch.func import functional_call, vmap
from torch.nn.functional import cross_entropy

from sim import statistics as running
from sim.data.sampling import Sampler
from sim.data.sets import DATASETS, class_shares
from sim.execution import LARGE, TOGETHER
from sim.models import MODELS
from sim.models.pretraining import pretrained_layers
from sim.models.vision import clip_weights
from sim.randomness import stream
from sim.scores import Scores
from sim.stacked import stacked
from theory.errors import require


class ClassificationProblem(Scores):
    """Agents with class distributions π [replicas, agents, classes] of `shares`.

    Models with BatchNorm carry its running means and variances as statistics s [b]: local steps use the statistics of
    the batch and keep the running ones, measures use those. `merged_statistics` says which ones a merged model has.
    """

    def __init__(self, config, agents, seeds, batch, device):
        self.config, self.agents, self.seeds, self.batch, self.device = config, agents, seeds, batch, device
        require(
            config.compute != "tf32" or device.type == "cuda",
            f"compute 'tf32' needs a CUDA device, not {device.type}; valid here: same, bf16.",
        )
        self.dtype = getattr(torch, config.dtype)
        images = self.images = DATASETS[config.data](config)
        channels, side = images.train_x.shape[1:3]
        self.make = lambda: MODELS[config.model](channels, side, images.classes, config.width)
        with torch.device("meta"):  # no numbers, so none are drawn from torch's global generator
            self.skeleton = self.make()
        self.shapes = {name: tensor.shape for name, tensor in self.skeleton.named_parameters()}
        self.sizes = [math.prod(shape) for shape in self.shapes.values()]
        self.dim = sum(self.sizes)
        products = torch.bfloat16 if config.compute == "bf16" else None
        self.kernel = stacked(self.skeleton, self.shapes, products)
        self.training, self.evaluation = running.modes(self.skeleton)
        self.statistics = running.size(self.skeleton)
        self.mixes_statistics = self.statistics > 0 and config.statistics_gossip == "mix"
        self.reestimates = self.statistics > 0 and config.merged_statistics == "reestimate"
        self.shares = np.stack([class_shares(seed, agents, images.classes, config.alpha) for seed in seeds])
        self.sampler = Sampler(config.sampling, config.samples, images.train_y, self.shares, seeds, batch)
        self.train_x = torch.as_tensor(images.train_x, dtype=self.dtype, device=device)
        self.train_y = torch.as_tensor(images.train_y, device=device)
        self.test_x = torch.as_tensor(images.test_x, dtype=self.dtype, device=device)
        self.test_y = torch.as_tensor(images.test_y, device=device)

    def unflatten(self, theta):
        """θ [d] as {parameter name: tensor}, by one split (whose backward is one concatenation)."""
        parts = theta.split(self.sizes)
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def logits(self, theta, x, statistics=None):
        """Outputs [n, classes] of the model θ [d] on images x [n, channels, side, side], with its running statistics
        [b] where it has BatchNorm."""
        if self.statistics:
            return running.eval_logits(self.evaluation, self.unflatten(theta), statistics, x)
        return functional_call(self.skeleton, self.unflatten(theta), (x,))

    def init(self):
        """torch's default initial weights, from the stream "init"; every agent its own, or agent 0's for all. What is
        pretrained is the same for all."""
        drawn = 1 if self.config.init == "same" else self.agents
        theta = torch.empty(len(self.seeds), self.agents, self.dim, dtype=self.dtype, device=self.device)
        for replica, seed in enumerate(self.seeds):
            for agent in range(drawn):
                theta[replica, agent] = self._one_init(seed, agent)
        if drawn < self.agents:
            theta[:, 1:] = theta[:, :1]
        return theta

    def _one_init(self, seed, agent):
        with torch.random.fork_rng(devices=[]):  # torch's initializers know the global generator only
            torch.default_generator.manual_seed(int(stream(seed, "init", agent).integers(2**63)))
            drawn = self.make().named_parameters()
        start = {name: parameter.detach() for name, parameter in drawn} | self.pretrained
        return torch.cat([start[name].flatten() for name in self.shapes])

    @cached_property
    def pretrained(self):
        """{parameter name: tensor} of the pretrained part of the model; empty where none is asked for."""
        config = self.config
        if config.init == "pretrained":
            return pretrained_layers(config.model, config.width, config.side, config.pretraining_steps)
        return {} if config.weights is None else clip_weights(self.skeleton, config.weights)

    def init_statistics(self):
        """Running means 0 and variances 1 of every agent [replicas, agents, b]."""
        start = running.initial(self.skeleton, self.dtype, self.device)
        return start.expand(len(self.seeds), self.agents, -1).clone()

    def batches(self, round, steps):
        """(images [n, batch, ...], labels [n, batch]) of each step, gathered when its turn comes."""
        index = torch.as_tensor(self.sampler.indices(round, steps), device=self.device)
        augmented = self.sampler.augmenter(round, steps) if self.config.augmentation != "none" else None
        for step in range(steps):
            x = self.train_x[index[step]]
            if augmented is not None:
                augmented(step, x)
            yield x, self.train_y[index[step]]

    @property
    def gradients(self):
        """Stacked gradients of all agents, for models that have them (sim.stacked), else None."""
        return None if self.kernel is None else self._gradients

    def _gradients(self, theta, x, y):
        return self.kernel(theta, x, y, self.config.label_smoothing)

    def chunk(self, execution, models):
        """Models of a chunk: what fits a cache with the stacked products, a few under vmap."""
        if execution == "vmap":
            return TOGETHER
        shape = self.batch, *self.images.train_x.shape[1:]
        return self.kernel.chunk(shape, self.dtype, self.device, models)

    def loss(self, theta, x, y):
        """The training loss of a batch; a model with BatchNorm takes the statistics of the batch."""
        if self.statistics:
            return self.loss_and_statistics(theta, theta.new_zeros(self.statistics), x, y)[0]
        with self._autocast():
            logits = self.logits(theta, x)
        return cross_entropy(logits.to(self.dtype), y, label_smoothing=self.config.label_smoothing)

    def loss_and_statistics(self, theta, statistics, x, y):
        """(the same, the running statistics after the batch)."""
        with self._autocast():
            logits, moved = running.train_logits(self.training, self.unflatten(theta), statistics, x)
        loss = cross_entropy(logits.to(self.dtype), y, label_smoothing=self.config.label_smoothing)
        return loss, moved

    def _autocast(self):
        """Products in bfloat16, sums and models as they are stored; no cache, which would outlive a transform."""
        if self.config.compute != "bf16":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False)

    def precision(self):
        """What products of float32 are computed in: TF32 where asked for, else float32, whatever torch's default."""
        if self.device.type != "cuda":
            return nullcontext()
        return matmul_precision(self.config.compute == "tf32")

    def merged_statistics(self, merged, statistics):
        """The statistics [replicas, b] of merged models [replicas, d]: estimated again, or the agents' mean."""
        if not self.reestimates:
            return statistics.mean(dim=1)
        return torch.stack([self.reestimated(seed, theta) for seed, theta in zip(self.seeds, merged, strict=True)])

    @torch.no_grad()
    def reestimated(self, seed, theta):
        """The statistics [b] of the model θ [d] itself, over clean training images (not augmented) in batches, drawn
        without replacement from the stream "statistics" of the seed; a rest that makes no batch is left out."""
        count = min(self.config.statistics_images, len(self.train_y))
        index = stream(seed, "statistics").permutation(len(self.train_y))[:count]
        size = min(self.batch, count)
        parts = torch.as_tensor(index, device=self.device).split(size)
        images = (self.train_x[part] for part in parts if len(part) == size)
        return running.reestimate(self.training, self.unflatten(theta), images)

    @property
    def one_by_one(self):
        """Whether models are quicker one after the other: large ones, and those of many convolutions, which become
        grouped convolutions where they are stacked."""
        return self.dim > LARGE or self.statistics > 0

    def all_logits(self, theta, x, statistics=None):
        """Outputs [models, n, classes] of models Θ [models, d] on the same images."""
        if self.kernel is not None:
            return self.kernel.logits(theta, x)
        rows = (theta,) if statistics is None else (theta, statistics)
        one = (lambda t: self.logits(t, x)) if statistics is None else (lambda t, s: self.logits(t, x, s))
        if self.one_by_one:
            return torch.stack([one(*row) for row in zip(*rows, strict=True)])
        return vmap(one)(*rows)


class matmul_precision:
    """TF32 or not, inside; as it was, after."""

    def __init__(self, tf32):
        self.tf32 = tf32

    def __enter__(self):
        self.before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
        torch.set_float32_matmul_precision("high" if self.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = self.tf32

    def __exit__(self, *error):
        torch.set_float32_matmul_precision(self.before[0])
        torch.backends.cudnn.allow_tf32 = self.before[1]
