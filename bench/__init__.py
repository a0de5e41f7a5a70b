"""Benchmarks: kernel by kernel and solver by solver, against NumPy, SciPy and scikit-learn.

    python -m bench.run --help

problems.py makes the data, solvers/ holds one adaptor for each contender, cases.py says what is
compared and what is expected, timing.py measures, certificate.py judges, report.py tells.
"""
