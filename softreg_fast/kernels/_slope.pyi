from typing_extensions import disjoint_base

from softreg_fast.kernels._clusters import Clusters
from softreg_fast.options.types import Vector

def in_units(slopes: Vector, q: Vector) -> Vector: ...
def dual_norm(sizes: Vector, lambdas: Vector) -> float: ...

@disjoint_base
class SlopeEngine(Clusters): ...
