from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from softreg_fast.kernels._columns import Columns

_F64 = NDArray[np.float64]

CONVERGED: int
MAX_ITER: int
STALLED: int
NO_ROOM: int

def large_rows(n_rows: int, length: int) -> _F64: ...

@disjoint_base
class Slots:
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
    def keep(self, status: int) -> None: ...
    def kept(self) -> tuple[NDArray[np.intp], _F64, _F64]: ...
    def count_nonzero(self) -> int: ...
