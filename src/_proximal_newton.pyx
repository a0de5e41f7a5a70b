"""Proximal Newton steps: the warm engine for losses that are not quadratic.

    minimise  sum_i s_i f(y_i, z_i) + sum_j phi_j(u_j),    z = z_0 + b + C u

Each step minimises, among the slots, the quadratic model of _local_model.pyx and the penalty.  Its
Gram matrix is kept while steps contract.  The residual that the model predicts, r - D (C e + b), is
the dual point: its slopes are those with which the model was solved, its sum is zero, and its
loss's part of the gap is small as soon as the model is good.  So a fit is certified right after its
last step, without another pass over X.
"""

from cython.parallel cimport prange
from libc.math cimport INFINITY, fabs, isfinite, log, sqrt
from libc.string cimport memset

from arithmetic cimport clip, larger, smaller
from certificate cimport feasible, gap_near, scalars, units_t
from loss cimport (
    bounds_itself, dual_point, dual_point_t, growth, is_exponential, sum_of, trace,
)
from matrix cimport column_cost, cost_of_columns, is_dense, residual_dot, shift
from openmp cimport threads_for
from penalty cimport penalty_t, value
from signals cimport check_signals
from softreg_fast.kernels._local_model cimport LocalModel
from softreg_fast.kernels._slots cimport units_of
from stripes cimport MOST_GROUPS, rows_of_stripe, sweep_group, sweep_t
from tasks cimport slopes_of_tasks
from tolerances cimport CONVERGED, ENTRIES_PER_SIGNAL_CHECK, NO_ROOM
from vector cimport axpy, dot

import numpy as np

# BLAS multiplies that much faster than a pass over columns.
cdef double SPEED_OF_BLAS = 6.0

cdef Py_ssize_t MOST_HALVINGS = 40

# Largest share of the error at the last alpha that is expected at the next one.
cdef double LARGEST_SHARE = 1.5

# Largest change of a predictor whose exponential counts, in one step: where classes are separated
# the model's minimum may be at 1e280.  Predictors of several classes may all change by a constant,
# which has no effect and may be as large.
cdef double LARGEST_CHANGE = 200.0

# Steps without progress after which rounding is taken for the reason.
cdef int MOST_VAIN = 3


cdef double largest_of(Py_ssize_t n, const double* x) noexcept nogil:
    # the largest magnitude, at least 1
    cdef double largest = 1.0
    cdef Py_ssize_t i
    for i in range(n):
        largest = larger(largest, fabs(x[i]))
    return largest


