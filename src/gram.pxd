"""Entries of X'SX, c_i . (s c_j), for chosen features.

One column is scattered into a dense vector and multiplied with the others.  gram_by_rows.pxd has
another method for sparse X, panels.pxd that of BLAS.
"""

from matrix cimport clear, column_cost, matrix_t, shift, slope


cdef inline bint has_holes(const matrix_t* X, Py_ssize_t j) noexcept nogil:
    return column_cost(X, j) < X.n


cdef inline void scatter_column(const matrix_t* X, Py_ssize_t j, const Py_ssize_t* others,
                                Py_ssize_t n_others, Py_ssize_t stride, double* v,
                                double* out) noexcept nogil:
    # out[k * stride] = c_i . (s c_j) with i = others[k];  v is zero before and after
    cdef Py_ssize_t k
    shift(X, j, -1.0, v)
    for k in range(n_others):
        out[k * stride] = slope(X, others[k], v)
    clear(X, j, v)


# Side of the squares in which a matrix is mirrored.
cdef enum: SQUARE = 16


cdef inline void mirror(Py_ssize_t m, const double* lower, double* out,
                        Py_ssize_t stride) noexcept nogil:
    # out <- the symmetric (m, m) matrix of which the lower triangle is given by columns.  By small
    # squares, as jumps from row to row miss the cache.
    cdef Py_ssize_t a, b, row, column = 0
    while column < m:
        row = column
        while row < m:
            for b in range(column, min(column + SQUARE, m)):
                for a in range(max(row, b), min(row + SQUARE, m)):
                    out[b * stride + a] = lower[b * m + a]
            for a in range(row, min(row + SQUARE, m)):
                for b in range(column, min(column + SQUARE, a + 1)):
                    out[a * stride + b] = lower[b * m + a]
            row += SQUARE
        column += SQUARE
