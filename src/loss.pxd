"""Losses f(z) = sum_i s_i f_i(z_i) of the predictor z = X u + b + offset, and their functions.

    loss_evaluate   sum_i s_i f_i(z_i), the weighted residual v_i = -s_i f_i'(z_i) that `slope`
                    reads, and the curvature s_i f_i''(z_i), of a block of samples of one output
    bregman         f_i(z) + f_i^*(-theta) + theta z >= 0, 0 where theta is the residual -f_i'(z)
    loss_part       the loss's part of the duality gap, the sum of these

docs/mathematics.md has the table of formulas; none cancels near the optimum.  Another loss is
another kind, with a name in `loss_kinds`, and a branch in `loss_at` and `bregman`.  The solvers of
squared error need the first at no time, since its residual is linear in u: they start from the
residual at u = 0 and update it by `shift`.
"""

from libc.math cimport INFINITY, NAN, exp, expm1, fabs, log, log1p, pow

from arithmetic cimport clip, larger, smaller
from normal cimport log_normal_cdf, mills

cdef extern from "losses.h" nogil:
    void exp_of "sr_exp_of_f64"(Py_ssize_t n, const double* x, double* out) noexcept
    double logistic "sr_logistic_f64"(Py_ssize_t n, const double* y, const double* z,
                                      const double* s, double* v, double* d) noexcept
    double poisson "sr_poisson_f64"(Py_ssize_t n, const double* y, const double* z,
                                    const double* s, double* v, double* d) noexcept
    double logistic_part "sr_logistic_part_f64"(Py_ssize_t n, const double* y, const double* z,
                                                const double* theta, double k,
                                                const double* s) noexcept
    double poisson_part "sr_poisson_part_f64"(Py_ssize_t n, const double* y, const double* z,
                                              const double* theta, double k,
                                              const double* s) noexcept
    double labels_part "sr_labels_part_f64"(Py_ssize_t n, const double* y, const double* r,
                                            const double* d, const double* theta, double k,
                                            const double* s) noexcept
    double counts_part "sr_counts_part_f64"(Py_ssize_t n, const double* r, const double* d,
                                            const double* theta, double k,
                                            const double* s) noexcept
    double dual_point "sr_dual_point_f64"(Py_ssize_t n, const double* r, const double* now,
                                          const double* d, const double* d_ref, const double* s,
                                          double k, double stretch, double move,
                                          double* theta, double* v) noexcept
    double growth "sr_growth_f64"(Py_ssize_t n, const double* x, const double* d,
                                  const double* d_before, const double* d_ref,
                                  double ahead) noexcept
    double trace "sr_trace_f64"(Py_ssize_t n, const double* r, const double* v, const double* d,
                                const double* d_ref, double share, double* error) noexcept
    double sum_of "sr_sum_of_f64"(Py_ssize_t n, const double* x) noexcept

# Samples whose exponentials are computed at once.
cdef enum: EXPONENTS = 256

cdef enum loss_kind_t:
    SQUARED                     # f_i(z) = (y_i - z)^2 / 2
    LOGISTIC                    # log(1 + e^z) - y z, y in [0, 1]
    POISSON                     # e^z - y z
    GAMMA                       # y e^-z + z
    TWEEDIE                     # y e^((1 - p) z) / (p - 1) + e^((2 - p) z) / (2 - p)
    NEGATIVE_BINOMIAL           # (y + a) log(1 + e^z / a) - y z
    PROBIT                      # -y log Phi(z) - (1 - y) log Phi(-z)
    HUBER                       # r^2 / 2, from |r| = delta on delta |r| - delta^2 / 2; r = y - z
    SQUARED_HINGE               # max(0, 1 - y z)^2, y = -1 or 1
    QUANTILE                    # tau r for r = y - z >= 0, (tau - 1) r below
    CLOGLOG                     # -y log(1 - e^-m) + (1 - y) m, m = e^z, y in [0, 1]

