/* Leaves of proximal steps and of Adam, written with the macros of simd_levels.h.
 *
 * All work on a block that lies in cache: z is the result of a gradient step and is overwritten by
 * the proximal point; t are the step lengths and s the penalty strengths, one per coordinate.  The
 * formulas are in docs/neural.md, "Proximal steps".
 *
 * A penalty is a helper sr_prox_KIND and its KIND, the one of its Python class, in SR_PENALTIES.
 */
#ifndef SR_PENALTIES
#define SR_PENALTIES(EACH) EACH(nothing) EACH(elastic_net) EACH(mcp) EACH(scad) EACH(l_half) \
    EACH(log_sum)

#define SR_KIND(kind) SR_KIND_##kind,
#define SR_KIND_NAME(kind) #kind,
#define SR_CASE(kind) \
    case SR_KIND_##kind: SR_NAME(sr_prox_##kind)(n, z, t, s, shape); break;
enum { SR_PENALTIES(SR_KIND) };
static const char *const sr_penalties[] = {SR_PENALTIES(SR_KIND_NAME) NULL};
#endif

/* t is 0 for coordinates that must not move, and may be as large as the largest float: products are
 * then infinite, and the results below are still correct. */

SR_HELPER void SR_NAME(sr_prox_nothing)(ptrdiff_t n, SR_T *z, const SR_T *t, const SR_T *s,
                                        SR_T shape)
{
    (void)n, (void)z, (void)t, (void)s, (void)shape;
}

SR_HELPER void SR_NAME(sr_prox_elastic_net)(ptrdiff_t n, SR_T *z, const SR_T *t, const SR_T *s,
                                            SR_T l1_ratio)
{
    const SR_T l2_ratio = 1 - l1_ratio;
    ptrdiff_t i;
    if (l2_ratio == 0) {
        for (i = 0; i < n; i++)
            z[i] = SR_TYPED(sr_soft)(z[i], t[i] * s[i]);
    } else if (l1_ratio == 0) {  /* 0 times an infinite product is NaN */
        for (i = 0; i < n; i++)
            z[i] = z[i] / (1 + t[i] * s[i]) + (SR_T)0;
    } else {
        for (i = 0; i < n; i++) {
            const SR_T u = t[i] * s[i];
            z[i] = SR_TYPED(sr_shrink)(z[i], 1, u * l1_ratio, u * l2_ratio) + (SR_T)0;
        }
    }
}

/* MCP: s |x| - x^2 / (2 gamma), constant for |x| >= gamma s.  For t >= gamma the objective is
 * concave below that, so that the minimum is at 0 or z. */
SR_HELPER void SR_NAME(sr_prox_mcp)(ptrdiff_t n, SR_T *z, const SR_T *t, const SR_T *s, SR_T gamma)
{
    ptrdiff_t i;
    for (i = 0; i < n; i++) {
        const SR_T size = SR_TYPED(sr_abs)(z[i]), soft = SR_TYPED(sr_soft)(z[i], t[i] * s[i]);
        const SR_T convex = size <= gamma * s[i] ? soft / (1 - t[i] / gamma) : z[i];
        const SR_T jump = size <= s[i] * SR_TYPED(sr_sqrt)(t[i] * gamma) ? 0 : z[i];
        z[i] = (t[i] < gamma ? convex : jump) + (SR_T)0;
    }
}

/* SCAD (Fan and Li): slope s for |x| <= s and slope 0 for |x| >= a s. */
SR_HELPER void SR_NAME(sr_prox_scad)(ptrdiff_t n, SR_T *z, const SR_T *t, const SR_T *s, SR_T a)
{
    ptrdiff_t i;
    for (i = 0; i < n; i++) {
        const SR_T u = t[i], b = s[i], size = SR_TYPED(sr_abs)(z[i]);
        const SR_T soft = SR_TYPED(sr_soft)(z[i], u * b);
        const SR_T beyond = z[i] > 0 ? z[i] - a * b : z[i] + a * b;
        const SR_T middle = z[i] + u * beyond / (a - 1 - u); /* z itself, to the bit, for u = 0 */
        const SR_T convex = size <= b * (1 + u) ? soft : size <= a * b ? middle : z[i];
        const SR_T half = size <= b * (a + 1 + u) / 2 ? soft : z[i];
        const SR_T jump = size <= b * SR_TYPED(sr_sqrt)(u * (a + 1)) ? 0 : z[i];
        z[i] = (u < a - 1 ? convex : u <= a + 1 ? half : jump) + (SR_T)0;
    }
}

/* L1/2: s sqrt|x|, with u = t s: 0 for |z| <= 3/2 u^(2/3) (Xu, Chang, Xu, Zhang 2012).  Otherwise
 * x = z y^2, y the largest root of y^3 - y + r / 2, r = u / |z|^(3/2) < (2/3)^(3/2).  Newton's
 * method from the root's series in r, whose error is at most 0.02, is exact to rounding after four
 * steps and needs no cosine. */
