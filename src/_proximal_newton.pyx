"""The warm engine for losses that are not quadratic: proximal Newton steps on its slots.

One file, since every part of a step works on the arrays of one engine.

    minimise  sum_i s_i f(y_i, z_i) + sum_j phi_j(u_j),    z = z_0 + b + C u

At reference weights d, the curvatures at an earlier z, the loss has the quadratic model

    -r.(C e + b) + 1/2 ||C e + b||_d^2,    r the residual,    e the step of u,

whose Gram matrix, with the intercept b eliminated, is C'DC of columns centred by d.  It is kept
while steps contract.  Among the slots the model is minimised exactly, as for squared error.  The
residual that the model predicts, r - D (C e + b), is the dual point: its slopes are those with
which the model was solved, its sum is zero, and its loss's part of the gap is small as soon as the
model is good.  So a fit is certified right after its last step, without another pass over X.
"""

from cython.parallel cimport prange
from libc.math cimport INFINITY, fabs, isfinite, log, sqrt
from libc.string cimport memset

from arithmetic cimport larger, smaller
from certificate cimport gap_near, scalars, units_t
from loss cimport dual_point_t, loss_bound, loss_evaluate, loss_kind_t, loss_kinds
from matrix cimport (
    column_cost, cost_of_columns, is_dense, matrix_of, matrix_t, residual_dot, shift, slope,
)
from openmp cimport threads_for
from penalty cimport kkt_distance, null_value, penalty_t, value
from screening cimport screening_know, screening_skip
from signals cimport check_signals
from softreg_fast.kernels._scalars cimport ScalarEngine
from softreg_fast.kernels._slots cimport count_reading, units_of
from tasks cimport slopes_of_tasks
from tolerances cimport NO_ROOM

import numpy as np

# Samples of a block of which the loss is summed by one thread.
cdef Py_ssize_t BLOCK = 4096

# A model of at most this many slots, or this many numbers, gets new weights before each step.
cdef Py_ssize_t FEW_SLOTS = 24
cdef double FEW_NUMBERS = 40_000.0

# BLAS multiplies that much faster than a pass over columns.
cdef double SPEED_OF_BLAS = 6.0

cdef Py_ssize_t MOST_HALVINGS = 40
cdef Py_ssize_t MOST_INNER_EPOCHS = 2_000

# A Newton step follows an epoch without a change of sign, and every so many epochs.
cdef Py_ssize_t EPOCHS_PER_NEWTON = 5

# Steps without progress after which rounding is taken for the reason.
cdef int MOST_VAIN = 3

# Slopes that count as zero without a penalty, times this, are rounding errors.
cdef double ROUNDING = 1e-3


