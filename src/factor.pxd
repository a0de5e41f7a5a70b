"""Cholesky factor Q_AA + diag(ridge) = L L', updated as the index set A changes.

L is stored by rows: a member is appended as a new row, by forward substitution, and removed by
rotations.  Each costs O(k^2), where a new factorisation costs O(k^3).
"""

from libc.math cimport sqrt
from libc.string cimport memmove

from vector cimport axpy, dot

ctypedef struct factor_t:
    double* L               # row i at L + i * stride
    Py_ssize_t stride
    Py_ssize_t k            # members
    Py_ssize_t most         # capacity; L has one more row, in which factor_append tries a column
    Py_ssize_t* order       # order[i]: the member of row i


cdef inline bint is_independent(double rest, double diagonal) noexcept nogil:
    # rest: squared norm of a column minus its projection on the members
    return rest > 1e-11 * diagonal


cdef inline bint factor_append(factor_t* F, const double* q_row, double diagonal,
                               Py_ssize_t member) noexcept nogil:
    # q_row[order[i]]: its product with each member.  Returns False if it is linearly dependent on
    # the members, or if the factor is full: then it only seems independent by rounding errors.
    cdef double* row = F.L + F.k * F.stride
    cdef const double* other
    cdef double rest
    cdef Py_ssize_t i
    for i in range(F.k):
        other = F.L + i * F.stride
        row[i] = (q_row[F.order[i]] - dot(i, other, 0.0, row)) / other[i]
    rest = diagonal - dot(F.k, row, 0.0, row)
    if F.k == F.most or not is_independent(rest, diagonal):
        return False
    row[F.k] = sqrt(rest)
    F.order[F.k] = member
    F.k += 1
    return True


cdef inline void factor_remove(factor_t* F, Py_ssize_t i) noexcept nogil:
    # Without row i each row below has one entry right of the diagonal; rotations of adjacent
    # columns eliminate these entries, row by row.
    cdef Py_ssize_t r, c
    cdef double a, b, h, x, y
    cdef double* row
    for r in range(i, F.k - 1):
        memmove(F.L + r * F.stride, F.L + (r + 1) * F.stride, (r + 2) * sizeof(double))
        F.order[r] = F.order[r + 1]
    F.k -= 1
    for c in range(i, F.k):
        row = F.L + c * F.stride
        a = row[c]
        b = row[c + 1]
        h = sqrt(a * a + b * b)
        a /= h
        b /= h
        row[c] = h
        for r in range(c + 1, F.k):
            row = F.L + r * F.stride
            x = row[c]
            y = row[c + 1]
            row[c] = a * x + b * y
            row[c + 1] = a * y - b * x


cdef inline void factor_solve(const factor_t* F, double* z) noexcept nogil:
    # z <- (L L')^-1 z
    cdef Py_ssize_t i
    cdef const double* row
    for i in range(F.k):
        row = F.L + i * F.stride
        z[i] = (z[i] - dot(i, row, 0.0, z)) / row[i]
    factor_solve_upper(F, z)


cdef inline void factor_solve_upper(const factor_t* F, double* z) noexcept nogil:
    # z <- L'^-1 z
    cdef Py_ssize_t i
    cdef const double* row
    for i in range(F.k - 1, -1, -1):
        row = F.L + i * F.stride
        z[i] /= row[i]
        axpy(i, z[i], row, 0.0, NULL, z)
