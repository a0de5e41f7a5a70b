"""The engine for SLOPE, the sorted L1 penalty: Newton steps on clusters of equal sizes.

    minimise  1/2 ||y - C u||_s^2 + alpha sum_k lambda_k |t|_(k),      t_j = q_j u_j

q_j is the L1 strength of feature j in the engine's units, so that t compares coefficients in the
user's.  Slots and screening are those of `Slots` and `Screened`.  The slots are a partition into
clusters of equal |t_j|, in falling order, and the zeros.  While the partition stays, the objective
is quadratic in one number for each cluster, and a Newton step on these numbers is exact.  A step
that breaks the order is projected on falling numbers, which merges clusters; after a full step
partial sums of sorted slopes tell which clusters must be split.  docs/mathematics.md, "SLOPE".
"""

cimport cython
from libc.math cimport fabs
from libc.string cimport memcpy, memset

from arithmetic cimport larger, smaller
from factor cimport factor_solve
from screening cimport LARGEST_BASIS, screening_open, screening_still_open
from signals cimport check_signals
from softreg_fast.kernels._clusters cimport Clusters
from softreg_fast.kernels._slots cimport Slots
from sorted cimport compare_falling, keyed_t, pool, sort_falling, violating
from tolerances cimport ENTRIES_PER_SIGNAL_CHECK

import numpy as np

# A fit ends where no partial sum of slopes exceeds that of the lambdas by more than this, relative
# to alpha lambda_1.
cdef double STATIONARY = 1e-12

# It also ends after MOST_VAIN splits in a row that have decreased the objective, which is at most
# 1/2, by NOTHING: what is left is rounding.
cdef double NOTHING = 1e-17
cdef int MOST_VAIN = 10

# Splits of less than this part of the worst violation wait: most would be merged again.
cdef double WORTH_SPLITTING = 0.4

# After MOST_EMPTY steps that merge without progress only the worst violation is split, MOST_SINGLE
# times: that is a direction of descent.
cdef int MOST_EMPTY = 3
cdef int MOST_SINGLE = 5


def in_units(slopes, q):
    """Return |slope_j| / q_j, 0 for features that q_j = 0 excludes."""
    return np.divide(np.abs(slopes), q, out=np.zeros(len(q)), where=np.asarray(q) > 0.0)


def dual_norm(sizes, lambdas):
    """Return the smallest alpha such that all partial sums of the largest sizes are at most those
    of alpha * lambdas."""
    sums = np.cumsum(np.sort(sizes)[::-1])
    return float(np.max(sums / np.cumsum(lambdas), initial=0.0))


