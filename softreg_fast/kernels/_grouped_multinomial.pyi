from typing_extensions import disjoint_base

from softreg_fast.kernels._multinomial import MultinomialNewton

@disjoint_base
class GroupedMultinomialNewton(MultinomialNewton): ...
