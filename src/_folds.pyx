"""Arithmetic on cross products of folds: matrices so small that NumPy's call overhead dominates.

All matrices are M = sum_i s_i m_i m_i', with m_i = (z_i, t_i, 1): p columns, the targets, a 1.
"""

from libc.math cimport sqrt
from libc.stdint cimport int64_t

from vector cimport axpy

import numpy as np


def training_moments(const double[::1, :] total, const double[::1, :] test, Py_ssize_t n_targets,
                     bint centered, double cancellation):
    """Return (means, lengths, Gram matrix, Y'Z) of a fold's training samples, M = total - test.

    Means, and lengths after centring, are those of the columns and the targets, which share one
    length.  In the Gram matrix and Y'Z all are divided by their lengths; a column that is constant
    in all samples has length 1.  None if the training samples have at most the fraction
    `cancellation` of the total weight, or of the total sum of squares of a column or the targets:
    then the difference total - test loses too many digits.
    """
    cdef Py_ssize_t i, j, one = total.shape[0] - 1, p = one - n_targets
    cdef double weight = total[one, one] - test[one, one], rest, spread = 0.0, before = 0.0
    means, lengths = np.zeros(one), np.empty(one)
    gram, gradient = np.empty((p, p), order="F"), np.empty((n_targets, p))
    cdef double[::1] mean = means, length = lengths
    cdef double[::1, :] Q = gram
    cdef double[:, ::1] q = gradient
    if total.shape[1] != one + 1 or test.shape[0] != one + 1 or test.shape[1] != one + 1:
        raise ValueError("total and test must be square, and of one size")
    if weight <= cancellation * total[one, one]:
        return None
    for j in range(one):
        rest = total[j, j] - test[j, j]
        if centered:
            mean[j] = (total[j, one] - test[j, one]) / weight
            rest -= weight * mean[j] * mean[j]
        if j >= p:
            spread += rest
            before += total[j, j]
        elif total[j, j] > 0.0 and rest <= cancellation * total[j, j]:
            return None
        else:
            length[j] = sqrt(rest) if total[j, j] > 0.0 else 1.0
    if before > 0.0 and spread <= cancellation * before:
        return None
    length[p:] = sqrt(spread) if before > 0.0 else 1.0
    with nogil:
        for j in range(p):
            for i in range(one):
                rest = total[i, j] - test[i, j] - weight * mean[i] * mean[j]
                rest = rest / length[i] / length[j]
                if i < p:
                    Q[i, j] = rest
                else:
                    q[i - p, j] = rest
    return means, lengths, gram, gradient


def squared_errors(const double[::1, :] M, const double[::1] norm, const double[::1] center,
                   double y_norm, const double[::1] intercepts, Py_ssize_t n_targets,
                   const int64_t[::1] starts, const int64_t[::1] features, const double[::1] w):
    """Return (v'Mv, sum_i M_ii v_i^2) of each model, whose residuals over y_norm are -m_i.v.

    z_j is (x_j - center_j) / norm_j.  The k-th model has the coefficients starts[k] to
    starts[k + 1], the target k % n_targets, and an intercept for targets of mean zero.  The ratio
    of the second figure to the first shows how many digits cancellation costs.
    """
    cdef Py_ssize_t i, j, k, n_models = starts.shape[0] - 1
    cdef Py_ssize_t one = M.shape[0] - 1, p = one - n_targets, target
    cdef double offset
    if not norm.shape[0] == center.shape[0] == p or M.shape[1] != one + 1:
        raise ValueError("M must have one column per feature, one per target, and one more")
    if intercepts.shape[0] != n_models or not starts[n_models] == w.shape[0] == features.shape[0]:
        raise ValueError("every model wants an intercept, every coefficient a feature")
    sums, sizes = np.zeros(n_models), np.zeros(n_models)
    cdef double[::1] total = sums, size = sizes, product = np.empty(one + 1)
    with nogil:
        for k in range(n_models):
            target, offset = p + k % n_targets, intercepts[k] / y_norm
            product[:] = 0.0
            add(M, target, -1.0, product, &size[k])
            for i in range(starts[k], starts[k + 1]):
                j = features[i]
                offset += center[j] * w[i] / y_norm
                add(M, j, norm[j] * w[i] / y_norm, product, &size[k])
            add(M, one, offset, product, &size[k])
            total[k] = offset * product[one] - product[target]
            for i in range(starts[k], starts[k + 1]):
                j = features[i]
                total[k] += norm[j] * w[i] / y_norm * product[j]
    return sums, sizes


cdef inline void add(const double[::1, :] M, Py_ssize_t j, double v, double[::1] product,
                     double* size) noexcept nogil:
    # Add the contribution of the j-th entry of v to v'M and to sum_j M_jj v_j^2.
    axpy[double](M.shape[0], -v, &M[0, j], 0.0, NULL, &product[0])
    size[0] += v * v * M[j, j]
