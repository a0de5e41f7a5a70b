"""Gradient updates for weighted L2 and, through the proximal map, for L1 and boxes.

    minimise  1/2 ||y - X w||_s^2 + 1/2 sum_j ridge_j w_j^2 + sum_j phi_j(w_j)

A step needs x_j . r of every feature and then the residual of the new point.  Since the new w_j
depends on x_j . r alone, both are done while column j is in cache: X is read once a step.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.math cimport INFINITY, sqrt
from libc.string cimport memset

from design cimport GRAM, matrix_of, matrix_t, residual_sumsq, shift_block, slopes_of_block
from penalty cimport penalty_t, prox

import numpy as np

ctypedef struct point_t:
    double* w               # the iterate
    double* z               # the extrapolated point, at which the gradient is taken
    double* v               # weighted residual of z
    double* partial         # one vector like v for every group of features
    double* restart         # and one number


cdef double step_of_group(const matrix_t* X, const penalty_t* P, const double* ridge,
                          const point_t* at, double step, double momentum, Py_ssize_t start,
                          Py_ssize_t stop, double* partial) noexcept nogil:
    # w_new = prox(z + step * (X.T @ r - ridge * z));  z_new = w_new + momentum * (w_new - w)
    # partial -= s * (X @ z_new);  returns (z - w_new) @ (w_new - w)
    cdef double[4] c
    cdef double new, d, along = 0.0
    cdef Py_ssize_t j, first, last
    for first in range(start, stop, 4):
        last = min(first + 4, stop)
        slopes_of_block(X, at.v, NULL, first, last, True, c)
        for j in range(first, last):
            new = prox(P, j, at.z[j] / step + c[j - first] - ridge[j] * at.z[j], 1.0 / step)
            d = new - at.w[j]
            along += (at.z[j] - new) * d
            at.w[j] = new
            at.z[j] = new + momentum * d
        shift_block(X, at.z, first, last, True, partial)
    return along


cdef double fused_step(const matrix_t* X, const penalty_t* P, const double* ridge,
                       const double* target, const point_t* at, double step, double momentum,
                       Py_ssize_t n_groups, int n_threads) noexcept nogil:
    # One step of all features and the residual of the new z, summed group by group in a fixed
    # order so that the result does not depend on the number of threads.
    cdef Py_ssize_t k, i, length = X.n + (X.kind != GRAM)
    cdef double along = 0.0, r
    for k in prange(n_groups, num_threads=n_threads, schedule="dynamic", chunksize=1):
        memset(at.partial + k * length, 0, length * sizeof(double))
        at.restart[k] = step_of_group(X, P, ridge, at, step, momentum, X.p * k // n_groups,
                                      X.p * (k + 1) // n_groups, at.partial + k * length)
    for i in prange(length, num_threads=n_threads, schedule="static"):
        r = target[i]
        for k in range(n_groups):
            r = r + at.partial[k * length + i]
        at.v[i] = r
    for k in range(n_groups):
        along += at.restart[k]
    return along


@cython.final
cdef class GradientUpdates:
    """Plain, accelerated and proximal gradient steps that read X once each.

    Parameters
    ----------
    columns : Columns (not a Gram matrix)
    target : (n_samples + 1,) weighted residual of w = 0
    ridge : (n_features,) weights of the smooth L2 part
    penalty : (l1, l2, lower, upper), each (n_features,): what goes through the proximal map
    """

    cdef const matrix_t* X
    cdef penalty_t P
    cdef object columns
    cdef const double[::1] target, ridge, l1, l2, lower, upper
    cdef double[::1] w, z, v, partial, restart
    cdef Py_ssize_t n_groups
    cdef int n_threads
    cdef double t
    cdef readonly object coef, residual
    cdef readonly Py_ssize_t n_steps

    def __init__(self, columns, target, ridge, penalty, coef=None, int n_threads=1):
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
        self.n_groups = max(min(p // 8, 16), 1)
        self.partial = np.empty(self.n_groups * self.target.shape[0])
        self.restart = np.empty(self.n_groups)
        self.coef = self.w = np.clip(np.zeros(p) if coef is None else coef, self.lower, self.upper)
        self.z = np.array(self.coef)
        self.residual = self.v = np.array(target)
        self.columns.subtract_product(self.z, self.v, n_threads)
        self.t = 1.0

    def descend(self, double step, Py_ssize_t count):
        """`count` plain (proximal) gradient steps of the given length."""
        cdef Py_ssize_t _k
        for _k in range(count):
            self._advance(step, 0.0)

    def accelerate(self, double step, Py_ssize_t count):
        """`count` accelerated steps (Beck and Teboulle 2009), the momentum starting again when it
        points uphill (O'Donoghue and Candes 2015)."""
        cdef Py_ssize_t _k
        cdef double last
        for _k in range(count):
            last = self.t
            self.t = 0.5 * (1.0 + sqrt(1.0 + 4.0 * last * last))
            if self._advance(step, (last - 1.0) / self.t) > 0.0:
                self.t = 1.0

    def settle(self):
        """Take the extrapolated point back to the iterate, and the residual with it."""
        self.t = 1.0
        if not np.array_equal(self.z, self.w):
            self.z[:] = self.w
            self.v[:] = self.target
            self.columns.subtract_product(self.z, self.v, self.n_threads)

    cdef double _advance(self, double step, double momentum) except? -1.0:
        cdef double along
        cdef point_t at
        at.w, at.z, at.v = &self.w[0], &self.z[0], &self.v[0]
        at.partial, at.restart = &self.partial[0], &self.restart[0]
        with nogil:
            along = fused_step(self.X, &self.P, &self.ridge[0], &self.target[0], &at, step,
                               momentum, self.n_groups, self.n_threads)
        self.n_steps += 1
        PyErr_CheckSignals()
        return along


def largest_eigenvalue(columns, start, Py_ssize_t count, int n_threads=1):
    """Estimate of the largest eigenvalue of X'SX from below, by `count` power iterations.

    `start` is a vector (n_features,), best random.  An iteration is one gradient step of length 1
    from w = 0 for y = r: it gives w = X'r and the next residual -Xw in one read of X.
    """
    p = columns.shape[1]
    zero, inf = np.zeros(p), np.full(p, INFINITY)
    nothing = np.zeros(columns.shape[0] + 1)
    updates = GradientUpdates(columns, nothing, zero, (zero, zero, -inf, inf), start, n_threads)
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
