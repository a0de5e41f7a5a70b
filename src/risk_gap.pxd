"""Cox's part of the duality gap, term by term (docs/mathematics.md, section 16).

A term w log S has as dual point w times a distribution t over those at risk; its part of the gap is
w KL(t || q), q that of S.  With u the distribution of the residual, or the one that a Newton step
predicts, and x the shares in weight of those whose event it is, t = (1 - k) x + k u.  For a single
event and u = q it is a formula, and otherwise the smaller of two bounds,

    f sum_i (t_i - q_i)^2 / q_i,    f = min(1, 1 / (2 m)),  m <= the smallest t_i / q_i or 1,
    (1 - k) KL(x || q) + k KL(u || q),

since v log v - v + 1 is at most (v - 1)^2, half of that above 1, and 1 / (2 m) times that above m.
With sums over those at risk of products of exponentials both take O(1) for each term.
"""

from libc.math cimport INFINITY, exp, log, log1p
from libc.string cimport memset

from arithmetic cimport larger, smaller
from risk cimport find_means, risk_sums_t, risk_t, sum_both, sum_events

ctypedef struct risk_gap_t:
    bint exact              # u = q
    double least            # m at k = 1
    # of each term:
    double* away            # sum_i (u_i - q_i)^2 / q_i
    double* along           # sum_i x_i u_i / q_i - 1
    double* events_away     # sum_i x_i^2 / q_i - 1
    double* odds            # q of the others over that of those whose event it is
    double* means
    double* mean_logs       # of each time: the mean of z - top of those whose event it is
    # storage
    double* by_time         # (2, n_times)
    double* room            # (n,)
    double* inverse         # (n,) 1 / v
    double* ranges          # (2, n_strata)


cdef inline void gap_of_events(const risk_t* R, const risk_sums_t* A, const double* z,
                               risk_gap_t* C) noexcept nogil:
    # What depends on x and q alone.
    cdef double* inverses = C.by_time
    cdef Py_ssize_t i, t, g
    memset(C.by_time, 0, R.n_times * sizeof(double))
    memset(C.mean_logs, 0, R.n_times * sizeof(double))
    for i in range(R.n):
        C.inverse[i] = 1.0 / A.v[i] if A.v[i] > 0.0 else 0.0
        g = R.own[i]
        if g >= 0:
            inverses[g] += R.event[i] * R.event[i] * C.inverse[i]
            C.mean_logs[g] += (R.event[i] / R.time_weight[g]) * (z[i] - A.top[R.stratum[i]])
    for t in range(R.n_terms):
        g = R.time[t]
        C.events_away[t] = larger(A.S[t] * inverses[g] / (
            R.share[t] * R.time_weight[g] * R.time_weight[g]) - 1.0, 0.0)


cdef inline void gap_at_residual(const risk_t* R, const risk_sums_t* A, const double* z,
                                 risk_gap_t* C) noexcept nogil:
    cdef Py_ssize_t t, g
    gap_of_events(R, A, z, C)
    C.exact, C.least = True, 1.0
    sum_both(R, A.v, C.by_time)
    for t in range(R.n_terms):
        g = R.time[t]
        C.away[t] = C.along[t] = 0.0
        C.odds[t] = C.by_time[g] / (R.share[t] * C.by_time[R.n_times + g])


cdef inline double center_by_strata(const risk_t* R, double* x, double* ranges) noexcept nogil:
    # Subtract from x the middle of its range in each stratum; returns the largest range.
    cdef double* low = ranges
    cdef double* high = ranges + R.n_strata
    cdef double largest = 0.0
    cdef Py_ssize_t i, g
    for g in range(R.n_strata):
        low[g], high[g] = INFINITY, -INFINITY
    for i in range(R.n):
        if R.s[i] > 0.0:
            g = R.stratum[i]
            low[g], high[g] = smaller(low[g], x[i]), larger(high[g], x[i])
    for g in range(R.n_strata):
        if high[g] > low[g]:
            largest = larger(largest, high[g] - low[g])
        low[g] = 0.5 * (low[g] + high[g])
    for i in range(R.n):
        x[i] = x[i] - low[R.stratum[i]] if R.s[i] > 0.0 else 0.0
    return largest


