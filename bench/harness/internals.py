"""Everything that the benchmarks import from softreg_fast beyond its public names."""

from softreg_fast import engines
from softreg_fast._cd import CoordinateDescent
from softreg_fast._columns import Columns
from softreg_fast._gradient import GradientUpdates
from softreg_fast.threads import config, effective_n_threads

__all__ = [
    "Columns",
    "CoordinateDescent",
    "GradientUpdates",
    "config",
    "effective_n_threads",
    "engines",
]
