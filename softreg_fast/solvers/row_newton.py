"""Newton steps on the nonzero rows of a multi-task fit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, get_lapack_funcs

from softreg_fast.kernels._runtime import look_at_signals
from softreg_fast.options.types import Matrix, Vector
from softreg_fast.solvers.factor import LARGEST_AT_ONCE, LARGEST_PRODUCT, lower_factor
from softreg_fast.system.threads import blas_threads_for

# Up to this many rows, and multiplications, BLAS and LAPACK use a single thread by default.
LARGEST_FOR_NO_THREADS = 40
LARGEST_WITHOUT_THREADS = 100_000

# Smallest ridge added to the diagonal, whose entries are at least 1, if the Hessian is singular to
# float64; it is multiplied by 100 until the Hessian is regular.
SMALLEST_RIDGE = 1e-11

# LAPACK needs a tenth of a second for an inverse of this size; beyond, columns are computed in
# blocks, for three times the work.
LARGEST_INVERSE_AT_ONCE = 1600

_inverse_from_factor = get_lapack_funcs("potri", dtype=np.float64)


# A pivot this small relative to its original diagonal entry is rounding error.
SMALLEST_PIVOT = 1e-12
SMALLEST_SCALED_PIVOT = 1e-14  # of the second matrix, which is small where rows are short

# A full step is taken if the slope of the objective at its end is at most this fraction of the
# descent rate at its start.
LARGEST_RISE = 0.1

# Relative accuracy of the length of a shortened step.
STEP_ACCURACY = 1e-14

# A row whose length such a step reduces to at most this fraction is set to 0.
ARRIVED = 1e-8


class Rows(NamedTuple):
    """Rows u_a of U (n_tasks, k) with slopes Z = C'R (n_tasks, k), and their penalty
    l1_a ||u_a|| + ridge_a / 2 ||u_a||^2.
    """

    U: Matrix
    Z: Matrix
    l1: Vector
    ridge: Vector

    @property
    def curvature(self) -> Vector:
        """l1_a / ||u_a||; 0 if l1_a is 0, and for one task, where the penalty has no curvature."""
        size = lengths(self.U)
        bent = (size > 0.0) & (len(self.U) > 1)
        return np.divide(self.l1, size, out=np.zeros(len(self.l1)), where=bent)

    @property
    def downhill(self) -> Matrix:
        """Minus the gradient of the objective."""
        size = lengths(self.U)
        pull = np.divide(self.l1, size, out=np.zeros(len(self.l1)), where=size > 0.0)
        return self.Z - (self.ridge + pull) * self.U

    def change(self, new: Matrix, way: Matrix) -> float:
        """Return the increase of the objective at `new`, where the slopes are Z - way."""
        D = new - self.U
        squares = np.square(new).sum(axis=0) - np.square(self.U).sum(axis=0)
        loss = np.sum(D * (0.5 * way - self.Z))
        penalty = self.l1 @ (lengths(new) - lengths(self.U)) + 0.5 * self.ridge @ squares
        return float(loss + penalty)


def lengths(U: Matrix) -> Vector:
    """Return ||u_a|| of every column of U."""
    return np.asarray(np.sqrt(np.square(U).sum(axis=0)))


class NewtonSteps:
    """Newton steps that reuse the factors of the Hessian while these are accurate enough.

    A step with nearby factors costs a few products with them, whereas new factors cost as much as
    about twenty such steps, and near the optimum each still gains a digit or two.
    """

    def __init__(self) -> None:
        self._members: NDArray[np.intp] = np.empty(0, np.intp)
        self._solve: Callable[[Matrix], Matrix] | None = None

    def step(
        self, gram: Matrix, members: NDArray[np.intp], at: Rows, fresh: bool = True
    ) -> tuple[Matrix, Matrix]:
        """Return new rows for `members` with a smaller objective, and the decrease of all slopes.

        This is the Newton step. Rows that it takes past 0 are set to 0 if the objective falls;
        otherwise the step is shortened to the minimum of the objective along it. If columns are
        linearly dependent the step is long in directions that leave the fit unchanged, and the
        minimum along it is where a row is 0.

        Parameters
        ----------
        gram : ndarray (k, m)
            Products of the members' columns with those of all slots.
        members : ndarray (k,)
        at : Rows
            The members' rows.
        fresh : bool
            Compute new factors for this step; otherwise those of the last step with the same
            members are reused.

        Returns
        -------
        ndarray (n_tasks, k), ndarray (n_tasks, m)
        """
        with blas_threads_of_steps(len(gram), len(at.U)):
            if fresh or self._solve is None or not np.array_equal(members, self._members):
                self._solve = hessian_solver(gram[:, members], at.U, at.ridge, at.curvature)
                self._members = members
            return step_along(at, self._solve(at.downhill), lambda D: D @ gram, members)


def blas_threads_of_steps(size: int, n_tasks: int) -> AbstractContextManager[Any]:
    """Return the context for Newton steps on `size` rows.

    One thread is used for work of at most a few hundredths of a second: several would spin waiting
    for each other as soon as another process needs a core. BLAS itself uses one for the smallest
    sizes, and its setting is left unchanged then: changing it takes longer than such a step.
    """
    if size <= LARGEST_FOR_NO_THREADS and n_tasks * size**2 <= LARGEST_WITHOUT_THREADS:
        return nullcontext()
    return blas_threads_for(size if size > LARGEST_AT_ONCE else 0)


def step_along(
    at: Rows, D: Matrix, product: Callable[[Matrix], Matrix], members: NDArray[np.intp]
) -> tuple[Matrix, Matrix]:
    """Return new rows with a smaller objective, in direction D, and the decrease of all slopes.

    Rows that the step takes past 0 are set to 0 if the objective falls; otherwise it is shortened
    to the minimum of the objective.

    Parameters
    ----------
    at : Rows
    D : ndarray (n_tasks, k)
        Direction in which the objective falls.
    product : callable
        Returns the decrease of the slopes of all slots, (n_tasks, m), for a change of the rows.
    members : ndarray (k,)
        The slots of the rows.
    """
    new = at.U + D
    passed = ((at.U * new).sum(axis=0) <= 0.0) & (at.l1 > 0.0) & at.U.any(axis=0)
    if passed.any():
        new[:, passed] = 0.0
        way = product(new - at.U)
        if at.change(new, way[:, members]) < 0.0:
            return new, way
    way = product(D)
    t = _length(at, D, way[:, members])
    if t == 1.0:
        return at.U + D, way
    new = at.U + t * D
    new[:, (lengths(new) <= ARRIVED * lengths(at.U)) & (at.l1 > 0.0)] = 0.0
    return new, product(new - at.U)


def _length(at: Rows, D: Matrix, way: Matrix) -> float:
    # step length in [0, 1] that minimises the objective, which is convex along D
    first, second = -np.sum(at.Z * D), np.sum(D * way)
    uu, ud, dd = ((a * b).sum(axis=0) for a, b in ((at.U, at.U), (at.U, D), (D, D)))

    def rise(t: float) -> float:
        size = np.sqrt(np.maximum(uu + t * (2.0 * ud + t * dd), 0.0))
        pull = np.divide(at.l1, size, out=np.zeros(len(size)), where=size > 0.0)
        return float(first + t * second + (at.ridge + pull) @ (ud + t * dd))

    if rise(1.0) <= LARGEST_RISE * abs(rise(0.0)):
        return 1.0
    low, high = 0.0, 1.0
    while high - low > STEP_ACCURACY * high and high > 1e-300:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if rise(middle) > 0.0 else (middle, high)
    return low


def hessian_solver(
    gram: Matrix, U: Matrix, ridge: Vector, curvature: Vector
) -> Callable[[Matrix], Matrix]:
    """Return the map G -> D with Hessian D = G, for the objective, which is smooth on these rows.

    With Q the Gram matrix, e_a the direction u_a / ||u_a|| of row a and c_a its curvature
    l1_a / ||u_a||, the Hessian maps D to

        (Q + diag(ridge + c)) D' - [ c_a e_a (e_a . d_a) ]_a.

    The first part is the same for every task and the second has one number for each row, so that
    with K = Q + diag(ridge + c) and F = (e_a . e_b)_ab (Sherman, Morrison and Woodbury)

        D' = X + K^-1 [ y_a e_a ]_a,    X = K^-1 G',
        (diag(1/c) - F * K^-1) y = [ e_a . x_a ]_a,         * entry by entry:

    two factorisations of the size of the support, whatever the number of tasks.

    Parameters
    ----------
    gram : ndarray (k, k)
    U : ndarray (n_tasks, k)
        The rows; G and D have the same shape.
    ridge, curvature : ndarray (k,)
        Both >= 0; curvature is 0 where the penalty has none.
    """
    more = 0.0
    while True:
        try:
            return _solver(gram, U, ridge + more, curvature)
        except np.linalg.LinAlgError:
            more = max(100.0 * more, SMALLEST_RIDGE)


def _solver(
    gram: Matrix, U: Matrix, ridge: Vector, curvature: Vector
) -> Callable[[Matrix], Matrix]:
    K = gram.copy()
    K.flat[:: len(K) + 1] += ridge + curvature
    L = _independent_factor(K, SMALLEST_PIVOT)
    curved = np.flatnonzero(curvature)
    if not curved.size:
        return lambda G: np.asarray(cho_solve((L, True), G.T, check_finite=False).T)
    inverse = _inverse(L)
    # scaled by sqrt(c) on both sides: eigenvalues in (0, 1]
    E = U[:, curved] * (np.sqrt(curvature[curved]) / lengths(U[:, curved]))
    part = inverse if curved.size == len(K) else inverse[np.ix_(curved, curved)]
    middle = -(E.T @ E) * part
    middle.flat[:: curved.size + 1] += 1.0
    factor = _independent_factor(middle, SMALLEST_SCALED_PIVOT)

    def solve(G: Matrix) -> Matrix:
        X = G @ inverse
        along = (E * X[:, curved]).sum(axis=0)
        y = cho_solve((factor, True), along, check_finite=False)
        return np.asarray(X + (E * y) @ inverse[curved])

    return solve


def _independent_factor(matrix: Matrix, smallest: float) -> Matrix:
    # return its Cholesky factor; raise LinAlgError if a pivot is tiny next to its diagonal entry
    L = lower_factor(matrix)
    if np.any(np.diag(L) ** 2 <= smallest * np.diag(matrix)):
        raise np.linalg.LinAlgError("singular to float64")
    return L


def _inverse(L: Matrix) -> Matrix:
    # (L L')^-1; if it takes long, in blocks between which Ctrl-C is noticed
    size = len(L)
    if size <= LARGEST_INVERSE_AT_ONCE:
        lower, _ = _inverse_from_factor(L, lower=1)
        return np.asarray(np.tril(lower) + np.tril(lower, -1).T)
    inverse = np.empty((size, size))
    width = max(int(LARGEST_PRODUCT / size**2), 1)
    for start in range(0, size, width):
        look_at_signals()
        part = np.zeros((size, min(width, size - start)))
        part[np.arange(start, start + part.shape[1]), np.arange(part.shape[1])] = 1.0
        inverse[:, start : start + part.shape[1]] = cho_solve((L, True), part, check_finite=False)
    return inverse
