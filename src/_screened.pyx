"""Slots, and screening of the features without one: the interface of a path.

Bounds on |c_j . r|, from slopes computed at earlier residuals, show which features must be checked.
With a Gram matrix of all features every feature has a slot from the start.  A solver derives from
`Screened` and minimises within the slots: it defines `_solve_slots`, and no more if it has no
arrays of its own.
"""

from libc.math cimport INFINITY, fabs, sqrt

from arithmetic cimport larger
from matrix cimport GRAM, length_of
from penalty cimport may_move, null_value, penalty_t, row_size
from screening cimport (
    LARGEST_BASIS, screening_extend, screening_know, screening_know_all, screening_open,
    screening_skip, screening_still_open,
)
from signals cimport check_signals
from softreg_fast.kernels._slots cimport Slots, count_reading, loss_from_gram
from tasks cimport slopes_of_tasks
from tolerances cimport (
    CANDIDATES_PART, CONVERGED, ENTRIES_PER_SIGNAL_CHECK, EXACT, MAX_ITER, NO_ROOM, OPEN_PART,
    STALLED,
)

import numpy as np


cdef Py_ssize_t never_screened(const penalty_t* P, Py_ssize_t p, Py_ssize_t n_tasks,
                               const Py_ssize_t* slot_of, const double* u,
                               Py_ssize_t* features) noexcept nogil:
    # Write the features without a slot that need one, since they have no L1 penalty or do not start
    # at 0, to features; return their number.
    cdef Py_ssize_t j, t, count = 0
    cdef double null
    cdef bint needs
    for j in range(p):
        null = null_value(P, j)
        needs = null != 0.0 or (P.l1_strength * P.l1[j] == 0.0 and P.lower[j] < P.upper[j])
        for t in range(n_tasks):
            needs = needs or u[t * p + j] != null
        if needs and slot_of[j] < 0:
            features[count] = j
            count += 1
    return count


