"""Coordinate descent with soft-thresholding, one loop for dense, sparse and Gram matrices.

    minimise  1/2 ||y - X u||_s^2 + sum_j phi_j(u_j)

in the engine's units: columns centred and scaled, the target centred.  The solver keeps its state
between calls, so a path is a Python loop of `solve` with decreasing strengths.
"""

cimport cython
from libc.math cimport INFINITY, sqrt

from matrix cimport (
    GRAM, column_cost, matrix_of, matrix_t, residual_sumsq, shift, slope, slopes,
    subtract_product,
)
from penalty cimport (
    dual_point_t, duality_gap, gap_near, kkt_distance, larger, penalty_t, prox,
)
from signals cimport check_signals

import numpy as np

from softreg_fast.solvers.factor import solver_of

cdef Py_ssize_t ENTRIES_PER_SIGNAL_CHECK = 20_000_000
cdef Py_ssize_t EPOCHS_PER_GAP = 10
cdef Py_ssize_t LARGEST_BLOCK = 2_000       # unpenalised features solved for jointly

CONVERGED, MAX_ITER, STALLED = 0, 1, 2


def gap_at_dual_point(penalty, const double[::1] u, const double[::1] z, point):
    """Return the duality gap at u and the better of two multiples of a dual point theta.

    Parameters
    ----------
    penalty : (l1, l2, lower, upper), each (n_features,), in the engine's units
    u : (n_features,) coefficients
    z : (n_features,) c_j . theta
    point : (||r - theta||^2, (r - theta) . theta, ||theta||^2), r the residual of u
    """
    cdef const double[::1] l1, l2, lower, upper
    cdef penalty_t P
    cdef dual_point_t D
    l1, l2, lower, upper = penalty
    if any(len(a) != u.shape[0] for a in (z, *penalty)) or not u.shape[0]:
        raise ValueError("u, z and penalty must have one entry per feature")
    P.l1_strength = P.l2_strength = 1.0
    P.slack = 0.0
    P.l1, P.l2, P.lower, P.upper = &l1[0], &l2[0], &lower[0], &upper[0]
    D.away, D.along, D.square = point
    return gap_near(&P, NULL, u.shape[0], &u[0], &z[0], &D)


def distances(penalty, const double[::1] u, const double[::1] z):
    """Return the distances of z = C'r to the subdifferential of the penalty at u, (n_features,)."""
    cdef const double[::1] l1, l2, lower, upper
    cdef double[::1] out = np.empty(u.shape[0])
    cdef penalty_t P
    cdef Py_ssize_t j
    l1, l2, lower, upper = penalty
    if any(len(a) != u.shape[0] for a in (z, *penalty)) or not u.shape[0]:
        raise ValueError("u, z and penalty must have one entry per feature")
    P.l1_strength = P.l2_strength = 1.0
    P.l1, P.l2, P.lower, P.upper = &l1[0], &l2[0], &lower[0], &upper[0]
    for j in range(u.shape[0]):
        out[j] = kkt_distance(&P, j, u[j], z[j])
    return np.asarray(out)


cdef double epoch(const matrix_t* X, const penalty_t* P, const double* curvature,
                  const Py_ssize_t* chosen, Py_ssize_t start, Py_ssize_t stop,
                  double* u, double* v) noexcept nogil:
    # One pass over chosen[start:stop]; returns the largest ||c_j||^2 (change of u_j)^2.
    cdef double new, d, largest = 0.0
    cdef Py_ssize_t k, j
    for k in range(start, stop):
        j = chosen[k]
        new = prox(P, j, slope(X, j, v) + curvature[j] * u[j], curvature[j])
        d = new - u[j]
        if d != 0.0:
            u[j] = new
            shift(X, j, d, v)
            largest = larger(largest, curvature[j] * d * d)
    return largest


