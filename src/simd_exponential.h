/* Leaves for exponentials, written with the macros of simd_levels.h. */

/* out_i = exp(x_i) */
SR_LEAF(void, sr_exp_of, (ptrdiff_t n, const SR_T *x, double *out), (n, x, out))
{
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] = sr_exponential(x[i]);
}
