from typing_extensions import disjoint_base

from softreg_fast.kernels._scalars import ScalarEngine

@disjoint_base
class WeightedGram(ScalarEngine): ...
