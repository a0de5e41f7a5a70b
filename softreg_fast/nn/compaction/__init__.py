"""Cutting units that are zero out of PyTorch networks, and out of the state of their optimisers."""
