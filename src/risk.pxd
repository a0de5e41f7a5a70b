"""Risk sets of survival data: sums over those at risk at each event time, and over those times.

Event times are numbered stratum by stratum, in each from the first to the last.  A sample is at
risk at consecutive ones, from `first` to `last`; its own event, if it has one, comes after `last`
and is kept apart.  `sum_both` adds the samples at risk at each time, `sum_over_times` the times
at which each sample is at risk.  Neither subtracts, so that no digits are lost however much larger
the samples are that enter late or leave early: a range that begins with its stratum, as all do
where nobody enters late, is part of one running sum.  Others are halved at the multiple of the
largest power of two within; the halves are parts of running sums over blocks of that length, one
level of which adds all ranges that have the power in common.  O(n + n_times levels) in all.

At a tie there are several terms: Efron's k-th counts those whose event it is with the share
1 - k / d, Breslow's method has one term.  A term t is w_t log S_t, S_t the sum of s_i exp(z_i) over
those at risk with this share of those whose event it is.
"""

from libc.math cimport INFINITY, log
from libc.string cimport memset

from arithmetic cimport larger, smaller

cdef extern from "exponential.h" nogil:
    void exp_of "sr_exp_of_f64"(Py_ssize_t n, const double* x, double* out) noexcept

# Sums below this may consist of exponentials that were clipped.
cdef extern from *:
    """
    #define SR_LEAST_SUM 1e-200
    """
    const double LEAST_SUM "SR_LEAST_SUM"

# Most numbers of each sample that are added in one pass.
cdef enum:
    MOST_SUMS = 8

ctypedef struct risk_t:
    Py_ssize_t n, n_times, n_terms, n_strata, n_levels
    const Py_ssize_t* first         # of each sample
    const Py_ssize_t* last
    const Py_ssize_t* level         # of its range: -1: empty; 0: begins with its stratum
    const Py_ssize_t* own           # time of its event, or -1
    const Py_ssize_t* stratum
    const Py_ssize_t* half          # of each level but 0: length of the blocks; 0: single times
    const Py_ssize_t* begins        # whether a time is the first of its stratum; n_times + 1
    const Py_ssize_t* time          # of each term
    const double* share
    const double* term_weight
    const double* time_weight       # sum of the weights of the events at each time
    const Py_ssize_t* is_single     # whether a time has one event
    const double* s                 # sample weights
    const double* event             # weight of the event of each sample; 0: censored
    # samples by their last time, and with an event by its time, those of time g from [g] to [g + 1]
    const Py_ssize_t* order
    const Py_ssize_t* group
    const Py_ssize_t* events
    const Py_ssize_t* group_of_events
    double* work                    # (n_levels, n_times, MOST_SUMS); one level: (n_times,)

ctypedef struct risk_sums_t:
    # at a predictor z
    double* v                       # (n,) s_i exp(z_i - top of the stratum)
    double* S                       # (n_terms,)
    double* top                     # (n_strata,) the largest z
    double loss                     # infinite where exponentials leave the range of float64


cdef inline Py_ssize_t room_for_sums(const risk_t* R) noexcept nogil:
    return R.n + R.n_terms + R.n_strata


cdef inline risk_sums_t sums_in(const risk_t* R, double* room) noexcept nogil:
    cdef risk_sums_t A
    A.v, A.S, A.top, A.loss = room, room + R.n, room + R.n + R.n_terms, INFINITY
    return A


cdef inline void sum_both(const risk_t* R, const double* x, double* out) noexcept nogil:
    # out[0, g] = sum of x over the samples at risk at time g, without those whose event is then;
    # out[1, g] = sum of these
    cdef Py_ssize_t i, g, k
    cdef double total = 0.0, own
    if R.n_levels > 1:
        begin_sums(R, 1, out)
        for i in range(R.n):
            add_to_sums(R, 1, i, x + i, out)
        finish_sums(R, 1, out)
        return
    for g in range(R.n_times - 1, -1, -1):
        if R.begins[g + 1]:
            total = 0.0
        for k in range(R.group[g], R.group[g + 1]):
            total += x[R.order[k]]
        own = 0.0
        for k in range(R.group_of_events[g], R.group_of_events[g + 1]):
            own += x[R.events[k]]
        out[g], out[R.n_times + g] = total, own


# The same, wherever ranges begin, of `count` numbers of each sample, at most MOST_SUMS:
# out[0 or 1, g, k].

cdef inline void begin_sums(const risk_t* R, Py_ssize_t count, double* out) noexcept nogil:
    memset(R.work, 0, R.n_levels * R.n_times * count * sizeof(double))
    memset(out + R.n_times * count, 0, R.n_times * count * sizeof(double))


