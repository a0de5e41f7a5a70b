"""Penalties that are not convex, MCP, SCAD, log-sum and L1/2, by their pieces, and their functions.

In the engine's units, with l1 = l1_strength * l1_j and a shape g:

    MCP     slope l1 - |u| / g up to g l1, then 0                               (Zhang 2010)
    SCAD    slope l1 up to l1, (g l1 - |u|) / (g - 1) up to g l1, then 0       (Fan, Li 2001)
    log-sum slope l1 g / (g + |u|)                                (Candes, Wakin, Boyd 2008)
    L1/2    slope s / (2 sqrt|u|), l1 = 3/2 s^(2/3)               (Xu, Chang, Xu, Zhang 2012)

u = 0 stays as long as its slope is at most l1, so that screening is that of L1: the first three
behave as l1 |u| there, and that of L1/2, which is infinitely steep, is the minimum of its
coefficient as long.  Columns have length 1 there, so that the shape is in units of a column's
curvature, that of log-sum in units of u.
"""

from libc.math cimport INFINITY, M_PI, acos, copysign, cos, fabs, log1p, sqrt

from arithmetic cimport clip, larger, smaller
from penalty cimport penalty_t, soft_threshold

cdef enum:
    MCP = 1
    SCAD = 2
    LOG_SUM = 3
    L_HALF = 4

# Pieces of |u|, with the sign of u; a bound is a piece of its own.
cdef enum:
    FLAT = 3
    BOUND = 4


ctypedef struct bent_t:
    int kind
    double shape


cdef inline double threshold(const penalty_t* P, Py_ssize_t j) noexcept nogil:
    return P.l1_strength * P.l1[j]


cdef inline bint has_flat(const bent_t* B) noexcept nogil:
    # whether phi is quadratic on each piece, and constant on the last
    return B.kind == MCP or B.kind == SCAD


cdef inline double half_strength(double l1) noexcept nogil:
    # the factor s of sqrt|u| with which coefficients enter at the slope l1
    return l1 * sqrt(l1) * (2.0 / 3.0) * sqrt(2.0 / 3.0)


cdef inline double half_minimum(double l1, double b, double c) noexcept nogil:
    # argmin_x  c/2 x^2 - b x + s sqrt|x|, where it is not 0: the largest root of a cubic equation
    # in sqrt(x)
    cdef double size = fabs(b) / (3.0 * c)
    cdef double angle = acos(smaller(0.25 * half_strength(l1) / (c * size * sqrt(size)), 1.0))
    return copysign(2.0 * size * (1.0 + cos((2.0 / 3.0) * (M_PI - angle))), b)


cdef inline double log_sum_minimum(double l1, double g, double b, double c,
                                   double u) noexcept nogil:
    # The local minimum of  c/2 x^2 - b x + l1 g log(1 + |x| / g)  to which u descends.  For b > 0
    # the derivative vanishes at the roots of  c x^2 - (b - c g) x = g (b - l1).  While b <= l1, 0
    # is a minimum too, and ends where the smaller root begins.
    cdef double size = fabs(b), far = size - c * g, rise = size - l1 * (1.0 + 4e-15)
    cdef double square = far * far + 4.0 * c * g * (size - l1), root = sqrt(larger(square, 0.0))
    if rise <= 0.0 and (far <= 0.0 or square <= 0.0 or u * b <= 0.0
                        or 2.0 * c * fabs(u) <= far - root):
        return 0.0
    if far > 0.0:
        return copysign(0.5 * (far + root) / c, b)
    return copysign(2.0 * g * (size - l1) / (root - far), b)


cdef inline double bent_prox(const penalty_t* P, const bent_t* B, Py_ssize_t j, double b,
                             double c, double now) noexcept nogil:
    # argmin_u  c/2 u^2 - b u + phi_j(u);  where that is not convex, hard thresholding, of log-sum
    # the minimum to which u = `now` descends.  Slopes that are larger than l1 by rounding leave u
    # at 0: where the penalty is about as bent as the loss is curved, the step would magnify their
    # difference.
    cdef double l1 = threshold(P, j), size = fabs(b), g = B.shape, u
    if B.kind == LOG_SUM:
        u = log_sum_minimum(l1, g, b, c, now) if l1 > 0.0 else b / c
    elif size <= l1 * (1.0 + 4e-15) and not (B.kind == MCP and c * g <= 1.0):
        u = 0.0
    elif B.kind == L_HALF:
        u = half_minimum(l1, b, c)
    elif B.kind == MCP:
        if c * g <= 1.0:
            u = b / c if size > l1 * sqrt(c * g) else 0.0
        elif size < g * l1 * c:
            u = soft_threshold(b, l1) / (c - 1.0 / g)
        else:
            u = b / c
    elif size <= l1 * (1.0 + c):
        u = soft_threshold(b, l1) / c
    elif size < g * l1 * c:
        u = soft_threshold(b, g * l1 / (g - 1.0)) / (c - 1.0 / (g - 1.0))
    else:
        u = b / c
    return clip(u, P.lower[j], P.upper[j])


