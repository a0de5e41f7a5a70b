"""Penalties: values, proximal steps and violations of stationarity, for arrays and tensors.

Nothing of PyTorch or Keras is imported here.
"""

from softreg_fast.penalties.base import Penalty
from softreg_fast.penalties.elementwise import L1, L2, ElasticNet, NonNegative
from softreg_fast.penalties.groups import GroupLasso, SparseGroupLasso
from softreg_fast.penalties.nonconvex import MCP, SCAD, LHalf, LogSum

__all__ = [
    "L1",
    "L2",
    "MCP",
    "SCAD",
    "ElasticNet",
    "GroupLasso",
    "LHalf",
    "LogSum",
    "NonNegative",
    "Penalty",
    "SparseGroupLasso",
]
