import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

_F64 = NDArray[np.float64]
_Index = NDArray[np.intp]

@disjoint_base
class RiskSets:
    def __init__(
        self,
        first: _Index,
        last: _Index,
        own: _Index,
        stratum: _Index,
        begins: _Index,
        weight: _F64,
        efron: bool,
    ) -> None: ...
    def evaluate(self, z: _F64) -> tuple[float, _F64, _F64]: ...
    def losses(self, z: _F64) -> _F64: ...
    def curve(self, z: _F64, step: _F64) -> _F64: ...
    def twin(self) -> RiskSets: ...
    def hazards(self, z: _F64) -> _F64: ...
    def part(
        self, z: _F64, k: float, before: _F64 | None = None, reference: _F64 | None = None
    ) -> float: ...

def concordance(
    y: _F64, order: _Index, entry: _Index, rank: _Index, s: _F64
) -> tuple[float, float]: ...