cdef inline void add_to_sums(const risk_t* R, Py_ssize_t count, Py_ssize_t i, const double* x,
                             double* out) noexcept nogil:
    # Add the numbers x of sample i.
    cdef Py_ssize_t level = R.level[i], c
    cdef double* row
    if level >= 0:
        row = R.work + (level * R.n_times + R.last[i]) * count
        for c in range(count):
            row[c] += x[c]
        if level and R.first[i] != R.last[i]:
            row = R.work + (level * R.n_times + R.first[i]) * count
            for c in range(count):
                row[c] += x[c]
    if R.own[i] >= 0:
        row = out + (R.n_times + R.own[i]) * count
        for c in range(count):
            row[c] += x[c]


cdef inline void finish_sums(const risk_t* R, Py_ssize_t count, double* out) noexcept nogil:
    cdef Py_ssize_t g, c, k, half, block, start, stop, at
    cdef const double* row = R.work
    cdef double[MOST_SUMS] total
    for c in range(count):
        total[c] = 0.0
    for g in range(R.n_times - 1, -1, -1):
        for c in range(count):
            total[c] = row[g * count + c] + (0.0 if R.begins[g + 1] else total[c])
            out[g * count + c] = total[c]
    for k in range(1, R.n_levels):
        row, half = R.work + k * R.n_times * count, R.half[k]
        if half == 0:
            for g in range(R.n_times * count):
                out[g] += row[g]
            continue
        for block in range((R.n_times + half - 1) // half):
            start, stop = block * half, min((block + 1) * half, R.n_times)
            for c in range(count):
                total[c] = 0.0
            for g in range(stop - start):       # ranges begin in even blocks, and end in odd ones
                at = (start + g if block % 2 == 0 else stop - 1 - g) * count
                for c in range(count):
                    total[c] += row[at + c]
                    out[at + c] += total[c]


cdef inline void sum_over_times(const risk_t* R, const double* x, double* out) noexcept nogil:
    # out[i] = sum of x over the times at which sample i is at risk, but that of its own event
    cdef Py_ssize_t i, g, k, half, block, start, stop, at
    cdef double* row = R.work
    cdef double total = 0.0
    for g in range(R.n_times):
        if R.begins[g]:
            total = 0.0
        total += x[g]
        row[g] = total
    for k in range(1, R.n_levels):
        row, half = R.work + k * R.n_times, R.half[k]
        if half == 0:
            for g in range(R.n_times):
                row[g] = x[g]
            continue
        for block in range((R.n_times + half - 1) // half):
            start, stop = block * half, min((block + 1) * half, R.n_times)
            total = 0.0
            for g in range(stop - start):
                at = stop - 1 - g if block % 2 == 0 else start + g
                total += x[at]
                row[at] = total
    for i in range(R.n):
        k = R.level[i]
        if k < 0:
            out[i] = 0.0
            continue
        row = R.work + k * R.n_times
        out[i] = row[R.last[i]]
        if k and R.first[i] != R.last[i]:
            out[i] += row[R.first[i]]


cdef inline void find_sums(const risk_t* R, const double* z, double* room, double* by_time,
                           risk_sums_t* A) noexcept nogil:
    # Fill A.  room: (n,); by_time: (2, n_times).
    cdef Py_ssize_t i, t, g
    cdef double* others = by_time
    cdef double* events = by_time + R.n_times
    cdef double least = INFINITY, product = 1.0, weight = R.term_weight[0]
    cdef double top = -INFINITY
    for g in range(R.n_strata):
        A.top[g] = -INFINITY
    g = R.stratum[0]
    for i in range(R.n):
        if R.stratum[i] != g:
            A.top[g] = top
            g = R.stratum[i]
            top = A.top[g]
        if R.s[i] > 0.0:
            top = larger(top, z[i])
    A.top[g] = top
    for i in range(R.n):
        room[i] = z[i] - A.top[R.stratum[i]] if R.s[i] > 0.0 else 0.0
    exp_of(R.n, room, A.v)
    A.loss = 0.0
    for i in range(R.n):
        A.v[i] *= R.s[i]
        A.loss -= R.event[i] * room[i]
    sum_both(R, A.v, by_time)
    for t in range(R.n_terms):
        g = R.time[t]
        A.S[t] = others[g] + R.share[t] * events[g]
        least = smaller(least, A.S[t])
        if R.term_weight[t] != weight or not 1e-100 < product < 1e100:
            A.loss += weight * log(product)     # one logarithm of many terms of the same weight
            product, weight = 1.0, R.term_weight[t]
        product *= A.S[t]
    A.loss += weight * log(product)
    if not (A.loss == A.loss and least > LEAST_SUM):
        A.loss = INFINITY


cdef inline void find_hazards(const risk_t* R, const double* S, const double* means,
                              double* by_time) noexcept nogil:
    # by_time[0, g] = sum of w_t m_t / S_t over the terms of g, by_time[1, g] with their shares;
    # m: means of the terms, NULL: all are one
    cdef double* whole = by_time
    cdef double* shared = by_time + R.n_times
    cdef Py_ssize_t t, g
    cdef double h
    memset(by_time, 0, 2 * R.n_times * sizeof(double))
    for t in range(R.n_terms):
        g = R.time[t]
        h = R.term_weight[t] / S[t]
        if means != NULL:
            h *= means[t]
        whole[g] += h
        shared[g] += R.share[t] * h


cdef inline void find_means(const risk_t* R, const risk_sums_t* A, const double* x, double* room,
                            double* by_time, double* out) noexcept nogil:
    # out[t] = the mean of x under the distribution of term t
    cdef Py_ssize_t i, t
    for i in range(R.n):
        room[i] = A.v[i] * x[i]
    sum_both(R, room, by_time)
    for t in range(R.n_terms):
        out[t] = (by_time[R.time[t]] + R.share[t] * by_time[R.n_times + R.time[t]]) / A.S[t]


cdef inline void find_rows(const risk_t* R, Py_ssize_t count, const double* v,
                           const double* columns, Py_ssize_t length, const double* factor,
                           double* sums, double* out) noexcept nogil:
    # out[k, t] = factor[t] times the sum of v times column k, of `count` of the given length, over
    # those at risk at term t.  sums: room for 2 n_times `count`, if anybody enters late.
    cdef double[MOST_SUMS] total, own
    cdef const double* at_risk
    cdef const double* events
    cdef Py_ssize_t i, t, g, k, c
    if R.n_levels > 1:
        begin_sums(R, count, sums)
        for i in range(R.n):
            for c in range(count):
                total[c] = v[i] * columns[c * length + i]
            add_to_sums(R, count, i, total, sums)
        finish_sums(R, count, sums)
        for t in range(R.n_terms):
            at_risk = sums + R.time[t] * count
            events = at_risk + R.n_times * count
            for c in range(count):
                out[c * R.n_terms + t] = factor[t] * (at_risk[c] + R.share[t] * events[c])
        return
    t = R.n_terms - 1
    for c in range(count):
        total[c] = 0.0
    for g in range(R.n_times - 1, -1, -1):
        for c in range(count):
            total[c] = 0.0 if R.begins[g + 1] else total[c]
            own[c] = 0.0
        for k in range(R.group[g], R.group[g + 1]):
            i = R.order[k]
            for c in range(count):
                total[c] += v[i] * columns[c * length + i]
        for k in range(R.group_of_events[g], R.group_of_events[g + 1]):
            i = R.events[k]
            for c in range(count):
                own[c] += v[i] * columns[c * length + i]
        while t >= 0 and R.time[t] == g:
            for c in range(count):
                out[c * R.n_terms + t] = factor[t] * (total[c] + R.share[t] * own[c])
            t -= 1


cdef inline void find_expected(const risk_t* R, const risk_sums_t* A, const double* means,
                               double* by_time, double* out) noexcept nogil:
    # out[i] = v_i times the hazards of find_hazards at all times at which sample i is at risk
    cdef Py_ssize_t i, k
    find_hazards(R, A.S, means, by_time)
    sum_over_times(R, by_time, out)
    for k in range(R.group_of_events[R.n_times]):
        i = R.events[k]
        out[i] += by_time[R.n_times + R.own[i]]
    for i in range(R.n):
        out[i] *= A.v[i]


cdef inline double risk_evaluate(const risk_t* R, const double* z, double* by_time,
                                 risk_sums_t* A, double* r, double* d) noexcept nogil:
    # The loss at z, its residual, and the diagonal part of its Hessian diag(d) - M'M
    cdef Py_ssize_t i
    find_sums(R, z, r, by_time, A)
    if A.loss == INFINITY:
        return INFINITY
    find_expected(R, A, NULL, by_time, d)
    for i in range(R.n):
        r[i] = R.event[i] - d[i]
    return A.loss


cdef inline void risk_curve(const risk_t* R, const risk_sums_t* A, const double* d,
                            const double* step, double* room, double* by_time, double* means,
                            double* out) noexcept nogil:
    # out = (diag(d) - M'M) step; d is that of the Hessian at A, or larger
    cdef Py_ssize_t i
    find_means(R, A, step, room, by_time, means)
    find_expected(R, A, means, by_time, room)
    for i in range(R.n):
        out[i] = d[i] * step[i] - room[i]
