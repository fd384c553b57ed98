"""What `onemerge bench` measures: a benchmark maps a `row.Setting` to cases, callables that give their rows.

Each case takes turns with another way to compute the same in one process.
"""
