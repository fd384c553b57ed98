"""Proofs as data, the engines that decide their steps, and the evidence that the ledger is computed from."""
