"""Conversion between the user's units and the engine's, in which columns have length 1.

docs/mathematics.md, section 5.
"""

from libc.math cimport isfinite, sqrt
from libc.stdint cimport int64_t

from matrix cimport check_chosen

import numpy as np


def engine_penalty(const double[::1] norm, double y_norm, double n_samples, bint standardize,
                   const double[:] l1, const double[:] l2, const double[:] lower,
                   const double[:] upper):
    """Convert penalty vectors from the user's to the engine's units; return them as rows.

    Where the column is constant or the penalty leaves the range
    of float64, the feature is excluded by the box [0, 0].
    """
    cdef Py_ssize_t j, p = norm.shape[0]
    cdef double a, b, unit
    scaled = np.empty((4, p))
    cdef double[:, ::1] out = scaled
    if not l1.shape[0] == l2.shape[0] == lower.shape[0] == upper.shape[0] == p:
        raise ValueError("penalty must have one entry per feature")
    with nogil:
        for j in range(p):
            unit = norm[j] / y_norm
            a = sqrt(n_samples) / y_norm if standardize else n_samples / y_norm / norm[j]
            b = 1.0 if standardize else n_samples / norm[j] / norm[j]
            a = l1[j] * a
            b = 0.0 if l2[j] == 0.0 else l2[j] * b  # b is infinite where norm is below 1e-154
            if norm[j] > 0.0 and isfinite(a) and isfinite(b):
                out[0, j] = a
                out[1, j] = b
                out[2, j] = lower[j] * unit
                out[3, j] = upper[j] * unit
            else:
                out[0, j] = out[1, j] = out[2, j] = out[3, j] = 0.0
    return scaled


def user_coefficients(const double[::1] norm, const double[::1] center, double y_norm,
                      const double[:] lower, const double[:] upper, const int64_t[::1] starts,
                      const Py_ssize_t[::1] features, const double[::1] u):
    """Convert the engine's coefficients to the user's units; also return center.w of each fit.

    Those of the k-th fit are starts[k] to starts[k + 1].  A coefficient at the engine's bound is
    set exactly to the user's bound; that of a constant feature is the allowed value nearest to 0.
    """
    cdef Py_ssize_t i, j, k, n_fits = starts.shape[0] - 1
    cdef double unit, w
    if not norm.shape[0] == center.shape[0] == lower.shape[0] == upper.shape[0]:
        raise ValueError("bounds must have one entry per feature")
    if not features.shape[0] == u.shape[0] == starts[n_fits]:
        raise ValueError("starts must end where the coefficients do")
    check_chosen(features, norm.shape[0])
    coefs, offsets = np.empty(u.shape[0]), np.zeros(n_fits)
    cdef double[::1] coef = coefs, offset = offsets
    with nogil:
        for k in range(n_fits):
            for i in range(starts[k], starts[k + 1]):
                j = features[i]
                w = 0.0
                if norm[j] > 0.0:
                    unit = norm[j] / y_norm
                    w = u[i] * (y_norm / norm[j])
                    if u[i] >= upper[j] * unit:
                        w = upper[j]
                    elif u[i] <= lower[j] * unit:
                        w = lower[j]
                if w > upper[j]:
                    w = upper[j]
                elif w < lower[j]:
                    w = lower[j]
                coef[i] = w
                offset[k] += w * center[j]
    return coefs, offsets
