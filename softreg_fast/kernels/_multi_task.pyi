from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from softreg_fast.kernels._columns import Columns

_F64 = NDArray[np.float64]

CONVERGED: int
MAX_ITER: int
STALLED: int
NO_ROOM: int

def slopes_of_rows(columns: Columns, V: _F64, out: _F64, n_threads: int = 1) -> None: ...
def gap_at_dual_point(
    penalty: Sequence[_F64], u: _F64, z: _F64, point: tuple[float, float, float]
) -> float: ...
def distances(penalty: Sequence[_F64], u: _F64, z: _F64) -> _F64: ...

@final
class RowEngine:
    coef: _F64
    gap: float
    n_epochs: int
    n_newton: int
    def __init__(
        self,
        columns: Columns,
        target: _F64,
        target_sumsq: float,
        penalty: Sequence[_F64],
        n_threads: int = 1,
        most_slots: int = 4_000,
    ) -> None: ...
    @property
    def residual_sumsq(self) -> float: ...
    @property
    def n_reads(self) -> float: ...
    @property
    def n_slots(self) -> int: ...
    def refresh(self) -> None: ...
    def approach(self, l1_strength: float, l2_strength: float, max_iter: int) -> int: ...
    def know(self, slopes: _F64) -> None: ...
    def entry_strength(self, slopes: _F64) -> float: ...
    def keep(self, status: int) -> None: ...
    def kept(self) -> tuple[NDArray[np.intp], _F64, _F64]: ...
    def count_nonzero(self) -> int: ...
    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int: ...

@final
class RowDescent:
    coef: _F64
    residual: _F64
    gradient: _F64
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
    ) -> None: ...
    @property
    def residual_sumsq(self) -> float: ...
    def refresh(self) -> None: ...
    def certify(self, l1_strength: float, l2_strength: float) -> float: ...
    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int: ...
