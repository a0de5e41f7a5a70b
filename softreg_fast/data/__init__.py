"""X and y: checks, names, and the design that solvers read."""