ctypedef struct loss_t:
    loss_kind_t kind
    double parameter            # p of Tweedie, a of the negative binomial, delta of Huber, tau
    Py_ssize_t n                # samples
    Py_ssize_t n_outputs
    const double* y             # (n_outputs, n)
    const double* weight        # s, NULL where all are one

ctypedef struct dual_point_t:
    # A dual point theta relative to the residual r; for theta = r: 0, 0, ||r||^2.
    double away                 # ||r - theta||^2
    double along                # (r - theta) . theta
    double square               # ||theta||^2
    # For losses that are not quadratic, otherwise NULL: (n_outputs, n), theta without the weights.
    const double* z
    const double* theta
    # Residual and curvature at z, with the weights, NULL where they are not known or no help: they
    # save the exponentials of POISSON, and of LOGISTIC if all y are 0 or 1.
    const double* r
    const double* d


cdef inline dict loss_kinds():
    # The kinds by the names of softreg_fast.losses.
    return {
        "squared": SQUARED, "logistic": LOGISTIC, "poisson": POISSON, "gamma": GAMMA,
        "tweedie": TWEEDIE, "negative binomial": NEGATIVE_BINOMIAL, "probit": PROBIT,
        "huber": HUBER, "squared hinge": SQUARED_HINGE, "quantile": QUANTILE,
        "cloglog": CLOGLOG,
    }


cdef inline bint bounds_itself(loss_kind_t kind) noexcept nogil:
    # Whether third derivatives are bounded by curvatures, so that these tell how large the loss's
    # part of a gap is, wherever it is not huge.
    return kind == LOGISTIC or kind == POISSON or kind == GAMMA or kind == NEGATIVE_BINOMIAL


cdef inline bint is_exponential(loss_kind_t kind) noexcept nogil:
    # Whether predictors are logarithms or the like, so that some hundreds are beyond all data.
    return kind != SQUARED and kind != HUBER and kind != SQUARED_HINGE and kind != QUANTILE


cdef inline double weight_of(const loss_t* F, Py_ssize_t i) noexcept nogil:
    return 1.0 if F.weight == NULL else F.weight[i]


# -- one sample ------------------------------------------------------------------------------------


cdef inline double exponent(loss_kind_t kind, double a, double z) noexcept nogil:
    # Of the power of e that `loss_with` and `bregman` need.
    if kind == LOGISTIC:
        return -fabs(z)
    if kind == POISSON or kind == CLOGLOG:
        return z
    if kind == GAMMA:
        return -z
    return -fabs(z - log(a)) if kind == NEGATIVE_BINOMIAL else 0.0


cdef inline double loss_at(loss_kind_t kind, double a, double y, double z, double* r,
                           double* d) noexcept nogil:
    return loss_with(exp(exponent(kind, a, z)), kind, a, y, z, r, d)


