cimport cython
from factor cimport factor_t
from softreg_fast.kernels._screened cimport Screened


cdef class ScalarEngine(Screened):
    cdef factor_t A                     # of the Gram matrix of the free slots
    cdef double[:, ::1] L
    cdef Py_ssize_t[::1] order, row_of  # slot of each row of the factor; row of each slot, or -1
    cdef double[::1] x, h               # the only rows of us and hs
    cdef double[::1] rhs
    cdef Py_ssize_t[::1] moved          # slots that a Newton step moves
    # signals
    cdef Py_ssize_t entries_done
    cdef bint must_stop
    cdef object signal

    cdef Py_ssize_t _most_independent(self) noexcept nogil
    cdef int _reserve_factor(self, Py_ssize_t most) except -1
    cdef int _refactor(self) except -1
    @cython.final
    cdef bint _stops(self, Py_ssize_t entries) noexcept nogil
    @cython.final
    cdef void _look_at_signals(self) noexcept with gil
    @cython.final
    cdef int _raise_signal(self) except -1
    @cython.final
    cdef double _epoch(self, Py_ssize_t* n_flips) noexcept nogil
    @cython.final
    cdef void _move(self, Py_ssize_t a, double new) noexcept nogil
    @cython.final
    cdef double _slope(self, Py_ssize_t a) noexcept nogil
    @cython.final
    cdef double _end(self, Py_ssize_t a, double d) noexcept nogil
    @cython.final
    cdef void _follow_support(self) noexcept nogil
    @cython.final
    cdef void _drop_bound(self) noexcept nogil
    @cython.final
    cdef bint _shift_slopes(self, Py_ssize_t count) noexcept nogil
    @cython.final
    cdef bint _exchange(self, Py_ssize_t a) noexcept nogil
    @cython.final
    cdef void _newton_direction(self) noexcept nogil
    @cython.final
    cdef void _predict(self) noexcept nogil
    @cython.final
    cdef bint _newton(self) noexcept nogil
    cdef bint _is_exact(self, double gap) noexcept nogil