SR_HELPER void SR_NAME(sr_prox_l_half)(ptrdiff_t n, SR_T *z, const SR_T *t, const SR_T *s,
                                       SR_T shape)
{
    (void)shape;
    const double most = 0.5443310539518174;
    ptrdiff_t i;
    for (i = 0; i < n; i++) {
        const double u = (double)t[i] * (double)s[i], size = SR_TYPED(sr_abs)(z[i]);
        const double scale = size * sqrt(size), h = 0.5 * u / scale;
        double y = 1 - h * (0.5 + 0.375 * h);
        y -= (y * (y * y - 1) + h) / (3 * y * y - 1);
        y -= (y * (y * y - 1) + h) / (3 * y * y - 1);
        y -= (y * (y * y - 1) + h) / (3 * y * y - 1);
        y -= (y * (y * y - 1) + h) / (3 * y * y - 1);
        y = u < most * scale ? y : 0;
        /* correct also where the power underflows, and for NaN */
        z[i] = (u > 0 ? (SR_T)(z[i] * (y * y)) : z[i]) + (SR_T)0;
    }
}

/* s log(1 + |x| / eps), with u = t s: the larger root of x^2 - (|z| - eps) x = |z| eps - u.  While
 * |z| eps <= u, 0 is a minimum too, and the root is one only for |z| > eps; the lower of the two is
 * taken.  Lengths are relative to the larger of |z| and eps, so that no square overflows. */
SR_HELPER void SR_NAME(sr_prox_log_sum)(ptrdiff_t n, SR_T *z, const SR_T *t, const SR_T *s,
                                        SR_T eps)
{
    ptrdiff_t i;
    for (i = 0; i < n; i++) {
        const double u = (double)t[i] * (double)s[i], size = SR_TYPED(sr_abs)(z[i]);
        const double unit = size > eps ? size : eps, a = size / unit, e = eps / unit;
        const double v = u / unit / unit, rise = a * e - v, square = (a - e) * (a - e) + 4 * rise;
        const double root = sqrt(square > 0 ? square : 0);
        const double x = a > e ? 0.5 * (a - e + root) : 2 * rise / (e - a + root);
        const int lower = a > e && square > 0 && v * log1p(x / e) < x * (a - 0.5 * x);
        const double found = rise <= 0 && !lower ? 0 : copysign(x * unit, z[i]);
        z[i] = (u > 0 ? (SR_T)found : z[i]) + (SR_T)0;
    }
}

/* shape: the parameter of this kind, such as gamma of MCP. */
SR_LEAF(void, sr_prox, (int kind, ptrdiff_t n, SR_T *z, const SR_T *t, const SR_T *s, SR_T shape),
        (kind, n, z, t, s, shape))
{
    switch (kind) { SR_PENALTIES(SR_CASE) }
}

SR_LEAF(void, sr_clip_below, (ptrdiff_t n, SR_T *z), (n, z))
{
    ptrdiff_t i;
    for (i = 0; i < n; i++)
        z[i] = z[i] < 0 ? 0 : z[i];
}

/* Step lengths of Adam's metric from the second moment. */
SR_LEAF(void, sr_adam_steps, (ptrdiff_t n, const SR_T *v, SR_T lr, SR_T eps, SR_T c2, SR_T *t),
        (n, v, lr, eps, c2, t))
{
    const SR_T scale = 1 / c2;
    ptrdiff_t i;
    for (i = 0; i < n; i++)
        t[i] = lr / (SR_TYPED(sr_sqrt)(v[i]) * scale + eps);
}

/* One step of AdamW, and the step length t of every coordinate.  c1 = 1 - beta1^k and c2 =
 * sqrt(1 - beta2^k) correct the bias; `most` (NULL without) holds AMSGrad's largest v. */
SR_LEAF(void, sr_adamw, (ptrdiff_t n, SR_T *w, const SR_T *g, SR_T *m, SR_T *v, SR_T *most,
                         SR_T lr, SR_T beta1, SR_T beta2, SR_T eps, SR_T keep, SR_T c1, SR_T c2,
                         SR_T *t),
        (n, w, g, m, v, most, lr, beta1, beta2, eps, keep, c1, c2, t))
{
    const SR_T rest1 = 1 - beta1, rest2 = 1 - beta2, scale = 1 / c2, unbias = 1 / c1;
    ptrdiff_t i;
    for (i = 0; i < n; i++) {
        m[i] = m[i] + rest1 * (g[i] - m[i]);
        v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
    }
    if (most != NULL)
        for (i = 0; i < n; i++)
            most[i] = v[i] > most[i] ? v[i] : most[i];
    {
        const SR_T *of = most != NULL ? most : v;
        for (i = 0; i < n; i++) {
            t[i] = lr / (SR_TYPED(sr_sqrt)(of[i]) * scale + eps);
            w[i] = w[i] * keep - t[i] * (m[i] * unbias);
        }
    }
}
