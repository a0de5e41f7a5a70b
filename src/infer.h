/* Inference of whole networks on a tile of samples, in float64 and float32.
 *
 * A tile is `lanes` samples side by side: the values of a feature are `lanes` adjacent numbers, and
 * all offsets are counted in such positions.  lanes is 1 or a multiple of SR_CHUNK.  All buffers
 * lie in one arena, each followed by SR_CHUNK positions that vector loads and stores may touch.
 */
#ifndef SOFTREG_INFER_H
#define SOFTREG_INFER_H

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "simd.h"

/* Numbers per iteration of the loops below, and maximum number of samples in a tile. */
#define SR_CHUNK 16
#define SR_MOST_LANES 64

/* Number of inputs whose nonzeros are listed at a time. */
#define SR_LOOKED_AT 1024

enum { SR_AFFINE, SR_PAD, SR_MAX_POOL, SR_MEAN_POOL, SR_ADD, SR_ACTIVATE, SR_SOFTMAX, SR_EMBED,
       SR_LSTM, SR_GRU };

enum { SR_RELU, SR_LEAKY, SR_ELU, SR_SIGMOID, SR_TANH, SR_SILU, SR_GELU, SR_GELU_TANH,
       SR_CLIP };

/* A matrix in panels of `rows` rows (1, 8 or 16).  A panel holds `rows` weights for each of its
 * columns, and the offset of the column's input; columns whose weights are all zero may be missing.
 * skip: whether inputs that are zero are skipped; then all panels have the same columns. */
typedef struct {
    ptrdiff_t rows, panels, skip;
    const int64_t *starts;
    const int32_t *offsets;
    const void *w, *bias;
} sr_matrix;

/* One step of a network; the fields are explained at the functions in simd_infer.h. */
typedef struct {
    ptrdiff_t kind, x, x2, y, n;
    ptrdiff_t run, pitch, repeat, x_step, y_step;
    ptrdiff_t height, width, x_pitch, x_plane, out_height, out_width;
    ptrdiff_t size_y, size_x, stride_y, stride_x, pad_y, pad_x, log, activation;
    double a, b;
    sr_matrix W, U;
} sr_step;

#if SR_VECTOR_EXTENSION && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define SR_TRANSPOSES 1
typedef sr_f64x4 sr_four_f64;
typedef sr_f32x4 sr_four_f32;
#endif
#endif

/* exp(x), x clipped to [-87, 88]: 2^k times a Taylor polynomial of the remainder */
static inline float sr_exp_f32(float x)
{
    union {
        float f;
        int32_t i;
    } k, power;
    float r, n;
    x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    k.f = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: the integer is in the last bits */
    n = k.f - 12582912.0f;
    power.i = (int32_t)((uint32_t)(k.i - 0x4B400000 + 127) << 23);
    r = (x - n * 0.693359375f) + n * 2.12194440e-4f; /* log(2) in two parts */
    return power.f
           * (1.0f + r * (1.0f + r * (0.5f + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120
              + r * (1.0f / 720 + r * (1.0f / 5040))))))));
}

/* tanh(x): its Taylor polynomial for small x, where 1 - 2 / (exp(2 x) + 1) would lose digits */
static inline float sr_tanh_f32(float x)
{
    const float far = 1.0f - 2.0f / (sr_exp_f32(2.0f * x) + 1.0f), z = x * x;
    const float near = x - x * z * (1.0f / 3 - z * (2.0f / 15 - z * (17.0f / 315 - z * (62.0f / 2835
                       - z * (1382.0f / 155925)))));
    return z < 0.1225f ? near : far;
}

static inline double sr_exp_f64(double x) { return exp(x); }
static inline double sr_tanh_f64(double x) { return tanh(x); }
static inline double sr_erf_f64(double x) { return erf(x); }
static inline float sr_erf_f32(float x) { return erff(x); }
static inline double sr_log_f64(double x) { return log(x); }
static inline float sr_log_f32(float x) { return logf(x); }

#define SR_LEAVES "simd_infer.h"
#include "simd_levels.h"
#undef SR_LEAVES

#endif
