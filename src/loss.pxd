"""Losses f(z) = sum_i s_i f_i(z_i) of the predictor z = X u + offset, and their functions.

Each works on a block of samples, of one output at a time:

    loss_value      sum_i s_i f_i(z_i)
    loss_residual   v_i = -s_i f_i'(z_i), the weighted residual that `slope` reads
    loss_curvature  s_i f_i''(z_i)

and `loss_part` is the loss's part of the duality gap.  Another loss is another kind, with a name in
`loss_kinds`, and a branch in each of the four.  The solvers of squared error need the first three
at no time, since its residual is linear in u: they start from the residual at u = 0 and update it
by `shift`.
"""

from arithmetic cimport larger

cdef enum loss_kind_t:
    SQUARED                     # f_i(z) = (y_i - z)^2 / 2

ctypedef struct loss_t:
    loss_kind_t kind
    Py_ssize_t n                # samples
    Py_ssize_t n_outputs
    const double* y             # (n_outputs, n)
    const double* weight        # s, NULL where all are one

ctypedef struct dual_point_t:
    # A dual point theta relative to the residual r; for theta = r: 0, 0, ||r||^2.
    double away                 # ||r - theta||^2
    double along                # (r - theta) . theta
    double square               # ||theta||^2
    # For losses that are not quadratic, otherwise NULL: (n_outputs, n), theta without the weights.
    const double* z
    const double* theta


cdef inline dict loss_kinds():
    # The kinds by the names of softreg_fast.losses.
    return {"squared": SQUARED}


cdef inline double weight_of(const loss_t* F, Py_ssize_t i) noexcept nogil:
    return 1.0 if F.weight == NULL else F.weight[i]


cdef inline double loss_value(const loss_t* F, Py_ssize_t output, Py_ssize_t start,
                              Py_ssize_t stop, const double* z) noexcept nogil:
    cdef const double* y = F.y + output * F.n
    cdef double r, total = 0.0
    cdef Py_ssize_t i
    for i in range(start, stop):
        r = y[i] - z[i]
        total += weight_of(F, i) * (0.5 * r * r)
    return total


cdef inline void loss_residual(const loss_t* F, Py_ssize_t output, Py_ssize_t start,
                               Py_ssize_t stop, const double* z, double* v) noexcept nogil:
    cdef const double* y = F.y + output * F.n
    cdef Py_ssize_t i
    for i in range(start, stop):
        v[i] = weight_of(F, i) * (y[i] - z[i])


cdef inline void loss_curvature(const loss_t* F, Py_ssize_t output, Py_ssize_t start,
                                Py_ssize_t stop, const double* z, double* out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(start, stop):
        out[i] = weight_of(F, i)


cdef inline dual_point_t residual_as_dual_point(double rr) noexcept nogil:
    cdef dual_point_t D
    D.away = D.along = 0.0
    D.square = rr
    D.z = D.theta = NULL
    return D


cdef inline double loss_part(const loss_t* F, const dual_point_t* D, double k) noexcept nogil:
    # f(z) + f^*(-k theta) + k theta.z for the dual point k theta: ||r - k theta||^2 / 2
    return larger(0.5 * D.away + (1.0 - k) * (D.along + 0.5 * (1.0 - k) * D.square), 0.0)