cdef class ProximalNewton(LocalModel):
    """Exact solver for a whole path of one target; see `LocalModel` for the parameters."""

    # -- steps ---------------------------------------------------------------------------------

    cdef double _penalty_of(self, double t) noexcept nogil:
        # sum_j phi_j at the share t of the step
        cdef double total = 0.0, old
        cdef Py_ssize_t a
        for a in range(self.m):
            old = self.settled[0, a]
            total += value(&self.S, a, old + t * (self.us[0, a] - old))
        return total

    cdef double _move_of_intercept(self, double total) noexcept nogil:
        # The intercept's part of a step of dense columns in their reference centres, whose sum
        # under d_ref is zero; self.move is that beside columns in their own centres.
        cdef Py_ssize_t a, j
        cdef double move = 0.0
        if self.fit_intercept:
            move = total / (self.stretch * self.sum_d)
        self.move = move
        for a in range(self.m):
            j = self.feature[a]
            self.move = self.move + ((self.us[0, a] - self.settled[0, a]) * self.U.scale[j]
                                     * (self.U.center[j] - self.reference_center[j]))
        return move

    cdef bint _goes_by_stripes(self) noexcept nogil:
        return is_dense(&self.U)

    cdef double _sweep(self, double move) except? -1.0:
        # Of dense columns: the step to the slots' coefficients and the intercept's `move`, the
        # loss, the residual and the curvature after it, and the slopes there.  Returns the loss.
        cdef sweep_t A
        cdef Py_ssize_t a, g, j, m = self.m, n = self.U.n, n_stripes, first, stop = 0, portion
        cdef Py_ssize_t length = m + 1
        cdef int n_groups, n_threads = threads_for(2.0 * m * n, self.n_threads)
        cdef double e, total = 0.0
        A.X = self.R[0]
        A.X.weight = NULL
        A.F, A.slots, A.n_slots, A.move = &self.F, &self.feature[0], m, move
        A.rows = rows_of_stripe(n, m)
        A.z, A.z_next, A.step = &self.z[0], &self.z_next[0], &self.step[0, 0]
        A.r, A.d = &self.r_next[0, 0], &self.d_next[0]
        A.moving, A.n_moving, A.back = &self.listed[0], 0, &self.found[0, 0]
        for a in range(m):
            e = self.us[0, a] - self.settled[0, a]
            if e != 0.0:
                j = self.feature[a]
                self.found[0, j] = -e
                self.listed[A.n_moving] = j
                A.n_moving += 1
        n_stripes = (n + A.rows - 1) // A.rows
        n_groups = <int> min(n_stripes, MOST_GROUPS)
        if self.sums.shape[0] < n_groups * length:
            self.sums = np.empty(2 * n_groups * length)
        memset(&self.sums[0], 0, n_groups * length * sizeof(double))
        portion = n_groups * max(ENTRIES_PER_SIGNAL_CHECK // (A.rows * length * n_groups), 1)
        while stop < n_stripes:
            first = stop
            stop = min(first + portion, n_stripes)
            if n_threads == 1:
                for g in range(n_groups):
                    sweep_group(&A, first + g, stop, n_groups, &self.sums[g * length])
            else:
                for g in prange(n_groups, num_threads=n_threads, schedule="static", nogil=True):
                    sweep_group(&A, first + g, stop, n_groups, &self.sums[g * length])
            if stop < n_stripes:
                check_signals()
        self.entries += <double> m * n
        self.r_next[0, n] = self.step[0, n] = 0.0
        for g in range(n_groups):
            total += self.sums[g * length + m]
        for a in range(m):
            self.qs[0, a] = 0.0
            for g in range(n_groups):
                self.qs[0, a] += self.sums[g * length + a]
        return total

    cdef void _foresee(self) noexcept nogil:
        # Add to the residual, from which the step starts, the error that is expected.
        cdef Py_ssize_t a
        self.foreseen = self.share
        axpy(self.length, -self.foreseen, &self.error[0, 0], 0.0, NULL, &self.r[0, 0])
        for a in range(self.m):
            self.hs[0, a] += self.foreseen * self.hs_synced[0, a]

    cdef void _trace(self) noexcept nogil:
        # Add what the model has missed in a whole step, the residual less the dual point, to the
        # error at this alpha; its slopes follow when those at r are known.
        cdef Py_ssize_t a
        cdef double share = self.foreseen if self.is_first else 1.0, ratio
        cdef bint first = self.is_first, is_new = first and not self.has_error
        if self.caution > 0.0 or not self.foresees or not (first or self.has_error):
            self.has_error = False
            return
        if is_new:
            memset(&self.error[0, 0], 0, (self.length + 1) * sizeof(double))
            memset(&self.hs_synced[0, 0], 0, self.m * sizeof(double))
        ratio = trace(self.U.n, &self.r[0, 0], &self.v[0, 0], &self.d[0], &self.d_ref[0], share,
                      &self.error[0, 0])
        for a in range(self.m):
            self.hs_synced[0, a] *= share
        if is_new:
            self.share = LARGEST_SHARE
        elif first:     # the curvature moves away from its reference: 2, 3/2, 4/3 ... times as far
            self.share = clip(2.0 - 1.0 / larger(ratio, 1e-3), 0.0, LARGEST_SHARE)
        self.has_error = is_new or ratio == ratio
        self.traces = self.has_error

    cdef int _find_step(self) except -1:
        # step <- C e + b for the model's e, with b its intercept
        cdef Py_ssize_t a
        cdef double e
        memset(&self.step[0, 0], 0, (self.length + 1) * sizeof(double))
        for a in range(self.m):
            e = self.us[0, a] - self.settled[0, a]
            if e != 0.0:
                shift(&self.U, self.feature[a], -e, &self.step[0, 0])
                self.entries += column_cost(&self.U, self.feature[a])
        self._find_move()
        return 0

    cdef void _find_move(self) noexcept nogil:
        # Add to the step the constant of the centres, and the intercept that makes the sum of the
        # predicted residual zero.
        cdef Py_ssize_t i, n = self.U.n
        cdef double move = self.step[0, n]
        self.move = 0.0
        if self.fit_intercept:
            self.move = (sum_of(n, &self.r[0, 0]) / self.stretch
                         - dot(n, &self.d_ref[0], 0.0, &self.step[0, 0])) / self.sum_d - move
        for i in range(n):
            self.step[0, i] += move + self.move
        self.step[0, n] = 0.0

    cdef double _take_step(self) except -1:
        # Move to the model's minimum, halving the step until the objective falls; returns the share
        # that was taken.  The old r stays in r_next.
        cdef double before = self.F_now + self._penalty_of(0.0), after = INFINITY, t = 1.0
        cdef double slack = 1e-13 * fabs(self.F_now)
        cdef bint by_stripes = self._goes_by_stripes()
        cdef Py_ssize_t i, a, halvings = 0
        if by_stripes:
            after = self._sweep(self._move_of_intercept(sum_of(self.U.n, &self.r[0, 0])))
        else:
            self._find_step()
        if self.U.blocks == 1 and is_exponential(self.F.kind):
            t = smaller(1.0, LARGEST_CHANGE / largest_of(self.length, &self.step[0, 0]))
        while True:
            if t < 1.0 or not by_stripes:
                for i in range(self.length):
                    self.z_next[i] = self.z[i] + t * self.step[0, i]
                after = self._evaluate(&self.z_next[0], &self.r_next[0, 0], &self.d_next[0])
            if after + self._penalty_of(t) <= before + slack:
                break
            t *= 0.5
            halvings += 1
            if halvings > MOST_HALVINGS or self.foreseen != 0.0:
                t = 0.0
                break
        self.n_halvings += halvings
        self.n_known = self.m if t == 1.0 and by_stripes else 0
        for a in range(self.m):
            if t == 0.0:    # the model's minimum may be infinite, where most curvatures underflow
                self.us[0, a] = self.settled[0, a]
            elif t < 1.0:
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
        # The gap at the dual point r - H step, whose slopes are hs, shifted so that its sum is zero
        # (the columns are centred by the reference weights, so that no slope changes).  Far above
        # `enough`, and outside the domain, a number above `enough`.
        cdef units_t units = units_of(self)
        cdef Py_ssize_t n = self.U.n
        cdef double move = 0.0, k = 1.0, k_augmented = 1.0, far
        if step == NULL:
            memset(&self.theta[0], 0, n * sizeof(double))
        else:
            self._curve(step, &self.theta[0])
        if self.fit_intercept:
            move = (sum_of(n, r) - self.stretch * sum_of(n, &self.theta[0])) / self.sum_d
        if self.S.l2_strength == 0.0 and bounds_itself(self.F.kind):
            feasible(&self.S, &units, 1, &k, &k_augmented)
        far = dual_point(n, r, &self.r[0, 0], &self.d[0], &self.d_ref[0], self.F.weight, k,
                         self.stretch, move, &self.theta[0], &self.v[0, 0])
        self.v[0, n] = 0.0
        if far != far:
            return INFINITY
        return far if far > 5.0 * enough else self._gap_of(&self.S, &units)

    cdef double _gap_of(self, const penalty_t* P, const units_t* units) noexcept nogil:
        # The gap at theta and the slopes of the units.
        cdef dual_point_t D
        cdef double gap
        D.away = D.along = D.square = 0.0
        D.z, D.theta, D.r, D.d = &self.z[0], &self.theta[0], NULL, NULL
        if self.knows_means:
            D.r, D.d = &self.r[0, 0], &self.d[0]
        gap = gap_near(&self.F, P, units, &D)
        return gap if gap == gap else INFINITY      # NaN: far out, where terms overflow

    cdef bint _should_rebuild(self, double contraction, double tol) noexcept nogil:
        # Whether the steps that the present model still needs cost more than one at new weights.
        # Costs are counted in entries, so that results do not depend on the load of the machine.
        cdef double entries = cost_of_columns(&self.U, &self.feature[0], self.m)
        cdef double rebuild = 0.5 * entries * (entries / self.U.n), n_more
        cdef double one = 2.0 * entries + 20.0 * self.U.n + <double> self.A.k * self.m
        cdef Py_ssize_t age = self.n_kept - self.born
        if is_dense(&self.U):
            rebuild /= SPEED_OF_BLAS
        rebuild += <double> self.A.k * self.A.k * self.A.k / (3.0 * SPEED_OF_BLAS)
        if contraction >= 0.7 or not isfinite(self.gap_at_residual):
            return True
        n_more = log(self.gap_at_residual / tol) / -log(contraction)
        # Along a path a model is replaced when one more alpha costs more than the mean so far.
        if age > 0 and one * larger(n_more - 1.0, 1.0) > (rebuild + self.extra) / age:
            return True
        self.extra = self.extra + one
        return (n_more - 1.5) * one > rebuild

    cdef int _solve_slots(self, double tol, Py_ssize_t max_iter) except -1:
        # Take proximal Newton steps among the slots until the gap is at most tol.
        cdef double violation, last = INFINITY, size, t, now, lowest = INFINITY, best = INFINITY
        cdef Py_ssize_t k = 0, a
        cdef int n_vain = 0
        cdef bint failed
        self.gap = INFINITY
        while True:
            check_signals()
            if not self.has_gram or (k and self._is_small()):
                self._rebuild()
            self._certify_residual(tol)
            if self.gap > tol and (self.n_epochs >= max_iter or n_vain == MOST_VAIN):
                if self.caution > 0.0:      # its weights may lead out of the domain
                    self.caution = 0.0
                    self._rebuild()
                self._certify_residual(INFINITY)
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
            self.foreseen = 0.0
            if self.is_first and self.has_error:
                self._foresee()
            self._solve_model(clip(0.05 * tol / larger(size, 1e-300), 1e-12 * violation,
                                   1e-3 * violation))
            self.n_steps += 1
            self.n_epochs += 1
            t = self._take_step()
            k += 1
            if t == 1.0:
                self.gap = self._gap_at(&self.r_next[0, 0], &self.step[0, 0], tol)
                self._trace()
                if self.gap <= tol:
                    self._stretch(0.5)
                    self.is_first = False
                    break
                self._stretch(0.0)
            else:
                self.has_error = False
                if self.foreseen != 0.0:        # again, from the residual alone
                    self._evaluate(&self.z[0], &self.r[0, 0], &self.d[0])
                    k = 0
                    continue
            self.is_first = False
            now = self.F_now + self._penalty_of(0.0)
            failed = t < 0.1
            if now < lowest or self.gap_at_residual < 0.99 * best:
                n_vain = 0
            elif failed or self.caution == 0.0:     # cautious steps may be too short to be seen
                n_vain += 1
                failed = True
            lowest, best = smaller(lowest, now), smaller(best, self.gap_at_residual)
            self._adjust(failed)
        self.loss = 2.0 * (self.F_now - self.saturated)
        return 0

    cdef void _stretch(self, double ahead) noexcept nogil:
        # Let the model follow the growth of the curvature along the step that was taken, at its end
        # or as much further as `ahead` times its length: along a path most of what the model misses
        # is common to all samples.
        cdef double c
        if self.caution > 0.0 or not bounds_itself(self.F.kind):
            return
        c = growth(self.U.n, &self.step[0, 0], &self.d[0], &self.d_next[0], &self.d_ref[0], ahead)
        if 0.5 < c < 2.0:       # not where nothing has moved
            self.stretch = c

    cdef int _certify_residual(self, double enough) except -1:
        self._slopes_at_residual()
        self.gap_at_residual = self.gap = self._gap_at(&self.r[0, 0], NULL, enough)
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
        cdef Py_ssize_t a
        cdef double way, length
        for a in range(self.m):
            self.u[0, self.feature[a]] = self.us[0, a]
        axpy(self.length, 1.0, &self.v[0, 0], 0.0, NULL, &self.at_screening[0, 0])
        way = self._product(&self.at_screening[0, 0], &self.at_screening[0, 0])
        self.at_screening[:] = self.v
        length = self._product(&self.v[0, 0], &self.v[0, 0])
        self.B.odometer += sqrt(way) + 1e-13 * sqrt(length)
        return 0

    cdef double _product(self, const double* v, const double* w) noexcept nogil:
        # residual_dot where the last entries are 0
        if self.X.weight == NULL:
            return dot(self.length, v, 0.0, w)
        return residual_dot(self.X, v, w)

    cdef double _place_in_basis(self, double* beta) noexcept nogil:
        cdef double length = self._product(&self.v[0, 0], &self.v[0, 0]), rest = length
        cdef Py_ssize_t k
        for k in range(self.B.k):
            beta[k] = self._product(&self.v[0, 0], self.B.basis + k * (self.length + 1))
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
        cdef double pace = 0.0
        if l1_strength > 0.0:       # errors grow with the square of the step
            pace = log(self.last_strength / l1_strength)
        if 0.5 * self.pace < pace < 2.0 * self.pace < INFINITY:
            self.share = self.share * (pace / self.pace) * (pace / self.pace)
        else:
            self.has_error = False
        self.pace, self.is_first = pace, True
        if self.m:
            self._drop_slots(l1_strength)
        status = LocalModel.solve(self, l1_strength, l2_strength, tol, max_iter)
        if status == NO_ROOM:
            self._certify_all()
        return status

    def approach(self, double l1_strength, double l2_strength, Py_ssize_t max_iter,
                 double tol=1e-12):
        """Solve approximately, as an intermediate step to smaller strengths; see `Screened`."""
        self.pace, self.has_error = 0.0, False
        if self.m:
            self._drop_slots(l1_strength)
        return LocalModel.approach(self, l1_strength, l2_strength, max_iter, tol)

    def solve_along(self, const double[:] alphas, double l1_ratio, double aim, double tol,
                    Py_ssize_t max_iter):
        """Call `solve`, with the gap that it aims at, and `keep` for each alpha."""
        cdef Py_ssize_t k
        cdef int status
        for k in range(alphas.shape[0]):
            status = self.solve(alphas[k] * l1_ratio, alphas[k] * (1.0 - l1_ratio), aim, max_iter)
            self.keep(CONVERGED if self.gap <= tol else status)

    cpdef int keep(self, int status) except -1:
        """Append the present solution to those kept by earlier calls."""
        self.kept_intercepts.append(self.intercept)
        return LocalModel.keep(self, status)

    def move_intercepts(self, const double[::1] by):
        """Add these numbers to the intercepts, one for each block of columns."""
        cdef Py_ssize_t c, i, n = self.U.n
        self.intercept += by[0]
        for c in range(self.U.blocks):
            for i in range(n):
                self.z[c * (n + 1) + i] += by[c]
        self.F_now = self._evaluate(&self.z[0], &self.r[0, 0], &self.d[0])
        self.loss = 2.0 * (self.F_now - self.saturated)
        self.n_known = 0
        self.has_error = False
        self.known[:] = INFINITY

    @property
    def predictor(self):
        """The linear predictor, of blocks one after the other, each with an entry more."""
        return np.array(self.z)

    @property
    def intercepts(self):
        """Intercepts of the kept fits, from that of the null model."""
        return np.array(self.kept_intercepts)

    @property
    def dual_point(self):
        """The dual point of the last certificate, (n_samples,), with the weights."""
        return np.array(self.v[0, :self.length])
