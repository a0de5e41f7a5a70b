/* Vector kernels (leaves) of proximal steps, in float64 and float32. */
#ifndef SOFTREG_PROX_H
#define SOFTREG_PROX_H

#include <math.h>

#include "proximal.h"
#include "simd.h"

static inline double sr_abs_f64(double x) { return fabs(x); }
static inline float sr_abs_f32(float x) { return fabsf(x); }
static inline double sr_sqrt_f64(double x) { return sqrt(x); }
static inline float sr_sqrt_f32(float x) { return sqrtf(x); }

#define SR_LEAVES "simd_prox.h"
#include "simd_levels.h"
#undef SR_LEAVES

#endif
