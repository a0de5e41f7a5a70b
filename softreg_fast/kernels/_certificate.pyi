from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_F64 = NDArray[np.float64]

def gap_at_dual_point(
    penalty: Sequence[_F64], u: _F64, z: _F64, point: tuple[float, float, float]
) -> float: ...
def distances(penalty: Sequence[_F64], u: _F64, z: _F64) -> _F64: ...
