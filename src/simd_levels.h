/* Includes the leaves of the file SR_LEAVES for every number type and every instruction level.
 *
 * They are written with these macros:
 *
 *   SR_LEAF(result, name, parameters, arguments) { ... }
 *                  defines name_f64 or name_f32, which calls the variant for this processor's level
 *   SR_HELPER      replaces `static` for functions that only leaves call
 *   SR_NAME(name)  the name of a function for the same number type and level
 *   SR_TYPED(name) the name of a function without levels: name_f64, name_f32
 *   SR_T           the number type
 *   SR_WIDTH       float64 numbers in a vector of the level; SR_REGISTERS: number of registers
 *   SR_F64         the type of SR_WIDTH float64 numbers; SR_LOAD(p) converts the numbers at p to it
 *   SR_EACH(k)     loops over the SR_PARTS vectors that hold eight float64 numbers
 *   SR_V, SR_LANES the type of a vector of SR_T, and its length; SR_V8, SR_LANES8: the same for
 *                  vectors of at most eight numbers where the level has them
 */
#define SR_JOIN_(a, b, c) a##b##c
#define SR_JOIN(a, b, c) SR_JOIN_(a, b, c)
#define SR_NAME(name) SR_JOIN(name, SR_SUFFIX, SR_LEVEL)
#define SR_TYPED(name) SR_JOIN(name, SR_SUFFIX, )
#define SR_AT_LEVEL(name, level) SR_JOIN(name, SR_SUFFIX, level)
#define SR_HELPER SR_TARGET static
#define SR_PARTS (8 / SR_WIDTH)
#define SR_EACH(k) for (int k = 0; k < SR_PARTS; k++)

#if SR_RUNTIME_DISPATCH

#define SR_LEAF(result, name, parameters, arguments)                                            \
    SR_HELPER result SR_NAME(name) parameters

#define SR_LEVEL _avx512
#define SR_TARGET __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma"), unused))
#define SR_WIDTH 8
#define SR_REGISTERS 32
#define SR_F64 sr_f64x8
#define SR_F32 sr_f32x8
#define SR_F32_WHOLE sr_f32x16
#include "simd_types.h"
#undef SR_LEVEL
#undef SR_TARGET
#undef SR_WIDTH
#undef SR_REGISTERS
#undef SR_F64
#undef SR_F32
#undef SR_F32_WHOLE

#define SR_LEVEL _avx2
#define SR_TARGET __attribute__((target("avx2,fma"), unused))
#define SR_WIDTH 4
#define SR_REGISTERS 16
#define SR_F64 sr_f64x4
#define SR_F32 sr_f32x4
#define SR_F32_WHOLE sr_f32x8
#include "simd_types.h"
#undef SR_LEVEL
#undef SR_TARGET
#undef SR_WIDTH
#undef SR_REGISTERS
#undef SR_F64
#undef SR_F32
#undef SR_F32_WHOLE
#undef SR_LEAF

/* the portable level comes last, and defines the dispatching function */
#define SR_LEAF(result, name, parameters, arguments)                                            \
    SR_HELPER result SR_NAME(name) parameters;                                                  \
    SR_TARGET static inline result SR_TYPED(name) parameters                                    \
    {                                                                                           \
        if (sr_level == SR_AVX512)                                                              \
            return SR_AT_LEVEL(name, _avx512) arguments;                                        \
        if (sr_level == SR_AVX2)                                                                \
            return SR_AT_LEVEL(name, _avx2) arguments;                                          \
        return SR_NAME(name) arguments;                                                         \
    }                                                                                           \
    SR_HELPER result SR_NAME(name) parameters
#define SR_LEVEL _portable

#else

#define SR_LEAF(result, name, parameters, arguments) SR_HELPER result SR_NAME(name) parameters
#define SR_LEVEL

#endif

#if defined(__GNUC__) || defined(__clang__)
#define SR_TARGET __attribute__((unused))
#else
#define SR_TARGET
#endif
#define SR_WIDTH 2
#ifdef __aarch64__
#define SR_REGISTERS 32
#else
#define SR_REGISTERS 16
#endif
#define SR_F64 sr_f64x2
#define SR_F32 sr_f32x2
#define SR_F32_WHOLE sr_f32x4
#include "simd_types.h"
#undef SR_LEVEL
#undef SR_TARGET
#undef SR_WIDTH
#undef SR_REGISTERS
#undef SR_F64
#undef SR_F32
#undef SR_F32_WHOLE
#undef SR_LEAF

#undef SR_NAME
#undef SR_TYPED
#undef SR_AT_LEVEL
#undef SR_HELPER
#undef SR_PARTS
#undef SR_EACH