@cython.final
cdef class CoordinateDescent:
    """Plain coordinate descent on a working set, with a certificate over all features.

    Parameters
    ----------
    columns : Columns
    target : (n_samples + 1,) weighted residual of u = 0; with Gram columns (n_features,) X'y
    target_sumsq : ||y||_s^2
    curvature : (n_features,) ||c_j||_s^2
    penalty : (l1, l2, lower, upper), each (n_features,) float64 in the engine's units
    rng : numpy.random.RandomState or None
        None: cyclic order; else each new working set is shuffled.
    """

    cdef const matrix_t* X
    cdef penalty_t P
    cdef object columns, rng, unpenalised, block_gram, block_inverse
    cdef const double[::1] target, curvature_view, l1, l2, lower, upper
    cdef double[::1] u, v, g
    cdef double target_sumsq
    cdef int n_threads
    cdef readonly object coef, residual, gradient, start
    cdef readonly double gap
    cdef readonly Py_ssize_t n_epochs

    def __init__(self, columns, target, double target_sumsq, curvature, penalty,
                 int n_threads=1, rng=None):
        self.X = matrix_of(columns)
        self.columns = columns
        self.target = target
        self.target_sumsq = target_sumsq
        self.curvature_view = curvature
        self.l1, self.l2, self.lower, self.upper = penalty
        self.n_threads = n_threads
        self.rng = rng
        p = self.X.p
        if any(len(a) != p for a in (curvature, *penalty)):
            raise ValueError("curvature and penalty must have one entry per feature")
        if self.target.shape[0] != self.X.n + (self.X.kind != GRAM):
            raise ValueError("the target does not fit the columns")
        self.P.l1 = &self.l1[0]
        self.P.l2 = &self.l2[0]
        self.P.lower = &self.lower[0]
        self.P.upper = &self.upper[0]
        self.P.slack = 1e-12 * (sqrt(target_sumsq) if target_sumsq > 0.0 else 1.0)
        self.start = np.clip(0.0, self.lower, self.upper)
        self.coef = self.u = self.start.copy()
        self.residual = self.v = np.array(target)
        self.gradient = self.g = np.zeros(p)
        self.refresh()

    def refresh(self):
        """Recompute v = target - X u, without the rounding errors of many updates."""
        self.v[:] = self.target
        work = np.empty(16 * self.v.shape[0])
        cdef double[::1] partial = work
        subtract_product(self.X, &self.u[0], &self.v[0], &partial[0], self.n_threads)

    def scan(self):
        """Compute `gradient` = X'r for every feature."""
        if self.X.kind == GRAM:
            self.g[:] = self.v
        else:
            self.columns.slopes(self.v, self.g, None, self.n_threads)

    @property
    def residual_sumsq(self):
        """||y - X u||_s^2"""
        if self.X.kind != GRAM:
            return residual_sumsq(self.X, &self.v[0])
        # ||y - Xu||^2 = ||y||^2 - u'(q + (q - Qu))
        return max(self.target_sumsq - np.dot(self.u, np.add(self.target, self.v)), 0.0)

    def solve(self, double l1_strength, double l2_strength, double tol, Py_ssize_t max_iter):
        """Minimise from the present coefficients until gap <= tol; return the status.

        It is CONVERGED, MAX_ITER or STALLED.  Sets `coef`, `residual`, `gradient`, `gap` (for all
        features) and `n_epochs`.
        """
        cdef double last_gap = INFINITY
        cdef bint moved = True
        self._set_strengths(l1_strength, l2_strength)
        self.refresh()
        self.n_epochs = 0
        while True:
            self._solve_unpenalised()
            self.scan()
            self.gap = duality_gap(&self.P, NULL, self.X.p, &self.u[0], &self.g[0],
                                   self.residual_sumsq)
            if self.gap <= tol:
                return CONVERGED
            if self.n_epochs >= max_iter:
                return MAX_ITER
            if not moved and not self.gap < 0.9 * last_gap:
                return STALLED
            last_gap = self.gap
            moved = self._descend(self._working_set(), larger(0.3 * tol, 0.03 * self.gap), max_iter)

    def certify(self, double l1_strength, double l2_strength):
        """Recompute residual, gradient and duality gap at the present coefficients; return the gap.

        Unpenalised features are solved for first: see `_solve_unpenalised`.
        """
        self._set_strengths(l1_strength, l2_strength)
        self.refresh()
        self._solve_unpenalised()
        self.scan()
        self.gap = duality_gap(&self.P, NULL, self.X.p, &self.u[0], &self.g[0],
                               self.residual_sumsq)
        return self.gap

    def epochs(self, const Py_ssize_t[::1] chosen, Py_ssize_t count):
        """Run `count` epochs over the chosen features; return the largest ||c_j||^2 d_j^2 of the
        last, d_j the change of u_j."""
        cdef double largest = 0.0
        cdef Py_ssize_t _k, n_chosen = chosen.shape[0]
        if n_chosen == 0 or min(chosen) < 0 or max(chosen) >= self.X.p:
            raise ValueError("chosen must name features")
        with nogil:
            for _k in range(count):
                largest = epoch(self.X, &self.P, &self.curvature_view[0], &chosen[0], 0, n_chosen,
                                &self.u[0], &self.v[0])
        return largest

    def _set_strengths(self, double l1_strength, double l2_strength):
        self.P.l1_strength = l1_strength
        self.P.l2_strength = l2_strength
        unpenalised = np.flatnonzero(
            (np.multiply(self.l1, l1_strength) == 0.0)
            & (np.multiply(self.l2, l2_strength) == 0.0)
            & (np.isinf(self.lower) | np.isinf(self.upper))
        )
        if self.unpenalised is None or not np.array_equal(unpenalised, self.unpenalised):
            self.unpenalised = unpenalised
            self.block_gram = self.block_inverse = None

    def _gap_on(self, const Py_ssize_t[::1] chosen):
        # duality gap of the problem restricted to the chosen features
        cdef double[::1] z = np.empty(chosen.shape[0])
        if chosen.shape[0] == 0:
            return 0.0
        slopes(self.X, &self.v[0], &chosen[0], 0, chosen.shape[0], &z[0], self.n_threads)
        return duality_gap(&self.P, &chosen[0], chosen.shape[0], &self.u[0], &z[0],
                           self.residual_sumsq)

    def _working_set(self):
        # The support and the features that violate optimality most, at most twice the support of
        # these (at least 100): the set grows geometrically until it holds the solution's support.
        cdef double[::1] distance = np.empty(self.X.p)
        cdef Py_ssize_t j
        for j in range(self.X.p):
            distance[j] = kkt_distance(&self.P, j, self.u[j], self.g[j])
        support = np.not_equal(self.coef, self.start)
        violators = np.flatnonzero(np.greater(distance, 0.0) & ~support)
        room = max(100, 2 * np.count_nonzero(support))
        if len(violators) > room:
            worst = np.argpartition(np.take(distance, violators), -room)[-room:]
            violators = violators[worst]
        support[violators] = True
        chosen = np.flatnonzero(support)
        if self.rng is not None:
            self.rng.shuffle(chosen)
        return chosen

    def _descend(self, const Py_ssize_t[::1] chosen, double tol, Py_ssize_t max_iter):
        # Run epochs over the chosen features until the gap restricted to them is at most tol.
        # Returns False when the last epoch moved only by rounding errors.
        cdef Py_ssize_t _k, start, stop, cost, n_chosen = chosen.shape[0]
        cdef double largest = 0.0
        cdef double rounding = 1e-31 * (self.target_sumsq if self.target_sumsq > 0.0 else 1.0)
        if n_chosen == 0:
            return False
        while self.n_epochs < max_iter:
            for _k in range(min(EPOCHS_PER_GAP, max_iter - self.n_epochs)):
                largest = 0.0
                stop = 0
                while stop < n_chosen:
                    start = stop
                    cost = 0
                    while stop < n_chosen and cost < ENTRIES_PER_SIGNAL_CHECK:
                        cost += column_cost(self.X, chosen[stop])
                        stop += 1
                    with nogil:
                        largest = larger(largest, epoch(
                            self.X, &self.P, &self.curvature_view[0], &chosen[0], start, stop,
                            &self.u[0], &self.v[0]))
                    check_signals()
                self.n_epochs += 1
                if largest <= rounding:
                    break
            self._solve_unpenalised()
            if self._gap_on(chosen) <= tol:
                return True
            if largest <= rounding:
                return False
        return True

    def _solve_unpenalised(self):
        # Minimise exactly over the unpenalised features: a finite dual value needs zero slopes for
        # them, which coordinate descent alone never reaches.  A feature that reaches its bound is
        # fixed there (the active-set method of Lawson and Hanson).
        U = self.unpenalised
        if not 0 < len(U) <= LARGEST_BLOCK:
            return
        lower, upper = np.take(self.lower, U), np.take(self.upper, U)
        z = np.empty(len(U))
        for _ in range(10 + len(U)):
            self._slopes_of(U, z)
            u = self.coef[U]
            inside = ((u > lower) | (z > 0.0)) & ((u < upper) | (z < 0.0))
            if np.all(np.abs(z[inside]) <= 0.01 * self.P.slack):
                return
            step = np.zeros(len(U))
            step[inside] = self._block_solve(inside, z[inside])
            # fix the features at a bound whose step points out of the box: their step length is 0
            while np.any(blocked := ((u >= upper) & (step > 0.0)) | ((u <= lower) & (step < 0.0))):
                inside &= ~blocked
                if not inside.any():
                    return
                step[:] = 0.0
                step[inside] = self._block_solve(inside, z[inside])
            with np.errstate(divide="ignore", invalid="ignore"):
                room = np.where(step > 0.0, upper - u, lower - u) / step
            length = min(1.0, np.min(room[inside & (step != 0.0)], initial=1.0))
            new = np.clip(u + length * step, lower, upper)
            if length == 1.0 and np.array_equal(new, u):
                return
            for j, d in zip(U, new - u, strict=True):
                if d != 0.0:
                    shift(self.X, j, d, &self.v[0])
            self.coef[U] = new

    cdef _slopes_of(self, const Py_ssize_t[::1] chosen, double[::1] z):
        slopes(self.X, &self.v[0], &chosen[0], 0, chosen.shape[0], &z[0], self.n_threads)

    def _block_solve(self, inside, z):
        # Minimum-norm minimiser of 1/2 d'Gd - z'd, G the Gram matrix of the features inside.
        U = self.unpenalised
        if self.block_gram is None:
            if self.X.kind == GRAM:
                self.block_gram = self.columns.gram_entries(U)
            else:
                self.block_gram = np.empty((len(U), len(U)), order="F")
                self.columns.gram_block(U, U, self.block_gram, self.n_threads)
            self.block_inverse = solver_of(self.block_gram)
        if inside.all():
            return self.block_inverse(z)
        return solver_of(self.block_gram[np.ix_(inside, inside)])(z)
