from typing import Any, final

import numpy as np
from numpy.typing import NDArray

_F64 = NDArray[np.float64]
_Index = NDArray[np.intp]

def check_compressed(indptr: NDArray[Any], indices: NDArray[Any], n_minor: int) -> str: ...

@final
class Columns:
    capsule: Any
    entries: _F64 | None
    def __init__(
        self,
        X: Any,
        center: _F64 | None = None,
        scale: _F64 | None = None,
        weight: _F64 | None = None,
        blocks: int = 1,
    ) -> None: ...
    def reweigh(self) -> None: ...
    @classmethod
    def gram(cls, Q: _F64) -> Columns: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def is_gram(self) -> bool: ...
    def moments(
        self, centered: bool, n_threads: int = 1, out: _F64 | None = None
    ) -> tuple[_F64, _F64, _F64]: ...
    def slopes(
        self, v: _F64, out: _F64, chosen: _Index | None = None, n_threads: int = 1
    ) -> None: ...
    def slopes_of_tasks(self, V: _F64, out: _F64, n_threads: int = 1) -> None: ...
    def subtract_product(self, u: _F64, v: _F64, n_threads: int = 1) -> None: ...
    def residual_sumsq(self, v: _F64) -> float: ...
    def gather(
        self, row: int, out: _F64, chosen: _Index | None = None, n_threads: int = 1
    ) -> None: ...
    def gram_block(
        self,
        rows: _Index,
        columns: _Index,
        out: _F64,
        n_threads: int = 1,
        lower: bool = False,
    ) -> None: ...
    def crossproduct(
        self,
        out: _F64,
        chosen: _Index,
        factor: _F64 | None = None,
        of_samples: bool = False,
        n_threads: int = 1,
        rows: _Index | None = None,
        extra: _F64 | None = None,
    ) -> None: ...
    def gram_entries(self, chosen: _Index) -> _F64: ...
