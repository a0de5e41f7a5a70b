/* Vector leaves: what the inner loops do to one dense column.
 *
 * Every sum is accumulated in float64 whatever the type of the data, in sixteen fixed lanes, so a
 * result depends neither on the number of threads nor on the alignment of the data.  The lanes are
 * written with the vector extension of gcc and clang; other compilers (and all of them where
 * SOFTREG_PLAIN_C is defined) get the same loops in scalar form.  On x86-64 Linux with glibc three
 * versions of each leaf are built and the loader picks the one that the processor can run (ifunc);
 * elsewhere only the portable one exists.
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

#if (defined(__GNUC__) || defined(__clang__)) && !defined(SOFTREG_PLAIN_C)
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

/* out[k] = the sum of the lanes of ak, added in the order of sr_dot.  Shuffles make of the four sums
 * of four what would otherwise be sixteen single additions. */
#if SR_VECTOR_EXTENSION && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
typedef double sr_f64x4 __attribute__((vector_size(32), aligned(8), may_alias));
#define SR_HALF(a)                                                                               \
    (__builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7))
#define SR_PAIRS(a, b)                                                                           \
    (__builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7))
#define SR_SUMS(a0, a1, a2, a3, out)                                                             \
    do {                                                                                         \
        const sr_f64x4 b0 = SR_HALF(a0), b1 = SR_HALF(a1), b2 = SR_HALF(a2), b3 = SR_HALF(a3);   \
        const sr_f64x4 c01 = SR_PAIRS(b0, b1), c23 = SR_PAIRS(b2, b3);                           \
        *(sr_f64x4 *)(out) = __builtin_shufflevector(c01, c23, 0, 2, 4, 6)                       \
                             + __builtin_shufflevector(c01, c23, 1, 3, 5, 7);                    \
    } while (0)
#endif
#endif
#define SR_SUM(a) (((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7])))
#ifndef SR_SUMS
#define SR_SUMS(a0, a1, a2, a3, out)                                                             \
    do {                                                                                         \
        (out)[0] = SR_SUM(a0);                                                                   \
        (out)[1] = SR_SUM(a1);                                                                   \
        (out)[2] = SR_SUM(a2);                                                                   \
        (out)[3] = SR_SUM(a3);                                                                   \
    } while (0)
#endif

/* Asks for the cache line of p, for the second cache or for the first; any address will do. */
#if defined(__GNUC__) || defined(__clang__)
#define SR_FETCH(p) __builtin_prefetch((p), 0, 2)
#define SR_FETCH_NEAREST(p) __builtin_prefetch((p), 0, 3)
#else
#define SR_FETCH(p) ((void)(p))
#define SR_FETCH_NEAREST(p) ((void)(p))
#endif

/* How many entries ahead of their use the entries of columns are asked for, measured: four columns
 * at once if they are longer than SR_SHORT, one alone if it is longer than SR_UNASKED, far ahead
 * unless it fills the second cache.  Shorter ones lead to their neighbours, which the processor fetches
 * unasked. */
#define SR_SHORT 1024
#define SR_AHEAD 128
#define SR_UNASKED 2048
#define SR_FAR_AHEAD 1024
#define SR_LONG 32768

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
