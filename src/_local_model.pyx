"""The quadratic model of a loss on the slots of the warm engine.

At reference weights d, the curvatures at an earlier predictor z = z_0 + b + C u, the loss has the
model

    -r.(C e + b) + 1/2 ||C e + b||_d^2,    r the residual,    e the step of u,

whose Gram matrix, with the intercept b eliminated, is C'DC of columns centred by d.  Slots are
dropped here, other than for squared error: a Gram matrix at new weights costs the square of their
number.  _proximal_newton.pyx takes the steps.
"""

from cython.parallel cimport prange
from libc.math cimport INFINITY, fabs, sqrt

from arithmetic cimport larger, smaller
from gram cimport mirror
from loss cimport (
    HUBER, LOGISTIC, POISSON, QUANTILE, SQUARED, SQUARED_HINGE, loss_bound, loss_evaluate,
    loss_kind_t, loss_kinds, sum_of,
)
from matrix cimport length_of, matrix_of, matrix_t, residual_dot, shift
from openmp cimport threads_for
from penalty cimport kkt_distance, null_value
from screening cimport screening_know, screening_skip
from softreg_fast.kernels._slots cimport count_reading
from softreg_fast.kernels._weighted_gram cimport FEW_SLOTS, WeightedGram
from tasks cimport slopes_of_tasks

import numpy as np

# Samples of a block of which the loss is summed by one thread.
cdef Py_ssize_t BLOCK = 4096

cdef Py_ssize_t MOST_INNER_EPOCHS = 2_000

# OPEN_PART and CANDIDATES_PART of these losses, whose dual points move less from alpha to alpha, so
# that slopes of candidates alone suffice for longer: mnist5k reads 31 instead of 43 times X.
cdef double OPEN_PART = 0.4
cdef double CANDIDATES_PART = 1.0

# A Newton step follows an epoch without a change of sign, and every so many epochs.
cdef Py_ssize_t EPOCHS_PER_NEWTON = 5

# From then on steps follow until one is whole: what an epoch lets in, and a step puts out at once,
# would return with each epoch.
cdef Py_ssize_t EPOCHS_BEFORE_ENDS = 20

# Newton steps without progress after which rounding is taken for the reason.
cdef int MOST_VAIN = 3

# Slopes that count as zero without a penalty, times this, are rounding errors.
cdef double ROUNDING = 1e-3


