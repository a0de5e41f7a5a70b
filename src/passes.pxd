"""Passes over several columns of a matrix, in parallel: X'r and Xw, dense columns by four."""

from cython.parallel cimport prange
from libc.string cimport memset

from matrix cimport (
    GRAM, column_cost, in_cache, is_dense, matrix_t, shift, shift_four, slope,
    slopes_of_chosen_four, slopes_of_four,
)
from vector cimport SR_AHEAD, SR_SHORT


cdef inline Py_ssize_t next_columns(const matrix_t* X, Py_ssize_t count) noexcept nogil:
    # Prefetch distance from dense columns, in entries: to the next `count`, unless they are long.
    return count * X.stride if X.n <= 4096 else SR_AHEAD


cdef inline void slopes_of_block(const matrix_t* X, const double* v, const Py_ssize_t* chosen,
                                 Py_ssize_t start, Py_ssize_t stop, double* out) noexcept nogil:
    # out[k - start] = c_j . v
    cdef Py_ssize_t k, j
    if stop - start == 4 and is_dense(X) and X.blocks == 1:
        if chosen == NULL and in_cache(X):
            slopes_of_four(X, v, start, True, 4 * X.stride, 4 * X.stride, out)
            return
        if X.n > SR_SHORT:
            if chosen == NULL:
                slopes_of_four(X, v, start, False, SR_AHEAD, SR_AHEAD, out)
            else:
                slopes_of_chosen_four(X, v, chosen + start, False, SR_AHEAD, SR_AHEAD, out)
            return
    for k in range(start, stop):
        j = k if chosen == NULL else chosen[k]
        out[k - start] = slope(X, j, v)


cdef inline void slopes(const matrix_t* X, const double* v, const Py_ssize_t* chosen,
                        Py_ssize_t start, Py_ssize_t stop, double* out,
                        int n_threads) noexcept nogil:
    # out[k] = c_j . v for start <= k < stop, j = chosen[k] (NULL: j = k), in parallel over
    # features.  Adjacent dense columns are processed four at a time, always in the same groups:
    # start is a multiple of four.
    cdef Py_ssize_t block, n_blocks = (stop - start + 3) // 4
    cdef Py_ssize_t portion = max(n_blocks // (16 * n_threads), 1)
    for block in prange(n_blocks, num_threads=n_threads, schedule="dynamic", chunksize=portion):
        slopes_of_block(X, v, chosen, start + 4 * block, min(start + 4 * block + 4, stop),
                        out + start + 4 * block)


cdef inline void shift_block(const matrix_t* X, const double* u, Py_ssize_t start,
                             Py_ssize_t stop, Py_ssize_t near, Py_ssize_t far,
                             double* v) noexcept nogil:
    # v -= s (X u) for the columns start .. stop with u_j != 0, dense ones four at a time
    cdef Py_ssize_t[4] which
    cdef Py_ssize_t j, k, count = 0
    cdef bint dense = is_dense(X)
    for j in range(start, stop):
        if u[j] == 0.0:
            continue
        if not dense:
            shift(X, j, u[j], v)
            continue
        which[count] = j
        count += 1
        if count == 4:
            shift_four(X, which, u, near, far, v)
            count = 0
    for k in range(count):
        shift(X, which[k], u[which[k]], v)


cdef inline Py_ssize_t groups_for(const matrix_t* X, Py_ssize_t cost) noexcept nogil:
    # Number of groups in which columns with `cost` entries are summed; each group must be large
    # enough to justify a vector of its own.
    if X.kind == GRAM:
        return 1
    return max(min(cost // (16 * X.n), 16), 1)


cdef inline void subtract_product(const matrix_t* X, const double* u, double* v, double* partial,
                                  int n_threads) noexcept nogil:
    # v -= s (X u).  Up to 16 groups of features are each summed into a separate vector, and these
    # are added in order, so that the result does not depend on the number of threads.
    cdef Py_ssize_t j, k, i, cost = 0, length = X.n + (X.kind != GRAM)
    for j in range(X.p):
        if u[j] != 0.0:
            cost += column_cost(X, j)
    cdef Py_ssize_t n_groups = groups_for(X, cost), ahead = next_columns(X, 4)
    if n_groups == 1:
        shift_block(X, u, 0, X.p, ahead, ahead, v)
        return
    for k in prange(n_groups, num_threads=n_threads, schedule="dynamic", chunksize=1):
        memset(partial + k * length, 0, length * sizeof(double))
        shift_block(X, u, X.p * k // n_groups, X.p * (k + 1) // n_groups, ahead,
                    ahead, partial + k * length)
    for i in prange(length, num_threads=n_threads, schedule="static"):
        for k in range(n_groups):
            v[i] += partial[k * length + i]
