/* Leaves for dense columns, written with the macros of simd_levels.h.
 *
 * x is a column, m its centre, v a residual-like vector of float64 and s the sample weights (NULL:
 * all one).  Centring is done element by element: the difference x - m is exact where m is large
 * compared with the spread, and its cost is hidden by the two loads.
 */
#define SR_DOUBLES(p) (*(const SR_F64 *)(p))
#define SR_DOUBLES_AT(p) (*(SR_F64 *)(p))

/* sum_i (x_i - m) v_i */
SR_LEAF(double, sr_dot, (ptrdiff_t n, const SR_T *x, double m, const double *v), (n, x, m, v))
{
    double total = 0.0;
    ptrdiff_t i = 0;
#if SR_VECTOR_EXTENSION
    SR_F64 a[SR_PARTS] = {{0}}, b[SR_PARTS] = {{0}};
    const ptrdiff_t ahead = n <= SR_LONG ? SR_FAR_AHEAD : SR_AHEAD;
    double lanes[8];
#define SR_SIXTEEN                                                                               \
    SR_EACH(k)                                                                                   \
    {                                                                                            \
        const ptrdiff_t j = i + SR_WIDTH * k;                                                    \
        a[k] += (SR_LOAD(x + j) - m) * SR_DOUBLES(v + j);                                        \
        b[k] += (SR_LOAD(x + j + 8) - m) * SR_DOUBLES(v + j + 8);                                \
    }
    if (n > SR_UNASKED)
        for (; i + 16 <= n; i += 16) {
            SR_FETCH(x + i + ahead);
            SR_FETCH(x + i + 8 + ahead);
            SR_SIXTEEN
        }
    else
        for (; i + 16 <= n; i += 16) {
            SR_SIXTEEN
        }
#undef SR_SIXTEEN
    SR_EACH(k)
        SR_DOUBLES_AT(lanes + SR_WIDTH * k) = a[k] + b[k];
    total = SR_SUM(lanes);
#endif
    for (; i < n; i++)
        total += ((double)x[i] - m) * v[i];
    return total;
}

/* out_k = sum_i (x_ik - m_k) v_i for the four columns that start at x[at[k]]: v is loaded once for
 * all four.  Prefetches the entries at distance `near` from the first two columns and at distance
 * `far` from the others, into the L1 cache (`nearest`) or L2; nothing if both are 0. */
SR_LEAF(void, sr_dot4, (ptrdiff_t n, const SR_T *x, const ptrdiff_t *at, const double *m,
                        const double *v, int nearest, ptrdiff_t near, ptrdiff_t far, double *out),
        (n, x, at, m, v, nearest, near, far, out))
{
    const SR_T *x0 = x + at[0], *x1 = x + at[1], *x2 = x + at[2], *x3 = x + at[3];
    ptrdiff_t i = 0;
    out[0] = out[1] = out[2] = out[3] = 0.0;
#if SR_VECTOR_EXTENSION
    SR_F64 a0[SR_PARTS] = {{0}}, a1[SR_PARTS] = {{0}}, a2[SR_PARTS] = {{0}}, a3[SR_PARTS] = {{0}};
    const double m0 = m[0], m1 = m[1], m2 = m[2], m3 = m[3];
    double lanes[4][8];
#define SR_LOOP(FETCH)                                                                           \
    for (; i + 8 <= n; i += 8) {                                                                 \
        FETCH(x0 + near + i);                                                                    \
        FETCH(x1 + near + i);                                                                    \
        FETCH(x2 + far + i);                                                                     \
        FETCH(x3 + far + i);                                                                     \
        SR_EACH(k)                                                                               \
        {                                                                                        \
            const ptrdiff_t j = i + SR_WIDTH * k;                                                \
            const SR_F64 vj = SR_DOUBLES(v + j);                                                 \
            a0[k] += (SR_LOAD(x0 + j) - m0) * vj;                                                \
            a1[k] += (SR_LOAD(x1 + j) - m1) * vj;                                                \
            a2[k] += (SR_LOAD(x2 + j) - m2) * vj;                                                \
            a3[k] += (SR_LOAD(x3 + j) - m3) * vj;                                                \
        }                                                                                        \
    }
    if (near == 0 && far == 0) {
        SR_LOOP(SR_FETCH_NOTHING)
    } else if (nearest) {
        SR_LOOP(SR_FETCH_NEAREST)
    } else {
        SR_LOOP(SR_FETCH)
    }
#undef SR_LOOP
    SR_EACH(k)
    {
        SR_DOUBLES_AT(lanes[0] + SR_WIDTH * k) = a0[k];
        SR_DOUBLES_AT(lanes[1] + SR_WIDTH * k) = a1[k];
        SR_DOUBLES_AT(lanes[2] + SR_WIDTH * k) = a2[k];
        SR_DOUBLES_AT(lanes[3] + SR_WIDTH * k) = a3[k];
    }
    for (int k = 0; k < 4; k++)
        out[k] = SR_SUM(lanes[k]);
#endif
    for (; i < n; i++) {
        out[0] += ((double)x0[i] - m[0]) * v[i];
        out[1] += ((double)x1[i] - m[1]) * v[i];
        out[2] += ((double)x2[i] - m[2]) * v[i];
        out[3] += ((double)x3[i] - m[3]) * v[i];
    }
}

