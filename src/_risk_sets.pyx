"""Risk sets of survival data, and Cox's loss on them.

    sum_t w_t log S_t - sum_i s_i delta_i z_i

risk.pxd has the loops, risk_gap.pxd the duality gap.
"""

from risk cimport (
    MOST_SUMS, find_hazards, find_sums, risk_curve, risk_evaluate, risk_sums_t, room_for_sums,
    sums_in,
)
from risk_gap cimport center_by_strata, gap_at_prediction, gap_at_residual, gap_part
from signals cimport check_signals

import numpy as np


cdef class RiskSets:
    """Risk sets at numbered event times, stratum by stratum in rising order.

    Parameters
    ----------
    first, last : (n_samples,) of int
        First and last event time at which a sample is at risk, but that of its own event, which
        comes after `last`; first > last: none.
    own : (n_samples,) of int
        Number of the time of its event; -1: censored, or without weight.
    stratum : (n_samples,) of int
    begins : (n_times + 1,) of int
        1 where a time is the first of its stratum, and at the end.
    weight : (n_samples,)
        Sample weights.
    efron : bool
        Whether ties are Efron's, not Breslow's.
    """

    def __init__(self, first, last, own, stratum, begins, weight, bint efron):
        cdef Py_ssize_t n = len(first), n_times = len(begins) - 1
        events = np.flatnonzero(own >= 0)
        of_event = own[events]
        counts = np.bincount(of_event, minlength=n_times)
        if not n_times or not counts.all():
            raise ValueError("every time wants an event")
        is_before = first <= last
        self.by_sample = np.array(
            [first, last, self._level_of(first, last, begins, is_before), own, stratum], np.intp)
        samples = np.zeros((2, n))
        samples[0] = np.where(is_before, weight, 0.0)
        samples[0][events] = samples[1][events] = weight[events]
        self.samples = samples
        self.times = weights = np.bincount(of_event, samples[1][events], n_times)
        if efron:
            time = np.repeat(np.arange(n_times), counts)
            place = np.arange(len(time)) - np.repeat(np.cumsum(counts) - counts, counts)
            self.terms = np.array([1.0 - place / counts[time], weights[time] / counts[time]])
        else:
            time = np.arange(n_times)
            self.terms = np.array([np.ones(n_times), weights])
        self.by_term = np.array([time], np.intp)
        by_time = np.zeros((6, max(n_times + 1, len(self.halves))), np.intp)
        by_time[0, :n_times + 1], by_time[1, :n_times] = begins, counts == 1
        by_time[2, :len(self.halves)] = self.halves
        by_time[3, of_event] = stratum[events]
        ends = last[is_before]
        self.order = np.flatnonzero(is_before)[np.argsort(ends, kind="stable")]
        self.events = events[np.argsort(of_event, kind="stable")]
        by_time[4, 1:n_times + 1] = np.cumsum(np.bincount(ends, minlength=n_times))
        by_time[5, 1:n_times + 1] = np.cumsum(counts)
        self.by_time = by_time
        self._describe(n, n_times, len(time), int(stratum.max()) + 1)

    def _level_of(self, first, last, begins, is_before):
        # The place in `halves` of the largest power of two of which a multiple lies within each
        # range: the highest bit in which its ends differ.
        self.halves = [0]
        late = is_before & (begins[np.minimum(first, len(begins) - 2)] != 1)
        if not late.any():
            return np.where(is_before, 0, -1)
        differing = np.where(late, first ^ last, 0)
        bits = np.frexp(differing.astype(np.float64))[1]     # 0 for single times
        found = np.unique(bits[late])
        self.halves += [0 if b == 0 else 2 ** (int(b) - 1) for b in found]
        level = np.searchsorted(found, bits) + 1
        return np.where(is_before, np.where(late, level, 0), -1)

    def twin(self):
        """Return the same risk sets with storage of their own, for another thread."""
        cdef RiskSets other = RiskSets.__new__(RiskSets)
        other.by_sample, other.by_time, other.by_term = self.by_sample, self.by_time, self.by_term
        other.samples, other.terms, other.times = self.samples, self.terms, self.times
        other.order, other.events, other.halves = self.order, self.events, self.halves
        other._describe(self.R.n, self.R.n_times, self.R.n_terms, self.R.n_strata)
        return other

    def _describe(self, Py_ssize_t n, Py_ssize_t n_times, Py_ssize_t n_terms, Py_ssize_t n_strata):
        cdef Py_ssize_t n_levels = len(self.halves)
        cdef Py_ssize_t wide = 1 if n_levels == 1 else (n_levels + 2) * MOST_SUMS + 3
        cdef double* room
        self.R.n, self.R.n_times, self.R.n_terms = n, n_times, n_terms
        self.R.n_strata, self.R.n_levels = n_strata, n_levels
        self.R.first, self.R.last = &self.by_sample[0, 0], &self.by_sample[1, 0]
        self.R.level, self.R.own = &self.by_sample[2, 0], &self.by_sample[3, 0]
        self.R.stratum = &self.by_sample[4, 0]
        self.R.begins, self.R.is_single = &self.by_time[0, 0], &self.by_time[1, 0]
        self.R.order, self.R.events = NULL, &self.events[0]
        if len(self.order):
            self.R.order = &self.order[0]
        self.R.group, self.R.group_of_events = &self.by_time[4, 0], &self.by_time[5, 0]
        self.R.half, self.R.time = &self.by_time[2, 0], &self.by_term[0, 0]
        self.R.share, self.R.term_weight = &self.terms[0, 0], &self.terms[1, 0]
        self.R.time_weight = &self.times[0]
        self.R.s, self.R.event = &self.samples[0, 0], &self.samples[1, 0]
        self.storage = np.zeros(2 * n + 5 * n_terms + 2 * n_strata
                                + (3 + wide) * n_times)
        room = &self.storage[0]
        self.C.room, self.C.inverse = room, room + n
        room += 2 * n
        self.C.away, self.C.along, self.C.events_away = room, room + n_terms, room + 2 * n_terms
        self.C.odds, self.C.means = room + 3 * n_terms, room + 4 * n_terms
        room += 5 * n_terms
        self.C.ranges = room
        room += 2 * n_strata
        self.C.mean_logs, self.C.by_time = room, room + n_times
        room += 3 * n_times
        self.R.work = room
        self.C.of_events = self.C.sums = NULL
        if n_levels > 1:
            room += n_levels * MOST_SUMS * n_times
            self.C.sums, self.C.of_events = room, room + 2 * MOST_SUMS * n_times

    def evaluate(self, const double[::1] z):
        """Return (loss, residual, d) at a predictor: the Hessian is diag(d) - M'M.

        The loss is infinite, and the others are of no meaning, where exponentials of the predictor
        leave the range of float64.
        """
        cdef double[::1] r = np.zeros(self.R.n), d = np.zeros(self.R.n)
        cdef double[:, ::1] room = self._room()
        cdef risk_sums_t A = self.sums(room)
        self._check(z)
        loss = risk_evaluate(&self.R, &z[0], self.C.by_time, &A, &r[0], &d[0])
        return loss, np.asarray(r), np.asarray(d)

    def losses(self, const double[:, ::1] z):
        """Return the loss at each of several predictors, (n_predictors, n_samples)."""
        cdef double[:, ::1] room = self._room()
        cdef double[::1] work = np.empty(self.R.n)
        cdef risk_sums_t A = self.sums(room)
        cdef Py_ssize_t k
        if z.shape[1] != self.R.n:
            raise ValueError("a predictor has one entry per sample")
        found = np.empty(z.shape[0])
        cdef double[::1] loss = found
        for k in range(z.shape[0]):
            with nogil:
                find_sums(&self.R, &z[k, 0], &work[0], self.C.by_time, &A)
            loss[k] = A.loss
            check_signals()
        return found

    def curve(self, const double[::1] z, const double[::1] step):
        """Return the product of the Hessian at z with a step."""
        cdef double[::1] out = np.zeros(self.R.n), r = np.zeros(self.R.n), d = np.zeros(self.R.n)
        cdef double[:, ::1] room = self._room()
        cdef risk_sums_t A = self.sums(room)
        self._check(z)
        self._check(step)
        risk_evaluate(&self.R, &z[0], self.C.by_time, &A, &r[0], &d[0])
        risk_curve(&self.R, &A, &d[0], &step[0], self.C.room, self.C.by_time, self.C.means,
                   &out[0])
        return np.asarray(out)

    def hazards(self, const double[::1] z):
        """Return the increment of the cumulative baseline hazard at each time."""
        cdef double[:, ::1] room = self._room()
        cdef risk_sums_t A = self.sums(room)
        self._check(z)
        find_sums(&self.R, &z[0], self.C.room, self.C.by_time, &A)
        find_hazards(&self.R, A.S, NULL, self.C.by_time)
        of_time = np.asarray(self.by_time[3])[:self.R.n_times]
        top = np.asarray(room[0, self.R.n + self.R.n_terms:])[of_time]
        return np.asarray(<double[:self.R.n_times]> self.C.by_time) * np.exp(-top)

    def part(self, const double[::1] z, double k, before=None, reference=None):
        """Return the loss's part of the gap at k times a dual point.

        That is the residual at z or, with `before`, the residual there less the product of the
        Hessian at `reference` with z - before: infinite if it may be outside the domain.
        """
        cdef double[:, ::1] room = self._room(), old = self._room(), base = self._room()
        cdef risk_sums_t A = self.sums(room), before_it = self.sums(old), B = self.sums(base)
        cdef const double[::1] z_old, z_base
        cdef double[::1] step, since
        self._check(z)
        if before is None:
            find_sums(&self.R, &z[0], self.C.room, self.C.by_time, &A)
            gap_at_residual(&self.R, &A, &z[0], &self.C)
            return gap_part(&self.R, &A, &self.C, k)
        z_old, z_base = before, reference
        self._check(z_old)
        self._check(z_base)
        step, since = np.subtract(z, before), np.subtract(before, reference)
        find_sums(&self.R, &z_base[0], self.C.room, self.C.by_time, &B)
        find_sums(&self.R, &z_old[0], self.C.room, self.C.by_time, &before_it)
        find_sums(&self.R, &z[0], self.C.room, self.C.by_time, &A)
        if not gap_at_prediction(&self.R, &before_it, &B, &A, &z[0], &step[0],
                                 center_by_strata(&self.R, &since[0], self.C.ranges), &self.C):
            return float("inf")
        return gap_part(&self.R, &A, &self.C, k)

    def _room(self):
        return np.zeros((1, room_for_sums(&self.R)))

    cdef risk_sums_t sums(self, double[:, ::1] room) noexcept:
        return sums_in(&self.R, &room[0, 0])

    def _check(self, const double[::1] z):
        if z.shape[0] != self.R.n:
            raise ValueError("a predictor has one entry per sample")


