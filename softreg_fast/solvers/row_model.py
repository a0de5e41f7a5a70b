"""Minimisation of a quadratic function and a penalty of rows, where classes are coupled.

The Newton steps of row_newton.py rest on one Gram matrix for all tasks. Here it is that of features
and classes, and its factors are kept from step to step: as long as they are near, a few conjugate
gradients replace new ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, get_lapack_funcs

from softreg_fast.options.types import Matrix, Vector
from softreg_fast.solvers.factor import lower_factor
from softreg_fast.solvers.row_newton import Rows, blas_threads_of_steps, lengths, step_along

# A row whose penalty has more than this times the curvature of the loss is left to block descent:
# so near the kink at 0 a second-order model is useless.
LARGEST_CURVATURE = 1e6

# Smallest and largest ridge, relative to the diagonal, of a Hessian that is singular to float64.
SMALLEST_RIDGE = 1e-12
LARGEST_RIDGE = 1.0

# Up to this size LAPACK needs a tenth of a second for a Cholesky factor.
LARGEST_IN_PLACE = 2048

# Accuracy of conjugate gradients: block descent and further steps follow.
ACCURACY = 1e-4

# New factors for n unknowns cost as much as n / UNKNOWNS_PER_STEP steps of conjugate gradients.
UNKNOWNS_PER_STEP = 100

_cholesky_in_place = get_lapack_funcs("potrf", dtype=np.float64)


class Curvature(NamedTuple):
    """Hessian of the objective on `rows` of a Gram matrix of rows and classes.

    A change by the same number for all classes has no effect on the loss, so that the Newton step
    is sought among changes J b with the sum 0, for numbers b of all classes but the last:

        J b = (b, 0) - mean(b, 0)

    The Gram matrix maps J b to what it maps (b, 0) to. The vectors here are those b, row by row.
    """

    gram: Matrix
    rows: NDArray[np.intp]
    slots: NDArray[np.intp]  # of b in the Gram matrix
    added: Matrix  # the penalty's part, (k, n_classes - 1, n_classes - 1)

    def product(self, b: Vector) -> Vector:
        """Return the product with the Hessian."""
        padded = np.zeros(len(self.gram))
        padded[self.slots] = b
        own = self.added @ b.reshape(len(self.rows), -1, 1)
        return np.asarray((self.gram @ padded)[self.slots] + own.ravel())

    @property
    def diagonal(self) -> Vector:
        """Its diagonal."""
        own = np.diagonal(self.added, axis1=1, axis2=2).ravel()
        return np.asarray(np.diagonal(self.gram)[self.slots] + own)

    def lower(self) -> Matrix:
        """Return a new matrix with it on and below the diagonal."""
        size, k = len(self.slots), len(self.rows)
        hessian = np.zeros((size, size))
        for i, slot in enumerate(self.slots):
            np.take(self.gram[slot], self.slots[: i + 1], out=hessian[i, : i + 1], mode="clip")
        own = np.arange(k)
        hessian.reshape(k, -1, k, size // k)[own, :, own, :] += self.added
        return hessian


class CoupledNewtonSteps:
    """Newton steps that reuse the factors of the Hessian while these are near."""

    def __init__(self) -> None:
        self._features: NDArray[np.intp] = np.empty(0, np.intp)
        self._factor: Matrix | None = None

    def step(
        self,
        gram: Matrix,
        u: Vector,
        slopes: Vector,
        l1: Vector,
        ridge: Vector,
        features: NDArray[np.intp],
    ) -> None:
        """Take a Newton step on the rows that are not 0, or not penalised.

        Parameters
        ----------
        gram : ndarray (k * n_classes, k * n_classes)
            Row by row: the classes of the first row, then those of the second, ... Changes by the
            same number for all classes have no curvature.
        u, slopes : ndarray (k * n_classes,)
            Coefficients and their slopes, which are changed in place.
        l1, ridge : ndarray (k,)
        features : ndarray (k,)
            By which rows are recognised in the next step.
        """
        U, Z = (each.reshape(len(l1), -1).T for each in (u, slopes))
        # above all eigenvalues of the block of a row
        steep = np.maximum(np.diagonal(gram).reshape(len(l1), -1).sum(axis=1), 1e-300)
        moving = np.flatnonzero((l1 == 0.0) | (l1 < LARGEST_CURVATURE * steep * lengths(U)))
        if not moving.size:
            return
        at = Rows(U[:, moving], Z[:, moving], l1[moving], ridge[moving])

        def product(change: Matrix) -> Matrix:
            padded = np.zeros(U.shape[::-1])
            padded[moving] = change.T
            return np.asarray((gram @ padded.ravel()).reshape(padded.shape).T)

        # terms overflow where most curvatures are 0: the step is then left out
        n_unknown = moving.size * (len(U) - 1)
        with blas_threads_of_steps(n_unknown, 1), np.errstate(over="ignore", invalid="ignore"):
            D = self._direction(gram, moving, at, features[moving])
            new, way = step_along(at, D, product, moving)
        if np.isfinite(way).all():
            U[:, moving] = new
            Z -= way

    def _direction(
        self, gram: Matrix, rows: NDArray[np.intp], at: Rows, features: NDArray[np.intp]
    ) -> Matrix:
        # the Newton direction, (n_classes, k)
        n_classes, downhill = len(at.U), at.downhill
        hessian = curvature_at(gram, rows, at)
        b = self._solution(hessian, (downhill - downhill.mean(axis=0))[:-1].T.ravel(), features)
        D = np.zeros_like(at.U)
        D[:-1] = b.reshape(-1, n_classes - 1).T
        D -= D.mean(axis=0)
        # without an effect on the loss
        return D - np.where((at.l1 > 0.0) | (at.ridge > 0.0), at.U.mean(axis=0), 0.0)

    def _solution(self, hessian: Curvature, b: Vector, features: NDArray[np.intp]) -> Vector:
        if self._factor is not None:
            most = len(b) // UNKNOWNS_PER_STEP
            near = self._near(hessian, features)
            x = conjugate_gradients(hessian.product, near, b, most, ACCURACY) if most else None
            if x is not None:
                return x
        self._factor = None  # before there is another one
        self._features, self._factor = features, regular_factor(hessian)
        if self._factor is None:  # not finite: far out, where terms overflow
            return np.zeros_like(b)
        return np.asarray(cho_solve((self._factor, False), b, check_finite=False))

    def _near(self, hessian: Curvature, features: NDArray[np.intp]) -> Callable[[Vector], Vector]:
        # the inverse by the last factors, in which other rows are 0; for new rows, of the diagonal
        _, here, there = np.intersect1d(
            features, self._features, assume_unique=True, return_indices=True
        )
        factor, k = self._factor, len(self._features)
        diagonal = np.maximum(hessian.diagonal, 1e-300)

        def solve(z: Vector) -> Vector:
            x = (z / diagonal).reshape(len(features), -1)
            inner = np.zeros((k, x.shape[1]))
            inner[there] = z.reshape(x.shape)[here]
            inner = cho_solve((factor, False), inner.ravel(), check_finite=False).reshape(k, -1)
            x[here] = inner[there]
            return np.asarray(x.ravel())

        return solve


def curvature_at(gram: Matrix, rows: NDArray[np.intp], at: Rows) -> Curvature:
    """Return the Hessian at these rows, for changes with the sum 0 over classes."""
    n_classes = len(at.U)
    slots = (rows[:, np.newaxis] * n_classes + np.arange(n_classes - 1)).ravel()
    bent, size = at.curvature, lengths(at.U)
    E = np.divide(at.U, size, out=np.zeros_like(at.U), where=size > 0.0)
    E = (E - E.mean(axis=0))[:-1].T
    centring = np.eye(n_classes - 1) - 1.0 / n_classes
    added = (at.ridge + bent)[:, np.newaxis, np.newaxis] * centring
    added -= bent[:, np.newaxis, np.newaxis] * (E[:, :, np.newaxis] * E[:, np.newaxis, :])
    return Curvature(gram, rows, slots, added)


def regular_factor(hessian: Curvature) -> Matrix | None:
    """Return R with R'R = H, above the diagonal; with a ridge if H is singular to float64.

    It is None where entries are not finite.
    """
    diagonal, more = hessian.diagonal, 0.0
    while more <= LARGEST_RIDGE:
        lower = hessian.lower()
        lower.flat[:: len(lower) + 1] = diagonal * (1.0 + more)
        try:
            factor = _upper_factor(lower)
            if np.all(np.diagonal(factor) ** 2 > SMALLEST_RIDGE * diagonal):
                return factor
        except np.linalg.LinAlgError:
            pass
        more = max(100.0 * more, SMALLEST_RIDGE)
    return None


def _upper_factor(lower: Matrix) -> Matrix:
    # in the order of LAPACK, in place if that is fast
    if len(lower) > LARGEST_IN_PLACE:
        return lower_factor(lower).T
    factor, info = _cholesky_in_place(lower.T, lower=0, overwrite_a=1, clean=0)
    if info:
        raise np.linalg.LinAlgError("not positive definite")
    return np.asarray(factor)


def conjugate_gradients(
    matrix: Callable[[Vector], Vector],
    near_inverse: Callable[[Vector], Vector],
    b: Vector,
    most: int,
    accuracy: float,
) -> Vector | None:
    """Return x with matrix x = b, or None if that seems to need more than `most` steps.

    Parameters
    ----------
    matrix, near_inverse : callable
        Maps that are symmetric and positive definite.
    b : ndarray (n,)
    most : int
    accuracy : float
        Of the residual next to b, in the norm of `near_inverse`.
    """
    x, residual, p = np.zeros_like(b), b.copy(), near_inverse(b)
    first = left = residual @ p
    target = accuracy**2 * first
    for k in range(1, most + 1):
        image = matrix(p)
        curvature = p @ image
        if not curvature > 0.0:
            return None
        x += (left / curvature) * p
        residual -= (left / curvature) * image
        z = near_inverse(residual)
        last, left = left, residual @ z
        if left <= target:
            return x
        expected = k * np.log(target / first) / np.log(left / first) if left < first else np.inf
        if k > 1 and not expected <= most:
            return None
        p = z + (left / last) * p
    return None
