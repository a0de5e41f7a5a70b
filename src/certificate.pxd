"""The duality gap: the loss's part and the penalty's, at multiples of a dual point.

    primal(u) - dual(k theta) = loss_part(k) + sum_j phi_j(u_j) + phi_j^*(k z_j) - k z_j.u_j,

z the slopes C'theta: a sum of terms >= 0, so that nothing cancels near the optimum
(docs/mathematics.md, sections 3, 4 and 12).  No other file knows both the loss and the penalty.
"""

from arithmetic cimport larger, smaller
from loss cimport dual_point_t, loss_part, loss_t, residual_as_dual_point
from penalty cimport (
    conjugate, dual_scaling, dual_scaling_augmented, kkt_distance, penalty_t, row_distance,
    row_rest, row_size, value,
)

ctypedef struct units_t:
    # Coefficients and slopes of some units: numbers, or rows of n_tasks.
    Py_ssize_t n_tasks
    Py_ssize_t count
    const Py_ssize_t* chosen    # the feature of each unit, the index into u and penalty; NULL: all
    const double* u
    Py_ssize_t u_stride         # distance between the entries of consecutive tasks
    const double* z             # one entry per unit
    Py_ssize_t z_stride


cdef inline units_t scalars(const Py_ssize_t* chosen, Py_ssize_t count, const double* u,
                            const double* z) noexcept nogil:
    cdef units_t A
    A.n_tasks, A.count, A.chosen = 1, count, chosen
    A.u, A.z = u, z
    A.u_stride = A.z_stride = 0
    return A


cdef inline double inner(double k, const double* u, Py_ssize_t u_stride, const double* z,
                         Py_ssize_t z_stride, Py_ssize_t n_tasks) noexcept nogil:
    # k z.u
    cdef double total = 0.0
    cdef Py_ssize_t t
    if n_tasks == 1:
        return k * z[0] * u[0]
    for t in range(n_tasks):
        total += u[t * u_stride] * z[t * z_stride]
    return k * total


cdef inline double penalty_part(const penalty_t* P, const units_t* A, Py_ssize_t n_tasks, double k,
                                double total) noexcept nogil:
    # total + sum_j phi_j(u_j) + phi_j^*(k z_j) - k z_j.u_j
    cdef const double* u
    cdef const double* z
    cdef Py_ssize_t a, j
    for a in range(A.count):
        j = a if A.chosen == NULL else A.chosen[a]
        u, z = A.u + j, A.z + a
        total += larger(value(P, j, row_size(u, A.u_stride, n_tasks))
                        + conjugate(P, j, k * row_size(z, A.z_stride, n_tasks))
                        - inner(k, u, A.u_stride, z, A.z_stride, n_tasks), 0.0)
    return total


cdef inline double gap_at(const loss_t* F, const penalty_t* P, const units_t* A,
                          const dual_point_t* D, double k) noexcept nogil:
    cdef double part = loss_part(F, D, k)
    if A.n_tasks == 1:      # a constant, so that the compiler drops the loops over tasks
        return penalty_part(P, A, 1, k, part)
    return penalty_part(P, A, A.n_tasks, k, part)


cdef inline void feasible(const penalty_t* P, const units_t* A, Py_ssize_t n_tasks, double* k,
                          double* k_augmented) noexcept nogil:
    # Reduce k and k_augmented until k theta is feasible, in the two ways of penalty.pxd.
    cdef const double* u
    cdef const double* z
    cdef Py_ssize_t a, j
    for a in range(A.count):
        j = a if A.chosen == NULL else A.chosen[a]
        u, z = A.u + j, A.z + a
        k[0] = smaller(k[0], dual_scaling(P, j, row_size(z, A.z_stride, n_tasks)))
        if n_tasks == 1:
            k_augmented[0] = smaller(k_augmented[0], dual_scaling_augmented(P, j, u[0], z[0]))
        else:
            k_augmented[0] = smaller(k_augmented[0], dual_scaling_augmented(P, j, 0.0, row_rest(
                u, A.u_stride, z, A.z_stride, P.l2_strength * P.l2[j], n_tasks)))


cdef inline double gap_near(const loss_t* F, const penalty_t* P, const units_t* A,
                            const dual_point_t* D) noexcept nogil:
    # The gap at the better of two feasible dual points k theta.  k is slightly reduced, so that
    # rounding cannot make the point infeasible.
    cdef double k = 1.0, k_augmented = 1.0, gap
    if A.n_tasks == 1:
        feasible(P, A, 1, &k, &k_augmented)
    else:
        feasible(P, A, A.n_tasks, &k, &k_augmented)
    if k < 1.0:
        k *= 1.0 - 1e-15
    gap = gap_at(F, P, A, D, k)
    if k_augmented < k:
        gap = smaller(gap, gap_at(F, P, A, D, k_augmented))
    return gap


cdef inline double duality_gap(const loss_t* F, const penalty_t* P, const units_t* A,
                               double rr) noexcept nogil:
    # gap_near at theta = r, rr = ||r||^2
    cdef dual_point_t D = residual_as_dual_point(rr)
    return gap_near(F, P, A, &D)


cdef inline double distance_of(const penalty_t* P, const units_t* A, Py_ssize_t a) noexcept nogil:
    # Distance of the slopes of unit a to the subdifferential of its penalty.
    cdef Py_ssize_t j = a if A.chosen == NULL else A.chosen[a]
    if A.n_tasks == 1:
        return kkt_distance(P, j, A.u[j], A.z[a])
    return row_distance(P, j, A.u + j, A.u_stride, A.z + a, A.z_stride, A.n_tasks)
