"""Multi-task path engine: the algorithm of _engine.pyx for rows of coefficients.

    minimise  1/2 ||Y - C U||_s^2 + sum_j [ l1_j ||u_j||_2 + l2_j / 2 ||u_j||_2^2 ]

u_j is the row of feature j, one coefficient per task (docs/mathematics.md, section 12).  All arrays
are stored task by task: U and the slopes are (n_tasks, n_features), residuals have one row per
task.  `RowEngine` is Engine of _engine.pyx for rows: slots with their Gram columns, coordinate
descent and Newton steps within the slots, and screening of the other features.  `RowDescent` needs
no Gram columns.
"""

cimport cython
from cython.parallel cimport prange
from libc.math cimport INFINITY, sqrt

from matrix cimport (
    GRAM, column_cost, matrix_of, matrix_t, residual_dot, residual_sumsq, shift, slope,
    slopes_of_block,
)
from openmp cimport threads_for
from penalty cimport dual_point_t, larger, may_move, penalty_t, prox, smaller
from rows cimport (
    largest_distance, row_distance, row_norm, rows_gap, rows_gap_near, rows_t,
)
from screening cimport LARGEST_BASIS, screening_open, screening_skip, screening_t
from signals cimport check_signals
from vector cimport axpy

import numpy as np

from softreg_fast.solvers.factor import solver_of
from softreg_fast.solvers.row_newton import NewtonSteps, Rows, blas_threads_of_steps, lengths

CONVERGED, MAX_ITER, STALLED, NO_ROOM = 0, 1, 2, 3

# The engine iterates down to this gap and to this distance of the slopes from the subdifferential
# of the penalty (rounding level) even if `tol` is larger.  The gap alone would not suffice: it is
# quadratic in the error orthogonal to a row.
cdef double EXACT = 1e-13
cdef double STATIONARY = 1e-12

# Compute and store the slopes of all features when screening leaves more than OPEN_PART of them as
# candidates, or when CANDIDATES_PART of X has been read for candidates since the last full scan.
cdef double OPEN_PART = 0.2
cdef double CANDIDATES_PART = 0.5

# Largest sum of |u| up to which the gap is computed from the Gram matrix: there its rounding error
# is some 1e-14.
cdef double LARGEST_FOR_GRAM = 10.0

# A row whose penalty has more than this times the curvature of the loss is left to coordinate
# descent: so near the kink at 0 a second-order model is useless.
cdef double LARGEST_CURVATURE = 1e6

# Epochs after which a Newton step is made even if the support still changes.  CHEAP_EPOCHS epochs
# with fewer than CHEAP multiplications in all cost less than the call of a Newton step.
cdef Py_ssize_t EPOCHS_PER_NEWTON = 10
cdef Py_ssize_t CHEAP_EPOCHS = 30
cdef Py_ssize_t CHEAP = 50_000

# Up to this many rows a factorisation costs no more than the rest of a step.
cdef Py_ssize_t FEW_ROWS = 40

# Maximum number of epochs of `approach`, which need not be exact.
cdef Py_ssize_t EPOCHS_PER_APPROACH = 100

# If more than this fraction of the distance is left after a step, the next one factorises again.
cdef double SLOW = 0.1

# Number of rounds (epochs and a Newton step) without progress before giving up while the support
# changes; three rounds when it does not.
cdef Py_ssize_t MOST_IN_VAIN = 60

# Entries that are read, or multiplied, between two checks for pending signals.
cdef Py_ssize_t ENTRIES_PER_SIGNAL_CHECK = 40_000_000

# Squared move of an epoch of plain descent that counts as rounding error, and the gap below which
# it gives up after MOST_IN_VAIN rounds without progress.  Both in units of ||Y||^2.
cdef double ROUNDING = 1e-31
cdef double ROUNDING_GAP = 1e-10

# Epochs of plain descent between two evaluations of the gap, and the number of last iterates used
# for extrapolation.
cdef Py_ssize_t EPOCHS_PER_GAP = 10
cdef Py_ssize_t EXTRAPOLATED = 5

# Maximum number of unpenalised features solved for jointly.
cdef Py_ssize_t LARGEST_BLOCK = 2_000