cdef inline double loss_with(double q, loss_kind_t kind, double a, double y, double z, double* r,
                             double* d) noexcept nogil:
    # f(z), and r = -f'(z), d = f''(z), given q = exp(exponent); where f is not convex (Tweedie,
    # p > 2) d is its expectation, if that is larger
    cdef double c, e, m
    if kind == LOGISTIC:
        c = 1.0 / (1.0 + q)
        e, m = (c, q * c) if z > 0.0 else (q * c, c)     # the probabilities of 1 and of 0
        r[0] = y * m - (1.0 - y) * e
        d[0] = q * c * c
        return log1p(q) + ((1.0 - y) * z if z > 0.0 else -y * z)
    if kind == POISSON:
        r[0] = y - q
        d[0] = q
        return q - y * z
    if kind == GAMMA:
        m = y * q
        r[0] = m - 1.0
        d[0] = m
        return m + z
    if kind == TWEEDIE:
        m = y * exp((1.0 - a) * z) if y != 0.0 else 0.0
        e = exp((2.0 - a) * z)
        r[0] = m - e
        d[0] = (a - 1.0) * m + (2.0 - a) * e
        if a > 2.0:     # at the expectation alone steps may go too far
            d[0] = larger(d[0], e)
        return m / (a - 1.0) + e / (2.0 - a)
    if kind == NEGATIVE_BINOMIAL:
        c = 1.0 / (1.0 + q)
        e, m = (c, q * c) if z > log(a) else (q * c, c)
        r[0] = y * m - a * e
        d[0] = (y + a) * e * m
        return (y + a) * (log1p(q) + larger(z - log(a), 0.0)) - y * z
    if kind == PROBIT:
        q, c = 1.0 / mills(z), 1.0 / mills(-z)      # phi / Phi(z), phi / Phi(-z)
        r[0] = y * q - (1.0 - y) * c
        d[0] = 0.0
        m = 0.0
        if y > 0.0:
            d[0] += y * larger(q * (z + q), 0.0)
            m -= y * log_normal_cdf(z)
        if y < 1.0:
            d[0] += (1.0 - y) * larger(c * (c - z), 0.0)
            m -= (1.0 - y) * log_normal_cdf(-z)
        return m
    if kind == HUBER:
        r[0] = clip(y - z, -a, a)
        d[0] = fabs(y - z) <= a
        return 0.5 * r[0] * r[0] if d[0] else a * (fabs(y - z) - 0.5 * a)
    if kind == SQUARED_HINGE:
        m = larger(1.0 - y * z, 0.0)
        r[0] = 2.0 * y * m
        d[0] = 2.0 * (m > 0.0)
        return m * m
    if kind == QUANTILE:
        m = y - z
        r[0] = 0.0 if m == 0.0 else (a if m > 0.0 else a - 1.0)
        d[0] = 0.0
        return r[0] * m
    if kind == CLOGLOG:
        r[0] = d[0] = m = 0.0
        if y > 0.0 and q < 700.0:
            c = q / expm1(q) if q > 0.0 else 1.0
            r[0] = y * c
            d[0] = y * c * excess_of_mean(q)
            m = -y * (log1p(-exp(-q)) if q > 0.7 else log(-expm1(-q)) if q > 1e-300 else z)
        if y < 1.0:
            r[0] -= (1.0 - y) * q
            d[0] += (1.0 - y) * q
            m += (1.0 - y) * q
        return m
    r[0] = y - z
    d[0] = 1.0
    return 0.5 * r[0] * r[0]


cdef inline double excess_of_mean(double m) noexcept nogil:
    # m / (1 - e^-m) - 1
    if m > 0.05:
        return -m / expm1(-m) - 1.0
    return m * (0.5 + m * (1.0 / 12.0 - m * m * (1.0 / 720.0 - m * m / 30240.0)))


cdef inline double loss_bound(loss_kind_t kind, double a, double y, double z) noexcept nogil:
    # A curvature for cautious steps: of a quadratic function above f that touches it at z, or where
    # there is none, the curvature of f at its minimum.
    if kind == POISSON:
        return y
    if kind == GAMMA:
        return 1.0
    if kind == TWEEDIE:
        return pow(y, 2.0 - a)
    if kind == HUBER:
        return a / larger(fabs(y - z), a)
    if kind == SQUARED_HINGE:
        return 2.0
    if kind == LOGISTIC:
        return 0.25
    if kind == NEGATIVE_BINOMIAL:
        return 0.25 * (y + a)
    if kind == CLOGLOG:
        return 0.5 * y - ((1.0 - y) * log1p(-y) if y < 1.0 else 0.0)
    return 1.0 if kind == PROBIT else 0.0


