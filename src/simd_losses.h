/* Leaves for losses, written with the macros of simd_levels.h; loss.pxd has the formulas.
 *
 * s are the sample weights (NULL: all one), y the targets and z the predictors.  A sample of weight
 * 0 counts nowhere, as its loss may be infinite.
 */
#define SR_WEIGHT(i) (weighted ? weight[i] : 1.0)
/* Where there are no weights others are loaded: a vector load from NULL takes hundreds of cycles
 * even if it is masked out. */
#define SR_WEIGHTS                                                                               \
    const int weighted = s != NULL;                                                              \
    const double *const weight = weighted ? s : z;

/* sum_i s_i f(z_i); v = -s f'(z), d = s f''(z) */
SR_LEAF(double, sr_logistic, (ptrdiff_t n, const SR_T *y, const double *z, const double *s,
                              double *v, double *restrict d),
        (n, y, z, s, v, d))
{
    double total = 0.0;
    SR_WEIGHTS
#pragma omp simd reduction(+ : total)
    for (ptrdiff_t i = 0; i < n; i++) {
        const double w = SR_WEIGHT(i), up = z[i] > 0.0 ? z[i] : 0.0, ones = y[i];
        const double q = sr_exponential(z[i] - 2.0 * up), c = 1.0 / (1.0 + q), other = q * c;
        const double e = z[i] > 0.0 ? c : other, m = z[i] > 0.0 ? other : c;
        const double f = sr_log_of_one_and(q) + (1.0 - ones) * up - ones * (z[i] - up);
        v[i] = w * (ones * m - (1.0 - ones) * e);
        d[i] = w * (e * m);
        total += w > 0.0 ? w * f : 0.0;
    }
    return total;
}

SR_LEAF(double, sr_poisson, (ptrdiff_t n, const SR_T *y, const double *z, const double *s,
                             double *v, double *restrict d),
        (n, y, z, s, v, d))
{
    double total = 0.0;
    SR_WEIGHTS
#pragma omp simd reduction(+ : total)
    for (ptrdiff_t i = 0; i < n; i++) {
        const double w = SR_WEIGHT(i), q = sr_exponential(z[i]);
        v[i] = w * (y[i] - q);
        d[i] = w * q;
        total += w > 0.0 ? w * (q - y[i] * z[i]) : 0.0;
    }
    return total;
}

/* sum_i s_i (f(z_i) + f^*(-k theta_i) + k theta_i z_i) where all k theta are inside the domain and
 * not at its end; otherwise NaN.  Most are near the residuals, where a series is enough. */
#define SR_LOGISTIC_PART(ENTROPY)                                                                \
    for (ptrdiff_t i = 0; i < n; i++) {                                                          \
        const double w = SR_WEIGHT(i), up = z[i] > 0.0 ? z[i] : 0.0, ones = y[i];                \
        const double q = sr_exponential(z[i] - 2.0 * up), c = 1.0 / (1.0 + q), other = q * c;    \
        const double e = z[i] > 0.0 ? c : other, m = z[i] > 0.0 ? other : c;                     \
        const double away = (ones * m - (1.0 - ones) * e) - k * theta[i];                        \
        const double x = away / e, t = -away / m, low = x < t ? x : t, high = x < t ? t : x;     \
        const double room = other < 1e-300 ? -1.0 : 1.0 + low, counted = w > 0.0 ? room : 1.0;   \
        const double rise = w > 0.0 ? high : 0.0;                                                \
        least = least < counted ? least : counted;                                               \
        most = most > rise ? most : rise;                                                        \
        total += w > 0.0 ? w * (away * (ENTROPY(x) - ENTROPY(t))) : 0.0;                         \
    }
