/* Losses of many samples at once. */
#ifndef SOFTREG_LOSSES_H
#define SOFTREG_LOSSES_H

#include <math.h>

#include "exponential.h"

/* log(1 + q), 0 <= q <= 1, as 2 artanh(q / (2 + q)) by its series: right to some 2e-16 of itself. */
static inline double sr_log_of_one_and(double q)
{
    const double x = q / (2.0 + q), t = x * x;
    return 2.0 * x
           * (1.0 + t * (1.0 / 3 + t * (1.0 / 5 + t * (1.0 / 7 + t * (1.0 / 9 + t * (1.0 / 11
              + t * (1.0 / 13 + t * (1.0 / 15 + t * (1.0 / 17 + t * (1.0 / 19 + t * (1.0 / 21
              + t * (1.0 / 23 + t * (1.0 / 25 + t * (1.0 / 27 + t * (1.0 / 29
              + t / 31)))))))))))))));
}

/* log(y) of normal y > 0: y = 2^k f, sqrt(1/2) <= f < sqrt(2), log f = 2 artanh((f - 1) / (f + 1)) */
static inline double sr_logarithm(double y)
{
    union {
        double f;
        int64_t i;
    } part, power;
    double k, x, t;
    part.f = y;
    part.i += 0x3ff0000000000000 - 0x3fe6a09e667f3bcd; /* the exponent changes at sqrt(1/2) */
    power.i = (int64_t)((uint64_t)part.i >> 52) | 0x4330000000000000; /* 2^52 + the exponent */
    k = power.f - 4503599627371519.0;                                 /* 2^52 + 1023 */
    part.i = (part.i & 0xfffffffffffff) + 0x3fe6a09e667f3bcd;
    x = (part.f - 1.0) / (part.f + 1.0);
    t = x * x;
    return k * 1.90821492927058770002e-10
           + (2.0 * x
                  * (1.0 + t * (1.0 / 3 + t * (1.0 / 5 + t * (1.0 / 7 + t * (1.0 / 9 + t * (1.0 / 11
                     + t * (1.0 / 13 + t * (1.0 / 15 + t * (1.0 / 17 + t / 19)))))))))
              + k * 0.693147180369123816490);
}

/* ((1 + x) log(1 + x) - x) / x for -1/4 <= x <= 1/3: with z = x / (2 + x), log(1 + x) = 2 artanh(z)
 * and 1 + x = (1 + z) / (1 - z), the terms that would cancel drop out; right to 5e-16 of itself. */
static inline double sr_entropy_near(double x)
{
    const double z = x / (2.0 + x), t = z * z;
    return z + t * (1.0 + z)
               * (1.0 / 3 + t * (1.0 / 5 + t * (1.0 / 7 + t * (1.0 / 9 + t * (1.0 / 11
                  + t * (1.0 / 13 + t * (1.0 / 15 + t / 17)))))));
}

/* The same for x > -1, by the series where the terms would cancel.  Both are added, one of them 0:
 * compilers would make a branch of a choice, and no vectors. */
static inline double sr_entropy(double x)
{
    const int is_near = fabs(x) <= 0.25;
    const double a = is_near ? x : 0.0, b = is_near ? 1.0 : x, share = is_near ? 0.0 : 1.0;
    return sr_entropy_near(a) + share * ((1.0 + b) / b * sr_logarithm(1.0 + b) - 1.0);
}

#define SR_LEAVES "simd_losses.h"
#include "simd_levels.h"
#undef SR_LEAVES

#endif
