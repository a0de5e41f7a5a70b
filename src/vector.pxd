"""Inner loops: passes over the entries of dense columns.

Those for dense columns call the SIMD kernels of simd.h.  Loops over sparse columns are plain, with
independent sums, and stand in matrix.pxd with the layouts.
"""

from libc.stdint cimport int32_t, int64_t

cdef extern from "simd.h" nogil:
    const char* sr_vector_level()
    bint SR_RUNTIME_DISPATCH
    enum: SR_AHEAD, SR_SHORT
    void SR_FETCH(const void* p) noexcept
    double sr_dot_f64(Py_ssize_t n, const double* x, double m, const double* v) noexcept
    double sr_dot_f32(Py_ssize_t n, const float* x, double m, const double* v) noexcept
    void sr_dot4_f64(Py_ssize_t n, const double* x, const Py_ssize_t* at, const double* m,
                     const double* v, int nearest, Py_ssize_t near, Py_ssize_t far,
                     double* out) noexcept
    void sr_dot4_f32(Py_ssize_t n, const float* x, const Py_ssize_t* at, const double* m,
                     const double* v, int nearest, Py_ssize_t near, Py_ssize_t far,
                     double* out) noexcept
    void sr_axpy_f64(Py_ssize_t n, double d, const double* x, double m, const double* s,
                     double* v) noexcept
    void sr_axpy_f32(Py_ssize_t n, double d, const float* x, double m, const double* s,
                     double* v) noexcept
    void sr_axpy4_f64(Py_ssize_t n, const double* d, const double* x, const Py_ssize_t* at,
                      const double* m, const double* s, Py_ssize_t near, Py_ssize_t far,
                      double* v) noexcept
    void sr_axpy4_f32(Py_ssize_t n, const double* d, const float* x, const Py_ssize_t* at,
                      const double* m, const double* s, Py_ssize_t near, Py_ssize_t far,
                      double* v) noexcept
    Py_ssize_t count_above "sr_count_above_f64"(Py_ssize_t n, const double* x, double shift,
                                                double strength, const double* t) noexcept
    void sr_moments_f64(Py_ssize_t n, const double* x, double m, double f, const double* s,
                        double* out) noexcept
    void sr_moments_f32(Py_ssize_t n, const float* x, double m, double f, const double* s,
                        double* out) noexcept

ctypedef fused real_t:
    double
    float

ctypedef fused index_t:
    int32_t
    int64_t


cdef inline double dot(Py_ssize_t n, const real_t* x, double m, const double* v) noexcept nogil:
    # (x - m) @ v
    if real_t is double:
        return sr_dot_f64(n, x, m, v)
    else:
        return sr_dot_f32(n, x, m, v)


cdef inline void dot4(Py_ssize_t n, const real_t* x, const Py_ssize_t* at, const double* m,
                      const double* v, int nearest, Py_ssize_t near, Py_ssize_t far,
                      double* out) noexcept nogil:
    # (X - m).T @ v for four columns, the k-th starting at x[at[k]]
    if real_t is double:
        sr_dot4_f64(n, x, at, m, v, nearest, near, far, out)
    else:
        sr_dot4_f32(n, x, at, m, v, nearest, near, far, out)


cdef inline void axpy4(Py_ssize_t n, const double* d, const real_t* x, const Py_ssize_t* at,
                       const double* m, const double* s, Py_ssize_t near, Py_ssize_t far,
                       double* v) noexcept nogil:
    # v -= s * ((X - m) @ d) for four columns, the k-th starting at x[at[k]]
    if real_t is double:
        sr_axpy4_f64(n, d, x, at, m, s, near, far, v)
    else:
        sr_axpy4_f32(n, d, x, at, m, s, near, far, v)


cdef inline void axpy(Py_ssize_t n, double d, const real_t* x, double m, const double* s,
                      double* v) noexcept nogil:
    # v -= d * s * (x - m)
    if real_t is double:
        sr_axpy_f64(n, d, x, m, s, v)
    else:
        sr_axpy_f32(n, d, x, m, s, v)


cdef inline void moments(Py_ssize_t n, const real_t* x, double m, double f, const double* s,
                         double* out) noexcept nogil:
    # out = s @ (x - m), s @ (f * (x - m)) ** 2
    if real_t is double:
        sr_moments_f64(n, x, m, f, s, out)
    else:
        sr_moments_f32(n, x, m, f, s, out)