cdef class LocalModel(WeightedGram):
    """Slots, reference weights, and the state of a loss: predictor, residual, curvature.

    Parameters
    ----------
    columns : Columns
    reference, center, weight, fit_intercept : as for WeightedGram
    y : (n_samples,)
    null_predictor : (n_samples,) z_0, the predictor of the null model
    target : (n_samples + 1,) weighted residual of u = 0; of columns of several blocks these
        follow each other, n_samples + 1 entries for each, as those of y and z_0 then do
    null_deviance : float
    loss : (kind, parameter) of loss.pxd
    penalty, n_threads, most_slots : as for Slots
    """

    def __init__(self, columns, reference, double[::1] center, double[::1] weight,
                 const double[::1] y, const double[::1] null_predictor, target,
                 double null_deviance, loss, bint fit_intercept, penalty, int n_threads=1,
                 Py_ssize_t most_slots=4_000):
        cdef Py_ssize_t n
        cdef double[:, :, ::1] padded
        cdef double length
        kind, parameter = loss
        self.F.weight = matrix_of(columns).weight
        self._refer_to(columns, reference, center, weight, fit_intercept)
        self.length = n = length_of(&self.U) - 1
        self.y, self.z_null = y, null_predictor
        self.by_sample = np.zeros((5, n + 1))
        self.z, self.z_next, self.d = self.by_sample[0], self.by_sample[1], self.by_sample[2]
        self.d_next, self.theta = self.by_sample[3], self.by_sample[4]
        padded = np.zeros((6, 1, n + 1))
        self.r, self.r_next, self.step = padded[0], padded[1], padded[2]
        self.at_screening, self.padded, self.error = padded[3], padded[4], padded[5]
        self.partial = np.empty(n // BLOCK + 1)
        self.kept_intercepts = []
        self.stretch = 1.0
        self.F.parameter = parameter
        self.F.y = &self.y[0]
        self.loss_kind = <loss_kind_t> <int> loss_kinds()[kind]
        self.foresees = self.U.blocks == 1 and self.loss_kind not in (
            SQUARED, HUBER, SQUARED_HINGE, QUANTILE)
        self.knows_means = self.loss_kind == POISSON or (
            self.loss_kind == LOGISTIC and np.isin(y, (0.0, 1.0)).all())
        np.asarray(self.at_screening)[0] = target
        WeightedGram.__init__(self, columns, target, null_deviance, penalty, n_threads, most_slots)
        self.open_part, self.candidates_part = OPEN_PART, CANDIDATES_PART
        length = sqrt(residual_dot(self.X, &self.v[0, 0], &self.v[0, 0]))
        self.P.slack = self.S.slack = 1e-12 * length
        self.saturated = -0.5 * null_deviance + self._evaluate(
            &self.z_null[0], &self.r_next[0, 0], &self.d_next[0])
        self.loss = 2.0 * (self.F_now - self.saturated)

    def refresh(self):
        """Recompute the state from coefficients that a caller has written to `coef`."""
        cdef Py_ssize_t i, j, a
        self.F.kind = self.loss_kind
        self.intercept = 0.0
        self.step[:] = 0.0
        for j in range(self.U.p):
            if self.u[0, j] != 0.0:
                shift(&self.U, j, -self.u[0, j], &self.step[0, 0])
        self._spread(&self.step[0, 0])
        for i in range(self.length):
            self.z[i] = self.z_null[i] + self.step[0, i]
        for a in range(self.m):
            self.us[0, a] = self.settled[0, a] = self.u[0, self.feature[a]]
        self.F_now = self._evaluate(&self.z[0], &self.r[0, 0], &self.d[0])
        self.loss = 2.0 * (self.F_now - self.saturated)
        self.has_gram = self.has_error = False
        self.n_known = 0
        self.known[:] = INFINITY        # no slope is known at the new residual
        screening_skip(&self.B, &self.feature[0], self.m)

    cdef void _spread(self, double* step) noexcept nogil:
        # Add to each block of a product C e the constant in its last entry.
        cdef Py_ssize_t c, i, n = self.U.n
        cdef double* block
        for c in range(self.U.blocks):
            block = step + c * (n + 1)
            if block[n] != 0.0:
                for i in range(n):
                    block[i] += block[n]
                block[n] = 0.0

    # -- the loss ------------------------------------------------------------------------------

    cdef double _evaluate(self, const double* z, double* r, double* d) noexcept nogil:
        # The loss, the residual and the curvature; blocks are added in order, so that the sum does
        # not depend on the number of threads.
        cdef Py_ssize_t n = self.U.n, block, n_blocks = (n + BLOCK - 1) // BLOCK
        cdef int n_threads = threads_for(20.0 * n, self.n_threads)
        cdef double total = 0.0
        cdef double* partial = &self.partial[0]
        if n_blocks == 1:
            partial[0] = loss_evaluate(&self.F, 0, 0, n, z, r, d)
        else:
            for block in prange(n_blocks, num_threads=n_threads, schedule="static"):
                partial[block] = loss_evaluate(&self.F, 0, block * BLOCK,
                                               min((block + 1) * BLOCK, n), z, r, d)
        for block in range(n_blocks):
            total += partial[block]
        r[n] = 0.0
        return total

    # -- the model -----------------------------------------------------------------------------
    #
    # The Hessian H at the reference weights is diagonal.  Where it is diag(d_ref) - M'M, a solver
    # overrides `_take_weights`, which keeps what M needs, `_curve`, `_lower_gram` or `_gram_of`.

    cdef void _curve(self, const double* step, double* out) noexcept nogil:
        # out = H step
        cdef Py_ssize_t i
        for i in range(self.U.n):
            out[i] = self.d_ref[i] * step[i]

    cdef int _weigh(self, Py_ssize_t first) except -1:
        # Centre the columns of the slots from `first` on by the reference weights; their slopes at
        # r, of the intercept eliminated, follow.
        cdef Py_ssize_t a, i, j
        cdef double center, change, total = 0.0
        for i in range(self.U.n):
            self.padded[0, i] = self.d_ref[i]
            total += self.r[0, i]
        for a in range(first, self.m):
            j = self.feature[a]
            center = self._center_of(j)
            change = self.U.scale[j] * (self.reference_center[j] - center) * total
            self.hs[0, a] += change
            self.qs[0, a] += change
            self.reference_center[j] = center
        (<matrix_t*> self.R).weight_sum = self.sum_d
        return 0

    cdef void _take_weights(self) noexcept nogil:
        # Make the present curvatures the reference weights, for cautious steps raised to a share of
        # loss_bound: where most curvatures are 0, the model has its minimum too far away.
        cdef Py_ssize_t i
        cdef double s
        self.sum_d = 0.0
        for i in range(self.U.n):
            self.d_ref[i] = self.d[i]
            if self.caution > 0.0:
                s = 1.0 if self.F.weight == NULL else self.F.weight[i]
                self.d_ref[i] = larger(self.d[i], self.caution * s * loss_bound(
                    self.F.kind, self.F.parameter, self.y[i], self.z[i]))
            self.sum_d = self.sum_d + self.d_ref[i]
        if self.sum_d == 0.0 and self.caution == 0.0:
            self.caution = 1.0
            self._take_weights()

    cdef int _rebuild(self) except -1:
        # The model at new reference weights.
        cdef Py_ssize_t m = self.m
        self._take_weights()
        self._weigh(0)
        self.n_grams += 1
        self.has_gram = True
        self.has_error = False
        self.born, self.extra = self.n_kept, 0.0
        self.stretch = 1.0
        if not m:
            return 0
        if self.rows.shape[0] != m:
            self.rows = np.empty((m, m), order="F")
        self._gram_of(self.rows, 0)
        count_reading(self, &self.feature[0], m)
        mirror(m, &self.rows[0, 0], &self.own_Q[0, 0], self.own_Q.shape[1])
        if self.S.l2_strength == 0.0:
            self._leave_flat()
        self._refactor()
        self.factor_l2 = self.S.l2_strength
        return 0

    cdef int _leave_flat(self) except -1:
        # Leave slots without a penalty where they are once curvature and slope are rounding errors
        # of a column of length 1: where nothing bounds them, their steps would be a quotient of
        # these.
        cdef Py_ssize_t a, b, m = self.m
        cdef double slack = self.S.slack
        for a in range(m):
            if (self.own_Q[a, a] > slack or self.S.l1_strength * self.S.l1[a] != 0.0
                    or self.S.upper[a] != INFINITY):
                continue
            if self.n_known < m:
                self._slopes_at_residual()
            if fabs(self.qs[0, a]) <= 0.5 * slack:
                for b in range(m):
                    self.own_Q[a, b] = self.own_Q[b, a] = 0.0
        return 0

    cdef int _follow_strengths(self) except -1:
        self._reserve_factor(self.capacity)     # `_solve_model` factorises
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
        if not m or not self.has_gram or self._is_small():
            self.has_gram = False
            return True
        self._weigh(m)
        rows = np.empty((count, stop), order="F")
        self._gram_of(rows, m)
        count_reading(self, &self.feature[0], stop)
        Q = np.asarray(self.own_Q)
        Q[m:stop, :stop] = rows
        Q[:m, m:stop] = rows[:, :m].T
        return True

    cdef bint _is_near(self, Py_ssize_t a, double l1_strength) noexcept nogil:
        # Whether slot a is in the support, or would be at this strength.
        cdef double limit = l1_strength * self.S.l1[a]
        return (self.us[0, a] != 0.0 or limit == 0.0 or not fabs(self.hs[0, a]) <= limit
                or null_value(&self.S, a) != 0.0)

    cdef int _drop_slots(self, double l1_strength) except -1:
        # Take the slots from features that are far from the support: Gram matrices at new weights
        # cost the square of their number.
        cdef Py_ssize_t a, b, j, m = 0, count = 0
        cdef Py_ssize_t* kept = &self.listed[0]
        for a in range(self.m):
            if self._is_near(a, 0.9 * l1_strength):
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
            self.settled[0, a], self.qs[0, a] = self.settled[0, b], self.qs[0, b]
            self.hs_synced[0, a] = self.hs_synced[0, b]
            for j in range(4):
                self.vectors[j, a] = self.vectors[j, b]
        if self.has_gram and not self._is_small():
            for a in range(m):      # kept[a] >= a: what is overwritten was read before
                for b in range(m):
                    self.own_Q[a, b] = self.own_Q[kept[a], kept[b]]
        else:
            self.has_gram = False
        for a in range(self.m):
            self.row_of[a] = -1
        self.A.k = 0
        if self.n_known < self.m:
            self.n_known = 0
        self.n_known = min(self.n_known, m)
        self.m = m
        return 0

    cdef double _violation(self) noexcept nogil:
        cdef double worst = 0.0
        cdef Py_ssize_t a
        for a in range(self.m):
            worst = larger(worst, kkt_distance(&self.S, a, self.x[a], self.h[a]))
        return worst

    cdef int _slopes_of(self, double[:, ::1] v, Py_ssize_t first, double[:, ::1] out) except -1:
        # out <- the slopes of the slots from `first` on at v, the intercept eliminated.
        cdef Py_ssize_t n = self.U.n
        # of sparse columns the last entry is multiplied by the sum of weights and the centre
        v[0, n] = -sum_of(n, &v[0, 0]) / self.sum_d if self.fit_intercept else 0.0
        slopes_of_tasks(self.R, v, &self.feature[first], self.m - first, out, first,
                        self.n_threads)
        count_reading(self, &self.feature[first], self.m - first)
        v[0, n] = 0.0
        return 0

    cdef int _slopes_at_residual(self) except -1:
        # hs <- qs, the slopes at r: of the first n_known slots known.
        cdef Py_ssize_t a
        if self.n_known < self.m:
            self._slopes_of(self.r, self.n_known, self.qs)
            self.n_known = self.m
        if self.has_error:
            self._follow_error()
        for a in range(self.m):
            self.hs[0, a] = self.qs[0, a]
        return 0

    cdef int _follow_error(self) except -1:
        # The slopes at the error, to which the last step has added r less the dual point; those of
        # new slots, whose slopes at the dual point are not known, are computed.
        cdef Py_ssize_t a, first = self.m
        while first and self.hs[0, first - 1] == INFINITY:
            first -= 1
        if self.traces:
            for a in range(first):
                self.hs_synced[0, a] += self.qs[0, a] - self.hs[0, a]
        self.traces = False
        return self._slopes_of(self.error, first, self.hs_synced) if first < self.m else 0

    cdef int _solve_model(self, double tol) except -1:
        # Minimise the model among the slots until no slope is further than tol from optimal, or
        # rounding allows no better.
        tol = larger(tol, ROUNDING * self.S.slack)
        if self.stretch != 1.0:     # the same minimum, at another scale of slopes
            tol /= self.stretch
            self._scale_slopes(1.0 / self.stretch)
            self.S.l1_strength /= self.stretch
            self.S.l2_strength /= self.stretch
        if self.factor_l2 != self.S.l2_strength:
            self._refactor()
            self.factor_l2 = self.S.l2_strength
        if self.m <= FEW_SLOTS:     # faster than other threads could use the time
            self._iterate(tol)
        else:
            with nogil:
                self._iterate(tol)
        if self.stretch != 1.0:
            self._scale_slopes(self.stretch)
            self.S.l1_strength = self.P.l1_strength
            self.S.l2_strength = self.P.l2_strength
        self._raise_signal()
        return 0

    cdef void _scale_slopes(self, double c) noexcept nogil:
        cdef Py_ssize_t a
        for a in range(self.m):
            self.hs[0, a] *= c

    cdef void _iterate(self, double tol) noexcept nogil:
        cdef Py_ssize_t flips = 1, k
        cdef int n_vain = 0
        cdef bint whole
        cdef double violation, best = INFINITY
        if self.A.k:
            self._predict()
        for k in range(MOST_INNER_EPOCHS):
            violation = self._violation()
            if self.must_stop or violation <= tol or n_vain == MOST_VAIN:
                break
            self._epoch(&flips)
            self.n_epochs = self.n_epochs + 1
            if flips == 0 or k % EPOCHS_PER_NEWTON == EPOCHS_PER_NEWTON - 1:
                whole = self._newton()
                while not whole and k >= EPOCHS_BEFORE_ENDS and not self.must_stop:
                    whole = self._newton()
                if whole and flips == 0:
                    n_vain = 0 if violation < 0.5 * best else n_vain + 1
                    best = smaller(best, violation)
