from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from softreg_fast.kernels._columns import Columns

_F64 = NDArray[np.float64]

@final
class GradientUpdates:
    coef: _F64
    residual: _F64
    n_steps: int
    def __init__(
        self,
        columns: Columns,
        target: _F64,
        ridge: _F64,
        penalty: Sequence[_F64],
        coef: _F64 | None = None,
        n_threads: int = 1,
    ) -> None: ...
    def descend(self, step: float, count: int) -> None: ...
    def accelerate(self, step: float, count: int) -> None: ...
    def settle(self) -> None: ...

def largest_eigenvalue(columns: Columns, start: _F64, count: int, n_threads: int = 1) -> float: ...
