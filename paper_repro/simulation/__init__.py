"""`onemerge simulate`: any run, what its fields mean, which runs are asked for, what they gave."""
