"""Topologies, mixing matrices, random gossip, spectral quantities and convergence bounds (no torch, no pandas)."""
