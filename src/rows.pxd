"""The multi-task penalty phi_j(u) = l1_j ||u||_2 + l2_j / 2 ||u||_2^2 of rows u in R^n_tasks.

It depends only on the norm of a row, so that prox, conjugate and dual scaling are those of
penalty.pxd at the norm (docs/mathematics.md, section 12).  Row a of U (n_tasks, stride) consists of
the entries u[a], u[stride + a], ...; a box is either the whole line or [0, 0], which excludes the
row.
"""

from libc.math cimport sqrt

from penalty cimport (
    conjugate, dual_point_t, dual_scaling, dual_scaling_augmented, larger, loss_part, penalty_t,
    residual_as_dual_point, smaller, value,
)

ctypedef struct rows_t:
    Py_ssize_t n_tasks
    Py_ssize_t stride           # distance between the entries of consecutive tasks
    Py_ssize_t m                # rows
    const double* u             # coefficients
    const double* z             # slopes C'R


cdef inline double row_norm(const double* x, Py_ssize_t stride, Py_ssize_t n_tasks) noexcept nogil:
    # np.linalg.norm(x[::stride][:n_tasks])
    cdef double total = 0.0
    cdef Py_ssize_t t
    for t in range(n_tasks):
        total += x[t * stride] * x[t * stride]
    return sqrt(total)


cdef inline double smooth_rest(const penalty_t* P, const rows_t* R, Py_ssize_t a) noexcept nogil:
    # ||z_a - l2_a u_a||
    cdef double e, l2 = P.l2_strength * P.l2[a], total = 0.0
    cdef Py_ssize_t _t, k = a
    for _t in range(R.n_tasks):
        e = R.z[k] - l2 * R.u[k]
        total += e * e
        k += R.stride
    return sqrt(total)


cdef inline double row_distance(const penalty_t* P, const rows_t* R, Py_ssize_t a) noexcept nogil:
    # distance of z_a to the subdifferential of phi_a at u_a; 0 for every row at the optimum
    cdef double norm = row_norm(R.u + a, R.stride, R.n_tasks)
    cdef double f, e, total = 0.0
    cdef Py_ssize_t _t, k = a
    if P.lower[a] == P.upper[a]:
        return 0.0
    if norm == 0.0:
        return larger(row_norm(R.z + a, R.stride, R.n_tasks) - P.l1_strength * P.l1[a], 0.0)
    f = P.l2_strength * P.l2[a] + P.l1_strength * P.l1[a] / norm
    for _t in range(R.n_tasks):
        e = R.z[k] - f * R.u[k]
        total += e * e
        k += R.stride
    return sqrt(total)


cdef inline double largest_distance(const penalty_t* P, const rows_t* R) noexcept nogil:
    cdef double largest = 0.0
    cdef Py_ssize_t a
    for a in range(R.m):
        largest = larger(largest, row_distance(P, R, a))
    return largest


cdef inline double rows_gap_at(const penalty_t* P, const rows_t* R, const dual_point_t* D,
                               double k) noexcept nogil:
    # primal(U) - dual(k theta)
    #     = ||R - k theta||^2 / 2 + sum_j phi_j(u_j) + phi_j^*(k z_j) - k z_j.u_j
    cdef double total = loss_part(D, k), product
    cdef Py_ssize_t a, t
    for a in range(R.m):
        product = 0.0
        for t in range(R.n_tasks):
            product += R.u[t * R.stride + a] * R.z[t * R.stride + a]
        total += larger(value(P, a, row_norm(R.u + a, R.stride, R.n_tasks))
                        + conjugate(P, a, k * row_norm(R.z + a, R.stride, R.n_tasks))
                        - k * product, 0.0)
    return total


cdef inline double rows_gap_near(const penalty_t* P, const rows_t* R,
                                 const dual_point_t* D) noexcept nogil:
    # The duality gap at the better of two feasible dual points k theta, R.z the slopes of theta; k
    # is slightly reduced, so that rounding cannot make the point infeasible.
    cdef double k = 1.0, k_augmented = 1.0, gap
    cdef Py_ssize_t a
    for a in range(R.m):
        k = smaller(k, dual_scaling(P, a, row_norm(R.z + a, R.stride, R.n_tasks)))
        k_augmented = smaller(k_augmented,
                              dual_scaling_augmented(P, a, 0.0, smooth_rest(P, R, a)))
    if k < 1.0:
        k *= 1.0 - 1e-15
    gap = rows_gap_at(P, R, D, k)
    if k_augmented < k:
        gap = smaller(gap, rows_gap_at(P, R, D, k_augmented))
    return gap


cdef inline double rows_gap(const penalty_t* P, const rows_t* R, double rr) noexcept nogil:
    # rows_gap_near at theta = R, rr = ||R||^2
    cdef dual_point_t D = residual_as_dual_point(rr)
    return rows_gap_near(P, R, &D)
