from typing import Any

from typing_extensions import disjoint_base

from softreg_fast.kernels._scalars import ScalarEngine

@disjoint_base
class NonconvexEngine(ScalarEngine):
    def __init__(
        self,
        kind: int,
        shape: float,
        columns: Any,
        target: Any,
        target_sumsq: float,
        penalty: Any,
        n_threads: int = 1,
        most_slots: int = 4_000,
    ) -> None: ...
    @property
    def locally_convex(self) -> bool: ...
