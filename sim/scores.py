"""Accuracy, loss and exact gradients of stacked models on all images, agent by agent and merged."""

import torch
from torch.func import grad, vmap
from torch.nn.functional import cross_entropy

from theory.errors import require

CHUNK = 512  # images whose activations are in memory at once
TOGETHER = 2**26  # numbers of weighted models in memory at once


class Scores:
    """The measures of a `sim.classifier.ClassificationProblem`."""

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

    @torch.no_grad()
    def test_scores(self, theta, statistics=None):
        """(correct, loss) of the models Θ [models, d] on every test image, each [models, n]; CHUNK images at a time."""
        correct, losses = [], []
        for x, y in zip(self.test_x.split(CHUNK), self.test_y.split(CHUNK), strict=True):
            logits = self.all_logits(theta, x, statistics)
            correct.append((logits.argmax(-1) == y).to(self.dtype))
            losses.append(cross_entropy(logits.transpose(1, 2), y.expand(len(theta), -1), reduction="none"))
        return torch.cat(correct, dim=1), torch.cat(losses, dim=1)

    def measure(self, theta, statistics=None):
        """Definitions 1, C.1 and C.2: accuracy and loss of the agents' models and of the merged model.

        global_*, local_* are [replicas, agents] (each model on the global, on its own distribution); merged_* is the
        mean model θ̄ on the global distribution, [replicas], with the statistics of `merged_statistics`.
        """
        local, overall = self.class_weights(self.test_y)
        merged = theta.mean(dim=1)
        own = None if statistics is None else self.merged_statistics(merged, statistics)
        each, mean = self.test_scores(theta.flatten(0, 1), _flat(statistics)), self.test_scores(merged, own)
        out = {}
        for name, score, merged_score in zip(("accuracy", "loss"), each, mean, strict=True):
            score = score.view(len(self.seeds), self.agents, -1)
            out[f"global_{name}"] = torch.einsum("ran,rn->ra", score, overall)
            out[f"merged_{name}"] = torch.einsum("rn,rn->r", merged_score, overall)
            out[f"local_{name}"] = torch.einsum("ran,ran->ra", score, local)
        return out

    def train_weights(self):
        """Weights [replicas, agents, n] of the training images in every L_k: of π_k, or of the agent's fixed pool."""
        pools = self.sampler.pools
        if pools is None:
            return self.class_weights(self.train_y)[0]
        weights = torch.zeros(*pools.shape[:2], len(self.train_y), dtype=self.dtype)
        index = torch.as_tensor(pools)
        weights.scatter_add_(-1, index, torch.ones_like(index, dtype=self.dtype))
        return (weights / self.config.samples).to(self.device)

    def weighted_loss(self, theta, weights, statistics=None):
        """Σ_i w_i ℓ(θ; x_i, y_i) over all training images: L_k(θ) for a row of `train_weights`, with no sampling."""
        return self.loss_of_images(theta, self.train_x, self.train_y, weights, statistics)

    def loss_of_images(self, theta, x, y, weights, statistics=None):
        """Σ_i w_i ℓ(θ; x_i, y_i) over some images, with the running statistics where the model has BatchNorm."""
        smoothing = self.config.label_smoothing
        losses = cross_entropy(self.logits(theta, x, statistics), y, reduction="none", label_smoothing=smoothing)
        return (losses * weights).sum()

    def exact_losses(self):
        """(loss, data) of every L_k without sampling, as the probes of `sim.probes.derivatives` take them."""
        return self.weighted_loss, (self.train_weights(),)

    def measure_gradients(self, theta, statistics=None):
        """Full-batch gradient norms of the training loss; L is the mean of the L_k (the mixture), as in the theory."""
        local, merged = self.train_weights(), theta.mean(dim=1)
        at_mean = None if statistics is None else self.merged_statistics(merged, statistics)
        own = self.full_gradients(theta.flatten(0, 1), local.flatten(0, 1), _flat(statistics))
        total = self.full_gradients(merged, local.mean(dim=1), at_mean)
        return {
            "gradient_norm_sq": (total**2).sum(-1),
            "local_gradient_norm_sq": (own**2).sum(-1).view(theta.shape[:2]).mean(-1),
        }

    def full_gradients(self, theta, weights, statistics=None):
        """Gradients [n, d] of the weighted losses of models [n, d], stacked, or one by one over CHUNK images where they
        are large."""
        if not self.one_by_one:
            rows = (theta, weights) if statistics is None else (theta, weights, statistics)
            return vmap(grad(self.weighted_loss))(*rows)
        out = torch.zeros_like(theta)
        slope = grad(self.loss_of_images)
        for k in range(len(theta)):
            extra = () if statistics is None else (statistics[k],)
            chunks = zip(self.train_x.split(CHUNK), self.train_y.split(CHUNK), weights[k].split(CHUNK), strict=True)
            for x, y, w in chunks:
                out[k] += slope(theta[k], x, y, w, *extra)
        return out

    def polygon_loss(self, theta, weights):
        """Test loss of the weighted models Σ_k w_k θ_k: arrays Θ [agents, d], w [points, agents] -> array [points].

        Of models with BatchNorm every one estimates its statistics again, as the merged model does, on the images of
        the first seed. Errors: the merged model takes the mean of the agents' statistics, which are not given here.
        """
        require(
            self.reestimates or not self.statistics,
            "weighted models estimate their statistics again: merged_statistics must be reestimate, not "
            f"{self.config.merged_statistics}.",
        )
        weights, theta = (torch.as_tensor(a, dtype=self.dtype, device=self.device) for a in (weights, theta))
        losses = []
        for some in weights.split(max(1, min(64, TOGETHER // self.dim))):
            models = some @ theta
            own = torch.stack([self.reestimated(self.seeds[0], one) for one in models]) if self.statistics else None
            losses.append(self.test_scores(models, own)[1].mean(dim=1))
        return torch.cat(losses).cpu().double().numpy()


def _flat(statistics):
    return None if statistics is None else statistics.flatten(0, 1)