/* v_i -= d s_i (x_i - m) */
SR_LEAF(void, sr_axpy, (ptrdiff_t n, double d, const SR_T *x, double m, const double *s,
                        double *v),
        (n, d, x, m, s, v))
{
    ptrdiff_t i = 0;
    if (s == NULL) {
#if SR_VECTOR_EXTENSION
        for (; i + 8 <= n; i += 8)
            SR_EACH(k)
            {
                const ptrdiff_t j = i + SR_WIDTH * k;
                SR_DOUBLES_AT(v + j) -= d * (SR_LOAD(x + j) - m);
            }
#endif
        for (; i < n; i++)
            v[i] -= d * ((double)x[i] - m);
    } else {
#if SR_VECTOR_EXTENSION
        for (; i + 8 <= n; i += 8)
            SR_EACH(k)
            {
                const ptrdiff_t j = i + SR_WIDTH * k;
                SR_DOUBLES_AT(v + j) -= d * SR_DOUBLES(s + j) * (SR_LOAD(x + j) - m);
            }
#endif
        for (; i < n; i++)
            v[i] -= d * s[i] * ((double)x[i] - m);
    }
}

/* v_i -= s_i sum_k d_k (x_ik - m_k) for the four columns that start at x[at[k]]: v is loaded and
 * stored once for all four.  `near` and `far` as in sr_dot4, into the L2 cache. */
SR_LEAF(void, sr_axpy4, (ptrdiff_t n, const double *d, const SR_T *x, const ptrdiff_t *at,
                         const double *m, const double *s, ptrdiff_t near, ptrdiff_t far,
                         double *v),
        (n, d, x, at, m, s, near, far, v))
{
    const SR_T *x0 = x + at[0], *x1 = x + at[1], *x2 = x + at[2], *x3 = x + at[3];
    const double d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3];
    const double m0 = m[0], m1 = m[1], m2 = m[2], m3 = m[3];
    ptrdiff_t i = 0;
#if SR_VECTOR_EXTENSION
#define SR_LOOP(FETCH)                                                                           \
    for (; i + 8 <= n; i += 8) {                                                                 \
        FETCH(x0 + near + i);                                                                    \
        FETCH(x1 + near + i);                                                                    \
        FETCH(x2 + far + i);                                                                     \
        FETCH(x3 + far + i);                                                                     \
        SR_EACH(k)                                                                               \
        {                                                                                        \
            const ptrdiff_t j = i + SR_WIDTH * k;                                                \
            SR_F64 e = d0 * (SR_LOAD(x0 + j) - m0) + d1 * (SR_LOAD(x1 + j) - m1);                \
            e += d2 * (SR_LOAD(x2 + j) - m2) + d3 * (SR_LOAD(x3 + j) - m3);                      \
            if (s != NULL)                                                                       \
                e *= SR_DOUBLES(s + j);                                                          \
            SR_DOUBLES_AT(v + j) -= e;                                                           \
        }                                                                                        \
    }
    if (near == 0 && far == 0) {
        SR_LOOP(SR_FETCH_NOTHING)
    } else {
        SR_LOOP(SR_FETCH)
    }
#undef SR_LOOP
#endif
    for (; i < n; i++) {
        double e = d0 * ((double)x0[i] - m0) + d1 * ((double)x1[i] - m1);
        e += d2 * ((double)x2[i] - m2) + d3 * ((double)x3[i] - m3);
        v[i] -= s == NULL ? e : s[i] * e;
    }
}

/* out = {sum_i s_i e_i, sum_i s_i (f e_i)^2} with e_i = x_i - m; the factor f keeps the squares of
 * extreme values in range, and the weight is multiplied first: where it is 0 the square may
 * overflow */
SR_LEAF(void, sr_moments, (ptrdiff_t n, const SR_T *x, double m, double f, const double *s,
                           double *out),
        (n, x, m, f, s, out))
{
    double sum = 0.0, sumsq = 0.0;
    ptrdiff_t i = 0;
#if SR_VECTOR_EXTENSION
    SR_F64 a[SR_PARTS] = {{0}}, b[SR_PARTS] = {{0}};
    double lanes[2][8];
    for (; i + 8 <= n; i += 8)
        SR_EACH(k)
        {
            const ptrdiff_t j = i + SR_WIDTH * k;
            const SR_F64 e = SR_LOAD(x + j) - m;
            if (s == NULL) {
                a[k] += e;
                b[k] += (f * e) * (f * e);
            } else {
                a[k] += SR_DOUBLES(s + j) * e;
                b[k] += (SR_DOUBLES(s + j) * (f * e)) * (f * e);
            }
        }
    SR_EACH(k)
    {
        SR_DOUBLES_AT(lanes[0] + SR_WIDTH * k) = a[k];
        SR_DOUBLES_AT(lanes[1] + SR_WIDTH * k) = b[k];
    }
    sum = SR_SUM(lanes[0]);
    sumsq = SR_SUM(lanes[1]);
#endif
    for (; i < n; i++) {
        const double e = (double)x[i] - m, w = s == NULL ? 1.0 : s[i];
        sum += w * e;
        sumsq += (w * (f * e)) * (f * e);
    }
    out[0] = sum;
    out[1] = sumsq;
}

/* number of i with x_i + shift > strength * t_i */
SR_LEAF(ptrdiff_t, sr_count_above, (ptrdiff_t n, const SR_T *x, double shift, double strength,
                                    const double *t),
        (n, x, shift, strength, t))
{
    ptrdiff_t count = 0;
#pragma omp simd reduction(+ : count)
    for (ptrdiff_t i = 0; i < n; i++)
        count += (double)x[i] + shift > strength * t[i];
    return count;
}

#undef SR_DOUBLES
#undef SR_DOUBLES_AT
