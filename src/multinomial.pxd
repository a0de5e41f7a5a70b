"""The multinomial loss: log(sum_c exp(z_c)) - sum_c y_c z_c of a sample, y_c >= 0 of sum 1.

Not by output, as the losses of loss.pxd: its Hessian for a sample is diag(p) - p p', p the
probabilities exp(z_c) / sum.  Arrays are (n_outputs, n), and weights are never NULL.
"""

from libc.math cimport INFINITY, log, log1p

from arithmetic cimport larger
from loss cimport EXPONENTS, exp_of, loss_t, relative_entropy


cdef inline double multinomial_evaluate(const loss_t* F, Py_ssize_t start, Py_ssize_t stop,
                                        const double* z, double* v,
                                        double* curvature) noexcept nogil:
    # loss_evaluate for all outputs of some samples; the curvature is s p, p the probabilities: the
    # Hessian of a sample is diag(s p) - s p p'
    cdef double[EXPONENTS] top
    cdef double[EXPONENTS] whole
    cdef double[EXPONENTS] rest
    cdef double[EXPONENTS] others
    cdef double[EXPONENTS] n_top
    cdef double s, e, value = 0.0
    cdef Py_ssize_t i, c, at, first, count, last = start
    while last < stop:
        first = last
        last = min(first + EXPONENTS, stop)
        count = last - first
        largest_of_outputs(F, z, first, count, top)
        for i in range(count):
            whole[i] = rest[i] = 0.0
            n_top[i] = -1.0
            others[i] = 0.0
        for c in range(F.n_outputs):
            at = c * F.n + first
            for i in range(count):
                v[at + i] = z[at + i] - top[i]
                rest[i] -= F.y[at + i] * v[at + i]
            exp_of(count, v + at, v + at)
            for i in range(count):
                curvature[at + i] = whole[i]
                whole[i] += v[at + i]
                if z[at + i] == top[i]:
                    n_top[i] += 1.0
                else:
                    others[i] += v[at + i]
        for i in range(count):      # the logarithm of 1 and the others does not cancel
            value += F.weight[first + i] * (log1p(others[i] + n_top[i]) + rest[i])
            rest[i] = 0.0
        for c in range(F.n_outputs - 1, -1, -1):
            at = c * F.n + first
            for i in range(count):
                # y (1 - p) - (1 - y) p, with 1 - p the sum of the others: nothing cancels
                s = F.weight[first + i] / whole[i]
                e = v[at + i]
                v[at + i] = s * (F.y[at + i] * (curvature[at + i] + rest[i])
                                 - (1.0 - F.y[at + i]) * e)
                curvature[at + i] = s * e
                rest[i] += e
    return value


cdef inline void largest_of_outputs(const loss_t* F, const double* z, Py_ssize_t first,
                                    Py_ssize_t count, double* top) noexcept nogil:
    cdef Py_ssize_t i, c
    for i in range(count):
        top[i] = z[first + i]
    for c in range(1, F.n_outputs):
        for i in range(count):
            top[i] = larger(top[i], z[c * F.n + first + i])


cdef inline double multinomial_part(const loss_t* F, const double* z, const double* theta,
                                    double k) noexcept nogil:
    # sum_i s_i times the relative entropy of y - k theta from the probabilities
    cdef double[EXPONENTS] top
    cdef double[EXPONENTS] whole
    cdef double[EXPONENTS] q
    cdef double s, p, t, y, total = 0.0
    cdef Py_ssize_t i, c, at, first, count, last = 0
    while last < F.n and total < INFINITY:
        first = last
        last = min(first + EXPONENTS, F.n)
        count = last - first
        largest_of_outputs(F, z, first, count, top)
        for i in range(count):
            whole[i] = 0.0
        for c in range(F.n_outputs):
            exponentials(count, z + c * F.n + first, top, q)
            for i in range(count):
                whole[i] += q[i]
        for c in range(F.n_outputs):
            at = c * F.n + first
            exponentials(count, z + at, top, q)
            for i in range(count):
                s = F.weight[first + i]
                if s > 0.0:
                    p, y = q[i] / whole[i], F.y[at + i]
                    t = z[at + i] - top[i] - log(whole[i]) if p < 1e-300 else 0.0
                    total += s * relative_entropy(
                        y - k * theta[at + i], p, t,
                        (y * ((whole[i] - q[i]) / whole[i]) - (1.0 - y) * p) - k * theta[at + i])
    return total


cdef inline void exponentials(Py_ssize_t n, const double* z, const double* top,
                              double* q) noexcept nogil:
    # q = exp(z - top)
    cdef Py_ssize_t i
    for i in range(n):
        q[i] = z[i] - top[i]
    exp_of(n, q, q)
