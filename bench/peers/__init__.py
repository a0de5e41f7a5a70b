"""Comparison of regularisation paths with other packages, each in its own process."""