def concordance(const double[:, ::1] y, const Py_ssize_t[::1] order, const Py_ssize_t[::1] entry,
                const Py_ssize_t[::1] rank, const double[::1] s):
    """Return (concordant, comparable) sums of weights of pairs.

    A pair is a sample with an event and one that is at risk then and goes on longer, or as long but
    is censored, in the same stratum; concordant if the predictor of the first is larger, by half if
    they are equal.

    Parameters
    ----------
    y : (n_samples, 4) start, stop, event, stratum
    order : (n_samples,) samples by stratum, then by falling stop, those censored first
    entry : (n_samples,) samples by stratum, then by falling start
    rank : (n_samples,) ranks of the predictors from 1 on, the same where they are equal
    s : (n_samples,) weights
    """
    cdef Py_ssize_t n = y.shape[0], a = 0, b, e = 0, k, i, j
    cdef double[::1] tree = np.zeros(n + 1)
    cdef double[::1] at = np.zeros(n + 1)       # weight of each rank
    cdef double concordant = 0.0, comparable = 0.0, inside = 0.0, below
    while a < n:
        i = order[a]
        b = a
        if a == 0 or y[order[a - 1], 3] != y[i, 3]:
            tree[:] = 0.0
            at[:] = 0.0
            inside = 0.0
            while e < n and y[entry[e], 3] < y[i, 3]:
                e += 1
        if y[i, 2] == 0.0:
            add_to_tree(tree, at, rank[i], s[i])
            inside += s[i]
            a += 1
            continue
        while b < n and y[order[b], 3] == y[i, 3] and y[order[b], 1] == y[i, 1]:
            b += 1      # events at one time
        while e < n and y[entry[e], 3] == y[i, 3] and y[entry[e], 0] >= y[i, 1]:
            add_to_tree(tree, at, rank[entry[e]], -s[entry[e]])
            inside -= s[entry[e]]
            e += 1
        for k in range(a, b):
            j = order[k]
            below = sum_in_tree(tree, rank[j] - 1)
            concordant += s[j] * (below + 0.5 * at[rank[j]])
            comparable += s[j] * inside
        for k in range(a, b):
            add_to_tree(tree, at, rank[order[k]], s[order[k]])
            inside += s[order[k]]
        a = b
    return concordant, comparable


cdef void add_to_tree(double[::1] tree, double[::1] at, Py_ssize_t rank, double s) noexcept nogil:
    at[rank] += s
    while rank < tree.shape[0]:
        tree[rank] += s
        rank += rank & -rank


cdef double sum_in_tree(const double[::1] tree, Py_ssize_t rank) noexcept nogil:
    cdef double total = 0.0
    while rank > 0:
        total += tree[rank]
        rank -= rank & -rank
    return total