cdef int slopes_of_tasks(const matrix_t* X, const double[:, ::1] V, const Py_ssize_t* chosen,
                         Py_ssize_t count, double[:, ::1] out, Py_ssize_t first,
                         int n_threads) except -1:
    # out[t, first + k] = c_j . V[t] with j = chosen[k] (NULL: all), in parallel over features: a
    # column is read from memory once for all tasks, as it stays in cache after the first.
    cdef Py_ssize_t n_tasks = V.shape[0], k, t, block, portion, start, stop = 0
    cdef double cost = 0.0
    for k in range(count):
        cost += column_cost(X, k if chosen == NULL else chosen[k])
    cost *= n_tasks
    n_threads = threads_for(cost, n_threads)
    portion = 4 * max(<Py_ssize_t> (ENTRIES_PER_SIGNAL_CHECK / (cost / max(count, 1) + 1.0) / 4), 1)
    while stop < count:
        start = stop
        stop = min(start + portion, count)
        for block in prange((stop - start + 3) // 4, num_threads=n_threads, schedule="dynamic",
                            chunksize=max((stop - start) // (64 * n_threads), 1), nogil=True):
            for t in range(n_tasks):
                slopes_of_block(X, &V[t, 0], chosen, start + 4 * block,
                                min(start + 4 * block + 4, stop),
                                &out[t, first + start + 4 * block])
        check_signals()
    return 0


cdef double sumsq_of_tasks(const matrix_t* X, const double[:, ::1] V) noexcept nogil:
    # ||R||_s^2 of the residuals whose weighted form is V
    cdef double total = 0.0
    cdef Py_ssize_t t
    for t in range(V.shape[0]):
        total += residual_sumsq(X, &V[t, 0])
    return total


cdef inline double row_prox(const penalty_t* P, Py_ssize_t j, double* b, Py_ssize_t n_tasks,
                            double c) noexcept nogil:
    # b <- argmin_u  c/2 ||u||^2 - b.u + phi_j(u);  returns its norm
    cdef double norm = row_norm(b, 1, n_tasks), new = prox(P, j, norm, c)
    cdef double f = new / norm if new != 0.0 else 0.0
    cdef Py_ssize_t t
    for t in range(n_tasks):
        b[t] *= f
    return new


def slopes_of_rows(columns, const double[:, ::1] V, double[:, ::1] out, int n_threads=1):
    """Compute out[t, j] = c_j . V[t] for weighted residuals V (n_tasks, n_samples + 1)."""
    cdef const matrix_t* X = matrix_of(columns)
    if V.shape[1] != X.n + (X.kind != GRAM) or out.shape[0] != V.shape[0] or out.shape[1] != X.p:
        raise ValueError("V and out must have one row per task and fit the columns")
    slopes_of_tasks(X, V, NULL, X.p, out, 0, n_threads)


cdef class _RowsOf:
    # Rows of coefficients with their slopes and penalty; owns the arrays that P and R point to.
    cdef const double[:, ::1] u, z
    cdef const double[::1] l1, l2, lower, upper
    cdef penalty_t P
    cdef rows_t R

    def __init__(self, penalty, u, z):
        self.u, self.z = u, z
        self.l1, self.l2, self.lower, self.upper = penalty
        if u.shape != z.shape or not u.size or any(len(a) != u.shape[1] for a in penalty):
            raise ValueError("u, z and penalty must have one column per feature")
        self.P.l1_strength = self.P.l2_strength = 1.0
        self.P.slack = 0.0
        self.P.l1, self.P.l2 = &self.l1[0], &self.l2[0]
        self.P.lower, self.P.upper = &self.lower[0], &self.upper[0]
        self.R.n_tasks, self.R.stride, self.R.m = u.shape[0], u.shape[1], u.shape[1]
        self.R.u, self.R.z = &self.u[0, 0], &self.z[0, 0]


def gap_at_dual_point(penalty, u, z, point):
    """Evaluate `_cd.gap_at_dual_point` for rows of coefficients: u, z (n_tasks, n_features)."""
    cdef _RowsOf rows = _RowsOf(penalty, u, z)
    cdef dual_point_t D
    D.away, D.along, D.square = point
    return rows_gap_near(&rows.P, &rows.R, &D)


def distances(penalty, u, z):
    """Evaluate `_cd.distances` for rows of coefficients: u, z (n_tasks, n_features)."""
    cdef _RowsOf rows = _RowsOf(penalty, u, z)
    cdef double[::1] out = np.empty(rows.R.m)
    cdef Py_ssize_t a
    for a in range(rows.R.m):
        out[a] = row_distance(&rows.P, &rows.R, a)
    return np.asarray(out)


@cython.final
cdef class RowEngine:
    """Exact solver for a whole path; slots, factors and bounds are kept between calls.

    Parameters
    ----------
    columns : Columns
    target : (n_tasks, n_samples + 1) weighted residuals of U = 0; with Gram columns
        (n_tasks, n_features) Y'X
    target_sumsq : ||Y||_s^2
    penalty : (l1, l2, lower, upper), each (n_features,) float64 in the engine's units; the box is
        the whole line, or [0, 0] for a feature that is excluded
    most_slots : int
        Maximum number of slots; when more are needed `solve` returns NO_ROOM and leaves the
        coefficients reached so far.
    """

    cdef const matrix_t* X
    cdef penalty_t P                    # by feature
    cdef penalty_t S                    # by slot
    cdef object columns
    cdef const double[:, ::1] target
    cdef const double[::1] l1, l2, lower, upper
    cdef double[:, ::1] u, v            # by feature; the weighted residuals
    cdef double target_sumsq, last_strength
    cdef int n_threads
    cdef Py_ssize_t n_tasks
    # slots
    cdef Py_ssize_t m, capacity, most_slots
    cdef Py_ssize_t[::1] feature, slot_of
    cdef const double[:, ::1] Q
    cdef double[:, ::1] own_Q, vectors
    cdef object by_slot                 # storage of the next six
    cdef double[:, ::1] us, hs          # coefficients, slopes
    cdef double[:, ::1] qs              # slopes at U = 0
    cdef double[:, ::1] synced, hs_synced   # us and hs at the last odometer update
    cdef double[:, ::1] settled         # coefficients whose residuals are v
    cdef double[::1] row                # one number for each task
    cdef double loss                    # ||Y - C U||^2
    # screening
    cdef screening_t B
    cdef double[::1] known
    cdef double[:, ::1] scanned, found  # slopes of all features, and of the candidates
    cdef double[::1] sizes              # their norms
    cdef Py_ssize_t[::1] candidates
    cdef double[:, ::1] basis, basis_slopes
    cdef double[::1] target_slopes
    # results
    cdef object newton
    cdef list fits
    cdef readonly object coef
    cdef readonly double gap
    cdef readonly Py_ssize_t n_epochs, n_newton
    cdef double distance                # of the slopes from the subdifferential
    cdef double entries, entries_of_X   # read so far; in all of X
    cdef double entries_of_candidates   # read for candidates since the last full scan

    def __init__(self, columns, target, double target_sumsq, penalty, int n_threads=1,
                 Py_ssize_t most_slots=4_000):
        cdef Py_ssize_t p, j
        self.X = matrix_of(columns)
        p = self.X.p
        self.columns = columns
        self.target = target
        self.n_tasks = self.target.shape[0]
        self.target_sumsq = target_sumsq
        self.n_threads = n_threads
        self.most_slots = most_slots
        self.last_strength = INFINITY
        self.l1, self.l2, self.lower, self.upper = penalty
        if any(len(a) != p for a in penalty):
            raise ValueError("penalty must have one entry per feature")
        if self.target.shape[1] != self.X.n + (self.X.kind != GRAM) or not self.n_tasks:
            raise ValueError("the targets do not fit the columns")
        self.P.l1, self.P.l2 = &self.l1[0], &self.l2[0]
        self.P.lower, self.P.upper = &self.lower[0], &self.upper[0]
        self.P.slack = self.S.slack = 1e-12
        self.fits = []
        self.newton = NewtonSteps()
        self.row = np.empty(self.n_tasks)
        self.coef = self.u = np.zeros((self.n_tasks, p))
        self.slot_of = np.full(p, -1)
        self.candidates = np.empty(p, np.intp)
        self.v = np.array(target)
        for j in range(p):
            self.entries_of_X += column_cost(self.X, j)
        if self.X.kind == GRAM:
            self._reserve(p)
            self.Q = columns.entries
            self.qs[:] = self.target
            self._take_slots(np.arange(p, dtype=np.intp))
            self.refresh()
            return
        # Keep the bounds cheap compared with the scan that they save.
        self.B.largest = min(max(<Py_ssize_t> (self.entries_of_X / (4 * p)), 1), LARGEST_BASIS)
        self.scanned, self.found = np.empty((2, self.n_tasks, p))
        self.sizes = np.empty(p)
        self.known = np.full(p, INFINITY)
        self.basis = np.empty((self.B.largest, self.n_tasks * (self.X.n + 1)))
        self.basis_slopes = np.empty((p, self.B.largest * self.n_tasks))
        self.target_slopes = np.empty(self.B.largest)
        self.B.known = &self.known[0]
        self.loss = sumsq_of_tasks(self.X, self.v)
        self._reserve(max(min(p, 64, most_slots), 1))

    # -- slots ---------------------------------------------------------------------------------

    def _reserve(self, Py_ssize_t capacity):
        # Make room for `capacity` slots, keeping the present ones.
        cdef Py_ssize_t m = self.m
        by_slot = np.zeros((6, self.n_tasks, capacity))
        vectors, feature = np.zeros((4, capacity)), np.zeros(capacity, np.intp)
        if m:
            by_slot[:, :, :m] = self.by_slot[:, :, :m]
            vectors[:, :m] = np.asarray(self.vectors)[:, :m]
            feature[:m] = np.asarray(self.feature)[:m]
        if self.X.kind != GRAM:
            Q = np.zeros((capacity, capacity))
            if m:
                Q[:m, :m] = np.asarray(self.own_Q)[:m, :m]
            self.Q = self.own_Q = Q
        self.by_slot = by_slot
        self.us, self.hs, self.qs, self.synced, self.hs_synced, self.settled = by_slot
        self.vectors, self.feature, self.capacity = vectors, feature, capacity
        self.S.l1, self.S.l2 = &self.vectors[0, 0], &self.vectors[1, 0]
        self.S.lower, self.S.upper = &self.vectors[2, 0], &self.vectors[3, 0]

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
            for t in range(self.n_tasks):
                self.us[t, m + a] = self.synced[t, m + a] = self.settled[t, m + a] = self.u[t, j]
        self.m = m + new.shape[0]
        if self.X.kind != GRAM and new.shape[0]:
            screening_skip(&self.B, &new[0], new.shape[0])

    def _add_slots(self, const Py_ssize_t[::1] new):
        # Give the features slots, computing their slopes and Gram columns; return False if that
        # would exceed most_slots.
        cdef Py_ssize_t count = new.shape[0], m = self.m, stop = m + count
        if stop > self.most_slots:
            return False
        self._settle()
        if stop > self.capacity:
            self._reserve(min(max(2 * self.capacity, stop), self.X.p, self.most_slots))
        self._take_slots(new)
        slopes_of_tasks(self.X, self.v, &new[0], count, self.hs, m, self.n_threads)
        self._count_reading(&new[0], count)
        self._count_reading(&self.feature[0], stop)
        rows = np.empty((count, stop), order="F")
        self.columns.gram_block(new, self.feature[:stop], rows, self.n_threads)
        Q, hs, us = np.asarray(self.own_Q), np.asarray(self.hs), np.asarray(self.us)
        Q[m:stop, :stop] = rows
        Q[:m, m:stop] = rows[:, :m].T
        np.asarray(self.hs_synced)[:, m:stop] = hs[:, m:stop]
        np.asarray(self.qs)[:, m:stop] = hs[:, m:stop] + us[:, :stop] @ rows.T
        return True

    cdef void _count_reading(self, const Py_ssize_t* chosen, Py_ssize_t count) noexcept:
        cdef Py_ssize_t k
        for k in range(count):
            self.entries += column_cost(self.X, chosen[k])

    # -- the problem restricted to the slots ---------------------------------------------------

    cdef Py_ssize_t _descend(self, Py_ssize_t start, Py_ssize_t stop,
                             double* largest) noexcept nogil:
        # Block coordinate descent on slots start .. stop; returns how many rows became zero or
        # nonzero.
        cdef Py_ssize_t a, t, flips = 0
        cdef double q, norm, d
        cdef bint was
        for a in range(start, stop):
            q = self.Q[a, a]
            if q + self.S.l2_strength * self.S.l2[a] == 0.0:
                continue
            was = False
            for t in range(self.n_tasks):
                was = was or self.us[t, a] != 0.0
                self.row[t] = self.hs[t, a] + q * self.us[t, a]
            norm = row_prox(&self.S, a, &self.row[0], self.n_tasks, q)
            flips += (norm != 0.0) != was
            if norm == 0.0 and not was:
                continue
            for t in range(self.n_tasks):
                d = self.row[t] - self.us[t, a]
                if d != 0.0:
                    axpy(self.m, d, &self.Q[a, 0], 0.0, NULL, &self.hs[t, 0])
                    self.us[t, a] = self.row[t]
                    largest[0] = larger(largest[0], d if d > 0.0 else -d)
        return flips

    cdef Py_ssize_t _epoch(self, double* largest) except -1:
        cdef Py_ssize_t start, stop = 0, flips = 0
        cdef Py_ssize_t portion = max(ENTRIES_PER_SIGNAL_CHECK // (self.m * self.n_tasks), 1)
        largest[0] = 0.0
        while stop < self.m:
            start = stop
            stop = min(start + portion, self.m)
            with nogil:
                flips += self._descend(start, stop, largest)
            check_signals()
        self.n_epochs += 1
        return flips

    cdef rows_t _rows(self) noexcept nogil:
        cdef rows_t R
        R.n_tasks, R.stride, R.m = self.n_tasks, self.capacity, self.m
        R.u, R.z = &self.us[0, 0], &self.hs[0, 0]
        return R

    def _newton(self, bint fresh):
        # Newton step on the nonzero rows and on those without L1 penalty.
        cdef Py_ssize_t m = self.m
        U, H = np.asarray(self.us)[:, :m], np.asarray(self.hs)[:, :m]
        l1, l2, _, upper = np.asarray(self.vectors)[:, :m]
        l1 = self.S.l1_strength * l1
        A = np.flatnonzero(np.where(l1 > 0.0, LARGEST_CURVATURE * lengths(U) > l1, upper > 0.0))
        if A.size:
            self.n_newton += 1
            at = Rows(U[:, A], H[:, A], l1[A], self.S.l2_strength * l2[A])
            fresh = fresh or A.size <= FEW_ROWS
            U[:, A], way = self.newton.step(np.asarray(self.Q)[A, :m], A, at, fresh)
            H -= way
            check_signals()

    cdef bint _has_cheap_epochs(self) noexcept nogil:
        return CHEAP_EPOCHS * self.m * self.m * self.n_tasks < CHEAP

    cdef bint _epochs(self, Py_ssize_t max_iter, double* largest) except -1:
        # Run epochs until the support is stable, the limit is reached (EPOCHS_PER_NEWTON, or
        # CHEAP_EPOCHS) or nothing moves; cheap ones also on a stable support.  Returns whether the
        # support changed.
        cdef Py_ssize_t flips, count = 0, cost = self.m * self.m * self.n_tasks
        cdef Py_ssize_t most = CHEAP_EPOCHS if self._has_cheap_epochs() else EPOCHS_PER_NEWTON
        cdef bint changes = False
        while self.n_epochs < max_iter:
            flips = self._epoch(largest)
            changes = changes or flips
            count += 1
            if largest[0] <= 1e-14 or count == most or not flips and count * cost >= CHEAP:
                break
        return changes

    def _solve_slots(self, double tol, Py_ssize_t max_iter):
        if self.m:      # setting the BLAS threads once is cheaper than in every step
            with blas_threads_of_steps(self.m, self.n_tasks):
                self._iterate(tol, max_iter)

    def _iterate(self, double tol, Py_ssize_t max_iter):
        # Alternate epochs and Newton steps until the gap is at rounding level or no longer
        # decreases.
        cdef Py_ssize_t n_before, n_vain = 0
        cdef double last = INFINITY, largest = INFINITY, best = INFINITY
        cdef bint changes
        if not self._has_cheap_epochs():
            self._newton(False)     # on an unchanged support the first step towards another alpha
        while not self._is_exact() and self.n_epochs < max_iter:
            changes = self._epochs(max_iter, &largest)
            if self._is_exact():
                return
            n_before = self.count_nonzero()
            self._newton(self.distance > SLOW * last)
            last = self.distance
            changes = changes or self.count_nonzero() != n_before
            if self._is_exact():
                return
            if self.distance < 0.5 * best:
                n_vain = 0
            else:       # while the support changes, progress is still likely
                n_vain += 1 if changes else MOST_IN_VAIN // 3
            best = smaller(best, self.distance)
            if n_vain >= MOST_IN_VAIN and (self.gap <= tol or largest <= 1e-12):
                return

    cdef bint _is_exact(self) noexcept nogil:
        # Set gap and KKT distance of the slots; return whether both are at rounding level.
        cdef rows_t R = self._rows()
        self.gap = rows_gap(&self.S, &R, self.loss)
        self.distance = largest_distance(&self.S, &R)
        return self.gap <= EXACT and self.distance <= STATIONARY

    cdef void _loss_from_gram(self) noexcept nogil:
        # ||Y - CU||^2 = ||Y||^2 - sum_t u_t.(q_t + h_t)
        cdef double fitted = 0.0
        cdef Py_ssize_t a, t
        for t in range(self.n_tasks):
            for a in range(self.m):
                fitted += self.us[t, a] * (self.qs[t, a] + self.hs[t, a])
        self.loss = larger(self.target_sumsq - fitted, 0.0)

    # -- features without a slot ---------------------------------------------------------------

    def _advance(self):
        # Copy the slots' coefficients to U and add to the odometer the distance that the residuals
        # have moved, ||C D||_F with D the change of the slots' coefficients; ||C D||_F^2 =
        # <D, Q D>, and Q D is the decrease of their slopes.
        m = self.m
        us, hs = np.asarray(self.us)[:, :m], np.asarray(self.hs)[:, :m]
        if self.X.kind == GRAM:     # every feature has a slot
            self.coef[:] = us
            return
        synced = np.asarray(self.synced)[:, :m]
        D = us - synced
        way = float(np.abs(D).sum())
        if way == 0.0:
            return
        squared_way = float((D * (np.asarray(self.hs_synced)[:, :m] - hs)).sum())
        self.coef[:, np.asarray(self.feature)[:m]] = us
        synced[:] = us
        np.asarray(self.hs_synced)[:, :m] = hs
        self._loss_from_gram()
        self.B.odometer += 1e-15 + sqrt(max(squared_way, 0.0) + 1e-13 * way)

    cdef int _settle(self) except -1:
        # Update v, each task by one thread; deferred until here, as v is not needed while screening
        # excludes all features.
        cdef Py_ssize_t a, t, cost, start, stop = 0
        cdef int n_threads
        us, settled = np.asarray(self.us)[:, :self.m], np.asarray(self.settled)[:, :self.m]
        cdef const Py_ssize_t[::1] moved = np.flatnonzero((us != settled).any(axis=0))
        while stop < moved.shape[0]:
            start = stop
            cost = 0
            while stop < moved.shape[0] and cost < ENTRIES_PER_SIGNAL_CHECK:
                cost += self.n_tasks * column_cost(self.X, self.feature[moved[stop]])
                stop += 1
            self.entries += cost / self.n_tasks
            n_threads = threads_for(cost, self.n_threads)
            for t in prange(self.n_tasks, num_threads=n_threads, schedule="static", nogil=True):
                for a in range(start, stop):
                    shift(self.X, self.feature[moved[a]],
                          self.us[t, moved[a]] - self.settled[t, moved[a]], &self.v[t, 0])
            check_signals()
        if moved.shape[0]:
            settled[:] = us
            self.loss = sumsq_of_tasks(self.X, self.v)
        return 0

    def _certify(self):
        # Set the gap, from recomputed slopes.
        m = self.m
        if self._trusts_gram():
            self._slopes_from_gram()
        else:
            self._settle()
            self._slopes_from_residual()
        np.asarray(self.hs_synced)[:, :m] = np.asarray(self.hs)[:, :m]
        self._is_exact()

    def _trusts_gram(self):
        # Return whether slopes are cheaper from the Gram columns than from X, and the rounding
        # error of Q U, which grows with |U|, is too small to affect the gap.
        cdef Py_ssize_t a, cost = 0
        if self.X.kind == GRAM:
            return True
        us = np.asarray(self.us)[:, :self.m]
        support = np.flatnonzero(us.any(axis=0))
        for a in support:
            cost += column_cost(self.X, self.feature[a]) - self.m
        return cost >= 0 and np.abs(us).sum() <= LARGEST_FOR_GRAM

    def _slopes_from_gram(self):
        # Recompute h = q - Q u.
        m = self.m
        us = np.asarray(self.us)[:, :m]
        support = np.flatnonzero(us.any(axis=0))
        with blas_threads_of_steps(m, self.n_tasks):
            H = np.asarray(self.qs)[:, :m] - us[:, support] @ np.asarray(self.Q)[support, :m]
        np.asarray(self.hs)[:, :m] = H
        self._loss_from_gram()

    def _slopes_from_residual(self):
        # Recompute h on the support.
        us = np.asarray(self.us)[:, :self.m]
        cdef const Py_ssize_t[::1] support = np.flatnonzero(us.any(axis=0))
        cdef const Py_ssize_t[::1] features
        if not support.shape[0]:
            return
        features = np.asarray(self.feature)[np.asarray(support)]
        cdef double[:, ::1] fresh = np.empty((self.n_tasks, support.shape[0]))
        slopes_of_tasks(self.X, self.v, &features[0], features.shape[0], fresh, 0, self.n_threads)
        self._count_reading(&features[0], features.shape[0])
        np.asarray(self.hs)[:, np.asarray(support)] = fresh

    cdef Py_ssize_t _find_open(self) except -1:
        # Write the features without a slot that no bound excludes to candidates; return the count.
        # The bounds are
        #     ||c_j'R|| <= ||c_j'R_ref|| + (length of the path from R_ref to R),
        # and where that fails, with R = sum_k beta_k Q_k + rest and the Q_k orthonormal,
        #     ||c_j'R - sum_k beta_k c_j'Q_k|| <= ||rest||_F.
        cdef double[LARGEST_BASIS] beta
        cdef double rest
        cdef Py_ssize_t count, kept = 0, start, stop = 0
        count = screening_open(&self.B, &self.P, self.X.p, &self.candidates[0])
        if self.B.k == 0:
            return count
        rest = self._place_in_basis(beta)
        while stop < count:
            start = stop
            stop = min(start + ENTRIES_PER_SIGNAL_CHECK // (self.B.k * self.n_tasks), count)
            with nogil:
                kept = self._still_open(beta, rest, start, stop, kept)
            check_signals()
        return kept

    cdef Py_ssize_t _still_open(self, const double* beta, double rest, Py_ssize_t start,
                                Py_ssize_t stop, Py_ssize_t kept) noexcept nogil:
        cdef Py_ssize_t i, j, k, t
        cdef double middle, bound
        for i in range(start, stop):
            j = self.candidates[i]
            bound = 0.0
            for t in range(self.n_tasks):
                middle = 0.0
                for k in range(self.B.k):
                    middle = middle + beta[k] * self.basis_slopes[j, k * self.n_tasks + t]
                bound = bound + middle * middle
            bound = sqrt(bound) + rest
            self.known[j] = smaller(self.known[j], bound - self.B.odometer)
            if may_move(&self.P, j, -bound, bound):
                self.candidates[kept] = j
                kept += 1
        return kept

    cdef double _place_in_basis(self, double* beta):
        # Set beta_k = <Q_k, R> = <Q_k, Y> - sum_j u_j.(c_j'Q_k); return a bound on ||rest||_F,
        # ||rest||^2 = ||R||^2 - sum_k beta_k^2, where 1e-11 covers rounding.
        cdef double rest = self.loss
        cdef Py_ssize_t k
        us = np.asarray(self.us)[:, :self.m]
        support = np.flatnonzero(us.any(axis=0))
        W = us[:, support].T
        found = np.asarray(self.basis_slopes)[np.asarray(self.feature)[support]]
        for k in range(self.B.k):
            part = found[:, k * self.n_tasks:(k + 1) * self.n_tasks]
            beta[k] = self.target_slopes[k] - float((W * part).sum())
            rest -= beta[k] * beta[k]
        return sqrt(larger(rest, 0.0) + 1e-11 * (1.0 + float(np.abs(W).sum())))

    cdef int _scan(self, Py_ssize_t n_open) except -1:
        # Compute the exact slopes of the candidates (found) and their norms (sizes).  When the
        # candidates are many, or many entries were read for candidates since the last full scan,
        # compute the slopes of all features and extend the basis.
        cdef double before
        self._settle()
        chosen = np.asarray(self.candidates)[:n_open]
        found = np.asarray(self.found)[:, :n_open]
        before = self.entries
        self._count_reading(&self.candidates[0], n_open)
        self.entries_of_candidates += self.entries - before
        if (n_open <= OPEN_PART * self.X.p
                and self.entries_of_candidates <= CANDIDATES_PART * self.entries_of_X):
            slopes_of_tasks(self.X, self.v, &self.candidates[0], n_open, self.found, 0,
                            self.n_threads)
        else:
            slopes_of_tasks(self.X, self.v, NULL, self.X.p, self.scanned, 0, self.n_threads)
            self.entries = before + self.entries_of_X
            self.entries_of_candidates = 0.0
            found[:] = np.asarray(self.scanned)[:, chosen]
            self._know_all()
        sizes = lengths(found)
        np.asarray(self.sizes)[:n_open] = sizes
        np.asarray(self.known)[chosen] = sizes - self.B.odometer
        return 0

    def _know_all(self):
        # Make the residuals of v, whose slopes are in `scanned`, the new reference, and add them to
        # the basis, orthonormalised by Gram-Schmidt (twice is enough).
        cdef Py_ssize_t k
        cdef double beta, norm
        cdef double[::1] q
        Z = np.asarray(self.scanned)
        np.asarray(self.known)[:] = lengths(Z) - self.B.odometer
        screening_skip(&self.B, &self.feature[0], self.m)
        if self.B.k == self.B.largest:
            self.B.k = 0
        q = self.basis[self.B.k]
        np.asarray(q)[:] = np.ravel(self.v)
        slopes = np.asarray(self.basis_slopes).reshape(self.X.p, -1, self.n_tasks)
        for _ in range(2):
            for k in range(self.B.k):
                beta = self._product(&q[0], &self.basis[k, 0])
                np.asarray(q)[:] -= beta * np.asarray(self.basis[k])
                Z -= beta * slopes[:, k].T
        norm = sqrt(self._product(&q[0], &q[0]))
        if norm <= 1e-4:        # in the span of the basis; dividing would magnify rounding errors
            return
        np.asarray(q)[:] /= norm
        slopes[:, self.B.k] = Z.T / norm
        self.target_slopes[self.B.k] = self._product(&self.target[0, 0], &q[0])
        self.B.k += 1

    cdef double _product(self, const double* a, const double* b) noexcept nogil:
        # sum_t sum_i s_i a_ti b_ti of the residuals with these weighted forms (laid out as v)
        cdef double total = 0.0
        cdef Py_ssize_t t, length = self.X.n + 1
        for t in range(self.n_tasks):
            total += residual_dot(self.X, a + t * length, b + t * length)
        return total

    def _choose(self, Py_ssize_t n_open, double ahead):
        # Return (chosen, violated): the candidates that violate optimality or are expected to at
        # the next alpha (the sequential strong rule, Tibshirani et al. 2012), and whether any
        # violates it now.  At most as many at once as there are slots, or 100: after a large step
        # in alpha many features violate optimality, but no longer once the worst have entered.
        candidates, sizes = np.asarray(self.candidates)[:n_open], np.asarray(self.sizes)[:n_open]
        limit = self.P.l1_strength * np.take(self.l1, candidates)
        violated = bool((sizes > limit).any())
        kept = np.flatnonzero(sizes > limit * ahead)
        room = max(100, self.m)
        if kept.size > room:
            with np.errstate(divide="ignore"):
                urgency = sizes[kept] / limit[kept]
            kept = kept[np.sort(np.argpartition(urgency, -room)[-room:])]
        return candidates[kept], violated

    # -- public methods ------------------------------------------------------------------------

    def solve(self, double l1_strength, double l2_strength, double tol, Py_ssize_t max_iter):
        """Minimise, warm-started from the present state, until the gap is at rounding level.

        Returns a status: CONVERGED if gap <= tol, MAX_ITER, STALLED or NO_ROOM.  Sets `coef`,
        `gap` and `n_epochs`.
        """
        cdef Py_ssize_t n_open
        cdef double ratio = min(l1_strength / self.last_strength, 1.0)  # 0 at first
        cdef double ahead = 2.0 * ratio - 1.0 if ratio > 0.8 else 1.0
        if not self._set_strengths(l1_strength, l2_strength):
            return NO_ROOM
        self.n_epochs = 0
        while True:
            self._solve_slots(tol, max_iter)
            self._advance()
            n_open = self._find_open() if self.X.kind != GRAM else 0
            if n_open == 0:
                break
            self._scan(n_open)
            new, violated = self._choose(n_open, ahead)
            if new.size and not self._add_slots(new):
                return NO_ROOM
            if not violated:
                break
        self.last_strength = l1_strength
        self._certify()
        if self.gap <= tol:
            return CONVERGED
        return MAX_ITER if self.n_epochs >= max_iter else STALLED

    def approach(self, double l1_strength, double l2_strength, Py_ssize_t max_iter):
        """Solve approximately, as an intermediate step to smaller strengths: minimise within the
        present slots, then give slots to the violating features, whose coefficients the next step
        computes.  Returns CONVERGED or NO_ROOM."""
        cdef Py_ssize_t n_open
        if not self._set_strengths(l1_strength, l2_strength):
            return NO_ROOM
        self.n_epochs = 0
        self._solve_slots(EXACT, min(max_iter, EPOCHS_PER_APPROACH))
        self._advance()
        n_open = self._find_open()
        self.last_strength = l1_strength
        if n_open:
            self._scan(n_open)
            new, _ = self._choose(n_open, 1.0)
            if new.size and not self._add_slots(new):
                return NO_ROOM
        return CONVERGED

    def know(self, slopes):
        """Store the slopes of all features at the residuals of U = 0, before the first fit."""
        np.asarray(self.scanned)[:] = slopes
        self._know_all()

    def entry_strength(self, slopes):
        """Return the largest l1 strength at which a feature enters, from the slopes at U = 0."""
        l1, sizes = np.asarray(self.l1), lengths(np.asarray(slopes))
        ratio = np.divide(sizes, l1, out=np.zeros(len(l1)), where=l1 > 0.0)
        return float(ratio.max(initial=0.0))

    cdef bint _set_strengths(self, double l1_strength, double l2_strength) except -1:
        # Returns False if there is no room for the slots that are needed from the start.
        cdef bint fresh = self.m == 0 or (l1_strength == 0.0) != (self.P.l1_strength == 0.0)
        self.P.l1_strength = self.S.l1_strength = l1_strength
        self.P.l2_strength = self.S.l2_strength = l2_strength
        if self.X.kind == GRAM or not fresh:
            return True
        # features without L1 penalty, and those that do not start at 0
        free = (l1_strength * np.asarray(self.l1) == 0.0) & (np.asarray(self.upper) > 0.0)
        needed = (free | self.coef.any(axis=0)) & (np.asarray(self.slot_of) < 0)
        new = np.flatnonzero(needed)
        return not new.size or self._add_slots(new)

    def refresh(self):
        """Recompute the state from coefficients that a caller has written to `coef`."""
        m = self.m
        features = np.asarray(self.feature)[:m]
        U = self.coef[:, features]
        np.asarray(self.us)[:, :m] = U
        np.asarray(self.synced)[:, :m] = U
        np.asarray(self.settled)[:, :m] = U
        if self.X.kind == GRAM:
            self._slopes_from_gram()
            return
        self.v[:] = self.target
        for t in range(self.n_tasks):
            self.columns.subtract_product(self.u[t], self.v[t], self.n_threads)
        self.known[:] = INFINITY    # no slope is known at the new residuals
        screening_skip(&self.B, &self.feature[0], self.m)
        self.loss = sumsq_of_tasks(self.X, self.v)
        if m:
            slopes_of_tasks(self.X, self.v, &self.feature[0], m, self.hs, 0, self.n_threads)
            np.asarray(self.hs_synced)[:, :m] = np.asarray(self.hs)[:, :m]

    @property
    def residual_sumsq(self):
        """||Y - C U||_s^2"""
        return self.loss

    def keep(self, int status):
        """Append the present solution to those kept by earlier calls."""
        us = np.asarray(self.us)[:, :self.m]
        support = np.flatnonzero(us.any(axis=0))
        figures = support.size, self.gap, self.loss, self.n_epochs, status
        self.fits.append((np.asarray(self.feature)[support], us[:, support].T.copy(), figures))

    def kept(self):
        """Return (features, coefficients, figures) of all calls of `keep`, concatenated.

        coefficients has a row for each feature, figures one for each fit: nonzero rows, gap,
        ||Y - C U||_s^2, epochs, status.
        """
        nothing = np.empty(0, np.intp), np.empty((0, self.n_tasks)), np.empty((0, 5))
        features, rows, figures = zip(*self.fits, strict=True) if self.fits else ((), (), ())
        return (np.concatenate([nothing[0], *features]), np.concatenate([nothing[1], *rows]),
                np.array(figures, np.float64).reshape(-1, 5))

    def count_nonzero(self):
        """Return the number of nonzero rows."""
        return int(np.asarray(self.us)[:, :self.m].any(axis=0).sum())

    @property
    def n_reads(self):
        """Number of passes over X: entries read, divided by the entries of X."""
        return self.entries / self.entries_of_X if self.entries_of_X else 0.0

    @property
    def n_slots(self):
        """Number of slots (features whose Gram columns are kept)."""
        return self.m


@cython.final
cdef class RowDescent:
    """Block coordinate descent on the residuals, for when Gram columns need too much memory.

    Within the working set it is accelerated by extrapolating the limit of the last epochs
    (Anderson 1965; for coordinate descent Bertrand and Massias 2021): on correlated columns plain
    descent keeps moving in the same direction in ever smaller steps.

    Parameters
    ----------
    columns : Columns (not a Gram matrix)
    target : (n_tasks, n_samples + 1) weighted residuals of U = 0
    target_sumsq : ||Y||_s^2
    curvature : (n_features,) ||c_j||_s^2
    penalty : (l1, l2, lower, upper) as for `RowEngine`
    """

    cdef const matrix_t* X
    cdef penalty_t P
    cdef object columns, unpenalised, block_inverse
    cdef const double[:, ::1] target
    cdef const double[::1] curvature, l1, l2, lower, upper
    cdef double[:, ::1] u, v, g
    cdef double[::1] row
    cdef double target_sumsq
    cdef Py_ssize_t n_tasks
    cdef int n_threads
    cdef readonly object coef, residual, gradient
    cdef readonly double gap
    cdef readonly Py_ssize_t n_epochs

    def __init__(self, columns, target, double target_sumsq, curvature, penalty, int n_threads=1):
        self.X = matrix_of(columns)
        self.columns = columns
        self.target = target
        self.target_sumsq = target_sumsq
        self.curvature = curvature
        self.l1, self.l2, self.lower, self.upper = penalty
        self.n_threads = n_threads
        self.n_tasks = self.target.shape[0]
        p = self.X.p
        if any(len(a) != p for a in (curvature, *penalty)):
            raise ValueError("curvature and penalty must have one entry per feature")
        if self.X.kind == GRAM or self.target.shape[1] != self.X.n + 1 or not self.n_tasks:
            raise ValueError("the targets do not fit the columns")
        self.P.l1, self.P.l2 = &self.l1[0], &self.l2[0]
        self.P.lower, self.P.upper = &self.lower[0], &self.upper[0]
        self.P.slack = 1e-12
        self.row = np.empty(self.n_tasks)
        self.coef = self.u = np.zeros((self.n_tasks, p))
        self.gradient = self.g = np.zeros((self.n_tasks, p))
        self.residual = self.v = np.array(target)

    def refresh(self):
        """Recompute the residuals, without the rounding errors accumulated over many updates."""
        self.v[:] = self.target
        for t in range(self.n_tasks):
            self.columns.subtract_product(self.u[t], self.v[t], self.n_threads)

    @property
    def residual_sumsq(self):
        """||Y - C U||_s^2"""
        return sumsq_of_tasks(self.X, self.v)

    def solve(self, double l1_strength, double l2_strength, double tol, Py_ssize_t max_iter):
        """Minimise from the present coefficients until gap <= tol; return the status.

        It is CONVERGED, MAX_ITER or STALLED.  Sets `coef`, `residual`, `gradient`, `gap` (for all
        features) and `n_epochs`.
        """
        cdef double last_gap = INFINITY
        cdef bint moved = True
        self.certify(l1_strength, l2_strength)
        self.n_epochs = 0
        while True:
            if self.gap <= tol:
                return CONVERGED
            if self.n_epochs >= max_iter:
                return MAX_ITER
            if not moved and not self.gap < 0.9 * last_gap:
                return STALLED
            last_gap = self.gap
            moved = self._descend(self._working_set(), max(0.3 * tol, 0.03 * self.gap), max_iter)
            self._scan()

    def certify(self, double l1_strength, double l2_strength):
        """Recompute residuals, gradient and gap at the present coefficients; return the gap.

        Unpenalised features are solved for first.
        """
        self.P.l1_strength, self.P.l2_strength = l1_strength, l2_strength
        self._find_unpenalised()
        self.refresh()
        self._scan()
        return self.gap

    def _scan(self):
        self._solve_unpenalised()
        slopes_of_tasks(self.X, self.v, NULL, self.X.p, self.g, 0, self.n_threads)
        self.gap = self._gap_of(None)

    cdef rows_t _rows(self) noexcept nogil:
        cdef rows_t R
        R.n_tasks, R.stride, R.m = self.n_tasks, self.X.p, self.X.p
        R.u, R.z = &self.u[0, 0], &self.g[0, 0]
        return R

    def _gap_of(self, chosen):
        # Duality gap of the problem restricted to the chosen features (None: all).
        cdef rows_t R = self._rows()
        cdef penalty_t P = self.P
        cdef double[::1, :] part
        cdef double[:, ::1] u, z
        cdef const Py_ssize_t[::1] features
        if chosen is None:
            return rows_gap(&self.P, &R, self.residual_sumsq)
        features = chosen
        u, z = np.ascontiguousarray(self.coef[:, chosen]), np.empty((self.n_tasks, len(chosen)))
        slopes_of_tasks(self.X, self.v, &features[0], features.shape[0], z, 0, self.n_threads)
        vectors = np.empty((len(chosen), 4), order="F")
        vectors[:, 0], vectors[:, 1] = np.take(self.l1, chosen), np.take(self.l2, chosen)
        vectors[:, 2], vectors[:, 3] = np.take(self.lower, chosen), np.take(self.upper, chosen)
        part = vectors
        P.l1, P.l2, P.lower, P.upper = &part[0, 0], &part[0, 1], &part[0, 2], &part[0, 3]
        R.stride = R.m = len(chosen)
        R.u, R.z = &u[0, 0], &z[0, 0]
        return rows_gap(&P, &R, self.residual_sumsq)

    def _working_set(self):
        # The support and the features that violate optimality most, at most twice the support of
        # these (at least 100): the set grows geometrically until it holds the solution's support.
        cdef rows_t R = self._rows()
        cdef double[::1] distance = np.empty(self.X.p)
        cdef Py_ssize_t j
        for j in range(self.X.p):
            distance[j] = row_distance(&self.P, &R, j)
        support = self.coef.any(axis=0)
        violators = np.flatnonzero(np.greater(distance, 0.0) & ~support)
        room = max(100, 2 * np.count_nonzero(support))
        if len(violators) > room:
            violators = violators[np.argpartition(np.take(distance, violators), -room)[-room:]]
        support[violators] = True
        return np.flatnonzero(support)

    def _descend(self, const Py_ssize_t[::1] chosen, double tol, Py_ssize_t max_iter):
        # Run epochs over the chosen features until the gap restricted to them is at most tol.
        # Returns False when the last epoch moved only by rounding errors, or when MOST_IN_VAIN
        # rounds brought no progress at a gap below ROUNDING_GAP.
        cdef double moved = INFINITY, promising = tol, gap, best = INFINITY
        cdef double unit = self.target_sumsq if self.target_sumsq > 0.0 else 1.0
        cdef Py_ssize_t n_vain = 0
        which = np.asarray(chosen)
        if not chosen.shape[0]:
            return False
        while self.n_epochs < max_iter:
            iterates = [self.coef[:, which]]
            for _ in range(min(EPOCHS_PER_GAP, max_iter - self.n_epochs)):
                moved = self._epoch(chosen)
                if moved <= promising:
                    break
                iterates.append(self.coef[:, which])
            else:
                self._extrapolate(which, iterates[-EXTRAPOLATED - 1:])
            self._solve_unpenalised()
            gap = self._gap_of(which)
            if gap <= tol:
                return True
            n_vain = 0 if gap < 0.9 * best else n_vain + 1
            if moved <= ROUNDING * unit or n_vain >= MOST_IN_VAIN and gap <= ROUNDING_GAP * unit:
                return False
            best = smaller(best, gap)
            promising = larger(0.1 * smaller(moved, promising), ROUNDING * unit)
        return True

    cdef double _epoch(self, const Py_ssize_t[::1] chosen) except -1.0:
        # One pass over the chosen features; returns the sum of ||c_j||^2 ||change of u_j||^2.
        cdef double moved = 0.0
        cdef Py_ssize_t start, cost, stop = 0
        while stop < chosen.shape[0]:
            start = stop
            cost = 0
            while stop < chosen.shape[0] and cost < ENTRIES_PER_SIGNAL_CHECK:
                cost += self.n_tasks * column_cost(self.X, chosen[stop])
                stop += 1
            with nogil:
                moved += self._pass(&chosen[start], stop - start)
            check_signals()
        self.n_epochs += 1
        return moved

    cdef double _pass(self, const Py_ssize_t* chosen, Py_ssize_t count) noexcept nogil:
        cdef Py_ssize_t k, j, t
        cdef double d, c, moved = 0.0
        for k in range(count):
            j = chosen[k]
            c = self.curvature[j]
            if c + self.P.l2_strength * self.l2[j] == 0.0:
                continue
            for t in range(self.n_tasks):
                self.row[t] = slope(self.X, j, &self.v[t, 0]) + c * self.u[t, j]
            row_prox(&self.P, j, &self.row[0], self.n_tasks, c)
            for t in range(self.n_tasks):
                d = self.row[t] - self.u[t, j]
                if d != 0.0:
                    self.u[t, j] = self.row[t]
                    shift(self.X, j, d, &self.v[t, 0])
                    moved += c * d * d
        return moved

    def _extrapolate(self, which, iterates):
        # Move to sum_k f_k U_k, with sum_k f_k = 1 and ||sum_k f_k (U_k - U_k-1)|| minimal, if the
        # objective is smaller there.
        moves = np.diff(np.array(iterates), axis=0).reshape(len(iterates) - 1, -1)
        products = moves @ moves.T
        products.flat[::len(products) + 1] += 1e-12 * np.trace(products)
        try:
            f = np.linalg.solve(products, np.ones(len(products)))
        except np.linalg.LinAlgError:
            return
        if not np.isfinite(f).all() or f.sum() == 0.0:
            return
        before, coef, residual = self._objective(), self.coef.copy(), self.residual.copy()
        self.coef[:, which] = np.tensordot(f / f.sum(), np.array(iterates[1:]), 1)
        self.refresh()
        if not self._objective() < before:
            self.coef[:] = coef
            self.residual[:] = residual

    def _objective(self):
        sizes = lengths(self.coef)
        return (0.5 * self.residual_sumsq + self.P.l1_strength * np.dot(self.l1, sizes)
                + 0.5 * self.P.l2_strength * np.dot(self.l2, np.square(sizes)))

    def _find_unpenalised(self):
        l1 = self.P.l1_strength * np.asarray(self.l1)
        l2 = self.P.l2_strength * np.asarray(self.l2)
        U = np.flatnonzero((l1 == 0.0) & (l2 == 0.0) & (np.asarray(self.upper) > 0.0))
        if self.unpenalised is None or not np.array_equal(U, self.unpenalised):
            self.unpenalised, self.block_inverse = U, None

    def _solve_unpenalised(self):
        # Minimise exactly over the unpenalised features: a finite dual value needs zero slopes for
        # them, which coordinate descent alone never reaches.
        cdef const Py_ssize_t[::1] U = self.unpenalised
        cdef double[:, ::1] z = np.empty((self.n_tasks, U.shape[0]))
        cdef Py_ssize_t k, t
        if not 0 < U.shape[0] <= LARGEST_BLOCK:
            return
        if self.block_inverse is None:
            block = np.empty((len(U), len(U)), order="F")
            self.columns.gram_block(U, U, block, self.n_threads)
            self.block_inverse = solver_of(block)
        for _ in range(10):
            slopes_of_tasks(self.X, self.v, &U[0], U.shape[0], z, 0, self.n_threads)
            if np.max(np.abs(z)) <= 0.01 * self.P.slack:
                return
            D = self.block_inverse(np.asarray(z).T).T
            self.coef[:, self.unpenalised] += D
            for t in range(self.n_tasks):
                for k in range(U.shape[0]):
                    shift(self.X, U[k], D[t, k], &self.v[t, 0])
