"""Cross-validation: beside other packages, and in units of our own work.

python -m bench.cv.run --help
"""
