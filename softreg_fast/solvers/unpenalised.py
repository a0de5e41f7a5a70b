"""Exact minimisation over unpenalised features, which may have bounds (Lawson and Hanson 1974)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.kernels._columns import Columns
from softreg_fast.solvers.factor import solver_of

Vector = NDArray[np.float64]


class Block:
    """The unpenalised features of a problem, with their Gram matrix and its factor.

    Parameters
    ----------
    columns : Columns
    features : ndarray (k,) of int
    lower, upper : ndarray (n_features,)
    n_threads : int
    """

    def __init__(
        self,
        columns: Columns,
        features: NDArray[np.intp],
        lower: Vector,
        upper: Vector,
        n_threads: int = 1,
    ) -> None:
        self.features = features
        self._columns = columns
        self._lower, self._upper = np.take(lower, features), np.take(upper, features)
        self._n_threads = n_threads
        self._inverse: Callable[[Any], Any] | None = None

    def step(self, u: Vector, z: Vector, tolerance: float) -> Vector | None:
        """Return better coefficients, or None if u is optimal up to `tolerance` in the slopes z.

        A feature that reaches its bound is fixed there: this is the active-set method.
        """
        lower, upper = self._lower, self._upper
        inside = ((u > lower) | (z > 0.0)) & ((u < upper) | (z < 0.0))
        if np.all(np.abs(z[inside]) <= tolerance):
            return None
        step = self._direction(inside, z)
        # fix the features at a bound whose step points out of the box: their step length is 0
        while np.any(blocked := ((u >= upper) & (step > 0.0)) | ((u <= lower) & (step < 0.0))):
            inside &= ~blocked
            if not inside.any():
                return None
            step = self._direction(inside, z)
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(step > 0.0, upper - u, lower - u) / step
        length = min(1.0, np.min(room[inside & (step != 0.0)], initial=1.0))
        new: Vector = np.clip(u + length * step, lower, upper)
        return None if length == 1.0 and np.array_equal(new, u) else new

    def solve(self, z: Any) -> Any:
        """Return the minimum-norm minimiser of 1/2 d'Gd - z'd, G the Gram matrix."""
        if self._inverse is None:
            self._inverse = solver_of(self._gram)
        return self._inverse(z)

    def _direction(self, inside: NDArray[np.bool_], z: Vector) -> Vector:
        # `solve` for the features inside; the others stay
        step = np.zeros(len(z))
        if inside.all():
            step[:] = self.solve(z)
        else:
            step[inside] = solver_of(self._gram[np.ix_(inside, inside)])(z[inside])
        return step

    @cached_property
    def _gram(self) -> NDArray[np.float64]:
        if self._columns.is_gram:
            return self._columns.gram_entries(self.features)
        gram = np.empty((len(self.features),) * 2, order="F")
        self._columns.gram_block(self.features, self.features, gram, self._n_threads)
        return gram
