import numpy as np
from numpy.typing import NDArray

_F64 = NDArray[np.float64]
_Index = NDArray[np.intp]

KINDS: dict[str, int]

def deviances(kind: str, y: _F64, z: _F64, weight: _F64, parameter: float = 0.0) -> _F64: ...
def class_deviances(own: _Index, z: _F64, weight: _F64) -> _F64: ...
def areas(scores: _F64, order: _Index, ones: _F64, zeros: _F64) -> _F64: ...
