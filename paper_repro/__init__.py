"""Reproductions of the paper's figures and tables, and the command line."""
