"""The verbs of loss.pxd on whole vectors, by the name of the loss."""

from loss cimport SQUARED, loss_curvature, loss_kind_t, loss_residual, loss_t, loss_value

import numpy as np

KINDS = {"squared": SQUARED}


def evaluate(str kind, const double[:, ::1] y, const double[:, ::1] z,
             const double[::1] weight=None):
    """Return (value, weighted residual, curvature) of a loss at the predictor z.

    y, z, the weighted residual -s f'(z) and the curvature s f''(z) are (n_outputs, n_samples), the
    value is summed over all.
    """
    cdef loss_t F
    cdef Py_ssize_t k
    cdef double total = 0.0
    cdef double[:, ::1] v = np.empty((y.shape[0], y.shape[1]))
    cdef double[:, ::1] curvature = np.empty((y.shape[0], y.shape[1]))
    F.kind = <loss_kind_t> <int> KINDS[kind]
    F.n_outputs, F.n = y.shape[0], y.shape[1]
    F.y, F.weight = &y[0, 0], NULL
    if z.shape[0] != F.n_outputs or z.shape[1] != F.n:
        raise ValueError("z must have the shape of y")
    if weight is not None:
        if weight.shape[0] != F.n:
            raise ValueError("weight must have one entry per sample")
        F.weight = &weight[0]
    for k in range(F.n_outputs):
        total += loss_value(&F, k, 0, F.n, &z[k, 0])
        loss_residual(&F, k, 0, F.n, &z[k, 0], &v[k, 0])
        loss_curvature(&F, k, 0, F.n, &z[k, 0], &curvature[k, 0])
    return total, np.asarray(v), np.asarray(curvature)
