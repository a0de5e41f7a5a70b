"""Minimisation of a quadratic function and a penalty of rows, where classes are coupled.

The Newton steps of row_newton.py rest on one Gram matrix for all tasks. Here it is that of features
and classes, and a step factorises it whole.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_solve

from softreg_fast.options.types import Matrix, Vector
from softreg_fast.solvers.factor import lower_factor
from softreg_fast.solvers.row_newton import Rows, blas_threads_of_steps, lengths, step_along

# A row whose penalty has more than this times the curvature of the loss is left to block descent:
# so near the kink at 0 a second-order model is useless.
LARGEST_CURVATURE = 1e6

# Smallest and largest ridge, relative to the diagonal, of a Hessian that is singular to float64.
SMALLEST_RIDGE = 1e-12
LARGEST_RIDGE = 1.0


def newton_step(gram: Matrix, u: Vector, slopes: Vector, l1: Vector, ridge: Vector) -> None:
    """Take a Newton step on the rows that are not 0, or not penalised.

    Parameters
    ----------
    gram : ndarray (k * n_classes, k * n_classes)
        Row by row: the classes of the first row, then those of the second, ...
    u, slopes : ndarray (k * n_classes,)
        Coefficients and their slopes, which are changed in place.
    l1, ridge : ndarray (k,)
    """
    U, Z = (each.reshape(len(l1), -1).T for each in (u, slopes))
    blocks = gram.reshape(len(l1), len(U), len(l1), len(U))
    # above all eigenvalues of the block of a row
    steep = np.maximum(np.diagonal(gram).reshape(len(l1), -1).sum(axis=1), 1e-300)
    moving = np.flatnonzero((l1 == 0.0) | (l1 < LARGEST_CURVATURE * steep * lengths(U)))
    if not moving.size:
        return
    at = Rows(U[:, moving], Z[:, moving], l1[moving], ridge[moving])
    beside = blocks[moving].reshape(len(moving) * len(U), -1)

    def product(change: Matrix) -> Matrix:
        return np.asarray((change.T.ravel() @ beside).reshape(len(l1), -1).T)

    # terms overflow where most curvatures are 0: the step is then left out
    with blas_threads_of_steps(len(beside), 1), np.errstate(over="ignore", invalid="ignore"):
        D = direction(blocks[moving][:, :, moving], at, steep[moving])
        new, way = step_along(at, D, product, moving)
    if np.isfinite(way).all():
        U[:, moving] = new
        Z -= way


def direction(blocks: Matrix, at: Rows, steep: Vector) -> Matrix:
    """Return the Newton direction, (n_classes, k), for a Gram matrix (k, n_classes, k, n_classes).

    `steep` are curvatures of the rows, for directions that have none.
    """
    n_classes, k = at.U.shape
    hessian, own = blocks.copy(), np.arange(k)
    bent, size = at.curvature, lengths(at.U)
    E = np.divide(at.U, size, out=np.zeros_like(at.U), where=size > 0.0).T
    added = (at.ridge + bent)[:, np.newaxis, np.newaxis] * np.eye(n_classes)
    added -= bent[:, np.newaxis, np.newaxis] * (E[:, :, np.newaxis] * E[:, np.newaxis, :])
    # equal changes of all classes change nothing, so that they need a curvature
    loose = (at.l1 == 0.0) & (at.ridge == 0.0)
    added[loose] += steep[loose, np.newaxis, np.newaxis] / n_classes
    hessian[own, :, own, :] += added
    hessian = hessian.reshape(k * n_classes, -1)
    solution = _solved(hessian, at.downhill.T.ravel())
    return np.asarray(solution.reshape(k, n_classes).T)


def _solved(hessian: Matrix, b: Vector) -> Vector:
    # by a Cholesky factor, with a ridge if it is singular to float64
    diagonal, more = np.diagonal(hessian).copy(), 0.0
    while more <= LARGEST_RIDGE:
        try:
            L = lower_factor(hessian)
            if np.all(np.diagonal(L) ** 2 > SMALLEST_RIDGE * diagonal):
                return np.asarray(cho_solve((L, True), b, check_finite=False))
        except np.linalg.LinAlgError:
            pass
        more = max(100.0 * more, SMALLEST_RIDGE)
        hessian.flat[:: len(hessian) + 1] = diagonal * (1.0 + more)
    return np.zeros_like(b)  # not finite: far out, where terms overflow
