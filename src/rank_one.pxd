"""Blocks whose Gram matrix is diag(a) - m m': centred indicators of the levels of one category.

No sample has two levels, so that only the centring couples the columns.  The inverse follows by
Sherman and Morrison's formula from sums over the levels; eigenvectors would take the square of
their number in memory and its third power in time.
"""

from arithmetic cimport larger


cdef struct rank_one_t:
    Py_ssize_t n
    const double* a
    const double* m
    double spare            # 1 - sum_i m_i^2 / a_i, 0 if the levels sum to 1 in each sample


cdef inline void add_rank_one(const rank_one_t* G, const double* x, double f,
                              double* out) noexcept nogil:
    # out += f (diag(a) - m m') x
    cdef double mx = 0.0
    cdef Py_ssize_t i
    for i in range(G.n):
        mx += G.m[i] * x[i]
    for i in range(G.n):
        out[i] += f * (G.a[i] * x[i] - G.m[i] * mx)


cdef inline double solve_rank_one(const rank_one_t* G, double l2, double t, double w,
                                  const double* b, double* out) noexcept nogil:
    # out <- ((diag(a + l2) - m m') t + w I)^-1 b; returns ||out||^2.  With q the inverse of the
    # diagonal the denominator 1 - t m'q m is written as a sum of terms >= 0, which loses no digits.
    cdef double q, mq, total = 0.0, upper = 0.0, lower = G.spare, more = l2 * t + w, e
    cdef Py_ssize_t i
    for i in range(G.n):
        q = 1.0 / ((G.a[i] + l2) * t + w)
        mq = G.m[i] * q
        out[i] = q * b[i]
        upper += mq * b[i]
        lower += mq * (G.m[i] / G.a[i]) * more
    upper *= t / lower if lower > 0.0 else 0.0
    for i in range(G.n):
        e = out[i] + G.m[i] * upper / ((G.a[i] + l2) * t + w)
        out[i] = e
        total += e * e
    return total


cdef inline double length_of_rank_one(const rank_one_t* G, double l2, double size, double w,
                                      const double* b, double t, double* e,
                                      double* f) noexcept nogil:
    # The root t of ||e|| = 1, e = ((diag(a + l2) - m m') t + w I)^-1 b, ||b|| = size > w > 0, from
    # a first guess, by Newton's method for 1 / ||e||, which is concave; `f` is room for a vector.
    cdef double top = 0.0, least, square, slope, inner, root, new
    cdef Py_ssize_t i
    for i in range(G.n):
        top = larger(top, G.a[i])
    least = (size - w) / (top + l2)
    t = larger(t, least)
    for _ in range(100):
        square = solve_rank_one(G, l2, t, w, b, e)
        solve_rank_one(G, l2, t, w, e, f)
        inner = 0.0
        for i in range(G.n):
            inner += e[i] * f[i]
        slope = (square - w * inner) / t        # e'M^-1 (G + l2) e, with M the matrix above
        root = square ** 0.5
        new = larger(t + (root - 1.0) * square / slope, least) if slope > 0.0 else least
        if not new - t > 1e-15 * new and not t - new > 1e-15 * new:
            return new
        t = new
    return t
