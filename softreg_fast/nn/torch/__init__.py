"""Sparse training in PyTorch: penalties of parameters, proximal steps, optimisers."""
