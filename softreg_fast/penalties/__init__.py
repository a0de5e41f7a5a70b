"""Penalties: values, proximal steps and violations of stationarity, for arrays and tensors.

Nothing of PyTorch or Keras is imported here.
"""

from softreg_fast.penalties.base import Penalty
from softreg_fast.penalties.elementwise import L1, L2, ElasticNet, NonNegative
from softreg_fast.penalties.group_mcp import GroupMCP
from softreg_fast.penalties.groups import GroupLasso, SparseGroupLasso
from softreg_fast.penalties.nonconvex import MCP, SCAD, LHalf, LogSum
from softreg_fast.penalties.quadratic import Tikhonov, difference_matrix, graph_laplacian
from softreg_fast.penalties.sorted import SLOPE

__all__ = [
    "L1",
    "L2",
    "MCP",
    "SCAD",
    "SLOPE",
    "ElasticNet",
    "GroupLasso",
    "GroupMCP",
    "LHalf",
    "LogSum",
    "NonNegative",
    "Penalty",
    "SparseGroupLasso",
    "Tikhonov",
    "difference_matrix",
    "graph_laplacian",
]
