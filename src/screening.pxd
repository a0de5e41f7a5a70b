"""Which features need a look at all: bounds on |c_j . r| from slopes known at earlier residuals.

First   |c_j . r| <= |c_j . r_ref| + (length of the way from r_ref to r),
and where that fails, with r = sum_k beta_k q_k + rest and the q_k orthonormal,

        |c_j . r - sum_k beta_k (c_j . q_k)| <= ||rest||.

docs/mathematics.md, section 9.
"""

from libc.math cimport fabs, sqrt

from design cimport matrix_t, residual_dot, residual_sumsq
from penalty cimport may_move, penalty_t, smaller
from vector cimport axpy

# Residuals at which all slopes are kept.
cdef enum: LARGEST_BASIS = 12

ctypedef struct screening_t:
    double* known           # by feature, |c_j . r_ref| less the odometer at r_ref
    double odometer         # length of the way that r has come
    double* basis           # the q_k, n + 1 entries each
    double* slopes          # c_j . q_k, `largest` entries for each feature
    double* target_slopes   # y . q_k
    Py_ssize_t k, largest   # members of the basis now, and at most


cdef inline void screening_know(screening_t* B, Py_ssize_t j, double z) noexcept nogil:
    # z = c_j . r
    B.known[j] = fabs(z) - B.odometer


cdef inline Py_ssize_t screening_open(const screening_t* B, const penalty_t* P, Py_ssize_t p,
                                      const Py_ssize_t* slot_of,
                                      Py_ssize_t* candidates) noexcept nogil:
    # features without a slot that the first bound does not clear
    cdef Py_ssize_t j, count = 0
    cdef double bound
    for j in range(p):
        bound = B.known[j] + B.odometer
        if bound > P.l1_strength * P.l1[j] and slot_of[j] < 0 and may_move(P, j, -bound, bound):
            candidates[count] = j
            count += 1
    return count


cdef inline Py_ssize_t screening_still_open(screening_t* B, const penalty_t* P, const double* beta,
                                            double rest, Py_ssize_t* candidates,
                                            Py_ssize_t count) noexcept nogil:
    # those of the candidates that the second bound does not clear either
    cdef Py_ssize_t i, j, k, kept = 0
    cdef double middle
    cdef const double* q_slopes
    for i in range(count):
        j = candidates[i]
        q_slopes = B.slopes + j * B.largest
        middle = 0.0
        for k in range(B.k):
            middle += beta[k] * q_slopes[k]
        B.known[j] = smaller(B.known[j], fabs(middle) + rest - B.odometer)
        if may_move(P, j, middle - rest, middle + rest):
            candidates[kept] = j
            kept += 1
    return kept


cdef inline void screening_extend(screening_t* B, const matrix_t* X, const double* target,
                                  const double* v, double* z) noexcept nogil:
    # The residual behind v, made orthonormal to the basis (twice is enough), joins it; z: its
    # slopes, which are overwritten.
    cdef Py_ssize_t i, j, k, length = X.n + 1
    cdef double beta, norm
    cdef double* q
    if B.k == B.largest:
        B.k = 0
    q = B.basis + B.k * length
    for i in range(length):
        q[i] = v[i]
    for _ in range(2):
        for k in range(B.k):
            beta = residual_dot(X, q, B.basis + k * length)
            axpy(length, beta, B.basis + k * length, 0.0, NULL, q)
            for j in range(X.p):
                z[j] -= beta * B.slopes[j * B.largest + k]
    norm = sqrt(residual_sumsq(X, q))
    if norm <= 1e-4:        # nothing new, and rounding would be magnified
        return
    for i in range(length):
        q[i] /= norm
    for j in range(X.p):
        B.slopes[j * B.largest + B.k] = z[j] / norm
    B.target_slopes[B.k] = residual_dot(X, target, q)
    B.k += 1
