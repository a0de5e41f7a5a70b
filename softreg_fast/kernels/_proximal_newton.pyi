import numpy as np
from numpy.typing import NDArray

from softreg_fast.kernels._local_model import LocalModel

_F64 = NDArray[np.float64]

class ProximalNewton(LocalModel):
    def solve_along(  # type: ignore[override]
        self, alphas: _F64, l1_ratio: float, aim: float, tol: float, max_iter: int
    ) -> None: ...
    def move_intercepts(self, by: _F64) -> None: ...
    @property
    def predictor(self) -> _F64: ...
    @property
    def intercepts(self) -> _F64: ...
    @property
    def dual_point(self) -> _F64: ...
