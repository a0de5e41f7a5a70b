"""Estimators whose penalty may make groups of the categorical columns of a frame."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from softreg_fast.data.coding import Coding
from softreg_fast.penalties.by_column import coded_for


class _ByPenalty:
    """Base of these: the penalty of a fit, and X as it asks for it."""

    def _given(self) -> Any:
        # the object of softreg_fast.penalties, or a list of those between which folds decide
        raise NotImplementedError

    def _coded(self, X: Any) -> Any:
        return coded_for(X, self._given())


class _ByColumn(_ByPenalty):
    """Base of those that have the coding among their attributes."""

    _coding: Coding | None

    @property
    def coding_(self) -> Coding | None:
        """Coding of the columns of a frame as features; None where each is one."""
        check_is_fitted(self)
        return self._coding
