"""The penalty phi_j(u) = l1_j |u| + l2_j / 2 u^2 on lower_j <= u <= upper_j, and its functions.

Prox, conjugate, KKT distance, dual scaling and duality gap: docs/mathematics.md, sections 2 to 4,
derives each formula.
"""

from libc.math cimport INFINITY, fabs


ctypedef struct penalty_t:
    double l1_strength      # l1_j = l1_strength * l1[j], so that a path changes two numbers
    double l2_strength
    const double* l1
    const double* l2
    const double* lower
    const double* upper
    double slack            # |z_j| up to here counts as 0 where u_j is unpenalised


cdef inline double larger(double a, double b) noexcept nogil:
    # two instructions, where fmax of the C library is a call
    return b if b > a else a


cdef inline double smaller(double a, double b) noexcept nogil:
    return b if b < a else a


cdef inline double soft_threshold(double x, double t) noexcept nogil:
    # np.sign(x) * np.maximum(np.abs(x) - t, 0), and NaN for NaN
    if fabs(x) <= t:
        return 0.0
    return x - t if x > 0.0 else x + t


cdef inline double clip(double x, double lower, double upper) noexcept nogil:
    return smaller(larger(x, lower), upper)


cdef inline double null_value(const penalty_t* P, Py_ssize_t j) noexcept nogil:
    # Initial value of u_j: 0, or the bound nearest to 0.
    return clip(0.0, P.lower[j], P.upper[j])


cdef inline bint may_move(const penalty_t* P, Py_ssize_t j, double low,
                          double high) noexcept nogil:
    # Return whether a slope in [low, high] could move u_j away from its null value.
    cdef double l1 = P.l1_strength * P.l1[j]
    return ((high > l1 and P.upper[j] > null_value(P, j))
            or (low < -l1 and P.lower[j] < null_value(P, j)))


cdef inline double prox(const penalty_t* P, Py_ssize_t j, double b, double c) noexcept nogil:
    # argmin_u  c/2 u^2 - b u + phi_j(u);  c + l2_j > 0
    return clip(soft_threshold(b, P.l1_strength * P.l1[j]) / (c + P.l2_strength * P.l2[j]),
                P.lower[j], P.upper[j])


cdef inline double value(const penalty_t* P, Py_ssize_t j, double u) noexcept nogil:
    # phi_j(u)
    return P.l1_strength * P.l1[j] * fabs(u) + 0.5 * P.l2_strength * P.l2[j] * u * u


cdef inline double conjugate(const penalty_t* P, Py_ssize_t j, double z) noexcept nogil:
    # phi_j^*(z) = max_u  z u - phi_j(u), inf where no maximum exists
    cdef double l1 = P.l1_strength * P.l1[j]
    cdef double l2 = P.l2_strength * P.l2[j]
    cdef double t = soft_threshold(z, P.slack if l1 == 0.0 and l2 == 0.0 else l1)
    cdef double u
    if l2 > 0.0:
        u = clip(t / l2, P.lower[j], P.upper[j])
    elif t > 0.0:
        u = P.upper[j]
    elif t < 0.0:
        u = P.lower[j]
    else:
        u = clip(0.0, P.lower[j], P.upper[j])
    if fabs(u) == INFINITY:
        return INFINITY
    return z * u - value(P, j, u)


cdef inline double kkt_distance(const penalty_t* P, Py_ssize_t j, double u,
                                double z) noexcept nogil:
    # distance of z = x_j . r to the subdifferential of phi_j at u; 0 for every j at the optimum
    cdef double l1 = P.l1_strength * P.l1[j]
    cdef double e = z - P.l2_strength * P.l2[j] * u
    cdef double low = -l1 if u <= 0.0 else l1
    cdef double high = l1 if u >= 0.0 else -l1
    if u <= P.lower[j]:
        low = -INFINITY
    if u >= P.upper[j]:
        high = INFINITY
    return larger(larger(low - e, e - high), 0.0)


