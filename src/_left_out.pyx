"""Errors of several models on the samples that a fold leaves out.

Each model has a column of linear predictors.  Folds of small problems take less time than a few
passes of NumPy over these.
"""

from libc.math cimport INFINITY, exp, fabs, log1p

from arithmetic cimport larger
from loss cimport LOGISTIC, bregman, exponent, loss_kind_t, loss_kinds

import numpy as np

KINDS = loss_kinds()


def deviances(str kind, const double[::1] y, const double[:, ::1] z, const double[::1] weight,
              double parameter=0.0):
    """Return the weighted sum over the samples of the deviance of each model.

    Parameters
    ----------
    kind : name of a smooth convex loss in `KINDS`
    y, weight : (n_samples,); samples of weight 0 are left out
    z : (n_samples, n_models) linear predictors
    parameter : that of the loss
    """
    cdef loss_kind_t loss = <loss_kind_t> <int> KINDS[kind]
    cdef Py_ssize_t i, k, n = z.shape[0], n_models = z.shape[1]
    cdef double d
    if not y.shape[0] == weight.shape[0] == n:
        raise ValueError("every sample wants a target, a weight and predictors")
    found = np.zeros(n_models)
    cdef double[::1] total = found
    with nogil:
        for i in range(n):
            if weight[i] == 0.0:
                continue
            for k in range(n_models):
                # twice the excess of the loss over its smallest value, which for classes is 0
                if loss == LOGISTIC and (y[i] == 0.0 or y[i] == 1.0):
                    d = log1p(exp(-fabs(z[i, k]))) + larger((1.0 - 2.0 * y[i]) * z[i, k], 0.0)
                else:
                    d = bregman(exp(exponent(loss, parameter, z[i, k])), loss, parameter, y[i],
                                z[i, k], 0.0)
                total[k] += 2.0 * weight[i] * (d if d == d else INFINITY)   # NaN: terms overflow
    return found


def class_deviances(const Py_ssize_t[::1] own, const double[:, :, ::1] z,
                    const double[::1] weight):
    """Return what `deviances` does under the multinomial loss.

    Parameters
    ----------
    own : (n_samples,) the class of each sample
    z : (n_samples, n_models, n_classes) linear predictors
    weight : (n_samples,); samples of weight 0 are left out
    """
    cdef Py_ssize_t i, k, c, best, n = z.shape[0], n_models = z.shape[1], n_classes = z.shape[2]
    cdef double top, others, d
    if not own.shape[0] == weight.shape[0] == n:
        raise ValueError("every sample wants a class, a weight and predictors")
    if n and not 0 <= np.min(own) <= np.max(own) < n_classes:
        raise ValueError("there is no such class")
    found = np.zeros(n_models)
    cdef double[::1] total = found
    with nogil:
        for i in range(n):
            if weight[i] == 0.0:
                continue
            for k in range(n_models):
                best = 0
                for c in range(1, n_classes):
                    if z[i, k, c] > z[i, k, best]:
                        best = c
                top, others = z[i, k, best], 0.0
                for c in range(n_classes):
                    if c != best:       # its 1 would take the digits of small sums
                        others += exp(z[i, k, c] - top)
                d = log1p(others) + (top - z[i, k, own[i]])
                total[k] += 2.0 * weight[i] * (d if d == d else INFINITY)
    return found


def areas(const double[:, ::1] scores, const Py_ssize_t[:, ::1] order, const double[::1] ones,
          const double[::1] zeros):
    """Return the sum over pairs of a sample of each class that each row of scores puts in order.

    Parameters
    ----------
    scores : (n_models, n_samples)
    order : (n_models, n_samples) samples by rising score
    ones, zeros : (n_samples,) weights in class 1 and in class 0, which multiply each other; pairs
        of equal scores count half
    """
    cdef Py_ssize_t i, k, n_models = scores.shape[0], n = scores.shape[1]
    cdef double below, one, zero, pairs, score
    if not (order.shape[0] == n_models and order.shape[1] == ones.shape[0] == zeros.shape[0] == n):
        raise ValueError("scores and order want the same shape, of one column per sample")
    found = np.zeros(n_models)
    cdef double[::1] total = found
    with nogil:
        for k in range(n_models):
            below = pairs = 0.0
            i = 0
            while i < n:
                score = scores[k, order[k, i]]
                one, zero = ones[order[k, i]], zeros[order[k, i]]
                i += 1
                while i < n and scores[k, order[k, i]] == score:
                    one += ones[order[k, i]]
                    zero += zeros[order[k, i]]
                    i += 1
                pairs += one * (below + 0.5 * zero)
                below += zero
            total[k] = pairs
    return found
