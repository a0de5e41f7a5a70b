/* Leaves of proximal steps in float64 and float32; what target_clones are is said in simd.h. */
#ifndef SOFTREG_PROX_H
#define SOFTREG_PROX_H

#include <math.h>

#include "simd.h"

#define SR_T double
#define SR_NAME(name) name##_f64
#define SR_ABS(x) fabs(x)
#define SR_SQRT(x) sqrt(x)
#include "simd_prox.h"
#undef SR_T
#undef SR_NAME
#undef SR_ABS
#undef SR_SQRT

#define SR_T float
#define SR_NAME(name) name##_f32
#define SR_ABS(x) fabsf(x)
#define SR_SQRT(x) sqrtf(x)
#include "simd_prox.h"
#undef SR_T
#undef SR_NAME
#undef SR_ABS
#undef SR_SQRT

#endif
