"""Everything that the benchmarks import from softreg_fast beyond its public names."""

from softreg_fast.kernels._cd import CoordinateDescent
from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._gradient import GradientUpdates
from softreg_fast.solvers import engines
from softreg_fast.system.config import config
from softreg_fast.system.threads import effective_n_threads

__all__ = [
    "Columns",
    "CoordinateDescent",
    "GradientUpdates",
    "config",
    "effective_n_threads",
    "engines",
]
