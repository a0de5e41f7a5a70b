"""Cox's part of the duality gap, term by term (docs/mathematics.md, section 15).

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

from arithmetic cimport larger, smaller
from risk cimport find_means, risk_sums_t, risk_t, sum_at_risk, sum_events

ctypedef struct risk_gap_t:
    bint exact              # u = q
    double least            # m at k = 1
    # of each term:
    double* away            # sum_i (u_i - q_i)^2 / q_i
    double* along           # sum_i x_i u_i / q_i - 1
    double* events_away     # sum_i x_i^2 / q_i - 1
    double* entropy         # KL(x || q)
    double* odds            # q of the others over that of those whose event it is
    double* means
    # storage
    double* by_time         # (2, n_times)
    double* room            # (n,)
    double* inverse         # (n,) 1 / v
    double* ranges          # (4, n_strata)


cdef inline void gap_of_events(const risk_t* R, const risk_sums_t* A, const double* z,
                               risk_gap_t* C) noexcept nogil:
    # What depends on x and q alone.
    cdef double* inverses = C.by_time
    cdef double* logs = C.by_time + R.n_times
    cdef Py_ssize_t i, t, g
    cdef double c
    for i in range(R.n):
        C.inverse[i] = 1.0 / A.v[i] if A.v[i] > 0.0 else 0.0
        C.room[i] = R.event[i] * R.event[i] * C.inverse[i]
    sum_events(R, C.room, inverses)
    for i in range(R.n):
        C.room[i] = R.event[i] * (z[i] - R.top[R.stratum[i]]) if R.own[i] >= 0 else 0.0
    sum_events(R, C.room, logs)
    for t in range(R.n_terms):
        g = R.time[t]
        c = R.share[t] * R.time_weight[g]
        C.events_away[t] = larger(A.S[t] * inverses[g] / (c * R.time_weight[g]) - 1.0, 0.0)
        C.entropy[t] = larger(log(A.S[t] / c) - logs[g] / R.time_weight[g], 0.0)


cdef inline void gap_at_residual(const risk_t* R, const risk_sums_t* A, const double* z,
                                 risk_gap_t* C) noexcept nogil:
    cdef Py_ssize_t t, g
    gap_of_events(R, A, z, C)
    C.exact, C.least = True, 1.0
    sum_at_risk(R, A.v, C.by_time)
    sum_events(R, A.v, C.by_time + R.n_times)
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
    cdef bint same = range_since == 0.0
    cdef double* others = C.by_time
    cdef double* events = C.by_time + R.n_times
    cdef double reach = center_by_strata(R, step, C.ranges), f, mean, so, sr
    cdef Py_ssize_t i, t, g, k, n_old, power
    C.exact = False
    if not reach < exp(-range_since):
        return False
    C.least = (1.0 - reach) * exp(reach) if same else (
        (exp(-range_since) - reach) * exp(-range_since - reach))
    gap_of_events(R, A, z, C)
    find_means(R, reference, step, C.room, C.by_time, C.means)
    for t in range(R.n_terms):
        C.away[t], C.along[t] = -1.0, -1.0
    for k in range(3 if same else 0, 6):
        n_old = 2 if k == 0 else (1 if k < 3 else 0)
        power = k - 3 if k >= 3 else (1 if k == 2 else 0)
        for i in range(R.n):
            f = C.inverse[i]
            f *= old.v[i] if n_old > 0 else reference.v[i]
            f *= old.v[i] if n_old > 1 else reference.v[i]
            if power > 0:
                f *= step[i]
            C.room[i] = f * step[i] if power > 1 else f
        sum_at_risk(R, C.room, others)
        sum_events(R, C.room, events)
        for t in range(R.n_terms):
            g = R.time[t]
            mean, so, sr = C.means[t], A.S[t] / old.S[t], 1.0 / reference.S[t]
            f = others[g] + R.share[t] * events[g]
            if same:
                f *= (1.0 - mean) * (1.0 - mean) if k == 3 else (2.0 * (1.0 - mean) if k == 4
                                                                 else 1.0)
            elif k < 3:
                f *= 1.0 / old.S[t] if k == 0 else (-2.0 * mean if k == 1 else 2.0) * sr
                C.away[t] += so * f
                continue
            else:
                f *= mean * mean if k == 3 else (-2.0 * mean if k == 4 else 1.0)
            C.away[t] += A.S[t] * sr * sr * f
    for k in range(3):      # of x u / q: s v / v' of `old`, then of the reference, then times step
        for i in range(R.n):
            f = R.event[i] * C.inverse[i] * (old.v[i] if k == 0 else reference.v[i])
            C.room[i] = f * step[i] if k == 2 else f
        sum_events(R, C.room, events)
        for t in range(R.n_terms):
            g = R.time[t]
            f = 1.0 / old.S[t] if k == 0 else (-C.means[t] if k == 1 else 1.0) / reference.S[t]
            C.along[t] += A.S[t] / R.time_weight[g] * f * events[g]
    for t in range(R.n_terms):
        C.away[t] = larger(C.away[t], 0.0)
    return True


cdef inline double gap_part(const risk_t* R, const risk_gap_t* C, double k) noexcept nogil:
    # The loss's part of the gap at k times the dual point.
    cdef double total = 0.0, f = smaller(1.0, 0.5 / C.least), part, odds, rest = 1.0 - k
    cdef double shrunk = smaller(1.0, 0.5 / larger(k * smaller(C.least, 1.0), 1e-300))
    cdef Py_ssize_t t
    for t in range(R.n_terms):
        if k == 1.0:
            part = f * C.away[t]
        elif C.exact and R.is_single[R.time[t]]:
            # (1 - k q) log((1 - k q) / (1 - q)) + k q log k, q = odds / (1 + odds)
            odds = C.odds[t]
            part = (1.0 + rest * odds) * log1p(rest * odds) / (1.0 + odds)
            if k > 0.0:
                part += k * log(k) * odds / (1.0 + odds)
        else:
            part = (rest * rest * C.events_away[t] + 2.0 * k * rest * C.along[t]
                    + k * k * C.away[t])
            part = smaller(shrunk * part, rest * C.entropy[t] + k * f * C.away[t])
        total += R.term_weight[t] * larger(part, 0.0)
    return total
