"""The warm path engine: working set in Gram space, Newton steps on the support, lazy screening.

    minimise  1/2 ||y - C u||_s^2 + sum_j phi_j(u_j)      (docs/mathematics.md, sections 5 and 9)

A slot is a place in the working set, which only grows: when a feature first comes near the support
it gets a slot, and its Gram entries with all other slots are computed once and kept.  Each alpha is
solved within the slots, where coordinate descent costs O(1) for a coordinate that does not move
and a Newton step on the support is exact.  Features without a slot are screened: bounds on
|c_j . r|, from slopes computed at earlier residuals, show which of them must be checked.  With a
Gram matrix of all features every feature has a slot from the start.
"""

import contextlib

cimport cython
from libc.math cimport INFINITY, fabs, sqrt

from matrix cimport (
    GRAM, column_cost, matrix_of, matrix_t, residual_sumsq, shift, slope,
)
from factor cimport (
    factor_append, factor_remove, factor_solve, factor_solve_upper, factor_t, is_independent,
)
from penalty cimport (
    duality_gap, kkt_distance, larger, may_move, null_value, penalty_t, prox, smaller,
)
from screening cimport (
    LARGEST_BASIS, screening_extend, screening_know, screening_open, screening_skip,
    screening_still_open, screening_t,
)
from signals cimport check_signals
from vector cimport axpy

import numpy as np

from softreg_fast.solvers.factor import lower_factor
from softreg_fast.system.threads import blas_threads_for

CONVERGED, MAX_ITER, STALLED, NO_ROOM = 0, 1, 2, 3

# The engine iterates down to this gap (rounding level) even if `tol` is larger.
cdef double EXACT = 1e-13

# And to this distance of the slopes (at most 1) from the subdifferential of the penalty.
cdef double STATIONARY = 1e-11

# Compute and store the slopes of all features when screening leaves more than this fraction of
# them as candidates.
cdef double OPEN_PART = 0.2

# Or when this fraction of X has been read for candidates since the last full scan.
cdef double CANDIDATES_PART = 0.5

# Largest sum of |u| up to which the gap is computed from the Gram matrix: there its rounding error
# is some 1e-14.
cdef double LARGEST_FOR_GRAM = 10.0

# A factor of at most this many members is rebuilt by appending them one by one, without LAPACK.
cdef Py_ssize_t FEWEST_FOR_LAPACK = 100

# Entries that may be read between two checks for pending signals.
cdef Py_ssize_t ENTRIES_PER_SIGNAL_CHECK = 20_000_000