cdef inline double relative_entropy(double t, double m, double log_m, double away) noexcept nogil:
    # t log(t / m) - t + m, with away = t - m; t >= 0.  log_m is needed where m underflows.
    if t <= 0.0:
        return m if t == 0.0 else INFINITY
    cdef double x
    if m < 1e-300:
        return larger(t * (log(t) - log_m) - away, 0.0)
    x = away / m
    if x < -0.5:            # 1 + x has few digits of t / m, or none
        return larger(t * (log(t) - log(m)) - away, 0.0)
    if fabs(x) > 0.05:
        return larger(t * log1p(x) - away, 0.0)
    # the series of (1 + x) log(1 + x) - x; near the optimum it is all that is needed
    return away * x * (0.5 - x * (1.0 / 6.0 - x * (1.0 / 12.0 - x * (1.0 / 20.0 - x * (
        1.0 / 30.0 - x * (1.0 / 42.0 - x * (1.0 / 56.0 - x * (1.0 / 72.0 - x / 90.0))))))))


# Where residuals are at the ends of the domain, or tend to one, a dual point is moved back to it
# over this relative distance.
cdef extern from *:
    """
    #define SR_ROUNDED 1e-14
    """
    const double ROUNDED "SR_ROUNDED"


cdef inline double bernoulli_entropy(double t, double u, double e, double m, double z,
                                     double away) noexcept nogil:
    # KL of the probabilities (t, u) from (e, m), both of sum 1, e of log odds z; away = t - e
    if t < -ROUNDED or u < -ROUNDED:
        return INFINITY
    t, u = larger(t, 0.0), larger(u, 0.0)
    return (relative_entropy(t, e, smaller(z, 0.0), away)
            + relative_entropy(u, m, smaller(-z, 0.0), -away))


cdef inline double curvature_at(loss_kind_t kind, double a, double y, double z) noexcept nogil:
    cdef double r, d
    loss_at(kind, a, y, z, &r, &d)
    return d


cdef inline double bregman_by_search(loss_kind_t kind, double a, double y, double z,
                                     double theta) noexcept nogil:
    # f(z) - f(x) + theta (z - x) at the x where the residual is theta: found by Newton's method
    # within a bracket.  Near z, d = z - x and the result d^2 int_0^1 u f''(z - u d) du follow from
    # integrals of the curvature, as differences of values would cancel.
    cdef double* node = [0.03376524289842399, 0.1693953067668677, 0.3806904069584016,
                         0.6193095930415985, 0.8306046932331323, 0.966234757101576]
    cdef double* share = [0.08566224618958517, 0.1803807865240693, 0.2339569672863455,
                          0.2339569672863455, 0.1803807865240693, 0.08566224618958517]
    cdef double r, d, f = loss_at(kind, a, y, z, &r, &d), low = -INFINITY, high = INFINITY
    cdef double x = z, value = f, away = r - theta, reach = 1.0, step, mean, total
    cdef int k
    if away == 0.0:
        return 0.0
    for k in range(200):
        if r > theta:       # the residual falls as x grows
            low = x
        else:
            high = x
        step = (r - theta) / larger(d, 1e-300)
        if high - low == INFINITY:      # from step to step twice as far, until it is bracketed
            step = clip(step, -reach, reach) if k < 4 else (reach if r > theta else -reach)
            reach *= 2.0
        elif k % 3 == 2 or not low < x + step < high:
            step = 0.5 * (low + high) - x
        x += step
        value = loss_at(kind, a, y, x, &r, &d)
        if fabs(step) <= 1e-12 * larger(fabs(x), 1.0):
            break
    d = z - x
    reach = exp(z) if kind == CLOGLOG else fabs(z)
    if fabs(d) > 0.5 * smaller(1.0, 4.0 / larger(reach, 1e-300)):
        return larger(f - value + theta * d, 0.0)
    for _ in range(2):      # -away = r(x) - r(z) = d int_0^1 f''(z - u d) du
        mean = total = 0.0
        for k in range(6):
            step = share[k] * curvature_at(kind, a, y, z - node[k] * d)
            mean += step
            total += node[k] * step
        d = -away / mean
    return d * d * total


