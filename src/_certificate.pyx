"""Duality gap and distance to optimality at given coefficients, for certificates of any engine.

Coefficients u and slopes z are (n_features,), or (n_tasks, n_features) for rows of coefficients;
penalty is (l1, l2, lower, upper), each (n_features,), in the engine's units.
"""

from certificate cimport distance_of, gap_near, units_t
from loss cimport SQUARED, dual_point_t, loss_t
from penalty cimport penalty_t

import numpy as np


cdef class _Units:
    # Owns the arrays that P and A point to.
    cdef const double[:, ::1] u, z
    cdef const double[::1] l1, l2, lower, upper
    cdef penalty_t P
    cdef units_t A

    def __init__(self, penalty, u, z):
        self.u, self.z = np.atleast_2d(u), np.atleast_2d(z)
        self.l1, self.l2, self.lower, self.upper = penalty
        if u.shape != z.shape or not u.size or any(len(a) != self.u.shape[1] for a in penalty):
            raise ValueError("u, z and penalty must have one entry, or column, per feature")
        self.P.l1_strength = self.P.l2_strength = 1.0
        self.P.slack = 0.0
        self.P.l1, self.P.l2 = &self.l1[0], &self.l2[0]
        self.P.lower, self.P.upper = &self.lower[0], &self.upper[0]
        self.A.n_tasks, self.A.count, self.A.chosen = self.u.shape[0], self.u.shape[1], NULL
        self.A.u, self.A.u_stride = &self.u[0, 0], self.u.shape[1]
        self.A.z, self.A.z_stride = &self.z[0, 0], self.u.shape[1]


def gap_at_dual_point(penalty, u, z, point):
    """Return the duality gap at u and the better of two multiples of a dual point theta.

    z are its slopes c_j . theta; point: (||r - theta||^2, (r - theta) . theta, ||theta||^2), r the
    residual of u.
    """
    cdef _Units units = _Units(penalty, u, z)
    cdef loss_t F
    cdef dual_point_t D
    F.kind = SQUARED
    D.away, D.along, D.square = point
    D.z = D.theta = D.r = D.d = NULL
    return gap_near(&F, &units.P, &units.A, &D)


def distances(penalty, u, z):
    """Return the distances of z = C'r to the subdifferential of the penalty at u, (n_features,)."""
    cdef _Units units = _Units(penalty, u, z)
    cdef double[::1] out = np.empty(units.A.count)
    cdef Py_ssize_t a
    for a in range(units.A.count):
        out[a] = distance_of(&units.P, &units.A, a)
    return np.asarray(out)
