/* Formulas of proximal maps that regression (penalty.pxd) and networks (simd_prox.h) share. */
#ifndef SOFTREG_PROXIMAL_H
#define SOFTREG_PROXIMAL_H

/* np.sign(x) * np.maximum(np.abs(x) - t, 0) for t >= 0, without a branch; +0.0 for every zero, NaN
 * for NaN. */
static inline double sr_soft_f64(double x, double t)
{
    const double above = x - t, below = x + t;
    return ((above < 0 ? 0 : above) + (below > 0 ? 0 : below)) + 0.0;
}

static inline float sr_soft_f32(float x, float t)
{
    const float above = x - t, below = x + t;
    return ((above < 0 ? 0 : above) + (below > 0 ? 0 : below)) + 0.0f;
}

/* argmin_x  c/2 x^2 - b x + l1 |x| + l2/2 x^2;  c + l2 > 0 */
static inline double sr_shrink_f64(double b, double c, double l1, double l2)
{
    return sr_soft_f64(b, l1) / (c + l2);
}

static inline float sr_shrink_f32(float b, float c, float l1, float l2)
{
    return sr_soft_f32(b, l1) / (c + l2);
}

#endif
