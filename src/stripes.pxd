"""Stripes of rows of dense columns, each small enough to stay in the cache while it is read twice.

A step of a loss that is not quadratic needs the columns twice: for the predictor, and for the
slopes at the residual that follows from it.  By stripes they come from memory once.  Stripes are
summed in a fixed number of groups, so that results do not depend on the number of threads.
"""

from libc.string cimport memset

from loss cimport loss_evaluate, loss_t
from matrix cimport matrix_t, rows_of, shift, shift_four, slope, slopes_of_chosen_four
from vector cimport dot, dot4

# Entries of a stripe: half a MiB; rows of the shortest one; the largest number of groups.
cdef enum:
    STRIPE_ENTRIES = 65_536
    FEWEST_ROWS = 256
    MOST_GROUPS = 8

ctypedef struct sweep_t:
    # arguments of a sweep
    matrix_t X                  # without weights
    const loss_t* F
    const Py_ssize_t* slots     # the features whose slopes are wanted
    Py_ssize_t n_slots
    const Py_ssize_t* moving    # the features that move, and by feature how far back
    Py_ssize_t n_moving
    const double* back
    double move                 # of the intercept
    Py_ssize_t rows             # of a stripe
    double* z                   # (n,) the predictor before
    double* step                # the results: (n,) the step, and the predictor after it,
    double* z_next
    double* r                   # the residual and the curvature there
    double* d


cdef inline Py_ssize_t rows_of_stripe(Py_ssize_t n, Py_ssize_t n_slots) noexcept nogil:
    return min(max(STRIPE_ENTRIES // max(n_slots, 1) // FEWEST_ROWS, 1) * FEWEST_ROWS, n)


cdef inline double sweep_stripe(const sweep_t* A, Py_ssize_t first, double* out) noexcept nogil:
    # Take the step in one stripe and add the slopes there to out; returns the stripe's loss.
    cdef double[4] four
    cdef Py_ssize_t i, a, k = 0, count = min(A.rows, A.X.n - first), stop = first + count
    cdef matrix_t B = rows_of(&A.X, first, count)
    cdef double* step = A.step + first
    cdef double loss
    memset(step, 0, count * sizeof(double))
    while k + 4 <= A.n_moving:
        shift_four(&B, A.moving + k, A.back, 0, 0, step)
        k += 4
    while k < A.n_moving:
        shift(&B, A.moving[k], A.back[A.moving[k]], step)
        k += 1
    for i in range(count):
        step[i] += A.move
    for i in range(first, stop):
        A.z_next[i] = A.z[i] + A.step[i]
    loss = loss_evaluate(A.F, 0, first, stop, A.z_next, A.r, A.d)
    k = 0
    while k + 4 <= A.n_slots:
        slopes_of_chosen_four(&B, A.r + first, A.slots + k, True, 0, 0, four)
        for a in range(4):
            out[k + a] += four[a]
        k += 4
    while k < A.n_slots:
        out[k] += slope(&B, A.slots[k], A.r + first)
        k += 1
    return loss


cdef inline void sweep_group(const sweep_t* A, Py_ssize_t stripe, Py_ssize_t stop,
                             Py_ssize_t step, double* out) noexcept nogil:
    # The stripes stripe, stripe + step, ... before stop; the loss is the last entry of out.
    while stripe < stop:
        out[A.n_slots] += sweep_stripe(A, stripe * A.rows, out)
        stripe = stripe + step


cdef inline void products_of_stripe(const matrix_t* X, const Py_ssize_t* slots, Py_ssize_t n_slots,
                                    Py_ssize_t n_new, Py_ssize_t first, Py_ssize_t rows,
                                    double* columns, double* out) noexcept nogil:
    # out[k, a] += the products in a stripe of the last n_new slots with all slots, by rows.  Slots
    # are read once, for all the new ones, whose weighted columns stay in the cache.
    cdef double[4] four
    cdef Py_ssize_t k, i, a = 0, n_old = n_slots - n_new, count = min(rows, X.n - first)
    cdef matrix_t B = rows_of(X, first, count), C
    C = B
    C.weight = NULL
    memset(columns, 0, n_new * rows * sizeof(double))
    for k in range(n_new):
        shift(&B, slots[n_old + k], -1.0, columns + k * rows)
    while a + 4 <= n_old:
        for k in range(n_new):
            slopes_of_chosen_four(&C, columns + k * rows, slots + a, True, 0, 0, four)
            for i in range(4):
                out[(a + i) * n_new + k] += four[i]
        a += 4
    while a < n_slots:
        for k in range(max(a - n_old, 0), n_new):
            out[a * n_new + k] += slope(&C, slots[a], columns + k * rows)
        a += 1


cdef inline void products_of_group(const matrix_t* X, const Py_ssize_t* slots, Py_ssize_t n_slots,
                                   Py_ssize_t n_new, Py_ssize_t stripe, Py_ssize_t stop,
                                   Py_ssize_t step, Py_ssize_t rows, double* out) noexcept nogil:
    # The same stripes; after the products there is room for the new columns in out.
    while stripe < stop:
        products_of_stripe(X, slots, n_slots, n_new, stripe * rows, rows, out + n_new * n_slots,
                           out)
        stripe = stripe + step


cdef inline void products_of_rows(const double* W, Py_ssize_t n, Py_ssize_t m, const double* zeros,
                                  double* out) noexcept nogil:
    # The lower triangle of W'W, by columns, for m columns of n entries.
    cdef double[4] q
    cdef Py_ssize_t[4] at
    cdef Py_ssize_t a, b = 0, k
    for k in range(4):
        at[k] = k * n
    while b + 4 <= m:
        for a in range(b, m):
            dot4(n, W + b * n, at, zeros, W + a * n, True, 0, 0, q)
            for k in range(4):
                if a >= b + k:
                    out[(b + k) * m + a] = q[k]
        b += 4
    while b < m:
        for a in range(b, m):
            out[b * m + a] = dot(n, W + b * n, 0.0, W + a * n)
        b += 1