cdef inline double dual_scaling(const penalty_t* P, Py_ssize_t j, double z) noexcept nogil:
    # the largest k <= 1 for which phi_j^*(k z) is finite
    cdef double l1 = P.l1_strength * P.l1[j]
    if P.l2_strength * P.l2[j] > 0.0 or (l1 == 0.0 and fabs(z) <= P.slack):
        return 1.0
    if (z > l1 and P.upper[j] == INFINITY) or (z < -l1 and P.lower[j] == -INFINITY):
        return l1 / fabs(z)
    return 1.0


cdef inline double dual_scaling_augmented(const penalty_t* P, Py_ssize_t j, double u,
                                          double z) noexcept nogil:
    # dual_scaling with l2_j treated as an additional sample, (0; sqrt(l2_j) e_j): a better dual
    # point while far from the optimum and l2_j is small
    cdef double l1 = P.l1_strength * P.l1[j]
    cdef double e = z - P.l2_strength * P.l2[j] * u
    if l1 > 0.0 and fabs(e) > l1 and (P.upper[j] if e > 0.0 else -P.lower[j]) == INFINITY:
        return l1 / fabs(e)
    return 1.0


ctypedef struct dual_point_t:
    # A dual point theta relative to the residual r; for theta = r: 0, 0, ||r||^2.
    double away             # ||r - theta||^2
    double along            # (r - theta) . theta
    double square           # ||theta||^2


cdef inline dual_point_t residual_as_dual_point(double rr) noexcept nogil:
    cdef dual_point_t D
    D.away = D.along = 0.0
    D.square = rr
    return D


cdef inline double loss_part(const dual_point_t* D, double k) noexcept nogil:
    # ||r - k theta||^2 / 2, the loss's part of the gap
    return larger(0.5 * D.away + (1.0 - k) * (D.along + 0.5 * (1.0 - k) * D.square), 0.0)


cdef inline double gap_at(const penalty_t* P, const Py_ssize_t* chosen, Py_ssize_t n_chosen,
                          const double* u, const double* z, const dual_point_t* D,
                          double k) noexcept nogil:
    # primal(u) - dual(k theta)
    #     = ||r - k theta||^2 / 2 + sum_j phi_j(u_j) + phi_j^*(k z_j) - k z_j u_j,
    # a sum of terms >= 0, so that nothing cancels near the optimum
    cdef double total = loss_part(D, k)
    cdef Py_ssize_t a, j
    for a in range(n_chosen):
        j = a if chosen == NULL else chosen[a]
        total += larger(value(P, j, u[j]) + conjugate(P, j, k * z[a]) - k * z[a] * u[j], 0.0)
    return total


cdef inline double gap_near(const penalty_t* P, const Py_ssize_t* chosen, Py_ssize_t n_chosen,
                            const double* u, const double* z,
                            const dual_point_t* D) noexcept nogil:
    # The gap at the better of two feasible dual points k theta; z[a] = x_j . theta with
    # j = chosen[a] (NULL: every feature).  k is slightly reduced, so that rounding cannot make the
    # point infeasible.
    cdef double k = 1.0, k_augmented = 1.0, gap
    cdef Py_ssize_t a, j
    for a in range(n_chosen):
        j = a if chosen == NULL else chosen[a]
        k = smaller(k, dual_scaling(P, j, z[a]))
        k_augmented = smaller(k_augmented, dual_scaling_augmented(P, j, u[j], z[a]))
    if k < 1.0:
        k *= 1.0 - 1e-15
    gap = gap_at(P, chosen, n_chosen, u, z, D, k)
    if k_augmented < k:
        gap = smaller(gap, gap_at(P, chosen, n_chosen, u, z, D, k_augmented))
    return gap


cdef inline double duality_gap(const penalty_t* P, const Py_ssize_t* chosen, Py_ssize_t n_chosen,
                               const double* u, const double* z, double rr) noexcept nogil:
    # gap_near at theta = r, rr = ||r||^2
    cdef dual_point_t D = residual_as_dual_point(rr)
    return gap_near(P, chosen, n_chosen, u, z, &D)
