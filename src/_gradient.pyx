"""(Proximal) gradient descent: smooth weighted L2 part, L1 and boxes by the proximal map.

    minimise  1/2 ||y - X w||_s^2 + 1/2 sum_j ridge_j w_j^2 + sum_j phi_j(w_j)

A step computes the residual r, x_j . r for every feature, and the new w.  It reads X only once, in
one of two ways.  By features: since the new w_j depends on x_j . r alone, column j is used both for
x_j . r and for its contribution to the next residual while it is in cache.  By rows, for dense X
with few features: a block of rows fits into the cache and is used both for its part of the residual
and for its contribution to all x_j . r.
"""

cimport cython
from cython.parallel cimport prange
from libc.math cimport INFINITY, sqrt
from libc.string cimport memcpy, memset

from matrix cimport (
    GRAM, in_cache, is_dense, matrix_of, matrix_t, residual_sumsq, rows_of, slope, slopes_of_four,
)
from passes cimport groups_for, next_columns, shift_block, slopes_of_block
from penalty cimport penalty_t, prox
from signals cimport check_signals

import numpy as np

# Entries in a block of rows: 320 KiB of float64, which stay in a core's private cache.  With more
# than MOST_BY_ROWS features the blocks are so short that the overhead per column dominates.
cdef enum:
    BLOCK_ENTRIES = 40_960
    MOST_BY_ROWS = 256
    MOST_IN_BLOCK = 32
    BLOCK_LENGTH = 2048

ctypedef struct point_t:
    double* w               # the iterate
    double* z               # the extrapolated point, at which the gradient is taken
    double* v               # weighted residual of z
    double* partial         # one vector of the length of v (by rows: of w) per group
    double* restart         # one number per group: its part of the restart criterion


cdef inline double update(const penalty_t* P, const double* ridge, const point_t* at,
                          double curvature, double momentum, Py_ssize_t j,
                          double c) noexcept nogil:
    # w_new = prox(z + (c - ridge * z) / curvature);  z_new = w_new + momentum * (w_new - w)
    # returns (z - w_new) * (w_new - w)
    cdef double new = prox(P, j, (curvature - ridge[j]) * at.z[j] + c, curvature)
    cdef double d = new - at.w[j], along = (at.z[j] - new) * d
    at.w[j] = new
    at.z[j] = new + momentum * d
    return along


