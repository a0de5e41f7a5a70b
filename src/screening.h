/* Bounds of many features at once. */
#ifndef SOFTREG_SCREENING_H
#define SOFTREG_SCREENING_H

#include "simd.h"

#define SR_LEAVES "simd_screening.h"
#include "simd_levels.h"
#undef SR_LEAVES

#endif
