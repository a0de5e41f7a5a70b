"""Whole regularisation paths and single fits, and their results."""
