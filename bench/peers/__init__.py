"""Regularisation paths beside the field's other packages, each in a process of its own."""
