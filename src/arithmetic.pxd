"""Comparisons of two numbers as inline functions."""


cdef inline double larger(double a, double b) noexcept nogil:
    # two instructions, where fmax of the C library is a call
    return b if b > a else a


cdef inline double smaller(double a, double b) noexcept nogil:
    return b if b < a else a


cdef inline double clip(double x, double lower, double upper) noexcept nogil:
    return smaller(larger(x, lower), upper)
