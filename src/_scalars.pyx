"""The warm engine for one target: coordinate descent and Newton steps among the slots.

    minimise  1/2 ||y - C u||_s^2 + sum_j phi_j(u_j)      (docs/mathematics.md, sections 5 and 9)

phi_j consists of smooth pieces (penalty.pxd).  A slot is free if its coefficient can move in both
directions within its piece; a Newton step on the free slots, whose Gram matrix is kept factorised,
is exact until a coefficient reaches the end of its piece.
"""

import contextlib

cimport cython
from libc.math cimport INFINITY, fabs

from arithmetic cimport larger, smaller
from factor cimport (
    factor_append, factor_remove, factor_solve, factor_solve_upper, is_independent,
)
from penalty cimport is_free, kkt_distance, piece_end, piece_of, piece_slope, prox
from signals cimport check_signals
from softreg_fast.kernels._screened cimport Screened
from softreg_fast.kernels._slots cimport slot_gap
from tolerances cimport ENTRIES_PER_SIGNAL_CHECK, EXACT
from vector cimport axpy, axpy4

import numpy as np

from softreg_fast.solvers.factor import lower_factor
from softreg_fast.system.threads import blas_threads_for

# The engine iterates to this distance of the slopes (at most 1) from the subdifferential of the
# penalty.
cdef double STATIONARY = 1e-11

# A factor of at most this many members is rebuilt by appending them one by one, without LAPACK.
cdef Py_ssize_t FEWEST_FOR_LAPACK = 100


