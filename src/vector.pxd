"""Inner loops: every pass over the entries of one column is made by one of these functions.

Those for dense columns call the SIMD kernels of simd.h; those for sparse columns are plain loops
with independent sums.
"""

from libc.stdint cimport int32_t, int64_t

cdef extern from "simd.h" nogil:
    const char* sr_vector_level()
    bint SR_RUNTIME_DISPATCH
    enum: SR_AHEAD, SR_SHORT
    void SR_FETCH(const void* p) noexcept
    double sr_dot_f64(Py_ssize_t n, const double* x, double m, const double* v) noexcept
    double sr_dot_f32(Py_ssize_t n, const float* x, double m, const double* v) noexcept
    void sr_dot4_f64(Py_ssize_t n, const double* x, Py_ssize_t stride, const double* m,
                     const double* v, int nearest, Py_ssize_t near, Py_ssize_t far,
                     double* out) noexcept
    void sr_dot4_f32(Py_ssize_t n, const float* x, Py_ssize_t stride, const double* m,
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

# Prefetch distance in stored entries: columns are short, and the hardware prefetcher does not know
# that the next one follows.  Prefetching beyond the end of the data is harmless.
cdef enum: AHEAD = 256

# Long sparse columns are summed in parts: rounding errors grow with the length of a part and with
# the number of parts, not with the number of entries, many of which may be equal.
cdef enum: PART = 1024


cdef inline double dot(Py_ssize_t n, const real_t* x, double m, const double* v) noexcept nogil:
    # (x - m) @ v
    if real_t is double:
        return sr_dot_f64(n, x, m, v)
    else:
        return sr_dot_f32(n, x, m, v)


cdef inline void dot4(Py_ssize_t n, const real_t* x, Py_ssize_t stride, const double* m,
                      const double* v, int nearest, Py_ssize_t near, Py_ssize_t far,
                      double* out) noexcept nogil:
    # (X[:, :4] - m[:4]).T @ v
    if real_t is double:
        sr_dot4_f64(n, x, stride, m, v, nearest, near, far, out)
    else:
        sr_dot4_f32(n, x, stride, m, v, nearest, near, far, out)


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


cdef inline double sparse_dot(Py_ssize_t nnz, const real_t* x, const index_t* rows, double m,
                              const double* v) noexcept nogil:
    # (x - m) @ v[rows]; four sums hide the latency of the additions
    cdef double a = 0.0, b = 0.0, c = 0.0, d = 0.0, total = 0.0
    cdef Py_ssize_t k = 0, stop
    while True:
        stop = nnz if nnz - k <= PART else k + PART
        if m != 0.0:
            while k < stop:
                a += (x[k] - m) * v[rows[k]]
                k += 1
        while k + 4 <= stop:
            SR_FETCH(x + k + AHEAD)
            SR_FETCH(rows + k + AHEAD)
            a += x[k] * v[rows[k]]
            b += x[k + 1] * v[rows[k + 1]]
            c += x[k + 2] * v[rows[k + 2]]
            d += x[k + 3] * v[rows[k + 3]]
            k += 4
        while k < stop:
            a += x[k] * v[rows[k]]
            k += 1
        total += (a + c) + (b + d)
        if k == nnz:
            return total
        a = b = c = d = 0.0


cdef inline void sparse_axpy(Py_ssize_t nnz, double d, const real_t* x, const index_t* rows,
                             double m, const double* s, double* v) noexcept nogil:
    # v[rows] -= d * s[rows] * (x - m)
    cdef Py_ssize_t k = 0
    if s != NULL:
        for k in range(nnz):
            v[rows[k]] -= d * s[rows[k]] * (x[k] - m)
    elif m != 0.0:
        for k in range(nnz):
            v[rows[k]] -= d * (x[k] - m)
    else:
        while k + 4 <= nnz:
            SR_FETCH(x + k + AHEAD)
            SR_FETCH(rows + k + AHEAD)
            v[rows[k]] -= d * x[k]
            v[rows[k + 1]] -= d * x[k + 1]
            v[rows[k + 2]] -= d * x[k + 2]
            v[rows[k + 3]] -= d * x[k + 3]
            k += 4
        while k < nnz:
            v[rows[k]] -= d * x[k]
            k += 1


cdef inline void sparse_moments(Py_ssize_t nnz, const real_t* x, const index_t* rows, double m,
                                double f, const double* s, double* out) noexcept nogil:
    # out = s[rows] @ (x - m), s[rows] @ (f * (x - m)) ** 2, count_nonzero(s[rows]);
    # the weight is multiplied first, so that a weight of 0 never meets an infinite square
    cdef double total, squares, e, weight
    cdef Py_ssize_t k = 0, stop, counted = 0
    out[0] = out[1] = 0.0
    while k < nnz:
        stop = nnz if nnz - k <= PART else k + PART
        total = squares = 0.0
        while k < stop:
            e = x[k] - m
            weight = 1.0 if s == NULL else s[rows[k]]
            total += weight * e
            squares += (weight * (f * e)) * (f * e)
            counted += weight > 0.0
            k += 1
        out[0] += total
        out[1] += squares
    out[2] = counted
