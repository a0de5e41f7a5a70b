"""Functions of the normal distribution: Phi its distribution function, phi its density."""

from libc.math cimport M_PI, erfc, exp, log, log1p, sqrt


cdef inline double mills(double z) noexcept nogil:
    # Phi(z) / phi(z), accurate in both tails
    cdef double x, c
    cdef int k
    if z > -5.0:
        return 0.5 * erfc(-z * sqrt(0.5)) * exp(0.5 * z * z) * sqrt(2.0 * M_PI)
    x = -z      # Laplace's continued fraction 1/(x+ 1/(x+ 2/(x+ 3/(x+ ...
    c = x
    for k in range(40, 0, -1):
        c = x + k / c
    return 1.0 / c


cdef inline double log_normal_cdf(double z) noexcept nogil:
    # log Phi(z)
    if z > -5.0:
        return log1p(-0.5 * erfc(z * sqrt(0.5))) if z > 0.0 else log(0.5 * erfc(-z * sqrt(0.5)))
    return log(mills(z)) - 0.5 * z * z - 0.5 * log(2.0 * M_PI)
