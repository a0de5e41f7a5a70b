from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._weighted_gram import WeightedGram

_F64 = NDArray[np.float64]

@disjoint_base
class LocalModel(WeightedGram):
    n_steps: int
    n_grams: int
    n_halvings: int
    def __init__(
        self,
        columns: Columns,
        reference: Columns,
        center: _F64,
        weight: _F64,
        y: _F64,
        null_predictor: _F64,
        target: _F64,
        null_deviance: float,
        loss: tuple[str, float],
        fit_intercept: bool,
        penalty: Sequence[_F64],
        n_threads: int = 1,
        most_slots: int = 4_000,
    ) -> None: ...
