/* Leaves for the steps of a network, written with the macros of simd_levels.h. */

#include "simd_products.h"

/* --- elementwise functions -------------------------------------------------------------------- */

/* Activation function of x, in place; comparisons are written so that NaN stays NaN */
SR_HELPER void SR_NAME(sr_activate)(ptrdiff_t n, SR_T *x, ptrdiff_t kind, SR_T a, SR_T b)
{
    ptrdiff_t i;
    switch (kind) {
    case SR_RELU:
        for (i = 0; i < n; i++)
            x[i] = x[i] < 0 ? 0 : x[i];
        break;
    case SR_LEAKY:
        for (i = 0; i < n; i++)
            x[i] = x[i] < 0 ? a * x[i] : x[i];
        break;
    case SR_ELU:
        for (i = 0; i < n; i++)
            x[i] = x[i] < 0 ? a * (SR_TYPED(sr_exp)(x[i]) - 1) : x[i];
        break;
    case SR_SIGMOID:
        for (i = 0; i < n; i++)
            x[i] = 1 / (1 + SR_TYPED(sr_exp)(-x[i]));
        break;
    case SR_TANH:
        for (i = 0; i < n; i++)
            x[i] = SR_TYPED(sr_tanh)(x[i]);
        break;
    case SR_SILU:
        for (i = 0; i < n; i++)
            x[i] = x[i] / (1 + SR_TYPED(sr_exp)(-x[i]));
        break;
    case SR_GELU:
        for (i = 0; i < n; i++)
            x[i] = x[i] * (SR_T)0.5 * (1 + SR_TYPED(sr_erf)(x[i] * (SR_T)0.70710678118654752));
        break;
    case SR_GELU_TANH:
        for (i = 0; i < n; i++)
            x[i] = x[i] * (SR_T)0.5
                   * (1 + SR_TYPED(sr_tanh)((SR_T)0.79788456080286536
                                  * (x[i] + (SR_T)0.044715 * x[i] * x[i] * x[i])));
        break;
    case SR_CLIP:
        for (i = 0; i < n; i++)
            x[i] = x[i] < a ? a : x[i] > b ? b : x[i];
        break;
    default:
        break;
    }
}

SR_HELPER void SR_NAME(sr_add)(ptrdiff_t n, const SR_T *x, const SR_T *z, SR_T *y)
{
    ptrdiff_t i;
    for (i = 0; i < n; i++)
        y[i] = x[i] + z[i];
}

/* exp(x) / sum(exp(x)) over the n positions of each sample, or its logarithm, in place */
SR_HELPER void SR_NAME(sr_softmax)(ptrdiff_t n, ptrdiff_t lanes, SR_T *x, ptrdiff_t take_log)
{
    SR_T most[SR_MOST_LANES], sum[SR_MOST_LANES];
    ptrdiff_t i, t;
    for (t = 0; t < lanes; t++) {
        most[t] = x[t];
        sum[t] = 0;
    }
    for (i = 1; i < n; i++)
        for (t = 0; t < lanes; t++)
            most[t] = x[i * lanes + t] > most[t] ? x[i * lanes + t] : most[t];
    for (i = 0; i < n; i++)
        for (t = 0; t < lanes; t++) {
            const SR_T shifted = x[i * lanes + t] - most[t], power = SR_TYPED(sr_exp)(shifted);
            sum[t] += power;
            x[i * lanes + t] = take_log ? shifted : power;
        }
    for (t = 0; t < lanes; t++)
        sum[t] = take_log ? SR_TYPED(sr_log)(sum[t]) : 1 / sum[t];
    for (i = 0; i < n; i++)
        for (t = 0; t < lanes; t++)
            x[i * lanes + t] = take_log ? x[i * lanes + t] - sum[t] : x[i * lanes + t] * sum[t];
}

/* --- image planes ----------------------------------------------------------------------------- */

/* Zero-padded planes, split into phases: plane (c, i, j) of y has the rows i, i + stride_y, ... and
 * the columns j, j + stride_x, ... of plane c, which turns a strided convolution into one without
 * strides.  Planes of y are out_height x out_width, `pitch` positions apart. */
