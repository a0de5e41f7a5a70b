"""The functions of loss.pxd on whole vectors, by the name of the loss."""

from libc.math cimport exp, fabs, sqrt

from arithmetic cimport larger
from loss cimport (
    bregman, dual_point_t, exponent, loss_evaluate, loss_kind_t, loss_kinds, loss_part, loss_t,
    loss_with, sum_of, weight_of,
)
from vector cimport axpy, moments

import numpy as np

KINDS = loss_kinds()


cdef loss_t loss_of(str kind, const double[:, ::1] y, const double[:, ::1] z,
                    const double[::1] weight, double parameter) except *:
    cdef loss_t F
    F.parameter = parameter
    F.kind = <loss_kind_t> <int> KINDS[kind]
    F.n_outputs, F.n = y.shape[0], y.shape[1]
    F.y, F.weight = &y[0, 0], NULL
    if z.shape[0] != F.n_outputs or z.shape[1] != F.n:
        raise ValueError("z must have the shape of y")
    if weight is not None:
        if weight.shape[0] != F.n:
            raise ValueError("weight must have one entry per sample")
        F.weight = &weight[0]
    return F


def evaluate(str kind, const double[:, ::1] y, const double[:, ::1] z,
             const double[::1] weight=None, double parameter=0.0):
    """Return (value, weighted residual, curvature) of a loss at the predictor z.

    y, z, the weighted residual -s f'(z) and the curvature s f''(z) are (n_outputs, n_samples), the
    value is summed over all.
    """
    cdef loss_t F = loss_of(kind, y, z, weight, parameter)
    cdef Py_ssize_t k
    cdef double total = 0.0
    cdef double[:, ::1] v = np.empty((y.shape[0], y.shape[1]))
    cdef double[:, ::1] curvature = np.empty((y.shape[0], y.shape[1]))
    for k in range(F.n_outputs):
        total += loss_evaluate(&F, k, 0, F.n, &z[k, 0], &v[k, 0], &curvature[k, 0])
    return total, np.asarray(v), np.asarray(curvature)


def part(str kind, const double[:, ::1] y, const double[:, ::1] z, const double[:, ::1] theta,
         const double[::1] weight=None, double k=1.0, double parameter=0.0,
         const double[:, ::1] residual=None, const double[:, ::1] curvature=None):
    """Return the loss's part of the duality gap at z and the dual point k s theta.

    y, z, theta: (n_outputs, n_samples); s: the weights.  residual and curvature: those at z as
    `evaluate` returns them, if they are to save exponentials; for the logistic loss all y are then
    0 or 1.
    """
    cdef loss_t F = loss_of(kind, y, z, weight, parameter)
    cdef dual_point_t D
    if theta.shape[0] != F.n_outputs or theta.shape[1] != F.n:
        raise ValueError("theta must have the shape of y")
    s = np.ones(F.n) if weight is None else np.asarray(weight)
    point = np.asarray(theta)
    rest = np.asarray(y) - np.asarray(z) - point
    D.away, D.along, D.square = (np.sum(s * a * b) for a, b in (
        (rest, rest), (rest, point), (point, point)))
    D.z, D.theta = &z[0, 0], &theta[0, 0]
    D.r = D.d = NULL
    if residual is not None:
        if np.shape(residual) != np.shape(z) or np.shape(curvature) != np.shape(z):
            raise ValueError("residual and curvature must have the shape of z")
        D.r, D.d = &residual[0, 0], &curvature[0, 0]
    return loss_part(&F, &D, k)


def null_model(str kind, const double[::1] y, const double[::1] z, const double[::1] weight=None,
               double parameter=0.0, double rounding=0.0):
    """Return (deviance, excess, weighted residual) of one output at the predictor z.

    The deviance is twice the excess of the loss over its smallest value, summed.  `excess` is how
    much the largest |residual| exceeds what `rounding`, relative to 1 + |z|, makes of it, or 0.
    Samples of weight 0 count nowhere.
    """
    cdef loss_t F = loss_of(kind, np.asarray(y)[np.newaxis], np.asarray(z)[np.newaxis], weight,
                            parameter)
    cdef double deviance = 0.0, excess = 0.0, s, q, r = 0.0, d = 0.0, size
    cdef Py_ssize_t i
    residual = np.zeros(F.n)
    cdef double[::1] v = residual
    with nogil:
        for i in range(F.n):
            s = weight_of(&F, i)
            if s == 0.0:
                continue
            q = exp(exponent(F.kind, parameter, z[i]))
            loss_with(q, F.kind, parameter, y[i], z[i], &r, &d)
            deviance += s * bregman(q, F.kind, parameter, y[i], z[i], 0.0)
            size = fabs(r) - rounding * (1.0 + fabs(z[i])) * d
            excess = size if size > excess else excess
            v[i] = s * r
    return 2.0 * deviance, excess, residual


def squared_null(const double[::1] y, const double[::1] weight, bint fit_intercept,
                 double smallest):
    """Return (mean, norm, weighted residual) of the model without features under squared error.

    `mean` is 0 without an intercept.  `norm` is that of the deviations d = y - mean, by the weights
    s, whose mean is 1; the residual is s d / norm, with a last entry of 0, and all of it is 0 where
    the largest |d| is below `smallest`.
    """
    cdef Py_ssize_t i, first = 0, n = y.shape[0]
    cdef double mean = 0.0, norm, largest = 0.0, move
    cdef double[2] sums
    cdef const double* s = NULL
    residual = np.zeros(n + 1)
    cdef double[::1] v = residual
    if weight is not None:
        if weight.shape[0] != n:
            raise ValueError("weight must have one entry per sample")
        s = &weight[0]
    with nogil:
        if fit_intercept:
            if s != NULL:
                for i in range(n):
                    first = i if s[i] > s[first] else first
            moments(n, &y[0], y[first], 1.0, s, sums)   # so that the mean loses no digits
            mean = y[first] + sums[0] / n
        moments(n, &y[0], mean, 1.0, s, sums)
        norm = sqrt(sums[1])
        if not 1e-140 < norm < 1e140:       # squares may leave the range of float64
            for i in range(n):
                largest = larger(largest, fabs(y[i] - mean))
            norm = 0.0
            if largest >= smallest or mean != mean:     # NaN: y - y[first] overflows
                moments(n, &y[0], mean, 1.0 / largest, s, sums)
                norm = largest * sqrt(sums[1])
        if norm != 0.0:
            axpy(n, -1.0 / norm, &y[0], mean, s, &v[0])
            if fit_intercept:       # rounding leaves a sum that is not quite 0
                move = sum_of(n, &v[0]) / n
                for i in range(n):
                    v[i] -= move if s == NULL else move * s[i]
    return mean, norm, residual
