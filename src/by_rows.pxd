"""Features of sparse X stored by rows, and products of columns with them.

A column is multiplied with what is stored in its rows only, which for columns of density d takes d
times the work of a scattered one.  Rows of text are long where words are frequent, so that most of
the multiplications are those of a few dozen frequent features: these are multiplied by tiles, of
TILE dense columns at once, whose products with an entry are a few vector operations.
"""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from gram cimport has_holes
from matrix cimport column_cost, entry, matrix_t, row_of

cdef extern from "by_rows.h" nogil:
    enum: TILE "SR_TILE"
    void add_row "sr_add_row"(Py_ssize_t n, const int32_t* feature, const double* value, double x,
                              double* out) noexcept
    void add_outer "sr_add_outer_f64"(Py_ssize_t n, const int32_t* feature, const double* value,
                                      const double* x, double* out) noexcept

# Samples of which a tile is dense at once: 32 KiB.  Entries that are stored at once: 384 KiB.
cdef enum:
    DEPTH = 128
    ENTRIES_AT_ONCE = 1 << 15

ctypedef struct by_rows_t:
    int64_t* start              # (n_samples + 1,) index of the first entry of each row
    int32_t* feature            # position of the feature in chosen, decreasing; tiles come last
    double* value               # s_i (x_ij - m_j); m_j = 0 where entries of j are not stored
    int64_t* first              # (n_chosen,) number of entries of the features before
    int64_t* place              # of the entries, feature by feature: their indices; or NULL
    int64_t* next               # (n_chosen,) storage: the entry of each feature to be stored next


cdef inline double stored_mean(const matrix_t* X, Py_ssize_t j) noexcept nogil:
    return 0.0 if has_holes(X, j) else X.center[j]


cdef inline void store_by_rows(const matrix_t* X, const Py_ssize_t* chosen, Py_ssize_t n_chosen,
                               const Py_ssize_t* tile_of, by_rows_t* R) noexcept nogil:
    # tile_of: (n_chosen,) -1 for features that are in none; NULL: all are
    cdef Py_ssize_t a, k, i, row = 0, last, total = 0
    memset(R.start, 0, (X.n + 1) * sizeof(int64_t))
    for a in range(n_chosen):
        R.first[a], R.next[a] = total, X.indptr[chosen[a]]
        total += column_cost(X, chosen[a])
        for k in range(X.indptr[chosen[a]], X.indptr[chosen[a] + 1]):
            R.start[row_of(X, k)] += 1
    for i in range(X.n):
        R.start[i + 1] += R.start[i]
    # Rows are filled from their end: start[i] is decremented for each entry and finally is the
    # index of the first one.  Some rows at a time, so that they stay in the cache.
    while row < X.n:
        last = row + 1
        while last < X.n and R.start[last] - R.start[row] < ENTRIES_AT_ONCE:
            last = last + 1
        if tile_of != NULL:
            for a in range(n_chosen):
                if tile_of[a] >= 0:
                    store_rows_of_feature(X, chosen[a], a, last, R)
        for a in range(n_chosen):
            if tile_of == NULL or tile_of[a] < 0:
                store_rows_of_feature(X, chosen[a], a, last, R)
        row = last


cdef inline void store_rows_of_feature(const matrix_t* X, Py_ssize_t j, Py_ssize_t a,
                                       Py_ssize_t last, by_rows_t* R) noexcept nogil:
    # The entries of feature j, position a, in the rows before `last` that are not stored yet.
    cdef Py_ssize_t i, k = R.next[a]
    cdef int64_t* place = NULL
    cdef double m = stored_mean(X, j)
    if R.place != NULL:
        place = R.place + R.first[a] - X.indptr[j]
    while k < X.indptr[j + 1]:
        i = row_of(X, k)
        if i >= last:
            break
        R.start[i] -= 1
        if place != NULL:
            place[k] = R.start[i]
        R.feature[R.start[i]] = <int32_t> a
        R.value[R.start[i]] = entry(X, k) - m
        if X.weight != NULL:
            R.value[R.start[i]] *= X.weight[i]
        k = k + 1
    R.next[a] = k


cdef inline double left_mean(const matrix_t* X, Py_ssize_t j) noexcept nogil:
    # what stored_mean leaves to `completed`
    return X.center[j] if has_holes(X, j) else 0.0


