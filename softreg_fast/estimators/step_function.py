"""StepFunction: a survival or cumulative hazard function of one sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from softreg_fast.options.types import Vector


class StepFunction:
    """A function that is constant from one time to the next, and continuous from the right.

    Attributes
    ----------
    x : ndarray (n_steps,)
        Times of the steps, rising.
    y : ndarray (n_steps,)
        Values from each of these times on.
    before : float
        Value before the first of them.
    """

    def __init__(self, x: Vector, y: Vector, before: float) -> None:
        self.x = x
        self.y = y
        self.before = before

    @property
    def domain(self) -> tuple[float, float]:
        """The times at which the function is known: up to the last of the samples of the fit."""
        return -np.inf, float(self.x[-1])

    def __call__(self, time: ArrayLike) -> Any:
        """Return the value at one time or several.

        Raises
        ------
        ValueError
            For times after the last step, where nothing is known, and for NaN.
        """
        at = np.asarray(time, np.float64)
        if not np.all(at <= self.x[-1]):
            raise ValueError(
                f"The function is known up to {self.x[-1]:g}, the last time of the samples of the "
                f"fit; got {float(at[~(at <= self.x[-1])].flat[0]):g}."
            )
        values = np.append(self.before, self.y)[np.searchsorted(self.x, at, side="right")]
        return values if at.ndim else float(values)

    def __repr__(self) -> str:
        return f"StepFunction({len(self.x)} steps up to {self.x[-1]:g})"
