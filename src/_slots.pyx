"""Shared parts of the warm engines: slots, Gram columns, residual, certificate, record of fits.

    minimise  1/2 ||Y - C U||_s^2 + sum_j phi_j(u_j)      (docs/mathematics.md, sections 5, 9, 12)

A slot is a place in the working set, which only grows: when a feature first comes near the support
it gets a slot, and its Gram entries with all other slots are computed once and kept.  Each alpha is
solved within the slots, where coordinate descent costs O(1) for a coordinate that does not move
and a Newton step on the support is exact.  _screened.pyx decides which features get a slot; the
solvers derive from it.

u_j is a coefficient, or a row of coefficients with one for each task.  Arrays are stored task by
task.
"""

from cython.parallel cimport prange
from libc.math cimport fabs
from libc.string cimport memset

from loss cimport SQUARED
from matrix cimport GRAM, column_cost, cost_of_columns, length_of, matrix_of, shift
from openmp cimport threads_for
from penalty cimport null_value
from signals cimport check_signals
from tasks cimport slopes_of_tasks, sumsq_of_tasks
from tolerances cimport ENTRIES_PER_SIGNAL_CHECK, LARGEST_FOR_GRAM
from vector cimport axpy

cimport tolerances

import numpy as np

# The statuses of `solve`, for Python; tolerances.pxd explains them.
CONVERGED, MAX_ITER, STALLED, NO_ROOM = (
    tolerances.CONVERGED, tolerances.MAX_ITER, tolerances.STALLED, tolerances.NO_ROOM)


def large_rows(Py_ssize_t n_rows, Py_ssize_t length):
    """Return np.empty((n_rows, length)), from 0.5 MiB on within a block of at least 4 MiB.

    NumPy asks for large pages from 4 MiB on, and malloc keeps up to twice the largest block that
    was freed: smaller blocks would be given back to the system after each fit, and the page faults
    of the next fit took half of its time.  Pages that are never touched take no memory.
    """
    cdef Py_ssize_t size = n_rows * length, room = size
    if size >= 2 ** 16:
        room = max(size, 2 ** 19)
    return np.empty(room)[:size].reshape(n_rows, length)


cdef bint any_nonzero(const double* u, Py_ssize_t p) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(p):
        if u[j] != 0.0:
            return True
    return False