cdef inline bint gap_at_prediction(const risk_t* R, const risk_sums_t* old,
                                   const risk_sums_t* reference, const risk_sums_t* A,
                                   const double* z, double* step, double range_since,
                                   risk_gap_t* C) noexcept nogil:
    # u = the distribution of `old`, before the step, less the step's product with the Hessian of
    # `reference`, whose predictor differs from that of `old` by `range_since` at most; A, at z, is
    # after the step, which is changed here.  Returns whether u >= 0.
    cdef double reach = center_by_strata(R, step, C.ranges)
    cdef Py_ssize_t i, t, power
    cdef double f, c
    C.exact = False
    if not reach < exp(-range_since):
        return False
    C.least = (1.0 - reach) * exp(reach) if range_since == 0.0 else (
        (exp(-range_since) - reach) * exp(-range_since - reach))
    gap_of_events(R, A, z, C)
    find_means(R, reference, step, C.room, C.by_time, C.means)
    for t in range(R.n_terms):
        C.away[t], C.along[t] = -1.0, -1.0
    # u = a + b (step - mean), a of `old` and b of the reference: terms of u^2 / q and of x u / q
    for power in range(3):      # b^2 (step - mean)^2, or (b + b (step - mean))^2 where a = b
        for i in range(R.n):
            f = reference.v[i] * reference.v[i] * C.inverse[i]
            C.room[i] = f if power == 0 else (f * step[i] if power == 1 else f * step[i] * step[i])
        sum_both(R, C.room, C.by_time)
        for t in range(R.n_terms):
            c = C.means[t] - (range_since == 0.0)
            f = c * c if power == 0 else (-2.0 * c if power == 1 else 1.0)
            add_shared(R, C, t, f * A.S[t] / (reference.S[t] * reference.S[t]))
    for power in range(3 if range_since > 0.0 else 0):      # a^2, 2 a b (step - mean)
        for i in range(R.n):
            f = old.v[i] * C.inverse[i]
            f *= old.v[i] if power == 2 else reference.v[i]
            C.room[i] = f * step[i] if power == 1 else f
        sum_both(R, C.room, C.by_time)
        for t in range(R.n_terms):
            f = 1.0 / old.S[t] if power == 2 else (
                2.0 if power == 1 else -2.0 * C.means[t]) / reference.S[t]
            add_shared(R, C, t, f * A.S[t] / old.S[t])
    for power in range(3):
        for i in range(R.n):
            f = R.event[i] * C.inverse[i] * (old.v[i] if power == 2 else reference.v[i])
            C.room[i] = f * step[i] if power == 1 else f
        sum_events(R, C.room, C.by_time)
        for t in range(R.n_terms):
            f = 1.0 / old.S[t] if power == 2 else (
                1.0 if power == 1 else -C.means[t]) / reference.S[t]
            C.along[t] += A.S[t] / R.time_weight[R.time[t]] * f * C.by_time[R.time[t]]
    for t in range(R.n_terms):
        C.away[t] = larger(C.away[t], 0.0)
    return True


cdef inline void add_shared(const risk_t* R, risk_gap_t* C, Py_ssize_t t, double f) noexcept nogil:
    # away[t] += f times the sum that is in by_time, with the share of those whose event it is
    cdef Py_ssize_t g = R.time[t]
    C.away[t] += f * (C.by_time[g] + R.share[t] * C.by_time[R.n_times + g])


cdef inline double gap_part(const risk_t* R, const risk_sums_t* A, const risk_gap_t* C,
                            double k) noexcept nogil:
    # The loss's part of the gap at k times the dual point.
    cdef double f = smaller(1.0, 0.5 / C.least), rest = 1.0 - k, part, odds, total = 0.0
    cdef double shrunk = smaller(1.0, 0.5 / larger(k * smaller(C.least, 1.0), 1e-300))
    cdef Py_ssize_t t, g
    for t in range(R.n_terms):
        g = R.time[t]
        if k == 1.0:
            part = f * C.away[t]
        elif C.exact and R.is_single[g]:
            # (1 - k q) log((1 - k q) / (1 - q)) + k q log k, q = odds / (1 + odds)
            odds = C.odds[t]
            part = (1.0 + rest * odds) * log1p(rest * odds) / (1.0 + odds)
            if k > 0.0:
                part += k * log(k) * odds / (1.0 + odds)
        else:
            part = shrunk * (rest * rest * C.events_away[t] + 2.0 * k * rest * C.along[t]
                             + k * k * C.away[t])
            if rest > 0.05 or not rest * C.events_away[t] < 1.0:    # where the other may be less
                part = smaller(part, k * f * C.away[t] + rest * larger(0.0, log(
                    A.S[t] / (R.share[t] * R.time_weight[g])) - C.mean_logs[g]))
        total += R.term_weight[t] * larger(part, 0.0)
    return total