cdef inline int bent_piece(const penalty_t* P, const bent_t* B, Py_ssize_t j,
                           double u) noexcept nogil:
    # Number of the piece that holds u: 0 at the kink; 1 begins there; 2 is the one in which the
    # slope of SCAD falls; FLAT; BOUND.  With the sign of u, bounds with that of their side.
    cdef double l1 = threshold(P, j), size = fabs(u)
    cdef int piece
    if u >= P.upper[j]:
        return BOUND
    if u <= P.lower[j]:
        return -BOUND
    if u == 0.0 and l1 > 0.0:
        return 0
    if l1 == 0.0 or (has_flat(B) and size >= B.shape * l1):
        piece = FLAT
    else:
        piece = 2 if B.kind == SCAD and size > l1 else 1
    return piece if u >= 0.0 else -piece


cdef inline double bent_curvature(const penalty_t* P, const bent_t* B, Py_ssize_t j,
                                  double u) noexcept nogil:
    # phi_j''(u)
    cdef int piece = bent_piece(P, B, j, u)
    if piece < 0:
        piece = -piece
    if B.kind == LOG_SUM:
        return -threshold(P, j) * B.shape / (B.shape + fabs(u)) ** 2 if piece == 1 else 0.0
    if B.kind == L_HALF:
        return (-0.25 * half_strength(threshold(P, j)) / (fabs(u) * sqrt(fabs(u)))
                if piece == 1 else 0.0)
    if B.kind == MCP:
        return -1.0 / B.shape if piece == 1 else 0.0
    return -1.0 / (B.shape - 1.0) if piece == 2 else 0.0


cdef inline double bent_least(const penalty_t* P, const bent_t* B, Py_ssize_t j) noexcept nogil:
    # the least curvature of phi_j away from 0, of L1/2 where a coefficient can be a minimum: it
    # enters with |u| = s^(2/3)
    if B.kind == LOG_SUM:
        return -threshold(P, j) / B.shape
    if B.kind == L_HALF:
        return -0.25 if P.l1[j] > 0.0 else 0.0
    return -1.0 / (B.shape if B.kind == MCP else B.shape - 1.0)


cdef inline double bent_rise(const penalty_t* P, const bent_t* B, Py_ssize_t j, double u,
                             double d) noexcept nogil:
    # phi_j(u + d) - phi_j(u) of log-sum and L1/2, within a piece
    cdef double size = fabs(u), g = B.shape, change = fabs(u + d) - size
    if B.kind == L_HALF:
        return (half_strength(threshold(P, j)) * change / (sqrt(fabs(u + d)) + sqrt(size))
                if change != 0.0 else 0.0)
    return threshold(P, j) * g * log1p(change / (g + size))


cdef inline double bent_slope(const penalty_t* P, const bent_t* B, Py_ssize_t j,
                              double u) noexcept nogil:
    # phi_j'(u), 0 at the kink
    cdef double l1 = threshold(P, j), size = fabs(u), s
    if u == 0.0:
        return 0.0
    if B.kind == LOG_SUM:
        s = l1 * B.shape / (B.shape + size)
    elif B.kind == L_HALF:
        s = 0.5 * half_strength(l1) / sqrt(size)
    elif B.kind == MCP:
        s = larger(l1 - size / B.shape, 0.0)
    else:
        s = l1 if size <= l1 else larger(B.shape * l1 - size, 0.0) / (B.shape - 1.0)
    return s if u > 0.0 else -s


cdef inline double bent_end(const penalty_t* P, const bent_t* B, Py_ssize_t j, double u,
                            double d) noexcept nogil:
    # The end, in direction d, of the piece that holds u, by a rounding error within the next one.
    cdef double l1 = threshold(P, j), g = B.shape, low = 0.0, high = INFINITY, end
    cdef int piece = bent_piece(P, B, j, u)
    if piece < 0:
        piece = -piece
    if piece == FLAT:
        low = g * l1
    elif piece == 2:
        low, high = l1, g * l1
    elif l1 > 0.0 and has_flat(B):
        high = g * l1 if B.kind == MCP else l1
    if u * d >= 0.0:
        end = high * (1.0 + 4e-16)
    else:
        end = low * (1.0 - 4e-16) if low > 0.0 or l1 > 0.0 else -INFINITY
    return clip(end if u > 0.0 or (u == 0.0 and d > 0.0) else -end, P.lower[j], P.upper[j])


cdef inline bint bent_is_free(const penalty_t* P, Py_ssize_t j, double u) noexcept nogil:
    return P.lower[j] < u < P.upper[j] and (u != 0.0 or threshold(P, j) == 0.0)


cdef inline double bent_distance(const penalty_t* P, const bent_t* B, Py_ssize_t j, double u,
                                 double z) noexcept nogil:
    # distance of z to the limiting subdifferential of phi_j at u; of L1/2, for which every z is
    # stationary at 0, that of z to the slopes at which u is the minimum of its coefficient
    cdef double l1 = threshold(P, j), s = bent_slope(P, B, j, u)
    cdef double low = s if u != 0.0 else -l1, high = s if u != 0.0 else l1
    if u <= P.lower[j]:
        low = -INFINITY
    if u >= P.upper[j]:
        high = INFINITY
    if B.kind == L_HALF and u != 0.0:
        return larger(fabs(z - s), l1 - fabs(z + u))
    return larger(larger(low - z, z - high), 0.0)
