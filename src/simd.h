/* Vector leaves: what the inner loops do to one dense column.
 *
 * Every sum is accumulated in float64 whatever the type of the data, in sixteen fixed lanes, so a
 * result depends neither on the number of threads nor on the alignment of the data.  The lanes are
 * written with the vector extension of gcc and clang; other compilers get the same loops in scalar
 * form.  On x86-64 Linux with glibc three versions of each leaf are built and the loader picks the
 * one that the processor can run (ifunc); elsewhere only the portable one exists.
 */
#ifndef SOFTREG_SIMD_H
#define SOFTREG_SIMD_H

#include <stddef.h>

#if defined(__x86_64__) && defined(__linux__) && (defined(__GNUC__) || defined(__clang__))
#include <features.h> /* defines __GLIBC__ where the C library is glibc, the one with ifunc */
#endif

#if defined(__clang__)
#if defined(__x86_64__) && defined(__GLIBC__) && __clang_major__ >= 14
#define SR_LEAF static __attribute__((target_clones("avx512f", "avx2", "default")))
#define SR_RUNTIME_DISPATCH 1
#endif
#elif defined(__GNUC__)
#if defined(__x86_64__) && defined(__GLIBC__) && __GNUC__ >= 12
#define SR_LEAF                                                                                  \
    static __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define SR_RUNTIME_DISPATCH 1
#endif
#endif

#ifndef SR_LEAF
#define SR_RUNTIME_DISPATCH 0
#if defined(__GNUC__) || defined(__clang__)
#define SR_LEAF static __attribute__((unused))
#else
#define SR_LEAF static
#endif
#endif

#if defined(__GNUC__) || defined(__clang__)
#define SR_VECTOR_EXTENSION 1
typedef double sr_f64x8 __attribute__((vector_size(64), aligned(8), may_alias));
typedef float sr_f32x8 __attribute__((vector_size(32), aligned(4), may_alias));
#else
#define SR_VECTOR_EXTENSION 0
#endif

/* The instruction set that the leaves run with, for `show_config`. */
static inline const char *sr_vector_level(void)
{
#if SR_RUNTIME_DISPATCH
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
        return "avx512";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return "avx2";
    return "sse2";
#elif SR_VECTOR_EXTENSION
    return "compiler baseline";
#else
    return "scalar";
#endif
}

/* Asks for the cache line of p; any address may be asked for. */
#define SR_FETCH(p) __builtin_prefetch((p), 0, 2)

#define SR_T double
#define SR_NAME(name) name##_f64
#define SR_LOAD(p) (*(const sr_f64x8 *)(p))
#include "simd_columns.h"
#undef SR_T
#undef SR_NAME
#undef SR_LOAD

#define SR_T float
#define SR_NAME(name) name##_f32
#define SR_LOAD(p) __builtin_convertvector(*(const sr_f32x8 *)(p), sr_f64x8)
#include "simd_columns.h"
#undef SR_T
#undef SR_NAME
#undef SR_LOAD

#endif