cdef inline double completed(const matrix_t* X, Py_ssize_t i, double mean, double scale,
                             double product) noexcept nogil:
    # c_i . (s c_j) from that of stored entries, given left_mean and scale of j.  Where neither side
    # was centred: sum s (x - m) (z - m') = sum s x z - S m m'
    if mean != 0.0 and has_holes(X, i):
        product -= X.weight_sum * X.center[i] * mean
    return product * X.scale[i] * scale


cdef inline void multiply_by_rows(const matrix_t* X, const by_rows_t* R, const Py_ssize_t* chosen,
                                  Py_ssize_t n_chosen, Py_ssize_t j, double* out) noexcept nogil:
    # out[a] = c_i . (s c_j) with i = chosen[a]
    cdef Py_ssize_t a, k, i, e
    cdef double x, m = stored_mean(X, j), mean = left_mean(X, j), scale = X.scale[j]
    memset(out, 0, n_chosen * sizeof(double))
    for k in range(X.indptr[j], X.indptr[j + 1]):
        i = row_of(X, k)
        x = entry(X, k) - m
        for e in range(R.start[i], R.start[i + 1]):     # often none, or one
            out[R.feature[e]] += R.value[e] * x
    for a in range(n_chosen):
        out[a] = completed(X, chosen[a], mean, scale, out[a])


cdef inline void multiply_member_by_rows(const matrix_t* X, const by_rows_t* R,
                                         const Py_ssize_t* chosen, Py_ssize_t n_chosen,
                                         Py_ssize_t b, double* out) noexcept nogil:
    # The same for j = chosen[b], only a >= b: what is stored in a row up to the entry of j.
    # Neither feature is of a tile.
    cdef Py_ssize_t a, k, e, j = chosen[b]
    cdef double m = stored_mean(X, j), mean = left_mean(X, j), scale = X.scale[j]
    cdef const int64_t* place = R.place + R.first[b] - X.indptr[j]
    memset(out + b, 0, (n_chosen - b) * sizeof(double))
    for k in range(X.indptr[j], X.indptr[j + 1]):
        e = R.start[row_of(X, k)]
        add_row(place[k] + 1 - e, R.feature + e, R.value + e, entry(X, k) - m, out)
    for a in range(b, n_chosen):
        out[a] = completed(X, chosen[a], mean, scale, out[a])


cdef inline void multiply_tile(const matrix_t* X, const by_rows_t* R, const Py_ssize_t* tile,
                               Py_ssize_t n_chosen, double* dense, double* out) noexcept nogil:
    # out[a, t] = the product of the stored entries of chosen[a] and tile[t]; dense: (DEPTH, TILE)
    cdef Py_ssize_t[TILE] at
    cdef Py_ssize_t t, k, i, row = 0, last
    cdef double m
    memset(out, 0, n_chosen * TILE * sizeof(double))
    for t in range(TILE):
        at[t] = X.indptr[tile[t]]
    while row < X.n:
        last = min(row + DEPTH, X.n)
        memset(dense, 0, (last - row) * TILE * sizeof(double))
        for t in range(TILE):       # rows of a column increase
            m, k = stored_mean(X, tile[t]), at[t]
            while k < X.indptr[tile[t] + 1] and row_of(X, k) < last:
                dense[(row_of(X, k) - row) * TILE + t] = entry(X, k) - m
                k = k + 1
            at[t] = k
        for i in range(row, last):
            add_outer(R.start[i + 1] - R.start[i], R.feature + R.start[i], R.value + R.start[i],
                      dense + (i - row) * TILE, out)
        row = last


cdef inline void place_tile(const matrix_t* X, const Py_ssize_t* chosen, Py_ssize_t n_chosen,
                            const Py_ssize_t* columns, const Py_ssize_t* members,
                            const Py_ssize_t* tile_of, const double* products,
                            double* out) noexcept nogil:
    # Write the products of a tile to out[a, k], by columns, k = members[t] of `columns`.  With
    # tile_of, to the lower triangle; products of two tiles are those of the later one.
    cdef Py_ssize_t a, t, k, row, column
    cdef double mean, scale
    for t in range(TILE):
        k = members[t]
        mean, scale = left_mean(X, columns[k]), X.scale[columns[k]]
        for a in range(n_chosen):
            row, column = a, k
            if tile_of != NULL:
                if tile_of[a] > tile_of[k]:
                    continue
                row, column = max(a, k), min(a, k)
            out[column * n_chosen + row] = completed(X, chosen[a], mean, scale,
                                                     products[a * TILE + t])
