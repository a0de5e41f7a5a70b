"""Proximal Newton steps for the multinomial loss with a penalty of rows, one for each feature.

    sum_j [ l1_j ||u_j||_2 + l2_j / 2 ||u_j||_2^2 ],    u_j the coefficients of all classes

The slots of a feature are taken and dropped together: those of the g-th one are g K .. (g + 1) K.
Features are screened class by class, at l1_j / sqrt(K), which a class exceeds if the row does.  The
model is minimised by block descent and, where that is slow, by Newton steps (row_model.py).
"""

from libc.math cimport INFINITY, sqrt

from arithmetic cimport larger, smaller
from certificate cimport units_t
from matrix cimport slope
from penalty cimport (
    conjugate, dual_scaling, dual_scaling_augmented, may_move, penalty_t, row_distance, row_norm,
    row_prox, row_rest, value,
)
from softreg_fast.kernels._multinomial cimport MultinomialNewton
from vector cimport axpy, dot

import numpy as np

from softreg_fast.solvers.row_model import CoupledNewtonSteps

# Multiplications of epochs that cost less than a Newton step, and the number of epochs before one;
# slopes below the slack times ROUNDING are rounding errors.
cdef double CHEAP = 400_000.0
cdef Py_ssize_t FEWEST_EPOCHS = 10
cdef Py_ssize_t MOST_NEWTON = 30
cdef double ROUNDING = 1e-3


