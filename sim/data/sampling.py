"""Which training images the agents see in which step: drawn on the CPU, one replica after the other."""

import numpy as np

from sim.data.augment import augment, draw
from sim.data.sets import draw_images
from sim.randomness import stream
from theory.errors import require


class Sampler:
    """Batches of `batch` images for agents with the class distributions π [replicas, agents, classes] of `shares`.

    "resample" draws every batch afresh from π_k, "fixed" goes through a pool of `samples` images an agent, drawn once,
    in shuffled epochs.
    """

    def __init__(self, sampling, samples, labels, shares, seeds, batch):
        self.samples, self.labels, self.shares, self.seeds, self.batch = samples, labels, shares, seeds, batch
        self.choose = self._resample if sampling == "resample" else self._epochs
        self.pools = None
        if sampling == "fixed":
            require(batch <= samples, f"batch must be at most samples = {samples} (fixed pools), not {batch}.")
            self.pools = np.stack(
                [
                    draw_images(stream(seed, "pool"), own, labels, (samples,))
                    for seed, own in zip(seeds, shares, strict=True)
                ]
            )

    def indices(self, round, steps):
        """Indices [steps, replicas · agents, batch] of the training images of a round."""
        index = np.stack([self.choose(replica, round, steps) for replica in range(len(self.seeds))], axis=1)
        return index.reshape(steps, -1, self.batch)

    def _resample(self, replica, round, steps):
        generator = stream(self.seeds[replica], "batch", round)
        return draw_images(generator, self.shares[replica], self.labels, (steps, self.batch))

    def _epochs(self, replica, round, steps):
        """An epoch has samples // batch batches, the rest is left out."""
        agents, per_epoch = self.shares.shape[1], self.samples // self.batch
        out = np.empty((steps, agents, self.batch), dtype=np.int64)
        order = {}
        for step in range(steps):
            epoch, position = divmod(round * steps + step, per_epoch)
            if epoch not in order:
                keys = stream(self.seeds[replica], "epoch", epoch).random((agents, self.samples))
                order = {epoch: np.argsort(keys, axis=1, kind="stable")}
            chosen = order[epoch][:, position * self.batch : (position + 1) * self.batch]
            out[step] = np.take_along_axis(self.pools[replica], chosen, axis=1)
        return out

    def augmenter(self, round, steps):
        """A function (step, x [replicas · agents, batch, ...]) that replaces the images by augmented ones, in place, so
        that beside x there is a copy of one replica's; each replica draws from its stream "augment"."""
        agents = self.shares.shape[1]
        draws = [draw(stream(seed, "augment", round), (steps, agents, self.batch)) for seed in self.seeds]

        def replace(step, x):
            for drawn, images in zip(draws, x.unflatten(0, (len(self.seeds), agents)), strict=True):
                images[:] = augment(images.flatten(0, 1), drawn.at(step)).view_as(images)

        return replace
