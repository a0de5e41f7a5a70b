"""Passes over X for the weighted residuals V (n_tasks, n + 1) of several tasks, or of one."""

from cython.parallel cimport prange

from matrix cimport GRAM, cost_of_columns, matrix_t, residual_sumsq
from openmp cimport threads_for
from passes cimport slopes, slopes_of_block
from signals cimport check_signals
from tolerances cimport ENTRIES_PER_SIGNAL_CHECK


cdef inline void slopes_of_several(const matrix_t* X, const double* V, Py_ssize_t n_tasks,
                                   const Py_ssize_t* chosen, Py_ssize_t start, Py_ssize_t stop,
                                   double* out, Py_ssize_t stride, int n_threads) noexcept nogil:
    # `slopes` for the rows of V: a column is read from memory once for all tasks, as it stays in
    # cache after the first.
    cdef Py_ssize_t t, block, length = X.n + (X.kind != GRAM)
    cdef Py_ssize_t portion = max((stop - start) // (64 * n_threads), 1)
    for block in prange((stop - start + 3) // 4, num_threads=n_threads, schedule="dynamic",
                        chunksize=portion):
        for t in range(n_tasks):
            slopes_of_block(X, V + t * length, chosen, start + 4 * block,
                            min(start + 4 * block + 4, stop), out + t * stride + start + 4 * block)


cdef inline int slopes_of_tasks(const matrix_t* X, const double[:, ::1] V,
                                const Py_ssize_t* chosen, Py_ssize_t count, double[:, ::1] out,
                                Py_ssize_t first, int n_threads) except -1:
    # out[t, first + k] = c_j . V[t] with j = chosen[k] (NULL: all), in parallel over features.
    cdef Py_ssize_t n_tasks = V.shape[0], stride = out.shape[1], portion, start, stop = 0
    cdef double cost = n_tasks * cost_of_columns(X, chosen, count)
    cdef const double* v = &V[0, 0]
    n_threads = threads_for(cost, n_threads)
    portion = 4 * max(<Py_ssize_t> (ENTRIES_PER_SIGNAL_CHECK / (cost / max(count, 1) + 1.0) / 4), 1)
    while stop < count:
        start = stop
        stop = min(start + portion, count)
        with nogil:
            if n_tasks == 1:
                slopes(X, v, chosen, start, stop, &out[0, first], n_threads)
            else:
                slopes_of_several(X, v, n_tasks, chosen, start, stop, &out[0, first], stride,
                                  n_threads)
        check_signals()
    return 0


cdef inline double sumsq_of_tasks(const matrix_t* X, const double[:, ::1] V) noexcept nogil:
    # ||R||_s^2 of the residuals whose weighted form is V
    cdef double total = 0.0
    cdef Py_ssize_t t
    for t in range(V.shape[0]):
        total += residual_sumsq(X, &V[t, 0])
    return total
