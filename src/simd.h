/* Vector kernels ("leaves"): the inner loops over one dense column.
 *
 * Every sum is accumulated in float64 whatever the type of the data, in sixteen fixed lanes, so a
 * result depends neither on the number of threads nor on the alignment of the data.  The lanes are
 * written with the vector extension of gcc and clang, as arrays of vectors of the hardware's width:
 * gcc keeps wider vectors in memory, which is many times slower.  Other compilers (and all of them
 * if SOFTREG_PLAIN_C is defined) compile the same loops in scalar form.
 *
 * On x86-64 each leaf is compiled for three instruction levels, and the widest that the processor
 * supports is used; the environment variable SOFTREG_VECTORS=avx2 or portable selects a narrower
 * one.  On other processors only the portable level exists.
 */
#ifndef SOFTREG_SIMD_H
#define SOFTREG_SIMD_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if (defined(__GNUC__) || defined(__clang__)) && !defined(SOFTREG_PLAIN_C)
#define SR_VECTOR_EXTENSION 1
typedef double sr_f64x8 __attribute__((vector_size(64), aligned(8), may_alias));
typedef double sr_f64x4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef double sr_f64x2 __attribute__((vector_size(16), aligned(8), may_alias));
typedef float sr_f32x16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef float sr_f32x8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float sr_f32x4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef float sr_f32x2 __attribute__((vector_size(8), aligned(4), may_alias));
#else
#define SR_VECTOR_EXTENSION 0
#endif

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#define SR_RUNTIME_DISPATCH 1
#else
#define SR_RUNTIME_DISPATCH 0
#endif

enum { SR_PORTABLE, SR_AVX2, SR_AVX512 };

#if SR_RUNTIME_DISPATCH
static int sr_level = SR_PORTABLE;

/* Sets the instruction level of the leaves when the module is loaded. */
__attribute__((constructor)) static void sr_find_level(void)
{
    const char *wanted = getenv("SOFTREG_VECTORS");
    __builtin_cpu_init();
    if (wanted != NULL && strcmp(wanted, "portable") == 0)
        return;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        sr_level = SR_AVX2;
    if (wanted != NULL && strcmp(wanted, "avx2") == 0)
        return;
    if (sr_level == SR_AVX2 && __builtin_cpu_supports("avx512f")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512bw"))
        sr_level = SR_AVX512;
}
#endif

/* Name of the instruction level, for `show_config`. */
static inline const char *sr_vector_level(void)
{
#if SR_RUNTIME_DISPATCH
    return sr_level == SR_AVX512 ? "avx512" : sr_level == SR_AVX2 ? "avx2" : "portable";
#elif SR_VECTOR_EXTENSION
    return "portable";
#else
    return "scalar";
#endif
}

/* Sum of the eight lanes of an array of vectors: ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)).  The
 * vectors are stored to `lanes` first; compilers turn this into shuffles. */
#define SR_SUM(lanes) (((lanes[0] + lanes[4]) + (lanes[2] + lanes[6]))                          \
                       + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7])))

/* Prefetch the cache line of p into the L2 cache, or (NEAREST) L1; p may be any address. */
#if defined(__GNUC__) || defined(__clang__)
#define SR_FETCH(p) __builtin_prefetch((p), 0, 2)
#define SR_FETCH_NEAREST(p) __builtin_prefetch((p), 0, 3)
#else
#define SR_FETCH(p) ((void)(p))
#define SR_FETCH_NEAREST(p) ((void)(p))
#endif

#define SR_FETCH_NOTHING(p) ((void)0)

/* Prefetch distances in entries, tuned by measurement: SR_AHEAD for four columns at once that are
 * longer than SR_SHORT.  A single column is prefetched if it is longer than SR_UNASKED, by
 * SR_FAR_AHEAD unless it is longer than SR_LONG and fills the L2 cache (then SR_AHEAD).  Shorter
 * columns need none: the hardware prefetcher continues into the adjacent column. */
#define SR_SHORT 1024
#define SR_AHEAD 128
#define SR_UNASKED 2048
#define SR_FAR_AHEAD 1024
#define SR_LONG 32768

#define SR_LEAVES "simd_columns.h"
#include "simd_levels.h"
#undef SR_LEAVES

#endif
