"""How decentralized learning is usually simulated, the paper's official code among it: the peer of the networks.

One nn.Module and one torch.optim.SGD an agent, stepped in a Python loop; gossip on a flat host buffer to which the
models that talk are copied, and from which they are read back.
"""

from contextlib import nullcontext

import numpy as np
import torch
from scipy.sparse import issparse
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from sim.randomness import stream


class Modules:
    """The agents of a `ClassificationProblem` of one seed, from its own initial models, batches and gossip."""

    def __init__(self, problem, schedule, lr):
        self.problem, self.schedule = problem, schedule
        self.agents = [problem.make().to(problem.device) for _ in range(problem.agents)]
        for network, theta in zip(self.agents, problem.init()[0], strict=True):
            vector_to_parameters(theta, network.parameters())
        self.optimizers = [torch.optim.SGD(network.parameters(), lr=lr) for network in self.agents]
        bf16 = problem.config.compute == "bf16"
        self.precision = torch.autocast(problem.device.type, torch.bfloat16) if bf16 else nullcontext()

    def round(self, t, steps):
        """Local steps of all agents, one agent after the other, then gossip."""
        problem = self.problem
        index = torch.as_tensor(problem.sampler.indices(t, steps), device=problem.device)
        for k, (network, optimizer) in enumerate(zip(self.agents, self.optimizers, strict=True)):
            for step in range(steps):
                own = index[step, k]
                optimizer.zero_grad()
                with self.precision:
                    logits = network(problem.train_x[own])
                cross_entropy(logits.to(problem.dtype), problem.train_y[own]).backward()
                optimizer.step()
        self._gossip(self.schedule(t, stream(problem.seeds[0], "gossip", t)))

    @torch.no_grad()
    def _gossip(self, W):
        """x_i <- Σ_j W_ij x_j on the host, among those who talk; running statistics are mixed as models are."""
        W = W.toarray() if issparse(W) else W
        talking = np.flatnonzero((W.diagonal() != 1) | ((W != 0).sum(axis=0) > 1))
        if len(talking) == 0:
            return
        mixing = torch.as_tensor(W[np.ix_(talking, talking)], dtype=self.problem.dtype)
        buffer = torch.stack([self._flat(k).cpu() for k in talking])
        for k, mixed in zip(talking, mixing @ buffer, strict=True):
            leaves = self._leaves(k)
            for leaf, part in zip(leaves, mixed.split([leaf.numel() for leaf in leaves]), strict=True):
                leaf.copy_(part.view_as(leaf))

    def _leaves(self, k):
        floats = (buffer for buffer in self.agents[k].buffers() if buffer.is_floating_point())
        return [*self.agents[k].parameters(), *floats]

    def _flat(self, k):
        return torch.cat([leaf.flatten() for leaf in self._leaves(k)])

    def theta(self):
        """All models [agents, d], without running statistics."""
        return torch.stack([parameters_to_vector(network.parameters()) for network in self.agents]).detach()
