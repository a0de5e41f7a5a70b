/* The dense leaves, once for each type of data.  Included by simd.h with SR_T (the type of x),
 * SR_NAME (its suffix) and SR_LOAD (eight values of x as float64).
 *
 * x is a column, m its centre, v a residual-like vector of float64 and s the sample weights (NULL:
 * all one).  Centring happens element by element: the difference x - m is exact where m is large
 * against the spread, and costs nothing next to the two loads.
 */

/* sum_i (x_i - m) v_i */
SR_LEAF double SR_NAME(sr_dot)(ptrdiff_t n, const SR_T *x, double m, const double *v)
{
    double total = 0.0;
    ptrdiff_t i = 0;
#if SR_VECTOR_EXTENSION
    sr_f64x8 a = {0}, b = {0};
    const ptrdiff_t ahead = n <= SR_LONG ? SR_FAR_AHEAD : SR_AHEAD;
    if (n > SR_UNASKED)
        for (; i + 16 <= n; i += 16) {
            SR_FETCH(x + i + ahead);
            SR_FETCH(x + i + 8 + ahead);
            a += (SR_LOAD(x + i) - m) * *(const sr_f64x8 *)(v + i);
            b += (SR_LOAD(x + i + 8) - m) * *(const sr_f64x8 *)(v + i + 8);
        }
    else
        for (; i + 16 <= n; i += 16) {
            a += (SR_LOAD(x + i) - m) * *(const sr_f64x8 *)(v + i);
            b += (SR_LOAD(x + i + 8) - m) * *(const sr_f64x8 *)(v + i + 8);
        }
    a += b;
    total = SR_SUM(a);
#endif
    for (; i < n; i++)
        total += ((double)x[i] - m) * v[i];
    return total;
}

/* out_k = sum_i (x_ik - m_k) v_i for four columns, stride apart: v is loaded once for all four.
 * Meanwhile what lies `near` entries behind the first two columns, and `far` behind the others, is
 * fetched: into the first cache (`nearest`) or the second. */
SR_LEAF void SR_NAME(sr_dot4)(ptrdiff_t n, const SR_T *x, ptrdiff_t stride, const double *m,
                              const double *v, int nearest, ptrdiff_t near, ptrdiff_t far,
                              double *out)
{
    const SR_T *x0 = x, *x1 = x + stride, *x2 = x + 2 * stride, *x3 = x + 3 * stride;
    ptrdiff_t i = 0;
    out[0] = out[1] = out[2] = out[3] = 0.0;
#if SR_VECTOR_EXTENSION
    sr_f64x8 a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0};
    const double m0 = m[0], m1 = m[1], m2 = m[2], m3 = m[3];
#define SR_LOOP(FETCH)                                                                           \
    for (; i + 8 <= n; i += 8) {                                                                 \
        const sr_f64x8 vi = *(const sr_f64x8 *)(v + i);                                          \
        FETCH(x0 + near + i);                                                                    \
        FETCH(x1 + near + i);                                                                    \
        FETCH(x2 + far + i);                                                                     \
        FETCH(x3 + far + i);                                                                     \
        a0 += (SR_LOAD(x0 + i) - m0) * vi;                                                       \
        a1 += (SR_LOAD(x1 + i) - m1) * vi;                                                       \
        a2 += (SR_LOAD(x2 + i) - m2) * vi;                                                       \
        a3 += (SR_LOAD(x3 + i) - m3) * vi;                                                       \
    }
    if (nearest) {
        SR_LOOP(SR_FETCH_NEAREST)
    } else {
        SR_LOOP(SR_FETCH)
    }
#undef SR_LOOP
    SR_SUMS(a0, a1, a2, a3, out);
#endif
    for (; i < n; i++) {
        out[0] += ((double)x0[i] - m[0]) * v[i];
        out[1] += ((double)x1[i] - m[1]) * v[i];
        out[2] += ((double)x2[i] - m[2]) * v[i];
        out[3] += ((double)x3[i] - m[3]) * v[i];
    }
}

