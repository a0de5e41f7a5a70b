"""The warm engine for MCP, SCAD, log-sum and L1/2: descent to a stationary point, to rounding.

    minimise  1/2 ||y - C u||_s^2 + sum_j phi_j(u_j),      phi_j of nonconvex.pxd

Slots, screening and factor are those of `ScalarEngine`.  Epochs run until no coefficient changes
its piece; then a Newton step on the free slots, whose Hessian is the Gram matrix plus the curvature
of each piece, is exact if the pieces stay.  It is taken only where the Hessian is positive
definite, so that the objective is convex on the support.  The curvatures of log-sum and L1/2 change
along their pieces: steps are halved until the objective falls, and repeated.  Each alpha is solved
to rounding: after a loose fit a path goes on into another valley.
"""

cimport cython
from libc.math cimport INFINITY, fabs

from arithmetic cimport larger, smaller
from factor cimport factor_append, factor_remove, factor_solve, factor_t
from nonconvex cimport (
    LOG_SUM, bent_curvature, bent_distance, bent_end, bent_is_free, bent_least, bent_piece,
    bent_prox, bent_rise, bent_slope, bent_t, has_flat,
)
from softreg_fast.kernels._scalars cimport ScalarEngine
from softreg_fast.kernels._slots cimport Slots

import numpy as np

# Distance of the slopes from stationarity, relative to the L1 strength, that ends a fit.
cdef double STATIONARY = 1e-12

# Slopes are sums of numbers up to 1: a smaller distance is a rounding error.
cdef double ROUNDED = 1e-15

# Epochs after which a Newton step is tried although pieces change.
cdef Py_ssize_t MOST_EPOCHS = 10

# Halvings of a Newton step, and the rise of the objective, relative to its terms, that is rounding.
cdef int MOST_HALVINGS = 30
cdef double ROUNDED_RISE = 1e-14

# Rounds without progress after which rounding is taken for the reason.
cdef int MOST_VAIN = 5


