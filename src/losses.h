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

/* ((1 + x) log(1 + x) - x) / x^2 for |x| <= 0.05 */
static inline double sr_entropy_series(double x)
{
    return 0.5 - x * (1.0 / 6 - x * (1.0 / 12 - x * (1.0 / 20 - x * (1.0 / 30 - x * (1.0 / 42
           - x * (1.0 / 56 - x * (1.0 / 72 - x / 90)))))));
}

#define SR_LEAVES "simd_losses.h"
#include "simd_levels.h"
#undef SR_LEAVES

#endif
