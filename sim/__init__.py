"""The stacked simulator: many agents, many seeds, one tensor Θ [replicas, agents, d]."""
