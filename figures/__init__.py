"""Figures as pure functions of tidy tables: DataFrame in, `matplotlib.figure.Figure` out (no torch, no pyplot)."""
