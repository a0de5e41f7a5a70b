"""The warm engine for several targets: block descent and Newton steps among the slots.

    minimise  1/2 ||Y - C U||_s^2 + sum_j [ l1_j ||u_j||_2 + l2_j / 2 ||u_j||_2^2 ]

u_j is the row of feature j, one coefficient per task (docs/mathematics.md, section 12).  Away from
0 the penalty of a row is smooth but curved, so that Newton steps (row_newton.py) take several
rounds, where those of _scalars.pyx are exact.
"""

cimport cython
from libc.math cimport INFINITY

from arithmetic cimport larger, smaller
from certificate cimport distance_of, units_t
from penalty cimport row_prox
from signals cimport check_signals
from softreg_fast.kernels._screened cimport Screened
from softreg_fast.kernels._slots cimport slot_gap, units_of
from tolerances cimport ENTRIES_PER_SIGNAL_CHECK, EXACT, MOST_IN_VAIN
from vector cimport axpy

import numpy as np

from softreg_fast.solvers.row_newton import NewtonSteps, Rows, blas_threads_of_steps, lengths

# The engine iterates to this distance of the slopes from the subdifferential of the penalty.  The
# gap alone would not suffice: it is quadratic in the error orthogonal to a row.
cdef double STATIONARY = 1e-12

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


@cython.final
cdef class RowEngine(Screened):
    """Exact solver for a whole path of several targets; see `Slots` for the parameters."""

    cdef double[::1] row                # one number for each task
    cdef object newton
    cdef double distance                # of the slopes from the subdifferential

    cdef int _prepare(self, bint several) except -1:
        Screened._prepare(self, several)
        self.newton, self.row = NewtonSteps(), np.empty(self.n_tasks)
        return 0

    def approach(self, double l1_strength, double l2_strength, Py_ssize_t max_iter,
                 double tol=EXACT):
        """See `Screened.approach`; a limited number of epochs is enough."""
        return Screened.approach(self, l1_strength, l2_strength,
                                 min(max_iter, EPOCHS_PER_APPROACH), tol)

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

    cdef int _newton(self, bint fresh) except -1:
        # Newton step on the nonzero rows and on those without L1 penalty, by BLAS and LAPACK.
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
        return 0

    cdef int _solve_slots(self, double tol, Py_ssize_t max_iter) except -1:
        if self.m:      # setting the BLAS threads once is cheaper than in every step
            with blas_threads_of_steps(self.m, self.n_tasks):
                self._iterate(tol, max_iter)
        return 0

    cdef int _iterate(self, double tol, Py_ssize_t max_iter) except -1:
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
                return 0
            n_before = self.count_nonzero()
            self._newton(self.distance > SLOW * last)
            last = self.distance
            changes = changes or self.count_nonzero() != n_before
            if self._is_exact():
                return 0
            if self.distance < 0.5 * best:
                n_vain = 0
            else:       # while the support changes, progress is still likely
                n_vain += 1 if changes else MOST_IN_VAIN // 3
            best = smaller(best, self.distance)
            if n_vain >= MOST_IN_VAIN and (self.gap <= tol or largest <= 1e-12):
                return 0
        return 0

    cdef bint _is_exact(self) noexcept nogil:
        # Set gap and KKT distance of the slots; return whether both are at rounding level.
        cdef units_t units = units_of(self)
        cdef Py_ssize_t a
        self.gap = slot_gap(self)
        self.distance = 0.0
        for a in range(self.m):
            self.distance = larger(self.distance, distance_of(&self.S, &units, a))
        return self.gap <= EXACT and self.distance <= STATIONARY

    cdef int _slopes_from_gram(self) except -1:
        # Recompute h = q - Q u; one product of matrices for all tasks.
        cdef Py_ssize_t m = self.m
        us = np.asarray(self.us)[:, :m]
        support = np.flatnonzero(us.any(axis=0))
        with blas_threads_of_steps(m, self.n_tasks):
            H = np.asarray(self.qs)[:, :m] - us[:, support] @ np.asarray(self.Q)[support, :m]
        np.asarray(self.hs)[:, :m] = H
        return 0
