/* Leaves for screening, written with the macros of simd_levels.h. */

/* out_i = sum_k factor_k rows[k * stride + i] */
SR_LEAF(void, sr_combine,
        (ptrdiff_t n, ptrdiff_t count, const double *factor, const SR_T *rows, ptrdiff_t stride,
         double *out),
        (n, count, factor, rows, stride, out))
{
    ptrdiff_t i = 0;
#if SR_VECTOR_EXTENSION
    for (; i + 4 * SR_WIDTH <= n; i += 4 * SR_WIDTH) {
        SR_F64 sum[4] = {{0}};
        for (ptrdiff_t k = 0; k < count; k++)
            for (int v = 0; v < 4; v++)
                sum[v] += factor[k] * SR_LOAD(rows + k * stride + i + SR_WIDTH * v);
        for (int v = 0; v < 4; v++)
            *(SR_F64 *)(out + i + SR_WIDTH * v) = sum[v];
    }
#endif
    for (; i < n; i++) {
        double sum = 0.0;
        for (ptrdiff_t k = 0; k < count; k++)
            sum += factor[k] * rows[k * stride + i];
        out[i] = sum;
    }
}
