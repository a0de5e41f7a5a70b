from typing import final

from softreg_fast.kernels._screened import Screened

@final
class RowEngine(Screened): ...
