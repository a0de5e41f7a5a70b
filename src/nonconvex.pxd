"""MCP and SCAD, penalties that are not convex, by their pieces, and their functions.

In the engine's units, with l1 = l1_strength * l1_j and a shape g:

    MCP     slope l1 - |u| / g up to g l1, then 0                               (Zhang 2010)
    SCAD    slope l1 up to l1, (g l1 - |u|) / (g - 1) up to g l1, then 0       (Fan, Li 2001)

At u = 0 both behave as l1 |u|, so that screening is that of L1.  Columns have length 1 there, so
that the shape is in units of a column's curvature.
"""

from libc.math cimport INFINITY, fabs, sqrt

from arithmetic cimport clip, larger, smaller
from penalty cimport penalty_t, soft_threshold

cdef enum:
    MCP = 1
    SCAD = 2

# Pieces of |u|, with the sign of u; a bound is a piece of its own.
cdef enum:
    FLAT = 3
    BOUND = 4


ctypedef struct bent_t:
    int kind
    double shape


cdef inline double threshold(const penalty_t* P, Py_ssize_t j) noexcept nogil:
    return P.l1_strength * P.l1[j]


cdef inline double bent_prox(const penalty_t* P, const bent_t* B, Py_ssize_t j, double b,
                             double c) noexcept nogil:
    # argmin_u  c/2 u^2 - b u + phi_j(u);  where that is not convex, hard thresholding.  Slopes that
    # are larger than l1 by rounding leave u at 0: where the penalty is about as bent as the loss is
    # curved, the step would magnify their difference.
    cdef double l1 = threshold(P, j), size = fabs(b), g = B.shape, u
    if size <= l1 * (1.0 + 4e-15) and not (B.kind == MCP and c * g <= 1.0):
        u = 0.0
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
    if size >= B.shape * l1:
        piece = FLAT
    else:
        piece = 2 if B.kind == SCAD and size > l1 else 1
    return piece if u >= 0.0 else -piece


cdef inline double bent_curvature(const bent_t* B, int piece) noexcept nogil:
    # phi_j'' in a piece
    if B.kind == MCP:
        return -1.0 / B.shape if piece == 1 or piece == -1 else 0.0
    return -1.0 / (B.shape - 1.0) if piece == 2 or piece == -2 else 0.0


cdef inline double bent_slope(const penalty_t* P, const bent_t* B, Py_ssize_t j,
                              double u) noexcept nogil:
    # phi_j'(u), 0 at the kink
    cdef double l1 = threshold(P, j), size = fabs(u), s
    if u == 0.0:
        return 0.0
    if B.kind == MCP:
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
    elif l1 > 0.0:
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
    # distance of z to the limiting subdifferential of phi_j at u
    cdef double l1 = threshold(P, j), s = bent_slope(P, B, j, u)
    cdef double low = s if u != 0.0 else -l1, high = s if u != 0.0 else l1
    if u <= P.lower[j]:
        low = -INFINITY
    if u >= P.upper[j]:
        high = INFINITY
    return larger(larger(low - z, z - high), 0.0)
