"""Screening of features: bounds on |c_j . r| from slopes computed at earlier residuals.

A feature may enter only if its bound exceeds its threshold.  The first bound is

        |c_j . r| <= |c_j . r_ref| + (length of the path from r_ref to r),

and where it fails, with r = sum_k beta_k q_k + rest and the q_k orthonormal,

        |c_j . r - sum_k beta_k (c_j . q_k)| <= ||rest||.

With several tasks r and q_k have a row for each: c_j . r is then a vector, |c_j . r| its norm and
||r|| the Frobenius norm.  docs/mathematics.md, sections 9 and 12.
"""

from libc.math cimport INFINITY, fabs, sqrt

from arithmetic cimport smaller
from matrix cimport length_of, matrix_t, residual_dot
from penalty cimport may_move, penalty_t, row_size
from vector cimport axpy, count_above

cdef extern from "screening.h" nogil:
    void combine "sr_combine_f64"(Py_ssize_t n, Py_ssize_t count, const double* factor,
                                  const double* rows, Py_ssize_t stride, double* out) noexcept

# Maximum number of residuals in the basis, at which the slopes of all features are stored.
cdef enum: LARGEST_BASIS = 12

# Features of which vector code finds whether there is a candidate among them, and the bounds.
cdef enum: AT_ONCE = 128

ctypedef struct screening_t:
    Py_ssize_t n_tasks
    Py_ssize_t p            # features
    double* known           # by feature: |c_j . r_ref| - (odometer at r_ref); -inf with a slot
    double odometer         # length of the path that r has travelled
    double* basis           # the q_k, n + 1 entries for each task
    double* slopes          # c_j . q_k: for each k and task p entries
    double* target_slopes   # y . q_k
    Py_ssize_t k, largest   # members of the basis: present and maximum number


cdef inline void screening_know(screening_t* B, Py_ssize_t j, const double* z,
                                Py_ssize_t stride) noexcept nogil:
    # Store the slope z = c_j . r at the present residual as the new reference.
    B.known[j] = fabs(row_size(z, stride, B.n_tasks)) - B.odometer


cdef inline void screening_know_all(screening_t* B, const double* z, Py_ssize_t p) noexcept nogil:
    # Store the slopes z (n_tasks, p) of all features.
    cdef Py_ssize_t j
    if B.n_tasks == 1:
        for j in range(p):
            B.known[j] = fabs(z[j]) - B.odometer
    else:
        for j in range(p):
            screening_know(B, j, z + j, p)


cdef inline void screening_skip(screening_t* B, const Py_ssize_t* features,
                                Py_ssize_t count) noexcept nogil:
    # Exclude the features, which have slots, from screening.
    cdef Py_ssize_t a
    for a in range(count):
        B.known[features[a]] = -INFINITY


cdef inline Py_ssize_t screening_open(const screening_t* B, const penalty_t* P, Py_ssize_t p,
                                      Py_ssize_t* candidates) noexcept nogil:
    # Write the features without a slot that the first bound does not exclude to candidates; return
    # their number.
    cdef Py_ssize_t i, j, first, stop = 0, count = 0, kept = 0
    cdef double bound
    while stop < p:
        first = stop
        stop = min(first + AT_ONCE, p)
        if not count_above(stop - first, B.known + first, B.odometer, P.l1_strength, P.l1 + first):
            continue
        for j in range(first, stop):    # branch-free: a branch would often be mispredicted
            candidates[count] = j
            count += B.known[j] + B.odometer > P.l1_strength * P.l1[j]
    for i in range(count):
        j = candidates[i]
        bound = B.known[j] + B.odometer
        candidates[kept] = j
        kept += may_move(P, j, -bound, bound)
    return kept


cdef inline void norms_in_basis(const screening_t* B, const double* beta, Py_ssize_t first,
                                Py_ssize_t count, double* out) noexcept nogil:
    # out = sum_k beta_k (c_j . q_k) of some features, with several tasks its norm
    cdef double[AT_ONCE] part
    cdef Py_ssize_t i, t
    if B.n_tasks == 1:
        combine(count, B.k, beta, B.slopes + first, B.p, out)
        return
    for i in range(count):
        out[i] = 0.0
    for t in range(B.n_tasks):
        combine(count, B.k, beta, B.slopes + t * B.p + first, B.n_tasks * B.p, part)
        for i in range(count):
            out[i] += part[i] * part[i]
    for i in range(count):
        out[i] = sqrt(out[i])


cdef inline Py_ssize_t screening_still_open(screening_t* B, const penalty_t* P, const double* beta,
                                            double rest, Py_ssize_t* candidates, Py_ssize_t start,
                                            Py_ssize_t stop, Py_ssize_t kept) noexcept nogil:
    # Append to the first `kept` candidates those of start .. stop, in increasing order, that the
    # second bound does not exclude either; return their number.
    cdef double[AT_ONCE] middle
    cdef Py_ssize_t i = start, j, first
    cdef double low, high
    while i < stop:
        first = candidates[i] - candidates[i] % AT_ONCE
        norms_in_basis(B, beta, first, min(AT_ONCE, B.p - first), middle)
        while i < stop and candidates[i] < first + AT_ONCE:
            j = candidates[i]
            high = middle[j - first] + rest
            low = middle[j - first] - rest if B.n_tasks == 1 else -high
            B.known[j] = smaller(B.known[j], fabs(middle[j - first]) + rest - B.odometer)
            if may_move(P, j, low, high):
                candidates[kept] = j
                kept += 1
            i = i + 1
    return kept


cdef inline double product_of(const screening_t* B, const matrix_t* X, const double* v,
                              const double* w) noexcept nogil:
    # Inner product of the residuals whose weighted forms are v and w.
    cdef double total = 0.0
    cdef Py_ssize_t t, length = length_of(X)
    for t in range(B.n_tasks):
        total += residual_dot(X, v + t * length, w + t * length)
    return total


cdef inline void screening_extend(screening_t* B, const matrix_t* X, const double* target,
                                  const double* v, double* z) noexcept nogil:
    # Add the residual of v to the basis, orthonormalised by Gram-Schmidt (twice is enough); z: its
    # slopes (n_tasks, n_features), which are overwritten.
    cdef Py_ssize_t i, j, k, length = B.n_tasks * length_of(X), width = B.n_tasks * X.p
    cdef double beta, norm
    cdef double* q
    if B.k == B.largest:
        B.k = 0
    q = B.basis + B.k * length
    for i in range(length):
        q[i] = v[i]
    for _ in range(2):
        for k in range(B.k):
            beta = product_of(B, X, q, B.basis + k * length)
            axpy(length, beta, B.basis + k * length, 0.0, NULL, q)
            axpy(width, beta, B.slopes + k * width, 0.0, NULL, z)
    norm = sqrt(product_of(B, X, q, q))
    if norm <= 1e-4:        # in the span of the basis; dividing would magnify rounding errors
        return
    for i in range(length):
        q[i] /= norm
    for j in range(width):
        B.slopes[B.k * width + j] = z[j] / norm
    B.target_slopes[B.k] = product_of(B, X, target, q)
    B.k += 1
