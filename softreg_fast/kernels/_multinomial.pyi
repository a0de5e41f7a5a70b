from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._proximal_newton import ProximalNewton

_F64 = NDArray[np.float64]

@disjoint_base
class MultinomialNewton(ProximalNewton):
    def __init__(
        self,
        columns: Columns,
        y: _F64,
        null_predictor: _F64,
        target: _F64,
        weight: _F64,
        null_deviance: float,
        fit_intercept: bool,
        penalty: Sequence[_F64],
        n_threads: int = 1,
        most_slots: int = 4_000,
    ) -> None: ...

def evaluate(y: _F64, z: _F64, weight: _F64) -> tuple[float, _F64, _F64]: ...
def part(y: _F64, z: _F64, theta: _F64, weight: _F64, k: float = 1.0) -> float: ...
