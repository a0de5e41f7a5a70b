"""Sparse networks as scikit-learn estimators."""