cdef class Screened(Slots):
    """Slots for the features near the support, and bounds for all others."""

    cdef Py_ssize_t _n_more_vectors(self) noexcept:
        if self.X.kind == GRAM:
            return 0
        # Keep the bounds cheap compared with the scan that they save.
        self.B.largest = min(max(<Py_ssize_t> (self.entries_of_X / (4 * self.X.p)), 1),
                             LARGEST_BASIS)
        return 1 + (1 + self.B.largest) * self.n_tasks

    cdef int _prepare(self, bint several) except -1:
        cdef Py_ssize_t T = self.n_tasks, first = 2 + 2 * T
        Slots._prepare(self, several)
        self.last_strength = INFINITY
        self.open_part, self.candidates_part = OPEN_PART, CANDIDATES_PART
        if self.X.kind == GRAM:
            return 0
        self.B.n_tasks, self.B.p = T, self.X.p
        self.known = self.by_feature[first]
        self.scanned = self.by_feature[first + 1:first + 1 + T]
        self.basis = np.empty((self.B.largest, T * length_of(self.X)))
        self.target_slopes = np.empty(self.B.largest)
        self.B.known, self.B.slopes = &self.known[0], &self.by_feature[first + 1 + T, 0]
        self.B.basis, self.B.target_slopes = &self.basis[0, 0], &self.target_slopes[0]
        return 0

    # -- features without a slot ---------------------------------------------------------------

    cdef int _advance(self) except -1:
        # Copy the slots' coefficients to u and add to the odometer the distance that the residual
        # has moved, ||C d|| with d the change of the slots' coefficients; ||C d||^2 = d . Q d, and
        # Q d is the decrease of their slopes.
        cdef Py_ssize_t a, t
        cdef double d, way = 0.0, squared_way = 0.0
        for t in range(self.n_tasks):
            for a in range(self.m):
                d = self.us[t, a] - self.synced[t, a]
                if d != 0.0:
                    way += fabs(d)
                    squared_way += d * (self.hs_synced[t, a] - self.hs[t, a])
                    self.u[t, self.feature[a]] = self.synced[t, a] = self.us[t, a]
        if way > 0.0:
            for t in range(self.n_tasks):
                for a in range(self.m):
                    self.hs_synced[t, a] = self.hs[t, a]
            loss_from_gram(self)
            self.B.odometer = (self.B.odometer + 1e-15
                               + sqrt(larger(squared_way, 0.0) + 1e-13 * way))
        return 0

    cdef Py_ssize_t _find_open(self) except -1:
        # Write the features without a slot that no bound excludes to candidates; return the count.
        cdef double[LARGEST_BASIS] beta
        cdef double rest = 0.0
        cdef Py_ssize_t count, kept = 0, start, stop = 0, portion
        with nogil:
            count = screening_open(&self.B, &self.P, self.X.p, &self.listed[0])
            if count and self.B.k:
                rest = self._place_in_basis(beta)
        if not count or not self.B.k:
            return count
        portion = ENTRIES_PER_SIGNAL_CHECK // (self.B.k * self.n_tasks)
        while stop < count:
            start = stop
            stop = min(start + portion, count)
            with nogil:
                kept = screening_still_open(&self.B, &self.P, beta, rest, &self.listed[0],
                                            start, stop, kept)
            if stop < count:
                check_signals()
        return kept

    cdef double _place_in_basis(self, double* beta) noexcept nogil:
        # Set beta_k = q_k . r = q_k . y - sum_j u_j (c_j . q_k), without a pass over r; return a
        # bound on ||rest||, ||rest||^2 = ||r||^2 - sum_k beta_k^2, where 1e-11 covers rounding.
        cdef Py_ssize_t a, k, t, T = self.n_tasks
        cdef double rest = self.loss, size = 0.0, x
        cdef const double* q_slopes
        for k in range(self.B.k):
            beta[k] = self.B.target_slopes[k]
        for a in range(self.m):
            for t in range(T):
                x = self.us[t, a]
                if x != 0.0:
                    size += fabs(x)
                    q_slopes = self.B.slopes + t * self.X.p + self.feature[a]
                    for k in range(self.B.k):
                        beta[k] -= x * q_slopes[k * T * self.X.p]
        for k in range(self.B.k):
            rest -= beta[k] * beta[k]
        return sqrt(larger(rest, 0.0) + 1e-11 * (1.0 + size))

    cdef int _scan(self, Py_ssize_t n_open) except -1:
        # Compute the exact slopes of the candidates (found).  When the candidates are many, or many
        # entries were read for candidates since the last full scan, compute the slopes of all
        # features and extend the basis.
        cdef Py_ssize_t k, t
        cdef double before
        self._settle()
        before = self.entries
        count_reading(self, &self.listed[0], n_open)
        self.entries_of_listed += self.entries - before
        if (n_open <= self.open_part * self.X.p
                and self.entries_of_listed <= self.candidates_part * self.entries_of_X):
            slopes_of_tasks(self.X, self.v, &self.listed[0], n_open, self.found, 0,
                            self.n_threads)
        else:
            slopes_of_tasks(self.X, self.v, NULL, self.X.p, self.scanned, 0, self.n_threads)
            self.entries = before + self.entries_of_X
            self.entries_of_listed = 0.0
            for t in range(self.n_tasks):
                for k in range(n_open):
                    self.found[t, k] = self.scanned[t, self.listed[k]]
            with nogil:
                self._know_all()
        for k in range(n_open):
            screening_know(&self.B, self.listed[k], &self.found[0, k], self.X.p)
        return 0

    cdef void _know_all(self) noexcept nogil:
        # Make the residual of v, whose slopes are in `scanned`, the new reference, and add it to
        # the basis.
        screening_know_all(&self.B, &self.scanned[0, 0], self.X.p)
        screening_skip(&self.B, &self.feature[0], self.m)
        screening_extend(&self.B, self.X, &self.target[0, 0], &self.v[0, 0], &self.scanned[0, 0])

    cdef Py_ssize_t _choose(self, Py_ssize_t n_open, double ahead, bint* violated) noexcept nogil:
        # Keep the candidates that violate optimality, and those that are expected to violate it at
        # the next alpha (the sequential strong rule, Tibshirani et al. 2012); return their number
        # and leave their sizes in found[0].
        cdef Py_ssize_t k, j, n = 0
        cdef double z
        violated[0] = False
        for k in range(n_open):
            j = self.listed[k]
            z = row_size(&self.found[0, k], self.X.p, self.n_tasks)
            if may_move(&self.P, j, z / ahead, z / ahead):
                violated[0] = violated[0] or may_move(&self.P, j, z, z)
                self.listed[n] = j
                self.found[0, n] = z
                n += 1
        return n

    cdef bint _give_slots(self, const Py_ssize_t[::1] new) except -1:
        if not self._add_slots(new):
            return False
        screening_skip(&self.B, &new[0], new.shape[0])
        return True

    cdef bint _enter(self, Py_ssize_t n_open, double ahead, bint* violated) except -1:
        # Give slots to the candidates that `_choose` keeps, at most as many at once as there are
        # slots, or 100: after a large step in alpha many features violate optimality, but no longer
        # once the worst of them are in the model.  Returns False if there is no room.
        cdef Py_ssize_t n_new = self._choose(n_open, ahead, violated)
        cdef Py_ssize_t room = max(100, self.m)
        if not n_new:
            return True
        if n_new <= room:
            return self._give_slots(self.listed[:n_new])
        new = np.asarray(self.listed)[:n_new]
        urgency = np.abs(np.asarray(self.found)[0, :n_new]) / np.take(self.l1, new)
        new = new[np.sort(np.argpartition(urgency, -room)[-room:])]
        return self._give_slots(new)

    # -- public methods ------------------------------------------------------------------------

    cpdef int solve(self, double l1_strength, double l2_strength, double tol,
                    Py_ssize_t max_iter) except -1:
        """Minimise, warm-started from the present state, until the gap is at rounding level.

        Returns a status: CONVERGED if gap <= tol, MAX_ITER, STALLED or NO_ROOM.  Sets `coef`,
        `gap` and `n_epochs`.
        """
        cdef Py_ssize_t n_open
        cdef bint violated = True
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
            if not self._enter(n_open, ahead, &violated):
                return NO_ROOM
            if not violated:
                break
        self.last_strength = l1_strength
        self._certify()
        if self.gap <= tol:
            return CONVERGED
        return MAX_ITER if self.n_epochs >= max_iter else STALLED

    def approach(self, double l1_strength, double l2_strength, Py_ssize_t max_iter,
                 double tol=EXACT):
        """Solve approximately, as an intermediate step to smaller strengths: minimise within the
        present slots, then give slots to the violating features, whose coefficients the next step
        computes.  Returns CONVERGED or NO_ROOM."""
        cdef bint violated
        cdef Py_ssize_t n_open
        if not self._set_strengths(l1_strength, l2_strength):
            return NO_ROOM
        self.n_epochs = 0
        self._solve_slots(tol, max_iter)
        self._advance()
        n_open = self._find_open()
        self.last_strength = l1_strength
        if n_open:
            self._scan(n_open)
            if not self._enter(n_open, 1.0, &violated):
                return NO_ROOM
        return CONVERGED

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

    cdef bint _set_strengths(self, double l1_strength, double l2_strength) except -1:
        # Returns False if there is no room for the slots that are needed from the start.
        cdef bint another_l2 = l2_strength != self.P.l2_strength
        cdef bint fresh = self.m == 0 or (l1_strength == 0.0) != (self.P.l1_strength == 0.0)
        cdef Py_ssize_t count
        self.P.l1_strength = self.S.l1_strength = l1_strength
        self.P.l2_strength = self.S.l2_strength = l2_strength
        if another_l2:
            self._follow_strengths()
        if self.X.kind == GRAM or not fresh:
            return True
        with nogil:
            count = never_screened(&self.P, self.X.p, self.n_tasks, &self.slot_of[0],
                                   &self.u[0, 0], &self.listed[0])
        return self._give_slots(self.listed[:count]) if count else True

    def know(self, slopes):
        """Store the slopes of all features at the residual of u = 0, the present coefficients."""
        np.asarray(self.scanned)[:] = slopes
        with nogil:
            self._know_all()

    def entry_strength(self, slopes):
        """Return the largest l1 strength at which a feature enters, from the slopes at u = 0."""
        cdef const double[:, ::1] z = np.atleast_2d(slopes)
        cdef const double* l1 = self.P.l1
        cdef double largest = 0.0
        cdef Py_ssize_t j, p = self.X.p, T = self.n_tasks
        for j in range(p):
            if l1[j] > 0.0:
                largest = larger(largest, fabs(row_size(&z[0, j], p, T)) / l1[j])
        return largest

    def refresh(self):
        """Recompute the state from coefficients that a caller has written to `coef`."""
        Slots.refresh(self)
        if self.X.kind != GRAM:
            self.known[:] = INFINITY    # no slope is known at the new residual
            screening_skip(&self.B, &self.feature[0], self.m)
