"""Cross-validation compared with other packages, and relative to our own operations.

python -m bench.cv.run --help
"""