cdef inline double bregman(double q, loss_kind_t kind, double a, double y, double z,
                           double theta) noexcept nogil:
    # given q = exp(exponent)
    cdef double r, d, c, e, m, t
    if kind == LOGISTIC:
        c = 1.0 / (1.0 + q)
        e, m = (c, q * c) if z > 0.0 else (q * c, c)
        return bernoulli_entropy(y - theta, 1.0 - y + theta, e, m, z,
                                 (y * m - (1.0 - y) * e) - theta)
    if kind == POISSON:
        return relative_entropy(y - theta, q, z, (y - q) - theta)
    if kind == GAMMA:
        m = y * q
        t = log(y) - z if m < 1e-300 else 0.0
        return relative_entropy(1.0 + theta, m, t, theta - (m - 1.0))
    if kind == NEGATIVE_BINOMIAL:
        t = z - log(a)
        c = 1.0 / (1.0 + q)
        e, m = (c, q * c) if t > 0.0 else (q * c, c)
        return (y + a) * bernoulli_entropy((y - theta) / (y + a), (a + theta) / (y + a), e, m, t,
                                           ((y * m - a * e) - theta) / (y + a))
    if kind == TWEEDIE:
        if a > 2.0:         # not convex: of the quadratic model with the expected curvature
            e = exp((2.0 - a) * z)
            d = (y * exp((1.0 - a) * z) - e) - theta
            return 0.5 * d * (d / e) if d != 0.0 else 0.0
        if y == 0.0 and theta >= 0.0:
            return INFINITY if theta > 0.0 else loss_at(kind, a, y, z, &r, &d)
        return bregman_by_search(kind, a, y, z, theta)
    if kind == PROBIT:
        if (y == 1.0 and theta < 0.0) or (y == 0.0 and theta > 0.0):
            return INFINITY
        if theta == 0.0 and (y == 0.0 or y == 1.0):
            return loss_at(kind, a, y, z, &r, &d)
        return bregman_by_search(kind, a, y, z, theta)
    if kind == CLOGLOG:
        if y == 0.0:
            return relative_entropy(-theta, q, z, -q - theta)
        if theta > y or (y == 1.0 and theta < 0.0):
            return INFINITY
        if theta == y or (y == 1.0 and theta == 0.0):
            return loss_at(kind, a, y, z, &r, &d) + theta * z
        return bregman_by_search(kind, a, y, z, theta)
    if kind == HUBER:
        if fabs(theta) > a * (1.0 + ROUNDED):
            return INFINITY
        theta = clip(theta, -a, a)
        q = fabs(y - z)
        return 0.5 * (y - z - theta) * (y - z - theta) if q <= a else (
            (a - fabs(theta)) * (q - 0.5 * (a + fabs(theta))) if theta * (y - z) >= 0.0 else
            a * (q - 0.5 * a) + 0.5 * theta * theta + fabs(theta) * q)
    if kind == SQUARED_HINGE:
        m = 1.0 - y * z
        t = y * theta
        if t < -ROUNDED * larger(fabs(m), 1.0):
            return INFINITY
        t = larger(t, 0.0)
        return (m - 0.5 * t) * (m - 0.5 * t) if m > 0.0 else t * (0.25 * t - m)
    if kind == QUANTILE:
        if not a - 1.0 - ROUNDED <= theta <= a + ROUNDED:
            return INFINITY
        m = y - z
        return larger(a - theta, 0.0) * m if m > 0.0 else larger(theta - (a - 1.0), 0.0) * -m
    return 0.5 * (y - z - theta) * (y - z - theta)


# -- blocks of samples -----------------------------------------------------------------------------


