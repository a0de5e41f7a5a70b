/* Leaves for products of sparse rows, written with the macros of simd_levels.h. */

/* out[feature_e, :] += value_e x, with rows of SR_TILE numbers */
SR_LEAF(void, sr_add_outer,
        (ptrdiff_t n, const int32_t *feature, const SR_T *value, const double *x, double *out),
        (n, feature, value, x, out))
{
#if SR_VECTOR_EXTENSION
    enum { VECTORS = SR_TILE / SR_WIDTH, AT_ONCE = VECTORS < 8 ? VECTORS : 8 };
    for (int first = 0; first < VECTORS; first += AT_ONCE) {
        SR_F64 t[AT_ONCE];
        for (int v = 0; v < AT_ONCE; v++)
            t[v] = *(const SR_F64 *)(x + SR_WIDTH * (first + v));
        for (ptrdiff_t e = 0; e < n; e++) {
            double *row = out + SR_TILE * (ptrdiff_t)feature[e] + SR_WIDTH * first;
            for (int v = 0; v < AT_ONCE; v++)
                *(SR_F64 *)(row + SR_WIDTH * v) += value[e] * t[v];
        }
    }
#else
    for (ptrdiff_t e = 0; e < n; e++)
        for (int t = 0; t < SR_TILE; t++)
            out[SR_TILE * (ptrdiff_t)feature[e] + t] += value[e] * x[t];
#endif
}
