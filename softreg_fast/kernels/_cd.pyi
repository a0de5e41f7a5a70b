from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from softreg_fast.kernels._columns import Columns

_F64 = NDArray[np.float64]

CONVERGED: int
MAX_ITER: int
STALLED: int

def gap_at_dual_point(
    penalty: Sequence[_F64], u: _F64, z: _F64, point: tuple[float, float, float]
) -> float: ...
def distances(penalty: Sequence[_F64], u: _F64, z: _F64) -> _F64: ...

@final
class CoordinateDescent:
    coef: _F64
    residual: _F64
    gradient: _F64
    start: _F64
    gap: float
    n_epochs: int
    def __init__(
        self,
        columns: Columns,
        target: _F64,
        target_sumsq: float,
        curvature: _F64,
        penalty: Sequence[_F64],
        n_threads: int = 1,
        rng: Any = None,
    ) -> None: ...
    @property
    def residual_sumsq(self) -> float: ...
    def refresh(self) -> None: ...
    def scan(self) -> None: ...
    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int: ...
    def certify(self, l1_strength: float, l2_strength: float) -> float: ...
    def epochs(self, chosen: NDArray[np.intp], count: int) -> float: ...
