from loss cimport loss_kind_t
from softreg_fast.kernels._weighted_gram cimport WeightedGram


cdef class LocalModel(WeightedGram):
    cdef bint has_gram
    cdef const double[::1] y, z_null
    cdef Py_ssize_t length              # number of entries of a predictor
    cdef double[:, ::1] by_sample       # storage of the next six
    cdef double[::1] z, z_next, d, d_next, theta, partial
    cdef double[:, ::1] r, r_next, step, at_screening    # with a last entry for the centring
    cdef double F_now, saturated        # the loss; its smallest value
    cdef double intercept, move         # relative to the null model; of the last step
    cdef double gap_at_residual
    cdef Py_ssize_t n_known             # slots whose slopes at r are known: qs
    # what the model missed in the residual at the last alpha, which the next step foresees: its
    # slopes at the slots are hs_synced
    cdef double[:, ::1] error
    cdef bint is_first                  # whether the next step is the first one at an alpha
    cdef bint has_error, traces         # whether it is known; whether slopes at r are to be added
    cdef double share                   # of it that is expected at the next alpha
    cdef double foreseen                # the share in the present step, or 0
    cdef bint foresees                  # whether errors tell the next ones: of a smooth loss
    cdef double pace                    # log(last alpha / alpha)
    cdef Py_ssize_t born                # fits kept when the Gram matrix was made
    cdef double extra                   # entries read since then by steps after an alpha's first
    cdef double stretch                 # the Hessian is that many times the one of d_ref and Q
    cdef double factor_l2               # the L2 strength with which Q is factorised
    cdef double caution                 # share of the bounds in the reference weights
    cdef loss_kind_t loss_kind
    cdef bint knows_means               # whether r and d tell the means without exponentials
    cdef readonly Py_ssize_t n_steps, n_grams, n_halvings
    cdef list kept_intercepts

    cdef double _evaluate(self, const double* z, double* r, double* d) noexcept nogil
    cdef void _curve(self, const double* step, double* out) noexcept nogil
    cdef void _spread(self, double* step) noexcept nogil
    cdef int _weigh(self, Py_ssize_t first) except -1
    cdef void _take_weights(self) noexcept nogil
    cdef int _rebuild(self) except -1
    cdef int _leave_flat(self) except -1
    cdef bint _is_near(self, Py_ssize_t a, double l1_strength) noexcept nogil
    cdef int _drop_slots(self, double l1_strength) except -1
    cdef double _violation(self) noexcept nogil
    cdef int _slopes_at_residual(self) except -1
    cdef int _slopes_of(self, double[:, ::1] v, Py_ssize_t first, double[:, ::1] out) except -1
    cdef int _follow_error(self) except -1
    cdef int _solve_model(self, double tol) except -1
    cdef void _scale_slopes(self, double c) noexcept nogil
    cdef void _iterate(self, double tol) noexcept nogil
