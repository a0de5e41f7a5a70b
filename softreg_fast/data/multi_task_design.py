"""MultiTaskDesign: a Design whose target has several columns, fitted together."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.design import Design
from softreg_fast.data.labels import Given
from softreg_fast.data.shares import shares_of
from softreg_fast.data.target import Target
from softreg_fast.data.validation import as_offset, as_start, as_task_targets, no_offset
from softreg_fast.kernels._columns import Columns
from softreg_fast.losses import SQUARED
from softreg_fast.losses.base import Loss
from softreg_fast.options.types import Vector


class MultiTaskDesign(Design):
    """A Design whose target has several columns, the tasks, which share one scale.

    Parameters are those of `Design`, with y an array-like (n_samples, n_tasks). The engine's
    targets are `(Y - y_mean) / y_norm` with y_norm the norm of the whole centred matrix, so that
    the relative weights of the tasks are those of the objective.

    Attributes
    ----------
    n_tasks : int
    y : ndarray (n_samples, n_tasks)
    y_mean : ndarray (n_tasks,)
    y_norm : float
    target : ndarray (n_tasks, n_samples + 1)
        The engine's residuals at W = 0.

    All other attributes are those of `Design`.
    """

    @classmethod
    def of(cls, design: Design) -> MultiTaskDesign:
        """Return a Design as one for several columns, without a target."""
        other = cls.__new__(cls)
        other.__dict__.update(design._copy_of_matrix().__dict__)
        return other

    def _given(self, y: ArrayLike, loss: Loss) -> Given:
        if loss.n_outputs == 1:
            return Given(as_task_targets(y, self.n_samples))
        shares, classes = shares_of(y)
        return Given(as_task_targets(shares, self.n_samples), classes)

    def _set_target(
        self, given: Given, loss: Loss = SQUARED, offset: ArrayLike | None = None
    ) -> None:
        fixed = None if offset is None else self._offset_for(offset, given.values, loss)
        self._target = Target(
            given.values, self.weight, self.fit_intercept, loss, fixed, given.classes
        )

    def _offset_for(self, offset: Any, targets: Vector, loss: Loss) -> Vector:
        if loss.quadratic:
            return no_offset(offset, self.n_samples)
        return as_offset(offset, *targets.shape)

    def columns_of_tasks(self, scale: Vector | None = None) -> Columns:
        """Return columns for each task, those of X (x) I; another scale may be given."""
        scale = self._scale if scale is None else scale
        return Columns(self._buffers, self._center, scale, self.weight, self.n_tasks)

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return int(self.y.shape[1])

    def to_user(
        self,
        features: NDArray[np.intp],
        u: Vector,
        starts: NDArray[np.int64],
        lower: Vector,
        upper: Vector,
    ) -> tuple[Vector, Vector]:
        """Return rows u (n_rows, n_tasks) in the units of X, and center.W, (n_fits, n_tasks)."""
        with np.errstate(all="ignore"):
            w = u * (self.y_norm / self.norm[features])[:, np.newaxis]
        bounds = (bound[features][:, np.newaxis] for bound in (lower, upper))
        w = np.where(u == 0.0, 0.0, np.clip(w, *bounds))
        shape = len(starts) - 1, len(features)
        of_fits = sp.csr_array((self.center[features], np.arange(len(features)), starts), shape)
        return w, of_fits @ w

    def from_user(self, w: Any) -> Vector:
        """Convert coefficients (n_tasks, n_features) from the units of X to the engine's."""
        return as_start(w, self.n_features, self.n_tasks) * (self.norm / self.y_norm)
