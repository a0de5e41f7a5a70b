from certificate cimport units_t
from factor cimport factor_t
from loss cimport loss_t
from penalty cimport penalty_t
from softreg_fast.kernels._proximal_newton cimport ProximalNewton


cdef class MultinomialNewton(ProximalNewton):
    cdef loss_t M                       # the loss; its samples are the entries of a block
    cdef Py_ssize_t K                   # classes
    cdef const double[::1] s            # sample weights, and a last 0, for each class
    cdef double[::1] p_root, d_root     # sqrt(w) p and sqrt(w p); w and p at the reference
    # the Hessian of the intercepts but the last, and its factor
    cdef double[:, ::1] H_free, H_factor
    cdef Py_ssize_t[::1] members
    cdef factor_t C
    cdef double[::1] shifts, rest       # of the intercepts; for right-hand sides
    cdef double[::1] by_class           # the intercepts, relative to the null model
    cdef double[::1] by_row
    cdef bint has_old_slopes            # whether hs is of other reference weights
    cdef list kept_rows

    cdef void _curve_of_shift(self, const double* r, double* out) noexcept nogil
    cdef void _weigh_intercepts(self) noexcept nogil
    cdef void _solve_for_shifts(self, const double* r, const double* less) noexcept nogil
    cdef int _minimise_model(self, double tol) except -1
    cdef bint _sums_are_zero(self) noexcept nogil
    cdef double _loss_part(self, double k) noexcept nogil
    cdef double _gap_at_multiple(self, const penalty_t* P, const units_t* units,
                                 double k) noexcept nogil
    cdef void _sort_by_class(self, Py_ssize_t first, Py_ssize_t[:, ::1] out) noexcept nogil
    cdef int _multiply(self, const Py_ssize_t[:, ::1] left, const Py_ssize_t[:, ::1] right,
                       Py_ssize_t count, double[::1, :] G) except -1
    cdef void _multiply_rows(self, const Py_ssize_t[:, ::1] left, const Py_ssize_t[:, ::1] right,
                             Py_ssize_t count, Py_ssize_t row, Py_ssize_t depth, double* A,
                             double* B, double[::1, :] G) noexcept nogil
    cdef void _gather(self, const Py_ssize_t* slots, Py_ssize_t first, Py_ssize_t last,
                      const double[::1] root, Py_ssize_t row, Py_ssize_t depth,
                      double* out) noexcept nogil