cdef class SlopeEngine(Clusters):
    """Exact solver for a whole path of one target under SLOPE; see `Clusters`."""

    cdef double[::1] slope, worst_of, trial     # of clusters; by slot
    cdef Py_ssize_t[::1] next_start, next_name
    cdef Py_ssize_t n_zeros, worst_cluster, worst_cut

    cdef int _make_room(self, Py_ssize_t capacity) except -1:
        integers, numbers = np.zeros((2, capacity + 1), np.intp), np.zeros((3, capacity + 1))
        self.next_start, self.next_name = integers
        self.slope, self.worst_of, self.trial = numbers
        Clusters._make_room(self, capacity)
        return 0

    # -- steps ---------------------------------------------------------------------------------

    @cython.final
    cdef bint _cluster_step(self) noexcept nogil:
        # A Newton step on the sizes: in full, projected on falling sizes, or to where the first
        # clusters meet; returns whether it was taken in full.
        cdef Py_ssize_t i, k
        cdef double t
        cdef bint falls = True
        self._follow_clusters()
        if self.must_stop:
            return False
        self.n_newton = self.n_newton + 1
        for k in range(self.K):
            self.slope[k] = self._over(k, &self.h[0]) - self._charge(k)
        for i in range(self.A.k):
            self.rhs[i] = self.slope[self.place[self.order[i]]]
        factor_solve(&self.A, &self.rhs[0])
        self._stops(self.A.k * self.A.k)
        for i in range(self.A.k):
            self.step[self.place[self.order[i]]] = self.rhs[i]
        for k in range(self.K - 1, -1, -1):
            t = self.size[k] + self.step[k]
            falls = falls and t >= (self.size[k + 1] + self.step[k + 1] if k + 1 < self.K else 0.0)
            self.next_size[k] = t
        if falls:
            for k in range(self.K):
                self.decrease = self.decrease + 0.5 * self.step[k] * self.slope[k]
                self.size[k] = self.next_size[k]
            self._shift_by(&self.step[0], &self.h[0])
            return True
        t = 1.0
        while t > 0.1 and not self.must_stop:
            if self._project(t):
                return False
            t *= 0.5
        t = self._room()
        for k in range(self.K):
            self.decrease = self.decrease + t * (1.0 - 0.5 * t) * self.step[k] * self.slope[k]
        self._collide(t, -1)
        return False

    @cython.final
    cdef bint _project(self, double t) noexcept nogil:
        # Take the falling sizes nearest to those after t times the step, if the objective decreases
        # there; returns whether it does.
        cdef Py_ssize_t a, b, k = 0, n_blocks
        cdef double change = 0.0
        for k in range(self.K):
            self.counts[k] = self.start[k + 1] - self.start[k]
            self.sums[k] = self.counts[k] * (self.size[k] + t * self.step[k])
        n_blocks = pool(self.K, &self.sums[0], &self.counts[0], &self.stop[0])
        k = 0
        for b in range(n_blocks):
            self.next_size[b] = larger(self.sums[b] / self.counts[b], 0.0)
        for b in range(n_blocks):
            while k < self.stop[b]:
                self.sums[k] = self.next_size[b] - self.size[k]
                k += 1
        memset(&self.trial[0], 0, self.m * sizeof(double))
        self._shift_by(&self.sums[0], &self.trial[0])
        for k in range(self.K):
            if self.sums[k] != 0.0:
                change -= self.sums[k] * (0.5 * self._over(k, &self.trial[0]) + self.slope[k])
        if not change < -NOTHING:
            return False
        self.decrease = self.decrease - change
        for a in range(self.m):
            self.h[a] = self.h[a] + self.trial[a]
        self._join(n_blocks)
        return True

    # -- splits --------------------------------------------------------------------------------

    @cython.final
    cdef double _find_violations(self) noexcept nogil:
        # Sort the members of every cluster by their slopes, and the zeros that may enter (pairs);
        # return the largest excess of a partial sum over that of the lambdas.
        cdef Py_ssize_t i, a, k, n, cut
        cdef double excess, worst = 0.0, alpha = self.S.l1_strength
        for k in range(self.K):
            n = self.start[k + 1] - self.start[k]
            self.worst_of[k] = 0.0
            if n > 1:
                for i in range(n):
                    a = self.at[self.start[k] + i]
                    self.pairs[i].key, self.pairs[i].at = self.weight[a] * self.h[a], a
                sort_falling(n, self.pairs)
                for i in range(n):
                    self.at[self.start[k] + i] = self.pairs[i].at
                cut = violating(n - 1, self.pairs, alpha, &self.lambdas[self.start[k]], &excess)
                self.worst_of[k] = excess
                if excess > worst:
                    worst = excess
                    self.worst_cluster, self.worst_cut = k, cut
        self._collect_zeros(0)
        sort_falling(self.n_zeros, self.pairs)
        cut = violating(self.n_zeros, self.pairs, alpha, &self.lambdas[0] + self.start[self.K],
                        &excess)
        self.worst_of[self.K] = excess
        if excess > worst:
            worst = excess
            self.worst_cluster, self.worst_cut = self.K, cut
        return worst

    @cython.final
    cdef void _collect_zeros(self, Py_ssize_t others) noexcept nogil:
        # Write the zeros to pairs that may exceed their lambda when they are sorted together with
        # as many others.  Those below the lambda of the last rank cannot, whatever their rank;
        # without them there are fewer ranks.
        cdef Py_ssize_t i, a, n = 0, before, last, support = self.start[self.K]
        cdef double least
        for i in range(support, self.m):
            a = self.at[i]
            self.pairs[n].key, self.pairs[n].at = fabs(self.h[a]) * self.unit[a], a
            n += 1
        before = n + 1
        while n and n < before:
            before = n
            last = min(support + n + others, self.X.p)
            least = self.S.l1_strength * self.lambdas[last - 1]
            n = 0
            for i in range(before):
                if self.pairs[i].key > least:
                    self.pairs[n] = self.pairs[i]
                    n += 1
        self.n_zeros = n

    @cython.final
    cdef void _split(self, double worst, bint single) noexcept nogil:
        # Split clusters, and let zeros in, where `_find_violations` has found enough reason.
        cdef Py_ssize_t b, k, n, first, K = 0, n_blocks
        cdef double total, alpha = self.S.l1_strength, enough = WORTH_SPLITTING * worst
        for k in range(self.K):
            first, n = self.start[k], self.start[k + 1] - self.start[k]
            n_blocks = 1
            self.stop[0] = n
            if single and k == self.worst_cluster:
                self.stop[0], self.stop[1] = self.worst_cut, n
                n_blocks = 2
            elif not single and self.worst_of[k] >= enough:
                for b in range(n):
                    self.sums[b] = (self.weight[self.at[first + b]] * self.h[self.at[first + b]]
                                    - alpha * self.lambdas[first + b])
                    self.counts[b] = 1.0
                n_blocks = pool(n, &self.sums[0], &self.counts[0], &self.stop[0])
            total = 0.0
            for b in range(n_blocks):
                if b + 1 < n_blocks and not single:
                    total += self.sums[b]
                    if total < enough:
                        continue
                self.next_start[K] = first
                self.next_size[K] = self.size[k]
                self.next_name[K] = self.name[k] if first == self.start[k] else self._new_name()
                if self.stop[b] < n or first > self.start[k]:
                    self.stale[self.next_name[K]] = 1
                first = self.start[k] + self.stop[b]
                K += 1
        first = self.start[self.K]
        if single and self.worst_cluster == self.K:
            self.stop[0] = self.worst_cut
            n_blocks = 1
        elif not single and self.worst_of[self.K] >= enough:
            for b in range(self.n_zeros):
                self.sums[b] = self.pairs[b].key - alpha * self.lambdas[first + b]
                self.counts[b] = 1.0
            n_blocks = pool(self.n_zeros, &self.sums[0], &self.counts[0], &self.stop[0])
            while n_blocks and self.sums[n_blocks - 1] <= 0.0:
                n_blocks -= 1
        else:
            n_blocks = 0
        for b in range(n_blocks):
            self.next_start[K] = first
            self.next_size[K] = 0.0
            self.next_name[K] = self._new_name()
            self.stale[self.next_name[K]] = 1
            first = self.start[self.K] + self.stop[b]
            K += 1
        if n_blocks:
            self._let_in(self.stop[n_blocks - 1])
        self.next_start[K] = first
        self.K = K
        memcpy(&self.start[0], &self.next_start[0], (K + 1) * sizeof(Py_ssize_t))
        memcpy(&self.name[0], &self.next_name[0], K * sizeof(Py_ssize_t))
        memcpy(&self.size[0], &self.next_size[0], K * sizeof(double))
        for k in range(K):
            if self.stale[self.name[k]]:
                self._sum_rows(self.name[k], self.start[k], self.start[k + 1])
        self._clean_factor()

    @cython.final
    cdef void _let_in(self, Py_ssize_t count) noexcept nogil:
        # Put the first `count` of pairs before the other zeros.
        cdef Py_ssize_t i, a, first = self.start[self.K], to = self.m
        for i in range(count):
            self.moved[self.pairs[i].at] = 1
        for i in range(self.m - 1, first - 1, -1):
            a = self.at[i]
            if not self.moved[a]:
                to -= 1
                self.at[to] = a
        for i in range(count):
            a = self.pairs[i].at
            self.at[first + i] = a
            self.moved[a] = 0
            self.weight[a] = self.unit[a] if self.h[a] > 0.0 else -self.unit[a]

    cdef int _solve_slots(self, double tol, Py_ssize_t max_iter) except -1:
        cdef int n_empty = 0, n_single = 0, n_vain = 0
        cdef bint single = False, full
        cdef double worst, before
        if self.n_placed < self.m or self.n_placed == 0:
            with nogil:
                self._place_slots()
        self.decrease = 0.0
        while self.n_epochs < max_iter:
            self.n_epochs = self.n_epochs + 1
            before = self.decrease
            with nogil:
                full = self._cluster_step()
            self._raise_signal()
            if not full:
                n_empty = n_empty + 1 if self.decrease - before <= NOTHING else 0
                single = single or n_empty > MOST_EMPTY
                continue
            with nogil:
                worst = self._find_violations()
                self._stops(self.m)
            n_vain = n_vain + 1 if self.decrease <= NOTHING else 0
            single = single or n_vain > MOST_EMPTY
            if worst <= STATIONARY * self.S.l1_strength * self.lambdas[0] or n_vain > MOST_VAIN:
                break
            self.decrease = 0.0
            with nogil:
                self._split(worst, single)
            self._raise_signal()
            if single:
                n_single += 1
                if n_single == MOST_SINGLE:
                    single = False
                    n_single = n_empty = 0
        self._write_coefficients()
        return 0

    # -- certificate ---------------------------------------------------------------------------

    cdef int _certify(self) except -1:
        # Set the gap for the dual point s r: s is limited by the slopes of the slots, since
        # screening has shown that the other features do not exceed their lambdas.
        cdef Py_ssize_t a, k
        cdef double total = 0.0, largest = 0.0, penalty = 0.0, fitted = 0.0, s
        cdef double alpha = self.S.l1_strength
        Slots._certify(self)
        for a in range(self.m):
            self.pairs[a].key, self.pairs[a].at = fabs(self.h[a]) * self.unit[a], a
            fitted += self.x[a] * self.h[a]
        sort_falling(self.m, self.pairs)
        for a in range(self.m):
            total += self.pairs[a].key
            largest = larger(largest, total / (alpha * self.up_to[a + 1]))
        for k in range(self.K):
            penalty += self._charge(k) * self.size[k]
        s = 1.0 + fitted / self.loss if self.loss > 0.0 else 1.0
        if largest > 0.0:
            s = smaller(s, 1.0 / largest)
        self.gap = larger(0.5 * self.loss * (1.0 - s) * (1.0 - s) + penalty - s * fitted, 0.0)
        return 0

    # -- features without a slot ---------------------------------------------------------------

    cdef Py_ssize_t _find_open(self) except -1:
        # Bounds on the slopes, sorted with the slopes of the zeros, take the place of slopes: only
        # the features in the beginning whose sum exceeds that of the lambdas by most are open.
        cdef double[LARGEST_BASIS] beta
        cdef double rest
        cdef Py_ssize_t count, kept = 0, start, stop = 0, portion
        with nogil:
            self.P.l1_strength = self.S.l1_strength * self.lambdas[self.X.p - 1]
            count = screening_open(&self.B, &self.P, self.X.p, &self.listed[0])
            count = self._exclude(count)
        if count and self.B.k:
            rest = self._place_in_basis(beta)
            portion = ENTRIES_PER_SIGNAL_CHECK // self.B.k
            while stop < count:
                start = stop
                stop = min(start + portion, count)
                with nogil:
                    kept = screening_still_open(&self.B, &self.P, beta, rest, &self.listed[0],
                                                start, stop, kept)
                check_signals()
            count = self._exclude(kept)
        self.P.l1_strength = self.S.l1_strength
        with nogil:
            for kept in range(count):
                start = self.listed[kept]
                self.found[0, kept] = self.B.known[start] + self.B.odometer
            return self._keep_violating(count, 1.0)

    @cython.final
    cdef Py_ssize_t _exclude(self, Py_ssize_t count) noexcept nogil:
        # Keep the listed features whose bounds exceed the lambda of the last rank that they and the
        # zeros could take, as in `_collect_zeros`; leave that lambda as the strength of P.
        cdef Py_ssize_t i, j, n, before = -1, support = self.start[self.K]
        cdef double least = 0.0
        while count != before:
            before = count
            self._collect_zeros(count)
            n = min(support + self.n_zeros + count, self.X.p)
            least = self.S.l1_strength * self.lambdas[n - 1] if n else 0.0
            count = 0
            for i in range(before):
                j = self.listed[i]
                self.listed[count] = j
                count += self.B.known[j] + self.B.odometer > least * self.l1[j]
        self.P.l1_strength = least
        return count

    @cython.final
    cdef Py_ssize_t _count_violating(self, Py_ssize_t count, double ahead,
                                     keyed_t* last) noexcept nogil:
        # Among the zeros and the listed features, with sizes of slopes in found, those in the
        # beginning of the sorted sizes whose sum exceeds that of ahead * alpha * lambdas by most;
        # return how many of them are listed, and set the last.
        cdef Py_ssize_t i, n, listed = 0
        cdef double excess
        self._collect_zeros(count)
        n = self.n_zeros
        for i in range(n):
            self.pairs[i].at = -1
        for i in range(count):
            self.pairs[n] = self._listed_pair(i)
            n += 1
        sort_falling(n, self.pairs)
        n = violating(n, self.pairs, ahead * self.S.l1_strength,
                      &self.lambdas[0] + self.start[self.K], &excess)
        for i in range(n):
            listed += self.pairs[i].at >= 0
        if n:
            last[0] = self.pairs[n - 1]
        return listed

    @cython.final
    cdef keyed_t _listed_pair(self, Py_ssize_t i) noexcept nogil:
        cdef keyed_t pair
        pair.key, pair.at = fabs(self.found[0, i]) / self.l1[self.listed[i]], i
        return pair

    @cython.final
    cdef Py_ssize_t _keep_violating(self, Py_ssize_t count, double ahead) noexcept nogil:
        # Keep the listed features that `_count_violating` counts.
        cdef keyed_t last, pair
        cdef Py_ssize_t i, kept = 0
        if not self._count_violating(count, ahead, &last):
            return 0
        for i in range(count):
            pair = self._listed_pair(i)
            if compare_falling(&pair, &last) <= 0:
                self.listed[kept], self.found[0, kept] = self.listed[i], self.found[0, i]
                kept += 1
        return kept

    cdef Py_ssize_t _choose(self, Py_ssize_t n_open, double ahead, bint* violated) noexcept nogil:
        cdef keyed_t last
        violated[0] = self._count_violating(n_open, 1.0, &last) > 0
        return self._keep_violating(n_open, ahead)

    def entry_strength(self, slopes):
        """Return the alpha at which the first features enter, from the slopes at u = 0."""
        return dual_norm(in_units(slopes, self.l1), self.lambdas)
