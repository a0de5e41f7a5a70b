"""Everything that the benchmarks import from softreg_fast beyond its public names."""

from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._descent import CoordinateDescent
from softreg_fast.kernels._gradient import GradientUpdates
from softreg_fast.solvers.choice import make_engine
from softreg_fast.solvers.problem import Problem as FitProblem
from softreg_fast.system.config import config
from softreg_fast.system.threads import effective_n_threads

__all__ = [
    "Columns",
    "CoordinateDescent",
    "FitProblem",
    "GradientUpdates",
    "config",
    "effective_n_threads",
    "make_engine",
]
