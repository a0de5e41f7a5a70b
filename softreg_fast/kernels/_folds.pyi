import numpy as np
from numpy.typing import NDArray

_F64 = NDArray[np.float64]

def training_moments(
    total: _F64, test: _F64, n_targets: int, centered: bool, cancellation: float
) -> tuple[_F64, _F64, _F64, _F64] | None: ...
def squared_errors(
    M: _F64,
    norm: _F64,
    center: _F64,
    y_norm: float,
    intercepts: _F64,
    n_targets: int,
    starts: NDArray[np.int64],
    features: NDArray[np.int64],
    w: _F64,
) -> tuple[_F64, _F64]: ...