#define SR_POISSON_PART(ENTROPY)                                                                 \
    for (ptrdiff_t i = 0; i < n; i++) {                                                          \
        const double w = SR_WEIGHT(i), q = sr_exponential(z[i]);                                 \
        const double away = (y[i] - q) - k * theta[i], x = away / q;                             \
        const double room = q < 1e-300 ? -1.0 : 1.0 + x, counted = w > 0.0 ? room : 1.0;         \
        const double rise = w > 0.0 ? x : 0.0;                                                   \
        least = least < counted ? least : counted;                                               \
        most = most > rise ? most : rise;                                                        \
        total += w > 0.0 ? w * (away * ENTROPY(x)) : 0.0;                                        \
    }
/* The same from the residual r and the curvature d at z, with weights, without exponentials.  For
 * labels 0 and 1, a is the probability not given to the label, b that of the label. */
#define SR_LABELS_PART(ENTROPY)                                                                  \
    for (ptrdiff_t i = 0; i < n; i++) {                                                          \
        const double w = SR_WEIGHT(i), sign = y[i] > 0.5 ? 1.0 : -1.0, a = sign * r[i];          \
        const double e = w * d[i], product = a * e, q = 1.0 / product;                           \
        const double away = a - k * (sign * w * theta[i]);                                       \
        const double x = away * a * a * q, t = -away * e * q;                                    \
        const double low = x < t ? x : t, high = x < t ? t : x;                                  \
        const double room = product > 1e-300 ? 1.0 + low : -1.0, counted = w > 0.0 ? room : 1.0; \
        const double rise = w > 0.0 ? high : 0.0;                                                \
        least = least < counted ? least : counted;                                               \
        most = most > rise ? most : rise;                                                        \
        total += w > 0.0 ? away * (ENTROPY(x) - ENTROPY(t)) : 0.0;                               \
    }
#define SR_COUNTS_PART(ENTROPY)                                                                  \
    for (ptrdiff_t i = 0; i < n; i++) {                                                          \
        const double w = SR_WEIGHT(i), away = r[i] - k * (w * theta[i]), x = away / d[i];        \
        const double room = d[i] > 1e-300 ? 1.0 + x : -1.0, counted = w > 0.0 ? room : 1.0;      \
        const double rise = w > 0.0 ? x : 0.0;                                                   \
        least = least < counted ? least : counted;                                               \
        most = most > rise ? most : rise;                                                        \
        total += w > 0.0 ? away * ENTROPY(x) : 0.0;                                              \
    }
#define SR_PART(name, LOOP, parameters, arguments)                                               \
    SR_LEAF(double, name, parameters, arguments)                                                 \
    {                                                                                            \
        double total = 0.0, least = 1.0, most = 0.0;                                             \
        SR_PART_WEIGHTS                                                                          \
        SR_SIMD LOOP(sr_entropy_near)                                                            \
        if (least >= 0.95 && most <= 0.05)                                                       \
            return total;                                                                        \
        total = 0.0;                                                                             \
        SR_SIMD LOOP(sr_entropy)                                                                 \
        return least > 1e-300 ? total : NAN;                                                     \
    }
#define SR_SIMD _Pragma("omp simd reduction(+ : total) reduction(min : least) reduction(max : most)")

#define SR_PART_WEIGHTS SR_WEIGHTS
SR_PART(sr_logistic_part, SR_LOGISTIC_PART,
        (ptrdiff_t n, const SR_T *y, const double *z, const double *theta, double k,
         const double *s),
        (n, y, z, theta, k, s))
SR_PART(sr_poisson_part, SR_POISSON_PART,
        (ptrdiff_t n, const SR_T *y, const double *z, const double *theta, double k,
         const double *s),
        (n, y, z, theta, k, s))
#undef SR_PART_WEIGHTS
#define SR_PART_WEIGHTS                                                                          \
    const int weighted = s != NULL;                                                              \
    const double *const weight = weighted ? s : r;
SR_PART(sr_labels_part, SR_LABELS_PART,
        (ptrdiff_t n, const SR_T *y, const double *r, const double *d, const double *theta,
         double k, const double *s),
        (n, y, r, d, theta, k, s))
