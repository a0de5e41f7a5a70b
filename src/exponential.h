/* exp of many numbers at once. */
#ifndef SOFTREG_EXPONENTIAL_H
#define SOFTREG_EXPONENTIAL_H

#include <stdint.h>

#include "simd.h"

/* exp(x), x clipped to [-708, 709]: 2^k times a Taylor polynomial of the remainder, |r| < 0.35;
 * right to 2e-16 (1 + |x| / 1000). */
static inline double sr_exponential(double x)
{
    union {
        double f;
        int64_t i;
    } k, power;
    double r, n;
    x = x < -708.0 ? -708.0 : x > 709.0 ? 709.0 : x;
    k.f = x * 1.4426950408889634 + 6755399441055744.0; /* 1.5 * 2^52: the integer is in the last bits */
    n = k.f - 6755399441055744.0;
    power.i = (int64_t)((uint64_t)(k.i - 0x4338000000000000 + 1023) << 52);
    r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10; /* log(2) in two parts */
    return power.f
           * (1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120
              + r * (1.0 / 720 + r * (1.0 / 5040 + r * (1.0 / 40320 + r * (1.0 / 362880
              + r * (1.0 / 3628800 + r * (1.0 / 39916800 + r * (1.0 / 479001600
              + r / 6227020800.0)))))))))))));
}

#define SR_LEAVES "simd_exponential.h"
#include "simd_levels.h"
#undef SR_LEAVES

#endif