SR_HELPER void SR_NAME(sr_pad)(const sr_step *S, const SR_T *x, SR_T *y, ptrdiff_t lanes)
{
    const size_t bytes = sizeof(SR_T) * (size_t)lanes;
    ptrdiff_t c, i, j, row, column;
    memset(y, 0, bytes * (size_t)(S->n * S->stride_y * S->stride_x * S->pitch));
    for (c = 0; c < S->n; c++)
        for (i = 0; i < S->stride_y; i++)
            for (j = 0; j < S->stride_x; j++, y += S->pitch * lanes)
                for (row = 0; row < S->out_height; row++) {
                    const ptrdiff_t from = row * S->stride_y + i - S->pad_y;
                    const SR_T *line = x + (c * S->x_plane + from * S->x_pitch) * lanes;
                    SR_T *to = y + row * S->out_width * lanes;
                    if (from < 0 || from >= S->height)
                        continue;
                    if (S->stride_x == 1) {
                        memcpy(to + S->pad_x * lanes, line, bytes * (size_t)S->width);
                        continue;
                    }
                    for (column = 0; column < S->out_width; column++) {
                        const ptrdiff_t at = column * S->stride_x + j - S->pad_x;
                        if (at >= 0 && at < S->width)
                            memcpy(to + column * lanes, line + at * lanes, bytes);
                    }
                }
}

/* Maximum or mean of size_y x size_x windows.  a: divisor of the sum, 0 for the number of entries
 * that lie in the plane. */
SR_HELPER void SR_NAME(sr_pool)(const sr_step *S, const SR_T *x, SR_T *y, ptrdiff_t lanes)
{
    const int largest = S->kind == SR_MAX_POOL;
    ptrdiff_t c, row, column, i, j, t;
    for (c = 0; c < S->n; c++)
        for (row = 0; row < S->out_height; row++)
            for (column = 0; column < S->out_width; column++, y += lanes) {
                ptrdiff_t top = row * S->stride_y - S->pad_y, left = column * S->stride_x - S->pad_x;
                ptrdiff_t bottom = top + S->size_y, right = left + S->size_x;
                top = top < 0 ? 0 : top;
                left = left < 0 ? 0 : left;
                bottom = bottom > S->height ? S->height : bottom;
                right = right > S->width ? S->width : right;
                for (t = 0; t < lanes; t++)
                    y[t] = largest ? -(SR_T)INFINITY : 0;
                for (i = top; i < bottom; i++)
                    for (j = left; j < right; j++) {
                        const SR_T *from = x + (c * S->x_plane + i * S->x_pitch + j) * lanes;
                        if (largest)
                            for (t = 0; t < lanes; t++)
                                y[t] = from[t] > y[t] || from[t] != from[t] ? from[t] : y[t];
                        else
                            for (t = 0; t < lanes; t++)
                                y[t] += from[t];
                    }
                if (!largest) {
                    const SR_T by = S->a > 0 ? (SR_T)S->a : (SR_T)((bottom - top) * (right - left));
                    for (t = 0; t < lanes; t++)
                        y[t] /= by;
                }
            }
}

/* --- sequences -------------------------------------------------------------------------------- */

/* Embedding: rows of a table with n columns, y[l, :, t] = table[ids[t, l]]. */
SR_HELPER void SR_NAME(sr_embed)(const sr_step *S, const int64_t *ids, ptrdiff_t samples, SR_T *y,
                                 ptrdiff_t lanes)
{
    const SR_T *table = (const SR_T *)S->W.w;
    ptrdiff_t l, j, t;
    for (l = 0; l < S->repeat; l++)
        for (t = 0; t < lanes; t++) {
            const SR_T *row = table + S->n * (t < samples ? ids[t * S->repeat + l] : 0);
            for (j = 0; j < S->n; j++)
                y[(l * S->n + j) * lanes + t] = row[j];
        }
}

