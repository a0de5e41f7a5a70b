"""Clusters of coefficients of equal size, for SLOPE: their Gram rows, factor, merges.

With t_j = q_j u_j, q_j the L1 strength of feature j in the engine's units, t compares coefficients
in the user's.  The slots are a partition into clusters of equal |t_j|, in falling order, and the
zeros.  While the partition stays, the objective is quadratic in one number for each cluster: the
Gram matrix of the sums of columns sign_j c_j / q_j over each cluster is kept factorised.
_slope.pyx decides which steps are taken, and which clusters are split.
"""

cimport cython
from libc.math cimport INFINITY, fabs
from libc.string cimport memset

from arithmetic cimport larger, smaller
from factor cimport factor_append, factor_remove, factor_solve_upper
from softreg_fast.kernels._scalars cimport ScalarEngine
from sorted cimport keyed_t, sort_falling
from vector cimport axpy, axpy4

import numpy as np

# Number of changed clusters up to which a factor is updated by rotations.
cdef Py_ssize_t MOST_ROTATIONS = 2


cdef class Clusters(ScalarEngine):
    """State of a path under SLOPE.

    Parameters
    ----------
    lambdas : (n_features,) float64, falling, the first > 0
    others : as for Slots; the penalty's l1 is q
    """

    def __init__(self, lambdas, columns, target, double target_sumsq, penalty, int n_threads=1,
                 Py_ssize_t most_slots=4_000):
        self.lambdas = lambdas
        self.up_to = np.concatenate([[0.0], np.cumsum(lambdas)])
        self.pair_room = np.empty(2 * max(len(lambdas), 1))
        self.pairs = <keyed_t*> &self.pair_room[0]
        if len(lambdas) != len(penalty[0]):
            raise ValueError("lambdas must have one entry per feature")
        ScalarEngine.__init__(self, columns, target, target_sumsq, penalty, n_threads, most_slots)

    cdef int _make_room(self, Py_ssize_t capacity) except -1:
        cdef Py_ssize_t m = self.n_placed, K = self.K, n = self.n_names
        integers, numbers = np.zeros((7, capacity + 1), np.intp), np.zeros((8, capacity + 1))
        rows = np.zeros((capacity, capacity))
        if m:
            integers[0, :m], numbers[0, :m] = self.at[:m], self.unit[:m]
            numbers[1, :m] = self.weight[:m]
        if n:
            integers[1, :K + 1], integers[2, :K] = self.start[:K + 1], self.name[:K]
            integers[3, :self.n_free] = self.free[:self.n_free]
            numbers[2, :K] = self.size[:K]
            rows[:n, :m] = np.asarray(self.rows)[:n, :m]
        self.at, self.start, self.name, self.free, self.place, self.stale, self.stop = integers
        self.unit, self.weight, self.size, self.next_size = numbers[:4]
        self.step, self.products, self.sums, self.counts = numbers[4:]
        self.rows = rows
        ScalarEngine._make_room(self, capacity)
        return 0

    cdef int _refactor(self) except -1:
        self._forget_factor()
        return 0

    def refresh(self):
        """Recompute the state from coefficients that a caller has written to `coef`."""
        ScalarEngine.refresh(self)
        self.n_placed = 0

    @cython.final
    cdef void _forget_factor(self) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(self.A.k):
            self.row_of[self.order[i]] = -1
        self.A.k = 0

    @cython.final
    cdef void _place_slots(self) noexcept nogil:
        # Put the slots that are new among the zeros, or where some have coefficients all slots into
        # clusters.
        cdef Py_ssize_t a, i, k, first = self.n_placed, count = self.m - self.n_placed
        cdef bint moved = first == 0
        for a in range(first, self.m):
            self.unit[a] = 1.0 / self.S.l1[a] if self.S.l1[a] > 0.0 else 0.0
            self.at[a] = a
            moved = moved or self.x[a] != 0.0
        self.n_placed = self.m
        if moved:
            self._cluster_all()
            return
        for k in range(self.K):
            memset(&self.rows[self.name[k], first], 0, count * sizeof(double))
            for i in range(self.start[k], self.start[k + 1]):
                a = self.at[i]
                axpy(count, -self.weight[a], &self.Q[a, first], 0.0, NULL,
                     &self.rows[self.name[k], first])

    @cython.final
    cdef void _cluster_all(self) noexcept nogil:
        # Make clusters of the present coefficients; sizes that differ by rounding become equal.
        cdef Py_ssize_t a, i, n = 0, zeros = self.m
        cdef double size = -1.0
        self._forget_factor()
        self.n_free = self.n_names = self.K = 0
        for a in range(self.m):
            if self.x[a] != 0.0 and self.unit[a] > 0.0:
                self.pairs[n].key, self.pairs[n].at = fabs(self.x[a]) / self.unit[a], a
                self.weight[a] = self.unit[a] if self.x[a] > 0.0 else -self.unit[a]
                n += 1
            else:
                zeros -= 1
                self.at[zeros] = a
        sort_falling(n, self.pairs)
        for i in range(n):
            a = self.at[i] = self.pairs[i].at
            if self.pairs[i].key < (1.0 - 1e-10) * size or size < 0.0:
                size = self.pairs[i].key
                self.start[self.K] = i
                self.size[self.K] = size
                self.name[self.K] = self._new_name()
                self.K = self.K + 1
            if self.x[a] != self.weight[a] * size:
                self._move(a, self.weight[a] * size)
        self.start[self.K] = n
        for i in range(self.K):
            self._sum_rows(self.name[i], self.start[i], self.start[i + 1])

    @cython.final
    cdef Py_ssize_t _new_name(self) noexcept nogil:
        if self.n_free:
            self.n_free = self.n_free - 1
            return self.free[self.n_free]
        self.n_names = self.n_names + 1
        self.row_of[self.n_names - 1] = -1
        return self.n_names - 1

    @cython.final
    cdef void _sum_rows(self, Py_ssize_t name, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
        # Sum the Gram rows of the members at[start:stop].
        cdef Py_ssize_t i
        cdef double* row = &self.rows[name, 0]
        memset(row, 0, self.m * sizeof(double))
        for i in range(start, stop):
            axpy(self.m, -self.weight[self.at[i]], &self.Q[self.at[i], 0], 0.0, NULL, row)
        self._stops((stop - start) * self.m)

    @cython.final
    cdef void _shift_by(self, const double* moves, double* v) noexcept nogil:
        # v <- v - sum_k moves_k (row of cluster k), four at a time
        cdef Py_ssize_t[4] at
        cdef double[4] zero
        cdef double[4] d
        cdef Py_ssize_t k, count = 0
        zero[0] = zero[1] = zero[2] = zero[3] = 0.0
        for k in range(self.K):
            if moves[k] != 0.0:
                at[count] = &self.rows[self.name[k], 0] - &self.rows[0, 0]
                d[count] = moves[k]
                count += 1
                if count == 4:
                    axpy4(self.m, d, &self.rows[0, 0], at, zero, NULL, 0, 0, v)
                    count = 0
        for k in range(count):
            axpy(self.m, d[k], &self.rows[0, 0] + at[k], 0.0, NULL, v)
        self._stops(self.K * self.m)

    @cython.final
    cdef double _over(self, Py_ssize_t k, const double* v) noexcept nogil:
        # sum of weight * v over the members of cluster k
        cdef Py_ssize_t i
        cdef double total = 0.0
        for i in range(self.start[k], self.start[k + 1]):
            total += self.weight[self.at[i]] * v[self.at[i]]
        return total

    @cython.final
    cdef double _charge(self, Py_ssize_t k) noexcept nogil:
        # the penalty's slope in the size of cluster k
        return self.S.l1_strength * (self.up_to[self.start[k + 1]] - self.up_to[self.start[k]])

    @cython.final
    cdef void _join(self, Py_ssize_t n_blocks) noexcept nogil:
        # Merge the clusters of each block, those before stop[b], at the new size next_size[b]; a
        # block of size 0 becomes zeros.
        cdef Py_ssize_t b, k = 0, first, name, K = 0, end = self.start[self.K]
        for b in range(n_blocks):
            first = k
            name = self.name[first]
            if self.next_size[b] <= 0.0:
                if end > self.start[first]:
                    end = self.start[first]
                while k < self.stop[b]:
                    self._drop(self.name[k])
                    k += 1
                continue
            for k in range(first + 1, self.stop[b]):
                axpy(self.m, -1.0, &self.rows[self.name[k], 0], 0.0, NULL, &self.rows[name, 0])
                self._drop(self.name[k])
                self.stale[name] = 1
            k = self.stop[b]
            self.start[K], self.name[K] = self.start[first], name
            self.size[K] = self.next_size[b]
            K += 1
        self.start[K] = end
        self.K = K
        self._clean_factor()

    @cython.final
    cdef void _drop(self, Py_ssize_t name) noexcept nogil:
        self.stale[name] = 1
        self.free[self.n_free] = name
        self.n_free = self.n_free + 1

    @cython.final
    cdef void _clean_factor(self) noexcept nogil:
        # Remove the clusters whose rows have changed.
        cdef Py_ssize_t i, count = 0, first = self.A.k
        for i in range(self.A.k - 1, -1, -1):
            if self.stale[self.order[i]]:
                count += 1
                first = i
        if count > MOST_ROTATIONS:      # rows above are not affected
            for i in range(first, self.A.k):
                self.row_of[self.order[i]] = -1
            self.A.k = first
        elif count:
            for i in range(self.A.k - 1, first - 1, -1):
                if self.stale[self.order[i]]:
                    self.row_of[self.order[i]] = -1
                    self._stops((self.A.k - i) * (self.A.k - i))
                    factor_remove(&self.A, i)
        memset(&self.stale[0], 0, self.n_names * sizeof(Py_ssize_t))

    @cython.final
    cdef void _follow_clusters(self) noexcept nogil:
        # Append all clusters to the factor; where one is linearly dependent on the others, merge.
        cdef Py_ssize_t k = 0, i, name
        while k < self.K and not self.must_stop:
            name = self.name[k]
            if self.row_of[name] < 0:
                for i in range(self.K):
                    self.products[self.name[i]] = self._over(i, &self.rows[name, 0])
                self._stops(self.start[self.K] + self.A.k * self.A.k // 2)
                if not factor_append(&self.A, &self.products[0], self.products[name], name):
                    self._slide(k)
                    k = 0
                    continue
                self.row_of[name] = 0
            k += 1
        for k in range(self.K):
            self.place[self.name[k]] = k

    @cython.final
    cdef void _slide(self, Py_ssize_t k) noexcept nogil:
        # Row k = sum_i x_i (row of member i): along size_k + t, size_i - t x_i the fit is constant
        # and the penalty is linear.  Move in the direction in which it decreases, until two sizes
        # are equal; of several pairs that are equal already only one is merged, since more would
        # undo a whole split.  factor_append has left L^-1 products in the row after the last.
        cdef Py_ssize_t i, first = 0
        cdef double rate = 0.0, t
        cdef double* x = &self.L[self.A.k, 0]
        factor_solve_upper(&self.A, x)
        for i in range(self.K):
            self.place[self.name[i]] = i
            self.step[i] = 0.0
        self.step[k] = 1.0
        for i in range(self.A.k):       # smaller entries are rounding errors
            self.step[self.place[self.order[i]]] = -x[i] if fabs(x[i]) > 1e-9 else 0.0
        for i in range(self.K):
            rate += self.step[i] * self._charge(i)
        t = self._room()
        if rate > 0.0 or t == INFINITY:
            for i in range(self.K):
                self.step[i] = -self.step[i]
            t = self._room()
        while self._closing(first) > t:
            first += 1
        self.decrease = self.decrease + t * fabs(rate)
        self._collide(t, first)

    @cython.final
    cdef double _closing(self, Py_ssize_t k) noexcept nogil:
        # The length of the step after which cluster k meets the next, or 0; infinite if never.
        cdef double apart = self.size[k], d = self.step[k]
        if k + 1 < self.K:
            apart -= self.size[k + 1]
            d -= self.step[k + 1]
        return larger(apart, 0.0) / -d if d < 0.0 else INFINITY

    @cython.final
    cdef double _room(self) noexcept nogil:
        cdef Py_ssize_t k
        cdef double t = INFINITY
        for k in range(self.K):
            t = smaller(t, self._closing(k))
        return t

    @cython.final
    cdef void _collide(self, double t, Py_ssize_t only) noexcept nogil:
        # Go t times the step, and merge the clusters that meet there; of them, where only >= 0,
        # this one and the next.
        cdef Py_ssize_t k, b = 0
        cdef bint meets
        for k in range(self.K):
            self.sums[k] = t * self.step[k]
            meets = k == only if only >= 0 else self._closing(k) <= t * (1.0 + 1e-12)
            self.stop[b] = k + 1
            self.next_size[b] = self.size[k] + self.sums[k]
            if meets and k + 1 == self.K:
                self.next_size[b] = 0.0
            if not meets or k + 1 == self.K:
                b += 1
        if t > 0.0:
            self._shift_by(&self.sums[0], &self.h[0])
        self._join(b)

    @cython.final
    cdef void _write_coefficients(self) noexcept nogil:
        cdef Py_ssize_t i, k
        for k in range(self.K):
            for i in range(self.start[k], self.start[k + 1]):
                self.x[self.at[i]] = self.weight[self.at[i]] * self.size[k]
        for i in range(self.start[self.K], self.m):
            self.x[self.at[i]] = 0.0

    def sizes(self):
        """Return |t| of the nonzero coefficients, in the order of `keep`; equal in a cluster."""
        cdef Py_ssize_t i, k
        sizes = np.zeros(self.m)
        cdef double[::1] out = sizes
        for k in range(self.K):
            for i in range(self.start[k], self.start[k + 1]):
                out[self.at[i]] = self.size[k]
        return sizes[np.asarray(self.x)[:self.m] != 0.0]
