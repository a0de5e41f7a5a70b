from typing_extensions import disjoint_base

from softreg_fast.kernels._screened import Screened

@disjoint_base
class ScalarEngine(Screened): ...