SR_PART(sr_counts_part, SR_COUNTS_PART,
        (ptrdiff_t n, const double *r, const double *d, const SR_T *theta, double k,
         const double *s),
        (n, r, d, theta, k, s))

#undef SR_PART_WEIGHTS
#undef SR_LOGISTIC_PART
#undef SR_POISSON_PART
#undef SR_LABELS_PART
#undef SR_COUNTS_PART
#undef SR_PART
#undef SR_SIMD

/* The dual point theta = e / s, e = r - stretch (theta on entry) - move d_ref, v = e; returns an
 * estimate of the loss's part of the gap at k theta, sum_i (k e_i - now_i)^2 / (2 curvature_i) */
#define SR_DUAL_POINT(THETA)                                                                     \
    for (ptrdiff_t i = 0; i < n; i++) {                                                          \
        const double e = r[i] - stretch * theta[i] - move * d_ref[i], away = k * e - now[i];     \
        const double curvature = d[i] > d_ref[i] ? d[i] : d_ref[i];                              \
        v[i] = e;                                                                                \
        theta[i] = THETA;                                                                        \
        total += away == 0.0 ? 0.0 : away * away / (curvature > 1e-300 ? curvature : 1e-300);    \
    }
SR_LEAF(double, sr_dual_point, (ptrdiff_t n, const double *r, const double *now, const double *d,
                                const double *d_ref, const double *s, double k,
                                double stretch, double move, double *theta, double *v),
        (n, r, now, d, d_ref, s, k, stretch, move, theta, v))
{
    double total = 0.0;
    if (s == NULL) {
#pragma omp simd reduction(+ : total)
        SR_DUAL_POINT(e)
    } else {
#pragma omp simd reduction(+ : total)
        SR_DUAL_POINT(s[i] > 0.0 ? e / s[i] : 0.0)
    }
    return 0.5 * total;
}
#undef SR_DUAL_POINT

/* sum_i (1 + ahead) d_i x_i^2 - ahead d_before_i x_i^2 over sum_i d_ref_i x_i^2 */
SR_LEAF(double, sr_growth, (ptrdiff_t n, const double *x, const double *d, const double *d_before,
                            const double *d_ref, double ahead),
        (n, x, d, d_before, d_ref, ahead))
{
    double now = 0.0, then = 0.0;
#pragma omp simd reduction(+ : now, then)
    for (ptrdiff_t i = 0; i < n; i++) {
        const double square = x[i] * x[i];
        now += ((1.0 + ahead) * d[i] - ahead * d_before[i]) * square;
        then += d_ref[i] * square;
    }
    return now / then;
}

/* error_i <- r_i - v_i + share error_i; returns its product with the old one over the square of
 * that, both with weights 1 / curvature */
SR_LEAF(double, sr_trace, (ptrdiff_t n, const double *r, const double *v, const double *d,
                           const double *d_ref, double share, double *restrict error),
        (n, r, v, d, d_ref, share, error))
{
    double product = 0.0, square = 0.0;
#pragma omp simd reduction(+ : product, square)
    for (ptrdiff_t i = 0; i < n; i++) {
        const double old = error[i], now = (r[i] - v[i]) + share * old;
        const double curvature = d[i] > d_ref[i] ? d[i] : d_ref[i];
        const double weight = 1.0 / (curvature > 1e-300 ? curvature : 1e-300);
        product += weight * now * old;
        square += weight * old * old;
        error[i] = now;
    }
    return product / square;
}

/* sum_i x_i */
SR_LEAF(double, sr_sum_of, (ptrdiff_t n, const double *x), (n, x))
{
    double total = 0.0;
#pragma omp simd reduction(+ : total)
    for (ptrdiff_t i = 0; i < n; i++)
        total += x[i];
    return total;
}

#undef SR_WEIGHT
#undef SR_WEIGHTS