/* v_i -= d s_i (x_i - m) */
SR_LEAF void SR_NAME(sr_axpy)(ptrdiff_t n, double d, const SR_T *x, double m, const double *s,
                              double *v)
{
    ptrdiff_t i = 0;
    if (s == NULL) {
#if SR_VECTOR_EXTENSION
        for (; i + 8 <= n; i += 8)
            *(sr_f64x8 *)(v + i) -= d * (SR_LOAD(x + i) - m);
#endif
        for (; i < n; i++)
            v[i] -= d * ((double)x[i] - m);
    } else {
#if SR_VECTOR_EXTENSION
        for (; i + 8 <= n; i += 8)
            *(sr_f64x8 *)(v + i) -= d * *(const sr_f64x8 *)(s + i) * (SR_LOAD(x + i) - m);
#endif
        for (; i < n; i++)
            v[i] -= d * s[i] * ((double)x[i] - m);
    }
}

/* v_i -= s_i sum_k d_k (x_ik - m_k) for the four columns that start at x[at[k]]: v is loaded and
 * stored once for all four.  `near` and `far` as above, for the second cache. */
SR_LEAF void SR_NAME(sr_axpy4)(ptrdiff_t n, const double *d, const SR_T *x, const ptrdiff_t *at,
                               const double *m, const double *s, ptrdiff_t near, ptrdiff_t far,
                               double *v)
{
    const SR_T *x0 = x + at[0], *x1 = x + at[1], *x2 = x + at[2], *x3 = x + at[3];
    const double d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3];
    const double m0 = m[0], m1 = m[1], m2 = m[2], m3 = m[3];
    ptrdiff_t i = 0;
#if SR_VECTOR_EXTENSION
    for (; i + 8 <= n; i += 8) {
        sr_f64x8 e = d0 * (SR_LOAD(x0 + i) - m0) + d1 * (SR_LOAD(x1 + i) - m1);
        e += d2 * (SR_LOAD(x2 + i) - m2) + d3 * (SR_LOAD(x3 + i) - m3);
        SR_FETCH(x0 + near + i);
        SR_FETCH(x1 + near + i);
        SR_FETCH(x2 + far + i);
        SR_FETCH(x3 + far + i);
        if (s != NULL)
            e *= *(const sr_f64x8 *)(s + i);
        *(sr_f64x8 *)(v + i) -= e;
    }
#endif
    for (; i < n; i++) {
        double e = d0 * ((double)x0[i] - m0) + d1 * ((double)x1[i] - m1);
        e += d2 * ((double)x2[i] - m2) + d3 * ((double)x3[i] - m3);
        v[i] -= s == NULL ? e : s[i] * e;
    }
}

/* out = {sum_i s_i e_i, sum_i s_i (f e_i)^2} with e_i = x_i - m; the factor f keeps the squares of
 * extreme values in range, and the weight comes first: where it is 0 the square might overflow */
SR_LEAF void SR_NAME(sr_moments)(ptrdiff_t n, const SR_T *x, double m, double f, const double *s,
                                 double *out)
{
    double sum = 0.0, sumsq = 0.0;
    ptrdiff_t i = 0;
#if SR_VECTOR_EXTENSION
    sr_f64x8 a = {0}, b = {0};
    for (; i + 8 <= n; i += 8) {
        const sr_f64x8 e = SR_LOAD(x + i) - m;
        if (s == NULL) {
            a += e;
            b += (f * e) * (f * e);
        } else {
            a += *(const sr_f64x8 *)(s + i) * e;
            b += (*(const sr_f64x8 *)(s + i) * (f * e)) * (f * e);
        }
    }
    sum = SR_SUM(a);
    sumsq = SR_SUM(b);
#endif
    for (; i < n; i++) {
        const double e = (double)x[i] - m, w = s == NULL ? 1.0 : s[i];
        sum += w * e;
        sumsq += (w * (f * e)) * (f * e);
    }
    out[0] = sum;
    out[1] = sumsq;
}