cdef inline double loss_evaluate(const loss_t* F, Py_ssize_t output, Py_ssize_t start,
                                 Py_ssize_t stop, const double* z, double* v,
                                 double* curvature) noexcept nogil:
    cdef const double* y = F.y + output * F.n
    cdef double[EXPONENTS] q
    cdef const double* weight = F.weight
    cdef double s, total = 0.0
    cdef Py_ssize_t i, first, last = start
    if weight != NULL:
        weight = weight + start
    if F.kind == LOGISTIC:
        return logistic(stop - start, y + start, z + start, weight, v + start, curvature + start)
    if F.kind == POISSON:
        return poisson(stop - start, y + start, z + start, weight, v + start, curvature + start)
    while last < stop:
        first = last
        last = min(first + EXPONENTS, stop)
        powers(F, z, first, last, q)
        for i in range(first, last):
            s = weight_of(F, i)
            if s == 0.0:        # its loss may be infinite
                v[i] = curvature[i] = 0.0
                continue
            total += s * loss_with(q[i - first], F.kind, F.parameter, y[i], z[i], v + i,
                                   curvature + i)
            v[i] *= s
            curvature[i] *= s
    return total


cdef inline void powers(const loss_t* F, const double* z, Py_ssize_t first, Py_ssize_t last,
                        double* q) noexcept nogil:
    # exp(exponent) of some samples
    cdef Py_ssize_t i
    for i in range(first, last):
        q[i - first] = exponent(F.kind, F.parameter, z[i])
    exp_of(last - first, q, q)


cdef inline dual_point_t residual_as_dual_point(double rr) noexcept nogil:
    cdef dual_point_t D
    D.away = D.along = 0.0
    D.square = rr
    D.z = D.theta = D.r = D.d = NULL
    return D


cdef inline double loss_part(const loss_t* F, const dual_point_t* D, double k) noexcept nogil:
    # f(z) + f^*(-k theta) + k theta.z for the dual point k theta
    cdef double total = 0.0
    cdef Py_ssize_t output
    if F.kind == SQUARED:       # ||r - k theta||^2 / 2
        return larger(0.5 * D.away + (1.0 - k) * (D.along + 0.5 * (1.0 - k) * D.square), 0.0)
    for output in range(F.n_outputs):
        total += part_of_output(F, output, D, k)
    return total


cdef inline double part_near(const loss_t* F, const double* y, const dual_point_t* D,
                             Py_ssize_t at, double k, Py_ssize_t first,
                             Py_ssize_t n) noexcept nogil:
    # part_of_output for some samples at once, NaN where that is not possible
    cdef const double* weight = F.weight
    if weight != NULL:
        weight = weight + first
    if F.kind == LOGISTIC:
        if D.d != NULL:
            return labels_part(n, y, D.r + at, D.d + at, D.theta + at, k, weight)
        return logistic_part(n, y, D.z + at, D.theta + at, k, weight)
    if F.kind == POISSON:
        if D.d != NULL:
            return counts_part(n, D.r + at, D.d + at, D.theta + at, k, weight)
        return poisson_part(n, y, D.z + at, D.theta + at, k, weight)
    return NAN


cdef inline double part_of_output(const loss_t* F, Py_ssize_t output, const dual_point_t* D,
                                  double k) noexcept nogil:
    # sum_i s_i (f_i(z_i) + f_i^*(-k theta_i) + k theta_i z_i)
    cdef Py_ssize_t at = output * F.n
    cdef const double* y = F.y + at
    cdef const double* z = D.z + at
    cdef const double* theta = D.theta + at
    cdef double[EXPONENTS] q
    cdef double s, part, total = 0.0
    cdef Py_ssize_t i, first, last = 0
    while last < F.n and total < INFINITY:
        first = last
        last = min(first + EXPONENTS, F.n)
        part = part_near(F, y + first, D, at + first, k, first, last - first)
        if part == part:
            total += part
            continue
        powers(F, z, first, last, q)
        for i in range(first, last):
            s = weight_of(F, i)
            if s > 0.0:
                total += s * bregman(q[i - first], F.kind, F.parameter, y[i], z[i], k * theta[i])
    return total
