from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from softreg_fast.kernels._columns import Columns

_F64 = NDArray[np.float64]

@disjoint_base
class Descent:
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
    def scan(self) -> None: ...
    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int: ...
    def certify(self, l1_strength: float, l2_strength: float) -> float: ...

@final
class CoordinateDescent(Descent):
    start: _F64
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
    def epochs(self, chosen: NDArray[np.intp], count: int) -> float: ...

@final
class RowDescent(Descent): ...