cdef inline Py_ssize_t block_of(const matrix_t* X) noexcept nogil:
    # Number of features per block of a step: enough that the next dot product need not wait for
    # this update, but few enough that their columns fit into half of the L1 cache.
    if not is_dense(X):
        return MOST_IN_BLOCK
    return max(min(BLOCK_LENGTH // X.n // 4 * 4, MOST_IN_BLOCK), 4)


cdef double step_of_group(const matrix_t* X, const penalty_t* P, const double* ridge,
                          const point_t* at, double curvature, double momentum, Py_ssize_t start,
                          Py_ssize_t stop, double* partial) noexcept nogil:
    # Update features start .. stop, and  partial -= s * (X @ z_new).  Each of the two passes over a
    # block of dense columns prefetches half of the next block.
    cdef double[MOST_IN_BLOCK] c
    cdef double along = 0.0
    cdef Py_ssize_t j, k, last, first = start, block = block_of(X)
    cdef Py_ssize_t ahead = next_columns(X, block)
    cdef bint dense = is_dense(X)
    while first < stop:
        last = min(first + block, stop)
        for k in range(first, last, 4):
            if dense and last - k >= 4:
                slopes_of_four(X, at.v, k, in_cache(X), ahead, 0, c + (k - first))
            else:
                slopes_of_block(X, at.v, NULL, k, min(k + 4, last), c + (k - first))
        for j in range(first, last):
            along += update(P, ridge, at, curvature, momentum, j, c[j - first])
        shift_block(X, at.z, first, last, 0, ahead, partial)
        first = last
    return along


cdef double step_by_features(const matrix_t* X, const penalty_t* P, const double* ridge,
                             const double* target, const point_t* at, double curvature,
                             double momentum, Py_ssize_t n_groups, int n_threads) noexcept nogil:
    # One step of all features, and v = the residual of the new z, summed over groups in a fixed
    # order so that the result does not depend on the number of threads.
    cdef Py_ssize_t k, i, length = X.n + (X.kind != GRAM)
    cdef double along = 0.0, r
    for k in prange(n_groups, num_threads=n_threads, schedule="dynamic", chunksize=1):
        memset(at.partial + k * length, 0, length * sizeof(double))
        at.restart[k] = step_of_group(X, P, ridge, at, curvature, momentum, X.p * k // n_groups,
                                      X.p * (k + 1) // n_groups, at.partial + k * length)
    for i in prange(length, num_threads=n_threads, schedule="static"):
        r = target[i]
        for k in range(n_groups):
            r = r + at.partial[k * length + i]
        at.v[i] = r
    for k in range(n_groups):
        along += at.restart[k]
    return along


cdef void slopes_of_rows(const matrix_t* X, const double* target, const point_t* at,
                         Py_ssize_t start, Py_ssize_t stop, double* partial) noexcept nogil:
    # v = target - s * (X @ z)  and  partial = X.T @ v  of rows start .. stop
    cdef matrix_t B
    cdef double[4] c
    cdef Py_ssize_t j, first, row = start, block = BLOCK_ENTRIES // X.p // 8 * 8
    memset(partial, 0, X.p * sizeof(double))
    while row < stop:
        B = rows_of(X, row, min(block, stop - row))
        memcpy(at.v + row, target + row, B.n * sizeof(double))
        # each of the two passes prefetches half of the next block
        shift_block(&B, at.z, 0, X.p, block, 0, at.v + row)
        for first in range(0, X.p - 3, 4):
            slopes_of_four(&B, at.v + row, first, False, 0, block, c)
            for j in range(4):
                partial[first + j] += c[j]
        for j in range(X.p // 4 * 4, X.p):
            partial[j] += slope(&B, j, at.v + row)
        row += B.n


cdef double step_by_rows(const matrix_t* X, const penalty_t* P, const double* ridge,
                         const double* target, const point_t* at, double curvature, double momentum,
                         Py_ssize_t n_groups, int n_threads) noexcept nogil:
    # One step of all features; v is the residual of the old z.
    cdef Py_ssize_t k, j
    cdef double along = 0.0, total
    for k in prange(n_groups, num_threads=n_threads, schedule="dynamic", chunksize=1):
        slopes_of_rows(X, target, at, X.n * k // n_groups, X.n * (k + 1) // n_groups,
                       at.partial + k * X.p)
    for j in range(X.p):
        total = 0.0
        for k in range(n_groups):
            total += at.partial[k * X.p + j]
        along += update(P, ridge, at, curvature, momentum, j, total)
    return along


@cython.final
cdef class GradientUpdates:
    """Plain and accelerated (proximal) gradient steps, each reading X once.

    Parameters
    ----------
    columns : Columns (not a Gram matrix)
    target : (n_samples + 1,) weighted residual of w = 0
    ridge : (n_features,) weights of the smooth L2 part
    penalty : (l1, l2, lower, upper), each (n_features,): the part with a proximal map
    by_rows : bool or None
        Whether to read X by rows; None: if X is dense with at most 256 features.  If so,
        `residual` is that of the point before the last step until `settle` is called.
    """

    cdef const matrix_t* X
    cdef penalty_t P
    cdef object columns
    cdef const double[::1] target, ridge, l1, l2, lower, upper
    cdef double[::1] w, z, v, partial, restart
    cdef Py_ssize_t n_groups
    cdef bint by_rows
    cdef int n_threads
    cdef double t
    cdef readonly object coef, residual
    cdef readonly Py_ssize_t n_steps

    def __init__(self, columns, target, ridge, penalty, coef=None, int n_threads=1, by_rows=None):
        self.X = matrix_of(columns)
        if self.X.kind == GRAM:
            raise TypeError("gradient updates want the columns themselves, not their Gram matrix")
        self.columns = columns
        self.target = target
        self.ridge = ridge
        self.l1, self.l2, self.lower, self.upper = penalty
        p = self.X.p
        if any(len(a) != p for a in (ridge, *penalty)):
            raise ValueError("ridge and penalty must have one entry per feature")
        if self.target.shape[0] != self.X.n + 1:
            raise ValueError("the target does not fit the columns")
        self.P.l1_strength = self.P.l2_strength = 1.0
        self.P.l1 = &self.l1[0]
        self.P.l2 = &self.l2[0]
        self.P.lower = &self.lower[0]
        self.P.upper = &self.upper[0]
        self.n_threads = n_threads
        few = is_dense(self.X) and p <= MOST_BY_ROWS
        self.by_rows = few if by_rows is None else by_rows
        if self.by_rows and not few:
            raise ValueError("only a dense matrix with few features can be read by rows")
        self.n_groups = self._count_groups()
        self.partial = np.empty(self.n_groups * (p if self.by_rows else self.X.n + 1))
        self.restart = np.empty(self.n_groups)
        self.coef = self.w = np.clip(np.zeros(p) if coef is None else coef, self.lower, self.upper)
        self.z = np.array(self.coef)
        self.residual = self.v = np.array(target)
        self.columns.subtract_product(self.z, self.v, n_threads)
        self.t = 1.0

    def _count_groups(self):
        # depends on the problem only, so that results do not depend on the number of threads
        if self.by_rows:
            return max(min(self.X.n * self.X.p // (4 * BLOCK_ENTRIES), 16), 1)
        entries = self.X.n * self.X.p if self.X.indptr == NULL else self.X.indptr[self.X.p]
        return groups_for(self.X, entries)

    def descend(self, double step, Py_ssize_t count):
        """Take `count` plain (proximal) gradient steps of length `step`."""
        cdef Py_ssize_t _k
        for _k in range(count):
            self._advance(step, 0.0)

    def accelerate(self, double step, Py_ssize_t count):
        """Take `count` accelerated steps (Beck and Teboulle 2009), restarting the momentum when it
        points uphill (O'Donoghue and Candes 2015)."""
        cdef Py_ssize_t _k
        cdef double last
        for _k in range(count):
            last = self.t
            self.t = 0.5 * (1.0 + sqrt(1.0 + 4.0 * last * last))
            if self._advance(step, (last - 1.0) / self.t) > 0.0:
                self.t = 1.0

    def settle(self):
        """Reset the extrapolated point to the iterate, and recompute the residual there."""
        self.t = 1.0
        if self.by_rows or not np.array_equal(self.z, self.w):
            self.z[:] = self.w
            self.v[:] = self.target
            self.columns.subtract_product(self.z, self.v, self.n_threads)

    cdef double _advance(self, double step, double momentum) except? -1.0:
        cdef double along
        cdef point_t at
        at.w, at.z, at.v = &self.w[0], &self.z[0], &self.v[0]
        at.partial, at.restart = &self.partial[0], &self.restart[0]
        with nogil:
            if self.by_rows:
                along = step_by_rows(self.X, &self.P, &self.ridge[0], &self.target[0], &at,
                                     1.0 / step, momentum, self.n_groups, self.n_threads)
            else:
                along = step_by_features(self.X, &self.P, &self.ridge[0], &self.target[0], &at,
                                         1.0 / step, momentum, self.n_groups, self.n_threads)
        self.n_steps += 1
        check_signals()
        return along


def largest_eigenvalue(columns, start, Py_ssize_t count, int n_threads=1):
    """Estimate the largest eigenvalue of X'SX from below, by `count` power iterations.

    `start` is a vector (n_features,), preferably random.  An iteration is one gradient step of
    length 1 from w = 0 for y = r: it computes w = X'r and the next residual -Xw in one read of X.
    """
    p = columns.shape[1]
    zero, inf = np.zeros(p), np.full(p, INFINITY)
    nothing = np.zeros(columns.shape[0] + 1)
    updates = GradientUpdates(columns, nothing, zero, (zero, zero, -inf, inf), start, n_threads,
                              by_rows=False)
    cdef double[::1] w = updates.w, z = updates.z
    cdef const matrix_t* X = matrix_of(columns)
    cdef double norm, estimate = 0.0
    for _ in range(count):
        norm = sqrt(residual_sumsq(X, &updates.v[0]))
        if not norm > 0.0:
            break
        updates.residual /= norm
        w[:] = 0.0
        z[:] = 0.0
        updates._advance(1.0, 0.0)
        estimate = max(estimate, np.dot(w, w))
    return estimate
