import numpy as np
from numpy.typing import NDArray

_F64 = NDArray[np.float64]
_Index = NDArray[np.intp]

def engine_penalty(
    norm: _F64,
    y_norm: float,
    n_samples: float,
    standardize: bool,
    l1: _F64,
    l2: _F64,
    lower: _F64,
    upper: _F64,
) -> _F64: ...
def user_coefficients(
    norm: _F64,
    center: _F64,
    y_norm: float,
    lower: _F64,
    upper: _F64,
    starts: NDArray[np.int64],
    features: _Index,
    u: _F64,
) -> tuple[_F64, _F64]: ...
