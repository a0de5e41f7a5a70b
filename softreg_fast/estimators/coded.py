"""Estimators whose penalty may make groups of the columns of a frame."""

from __future__ import annotations

from typing import Any

from softreg_fast.data.tables import TableOptions
from softreg_fast.estimators.base import _LinearModel
from softreg_fast.penalties.by_column import options_for


class _ByPenalty(_LinearModel):
    """Base of these: the penalty of a fit, and X as it asks for it."""

    def _given(self) -> Any:
        # the object of softreg_fast.penalties, or a list of those between which folds decide
        raise NotImplementedError

    def _table_options(self) -> TableOptions:
        return options_for(self._given(), super()._table_options())