@cython.final
cdef class Engine:
    """Exact solver for a whole path; slots, factor and bounds are kept between calls.

    Parameters
    ----------
    columns : Columns
    target : (n_samples + 1,) weighted residual of u = 0; with Gram columns (n_features,) X'y
    target_sumsq : ||y||_s^2
    penalty : (l1, l2, lower, upper), each (n_features,) float64 in the engine's units
    most_slots : int
        Maximum number of slots; when more are needed `solve` returns NO_ROOM and leaves the
        coefficients reached so far.
    """

    cdef const matrix_t* X
    cdef penalty_t P                    # by feature
    cdef penalty_t S                    # by slot
    cdef factor_t F                     # of the Gram matrix of the support
    cdef object columns
    cdef const double[::1] target, l1, l2, lower, upper
    cdef double[::1] u, v               # by feature; the weighted residual
    cdef double target_sumsq, last_strength
    cdef int n_threads
    # slots
    cdef Py_ssize_t m, capacity, most_slots
    cdef Py_ssize_t[::1] feature, slot_of, order, row_of
    cdef const double[:, ::1] Q
    cdef double[:, ::1] own_Q, L
    cdef double[:, ::1] by_slot         # storage of `vectors` and all vectors below
    cdef Py_ssize_t[:, ::1] places      # storage of feature, order and row_of
    cdef double[:, ::1] vectors
    cdef double[::1] us, hs, rhs        # coefficients, slopes
    cdef double[::1] qs                 # slopes at u = 0
    cdef double[::1] synced, hs_synced  # us and hs at the last odometer update
    cdef double[::1] settled            # coefficients whose residual is v
    cdef double loss                    # ||y - Cu||^2
    # screening
    cdef screening_t B
    cdef double[:, ::1] by_feature      # storage of u, B.slopes and the per-feature vectors
    cdef double[::1] known              # B.known
    cdef double[::1] scanned, found     # slopes of all features, and of the candidates
    cdef Py_ssize_t[::1] candidates
    cdef double[:, ::1] basis
    cdef double[::1] target_slopes
    # results
    cdef Py_ssize_t[::1] kept_features
    cdef double[::1] kept_values
    cdef double[:, ::1] kept_figures
    cdef Py_ssize_t n_kept, n_kept_values
    # signals
    cdef Py_ssize_t entries_read
    cdef bint must_stop
    cdef object signal
    cdef readonly object coef
    cdef readonly double gap
    cdef readonly Py_ssize_t n_epochs, n_newton
    cdef double entries, entries_of_X   # read so far; in all of X
    cdef double entries_of_candidates   # read for candidates since the last full scan

    def __init__(self, columns, target, double target_sumsq, penalty, int n_threads=1,
                 Py_ssize_t most_slots=4_000):
        cdef Py_ssize_t p
        self.X = matrix_of(columns)
        p = self.X.p
        self.columns = columns
        self.target = target
        self.target_sumsq = target_sumsq
        self.n_threads = n_threads
        self.most_slots = most_slots
        self.last_strength = INFINITY
        self.l1, self.l2, self.lower, self.upper = penalty
        if any(len(a) != p for a in penalty):
            raise ValueError("penalty must have one entry per feature")
        if self.target.shape[0] != self.X.n + (self.X.kind != GRAM):
            raise ValueError("the target does not fit the columns")
        self.P.l1, self.P.l2 = &self.l1[0], &self.l2[0]
        self.P.lower, self.P.upper = &self.lower[0], &self.upper[0]
        self.P.slack = self.S.slack = 1e-12
        self.kept_features, self.kept_values = np.empty(1024, dtype=np.intp), np.empty(1024)
        self.kept_figures = np.empty((100, 5))
        self.v = np.array(target)
        self._prepare_features()
        if self.X.kind == GRAM:
            self._reserve(p)
            self.Q = columns.entries
            self.qs[:] = self.target
            self._take_slots(np.arange(p, dtype=np.intp))
            self.refresh()
        else:
            self.columns.subtract_product(self.u, self.v, n_threads)
            self.loss = residual_sumsq(self.X, &self.v[0])
            self._reserve(max(min(p, 64, most_slots), 1))

    def _prepare_features(self):
        # One allocation for all per-feature vectors: large blocks get large pages.
        cdef Py_ssize_t p = self.X.p, j
        for j in range(p):
            self.entries_of_X += column_cost(self.X, j)
        # Keep the bounds cheap compared with the scan that they save.
        self.B.largest = min(max(<Py_ssize_t> (self.entries_of_X / (4 * p)), 1), LARGEST_BASIS)
        rows = np.empty((6 + self.B.largest, p))
        self.by_feature = rows
        self.coef = self.u = rows[0]
        self.slot_of, self.candidates = rows[1].view(np.intp), rows[2].view(np.intp)
        for j in range(p):
            self.u[j] = null_value(&self.P, j)
            self.slot_of[j] = -1
        if self.X.kind == GRAM:
            return
        self.scanned, self.found, self.known = rows[3], rows[4], rows[5]
        self.basis = np.empty((self.B.largest, self.X.n + 1))
        self.target_slopes = np.empty(self.B.largest)
        self.B.known, self.B.slopes = &self.known[0], &self.by_feature[6, 0]
        self.B.basis, self.B.target_slopes = &self.basis[0, 0], &self.target_slopes[0]
        self.known[:] = INFINITY

    # -- slots ---------------------------------------------------------------------------------

    def _reserve(self, Py_ssize_t capacity):
        # Make room for `capacity` slots, keeping the present ones.
        cdef Py_ssize_t m = self.m
        by_slot, places = np.zeros((11, capacity)), np.zeros((3, capacity), np.intp)
        if self.X.kind != GRAM:
            Q = np.zeros((capacity, capacity))
            if m:
                Q[:m, :m] = self.own_Q[:m, :m]
            self.Q = self.own_Q = Q
        if m:
            by_slot[:, :m] = self.by_slot[:, :m]
            places[:, :m] = self.places[:, :m]
        self.by_slot, self.places = by_slot, places
        self.vectors = self.by_slot[:4]
        self.us, self.hs, self.rhs, self.qs = (
            self.by_slot[4], self.by_slot[5], self.by_slot[6], self.by_slot[7])
        self.synced, self.hs_synced, self.settled = (
            self.by_slot[8], self.by_slot[9], self.by_slot[10])
        self.feature, self.order, self.row_of = self.places[0], self.places[1], self.places[2]
        self.capacity = capacity
        self.F.order = &self.order[0]
        self._reserve_factor()
        self.S.l1, self.S.l2 = &self.vectors[0, 0], &self.vectors[1, 0]
        self.S.lower, self.S.upper = &self.vectors[2, 0], &self.vectors[3, 0]

    def _reserve_factor(self):
        # Make room for the largest possible factor: without L2 its columns are independent, so that
        # it has at most n members.
        cdef Py_ssize_t k = self.F.k, most = self.capacity
        if self.P.l2_strength == 0.0:
            most = min(most, self.X.n)
        if most <= self.F.most:
            return
        L = np.zeros((most + 1, most))
        if k:
            L[:k, :k] = np.asarray(self.L)[:k, :k]
        self.L = L
        self.F.L, self.F.stride, self.F.most = &self.L[0, 0], most, most

    def _take_slots(self, const Py_ssize_t[::1] new):
        cdef Py_ssize_t a, j, m = self.m
        for a in range(new.shape[0]):
            j = new[a]
            self.slot_of[j] = m + a
            self.feature[m + a] = j
            self.vectors[0, m + a] = self.l1[j]
            self.vectors[1, m + a] = self.l2[j]
            self.vectors[2, m + a] = self.lower[j]
            self.vectors[3, m + a] = self.upper[j]
            self.us[m + a] = self.synced[m + a] = self.settled[m + a] = self.u[j]
            self.row_of[m + a] = -1
        self.m = m + new.shape[0]
        if self.X.kind != GRAM:
            screening_skip(&self.B, &new[0], new.shape[0])

    def _add_slots(self, const Py_ssize_t[::1] new):
        # Give the features slots, computing their slopes and Gram columns; return False if that
        # would exceed most_slots.
        cdef Py_ssize_t count = new.shape[0], m = self.m
        if m + count > self.most_slots:
            return False
        with nogil:
            self._settle()
        self._raise_signal()
        if m + count > self.capacity:
            self._reserve(min(max(2 * self.capacity, m + count), self.X.p, self.most_slots))
        self._take_slots(new)
        self.columns.slopes(self.v, self.hs[m:m + count], new, self.n_threads)
        self.hs_synced[m:m + count] = self.hs[m:m + count]
        self._count_reading(&new[0], count)
        self._count_reading(&self.feature[0], m + count)
        rows = np.empty((count, m + count), order="F")
        self.columns.gram_block(new, self.feature[:m + count], rows, self.n_threads)
        Q = np.asarray(self.own_Q)
        Q[m:m + count, :m + count] = rows
        Q[:m, m:m + count] = rows[:, :m].T
        np.asarray(self.qs)[m:m + count] = self.hs[m:m + count] + rows @ self.us[:m + count]
        return True

    # -- signals -------------------------------------------------------------------------------

    cdef inline bint _stops(self, Py_ssize_t entries) noexcept nogil:
        # Count `entries` as read; return whether a pending signal must end the fit.  Loops then end
        # early, and the caller raises the exception by `_raise_signal`.
        self.entries_read = self.entries_read + entries
        if self.entries_read > ENTRIES_PER_SIGNAL_CHECK and not self.must_stop:
            self.entries_read = 0
            self._look_at_signals()
        return self.must_stop

    cdef void _look_at_signals(self) noexcept with gil:
        # A separate function, since one that takes the GIL anywhere also takes it on return.
        try:
            check_signals()
        except BaseException as error:
            self.signal = error
            self.must_stop = True

    cdef int _raise_signal(self) except -1:
        if self.must_stop:
            error, self.signal, self.must_stop = self.signal, None, False
            raise error
        return 0

    cdef inline void _count_reading(self, const Py_ssize_t* chosen,
                                    Py_ssize_t count) noexcept nogil:
        cdef Py_ssize_t k
        for k in range(count):
            self.entries = self.entries + column_cost(self.X, chosen[k])

    # -- the problem restricted to the slots ---------------------------------------------------

    cdef double _epoch(self, Py_ssize_t* n_flips) noexcept nogil:
        # One pass of coordinate descent; returns the largest move, sets the count of sign changes.
        cdef Py_ssize_t a
        cdef double q, old, new, largest = 0.0
        n_flips[0] = 0
        for a in range(self.m):
            q = self.Q[a, a]
            if q + self.S.l2_strength * self.S.l2[a] == 0.0:
                continue
            old = self.us[a]
            new = prox(&self.S, a, self.hs[a] + q * old, q)
            if new != old:
                n_flips[0] += self._sign(a, new) != self._sign(a, old)
                self._move(a, new)
                largest = larger(largest, fabs(new - old))
                if self._stops(self.m):
                    break
        self._stops(self.m)
        return largest

    cdef inline void _move(self, Py_ssize_t a, double new) noexcept nogil:
        # u_a <- new, h <- h - (change) Q_a
        axpy(self.m, new - self.us[a], &self.Q[a, 0], 0.0, NULL, &self.hs[0])
        self.us[a] = new

    cdef inline int _sign(self, Py_ssize_t a, double x) noexcept nogil:
        # Number of the smooth piece of phi_a that holds x; each bound is a piece of its own.
        if x >= self.S.upper[a]:
            return 2
        if x <= self.S.lower[a]:
            return -2
        return (x > 0.0) - (x < 0.0)

    cdef inline bint _is_free(self, Py_ssize_t a) noexcept nogil:
        # Return whether u_a can move in both directions without leaving its smooth piece.
        cdef double x = self.us[a]
        return (self.S.lower[a] < x < self.S.upper[a]
                and (x != 0.0 or self.S.l1_strength * self.S.l1[a] == 0.0))

    cdef void _follow_support(self) noexcept nogil:
        # Update the factor until its members are the free slots.
        cdef Py_ssize_t a
        self._drop_bound()
        for a in range(self.m):
            while self.row_of[a] < 0 and self._is_free(a):
                if self._stops(self.F.k * self.F.k // 2):
                    return
                if factor_append(&self.F, &self.Q[a, 0],
                                 self.Q[a, a] + self.S.l2_strength * self.S.l2[a], a):
                    self.row_of[a] = 0
                elif self._exchange(a):
                    self._drop_bound()
                else:
                    break

    cdef void _drop_bound(self) noexcept nogil:
        # Remove members that are no longer free from the factor.
        cdef Py_ssize_t i, a
        for i in range(self.F.k - 1, -1, -1):
            a = self.F.order[i]
            if not self._is_free(a):
                if self._stops((self.F.k - i) * (self.F.k - i)):
                    return
                self.row_of[a] = -1
                factor_remove(&self.F, i)

    cdef bint _exchange(self, Py_ssize_t a) noexcept nogil:
        # Column a is linearly dependent on the members' columns, c_a = C_A x: along u_a + t,
        # u_A - t x the fit is constant and the penalty is linear.  Move in the direction in which
        # it decreases, until one coordinate reaches the end of its piece.  factor_append has left
        # L^-1 Q_Aa in the row after the last.
        cdef Py_ssize_t i, j, first = -1
        cdef double d, rate, t = INFINITY, room
        cdef double* x = &self.L[self.F.k, 0]
        factor_solve_upper(&self.F, x)
        rate = self._penalty_slope(a)
        for i in range(self.F.k):
            rate -= x[i] * self._penalty_slope(self.F.order[i])
        d = -1.0 if rate > 0.0 else 1.0
        t = (self._piece_end(a, d) - self.us[a]) / d
        for i in range(self.F.k):
            # smaller entries are rounding errors, which must not limit the step
            x[i] = -d * x[i] if fabs(x[i]) > 1e-9 else 0.0
            if x[i] != 0.0:
                j = self.F.order[i]
                room = (self._piece_end(j, x[i]) - self.us[j]) / x[i]
                if room < t:
                    t = room
                    first = i
        if t == INFINITY:
            return False
        for i in range(self.F.k):
            if x[i] != 0.0:
                j = self.F.order[i]
                self._move(j, self._piece_end(j, x[i]) if i == first else self.us[j] + t * x[i])
                self._stops(self.m)
        self._move(a, self._piece_end(a, d) if first < 0 else self.us[a] + t * d)
        return True

    cdef inline double _penalty_slope(self, Py_ssize_t a) noexcept nogil:
        # phi_a'(u_a) of a free slot
        cdef double x = self.us[a]
        return (self.S.l1_strength * self.S.l1[a] * ((x > 0.0) - (x < 0.0))
                + self.S.l2_strength * self.S.l2[a] * x)

    cdef void _newton_direction(self) noexcept nogil:
        # rhs = (Q_AA + diag(l2))^-1 (h - l1 sign(u) - l2 u)_A
        cdef Py_ssize_t i, a
        self._follow_support()
        self.n_newton = self.n_newton + 1
        for i in range(self.F.k):
            a = self.F.order[i]
            self.rhs[i] = self.hs[a] - self._penalty_slope(a)
        factor_solve(&self.F, &self.rhs[0])
        self._stops(self.F.k * self.F.k)

    cdef inline double _piece_end(self, Py_ssize_t a, double d) noexcept nogil:
        # The end, in direction d, of the smooth piece that holds u_a.
        cdef double x = self.us[a]
        if x * d < 0.0 and self.S.l1_strength * self.S.l1[a] > 0.0:
            return smaller(0.0, self.S.upper[a]) if d > 0.0 else larger(0.0, self.S.lower[a])
        return self.S.upper[a] if d > 0.0 else self.S.lower[a]

    cdef void _predict(self) noexcept nogil:
        # Newton step to the new alpha, each coordinate clipped to its smooth piece: the solution if
        # the support does not change, else a warm start for coordinate descent.
        cdef Py_ssize_t i, a
        cdef double d, end, new
        self._newton_direction()
        for i in range(self.F.k):
            a = self.F.order[i]
            d = self.rhs[i]
            if d != 0.0:
                end = self._piece_end(a, d)
                new = self.us[a] + d
                self._move(a, smaller(new, end) if d > 0.0 else larger(new, end))
                if self._stops(self.m):
                    return

    cdef bint _newton(self) noexcept nogil:
        # Newton step, shortened to where the first coordinate leaves its smooth piece, so that the
        # objective decreases; returns whether the full step was taken.
        cdef Py_ssize_t i, a, first = -1
        cdef double d, t = 1.0, room
        self._newton_direction()
        for i in range(self.F.k):
            d = self.rhs[i]
            if d != 0.0:
                a = self.F.order[i]
                room = (self._piece_end(a, d) - self.us[a]) / d
                if room < t:
                    t = room
                    first = i
        for i in range(self.F.k):
            d = t * self.rhs[i]
            if d != 0.0:
                a = self.F.order[i]
                self._move(a, self._piece_end(a, d) if i == first else self.us[a] + d)
                if self._stops(self.m):
                    return False
        return first < 0

    cdef int _solve_slots(self, double tol, Py_ssize_t max_iter) except -1:
        # Run epochs until the signs are stable, then a Newton step; repeat until the gap is at
        # rounding level or no longer decreases.
        cdef Py_ssize_t flips = 1
        cdef int n_vain = 0
        cdef double largest = INFINITY, gap = INFINITY, best = INFINITY
        with nogil:
            if self.F.k:
                self._predict()
            if self.m and not self.must_stop and self._is_exact(self._slot_gap()):
                return 0
        self._raise_signal()
        while self.m and self.n_epochs < max_iter:
            with nogil:
                largest = self._epoch(&flips)
                self.n_epochs = self.n_epochs + 1
                if flips == 0 and self._newton():
                    gap = self._slot_gap()
                    n_vain = 0 if gap < 0.5 * best else n_vain + 1
                    best = smaller(best, gap)
            self._raise_signal()
            if self._is_exact(gap) or (n_vain >= 3 and (gap <= tol or largest <= 1e-12)):
                break
        return 0

    cdef bint _is_exact(self, double gap) noexcept nogil:
        # With an L2 part the gap is quadratic in the error, so the KKT distance is checked too.
        cdef Py_ssize_t a
        if gap > EXACT:
            return False
        if self.S.l2_strength > 0.0:
            for a in range(self.m):
                if kkt_distance(&self.S, a, self.us[a], self.hs[a]) > STATIONARY:
                    return False
        return True

    cdef double _slot_gap(self) noexcept nogil:
        return duality_gap(&self.S, NULL, self.m, &self.us[0], &self.hs[0], self.loss)

    cdef void _loss_from_gram(self) noexcept nogil:
        # ||y - Cu||^2 = ||y||^2 - u'(q + h)
        cdef double fitted = 0.0
        cdef Py_ssize_t a
        for a in range(self.m):
            fitted += self.us[a] * (self.qs[a] + self.hs[a])
        self.loss = larger(self.target_sumsq - fitted, 0.0)

    # -- features without a slot ---------------------------------------------------------------

    cdef void _advance(self) noexcept nogil:
        # Copy the slots' coefficients to u and add to the odometer the distance that the residual
        # has moved, ||C d|| with d the change of the slots' coefficients; ||C d||^2 = d . Q d, and
        # Q d is the decrease of their slopes.
        cdef Py_ssize_t a
        cdef double d, way = 0.0, squared_way = 0.0
        for a in range(self.m):
            d = self.us[a] - self.synced[a]
            if d != 0.0:
                way += fabs(d)
                squared_way += d * (self.hs_synced[a] - self.hs[a])
                self.u[self.feature[a]] = self.synced[a] = self.us[a]
        if way > 0.0:
            self.hs_synced[:self.m] = self.hs[:self.m]
            self._loss_from_gram()
            self.B.odometer = (self.B.odometer + 1e-15
                               + sqrt(larger(squared_way, 0.0) + 1e-13 * way))

    cdef void _settle(self) noexcept nogil:
        # Update v; deferred until here, as v is not needed while screening excludes all features.
        cdef Py_ssize_t a
        cdef double d
        cdef bint moved = False
        for a in range(self.m):
            d = self.us[a] - self.settled[a]
            if d != 0.0:
                moved = True
                self._count_reading(&self.feature[a], 1)
                shift(self.X, self.feature[a], d, &self.v[0])
                self.settled[a] = self.us[a]
                if self._stops(column_cost(self.X, self.feature[a])):
                    return
        if moved:
            self.loss = residual_sumsq(self.X, &self.v[0])

    cdef void _certify(self) noexcept nogil:
        # Set the gap, from recomputed slopes.
        if self._trusts_gram():
            self._gradient_from_gram()
            self._loss_from_gram()
        else:
            self._settle()
            self._gradient_from_residual()
        self.hs_synced[:self.m] = self.hs[:self.m]
        self.gap = self._slot_gap()

    cdef bint _trusts_gram(self) noexcept nogil:
        # Return whether slopes are cheaper from the Gram columns than from X, and the rounding
        # error of Q u, which grows with |u|, is too small to affect the gap.
        cdef Py_ssize_t a, cost = 0
        cdef double size = 0.0
        if self.X.kind == GRAM:
            return True
        for a in range(self.m):
            if self.us[a] != 0.0:
                size += fabs(self.us[a])
                cost += column_cost(self.X, self.feature[a]) - self.m
        return cost >= 0 and size <= LARGEST_FOR_GRAM

    cdef void _gradient_from_residual(self) noexcept nogil:
        # Recompute h on the support.
        cdef Py_ssize_t a
        for a in range(self.m):
            if self.us[a] != 0.0:
                self._count_reading(&self.feature[a], 1)
                self.hs[a] = slope(self.X, self.feature[a], &self.v[0])
                if self._stops(column_cost(self.X, self.feature[a])):
                    return

    cdef void _gradient_from_gram(self) noexcept nogil:
        # Recompute h = q - Q u.
        cdef Py_ssize_t a
        for a in range(self.m):
            self.hs[a] = self.qs[a]
        for a in range(self.m):
            if self.us[a] != 0.0:
                axpy(self.m, self.us[a], &self.Q[a, 0], 0.0, NULL, &self.hs[0])
                if self._stops(self.m):
                    return

    cdef Py_ssize_t _find_open(self) noexcept nogil:
        # Write the features without a slot that no bound excludes to candidates; return the count.
        cdef double[LARGEST_BASIS] beta
        cdef double rest
        cdef Py_ssize_t count = screening_open(&self.B, &self.P, self.X.p, &self.candidates[0])
        if count == 0 or self.B.k == 0:
            return count
        rest = self._place_in_basis(beta)
        return screening_still_open(&self.B, &self.P, beta, rest, &self.candidates[0], count)

    cdef double _place_in_basis(self, double* beta) noexcept nogil:
        # Set beta_k = q_k . r = q_k . y - sum_j u_j (c_j . q_k), without a pass over r; return a
        # bound on ||rest||, ||rest||^2 = ||r||^2 - sum_k beta_k^2, where 1e-11 covers rounding.
        cdef Py_ssize_t a, k
        cdef double rest = self.loss, size = 0.0
        cdef const double* q_slopes
        for k in range(self.B.k):
            beta[k] = self.B.target_slopes[k]
        for a in range(self.m):
            if self.us[a] != 0.0:
                size += fabs(self.us[a])
                q_slopes = self.B.slopes + self.feature[a] * self.B.largest
                for k in range(self.B.k):
                    beta[k] -= self.us[a] * q_slopes[k]
        for k in range(self.B.k):
            rest -= beta[k] * beta[k]
        return sqrt(larger(rest, 0.0) + 1e-11 * (1.0 + size))

    cdef int _scan(self, Py_ssize_t n_open) except -1:
        # Compute the exact slopes of the candidates (found).  When the candidates are many, or many
        # entries were read for candidates since the last full scan, compute the slopes of all
        # features and extend the basis.
        cdef Py_ssize_t k, j
        cdef double before
        with nogil:
            self._settle()
        self._raise_signal()
        before = self.entries
        self._count_reading(&self.candidates[0], n_open)
        self.entries_of_candidates += self.entries - before
        if (n_open <= OPEN_PART * self.X.p
                and self.entries_of_candidates <= CANDIDATES_PART * self.entries_of_X):
            self.columns.slopes(self.v, self.found, self.candidates[:n_open], self.n_threads)
        else:
            self.columns.slopes(self.v, self.scanned, None, self.n_threads)
            self.entries = before + self.entries_of_X
            self.entries_of_candidates = 0.0
            for j in range(self.X.p):
                screening_know(&self.B, j, self.scanned[j])
            screening_skip(&self.B, &self.feature[0], self.m)
            for k in range(n_open):
                self.found[k] = self.scanned[self.candidates[k]]
            screening_extend(&self.B, self.X, &self.target[0], &self.v[0], &self.scanned[0])
        for k in range(n_open):
            screening_know(&self.B, self.candidates[k], self.found[k])
        return 0

    cdef Py_ssize_t _choose(self, Py_ssize_t n_open, double ahead, bint* violated) noexcept nogil:
        # Keep the candidates that violate optimality, and those that are expected to violate it at
        # the next alpha (the sequential strong rule, Tibshirani et al. 2012); return their number.
        cdef Py_ssize_t k, j, n = 0
        violated[0] = False
        for k in range(n_open):
            j = self.candidates[k]
            if may_move(&self.P, j, self.found[k] / ahead, self.found[k] / ahead):
                violated[0] = violated[0] or may_move(&self.P, j, self.found[k], self.found[k])
                self.candidates[n] = j
                self.found[n] = self.found[k]
                n += 1
        return n

    def _most_urgent(self, Py_ssize_t n_new):
        # Add at most as many slots at once as there are, or 100: after a large step in alpha many
        # features violate optimality, but no longer once the worst of them are in the model.
        new = np.asarray(self.candidates)[:n_new]
        room = max(100, self.m)
        if n_new <= room:
            return new
        urgency = np.abs(np.asarray(self.found)[:n_new]) / np.take(self.l1, new)
        return new[np.sort(np.argpartition(urgency, -room)[-room:])]

    # -- public methods ------------------------------------------------------------------------

    def solve_along(self, const double[:] alphas, double l1_ratio, double tol,
                    Py_ssize_t max_iter):
        """Call `solve` and `keep` for each alpha; only with a Gram matrix of all features, where
        every feature has a slot."""
        cdef Py_ssize_t k
        if self.X.kind != GRAM:
            raise TypeError("solve_along() wants a Gram matrix of all features")
        for k in range(alphas.shape[0]):
            check_signals()
            self.keep(self.solve(alphas[k] * l1_ratio, alphas[k] * (1.0 - l1_ratio), tol,
                                 max_iter))

    cpdef int solve(self, double l1_strength, double l2_strength, double tol,
                    Py_ssize_t max_iter) except -1:
        """Minimise, warm-started from the present state, until the gap is at rounding level.

        Returns a status: CONVERGED if gap <= tol, MAX_ITER, STALLED or NO_ROOM.  Sets `coef`,
        `gap` and `n_epochs`.
        """
        cdef Py_ssize_t n_open, n_new
        cdef bint violated = True
        cdef double ratio = min(l1_strength / self.last_strength, 1.0)  # 0 at first
        cdef double ahead = 2.0 * ratio - 1.0 if ratio > 0.8 else 1.0
        if not self._set_strengths(l1_strength, l2_strength):
            return NO_ROOM
        self.n_epochs = 0
        while True:
            self._solve_slots(tol, max_iter)
            with nogil:
                self._advance()
                n_open = self._find_open() if self.X.kind != GRAM else 0
            if n_open == 0:
                break
            self._scan(n_open)
            n_new = self._choose(n_open, ahead, &violated)
            if n_new and not self._add_slots(self._most_urgent(n_new)):
                return NO_ROOM
            if not violated:
                break
        self.last_strength = l1_strength
        with nogil:
            self._certify()
        self._raise_signal()
        if self.gap <= tol:
            return CONVERGED
        return MAX_ITER if self.n_epochs >= max_iter else STALLED

    def approach(self, double l1_strength, double l2_strength, Py_ssize_t max_iter):
        """Solve approximately, as an intermediate step to smaller strengths: minimise within the
        present slots, then give slots to the violating features, whose coefficients the next step
        computes.  Returns CONVERGED or NO_ROOM."""
        cdef bint violated
        cdef Py_ssize_t n_open, n_new
        if not self._set_strengths(l1_strength, l2_strength):
            return NO_ROOM
        self.n_epochs = 0
        self._solve_slots(EXACT, max_iter)
        with nogil:
            self._advance()
            n_open = self._find_open()
        self.last_strength = l1_strength
        if n_open:
            self._scan(n_open)
            n_new = self._choose(n_open, 1.0, &violated)
            if n_new and not self._add_slots(self._most_urgent(n_new)):
                return NO_ROOM
        return CONVERGED

    def know(self, const double[::1] slopes):
        """Store the slopes of all features at the residual of u = 0, the present coefficients."""
        cdef Py_ssize_t j
        with nogil:
            for j in range(self.X.p):
                self.scanned[j] = slopes[j]
                screening_know(&self.B, j, slopes[j])
            screening_skip(&self.B, &self.feature[0], self.m)
            screening_extend(&self.B, self.X, &self.target[0], &self.v[0], &self.scanned[0])

    def entry_strength(self, const double[::1] slopes):
        """Return the largest l1 strength at which a feature enters, from the slopes at u = 0."""
        cdef Py_ssize_t j
        cdef double largest = 0.0
        for j in range(self.X.p):
            if self.l1[j] > 0.0:
                largest = larger(largest, fabs(slopes[j]) / self.l1[j])
        return largest

    cdef bint _set_strengths(self, double l1_strength, double l2_strength) except -1:
        # Returns False if there is no room for the slots that are needed from the start.
        cdef bint another_diagonal = l2_strength != self.P.l2_strength
        cdef bint fresh = self.m == 0 or (l1_strength == 0.0) != (self.P.l1_strength == 0.0)
        self.P.l1_strength = self.S.l1_strength = l1_strength
        self.P.l2_strength = self.S.l2_strength = l2_strength
        if another_diagonal:
            self._reserve_factor()
            self._refactor()
        return self.X.kind == GRAM or not fresh or self._add_those_needed_at_once()

    def _add_those_needed_at_once(self):
        # Add slots for the features without L1 penalty and those that do not start at 0.
        cdef Py_ssize_t j, count = 0
        cdef double null
        for j in range(self.X.p):
            null = null_value(&self.P, j)
            if self.slot_of[j] < 0 and (
                    self.u[j] != null or null != 0.0
                    or (self.P.l1_strength * self.l1[j] == 0.0 and self.lower[j] < self.upper[j])):
                self.candidates[count] = j
                count += 1
        return self._add_slots(self.candidates[:count]) if count else True

    def _refactor(self):
        # Factorise for another l2.  A small factor, or one at which LAPACK fails, is emptied:
        # `_follow_support` rebuilds it by members, without linearly dependent columns.  Epochs
        # from the previous alpha's solution then replace the prediction, at no more cost.
        cdef Py_ssize_t i, k = self.F.k
        if k > FEWEST_FOR_LAPACK:
            members = np.asarray(self.order)[:k]
            matrix = np.asarray(self.Q)[np.ix_(members, members)]
            matrix.flat[::k + 1] += self.S.l2_strength * np.asarray(self.vectors)[1, members]
            with blas_threads_for(k), contextlib.suppress(np.linalg.LinAlgError):
                np.asarray(self.L)[:k, :k] = L = lower_factor(matrix)
                if all(is_independent(L[i, i] ** 2, matrix[i, i]) for i in range(k)):
                    return
        for i in range(k):
            self.row_of[self.order[i]] = -1
        self.F.k = 0

    def refresh(self):
        """Recompute the state from coefficients that a caller has written to `coef`."""
        cdef Py_ssize_t a
        if self.X.kind == GRAM:
            self.us[:self.m] = self.u
            self.synced[:self.m] = self.u
            self._gradient_from_gram()
            self._raise_signal()
            self._loss_from_gram()
            return
        self.v[:] = self.target
        self.columns.subtract_product(self.u, self.v, self.n_threads)
        self.known[:] = INFINITY    # no slope is known at the new residual
        screening_skip(&self.B, &self.feature[0], self.m)
        for a in range(self.m):
            self.us[a] = self.synced[a] = self.settled[a] = self.u[self.feature[a]]
        if self.m:
            self.columns.slopes(self.v, self.hs, self.feature[:self.m], self.n_threads)
            self.hs_synced[:] = self.hs
        self.loss = residual_sumsq(self.X, &self.v[0])

    @property
    def residual_sumsq(self):
        """||y - C u||_s^2"""
        return self.loss

    cpdef int keep(self, int status) except -1:
        """Append the present solution to those kept by earlier calls."""
        cdef Py_ssize_t a, k = self.n_kept_values
        if k + self.m > self.kept_features.shape[0]:
            self._make_room(2 * (k + self.m), self.kept_figures.shape[0])
        if self.n_kept == self.kept_figures.shape[0]:
            self._make_room(self.kept_features.shape[0], 2 * self.n_kept)
        for a in range(self.m):
            if self.us[a] != 0.0:
                self.kept_features[k] = self.feature[a]
                self.kept_values[k] = self.us[a]
                k += 1
        cdef double* figures = &self.kept_figures[self.n_kept, 0]
        figures[0] = k - self.n_kept_values
        figures[1] = self.gap
        figures[2] = self.loss
        figures[3] = self.n_epochs
        figures[4] = status
        self.n_kept_values = k
        self.n_kept += 1
        return 0

    def _make_room(self, Py_ssize_t n_values, Py_ssize_t n_fits):
        self.kept_features = np.resize(self.kept_features, n_values)
        self.kept_values = np.resize(self.kept_values, n_values)
        self.kept_figures = np.resize(self.kept_figures, (n_fits, 5))

    def kept(self):
        """Return (features, coefficients, figures) of all calls of `keep`, concatenated.

        figures has a row for each fit: nonzeros, gap, ||y - C u||_s^2, epochs, status.  All are
        copies, as later calls of `keep` write to the arrays and the caller may sort them.
        """
        return (np.array(self.kept_features[:self.n_kept_values]),
                np.array(self.kept_values[:self.n_kept_values]),
                np.array(self.kept_figures[:self.n_kept]))

    def count_nonzero(self):
        """Return the number of nonzero coefficients."""
        cdef Py_ssize_t a, count = 0
        for a in range(self.m):
            count += self.us[a] != 0.0
        return count

    @property
    def n_reads(self):
        """Number of passes over X: entries read, divided by the entries of X."""
        return self.entries / self.entries_of_X if self.entries_of_X else 0.0

    @property
    def n_slots(self):
        """Number of slots (features whose Gram columns are kept)."""
        return self.m
