"""Minimisation of a quadratic function and a penalty of rows, where classes are coupled.

The Newton steps of row_newton.py rest on one Gram matrix for all tasks. Here it is that of features
and classes, and a step factorises it whole.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_solve

from softreg_fast.options.types import Index, Matrix, Vector
from softreg_fast.solvers.factor import lower_factor
from softreg_fast.solvers.row_newton import Rows, blas_threads_of_steps, lengths, step_along

MOST_ROUNDS = 100

# Smallest ridge, relative to the diagonal, of a Hessian that is singular to float64.
SMALLEST_RIDGE = 1e-12


def solve_rows(
    gram: Matrix, u: Vector, slopes: Vector, l1: Vector, ridge: Vector, tol: float
) -> int:
    """Minimise until no slope is further than tol from stationary, or for so many rounds.

    Parameters
    ----------
    gram : ndarray (k * n_classes, k * n_classes)
        Row by row: the classes of the first row, then those of the second, ...
    u, slopes : ndarray (k * n_classes,)
        Coefficients and their slopes, which are changed in place.
    l1, ridge : ndarray (k,)
    tol : float

    Returns
    -------
    int
        Number of rounds.
    """
    shape = len(l1), -1
    rows = Rows(u.reshape(shape).T, slopes.reshape(shape).T, l1, ridge)
    with blas_threads_of_steps(len(u), 1):
        model = RowModel(np.ascontiguousarray(gram), rows)
        count = model.solve(tol)
    u[:], slopes[:] = model.rows.U.T.ravel(), model.rows.Z.T.ravel()
    return count


class RowModel:
    """The quadratic model of a working set: rows U, slopes Z, and the penalty.

    Parameters
    ----------
    gram : ndarray (k * n_classes, k * n_classes)
        Row by row: the classes of the first row, then those of the second, ...
    rows : Rows
        U and Z are (n_classes, k).
    """

    def __init__(self, gram: Matrix, rows: Rows) -> None:
        self.gram, self.rows = gram, rows
        self.n_classes, self.size = rows.U.shape
        self.blocks = gram.reshape(self.size, self.n_classes, self.size, self.n_classes)
        diagonal = np.diagonal(gram).reshape(self.size, self.n_classes)
        self.steepness = np.maximum(diagonal.sum(axis=1), 1e-300)  # above all eigenvalues
        self.everything = np.arange(self.size)

    def distances(self) -> Vector:
        """Return the distances of the slopes of all rows from stationarity."""
        U, Z, l1, _ = self.rows
        moving = U.any(axis=0)
        return np.where(moving, lengths(self.rows.downhill), np.maximum(lengths(Z) - l1, 0.0))

    def solve(self, tol: float) -> int:
        """Minimise until no distance exceeds tol; return the number of rounds."""
        for k in range(MOST_ROUNDS):
            if self.distances().max(initial=0.0) <= tol:
                return k
            self._proximal_step()
            self._newton_step()
        return MOST_ROUNDS

    def _product(self, D: Matrix) -> Matrix:
        return np.asarray((self.gram @ D.T.ravel()).reshape(D.shape[::-1]).T)

    def _take(self, new: Matrix, way: Matrix) -> None:
        self.rows = self.rows._replace(U=new, Z=self.rows.Z - way)

    def _proximal_step(self) -> None:
        # of every row by itself, then shortened: lets rows enter and leave
        U, Z, l1, ridge = self.rows
        b = Z + self.steepness * U
        size = lengths(b)
        shrunk = np.divide(size - l1, size, out=np.zeros(len(size)), where=size > l1)
        D = b * (shrunk / (self.steepness + ridge)) - U
        if D.any():
            self._take(*step_along(self.rows, D, self._product, self.everything))

    def _newton_step(self) -> None:
        U, Z, l1, ridge = self.rows
        moving = np.flatnonzero(U.any(axis=0) | (l1 == 0.0))
        if not moving.size:
            return
        at = Rows(U[:, moving], Z[:, moving], l1[moving], ridge[moving])
        D = self._direction(at, moving)

        def product(change: Matrix) -> Matrix:
            whole = np.zeros_like(U)
            whole[:, moving] = change
            return self._product(whole)

        new = U.copy()
        new[:, moving], way = step_along(at, D, product, moving)
        self._take(new, way)

    def _direction(self, at: Rows, moving: Index) -> Matrix:
        k, size = len(moving), self.n_classes * len(moving)
        hessian = self.blocks[moving][:, :, moving].copy()
        bent = at.curvature
        length = lengths(at.U)
        E = np.divide(at.U, length, out=np.zeros_like(at.U), where=length > 0.0)
        own = np.arange(k)
        eye = np.eye(self.n_classes)
        added = (at.ridge + bent)[:, np.newaxis, np.newaxis] * eye
        added -= bent[:, np.newaxis, np.newaxis] * (E.T[:, :, np.newaxis] * E.T[:, np.newaxis, :])
        # equal changes of all classes change nothing, so that they need a curvature
        loose = (at.l1 == 0.0) & (at.ridge == 0.0)
        added[loose] += self.steepness[moving[loose], np.newaxis, np.newaxis] / self.n_classes
        hessian[own, :, own, :] += added
        hessian = hessian.reshape(size, size)
        diagonal, more = np.diagonal(hessian).copy(), 0.0
        while True:
            try:
                L = lower_factor(hessian)
                if np.all(np.diagonal(L) ** 2 > SMALLEST_RIDGE * diagonal):
                    break
            except np.linalg.LinAlgError:
                pass
            more = max(100.0 * more, SMALLEST_RIDGE)
            hessian.flat[:: size + 1] = diagonal * (1.0 + more)
        solution = cho_solve((L, True), at.downhill.T.ravel(), check_finite=False)
        return np.asarray(solution).reshape(at.U.shape[::-1]).T