cdef class GroupedMultinomialNewton(MultinomialNewton):
    """Exact solver for a whole path; see `MultinomialNewton` for the parameters, but

    penalty : (l1, l2, lower, upper), each (n_features,)
    """

    cdef penalty_t G                    # of rows, by feature
    cdef const double[::1] row_l1, row_l2, row_lower, row_upper
    cdef double[::1] row
    cdef object newton_steps

    def __init__(self, columns, y, null_predictor, target, weight, null_deviance, fit_intercept,
                 penalty, n_threads=1, most_slots=4_000):
        K = len(y) // (columns.shape[0] + 1)
        self.row_l1, self.row_l2, self.row_lower, self.row_upper = penalty
        self.G.l1, self.G.l2 = &self.row_l1[0], &self.row_l2[0]
        self.G.lower, self.G.upper = &self.row_lower[0], &self.row_upper[0]
        self.row, self.newton_steps = np.zeros(K), CoupledNewtonSteps()
        l1, *others = (np.repeat(each, K) for each in penalty)
        MultinomialNewton.__init__(
            self, columns, y, null_predictor, target, weight, null_deviance, fit_intercept,
            (l1 / np.sqrt(K), *others), n_threads, most_slots - most_slots % K)
        self.G.slack = self.P.slack

    # -- slots ---------------------------------------------------------------------------------

    cdef bint _set_strengths(self, double l1_strength, double l2_strength) except -1:
        self.G.l1_strength, self.G.l2_strength = l1_strength, l2_strength
        return MultinomialNewton._set_strengths(self, l1_strength, l2_strength)

    cdef bint _give_slots(self, const Py_ssize_t[::1] new) except -1:
        features = np.unique(np.asarray(new) // self.K)
        whole = features[:, np.newaxis] * self.K + np.arange(self.K)
        return MultinomialNewton._give_slots(self, whole.ravel())

    cdef Py_ssize_t _choose(self, Py_ssize_t n_open, double ahead, bint* violated) noexcept nogil:
        # By rows, of which one column is kept; the slopes of those not found are computed.
        cdef Py_ssize_t k = 0, n = 0, j, c, K = self.K
        cdef double z, size
        violated[0] = False
        while k < n_open:
            j = self.listed[k] // K
            size = 0.0
            for c in range(K):
                if k < n_open and self.listed[k] == j * K + c:
                    z = self.found[0, k]
                    k += 1
                else:
                    z = slope(self.X, j * K + c, &self.v[0, 0])
                size += z * z
            z = sqrt(size)
            if may_move(&self.G, j, z / ahead, z / ahead):
                violated[0] = violated[0] or may_move(&self.G, j, z, z)
                self.listed[n] = j * K
                self.found[0, n] = z
                n += 1
        return n

    cdef bint _is_near(self, Py_ssize_t a, double l1_strength) noexcept nogil:
        cdef Py_ssize_t first = a - a % self.K
        cdef double limit = l1_strength * self.row_l1[self.feature[a] // self.K]
        return (row_norm(&self.us[0, first], 1, self.K) != 0.0 or limit == 0.0
                or not row_norm(&self.hs[0, first], 1, self.K) <= limit)

    # -- the penalty ---------------------------------------------------------------------------

    cdef double _penalty_of(self, double t) noexcept nogil:
        cdef double total = 0.0, old
        cdef Py_ssize_t a, c
        a = 0
        while a < self.m:
            for c in range(self.K):
                old = self.settled[0, a + c]
                self.row[c] = old + t * (self.us[0, a + c] - old)
            total += value(&self.G, self.feature[a] // self.K, row_norm(&self.row[0], 1, self.K))
            a += self.K
        return total

    cdef double _violation(self) noexcept nogil:
        cdef double worst = 0.0
        cdef Py_ssize_t a = 0
        while a < self.m:
            worst = larger(worst, row_distance(&self.G, self.feature[a] // self.K, &self.us[0, a],
                                               1, &self.hs[0, a], 1, self.K))
            a += self.K
        return worst

    cdef double _gap_of(self, const penalty_t* P, const units_t* units) noexcept nogil:
        # The units are slots, or all features and classes.
        cdef double k = 1.0, k_augmented = 1.0, gap, l2
        cdef Py_ssize_t a = 0, j
        cdef bint of_slots = P == &self.S
        if self.fit_intercept and not self._sums_are_zero():
            return INFINITY
        while a < units.count:
            j = (self.feature[a] if of_slots else a) // self.K
            l2 = self.G.l2_strength * self.G.l2[j]
            k = smaller(k, dual_scaling(&self.G, j, row_norm(units.z + a, 1, self.K)))
            k_augmented = smaller(k_augmented, dual_scaling_augmented(
                &self.G, j, 0.0, row_rest(units.u + a, 1, units.z + a, 1, l2, self.K)))
            a += self.K
        if k < 1.0:
            k *= 1.0 - 1e-15
        gap = self._gap_at_multiple(P, units, k)
        if k_augmented < k:
            gap = smaller(gap, self._gap_at_multiple(P, units, k_augmented))
        return gap if gap == gap else INFINITY

    cdef double _gap_at_multiple(self, const penalty_t* P, const units_t* units,
                                 double k) noexcept nogil:
        cdef double gap = self._loss_part(k)
        cdef Py_ssize_t a = 0, j
        cdef bint of_slots = P == &self.S
        while a < units.count:
            j = (self.feature[a] if of_slots else a) // self.K
            gap += larger(value(&self.G, j, row_norm(units.u + a, 1, self.K))
                          + conjugate(&self.G, j, k * row_norm(units.z + a, 1, self.K))
                          - k * dot(self.K, units.u + a, 0.0, units.z + a), 0.0)
            a += self.K
        return gap

    # -- the model -----------------------------------------------------------------------------

    cdef int _minimise_model(self, double tol) except -1:
        cdef double violation = INFINITY
        cdef Py_ssize_t k, m = self.m, most, n_newton
        most = max(<Py_ssize_t> (CHEAP / (<double> m * m + 1.0)), FEWEST_EPOCHS)
        tol = larger(tol, ROUNDING * self.S.slack)
        for n_newton in range(MOST_NEWTON + 1):
            with nogil:
                for k in range(most + 1):
                    violation = self._violation()
                    if self.must_stop or violation <= tol or k == most:
                        break
                    self._row_epoch()
                    self.n_epochs = self.n_epochs + 1
            self._raise_signal()
            if violation <= tol or n_newton == MOST_NEWTON:
                break
            features = np.asarray(self.feature[:m:self.K]) // self.K
            self.newton_steps.step(
                np.asarray(self.own_Q)[:m, :m], np.asarray(self.us)[0, :m],
                np.asarray(self.hs)[0, :m], self.G.l1_strength * np.asarray(self.row_l1)[features],
                self.G.l2_strength * np.asarray(self.row_l2)[features], features)
            most = FEWEST_EPOCHS
        return 0

    cdef void _row_epoch(self) noexcept nogil:
        # One pass of block descent, each row at a curvature above all those of its block.
        cdef Py_ssize_t a = 0, c, j, i
        cdef double steep, total, d
        while a < self.m:
            j = self.feature[a] // self.K
            steep = 0.0
            for c in range(self.K):
                total = 0.0
                for i in range(self.K):
                    total += self.own_Q[a + c, a + i] if self.own_Q[a + c, a + i] > 0.0 else (
                        -self.own_Q[a + c, a + i])
                steep = larger(steep, total)
            if steep + self.G.l2_strength * self.G.l2[j] > 0.0:
                for c in range(self.K):
                    self.row[c] = self.hs[0, a + c] + steep * self.us[0, a + c]
                row_prox(&self.G, j, &self.row[0], self.K, steep)
                for c in range(self.K):
                    d = self.row[c] - self.us[0, a + c]
                    if d != 0.0:
                        axpy(self.m, d, &self.own_Q[a + c, 0], 0.0, NULL, &self.hs[0, 0])
                        self.us[0, a + c] = self.row[c]
                if self._stops(self.K * self.m):
                    return
            a += self.K