/* c = f c + i g, h = o tanh(c) with the gates u + v, in the order i, f, g, o */
SR_HELPER void SR_NAME(sr_lstm_cell)(ptrdiff_t n, SR_T *u, const SR_T *v, SR_T *c, SR_T *h)
{
    const SR_T *i = u, *f = u + n, *g = u + 2 * n, *o = u + 3 * n;
    ptrdiff_t k;
    for (k = 0; k < 4 * n; k++)
        u[k] += v[k];
    SR_NAME(sr_activate)(2 * n, u, SR_SIGMOID, 0, 0);
    SR_NAME(sr_activate)(n, u + 2 * n, SR_TANH, 0, 0);
    SR_NAME(sr_activate)(n, u + 3 * n, SR_SIGMOID, 0, 0);
    for (k = 0; k < n; k++)
        h[k] = c[k] = f[k] * c[k] + i[k] * g[k];
    SR_NAME(sr_activate)(n, h, SR_TANH, 0, 0);
    for (k = 0; k < n; k++)
        h[k] *= o[k];
}

/* h = (1 - z) m + z h with m = tanh(u_m + r v_m); the order is r, z, m */
SR_HELPER void SR_NAME(sr_gru_cell)(ptrdiff_t n, SR_T *u, const SR_T *v, SR_T *h)
{
    const SR_T *r = u, *z = u + n, *m = u + 2 * n;
    ptrdiff_t k;
    for (k = 0; k < 2 * n; k++)
        u[k] += v[k];
    SR_NAME(sr_activate)(2 * n, u, SR_SIGMOID, 0, 0);
    for (k = 0; k < n; k++)
        u[2 * n + k] += r[k] * v[2 * n + k];
    SR_NAME(sr_activate)(n, u + 2 * n, SR_TANH, 0, 0);
    for (k = 0; k < n; k++)
        h[k] = (1 - z[k]) * m[k] + z[k] * h[k];
}

/* `repeat` time steps of a recurrent layer of n units.  Working memory at x2: W x_t + b, U h + b'
 * (each `run` positions), c and h (n positions each, `pitch` apart).  y_step = 0 keeps the last h
 * only. */
SR_HELPER void SR_NAME(sr_recur)(const sr_step *S, const SR_T *x, SR_T *work, SR_T *y, ptrdiff_t lanes)
{
    const ptrdiff_t n = S->n * lanes;
    SR_T *u = work, *v = u + S->run * lanes, *c = v + S->run * lanes, *h = c + S->pitch * lanes;
    ptrdiff_t l;
    memset(c, 0, sizeof(SR_T) * (size_t)(S->pitch * lanes));
    memset(h, 0, sizeof(SR_T) * (size_t)(S->pitch * lanes));
    for (l = 0; l < S->repeat; l++) {
        SR_NAME(sr_matrix_times)(&S->W, x + l * S->x_step * lanes, u, lanes, 1, 1);
        SR_NAME(sr_matrix_times)(&S->U, h, v, lanes, 1, 1);
        if (S->kind == SR_LSTM)
            SR_NAME(sr_lstm_cell)(n, u, v, c, h);
        else
            SR_NAME(sr_gru_cell)(n, u, v, h);
        memcpy(y + l * S->y_step * lanes, h, sizeof(SR_T) * (size_t)n);
    }
}

/* --- the whole network ------------------------------------------------------------------------ */

#ifdef SR_TRANSPOSES
/* to[j, i] = from[i, j] for 4 x 4 numbers */
SR_HELPER inline void SR_NAME(sr_transpose)(const SR_T *from, ptrdiff_t width, SR_T *to, ptrdiff_t lanes)
{
    typedef SR_TYPED(sr_four) Q;
    const Q a = *(const Q *)from, b = *(const Q *)(from + width);
    const Q c = *(const Q *)(from + 2 * width), d = *(const Q *)(from + 3 * width);
    const Q ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const Q cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const Q ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Q cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(Q *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(Q *)(to + lanes) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(Q *)(to + 2 * lanes) = __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5);
    *(Q *)(to + 3 * lanes) = __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7);
}
#endif

