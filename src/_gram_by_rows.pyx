"""Gram blocks of sparse X, from features stored by rows (by_rows.pxd), in parallel over columns."""

from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t

from by_rows cimport (
    DEPTH, TILE, by_rows_t, multiply_by_rows, multiply_member_by_rows, multiply_tile, place_tile,
    store_by_rows,
)
from matrix cimport column_cost, cost_of_columns, matrix_t
from openmp cimport omp_get_thread_num, threads_for
from signals cimport check_signals
from tolerances cimport ENTRIES_PER_SIGNAL_CHECK

import numpy as np

# Entries per sample of the columns of a tile, from which on tiles are faster.
cdef double LEAST_IN_TILE = 8.0


cdef int gram_by_rows(const matrix_t* X, const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns,
                      double[::1, :] out, int n_threads, bint lower) except -1:
    # out[a, b] = c_i . (s c_j), i = rows[a], j = columns[b]; `lower`: only a >= b is needed
    cdef Py_ssize_t n_rows = rows.shape[0], n_columns = columns.shape[0], k, start, stop = 0
    cdef Py_ssize_t stored = <Py_ssize_t> cost_of_columns(X, &rows[0], n_rows), portion
    cdef int64_t[::1] starts = np.empty(X.n + 1, np.int64), place
    cdef int64_t[:, ::1] by_row = np.empty((2, n_rows), np.int64)
    cdef int32_t[::1] feature = np.empty(stored + 1, np.int32)
    cdef double[::1] value = np.empty(stored + 1)
    cdef Py_ssize_t[::1] members, rest, tile_of
    cdef const Py_ssize_t* tiles = NULL
    cdef by_rows_t R
    R.start, R.first, R.next = &starts[0], &by_row[0, 0], &by_row[1, 0]
    R.feature, R.value, R.place = &feature[0], &value[0], NULL
    lower = lower and np.array_equal(rows, columns)
    if lower:
        place = np.empty(stored + 1, np.int64)
        R.place = &place[0]
    members, rest, tile_of = split_by_frequency(X, columns)
    if lower and members.shape[0]:
        tiles = &tile_of[0]
    with nogil:
        store_by_rows(X, &rows[0], n_rows, tiles, &R)
    # average number of entries that a column is multiplied with
    portion = <Py_ssize_t> cost_of_columns(X, &columns[0], n_columns) // n_columns + 1
    portion = portion * (stored // X.n + 1) + n_rows
    n_threads = threads_for(<double> portion * n_columns, n_threads)
    # long columns have more, as their entries lie in long rows: hence the factor 8
    portion = max(ENTRIES_PER_SIGNAL_CHECK // (8 * portion), n_threads)
    while stop < rest.shape[0]:
        start = stop
        stop = min(start + portion, rest.shape[0])
        for k in prange(start, stop, num_threads=n_threads, schedule="dynamic", nogil=True):
            if lower:
                multiply_member_by_rows(X, &R, &rows[0], n_rows, rest[k], &out[0, rest[k]])
            else:
                multiply_by_rows(X, &R, &rows[0], n_rows, columns[rest[k]], &out[0, rest[k]])
        check_signals()
    # after the others, which have written to entries of tiles
    if members.shape[0]:
        add_tiles(X, &R, rows, columns, members, tiles, out, n_threads)
    return 0


cdef split_by_frequency(const matrix_t* X, const Py_ssize_t[::1] columns):
    # The places in `columns` of those that are multiplied by tiles, and of all others; the tile of
    # each, or -1.
    cdef Py_ssize_t k, n_columns = columns.shape[0], n_members = 0
    counts = np.empty(n_columns, np.intp)
    cdef Py_ssize_t[::1] count = counts
    for k in range(n_columns):
        count[k] = column_cost(X, columns[k])
    order = np.argsort(-counts, kind="stable")
    tile_of = np.full(n_columns, -1)
    while (n_members + TILE <= n_columns
           and counts[order[n_members:n_members + TILE]].sum() >= LEAST_IN_TILE * X.n):
        tile_of[order[n_members:n_members + TILE]] = n_members // TILE
        n_members += TILE
    return order[:n_members], np.sort(order[n_members:]), tile_of


cdef int add_tiles(const matrix_t* X, const by_rows_t* R, const Py_ssize_t[::1] rows,
                   const Py_ssize_t[::1] columns, const Py_ssize_t[::1] members,
                   const Py_ssize_t* tile_of, double[::1, :] out, int n_threads) except -1:
    # One tile per thread at a time.
    cdef Py_ssize_t k, start, stop = 0, n_tiles = members.shape[0] // TILE, n_rows = rows.shape[0]
    cdef double[:, ::1] work = np.empty((n_threads, (DEPTH + n_rows) * TILE))
    cdef const Py_ssize_t[::1] features = np.take(columns, members)
    cdef double* dense = NULL
    while stop < n_tiles:
        start = stop
        stop = min(start + n_threads, n_tiles)
        for k in prange(start, stop, num_threads=n_threads, schedule="dynamic", nogil=True):
            dense = &work[omp_get_thread_num(), 0]
            multiply_tile(X, R, &features[k * TILE], n_rows, dense, dense + DEPTH * TILE)
            place_tile(X, &rows[0], n_rows, &columns[0], &members[k * TILE], tile_of,
                       dense + DEPTH * TILE, &out[0, 0])
        check_signals()
    return 0
