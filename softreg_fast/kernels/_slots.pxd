from arithmetic cimport larger
from certificate cimport duality_gap, units_t
from loss cimport loss_t
from matrix cimport cost_of_columns, matrix_t
from penalty cimport penalty_t


cdef class Slots:
    cdef const matrix_t* X
    cdef loss_t F
    cdef penalty_t P                    # by feature
    cdef penalty_t S                    # by slot
    cdef object columns
    cdef const double[:, ::1] target
    cdef const double[::1] l1, l2, lower, upper
    cdef double[:, ::1] by_feature      # storage of u, found, slot_of, listed
    cdef double[:, ::1] u, v            # by feature; the weighted residuals
    cdef double target_sumsq
    cdef int n_threads
    cdef Py_ssize_t n_tasks
    cdef Py_ssize_t[::1] listed         # some features, and
    cdef double[:, ::1] found           # their slopes
    # slots; the matrices have a row for each task
    cdef Py_ssize_t m, capacity, most_slots
    cdef Py_ssize_t[::1] feature, slot_of
    cdef const double[:, ::1] Q
    cdef double[:, ::1] own_Q
    cdef double[:, ::1] vectors         # l1, l2, lower, upper
    cdef double[:, :, ::1] by_slot      # storage of the next six
    cdef double[:, ::1] us, hs          # coefficients, slopes
    cdef double[:, ::1] qs              # slopes at u = 0
    cdef double[:, ::1] synced, hs_synced   # us and hs at the last odometer update
    cdef double[:, ::1] settled         # coefficients whose residual is v
    cdef double loss                    # ||y - Cu||^2
    # results
    cdef Py_ssize_t[::1] kept_features
    cdef double[:, ::1] kept_values, kept_figures
    cdef Py_ssize_t n_kept, n_kept_values
    cdef readonly object coef
    cdef readonly double gap
    cdef readonly Py_ssize_t n_epochs, n_newton
    cdef double entries, entries_of_X   # read so far; in all of X

    # what a solver adds
    cdef Py_ssize_t _n_more_vectors(self) noexcept
    cdef int _make_room(self, Py_ssize_t capacity) except -1
    cdef int _follow_strengths(self) except -1
    cdef int _solve_slots(self, double tol, Py_ssize_t max_iter) except -1

    # what rests on the residual being linear in u: a loss that is not quadratic needs its own, and
    # its own Screened._advance
    cdef int _settle(self) except -1
    cdef int _slopes_from_gram(self) except -1
    cdef int _certify(self) except -1

    cdef int _prepare(self, bint several) except -1
    cdef int _reserve(self, Py_ssize_t capacity) except -1
    cdef int _take_slots(self, const Py_ssize_t* new, Py_ssize_t count) except -1
    cdef bint _add_slots(self, const Py_ssize_t[::1] new) except -1
    cdef void _settle_task(self, Py_ssize_t t, Py_ssize_t start, Py_ssize_t stop) noexcept nogil
    cdef int _slopes_from_residual(self) except -1
    cdef bint _trusts_gram(self) noexcept nogil
    cpdef int keep(self, int status) except -1


cdef inline bint is_nonzero(Slots A, Py_ssize_t a) noexcept nogil:
    cdef Py_ssize_t t
    for t in range(A.n_tasks):
        if A.us[t, a] != 0.0:
            return True
    return False


cdef inline void count_reading(Slots A, const Py_ssize_t* features,
                               Py_ssize_t count) noexcept nogil:
    A.entries = A.entries + cost_of_columns(A.X, features, count)


cdef inline units_t units_of(Slots A) noexcept nogil:
    cdef units_t units
    units.n_tasks, units.count, units.chosen = A.n_tasks, A.m, NULL
    units.u, units.z = &A.us[0, 0], &A.hs[0, 0]
    units.u_stride = units.z_stride = A.us.shape[1]
    return units


cdef inline double slot_gap(Slots A) noexcept nogil:
    cdef units_t units = units_of(A)
    return duality_gap(&A.F, &A.S, &units, A.loss)


cdef inline void loss_from_gram(Slots A) noexcept nogil:
    # ||y - Cu||^2 = ||y||^2 - u'(q + h)
    cdef double fitted = 0.0
    cdef Py_ssize_t a, t
    for t in range(A.n_tasks):
        for a in range(A.m):
            fitted += A.us[t, a] * (A.qs[t, a] + A.hs[t, a])
    A.loss = larger(A.target_sumsq - fitted, 0.0)