cdef class NonconvexEngine(ScalarEngine):
    """Solver for a whole path of one target under MCP, SCAD, log-sum or L1/2.

    `gap` is the distance to stationarity: the largest one of a slope from the limiting
    subdifferential, relative to the L1 strength of its coefficient.

    Parameters
    ----------
    kind : {1, 2, 3, 4}
        MCP, SCAD, log-sum or L1/2.
    shape : float
        gamma or a, in units of the curvature of a column; eps in units of u; L1/2 has none.
    others : as for Slots
    """

    cdef bent_t bent
    cdef double[::1] curvature          # of the piece with which a member of the factor was added
    cdef double largest_l1              # of the features
    # Gram matrix of the support plus the least curvature of the penalty: factor, slots, members
    cdef factor_t W
    cdef double[:, ::1] L_least
    cdef Py_ssize_t[::1] order_least
    cdef Py_ssize_t[::1] in_least
    cdef readonly bint locally_convex   # of the last fit

    def __init__(self, int kind, double shape, columns, target, double target_sumsq, penalty,
                 int n_threads=1, Py_ssize_t most_slots=4_000):
        self.bent.kind, self.bent.shape = kind, shape
        self.largest_l1 = max(np.max(penalty[0]), 1e-300)
        ScalarEngine.__init__(self, columns, target, target_sumsq, penalty, n_threads, most_slots)

    cdef int _make_room(self, Py_ssize_t capacity) except -1:
        cdef Py_ssize_t most = min(capacity, self.X.n), k = self.W.k, m = self.m
        curvature, member = np.zeros(capacity), np.zeros(capacity, np.intp)
        L, order = np.zeros((most + 1, most)), np.zeros(most + 1, np.intp)
        if m:
            curvature[:m], member[:m] = self.curvature[:m], self.in_least[:m]
            L[:k, :k] = np.asarray(self.L_least)[:k, :k]
            order[:k] = self.order_least[:k]
        ScalarEngine._make_room(self, capacity)
        self.curvature, self.in_least, self.L_least, self.order_least = curvature, member, L, order
        self.W.L, self.W.stride, self.W.most = &self.L_least[0, 0], most, most
        self.W.order = &self.order_least[0]
        return 0

    cdef int _refactor(self) except -1:
        cdef Py_ssize_t i
        for i in range(self.A.k):
            self.row_of[self.order[i]] = -1
        self.A.k = 0
        return 0

    @cython.final
    cdef double _distance(self, double least) noexcept nogil:
        # The largest distance from stationarity of the slots, relative to their L1 strength, of
        # those that are larger than `least`.
        cdef Py_ssize_t a
        cdef double d, worst = 0.0, unit
        for a in range(self.m):
            d = bent_distance(&self.S, &self.bent, a, self.x[a], self.h[a])
            if d > least:
                unit = self.S.l1[a] if self.S.l1[a] > 0.0 else self.largest_l1
                worst = larger(worst, d / larger(self.S.l1_strength * unit, 1e-300))
        return worst

    @cython.final
    cdef inline double _at_kink(self, Py_ssize_t a, double new) noexcept nogil:
        # 0 for a coefficient that a Newton step has brought there up to rounding, if it is
        # penalised and may be 0.
        if (fabs(new) <= ROUNDED and self.S.l1_strength * self.S.l1[a] > 0.0
                and self.S.lower[a] <= 0.0 <= self.S.upper[a]):
            return 0.0
        return new

    @cython.final
    cdef double _bent_epoch(self, Py_ssize_t* n_flips) noexcept nogil:
        # One pass of descent; returns the largest move, sets the number of changes of piece.
        cdef Py_ssize_t a
        cdef double q, old, new, largest = 0.0
        n_flips[0] = 0
        for a in range(self.m):
            q = self.Q[a, a]
            if q == 0.0:
                continue
            old = self.x[a]
            new = bent_prox(&self.S, &self.bent, a, self.h[a] + q * old, q, old)
            if new != old:
                n_flips[0] += (bent_piece(&self.S, &self.bent, a, new)
                               != bent_piece(&self.S, &self.bent, a, old))
                self._move(a, new)
                largest = larger(largest, fabs(new - old))
                if self._stops(self.m):
                    break
        self._stops(self.m)
        return largest

    @cython.final
    cdef double _curvature_of(self, Py_ssize_t a) noexcept nogil:
        return bent_curvature(&self.S, &self.bent, a, self.x[a])

    @cython.final
    cdef bint _follow_pieces(self) noexcept nogil:
        # Update the factor until its members are the free slots, at the curvatures of their
        # pieces; return whether the Hessian is positive definite.
        cdef Py_ssize_t i, a
        cdef double c
        for i in range(self.A.k - 1, -1, -1):
            a = self.A.order[i]
            if (not bent_is_free(&self.S, a, self.x[a])
                    or self.curvature[a] != self._curvature_of(a)):
                if self._stops((self.A.k - i) * (self.A.k - i)):
                    return False
                self.row_of[a] = -1
                factor_remove(&self.A, i)
        for a in range(self.m):
            if self.row_of[a] < 0 and bent_is_free(&self.S, a, self.x[a]):
                if self._stops(self.A.k * self.A.k // 2):
                    return False
                c = self._curvature_of(a)
                if not factor_append(&self.A, &self.Q[a, 0], self.Q[a, a] + c, a):
                    return False
                self.row_of[a], self.curvature[a] = 0, c
        return True

    @cython.final
    cdef double _falling(self, double t) noexcept nogil:
        # The step t * rhs, or the first half, quarter, ... of it by which the objective does not
        # rise; 0 if there is none.
        cdef Py_ssize_t i, a
        cdef double d, fall = 0.0, size = 0.0, square = 0.0, change
        cdef int _k
        for i in range(self.A.k):
            a = self.A.order[i]
            d = self.rhs[i]
            fall += self.h[a] * d
            size += fabs(self.h[a] * d)
            square += d * (self.h[a] - bent_slope(&self.S, &self.bent, a, self.x[a])
                           - self.curvature[a] * d)
        for _k in range(MOST_HALVINGS):
            change = t * (0.5 * t * square - fall)
            for i in range(self.A.k):
                a = self.A.order[i]
                change += bent_rise(&self.S, &self.bent, a, self.x[a], t * self.rhs[i])
            if change <= ROUNDED_RISE * t * size:
                return t
            t *= 0.5
        return 0.0

    @cython.final
    cdef bint _bent_newton(self, bint clipped) noexcept nogil:
        # A Newton step, shortened to where the first coefficient leaves its piece, or each
        # coefficient clipped to its piece; returns whether the full step was taken.
        cdef Py_ssize_t i, a, first = -1
        cdef double d, end, t = 1.0, room, most
        if not self._follow_pieces():
            return False
        self.n_newton = self.n_newton + 1
        for i in range(self.A.k):
            a = self.A.order[i]
            self.rhs[i] = self.h[a] - bent_slope(&self.S, &self.bent, a, self.x[a])
        factor_solve(&self.A, &self.rhs[0])
        self._stops(self.A.k * self.A.k)
        for i in range(self.A.k):
            d = self.rhs[i]
            if d != 0.0:
                a = self.A.order[i]
                end = bent_end(&self.S, &self.bent, a, self.x[a], d)
                if clipped:
                    self.rhs[i] = smaller(d, end - self.x[a]) if d > 0.0 else larger(
                        d, end - self.x[a])
                    continue
                room = (end - self.x[a]) / d
                if room < t:
                    t = larger(room, 0.0)
                    first = i
        if not has_flat(&self.bent):
            most = t
            t = self._falling(most)
            if t < most:
                first = -1
            if t == 0.0:
                return False
        for i in range(self.A.k):
            d = t * self.rhs[i]
            if d != 0.0:
                a = self.A.order[i]
                end = bent_end(&self.S, &self.bent, a, self.x[a], d)
                self._move(a, self._at_kink(a, end if i == first else self.x[a] + d))
                if self._stops(self.m):
                    return False
        return first < 0 and t == 1.0

    cdef int _solve_slots(self, double tol, Py_ssize_t max_iter) except -1:
        cdef Py_ssize_t flips = 1, _k
        cdef int n_vain = 0
        cdef double distance, best = INFINITY, largest = 0.0
        with nogil:
            if self.A.k:
                self._bent_newton(has_flat(&self.bent))
        self._raise_signal()
        while self.m and self.n_epochs < max_iter and n_vain < MOST_VAIN:
            with nogil:
                for _k in range(MOST_EPOCHS):
                    largest = self._bent_epoch(&flips)
                    self.n_epochs = self.n_epochs + 1
                    if flips == 0 or self.must_stop:
                        break
                distance = self._distance(ROUNDED)
                if distance > STATIONARY and not self.must_stop and self._bent_newton(False):
                    distance = self._distance(ROUNDED)
                if distance >= 0.5 * best and largest <= 1e-12:
                    n_vain += 1
                best = smaller(best, distance)
            self._raise_signal()
            if distance <= STATIONARY:
                break
        return 0

    cdef int _certify(self) except -1:
        # Set the distance to stationarity, from recomputed slopes; it is that of all features,
        # since screening has excluded those without a slot.
        Slots._certify(self)
        self.gap = self._distance(0.0)
        self.locally_convex = self._is_convex_on_support()
        self._raise_signal()
        return 0

    cdef bint _is_convex_on_support(self) noexcept nogil:
        # Whether the Gram matrix of the support plus the least curvature of the penalty is positive
        # definite: the objective is then convex in these coefficients, whatever their values.
        cdef Py_ssize_t i, a
        cdef double least
        for i in range(self.W.k - 1, -1, -1):
            a = self.W.order[i]
            if self.x[a] == 0.0 or self.bent.kind == LOG_SUM:  # whose curvature is that of l1
                if self._stops((self.W.k - i) * (self.W.k - i)):
                    return False
                self.in_least[a] = 0
                factor_remove(&self.W, i)
        for a in range(self.m):
            if self.x[a] != 0.0 and not self.in_least[a]:
                least = bent_least(&self.S, &self.bent, a)
                if (self._stops(self.W.k * self.W.k // 2)
                        or not factor_append(&self.W, &self.Q[a, 0], self.Q[a, a] + least, a)):
                    return False
                self.in_least[a] = 1
        return True
