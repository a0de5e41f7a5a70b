"""Mean and length of a column, accurate also where sums of squares lose digits or leave float64."""

from libc.math cimport fabs, isfinite, sqrt

from matrix cimport column_cost, entry_moments, matrix_t, pilot


cdef inline void column_moments(const matrix_t* X, Py_ssize_t j, bint centered,
                                double* center, double* norm) noexcept nogil:
    # One pass about a pilot value p, sum s (x - m)^2 = sum s (x - p)^2 - S (m - p)^2; a second pass
    # if the difference would lose more than one digit, or squares may leave the range of float64.
    cdef Py_ssize_t stored = column_cost(X, j)
    cdef double m = 0.0, f = 1.0, way = 0.0, sumsq
    cdef double[3] sums
    if centered:
        m = pilot(X, j)
    entry_moments(X, j, m, 1.0, sums)
    if centered:
        way = sums[0] / X.weight_sum
        m += way
    sumsq = sums[1] - way * sums[0]
    if sumsq > 0.1 * sums[1] and 1e-200 < sumsq < 1e200:
        norm[0] = sqrt(sumsq)
    else:
        norm[0] = spread(X, j, m, 1.0, stored)
    # Rescale where squares leave the range of float64; with a larger mean so small a spread is a
    # rounding error.
    if not norm[0] < 1e140 or (norm[0] <= 1e-140 and fabs(m) < 1e-120):
        f = 1e150 if norm[0] < 1.0 else 1e-160
        norm[0] = spread(X, j, m, f, stored) / f
    # A norm below the rounding error of the mean, or too small for 1 / norm: a constant column.
    if norm[0] <= 1e-15 * fabs(m) * sqrt(X.weight_sum) or norm[0] < 1e-290:
        norm[0] = 0.0
    center[0] = m


cdef inline double spread(const matrix_t* X, Py_ssize_t j, double m, double f,
                          Py_ssize_t stored) noexcept nogil:
    # sqrt(sum_i s_i (f (x_ij - m))^2).  The holes (entries not stored) add m^2 sum_holes s, and
    # sum_stored s (x - m) = m sum_holes s, since m is the mean.
    cdef double[3] sums
    entry_moments(X, j, m, f, sums)
    if stored < X.n and sums[2] < X.n_weighted:
        sums[1] += (f * m) * (f * sums[0])
    return sqrt(max(sums[1], 0.0)) if isfinite(sums[1]) else sums[1]
