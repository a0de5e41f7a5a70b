/* Products of entries stored by rows with tiles of dense columns. */
#ifndef SOFTREG_BY_ROWS_H
#define SOFTREG_BY_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "simd.h"

/* Columns of a tile: their entries of one sample fit into registers. */
enum { SR_TILE = 32 };

/* out[feature_e] += value_e x */
static inline void sr_add_row(ptrdiff_t n, const int32_t *feature, const double *value, double x,
                              double *out)
{
    ptrdiff_t e = 0;
    for (; e + 4 <= n; e += 4) {
        out[feature[e]] += value[e] * x;
        out[feature[e + 1]] += value[e + 1] * x;
        out[feature[e + 2]] += value[e + 2] * x;
        out[feature[e + 3]] += value[e + 3] * x;
    }
    for (; e < n; e++)
        out[feature[e]] += value[e] * x;
}

#define SR_LEAVES "simd_by_rows.h"
#include "simd_levels.h"
#undef SR_LEAVES

#endif
