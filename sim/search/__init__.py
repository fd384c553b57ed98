"""The search for violations of a statement: attacks that climb, exact instances of fractions, and intervals."""
