"""Checks of the exercises in notebooks/: each module holds one chapter, and computes the right answers."""
