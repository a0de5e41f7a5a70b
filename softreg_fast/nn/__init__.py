"""Sparse training of neural networks: the penalties of regression on the weights of layers."""

from softreg_fast.nn.groups import GroupLasso, SparseGroupLasso
from softreg_fast.nn.penalties import L1, L2, MCP, SCAD, ElasticNet, LHalf, NonNegative, Penalty

__all__ = [
    "L1",
    "L2",
    "MCP",
    "SCAD",
    "ElasticNet",
    "GroupLasso",
    "LHalf",
    "NonNegative",
    "Penalty",
    "SparseGroupLasso",
]
