import numpy as np
from numpy.typing import NDArray

_F64 = NDArray[np.float64]

KINDS: dict[str, int]

def evaluate(
    kind: str, y: _F64, z: _F64, weight: _F64 | None = None, parameter: float = 0.0
) -> tuple[float, _F64, _F64]: ...
def part(
    kind: str,
    y: _F64,
    z: _F64,
    theta: _F64,
    weight: _F64 | None = None,
    k: float = 1.0,
    parameter: float = 0.0,
    residual: _F64 | None = None,
    curvature: _F64 | None = None,
) -> float: ...
def null_model(
    kind: str,
    y: _F64,
    z: _F64,
    weight: _F64 | None = None,
    parameter: float = 0.0,
    rounding: float = 0.0,
) -> tuple[float, float, _F64]: ...
def squared_null(
    y: _F64, weight: _F64 | None, fit_intercept: bool, smallest: float
) -> tuple[float, float, _F64]: ...
