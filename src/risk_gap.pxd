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
from risk cimport add_to_sums, begin_sums, finish_sums, risk_sums_t, risk_t, sum_both

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
    double* sums            # (2, n_times, MOST_SUMS), if anybody enters late, as the next
    double* of_events       # (n_times, 3)
    double* room            # (n,)
    double* inverse         # (n,) 1 / v
    double* ranges          # (2, n_strata)


cdef inline void gap_of_events(const risk_t* R, const risk_sums_t* A, const double* z,
                               risk_gap_t* C) noexcept nogil:
    # What depends on x and q alone.
    cdef double* inverses = C.by_time
    cdef Py_ssize_t i, k, t, g
    memset(C.by_time, 0, R.n_times * sizeof(double))
    memset(C.mean_logs, 0, R.n_times * sizeof(double))
    for i in range(R.n):
        C.inverse[i] = 1.0 / A.v[i] if A.v[i] > 0.0 else 0.0
    for k in range(R.group_of_events[R.n_times]):
        i = R.events[k]
        g = R.own[i]
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
    cdef double least = INFINITY, most = -INFINITY
    for g in range(R.n_strata):
        low[g], high[g] = INFINITY, -INFINITY
    g = R.stratum[0]
    for i in range(R.n):
        if R.stratum[i] != g:
            low[g], high[g] = least, most
            g = R.stratum[i]
            least, most = low[g], high[g]
        if R.s[i] > 0.0:
            least, most = smaller(least, x[i]), larger(most, x[i])
    low[g], high[g] = least, most
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
    C.exact = False
    if not reach < exp(-range_since):
        return False
    C.least = (1.0 - reach) * exp(reach) if range_since == 0.0 else (
        (exp(-range_since) - reach) * exp(-range_since - reach))
    gap_of_events(R, A, z, C)
    if range_since == 0.0:
        sum_prediction(R, 4, old, reference, A, step, C)
    else:
        sum_prediction(R, 7, old, reference, A, step, C)
    return True


cdef inline void sum_prediction(const risk_t* R, Py_ssize_t count, const risk_sums_t* old,
                                const risk_sums_t* reference, const risk_sums_t* A,
                                const double* step, risk_gap_t* C) noexcept nogil:
    # u = a + b (step - mean), a of `old` and b of the reference: terms of u^2 / q and of x u / q.
    # Of 4 sums: a = b, of 7: it need not be.
    cdef double[7] x, total, own
    cdef double[3] along
    cdef Py_ssize_t i, t, g, k, c
    if R.n_levels > 1:
        sum_late_prediction(R, count, old, reference, A, step, C)
        return
    t = R.n_terms - 1
    for c in range(count):
        total[c] = 0.0
    for g in range(R.n_times - 1, -1, -1):
        for c in range(count):
            total[c] = 0.0 if R.begins[g + 1] else total[c]
            own[c] = 0.0
        along[0] = along[1] = along[2] = 0.0
        for k in range(R.group[g], R.group[g + 1]):
            i = R.order[k]
            find_products(count, old.v[i], reference.v[i], C.inverse[i], step[i], x)
            for c in range(count):
                total[c] += x[c]
        for k in range(R.group_of_events[g], R.group_of_events[g + 1]):
            i = R.events[k]
            find_products(count, old.v[i], reference.v[i], C.inverse[i], step[i], x)
            for c in range(count):
                own[c] += x[c]
            add_event(R.event[i] * C.inverse[i], old.v[i], reference.v[i], step[i], along)
        while t >= 0 and R.time[t] == g:
            take_term(R, count, t, total, own, along, old, reference, A, C)
            t -= 1


cdef inline void sum_late_prediction(const risk_t* R, Py_ssize_t count, const risk_sums_t* old,
                                     const risk_sums_t* reference, const risk_sums_t* A,
                                     const double* step, risk_gap_t* C) noexcept nogil:
    # The same where samples enter late.
    cdef double[7] x
    cdef Py_ssize_t i, t, g, k
    begin_sums(R, count, C.sums)
    for i in range(R.n):
        find_products(count, old.v[i], reference.v[i], C.inverse[i], step[i], x)
        add_to_sums(R, count, i, x, C.sums)
    finish_sums(R, count, C.sums)
    memset(C.of_events, 0, 3 * R.n_times * sizeof(double))
    for k in range(R.group_of_events[R.n_times]):
        i = R.events[k]
        add_event(R.event[i] * C.inverse[i], old.v[i], reference.v[i], step[i],
                  C.of_events + 3 * R.own[i])
    for t in range(R.n_terms):
        g = R.time[t]
        take_term(R, count, t, C.sums + g * count, C.sums + (R.n_times + g) * count,
                  C.of_events + 3 * g, old, reference, A, C)


cdef inline void find_products(Py_ssize_t count, double a, double b, double inverse, double step,
                               double* x) noexcept nogil:
    x[0] = b * step
    x[1] = b * inverse * b
    x[2] = x[1] * step
    x[3] = x[2] * step
    if count == 7:
        x[4] = a * inverse * b
        x[5] = x[4] * step
        x[6] = a * inverse * a


cdef inline void add_event(double f, double a, double b, double step, double* out) noexcept nogil:
    out[0] += f * b
    out[1] += f * b * step
    out[2] += f * a


cdef inline void take_term(const risk_t* R, Py_ssize_t count, Py_ssize_t t, const double* others,
                           const double* own, const double* along, const risk_sums_t* old,
                           const risk_sums_t* reference, const risk_sums_t* A,
                           risk_gap_t* C) noexcept nogil:
    # From the sums of products over those at risk, of those whose event it is, and of add_event.
    cdef double[7] sums
    cdef double f = 1.0 / reference.S[t], f_old = 1.0 / old.S[t], mean, c
    cdef Py_ssize_t k
    for k in range(count):
        sums[k] = others[k] + R.share[t] * own[k]
    mean = sums[0] * f
    c = mean if count == 7 else mean - 1.0      # of a = b: (b + b (step - mean))^2
    C.away[t] = A.S[t] * f * f * (c * c * sums[1] - 2.0 * c * sums[2] + sums[3]) - 1.0
    if count == 7:      # a^2, 2 a b (step - mean)
        C.away[t] += A.S[t] * f_old * (
            2.0 * f * (sums[5] - mean * sums[4]) + sums[6] * f_old)
    C.away[t] = larger(C.away[t], 0.0)
    C.along[t] = A.S[t] / R.time_weight[R.time[t]] * (
        f * (along[1] - mean * along[0]) + along[2] * f_old) - 1.0


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