cdef class Slots:
    """Slots of a whole path: coefficients, slopes and Gram columns are kept between fits.

    Parameters
    ----------
    columns : Columns
    target : (n_samples + 1,) weighted residual of u = 0; with Gram columns (n_features,) X'y.  For
        rows of coefficients one such row for each task.
    target_sumsq : ||y||_s^2
    penalty : (l1, l2, lower, upper), each (n_features,) float64 in the engine's units; the box of
        a row is the whole line, or [0, 0] for a feature that is excluded
    most_slots : int
        Maximum number of slots; when more are needed `solve` returns NO_ROOM and leaves the
        coefficients reached so far.
    """

    def __init__(self, columns, target, double target_sumsq, penalty, int n_threads=1,
                 Py_ssize_t most_slots=4_000):
        cdef Py_ssize_t p, j
        self.X = matrix_of(columns)
        p = self.X.p
        self.columns = columns
        cdef bint several = target.ndim == 2
        self.target = target if several else target[None]
        self.n_tasks = self.target.shape[0]
        self.F.kind, self.F.n, self.F.n_outputs = SQUARED, self.X.n, self.n_tasks
        self.target_sumsq = target_sumsq
        self.n_threads = n_threads
        self.most_slots = most_slots
        self.l1, self.l2, self.lower, self.upper = penalty
        if any(len(a) != p for a in penalty):
            raise ValueError("penalty must have one entry per feature")
        if self.target.shape[1] != length_of(self.X) or not self.n_tasks:
            raise ValueError("the target does not fit the columns")
        self.P.l1, self.P.l2 = &self.l1[0], &self.l2[0]
        self.P.lower, self.P.upper = &self.lower[0], &self.upper[0]
        self.P.slack = self.S.slack = 1e-12
        self.v = np.array(target, ndmin=2)
        self._prepare(several)
        if self.X.kind == GRAM:
            self._reserve(p)
            self.Q = columns.entries
            self.qs[:] = self.target
            for j in range(p):
                self.listed[j] = j
            self._take_slots(&self.listed[0], p)
        else:
            self._reserve(max(min(p, 64, most_slots), 1))
        self.refresh()

    cdef int _prepare(self, bint several) except -1:
        cdef Py_ssize_t p = self.X.p, T = self.n_tasks, j, t
        cdef Py_ssize_t[:, ::1] integers
        self.kept_features, self.kept_values = np.empty(4096, np.intp), np.empty((4096, T))
        self.kept_figures = np.empty((100, 5))
        self.entries_of_X = cost_of_columns(self.X, NULL, p)
        # One allocation for all per-feature vectors: large blocks get large pages.
        rows = large_rows(2 + 2 * T + self._n_more_vectors(), p)
        self.by_feature, integers = rows, rows[:2].view(np.intp)
        self.slot_of, self.listed = integers[0], integers[1]
        self.u, self.found = self.by_feature[2:2 + T], self.by_feature[2 + T:2 + 2 * T]
        self.coef = rows[2:2 + T] if several else rows[2]
        memset(&self.slot_of[0], 0xFF, p * sizeof(Py_ssize_t))      # -1
        for t in range(T):
            for j in range(p):
                self.u[t, j] = null_value(&self.P, j)
        return 0

    # -- what a solver adds --------------------------------------------------------------------

    cdef Py_ssize_t _n_more_vectors(self) noexcept:
        # Number of the solver's own per-feature vectors; they are the last rows of by_feature.
        return 0

    cdef int _make_room(self, Py_ssize_t capacity) except -1:
        # Grow the solver's own arrays to `capacity` slots; self.capacity is still the old one.
        return 0

    cdef int _follow_strengths(self) except -1:
        # Update what depends on the strength of the L2 part, which has changed.
        return 0

    cdef int _solve_slots(self, double tol, Py_ssize_t max_iter) except -1:
        # Minimise within the slots: change us, keep hs, count n_epochs.
        raise NotImplementedError

    # -- slots ---------------------------------------------------------------------------------

    cdef int _reserve(self, Py_ssize_t capacity) except -1:
        # Make room for `capacity` slots, keeping the present ones.
        cdef Py_ssize_t m = self.m
        by_slot = np.zeros((6, self.n_tasks, capacity))
        vectors, feature = np.zeros((4, capacity)), np.zeros(capacity, np.intp)
        if self.X.kind != GRAM:
            Q = np.zeros((capacity, capacity))
            if m:
                Q[:m, :m] = self.own_Q[:m, :m]
            self.Q = self.own_Q = Q
        if m:
            by_slot[:, :, :m] = self.by_slot[:, :, :m]
            vectors[:, :m] = self.vectors[:, :m]
            feature[:m] = self.feature[:m]
        self.by_slot, self.vectors, self.feature = by_slot, vectors, feature
        self.us, self.hs, self.qs = self.by_slot[0], self.by_slot[1], self.by_slot[2]
        self.synced, self.hs_synced = self.by_slot[3], self.by_slot[4]
        self.settled = self.by_slot[5]
        self.S.l1, self.S.l2 = &self.vectors[0, 0], &self.vectors[1, 0]
        self.S.lower, self.S.upper = &self.vectors[2, 0], &self.vectors[3, 0]
        self._make_room(capacity)
        self.capacity = capacity
        return 0

    cdef int _take_slots(self, const Py_ssize_t* new, Py_ssize_t count) except -1:
        cdef Py_ssize_t a, j, t, m = self.m
        for a in range(m, m + count):
            j = new[a - m]
            self.slot_of[j] = a
            self.feature[a] = j
            self.vectors[0, a] = self.l1[j]
            self.vectors[1, a] = self.l2[j]
            self.vectors[2, a] = self.lower[j]
            self.vectors[3, a] = self.upper[j]
            for t in range(self.n_tasks):
                self.us[t, a] = self.synced[t, a] = self.settled[t, a] = self.u[t, j]
        self.m = m + count
        return 0

    cdef bint _add_slots(self, const Py_ssize_t[::1] new) except -1:
        # Give the features slots, computing their slopes and Gram columns; return False if that
        # would exceed most_slots.
        cdef Py_ssize_t count = new.shape[0], m = self.m, stop = m + count
        if stop > self.most_slots:
            return False
        self._settle()
        if stop > self.capacity:
            self._reserve(min(max(2 * self.capacity, stop), self.X.p, self.most_slots))
        self._take_slots(&new[0], count)
        slopes_of_tasks(self.X, self.v, &new[0], count, self.hs, m, self.n_threads)
        count_reading(self, &new[0], count)
        count_reading(self, &self.feature[0], stop)
        rows = np.empty((count, stop), order="F")
        self.columns.gram_block(new, self.feature[:stop], rows, self.n_threads)
        Q, hs = np.asarray(self.own_Q), np.asarray(self.hs[:, m:stop])
        Q[m:stop, :stop] = rows
        Q[:m, m:stop] = rows[:, :m].T
        self.hs_synced[:, m:stop] = self.hs[:, m:stop]
        np.asarray(self.qs)[:, m:stop] = hs + np.asarray(self.us[:, :stop]) @ rows.T
        return True

    # -- residual and slopes --------------------------------------------------------------------

    cdef int _settle(self) except -1:
        # Update v, each task by one thread; deferred until here, as v is not needed while screening
        # excludes all features.
        cdef Py_ssize_t t, cost, start, stop = 0
        cdef int n_threads
        cdef bint moved, any_moved = False
        while stop < self.m:
            start = stop
            cost = 0
            while stop < self.m and cost < ENTRIES_PER_SIGNAL_CHECK:
                moved = False
                for t in range(self.n_tasks):
                    moved = moved or self.us[t, stop] != self.settled[t, stop]
                if moved:
                    cost += column_cost(self.X, self.feature[stop])
                stop += 1
            if not cost:
                continue
            any_moved = True
            self.entries += cost
            n_threads = threads_for(self.n_tasks * cost, min(self.n_threads, self.n_tasks))
            with nogil:
                if n_threads == 1:
                    for t in range(self.n_tasks):
                        self._settle_task(t, start, stop)
                else:
                    for t in prange(self.n_tasks, num_threads=n_threads, schedule="static"):
                        self._settle_task(t, start, stop)
            if stop < self.m:
                check_signals()
        if any_moved:
            self.loss = sumsq_of_tasks(self.X, self.v)
        return 0

    cdef void _settle_task(self, Py_ssize_t t, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
        cdef Py_ssize_t a
        cdef double d
        for a in range(start, stop):
            d = self.us[t, a] - self.settled[t, a]
            if d != 0.0:
                shift(self.X, self.feature[a], d, &self.v[t, 0])
                self.settled[t, a] = self.us[t, a]

    cdef int _slopes_from_gram(self) except -1:
        # Recompute h = q - Q u.
        cdef Py_ssize_t a, t, start, stop = 0, m = self.m
        cdef Py_ssize_t portion = max(ENTRIES_PER_SIGNAL_CHECK // max(m * self.n_tasks, 1), 1)
        for t in range(self.n_tasks):
            for a in range(m):
                self.hs[t, a] = self.qs[t, a]
        while stop < m:
            start = stop
            stop = min(start + portion, m)
            with nogil:
                for t in range(self.n_tasks):
                    for a in range(start, stop):
                        if self.us[t, a] != 0.0:
                            axpy(m, self.us[t, a], &self.Q[a, 0], 0.0, NULL, &self.hs[t, 0])
            if stop < m:        # a check costs as much as a small fit
                check_signals()
        return 0

    cdef int _slopes_from_residual(self) except -1:
        # Recompute h on the support.
        cdef Py_ssize_t a, t, k, count = 0
        for a in range(self.m):
            if is_nonzero(self, a):
                self.listed[count] = self.feature[a]
                count += 1
        slopes_of_tasks(self.X, self.v, &self.listed[0], count, self.found, 0, self.n_threads)
        count_reading(self, &self.listed[0], count)
        for k in range(count):
            for t in range(self.n_tasks):
                self.hs[t, self.slot_of[self.listed[k]]] = self.found[t, k]
        return 0

    # -- certificate ---------------------------------------------------------------------------

    cdef int _certify(self) except -1:
        # Set the gap, from recomputed slopes.
        cdef Py_ssize_t a, t
        if self._trusts_gram():
            self._slopes_from_gram()
            loss_from_gram(self)
        else:
            self._settle()
            self._slopes_from_residual()
        for t in range(self.n_tasks):
            for a in range(self.m):
                self.hs_synced[t, a] = self.hs[t, a]
        self.gap = slot_gap(self)
        return 0

    cdef bint _trusts_gram(self) noexcept nogil:
        # Return whether slopes are cheaper from the Gram columns than from X, and the rounding
        # error of Q u, which grows with |u|, is too small to affect the gap.
        cdef Py_ssize_t a, t, cost = 0
        cdef double size = 0.0
        if self.X.kind == GRAM:
            return True
        for a in range(self.m):
            if is_nonzero(self, a):
                for t in range(self.n_tasks):
                    size += fabs(self.us[t, a])
                cost += column_cost(self.X, self.feature[a]) - self.m
        return cost >= 0 and size <= LARGEST_FOR_GRAM

    def refresh(self):
        """Recompute the state from coefficients that a caller has written to `coef`."""
        cdef Py_ssize_t a, t
        for t in range(self.n_tasks):
            for a in range(self.m):
                self.us[t, a] = self.synced[t, a] = self.settled[t, a] = self.u[t, self.feature[a]]
        if self.X.kind == GRAM:
            self._slopes_from_gram()
            loss_from_gram(self)
            return
        self.v[:] = self.target
        for t in range(self.n_tasks):
            if any_nonzero(&self.u[t, 0], self.X.p):
                self.columns.subtract_product(self.u[t], self.v[t], self.n_threads)
        if self.m:
            slopes_of_tasks(self.X, self.v, &self.feature[0], self.m, self.hs, 0, self.n_threads)
            self.hs_synced[:] = self.hs
        self.loss = sumsq_of_tasks(self.X, self.v)

    # -- results -------------------------------------------------------------------------------

    cpdef int keep(self, int status) except -1:
        """Append the present solution to those kept by earlier calls."""
        cdef Py_ssize_t a, t, k = self.n_kept_values
        if k + self.m > self.kept_features.shape[0]:
            n_values = 2 * (k + self.m)
            self.kept_features = np.resize(self.kept_features, n_values)
            self.kept_values = np.resize(self.kept_values, (n_values, self.n_tasks))
        if self.n_kept == self.kept_figures.shape[0]:
            self.kept_figures = np.resize(self.kept_figures, (2 * self.n_kept, 5))
        for a in range(self.m):
            if is_nonzero(self, a):
                self.kept_features[k] = self.feature[a]
                for t in range(self.n_tasks):
                    self.kept_values[k, t] = self.us[t, a]
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

    def kept(self):
        """Return (features, coefficients, figures) of all calls of `keep`, concatenated.

        coefficients has an entry, or a row, for each feature; figures a row for each fit:
        nonzeros, gap, ||y - C u||_s^2, epochs, status.  All are copies, as later calls of `keep`
        write to the arrays and the caller may sort them.
        """
        values = np.array(self.kept_values[:self.n_kept_values])
        return (np.array(self.kept_features[:self.n_kept_values]),
                values if self.coef.ndim == 2 else values.reshape(-1),
                np.array(self.kept_figures[:self.n_kept]))

    @property
    def residual_sumsq(self):
        """||y - C u||_s^2"""
        return self.loss

    def count_nonzero(self):
        """Return the number of features with a nonzero coefficient."""
        cdef Py_ssize_t a, count = 0
        for a in range(self.m):
            count += is_nonzero(self, a)
        return count

    @property
    def n_reads(self):
        """Number of passes over X: entries read, divided by the entries of X."""
        return self.entries / self.entries_of_X if self.entries_of_X else 0.0

    @property
    def n_slots(self):
        """Number of slots (features whose Gram columns are kept)."""
        return self.m
