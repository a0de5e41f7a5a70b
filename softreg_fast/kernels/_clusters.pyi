from typing import Any

from typing_extensions import disjoint_base

from softreg_fast.kernels._scalars import ScalarEngine
from softreg_fast.options.types import Vector

@disjoint_base
class Clusters(ScalarEngine):
    def __init__(
        self,
        lambdas: Vector,
        columns: Any,
        target: Any,
        target_sumsq: float,
        penalty: Any,
        n_threads: int = 1,
        most_slots: int = 4_000,
    ) -> None: ...
    def sizes(self) -> Vector: ...
