"""Dense factorisations in blocks, so that Ctrl-C is noticed between two calls of BLAS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import cho_solve, solve_triangular

from softreg_fast.options.types import Matrix

# Up to this size LAPACK needs a few hundredths of a second for a Cholesky factor, so no blocks are
# needed.
LARGEST_AT_ONCE = 1024

# Columns per block: enough for BLAS at full speed.
BLOCK = 256

# Columns per block where matrix-vector products are part of the work.
PANEL = 96

# Multiplications in one matrix product: some hundredths of a second.
LARGEST_PRODUCT = 1e9

# A Cholesky factor with a smaller ratio of its diagonal entries is rejected: the matrix is singular
# to float64.
SMALLEST_PIVOT_RATIO = 1e-6


def cholesky(matrix: Matrix) -> Callable[[Any], Any]:
    """Return the map z -> matrix^-1 z for a symmetric positive definite matrix.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite.
    """
    return _solver(lower_factor(matrix))


def least_norm(matrix: Matrix) -> Callable[[Any], Any]:
    """Return the map z -> matrix^+ z for a symmetric positive semidefinite matrix."""
    # matrix = L L' with as many columns as its rank; with L = Q R, Q'Q = I,
    #     matrix^+ = Q R'^-1 R^-1 Q'
    L = _pivoted_factor(matrix)
    if not L.size:
        return lambda z: np.zeros(np.shape(z))
    Q, R = _orthonormal(L)

    def solve(z: Any) -> Any:
        middle = solve_triangular(R, Q.T @ z, check_finite=False)
        return Q @ solve_triangular(R, middle, trans="T", check_finite=False)

    return solve


def solver_of(matrix: Matrix) -> Callable[[Any], Any]:
    """Return `cholesky` of the matrix if its factor is accurate, else `least_norm`."""
    try:
        factor = lower_factor(matrix)
    except np.linalg.LinAlgError:
        return least_norm(matrix)
    pivots = np.diag(factor)
    if pivots.size and pivots.min() < SMALLEST_PIVOT_RATIO * pivots.max():
        return least_norm(matrix)
    return _solver(factor)


def _solver(factor: Matrix) -> Callable[[Any], Any]:
    if not factor.size:  # older SciPy rejects empty factors
        return lambda z: z
    return lambda z: cho_solve((factor, True), z, check_finite=False)


def lower_factor(matrix: Matrix) -> Matrix:
    # L with L L' = matrix, block by block from the left; zero above the diagonal
    size = len(matrix)
    if size <= LARGEST_AT_ONCE:
        whole: Matrix = np.asarray(np.linalg.cholesky(matrix), np.float64)
        return whole
    L = np.tril(matrix)
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        _subtract_product(L[start:, start:stop], L[start:, :start], L[start:stop, :start].T)
        L[start:stop, start:stop] = np.linalg.cholesky(L[start:stop, start:stop])
        if stop < size:
            corner, below = L[start:stop, start:stop], L[stop:, start:stop]
            below[:] = solve_triangular(corner, below.T, lower=True, check_finite=False).T
    return L


def _pivoted_factor(matrix: Matrix) -> Matrix:
    # L (size, rank) with L L' = matrix: each step eliminates the largest diagonal entry of the
    # remainder, until that is at rounding level.  (LAPACK's dpstrf in pieces.)
    size = len(matrix)
    rest = matrix.copy()
    rows = np.arange(size)  # the rows of `rest` in the matrix
    smallest = size * np.finfo(np.float64).eps * np.max(np.diag(matrix), initial=0.0)
    panels = []
    while rows.size:
        panel, pivots = _pivoted_panel(rest, smallest)
        if not pivots:
            break
        whole = np.zeros((size, len(pivots)))
        whole[rows] = panel
        panels.append(whole)
        kept = np.delete(np.arange(rows.size), pivots)
        rest = rest[np.ix_(kept, kept)]
        _subtract_product(rest, panel[kept], panel[kept].T)
        rows = rows[kept]
    return np.hstack(panels) if panels else np.zeros((size, 0))


def _pivoted_panel(rest: Matrix, smallest: float) -> tuple[Matrix, list[int]]:
    # up to PANEL steps of the elimination, and the rows that they eliminated
    diagonal = np.diag(rest).copy()
    panel = np.zeros((len(rest), min(PANEL, len(rest))))
    pivots: list[int] = []
    for k in range(panel.shape[1]):
        pivot = int(np.argmax(diagonal))
        if not diagonal[pivot] > smallest:
            break
        column = rest[:, pivot] - panel[:, :k] @ panel[pivot, :k]
        column[pivots] = 0.0
        panel[:, k] = column / np.sqrt(diagonal[pivot])
        panel[pivot, k] = np.sqrt(diagonal[pivot])
        diagonal -= panel[:, k] ** 2
        pivots.append(pivot)
        diagonal[pivots] = -np.inf
    return panel[:, : len(pivots)], pivots


def _orthonormal(L: Matrix) -> tuple[Matrix, Matrix]:
    # Q, R with L = Q R, Q'Q = I and R upper triangular: Gram-Schmidt with blocks of columns,
    # twice, which leaves Q orthogonal to rounding
    rank = L.shape[1]
    Q, R = L.copy(order="F"), np.zeros((rank, rank))
    for start in range(0, rank, PANEL):
        stop = min(start + PANEL, rank)
        block, before = Q[:, start:stop], Q[:, :start]
        corner = np.eye(stop - start)
        for _ in range(2):
            overlap = before.T @ block
            _subtract_product(block, before, overlap)
            R[:start, start:stop] += overlap @ corner
            block[:], triangle = np.linalg.qr(block)
            corner = triangle @ corner
        R[start:stop, start:stop] = corner
    return Q, R


def _subtract_product(target: Matrix, left: Matrix, right: Matrix) -> None:
    # target -= left @ right, in blocks of rows
    rows = max(int(LARGEST_PRODUCT / max(right.size, 1)), 1)
    for start in range(0, len(target), rows):
        target[start : start + rows] -= left[start : start + rows] @ right
