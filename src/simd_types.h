/* Includes the leaves of one instruction level, for float64 and for float32; see simd_levels.h. */
#define SR_T double
#define SR_SUFFIX _f64
#define SR_LOAD(p) (*(const SR_F64 *)(p))
#define SR_V SR_F64
#define SR_LANES SR_WIDTH
#define SR_V8 SR_F64
#define SR_LANES8 SR_WIDTH
#include SR_LEAVES
#undef SR_T
#undef SR_SUFFIX
#undef SR_LOAD
#undef SR_V
#undef SR_LANES
#undef SR_V8
#undef SR_LANES8

#define SR_T float
#define SR_SUFFIX _f32
#define SR_LOAD(p) __builtin_convertvector(*(const SR_F32 *)(p), SR_F64)
#define SR_V SR_F32_WHOLE
#define SR_LANES (2 * SR_WIDTH)
#if SR_WIDTH == 8
#define SR_V8 SR_F32
#define SR_LANES8 8
#else
#define SR_V8 SR_F32_WHOLE
#define SR_LANES8 (2 * SR_WIDTH)
#endif
#include SR_LEAVES
#undef SR_T
#undef SR_SUFFIX
#undef SR_LOAD
#undef SR_V
#undef SR_LANES
#undef SR_V8
#undef SR_LANES8