/* to[f, t] = from[t, f] for the used features; lanes without a sample are zero.  Up to 16 adjacent
 * features (a cache line of float32) are copied from several samples before the next features. */
SR_LEAF(void, sr_gather, (const SR_T *from, ptrdiff_t samples, ptrdiff_t width,
                          const int32_t *used, ptrdiff_t n_used, SR_T *to, ptrdiff_t lanes),
        (from, samples, width, used, n_used, to, lanes))
{
    ptrdiff_t k, end, t, j;
    if (lanes == 1) {
        memcpy(to, from, sizeof(SR_T) * (size_t)width);
        return;
    }
    for (k = 0; k < n_used; k = end) {
        const SR_T *x = from + used[k];
        SR_T *y = to + used[k] * lanes;
        for (end = k + 1; end < n_used && end - k < 16 && used[end] == used[k] + (end - k);)
            end++;
        t = 0;
#ifdef SR_TRANSPOSES
        for (; t + 3 < samples; t += 4) {
            for (j = 0; j + 3 < end - k; j += 4)
                SR_NAME(sr_transpose)(x + t * width + j, width, y + j * lanes + t, lanes);
            for (; j < end - k; j++) {
                y[j * lanes + t] = x[t * width + j];
                y[j * lanes + t + 1] = x[(t + 1) * width + j];
                y[j * lanes + t + 2] = x[(t + 2) * width + j];
                y[j * lanes + t + 3] = x[(t + 3) * width + j];
            }
        }
#endif
        for (; t < samples; t++)
            for (j = 0; j < end - k; j++)
                y[j * lanes + t] = x[t * width + j];
        for (; t < lanes; t++)
            for (j = 0; j < end - k; j++)
                y[j * lanes + t] = 0;
    }
}

/* to[t, f] = from[offsets[f], t] */
SR_LEAF(void, sr_scatter, (const SR_T *from, ptrdiff_t lanes, const int32_t *offsets,
                           ptrdiff_t width, SR_T *to, ptrdiff_t samples),
        (from, lanes, offsets, width, to, samples))
{
    ptrdiff_t f, t;
    for (f = 0; f < width; f++)
        for (t = 0; t < samples; t++)
            to[t * width + f] = from[offsets[f] * lanes + t];
}

SR_LEAF(void, sr_take_steps, (const sr_step *steps, ptrdiff_t n_steps, const int64_t *ids,
                              ptrdiff_t samples, SR_T *arena, ptrdiff_t lanes),
        (steps, n_steps, ids, samples, arena, lanes))
{
    ptrdiff_t s, l;
    for (s = 0; s < n_steps; s++) {
        const sr_step *S = steps + s;
        const SR_T *x = arena + S->x * lanes, *x2 = arena + S->x2 * lanes;
        SR_T *y = arena + S->y * lanes;
        switch (S->kind) {
        case SR_AFFINE:
            for (l = 0; l < S->repeat; l++)
                SR_NAME(sr_matrix_times)(&S->W, x + l * S->x_step * lanes, y + l * S->y_step * lanes,
                                         lanes, S->run, S->pitch);
            break;
        case SR_PAD:
            SR_NAME(sr_pad)(S, x, y, lanes);
            break;
        case SR_MAX_POOL:
        case SR_MEAN_POOL:
            SR_NAME(sr_pool)(S, x, y, lanes);
            break;
        case SR_ADD:
            SR_NAME(sr_add)(S->n * lanes, x, x2, y);
            break;
        case SR_ACTIVATE:
            SR_NAME(sr_activate)(S->n * lanes, y, S->activation, (SR_T)S->a, (SR_T)S->b);
            break;
        case SR_SOFTMAX:
            for (l = 0; l < S->repeat; l++)
                SR_NAME(sr_softmax)(S->n, lanes, y + l * S->n * lanes, S->log);
            break;
        case SR_EMBED:
            SR_NAME(sr_embed)(S, ids, samples, y, lanes);
            break;
        case SR_LSTM:
        case SR_GRU:
            SR_NAME(sr_recur)(S, x, (SR_T *)x2, y, lanes);
            break;
        default:
            assert(0);
        }
    }
}
