from certificate cimport units_t
from penalty cimport penalty_t
from softreg_fast.kernels._local_model cimport LocalModel


cdef class ProximalNewton(LocalModel):
    cdef double _penalty_of(self, double t) noexcept nogil
    cdef double _move_of_intercept(self, double total) noexcept nogil
    cdef double _product(self, const double* v, const double* w) noexcept nogil
    cdef void _stretch(self, double ahead) noexcept nogil
    cdef bint _goes_by_stripes(self) noexcept nogil
    cdef double _sweep(self, double move) except? -1.0
    cdef void _foresee(self) noexcept nogil
    cdef void _trace(self) noexcept nogil
    cdef int _find_step(self) except -1
    cdef void _find_move(self) noexcept nogil
    cdef double _take_step(self) except -1
    cdef double _gap_at(self, const double* r, const double* step, double enough) noexcept nogil
    cdef double _gap_of(self, const penalty_t* P, const units_t* units) noexcept nogil
    cdef bint _should_rebuild(self, double contraction, double tol) noexcept nogil
    cdef int _certify_residual(self, double enough) except -1
    cdef int _adjust(self, bint failed) except -1
    cdef int _certify_all(self) except -1
