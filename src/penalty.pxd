"""The penalty phi_j(u) = l1_j |u| + l2_j / 2 u^2 on lower_j <= u <= upper_j, and its functions.

Prox, conjugate, KKT distance, dual scaling: docs/mathematics.md, sections 2 to 4, derives each
formula.  A unit of the penalty is a coefficient, or a row of several: phi_j is then a function of
its norm (section 12), and a box is either the whole line or [0, 0], which excludes the row.  The
entries of a row are `stride` apart.
"""

from libc.math cimport INFINITY, fabs, sqrt

from arithmetic cimport clip, larger, smaller

cdef extern from "proximal.h" nogil:
    double soft_threshold "sr_soft_f64"(double x, double t) noexcept
    double shrink "sr_shrink_f64"(double b, double c, double l1, double l2) noexcept


ctypedef struct penalty_t:
    double l1_strength      # l1_j = l1_strength * l1[j], so that a path changes two numbers
    double l2_strength
    const double* l1
    const double* l2
    const double* lower
    const double* upper
    double slack            # |z_j| up to here counts as 0 where u_j is unpenalised


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
    return clip(shrink(b, c, P.l1_strength * P.l1[j], P.l2_strength * P.l2[j]),
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


# -- smooth pieces: on either side of a kink at 0, between the bounds, which are pieces too --------


cdef inline int piece_of(const penalty_t* P, Py_ssize_t j, double u) noexcept nogil:
    # Number of the piece that holds u.
    if u >= P.upper[j]:
        return 2
    if u <= P.lower[j]:
        return -2
    return (u > 0.0) - (u < 0.0)


cdef inline bint is_free(const penalty_t* P, Py_ssize_t j, double u) noexcept nogil:
    # Return whether u can move in both directions without leaving its piece.
    return P.lower[j] < u < P.upper[j] and (u != 0.0 or P.l1_strength * P.l1[j] == 0.0)


cdef inline double piece_end(const penalty_t* P, Py_ssize_t j, double u, double d) noexcept nogil:
    # The end, in direction d, of the piece that holds u.
    if u * d < 0.0 and P.l1_strength * P.l1[j] > 0.0:
        return smaller(0.0, P.upper[j]) if d > 0.0 else larger(0.0, P.lower[j])
    return P.upper[j] if d > 0.0 else P.lower[j]


cdef inline double piece_slope(const penalty_t* P, Py_ssize_t j, double u) noexcept nogil:
    # phi_j'(u) inside a piece
    return (P.l1_strength * P.l1[j] * ((u > 0.0) - (u < 0.0))
            + P.l2_strength * P.l2[j] * u)


# -- rows ------------------------------------------------------------------------------------------


cdef inline double row_norm(const double* x, Py_ssize_t stride, Py_ssize_t n_tasks) noexcept nogil:
    # np.linalg.norm(x[::stride][:n_tasks])
    cdef double total = 0.0
    cdef Py_ssize_t t
    for t in range(n_tasks):
        total += x[t * stride] * x[t * stride]
    return sqrt(total)


cdef inline double row_size(const double* x, Py_ssize_t stride, Py_ssize_t n_tasks) noexcept nogil:
    # The number on which phi depends: the coefficient itself, or the norm of several.
    return x[0] if n_tasks == 1 else row_norm(x, stride, n_tasks)


cdef inline double row_rest(const double* u, Py_ssize_t u_stride, const double* z,
                            Py_ssize_t z_stride, double f, Py_ssize_t n_tasks) noexcept nogil:
    # ||z - f u||
    cdef double e, total = 0.0
    cdef Py_ssize_t t
    for t in range(n_tasks):
        e = z[t * z_stride] - f * u[t * u_stride]
        total += e * e
    return sqrt(total)


cdef inline double row_prox(const penalty_t* P, Py_ssize_t j, double* b, Py_ssize_t n_tasks,
                            double c) noexcept nogil:
    # b <- argmin_u  c/2 ||u||^2 - b.u + phi_j(u);  returns its norm
    cdef double norm = row_norm(b, 1, n_tasks), new = prox(P, j, norm, c)
    cdef double f = new / norm if new != 0.0 else 0.0
    cdef Py_ssize_t t
    for t in range(n_tasks):
        b[t] *= f
    return new


cdef inline double row_distance(const penalty_t* P, Py_ssize_t j, const double* u,
                                Py_ssize_t u_stride, const double* z, Py_ssize_t z_stride,
                                Py_ssize_t n_tasks) noexcept nogil:
    # kkt_distance of a row
    cdef double norm = row_norm(u, u_stride, n_tasks), l1 = P.l1_strength * P.l1[j]
    if P.lower[j] == P.upper[j]:
        return 0.0
    if norm == 0.0:
        return larger(row_norm(z, z_stride, n_tasks) - l1, 0.0)
    return row_rest(u, u_stride, z, z_stride, P.l2_strength * P.l2[j] + l1 / norm, n_tasks)
