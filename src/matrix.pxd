"""matrix_t, one struct for every matrix layout, and the two basic operations of the solvers.

A column of the engine is c_j = scale_j (x_j - center_j).  Both operations take the weighted
residual v_i = s_i r_i, which has one entry more than there are samples:

    slope(X, j, v)     c_j . v
    shift(X, j, d, v)  v -= d s c_j

Dense columns are centred entry by entry.  Of a sparse column only the stored entries are touched:
v[n] holds the constant that is still to be added to all of r, so that centring costs O(nnz_j).
This requires sum_i v_i = 0 (with the constant), which holds whenever the residual is that of a
model with an intercept.  Sparse columns in which every entry is stored are centred entry by entry.
In Gram form v is the gradient itself.

With several blocks the columns are those of X (x) I: X once for each block, which has its own
samples and its own n + 1 entries of v.  Column j of block c has the number j * blocks + c, so that
columns in order read a column of X once for all blocks.

What depends on the layout of a matrix stands in this file: its kind, the arrays that have it, the
loops over sparse columns, and the functions of one column, or of four dense ones.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.math cimport sqrt
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from vector cimport SR_FETCH, axpy, axpy4, dot, dot4, index_t, moments, real_t

cdef enum kind_t:
    DENSE_F64, DENSE_F32, CSC_F64_I32, CSC_F64_I64, CSC_F32_I32, CSC_F32_I64, GRAM

ctypedef struct matrix_t:
    kind_t kind
    Py_ssize_t n                # samples (Gram: features)
    Py_ssize_t p                # features, times the blocks
    Py_ssize_t blocks           # 1, or as in X (x) I
    Py_ssize_t stride           # entries from one dense column to the next
    const void* data
    const void* rows            # CSC: row of each stored entry
    const int64_t* indptr       # CSC: index of the first entry of each column
    const double* center
    const double* scale
    const double* weight        # s, NULL where all are one
    double weight_sum           # S = sum_i s_i
    Py_ssize_t heaviest         # the sample with the largest weight
    Py_ssize_t n_weighted       # samples with a positive weight


cdef inline const matrix_t* matrix_of(object columns) except NULL:
    # The struct of a Columns of _columns.pyx; the capsule's name serves as the type check.
    return <const matrix_t*> PyCapsule_GetPointer(columns.capsule, b"softreg_fast.matrix_t")


cdef inline int kind_of(object values, object rows) except -1:
    # The kind of a matrix by the dtypes of its values and of its row indices, None where dense.
    if not (values.isnative and (rows is None or rows.isnative)):
        raise TypeError("numbers must be in the byte order of the machine")
    kinds = {
        ("f8", None): DENSE_F64,
        ("f4", None): DENSE_F32,
        ("f8", "i4"): CSC_F64_I32,
        ("f8", "i8"): CSC_F64_I64,
        ("f4", "i4"): CSC_F32_I32,
        ("f4", "i8"): CSC_F32_I64,
    }
    return kinds[values.str[1:], None if rows is None else rows.str[1:]]


cdef inline Py_ssize_t length_of(const matrix_t* X) noexcept nogil:
    # Number of entries of v.
    return X.n if X.kind == GRAM else X.blocks * (X.n + 1)


cdef inline bint is_dense(const matrix_t* X) noexcept nogil:
    return X.kind == DENSE_F64 or X.kind == DENSE_F32


cdef inline int check_chosen(const Py_ssize_t[::1] chosen, Py_ssize_t p) except -1:
    cdef Py_ssize_t k
    for k in range(chosen.shape[0]):
        if chosen[k] < 0 or chosen[k] >= p:
            raise ValueError(f"feature {chosen[k]} is outside 0..{p - 1}")
    return 0


# Prefetch distance in stored entries: columns are short, and the hardware prefetcher does not know
# that the next one follows.  Prefetching beyond the end of the data is harmless.
cdef enum: AHEAD = 256

# Long sparse columns are summed in parts: rounding errors grow with the length of a part and with
# the number of parts, not with the number of entries, many of which may be equal.
cdef enum: PART = 1024


cdef inline double sparse_dot(Py_ssize_t nnz, const real_t* x, const index_t* rows, double m,
                              const double* v) noexcept nogil:
    # (x - m) @ v[rows]; four sums hide the latency of the additions
    cdef double a = 0.0, b = 0.0, c = 0.0, d = 0.0, total = 0.0
    cdef Py_ssize_t k = 0, stop
    while True:
        stop = nnz if nnz - k <= PART else k + PART
        if m != 0.0:
            while k < stop:
                a += (x[k] - m) * v[rows[k]]
                k += 1
        while k + 4 <= stop:
            SR_FETCH(x + k + AHEAD)
            SR_FETCH(rows + k + AHEAD)
            a += x[k] * v[rows[k]]
            b += x[k + 1] * v[rows[k + 1]]
            c += x[k + 2] * v[rows[k + 2]]
            d += x[k + 3] * v[rows[k + 3]]
            k += 4
        while k < stop:
            a += x[k] * v[rows[k]]
            k += 1
        total += (a + c) + (b + d)
        if k == nnz:
            return total
        a = b = c = d = 0.0


cdef inline void sparse_axpy(Py_ssize_t nnz, double d, const real_t* x, const index_t* rows,
                             double m, const double* s, double* v) noexcept nogil:
    # v[rows] -= d * s[rows] * (x - m)
    cdef Py_ssize_t k = 0
    if s != NULL:
        for k in range(nnz):
            v[rows[k]] -= d * s[rows[k]] * (x[k] - m)
    elif m != 0.0:
        for k in range(nnz):
            v[rows[k]] -= d * (x[k] - m)
    else:
        while k + 4 <= nnz:
            SR_FETCH(x + k + AHEAD)
            SR_FETCH(rows + k + AHEAD)
            v[rows[k]] -= d * x[k]
            v[rows[k + 1]] -= d * x[k + 1]
            v[rows[k + 2]] -= d * x[k + 2]
            v[rows[k + 3]] -= d * x[k + 3]
            k += 4
        while k < nnz:
            v[rows[k]] -= d * x[k]
            k += 1


cdef inline void sparse_moments(Py_ssize_t nnz, const real_t* x, const index_t* rows, double m,
                                double f, const double* s, double* out) noexcept nogil:
    # out = s[rows] @ (x - m), s[rows] @ (f * (x - m)) ** 2, count_nonzero(s[rows]);
    # the weight is multiplied first, so that a weight of 0 never meets an infinite square
    cdef double total, squares, e, weight
    cdef Py_ssize_t k = 0, stop, counted = 0
    out[0] = out[1] = 0.0
    while k < nnz:
        stop = nnz if nnz - k <= PART else k + PART
        total = squares = 0.0
        while k < stop:
            e = x[k] - m
            weight = 1.0 if s == NULL else s[rows[k]]
            total += weight * e
            squares += (weight * (f * e)) * (f * e)
            counted += weight > 0.0
            k += 1
        out[0] += total
        out[1] += squares
    out[2] = counted


cdef inline Py_ssize_t column_cost(const matrix_t* X, Py_ssize_t j) noexcept nogil:
    # Number of entries that slope() reads.
    if X.kind == GRAM:
        return 1
    if is_dense(X):
        return X.n
    if X.blocks > 1:
        j = j // X.blocks
    return X.indptr[j + 1] - X.indptr[j]


cdef inline double cost_of_columns(const matrix_t* X, const Py_ssize_t* chosen,
                                   Py_ssize_t count) noexcept nogil:
    # Number of entries of `count` columns: the chosen ones, or with NULL the first.
    cdef double cost = 0.0
    cdef Py_ssize_t k
    if is_dense(X):
        return <double> X.n * count
    for k in range(count):
        cost += column_cost(X, k if chosen == NULL else chosen[k])
    return cost


cdef inline double slope(const matrix_t* X, Py_ssize_t j, const double* v) noexcept nogil:
    cdef Py_ssize_t start, nnz
    cdef double m, implicit, total
    if X.kind == GRAM:
        return v[j]
    if X.blocks > 1:
        v += (j % X.blocks) * (X.n + 1)
        j = j // X.blocks
    m = X.center[j]
    if X.kind == DENSE_F64:
        return X.scale[j] * dot(X.n, <const double*> X.data + j * X.stride, m, v)
    if X.kind == DENSE_F32:
        return X.scale[j] * dot(X.n, <const float*> X.data + j * X.stride, m, v)
    start = X.indptr[j]
    nnz = X.indptr[j + 1] - start
    implicit = 0.0
    if nnz < X.n:
        # x_j . (s constant) = constant S m_j
        implicit = v[X.n] * X.weight_sum * m
        m = 0.0
    if X.kind == CSC_F64_I32:
        total = sparse_dot(nnz, <const double*> X.data + start, <const int32_t*> X.rows + start,
                           m, v)
    elif X.kind == CSC_F64_I64:
        total = sparse_dot(nnz, <const double*> X.data + start, <const int64_t*> X.rows + start,
                           m, v)
    elif X.kind == CSC_F32_I32:
        total = sparse_dot(nnz, <const float*> X.data + start, <const int32_t*> X.rows + start,
                           m, v)
    else:
        total = sparse_dot(nnz, <const float*> X.data + start, <const int64_t*> X.rows + start,
                           m, v)
    return X.scale[j] * (total + implicit)


cdef inline void shift(const matrix_t* X, Py_ssize_t j, double d, double* v) noexcept nogil:
    cdef Py_ssize_t start, nnz
    cdef double m
    if X.kind == GRAM:
        axpy(X.n, d, <const double*> X.data + j * X.stride, 0.0, NULL, v)
        return
    if X.blocks > 1:
        v += (j % X.blocks) * (X.n + 1)
        j = j // X.blocks
    m = X.center[j]
    d *= X.scale[j]
    if X.kind == DENSE_F64:
        axpy(X.n, d, <const double*> X.data + j * X.stride, m, X.weight, v)
        return
    if X.kind == DENSE_F32:
        axpy(X.n, d, <const float*> X.data + j * X.stride, m, X.weight, v)
        return
    start = X.indptr[j]
    nnz = X.indptr[j + 1] - start
    if nnz < X.n:
        v[X.n] += d * m
        m = 0.0
    if X.kind == CSC_F64_I32:
        sparse_axpy(nnz, d, <const double*> X.data + start, <const int32_t*> X.rows + start, m,
                    X.weight, v)
    elif X.kind == CSC_F64_I64:
        sparse_axpy(nnz, d, <const double*> X.data + start, <const int64_t*> X.rows + start, m,
                    X.weight, v)
    elif X.kind == CSC_F32_I32:
        sparse_axpy(nnz, d, <const float*> X.data + start, <const int32_t*> X.rows + start, m,
                    X.weight, v)
    else:
        sparse_axpy(nnz, d, <const float*> X.data + start, <const int64_t*> X.rows + start, m,
                    X.weight, v)


cdef inline void entry_moments(const matrix_t* X, Py_ssize_t j, double m, double f,
                               double* out) noexcept nogil:
    # Sums of s (x - m) and of s (f (x - m))^2 over the stored entries of column j, and for sparse
    # columns the number of these entries with a positive weight.
    cdef Py_ssize_t start, nnz
    if X.kind == DENSE_F64:
        moments(X.n, <const double*> X.data + j * X.stride, m, f, X.weight, out)
        return
    if X.kind == DENSE_F32:
        moments(X.n, <const float*> X.data + j * X.stride, m, f, X.weight, out)
        return
    start = X.indptr[j]
    nnz = X.indptr[j + 1] - start
    if X.kind == CSC_F64_I32:
        sparse_moments(nnz, <const double*> X.data + start, <const int32_t*> X.rows + start, m, f,
                       X.weight, out)
    elif X.kind == CSC_F64_I64:
        sparse_moments(nnz, <const double*> X.data + start, <const int64_t*> X.rows + start, m, f,
                       X.weight, out)
    elif X.kind == CSC_F32_I32:
        sparse_moments(nnz, <const float*> X.data + start, <const int32_t*> X.rows + start, m, f,
                       X.weight, out)
    else:
        sparse_moments(nnz, <const float*> X.data + start, <const int64_t*> X.rows + start, m, f,
                       X.weight, out)


# Dense matrices of up to this many bytes stay in the CPU cache from one pass to the next.
cdef enum: STAYS_IN_CACHE = 4_194_304


cdef inline bint in_cache(const matrix_t* X) noexcept nogil:
    return X.p * X.stride * (4 if X.kind == DENSE_F32 else 8) <= STAYS_IN_CACHE


cdef inline void slopes_of_four(const matrix_t* X, const double* v, Py_ssize_t start, bint nearest,
                                Py_ssize_t near, Py_ssize_t far, double* out) noexcept nogil:
    # slopes_of_block for four dense columns, while others are prefetched (see sr_dot4)
    cdef Py_ssize_t[4] which
    cdef Py_ssize_t k
    for k in range(4):
        which[k] = start + k
    slopes_of_chosen_four(X, v, which, nearest, near, far, out)


cdef inline void slopes_of_chosen_four(const matrix_t* X, const double* v, const Py_ssize_t* which,
                                       bint nearest, Py_ssize_t near, Py_ssize_t far,
                                       double* out) noexcept nogil:
    cdef double[4] m
    cdef Py_ssize_t[4] at
    cdef Py_ssize_t k
    for k in range(4):
        m[k] = X.center[which[k]]
        at[k] = which[k] * X.stride
    if X.kind == DENSE_F64:
        dot4(X.n, <const double*> X.data, at, m, v, nearest, near, far, out)
    else:
        dot4(X.n, <const float*> X.data, at, m, v, nearest, near, far, out)
    for k in range(4):
        out[k] *= X.scale[which[k]]


cdef inline void shift_four(const matrix_t* X, const Py_ssize_t* which, const double* u,
                            Py_ssize_t near, Py_ssize_t far, double* v) noexcept nogil:
    # v -= s (X u) for four dense columns, while others are prefetched (see sr_axpy4)
    cdef double[4] d
    cdef double[4] m
    cdef Py_ssize_t[4] at
    cdef Py_ssize_t k
    for k in range(4):
        d[k] = u[which[k]] * X.scale[which[k]]
        m[k] = X.center[which[k]]
        at[k] = which[k] * X.stride
    if X.kind == DENSE_F64:
        axpy4(X.n, d, <const double*> X.data, at, m, X.weight, near, far, v)
    else:
        axpy4(X.n, d, <const float*> X.data, at, m, X.weight, near, far, v)


cdef inline matrix_t rows_of(const matrix_t* X, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    # Rows first .. first + count of a dense matrix.  weight_sum, heaviest and n_weighted remain
    # those of all samples.
    cdef matrix_t B = X[0]
    B.n = count
    if X.kind == DENSE_F32:
        B.data = <const float*> X.data + first
    else:
        B.data = <const double*> X.data + first
    if X.weight != NULL:
        B.weight = X.weight + first
    return B


cdef inline double residual_dot(const matrix_t* X, const double* v, const double* w) noexcept nogil:
    # sum_i s_i r_i q_i of the residuals r, q whose weighted forms are v, w; not for Gram form
    cdef double total = 0.0
    cdef Py_ssize_t c
    for c in range(X.blocks):
        total += block_dot(X, v + c * (X.n + 1), w + c * (X.n + 1))
    return total


cdef inline double block_dot(const matrix_t* X, const double* v, const double* w) noexcept nogil:
    cdef double a = 0.0, b = 0.0, c = v[X.n], d = w[X.n]
    cdef Py_ssize_t i = 0
    if X.weight == NULL:
        while i + 2 <= X.n:
            a += (v[i] + c) * (w[i] + d)
            b += (v[i + 1] + c) * (w[i + 1] + d)
            i += 2
        if i < X.n:
            a += (v[i] + c) * (w[i] + d)
        return a + b
    for i in range(X.n):
        if X.weight[i] > 0.0:
            a += (v[i] + X.weight[i] * c) * (w[i] / X.weight[i] + d)
    return a


cdef inline double residual_sumsq(const matrix_t* X, const double* v) noexcept nogil:
    # sum_i s_i r_i^2
    return residual_dot(X, v, v)


cdef inline double entry(const matrix_t* X, Py_ssize_t k) noexcept nogil:
    # the k-th number in data
    if X.kind == DENSE_F32 or X.kind == CSC_F32_I32 or X.kind == CSC_F32_I64:
        return (<const float*> X.data)[k]
    return (<const double*> X.data)[k]


cdef inline Py_ssize_t row_of(const matrix_t* X, Py_ssize_t k) noexcept nogil:
    # the row of the k-th stored entry of a sparse matrix
    if X.kind == CSC_F64_I32 or X.kind == CSC_F32_I32:
        return (<const int32_t*> X.rows)[k]
    return (<const int64_t*> X.rows)[k]


cdef inline void clear(const matrix_t* X, Py_ssize_t j, double* v) noexcept nogil:
    # Reset v to 0 where shift() by column j has written.  The opposite shift would leave rounding
    # errors: a product that is added by FMA is not rounded first.
    cdef Py_ssize_t k
    if is_dense(X):
        memset(v, 0, X.n * sizeof(double))
        return
    for k in range(X.indptr[j], X.indptr[j + 1]):
        v[row_of(X, k)] = 0.0
    v[X.n] = 0.0


cdef inline double pilot(const matrix_t* X, Py_ssize_t j) noexcept nogil:
    # A first guess of the mean of column j: its entry in the heaviest row, or 0 where entries are
    # not stored.
    if is_dense(X):
        return entry(X, j * X.stride + X.heaviest)
    if X.indptr[j + 1] - X.indptr[j] < X.n:
        return 0.0
    return entry(X, X.indptr[j] + X.heaviest)


cdef inline void gather_column(const matrix_t* X, Py_ssize_t j, Py_ssize_t first, Py_ssize_t rows,
                               double* out) noexcept nogil:
    # out = sqrt(s) c_j for rows first .. first + rows
    cdef Py_ssize_t i, k
    cdef double m = X.center[j], d = X.scale[j]
    if is_dense(X):
        memset(out, 0, rows * sizeof(double))
        if X.kind == DENSE_F64:
            axpy(rows, -d, <const double*> X.data + j * X.stride + first, m, NULL, out)
        else:
            axpy(rows, -d, <const float*> X.data + j * X.stride + first, m, NULL, out)
    else:
        for i in range(rows):
            out[i] = -d * m
        for k in range(X.indptr[j], X.indptr[j + 1]):
            i = row_of(X, k) - first
            if 0 <= i < rows:
                out[i] = d * (entry(X, k) - m)
    if X.weight != NULL:
        for i in range(rows):
            out[i] *= sqrt(X.weight[first + i])
