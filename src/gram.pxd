"""Entries of X'SX, c_i . (s c_j), for chosen features.

There are two methods.  In the first, one column is scattered into a dense vector and multiplied
with the others.  In the second, for sparse X, the features on one side are stored by rows: a column
on the other side is then multiplied only with the entries stored in its rows, which for columns of
density d takes d times the work.
"""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from matrix cimport clear, column_cost, entry, matrix_t, row_of, shift, slope

ctypedef struct by_rows_t:
    int64_t* start              # (n_samples + 1,) index of the first entry of each row
    int32_t* feature            # position of the feature in chosen, decreasing within each row
    double* value               # s_i (x_ij - m_j); m_j = 0 where entries of j are not stored


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


cdef inline void store_by_rows(const matrix_t* X, const Py_ssize_t* chosen, Py_ssize_t n_chosen,
                               by_rows_t* R) noexcept nogil:
    cdef Py_ssize_t a, j, k, i
    cdef double m
    memset(R.start, 0, (X.n + 1) * sizeof(int64_t))
    for a in range(n_chosen):
        for k in range(X.indptr[chosen[a]], X.indptr[chosen[a] + 1]):
            R.start[row_of(X, k)] += 1
    for i in range(X.n):
        R.start[i + 1] += R.start[i]
    # Rows are filled from their end: start[i] is decremented for each entry and finally is the
    # index of the first one.
    for a in range(n_chosen):
        j = chosen[a]
        m = 0.0 if has_holes(X, j) else X.center[j]
        for k in range(X.indptr[j], X.indptr[j + 1]):
            i = row_of(X, k)
            R.start[i] -= 1
            R.feature[R.start[i]] = <int32_t> a
            R.value[R.start[i]] = entry(X, k) - m
            if X.weight != NULL:
                R.value[R.start[i]] *= X.weight[i]


cdef inline void multiply_by_rows(const matrix_t* X, const by_rows_t* R, const Py_ssize_t* chosen,
                                  Py_ssize_t first, Py_ssize_t n_chosen, Py_ssize_t j,
                                  double* out) noexcept nogil:
    # out[a] = c_i . (s c_j) with i = chosen[a], for first <= a < n_chosen
    cdef Py_ssize_t a, k, e, i
    cdef double x, m = X.center[j], mean = 0.0
    if has_holes(X, j):
        mean, m = m, 0.0
    memset(out + first, 0, (n_chosen - first) * sizeof(double))
    for k in range(X.indptr[j], X.indptr[j + 1]):
        i = row_of(X, k)
        x = entry(X, k) - m
        for e in range(R.start[i], R.start[i + 1]):
            if R.feature[e] < first:
                break
            out[R.feature[e]] += R.value[e] * x
    # where the entries were not centred: sum s (x - m) (z - m') = sum s x z - S m m'
    for a in range(first, n_chosen):
        i = chosen[a]
        if mean != 0.0 and has_holes(X, i):
            out[a] -= X.weight_sum * X.center[i] * mean
        out[a] *= X.scale[i] * X.scale[j]


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
