"""Sorted L1: numbers in falling order against weights that fall, too.

    J(t) = sum_k lambda_k |t|_(k),      |t|_(1) >= |t|_(2) >= ...

z is a subgradient of J at t if, for every set of equal sizes, the numbers sign(t_j) z_j in falling
order have partial sums that are at most those of the lambdas at the ranks of the set, and the same
total; at t = 0, |z_j| takes the place of sign(t_j) z_j, and the total may be smaller.
docs/mathematics.md, "SLOPE".
"""

from libc.stdlib cimport qsort

# Up to this length, and where only a few numbers are out of order, insertion is faster.
cdef enum: FEWEST_FOR_QSORT = 16

ctypedef struct keyed_t:
    double key
    Py_ssize_t at


cdef inline int compare_falling(const void* a, const void* b) noexcept nogil:
    # ties by position: results must not depend on the C library
    cdef const keyed_t* x = <const keyed_t*> a
    cdef const keyed_t* y = <const keyed_t*> b
    if x.key != y.key:
        return 1 if x.key < y.key else -1
    return (x.at > y.at) - (x.at < y.at)


cdef inline void sort_falling(Py_ssize_t n, keyed_t* pairs) noexcept nogil:
    cdef Py_ssize_t i, k
    cdef keyed_t one
    if n > FEWEST_FOR_QSORT:
        qsort(pairs, n, sizeof(keyed_t), &compare_falling)
        return
    for i in range(1, n):
        one = pairs[i]
        k = i
        while k > 0 and compare_falling(&pairs[k - 1], &one) > 0:
            pairs[k] = pairs[k - 1]
            k -= 1
        pairs[k] = one


cdef inline Py_ssize_t violating(Py_ssize_t n, const keyed_t* pairs, double strength,
                                 const double* lambdas, double* excess) noexcept nogil:
    # The length of the beginning of sorted numbers whose sum exceeds that of strength * lambdas by
    # most, 0 if none does; excess: by how much.
    cdef double total = 0.0
    cdef Py_ssize_t i, length = 0
    excess[0] = 0.0
    for i in range(n):
        total += pairs[i].key - strength * lambdas[i]
        if total > excess[0]:
            excess[0] = total
            length = i + 1
    return length


cdef inline Py_ssize_t pool(Py_ssize_t n, double* sums, double* weights,
                            Py_ssize_t* stop) noexcept nogil:
    # Pool adjacent violators: the falling means nearest to sums / weights.  Writes the sum, the
    # weight and the end of each block to the beginnings of the arrays; returns their number.
    cdef Py_ssize_t i, b = 0
    for i in range(n):
        sums[b], weights[b], stop[b] = sums[i], weights[i], i + 1
        b += 1
        while b > 1 and sums[b - 2] * weights[b - 1] <= sums[b - 1] * weights[b - 2]:
            sums[b - 2] += sums[b - 1]
            weights[b - 2] += weights[b - 1]
            stop[b - 2] = stop[b - 1]
            b -= 1
    return b