cdef class ScalarEngine(Screened):
    """Exact solver for a whole path of one target; see `Slots` for the parameters."""

    cdef int _make_room(self, Py_ssize_t capacity) except -1:
        cdef Py_ssize_t a, m = self.m
        cdef Py_ssize_t[:, ::1] places = np.zeros((3, capacity), np.intp)
        if m:
            places[0, :m], places[1, :m] = self.order[:m], self.row_of[:m]
        self.order, self.row_of, self.moved = places[0], places[1], places[2]
        for a in range(m, capacity):
            self.row_of[a] = -1
        self.x, self.h, self.rhs = self.us[0], self.hs[0], np.empty(capacity)
        self.A.order = &self.order[0]
        self._reserve_factor(capacity)
        return 0

    cdef Py_ssize_t _most_independent(self) noexcept nogil:
        # Largest number of slots whose columns are linearly independent.
        return self.X.n

    cdef int _reserve_factor(self, Py_ssize_t most) except -1:
        # Make room for the largest possible factor: without L2 its columns are independent, so that
        # it has no more members than that.
        cdef Py_ssize_t k = self.A.k
        if self.P.l2_strength == 0.0:
            most = min(most, self._most_independent())
        if most <= self.A.most:
            return 0
        L = np.zeros((most + 1, most))
        if k:
            L[:k, :k] = np.asarray(self.L)[:k, :k]
        self.L = L
        self.A.L, self.A.stride, self.A.most = &self.L[0, 0], most, most
        return 0

    cdef int _follow_strengths(self) except -1:
        self._reserve_factor(self.capacity)
        self._refactor()
        return 0

    cdef int _refactor(self) except -1:
        # Factorise for another l2.  A small factor, or one at which LAPACK fails, is emptied:
        # `_follow_support` rebuilds it by members, without linearly dependent columns.  Epochs
        # from the previous alpha's solution then replace the prediction, at no more cost.
        cdef Py_ssize_t i, k = self.A.k
        if k > FEWEST_FOR_LAPACK:
            members = np.asarray(self.order)[:k]
            matrix = np.asarray(self.Q)[np.ix_(members, members)]
            matrix.flat[::k + 1] += self.S.l2_strength * np.asarray(self.vectors)[1, members]
            with blas_threads_for(k), contextlib.suppress(np.linalg.LinAlgError):
                np.asarray(self.L)[:k, :k] = L = lower_factor(matrix)
                if all(is_independent(L[i, i] ** 2, matrix[i, i]) for i in range(k)):
                    return 0
        for i in range(k):
            self.row_of[self.order[i]] = -1
        self.A.k = 0
        return 0

    # -- signals -------------------------------------------------------------------------------

    @cython.final
    cdef inline bint _stops(self, Py_ssize_t entries) noexcept nogil:
        # Count `entries` as read; return whether a pending signal must end the fit.  Loops then end
        # early, and the caller raises the exception by `_raise_signal`.
        self.entries_done = self.entries_done + entries
        if self.entries_done > ENTRIES_PER_SIGNAL_CHECK and not self.must_stop:
            self.entries_done = 0
            self._look_at_signals()
        return self.must_stop

    @cython.final
    cdef void _look_at_signals(self) noexcept with gil:
        # A separate function, since one that takes the GIL anywhere also takes it on return.
        try:
            check_signals()
        except BaseException as error:
            self.signal = error
            self.must_stop = True

    @cython.final
    cdef int _raise_signal(self) except -1:
        if self.must_stop:
            error, self.signal, self.must_stop = self.signal, None, False
            raise error
        return 0

    # -- the problem restricted to the slots ---------------------------------------------------

    @cython.final
    cdef double _epoch(self, Py_ssize_t* n_flips) noexcept nogil:
        # One pass of coordinate descent; returns the largest move, sets the count of sign changes.
        cdef Py_ssize_t a
        cdef double q, old, new, largest = 0.0
        n_flips[0] = 0
        for a in range(self.m):
            q = self.Q[a, a]
            if q + self.S.l2_strength * self.S.l2[a] == 0.0:
                continue
            old = self.x[a]
            new = prox(&self.S, a, self.h[a] + q * old, q)
            if new != old:
                n_flips[0] += piece_of(&self.S, a, new) != piece_of(&self.S, a, old)
                self._move(a, new)
                largest = larger(largest, fabs(new - old))
                if self._stops(self.m):
                    break
        self._stops(self.m)
        return largest

    @cython.final
    cdef inline void _move(self, Py_ssize_t a, double new) noexcept nogil:
        # u_a <- new, h <- h - (change) Q_a
        axpy(self.m, new - self.x[a], &self.Q[a, 0], 0.0, NULL, &self.h[0])
        self.x[a] = new

    @cython.final
    cdef inline double _slope(self, Py_ssize_t a) noexcept nogil:
        return piece_slope(&self.S, a, self.x[a])

    @cython.final
    cdef inline double _end(self, Py_ssize_t a, double d) noexcept nogil:
        # The end, in direction d, of the piece of the penalty that holds u_a.
        return piece_end(&self.S, a, self.x[a], d)

    @cython.final
    cdef void _follow_support(self) noexcept nogil:
        # Update the factor until its members are the free slots.
        cdef Py_ssize_t a
        self._drop_bound()
        for a in range(self.m):
            while self.row_of[a] < 0 and is_free(&self.S, a, self.x[a]):
                if self._stops(self.A.k * self.A.k // 2):
                    return
                if factor_append(&self.A, &self.Q[a, 0],
                                 self.Q[a, a] + self.S.l2_strength * self.S.l2[a], a):
                    self.row_of[a] = 0
                elif self._exchange(a):
                    self._drop_bound()
                else:
                    break

    @cython.final
    cdef void _drop_bound(self) noexcept nogil:
        # Remove members that are no longer free from the factor.
        cdef Py_ssize_t i, a
        for i in range(self.A.k - 1, -1, -1):
            a = self.A.order[i]
            if not is_free(&self.S, a, self.x[a]):
                if self._stops((self.A.k - i) * (self.A.k - i)):
                    return
                self.row_of[a] = -1
                factor_remove(&self.A, i)

    @cython.final
    cdef bint _shift_slopes(self, Py_ssize_t count) noexcept nogil:
        # h <- h - sum_i moves_i Q_a for a = moved_i, the first `count`, four at a time; returns
        # whether a signal must end the fit.
        cdef Py_ssize_t[4] at
        cdef double[4] m
        cdef Py_ssize_t i = 0, k
        m[0] = m[1] = m[2] = m[3] = 0.0
        while i + 4 <= count:
            for k in range(4):
                at[k] = &self.Q[self.moved[i + k], 0] - &self.Q[0, 0]
            axpy4(self.m, &self.rhs[i], &self.Q[0, 0], at, m, NULL, 0, 0, &self.h[0])
            self._stops(4 * self.m)
            i += 4
        while i < count:
            axpy(self.m, self.rhs[i], &self.Q[self.moved[i], 0], 0.0, NULL, &self.h[0])
            i += 1
        return self._stops(4 * self.m)

    @cython.final
    cdef bint _exchange(self, Py_ssize_t a) noexcept nogil:
        # Column a is linearly dependent on the members' columns, c_a = C_A x: along u_a + t,
        # u_A - t x the fit is constant and the penalty is linear.  Move in the direction in which
        # it decreases, until one coordinate reaches the end of its piece.  factor_append has left
        # L^-1 Q_Aa in the row after the last.
        cdef Py_ssize_t i, j, first = -1
        cdef double d, rate, t = INFINITY, room
        cdef double* x = &self.L[self.A.k, 0]
        factor_solve_upper(&self.A, x)
        rate = self._slope(a)
        for i in range(self.A.k):
            rate -= x[i] * self._slope(self.A.order[i])
        d = -1.0 if rate > 0.0 else 1.0
        t = (self._end(a, d) - self.x[a]) / d
        for i in range(self.A.k):
            # smaller entries are rounding errors, which must not limit the step
            x[i] = -d * x[i] if fabs(x[i]) > 1e-9 else 0.0
            if x[i] != 0.0:
                j = self.A.order[i]
                room = (self._end(j, x[i]) - self.x[j]) / x[i]
                if room < t:
                    t = room
                    first = i
        if t == INFINITY:
            return False
        for i in range(self.A.k):
            if x[i] != 0.0:
                j = self.A.order[i]
                self._move(j, self._end(j, x[i]) if i == first else self.x[j] + t * x[i])
                self._stops(self.m)
        self._move(a, self._end(a, d) if first < 0 else self.x[a] + t * d)
        return True

    @cython.final
    cdef void _newton_direction(self) noexcept nogil:
        # rhs = (Q_AA + diag(l2))^-1 (h - l1 sign(u) - l2 u)_A
        cdef Py_ssize_t i, a
        self._follow_support()
        self.n_newton = self.n_newton + 1
        for i in range(self.A.k):
            a = self.A.order[i]
            self.rhs[i] = self.h[a] - self._slope(a)
        factor_solve(&self.A, &self.rhs[0])
        self._stops(self.A.k * self.A.k)

    @cython.final
    cdef void _predict(self) noexcept nogil:
        # Newton step to the new alpha, each coordinate clipped to its smooth piece: the solution if
        # the support does not change, else a warm start for coordinate descent.
        cdef Py_ssize_t i, a, count = 0
        cdef double d, end, new
        self._newton_direction()
        for i in range(self.A.k):
            a = self.A.order[i]
            d = self.rhs[i]
            if d != 0.0:
                end = self._end(a, d)
                new = self.x[a] + d
                new = smaller(new, end) if d > 0.0 else larger(new, end)
                self.rhs[count] = new - self.x[a]
                self.moved[count] = a
                self.x[a] = new
                count += 1
        self._shift_slopes(count)

    @cython.final
    cdef bint _newton(self) noexcept nogil:
        # Newton step, shortened to where the first coordinate leaves its smooth piece, so that the
        # objective decreases; returns whether the full step was taken.
        cdef Py_ssize_t i, a, first = -1, count = 0
        cdef double d, t = 1.0, room, new
        self._newton_direction()
        for i in range(self.A.k):
            d = self.rhs[i]
            if d != 0.0:
                a = self.A.order[i]
                room = (self._end(a, d) - self.x[a]) / d
                if room < t:
                    t = room
                    first = i
        for i in range(self.A.k):
            d = t * self.rhs[i]
            if d != 0.0:
                a = self.A.order[i]
                new = self._end(a, d) if i == first else self.x[a] + d
                self.rhs[count] = new - self.x[a]
                self.moved[count] = a
                self.x[a] = new
                count += 1
        return not self._shift_slopes(count) and first < 0

    cdef int _solve_slots(self, double tol, Py_ssize_t max_iter) except -1:
        # Run epochs until the signs are stable, then a Newton step; repeat until the gap is at
        # rounding level or no longer decreases.
        cdef Py_ssize_t flips = 1
        cdef int n_vain = 0
        cdef double largest = INFINITY, gap = INFINITY, best = INFINITY
        with nogil:
            if self.A.k:
                self._predict()
            if self.m and not self.must_stop and self._is_exact(slot_gap(self)):
                return 0
        self._raise_signal()
        while self.m and self.n_epochs < max_iter:
            with nogil:
                largest = self._epoch(&flips)
                self.n_epochs = self.n_epochs + 1
                if flips == 0 and self._newton():
                    gap = slot_gap(self)
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
                if kkt_distance(&self.S, a, self.x[a], self.h[a]) > STATIONARY:
                    return False
        return True
