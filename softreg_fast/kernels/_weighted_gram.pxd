from matrix cimport matrix_t
from softreg_fast.kernels._scalars cimport ScalarEngine

cdef enum: FEW_SLOTS = 24


cdef class WeightedGram(ScalarEngine):
    cdef matrix_t U                     # the columns without weights
    cdef const matrix_t* R              # the columns at the reference weights
    cdef object reference
    cdef double[::1] reference_center, d_ref
    cdef double sum_d
    cdef bint fit_intercept
    cdef double[:, ::1] padded          # d_ref, with a last entry of 0
    cdef double[::1, :] rows            # a Gram matrix, its lower triangle
    cdef double[::1] root, panel, sums  # scratch: of d_ref; weighted columns; groups of stripes

    cdef int _refer_to(self, columns, reference, double[::1] center, double[::1] weight,
                       bint fit_intercept) except -1
    cdef int _gram_of(self, double[::1, :] rows, Py_ssize_t first) except -1
    cdef int _lower_gram(self, double[::1, :] rows, Py_ssize_t first) except -1
    cdef int _multiply_slots(self, double[::1, :] rows) except -1
    cdef int _multiply_new_slots(self, double[::1, :] rows) except -1
    cdef double _center_of(self, Py_ssize_t j) noexcept nogil
    cdef bint _is_small(self) noexcept nogil
