from screening cimport screening_t
from softreg_fast.kernels._slots cimport Slots


cdef class Screened(Slots):
    cdef screening_t B
    cdef double[::1] known              # B.known
    cdef double[:, ::1] scanned         # slopes of all features
    cdef double[:, ::1] basis
    cdef double[::1] target_slopes
    cdef double last_strength
    cdef double entries_of_listed       # read for candidates since the last full scan
    cdef double open_part, candidates_part      # of tolerances.pxd

    cdef int _advance(self) except -1
    cdef Py_ssize_t _find_open(self) except -1
    cdef double _place_in_basis(self, double* beta) noexcept nogil
    cdef int _scan(self, Py_ssize_t n_open) except -1
    cdef void _know_all(self) noexcept nogil
    cdef Py_ssize_t _choose(self, Py_ssize_t n_open, double ahead, bint* violated) noexcept nogil
    cdef bint _enter(self, Py_ssize_t n_open, double ahead, bint* violated) except -1
    cdef bint _give_slots(self, const Py_ssize_t[::1] new) except -1
    cdef bint _set_strengths(self, double l1_strength, double l2_strength) except -1
    cpdef int solve(self, double l1_strength, double l2_strength, double tol,
                    Py_ssize_t max_iter) except -1
