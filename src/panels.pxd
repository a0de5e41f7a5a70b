"""Products of many columns by BLAS, from panels: copies of a few rows that fit into the cache."""

from libc.math cimport sqrt

from blas cimport dgemm_t, dsyrk_t
from matrix cimport entry, gather_column, matrix_t


cdef inline void multiply_tile(dgemm_t dgemm, const matrix_t* X, const Py_ssize_t* left,
                               Py_ssize_t n_left, const Py_ssize_t* right, Py_ssize_t n_right,
                               Py_ssize_t depth, double* panels, double* out) noexcept nogil:
    # out = A'B with A = sqrt(s) * (the columns `left`), B = sqrt(s) * (the columns `right`)
    cdef double* A = panels
    cdef double* B = panels + depth * n_left
    cdef double one = 1.0, beta = 0.0
    cdef Py_ssize_t row = 0, k
    cdef int m = <int> n_left, n = <int> n_right, d
    while row < X.n:
        d = <int> min(depth, X.n - row)
        for k in range(n_left):
            gather_column(X, left[k], row, d, A + k * d)
        for k in range(n_right):
            gather_column(X, right[k], row, d, B + k * d)
        dgemm(b"T", b"N", &m, &n, &d, &one, A, &d, B, &d, &beta, out, &m)
        beta = 1.0
        row = row + d


ctypedef struct panels_t:
    # arguments of a crossproduct
    dsyrk_t dsyrk
    const matrix_t* X
    const Py_ssize_t* chosen
    const double* factor
    const Py_ssize_t* rows      # NULL: all
    const double* extra
    Py_ssize_t n_chosen, n_extra, length, width
    bint of_samples


cdef inline void add_panels(const panels_t* A, Py_ssize_t first, Py_ssize_t n_panels,
                            Py_ssize_t every, double* panel, double* total) noexcept nogil:
    # total += A'A (of_samples: A A') of the panels first, first + every, ...: rows (columns) of A
    cdef Py_ssize_t at = first, part
    cdef int order, depth, stride
    cdef double one = 1.0
    while at < n_panels:
        part = min(A.width, A.length - at * A.width)
        if A.of_samples:
            order, depth, stride = <int> A.X.n, <int> part, <int> A.X.n
            gather_columns(A, at * A.width, part, 0, A.X.n, panel)
        else:
            order, depth, stride = <int> (A.n_chosen + A.n_extra), <int> part, <int> part
            gather_columns(A, 0, A.n_chosen, at * A.width, part, panel)
            gather_extra(A, at * A.width, part, panel + A.n_chosen * part)
        A.dsyrk(b"L", b"N" if A.of_samples else b"T", &order, &depth, &one, panel, &stride, &one,
                total, &order)
        at = at + every


cdef inline void gather_columns(const panels_t* A, Py_ssize_t column, Py_ssize_t columns,
                                Py_ssize_t row, Py_ssize_t rows, double* panel) noexcept nogil:
    # panel = sqrt(s) * (chosen columns) * factor for some rows and columns
    cdef Py_ssize_t i, j, k
    cdef double f
    cdef double* out
    for k in range(columns):
        j = A.chosen[column + k]
        out = panel + k * rows
        if A.rows == NULL:
            gather_column(A.X, j, row, rows, out)
        else:
            for i in range(rows):
                out[i] = A.X.scale[j] * root_weight(A.X, A.rows[row + i]) * (
                    entry(A.X, j * A.X.stride + A.rows[row + i]) - A.X.center[j])
        f = A.factor[column + k]
        if f != 1.0:
            for i in range(rows):
                out[i] *= f


cdef inline void gather_extra(const panels_t* A, Py_ssize_t row, Py_ssize_t rows,
                              double* panel) noexcept nogil:
    # panel = sqrt(s) * (extra columns)
    cdef Py_ssize_t i, k
    for k in range(A.n_extra):
        for i in range(rows):
            panel[k * rows + i] = (root_weight(A.X, A.rows[row + i])
                                   * A.extra[k * A.X.n + A.rows[row + i]])


cdef inline double root_weight(const matrix_t* X, Py_ssize_t i) noexcept nogil:
    return 1.0 if X.weight == NULL else sqrt(X.weight[i])
