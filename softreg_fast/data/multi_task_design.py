"""MultiTaskDesign: a Design whose target has several columns, fitted together."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.design import Design
from softreg_fast.data.labels import Given
from softreg_fast.data.validation import as_start, as_task_targets, no_offset
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

    def _given(self, y: ArrayLike, loss: Loss) -> Given:
        return Given(as_task_targets(y, self.n_samples))

    def _checked_offset(self, offset: Any) -> Vector:
        return no_offset(offset, self.n_samples)

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
        w = np.where(u == 0.0, 0.0, w)
        shape = len(starts) - 1, len(features)
        of_fits = sp.csr_array((self.center[features], np.arange(len(features)), starts), shape)
        return w, of_fits @ w

    def from_user(self, w: Any) -> Vector:
        """Convert coefficients (n_tasks, n_features) from the units of X to the engine's."""
        return as_start(w, self.n_features, self.n_tasks) * (self.norm / self.y_norm)