cdef class ProximalNewton(ScalarEngine):
    """Exact solver for a whole path of one target under a loss that is not quadratic.

    Parameters
    ----------
    columns : Columns
    reference : Columns
        The same columns with centres and weights of their own, which the engine changes in place.
    center, weight : ndarrays of `reference`
    y : (n_samples,)
    null_predictor : (n_samples,) z_0, the predictor of the null model
    target : (n_samples + 1,) weighted residual of u = 0
    null_deviance : float
    loss : (kind, parameter) of loss.pxd
    fit_intercept : bool
    penalty, n_threads, most_slots : as for Slots
    """

    cdef matrix_t U                     # the columns without weights
    cdef const matrix_t* R              # the columns at the reference weights
    cdef object reference
    cdef double[::1] reference_center, d_ref
    cdef double sum_d
    cdef bint fit_intercept, has_gram
    cdef const double[::1] y, z_null
    cdef double[:, ::1] by_sample       # storage of the next six
    cdef double[::1] z, z_next, d, d_next, theta, partial
    cdef double[:, ::1] r, r_next, step, at_screening, padded   # with a last entry for the centring
    cdef double F_now, saturated        # the loss; its smallest value
    cdef double intercept, move         # relative to the null model; of the last step
    cdef double gap_at_residual
    cdef double caution                 # share of the bounds in the reference weights
    cdef loss_kind_t loss_kind
    cdef readonly Py_ssize_t n_steps, n_grams, n_halvings
    cdef list kept_intercepts

    def __init__(self, columns, reference, double[::1] center, double[::1] weight,
                 const double[::1] y, const double[::1] null_predictor, target,
                 double null_deviance, loss, bint fit_intercept, penalty, int n_threads=1,
                 Py_ssize_t most_slots=4_000):
        cdef Py_ssize_t n = y.shape[0]
        cdef double[:, :, ::1] padded
        cdef double length
        kind, parameter = loss
        self.U = matrix_of(columns)[0]
        self.F.weight = self.U.weight
        self.U.weight = NULL
        self.R = matrix_of(reference)
        self.reference, self.reference_center, self.d_ref = reference, center, weight
        self.y, self.z_null = y, null_predictor
        self.fit_intercept = fit_intercept
        self.by_sample = np.empty((5, n))
        self.z, self.z_next, self.d = self.by_sample[0], self.by_sample[1], self.by_sample[2]
        self.d_next, self.theta = self.by_sample[3], self.by_sample[4]
        padded = np.zeros((5, 1, n + 1))
        self.r, self.r_next, self.step = padded[0], padded[1], padded[2]
        self.at_screening, self.padded = padded[3], padded[4]
        self.partial = np.empty(n // BLOCK + 1)
        self.kept_intercepts = []
        self.F.parameter = parameter
        self.F.y = &self.y[0]
        self.loss_kind = <loss_kind_t> <int> loss_kinds()[kind]
        np.asarray(self.at_screening)[0] = target
        ScalarEngine.__init__(self, columns, target, null_deviance, penalty, n_threads, most_slots)
        length = sqrt(residual_dot(self.X, &self.v[0, 0], &self.v[0, 0]))
        self.P.slack = self.S.slack = 1e-12 * length
        self.saturated = -0.5 * null_deviance + self._evaluate(
            &self.z_null[0], &self.r_next[0, 0], &self.d_next[0])
        self.loss = 2.0 * (self.F_now - self.saturated)

    def refresh(self):
        """Recompute the state from coefficients that a caller has written to `coef`."""
        cdef Py_ssize_t i, j, a, n = self.U.n
        self.F.kind = self.loss_kind
        self.intercept = 0.0
        self.step[:] = 0.0
        for j in range(self.U.p):
            if self.u[0, j] != 0.0:
                shift(&self.U, j, -self.u[0, j], &self.step[0, 0])
        for i in range(n):
            self.z[i] = self.z_null[i] + self.step[0, i] + self.step[0, n]
        for a in range(self.m):
            self.us[0, a] = self.settled[0, a] = self.u[0, self.feature[a]]
        self.F_now = self._evaluate(&self.z[0], &self.r[0, 0], &self.d[0])
        self.has_gram = False
        self.known[:] = INFINITY        # no slope is known at the new residual
        screening_skip(&self.B, &self.feature[0], self.m)

    # -- the loss ------------------------------------------------------------------------------

    cdef double _evaluate(self, const double* z, double* r, double* d) noexcept nogil:
        # The loss, the residual and the curvature; blocks are added in order, so that the sum does
        # not depend on the number of threads.
        cdef Py_ssize_t n = self.U.n, block, n_blocks = (n + BLOCK - 1) // BLOCK
        cdef int n_threads = threads_for(20.0 * n, self.n_threads)
        cdef double total = 0.0
        cdef double* partial = &self.partial[0]
        for block in prange(n_blocks, num_threads=n_threads, schedule="static"):
            partial[block] = loss_evaluate(&self.F, 0, block * BLOCK, min((block + 1) * BLOCK, n),
                                           z, r, d)
        for block in range(n_blocks):
            total += partial[block]
        r[n] = 0.0
        return total

    cdef double _penalty_of(self, double t) noexcept nogil:
        # sum_j phi_j at the share t of the step
        cdef double total = 0.0, old
        cdef Py_ssize_t a
        for a in range(self.m):
            old = self.settled[0, a]
            total += value(&self.S, a, old + t * (self.us[0, a] - old))
        return total

    # -- the quadratic model -------------------------------------------------------------------

    cdef bint _is_small(self) noexcept nogil:
        return self.m <= FEW_SLOTS or (is_dense(&self.U)
                                       and <double> self.m * self.U.n <= FEW_NUMBERS)

    cdef double _center_of(self, Py_ssize_t j) noexcept nogil:
        # The mean of column j under d_ref, whose last entry in `padded` is 0.
        cdef double base = 0.0
        if not self.fit_intercept or self.U.scale[j] == 0.0:
            return self.U.center[j]
        if is_dense(&self.U) or column_cost(&self.U, j) == self.U.n:
            base = self.U.center[j]
        return base + slope(&self.U, j, &self.padded[0, 0]) / self.U.scale[j] / self.sum_d

    cdef int _weigh(self, Py_ssize_t first) except -1:
        # Centre the columns of the slots from `first` on by the reference weights; their slopes at
        # r, of the intercept eliminated, follow.
        cdef Py_ssize_t a, i, j
        cdef double center, total = 0.0
        for i in range(self.U.n):
            self.padded[0, i] = self.d_ref[i]
            total += self.r[0, i]
        for a in range(first, self.m):
            j = self.feature[a]
            center = self._center_of(j)
            self.hs[0, a] += self.U.scale[j] * (self.reference_center[j] - center) * total
            self.reference_center[j] = center
        return 0

    cdef void _take_weights(self) noexcept nogil:
        # Make the present curvatures the reference weights; in part those of a quadratic function
        # above the loss while steps fail, as they may where curvatures are 0.
        cdef Py_ssize_t i
        cdef double s
        self.sum_d = 0.0
        for i in range(self.U.n):
            self.d_ref[i] = self.d[i]
            if self.caution > 0.0:
                s = 1.0 if self.F.weight == NULL else self.F.weight[i]
                self.d_ref[i] = larger(self.d[i], self.caution * s * loss_bound(
                    self.F.kind, self.F.parameter, self.y[i], self.z[i]))
            self.sum_d += self.d_ref[i]
        if self.sum_d == 0.0 and self.caution == 0.0:
            self.caution = 1.0
            self._take_weights()

    cdef int _rebuild(self) except -1:
        # The model at new reference weights.
        cdef Py_ssize_t a, b, m = self.m
        cdef double[::1, :] block
        self._take_weights()
        self._weigh(0)
        self.reference.reweigh()
        self.n_grams += 1
        self.has_gram = True
        if not m:
            return 0
        features = np.asarray(self.feature[:m])
        rows = np.empty((m, m), order="F")
        self.reference.gram_block(features, features, rows, self.n_threads, True)
        count_reading(self, &self.feature[0], m)
        block = rows
        with nogil:
            for b in range(m):
                for a in range(b, m):
                    self.own_Q[a, b] = self.own_Q[b, a] = block[a, b]
        self._refactor()
        return 0

    cdef bint _add_slots(self, const Py_ssize_t[::1] new) except -1:
        cdef Py_ssize_t a, count = new.shape[0], m = self.m, stop = m + count
        if stop > self.most_slots:
            return False
        if stop > self.capacity:
            self._reserve(min(max(2 * self.capacity, stop), self.X.p, self.most_slots))
        self._take_slots(&new[0], count)
        for a in range(m, stop):
            self.hs[0, a] = INFINITY        # so that it is not dropped before it was used
        if not self.has_gram or self._is_small():
            self.has_gram = False
            return True
        self._weigh(m)
        rows = np.empty((count, stop), order="F")
        self.reference.gram_block(new, self.feature[:stop], rows, self.n_threads)
        count_reading(self, &self.feature[0], stop)
        Q = np.asarray(self.own_Q)
        Q[m:stop, :stop] = rows
        Q[:m, m:stop] = rows[:, :m].T
        return True

    cdef int _drop_slots(self, double l1_strength) except -1:
        # Take the slots from features that are far from the support: Gram matrices at new weights
        # cost the square of their number.
        cdef Py_ssize_t a, b, j, m = 0, count = 0
        cdef double limit
        cdef Py_ssize_t[::1] kept = np.empty(self.m, np.intp)
        for a in range(self.m):
            limit = 0.9 * l1_strength * self.S.l1[a]
            if (self.us[0, a] != 0.0 or limit == 0.0 or not fabs(self.hs[0, a]) <= limit
                    or null_value(&self.S, a) != 0.0):
                kept[m] = a
                m += 1
        if m == self.m or (not self._is_small() and 2 * m > self.m):
            return 0
        for a in range(self.m):
            if count < m and kept[count] == a:
                count += 1
                continue
            j = self.feature[a]
            self.slot_of[j] = -1
            screening_know(&self.B, j, &self.hs[0, a], self.X.p)
        for a in range(m):
            b = kept[a]
            self.feature[a] = self.feature[b]
            self.slot_of[self.feature[a]] = a
            self.us[0, a], self.hs[0, a] = self.us[0, b], self.hs[0, b]
            self.settled[0, a] = self.settled[0, b]
            for j in range(4):
                self.vectors[j, a] = self.vectors[j, b]
        if self.has_gram and not self._is_small():
            places = np.asarray(kept[:m])
            np.asarray(self.own_Q)[:m, :m] = np.asarray(self.own_Q)[np.ix_(places, places)]
        else:
            self.has_gram = False
        for a in range(self.m):
            self.row_of[a] = -1
        self.A.k = 0
        self.m = m
        return 0

    cdef double _violation(self) noexcept nogil:
        cdef double worst = 0.0
        cdef Py_ssize_t a
        for a in range(self.m):
            worst = larger(worst, kkt_distance(&self.S, a, self.x[a], self.h[a]))
        return worst

    cdef int _slopes_at_residual(self) except -1:
        # Slopes of the slots at r, the intercept eliminated.
        cdef double total = 0.0
        cdef Py_ssize_t i
        for i in range(self.U.n):
            total += self.r[0, i]
        # of sparse columns the last entry is multiplied by the sum of the weights and the centre
        self.r[0, self.U.n] = -total / self.sum_d if self.fit_intercept else 0.0
        if self.m:
            slopes_of_tasks(self.R, self.r, &self.feature[0], self.m, self.hs, 0, self.n_threads)
            count_reading(self, &self.feature[0], self.m)
        self.r[0, self.U.n] = 0.0
        return 0

    cdef int _solve_model(self, double tol) except -1:
        # Minimise the model among the slots until no slope is further than tol from optimal, or
        # rounding allows no better.
        cdef Py_ssize_t flips = 1, k
        cdef int n_vain = 0
        cdef double violation, best = INFINITY
        tol = larger(tol, ROUNDING * self.S.slack)
        with nogil:
            if self.A.k:
                self._predict()
            for k in range(MOST_INNER_EPOCHS):
                violation = self._violation()
                if self.must_stop or violation <= tol or n_vain == MOST_VAIN:
                    break
                self._epoch(&flips)
                self.n_epochs = self.n_epochs + 1
                if flips == 0 or k % EPOCHS_PER_NEWTON == EPOCHS_PER_NEWTON - 1:
                    if self._newton() and flips == 0:
                        n_vain = 0 if violation < 0.5 * best else n_vain + 1
                        best = smaller(best, violation)
        self._raise_signal()
        return 0

    # -- steps ---------------------------------------------------------------------------------

    cdef int _find_step(self) except -1:
        # step <- C e + b for the model's e, with b its intercept
        cdef Py_ssize_t a, i, n = self.U.n
        cdef double e, move, total = 0.0
        memset(&self.step[0, 0], 0, (n + 1) * sizeof(double))
        for a in range(self.m):
            e = self.us[0, a] - self.settled[0, a]
            if e != 0.0:
                shift(&self.U, self.feature[a], -e, &self.step[0, 0])
                self.entries += column_cost(&self.U, self.feature[a])
        move = self.step[0, n]
        self.move = 0.0
        if self.fit_intercept:
            for i in range(n):
                total += self.r[0, i] - self.d_ref[i] * (self.step[0, i] + move)
            self.move = total / self.sum_d
        for i in range(n):
            self.step[0, i] += move + self.move
        self.step[0, n] = 0.0
        return 0

    cdef double _take_step(self) except -1:
        # Move along the step, halved until the objective falls; returns the share that was taken.
        # The old r stays in r_next.
        cdef double before = self.F_now + self._penalty_of(0.0), after = INFINITY, t = 1.0
        cdef double slack = 1e-13 * fabs(self.F_now)
        cdef Py_ssize_t i, a, halvings = 0
        while True:
            with nogil:
                for i in range(self.U.n):
                    self.z_next[i] = self.z[i] + t * self.step[0, i]
                after = self._evaluate(&self.z_next[0], &self.r_next[0, 0], &self.d_next[0])
            if after + self._penalty_of(t) <= before + slack:
                break
            t *= 0.5
            halvings += 1
            if halvings > MOST_HALVINGS:
                t = 0.0
                break
        self.n_halvings += halvings
        for a in range(self.m):
            if t < 1.0:
                self.us[0, a] = self.settled[0, a] + t * (self.us[0, a] - self.settled[0, a])
            self.settled[0, a] = self.us[0, a]
        if t == 0.0:
            return t
        self.F_now = after
        self.intercept += t * self.move
        self.z, self.z_next = self.z_next, self.z
        self.r, self.r_next = self.r_next, self.r
        self.d, self.d_next = self.d_next, self.d
        return t

    cdef double _gap_at(self, const double* r, const double* step, double enough) noexcept nogil:
        # The gap at the dual point r - D step, whose slopes are hs; step NULL: the shift that makes
        # the sum zero.  Infinite where the point is outside the domain, or where the gap would be
        # far above `enough`.
        cdef Py_ssize_t i, n = self.U.n
        cdef double move = 0.0, e, s, far = 0.0
        if step == NULL and self.fit_intercept:
            for i in range(n):
                move += r[i]
            move /= self.sum_d
        for i in range(n):
            s = 1.0 if self.F.weight == NULL else self.F.weight[i]
            e = r[i] - self.d_ref[i] * (move if step == NULL else step[i])
            self.v[0, i] = e
            self.theta[i] = e / s if s > 0.0 else 0.0
            e -= self.r[0, i]
            if e != 0.0:
                far += e * e / larger(larger(self.d[i], self.d_ref[i]), 1e-300)
        self.v[0, n] = 0.0
        if 0.1 * far > enough:      # far / 2 is the loss's part up to the second order
            return INFINITY
        cdef units_t units = units_of(self)
        return self._gap_of(&self.S, &units)

    cdef double _gap_of(self, const penalty_t* P, const units_t* units) noexcept nogil:
        # The gap at theta and the slopes of the units.
        cdef dual_point_t D
        cdef double gap
        D.away = D.along = D.square = 0.0
        D.z, D.theta = &self.z[0], &self.theta[0]
        gap = gap_near(&self.F, P, units, &D)
        return gap if gap == gap else INFINITY      # NaN: far out, where terms overflow

    cdef bint _should_rebuild(self, double contraction, double tol) noexcept nogil:
        # Whether the steps that the present model still needs cost more than one at new weights.
        # Costs are counted in entries, so that results do not depend on the load of the machine.
        cdef double entries = cost_of_columns(&self.U, &self.feature[0], self.m)
        cdef double rebuild = 0.5 * entries * (entries / self.U.n)
        cdef double one = 2.0 * entries + 20.0 * self.U.n + <double> self.A.k * self.m
        if is_dense(&self.U):
            rebuild /= SPEED_OF_BLAS
        rebuild += <double> self.A.k * self.A.k * self.A.k / (3.0 * SPEED_OF_BLAS)
        if contraction >= 0.7 or not isfinite(self.gap_at_residual):
            return True
        return (log(self.gap_at_residual / tol) / -log(contraction) - 1.5) * one > rebuild

    cdef int _solve_slots(self, double tol, Py_ssize_t max_iter) except -1:
        # Take proximal Newton steps among the slots until the gap is at most tol.
        cdef double violation, last = INFINITY, size, t, now, lowest = INFINITY, best = INFINITY
        cdef Py_ssize_t k = 0, a
        cdef int n_vain = 0
        self.gap = INFINITY
        while True:
            check_signals()
            if not self.has_gram or (k and self._is_small()):
                self._rebuild()
            self._certify_residual()
            if self.gap > tol and (self.n_epochs >= max_iter or n_vain == MOST_VAIN):
                if self.caution > 0.0:      # its weights may lead out of the domain
                    self.caution = 0.0
                    self._rebuild()
                    self._certify_residual()
                break
            if self.gap <= tol:
                break
            violation = self._violation()
            if k and not self._is_small() and self._should_rebuild(violation / last, tol):
                self._rebuild()
            last = violation
            size = 0.0
            for a in range(self.m):
                size += fabs(self.us[0, a])
            self._solve_model(smaller(1e-3 * violation, 0.05 * tol / larger(size, 1e-300)))
            self._find_step()
            self.n_steps += 1
            self.n_epochs += 1
            t = self._take_step()
            k += 1
            if t == 1.0:
                self.gap = self._gap_at(&self.r_next[0, 0], &self.step[0, 0], tol)
                if self.gap <= tol:
                    break
            now = self.F_now + self._penalty_of(0.0)
            n_vain = 0 if now < lowest or self.gap_at_residual < 0.99 * best else n_vain + 1
            lowest, best = smaller(lowest, now), smaller(best, self.gap_at_residual)
            self._adjust(t < 0.1 or n_vain)
        self.loss = 2.0 * (self.F_now - self.saturated)
        return 0

    cdef int _certify_residual(self) except -1:
        self._slopes_at_residual()
        self.gap_at_residual = self.gap = self._gap_at(&self.r[0, 0], NULL, INFINITY)
        return 0

    cdef int _adjust(self, bint failed) except -1:
        # Be cautious after a step that failed, less so after others.
        if failed:
            self.caution = 1.0
        elif self.caution > 0.0:
            self.caution = 0.1 * self.caution if self.caution > 1e-3 else 0.0
        else:
            return 0
        self.has_gram = False
        return 0

    # -- the interface of a path ---------------------------------------------------------------

    cdef int _advance(self) except -1:
        # Copy the slots' coefficients to u and add to the odometer the way of the dual point.
        cdef Py_ssize_t i, a
        cdef double way, length
        for a in range(self.m):
            self.u[0, self.feature[a]] = self.us[0, a]
        for i in range(self.U.n + 1):
            self.at_screening[0, i] -= self.v[0, i]
        way = residual_dot(self.X, &self.at_screening[0, 0], &self.at_screening[0, 0])
        self.at_screening[:] = self.v
        length = residual_dot(self.X, &self.v[0, 0], &self.v[0, 0])
        self.B.odometer += sqrt(way) + 1e-13 * sqrt(length)
        return 0

    cdef double _place_in_basis(self, double* beta) noexcept nogil:
        cdef double length = residual_dot(self.X, &self.v[0, 0], &self.v[0, 0]), rest = length
        cdef Py_ssize_t k
        for k in range(self.B.k):
            beta[k] = residual_dot(self.X, &self.v[0, 0],
                                   self.B.basis + k * (self.U.n + 1))
            rest -= beta[k] * beta[k]
        return sqrt(larger(rest, 0.0) + 1e-13 * length)

    cdef int _settle(self) except -1:
        return 0        # the predictor moves with each step

    cdef int _certify(self) except -1:
        return 0        # the last step has

    cdef int _certify_all(self) except -1:
        # Set the gap where features that may violate optimality have no slot: from all slopes.
        cdef units_t units = scalars(NULL, self.X.p, &self.u[0, 0], &self.scanned[0, 0])
        self._take_weights()
        self.has_gram = False
        self._gap_at(&self.r[0, 0], NULL, INFINITY)     # sets the dual point
        slopes_of_tasks(self.X, self.v, NULL, self.X.p, self.scanned, 0, self.n_threads)
        self.gap = self._gap_of(&self.P, &units)
        self.loss = 2.0 * (self.F_now - self.saturated)
        return 0

    cpdef int solve(self, double l1_strength, double l2_strength, double tol,
                    Py_ssize_t max_iter) except -1:
        """Minimise, warm-started from the present state, until the gap is at most tol; see
        `Screened.solve`."""
        cdef int status
        if self.m:
            self._drop_slots(l1_strength)
        status = ScalarEngine.solve(self, l1_strength, l2_strength, tol, max_iter)
        if status == NO_ROOM:
            self._certify_all()
        return status

    def approach(self, double l1_strength, double l2_strength, Py_ssize_t max_iter,
                 double tol=1e-12):
        """Solve approximately, as an intermediate step to smaller strengths; see `Screened`."""
        if self.m:
            self._drop_slots(l1_strength)
        return ScalarEngine.approach(self, l1_strength, l2_strength, max_iter, tol)

    cpdef int keep(self, int status) except -1:
        """Append the present solution to those kept by earlier calls."""
        self.kept_intercepts.append(self.intercept)
        return ScalarEngine.keep(self, status)

    @property
    def intercepts(self):
        """Intercepts of the kept fits, from that of the null model."""
        return np.array(self.kept_intercepts)

    @property
    def dual_point(self):
        """The dual point of the last certificate, (n_samples,), with the weights."""
        return np.array(self.v[0, :self.U.n])
