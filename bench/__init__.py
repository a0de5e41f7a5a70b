"""Benchmarks of every kernel and solver against NumPy, SciPy and scikit-learn.

    python -m bench.run --help

problems.py makes the data, solvers/ holds one adaptor for each package, cases.py lists the
comparisons and their expected ratios, timing.py measures times, certificate.py computes gaps, and
report.py writes the results.
"""
