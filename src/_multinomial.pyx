"""Proximal Newton steps for the multinomial loss, whose Hessian couples the classes.

    minimise  sum_i s_i [log sum_c exp(z_ic) - sum_c y_ic z_ic] + sum_jc phi_j(u_jc),
    z_c = z_0c + b_c + C u_c

A slot is a feature and a class, a column of C (x) I (matrix.pxd).  For a sample the Hessian is
w (diag(p) - p p'), with p the probabilities at the reference and w = s, so that the Gram matrix is

    G = C' diag(w p_c) C for two slots of class c, and 0 for others, minus P'P,

P with the column sqrt(w) p_c x_j for feature j and class c.  Newton steps at one class after the
other, or with the diagonal of the Hessian, do not converge in general.  Intercepts are further
columns, of ones.  Those of all classes but one (a constant that is added to all changes nothing)
are eliminated: G - B' S^-1 B, with S their Hessian and B its products with the slots.
"""

from cython.parallel cimport prange
from libc.math cimport INFINITY, fabs, sqrt
from libc.string cimport memcpy

from arithmetic cimport larger, smaller
from blas cimport dgemm_t, dsyrk_t, find_dgemm, find_dsyrk
from certificate cimport feasible, penalty_part, units_t
from factor cimport factor_append, factor_solve
from loss cimport counts_part, loss_t
from matrix cimport gather_column, is_dense
from multinomial cimport multinomial_evaluate, multinomial_part
from openmp cimport threads_for
from penalty cimport penalty_t
from signals cimport check_signals
from softreg_fast.kernels._proximal_newton cimport ProximalNewton
from softreg_fast.kernels._slots cimport count_reading, units_of
from tasks cimport slopes_of_tasks
from vector cimport dot

from contextlib import nullcontext

import numpy as np

from softreg_fast.system.threads import blas_threads_for

cdef dsyrk_t dsyrk = find_dsyrk()
cdef dgemm_t dgemm = find_dgemm()

# Samples of a block of which the loss is summed by one thread.
cdef Py_ssize_t BLOCK = 4096

# Numbers in a panel, a copy of some rows of the slots' columns: 2 MiB.
cdef Py_ssize_t PANEL = 1 << 18

# Larger where X is sparse, since its columns are read once for each panel.
cdef Py_ssize_t PANEL_OF_SPARSE = 1 << 23

# Multiplications of a Gram matrix up to which it is not worth while to set the threads of BLAS.
cdef double LARGEST_FOR_ONE_THREAD = 4e6


cdef class MultinomialNewton(ProximalNewton):
    """Exact solver for a whole path under the multinomial loss.

    Parameters
    ----------
    columns : Columns with a block for each class
    y : (n_classes * (n_samples + 1),) shares of the classes, class by class, each with a last 0
    null_predictor, target : likewise
    weight : likewise: sample weights, repeated
    null_deviance, fit_intercept, penalty, n_threads, most_slots : as for LocalModel
        penalty has an entry for each feature and class.
    """

    def __init__(self, columns, const double[::1] y, const double[::1] null_predictor, target,
                 const double[::1] weight, double null_deviance, bint fit_intercept, penalty,
                 int n_threads=1, Py_ssize_t most_slots=4_000):
        cdef Py_ssize_t n = columns.shape[0] + 1, K = y.shape[0] // n
        self.K, self.s = K, weight
        self.M.n, self.M.n_outputs = n, K
        self.M.y, self.M.weight = &y[0], &self.s[0]
        self.p_root, self.d_root = np.zeros(K * n), np.zeros(K * n)
        self.H_free, self.H_factor = np.zeros((K, K)), np.zeros((K, K))
        self.members = np.zeros(K, np.intp)
        self.C.L, self.C.stride, self.C.most = &self.H_factor[0, 0], K, K - 1
        self.C.order = &self.members[0]
        self.shifts, self.rest, self.by_class = np.zeros(K), np.zeros(K), np.zeros(K)
        self.by_row = np.zeros(n)
        self.kept_rows = []
        # a reference and a kind of loss are for Hessians that are diagonal
        ProximalNewton.__init__(
            self, columns, columns, np.zeros(0), np.zeros(K * n), y, null_predictor, target,
            null_deviance, ("logistic", 0.0), fit_intercept, penalty, n_threads, most_slots)
        self.F.weight = &self.s[0]

    cdef Py_ssize_t _most_independent(self) noexcept nogil:
        # every class but one has a predictor of its own
        return (self.K - 1) * self.U.n

    # -- the loss ------------------------------------------------------------------------------

    cdef double _evaluate(self, const double* z, double* r, double* d) noexcept nogil:
        cdef Py_ssize_t n = self.M.n, block, n_blocks = (n + BLOCK - 1) // BLOCK
        cdef int n_threads = threads_for(40.0 * n * self.K, self.n_threads)
        cdef double total = 0.0
        cdef double* partial = &self.partial[0]
        cdef loss_t* M = &self.M
        for block in prange(n_blocks, num_threads=n_threads, schedule="static"):
            partial[block] = multinomial_evaluate(M, block * BLOCK, min((block + 1) * BLOCK, n), z,
                                                  r, d)
        for block in range(n_blocks):
            total += partial[block]
        return total

    cdef double _gap_of(self, const penalty_t* P, const units_t* units) noexcept nogil:
        cdef double gap, k = 1.0, k_augmented = 1.0
        if self.fit_intercept and not self._sums_are_zero():
            return INFINITY
        feasible(P, units, 1, &k, &k_augmented)
        if k < 1.0:
            k *= 1.0 - 1e-15
        gap = self._gap_at_multiple(P, units, k)
        if k_augmented < k:
            gap = smaller(gap, self._gap_at_multiple(P, units, k_augmented))
        return gap if gap == gap else INFINITY

    cdef bint _sums_are_zero(self) noexcept nogil:
        # Whether the dual point has the sum 0 for every class, as that of free intercepts must.
        cdef Py_ssize_t i, c, n = self.M.n
        cdef double total
        for c in range(self.K):
            total = 0.0
            for i in range(n):
                total += self.v[0, c * n + i]
            if not fabs(total) <= self.P.slack * sqrt(<double> n):
                return False
        return True

    cdef double _gap_at_multiple(self, const penalty_t* P, const units_t* units,
                                 double k) noexcept nogil:
        return penalty_part(P, units, 1, k, self._loss_part(k))

    cdef double _loss_part(self, double k) noexcept nogil:
        # The loss's part of the gap at k theta.  With the mean r + s y and r known it is, class by
        # class, that of counts; where means underflow or y - k theta is not positive, NaN.
        cdef double part = counts_part(
            self.length, &self.r[0, 0], &self.d[0], &self.theta[0], k, &self.s[0])
        if part == part:
            return part
        return multinomial_part(&self.M, &self.z[0], &self.theta[0], k)

    # -- the model -----------------------------------------------------------------------------

    cdef void _take_weights(self) noexcept nogil:
        # Cautious steps are taken at probabilities nearer to 1 / K and, as K / 2 times the Hessian
        # there is above all others, at larger weights.
        cdef Py_ssize_t i, c, at, n = self.M.n
        cdef double p, w, share = self.caution, total = 0.0
        cdef double larger_weight = 1.0 + share * (0.5 * self.K - 1.0)
        for i in range(n):
            self.by_row[i] = sqrt(self.s[i] * larger_weight)
        for c in range(self.K):
            for i in range(n):
                at = c * n + i
                w = self.by_row[i]
                p = self.d[at] / self.s[i] if w > 0.0 else 0.0
                p = (1.0 - share) * p + share / self.K
                self.p_root[at] = w * p
                self.d_root[at] = w * sqrt(p)
                self.d_ref[at] = w * w * p
                total += self.d_ref[at] * (1.0 - p)
        if total == 0.0 and self.caution == 0.0:
            self.caution = 1.0
            self._take_weights()
        elif self.fit_intercept:
            self._weigh_intercepts()

    cdef void _weigh_intercepts(self) noexcept nogil:
        cdef Py_ssize_t a, b, i, n = self.M.n
        cdef double total
        for a in range(self.K):
            for b in range(a + 1):
                total = dot(n, &self.p_root[a * n], 0.0, &self.p_root[b * n])
                self.H_free[a, b] = self.H_free[b, a] = -total
            total = 0.0
            for i in range(n):
                total += self.d_ref[a * n + i]
            self.H_free[a, a] += total
        self.C.k = 0
        for a in range(self.K - 1):
            factor_append(&self.C, &self.H_free[a, 0], self.H_free[a, a], a)

    cdef void _curve(self, const double* step, double* out) noexcept nogil:
        cdef Py_ssize_t i, c, at, n = self.M.n
        for i in range(n):
            self.by_row[i] = 0.0
        for c in range(self.K):
            for i in range(n):
                self.by_row[i] += self.p_root[c * n + i] * step[c * n + i]
        for c in range(self.K):
            for i in range(n):
                at = c * n + i
                out[at] = self.d_ref[at] * step[at] - self.p_root[at] * self.by_row[i]

    cdef void _solve_for_shifts(self, const double* r, const double* less) noexcept nogil:
        # shifts <- those of the intercepts by which the sums of r - less become 0
        cdef Py_ssize_t i, a, c, n = self.M.n
        for c in range(self.K):
            self.shifts[c] = 0.0
        for a in range(self.C.k):
            c = self.members[a]
            self.rest[a] = 0.0
            for i in range(n):
                self.rest[a] += r[c * n + i] - (0.0 if less == NULL else less[c * n + i])
        factor_solve(&self.C, &self.rest[0])
        for a in range(self.C.k):
            self.shifts[self.members[a]] = self.rest[a]

    cdef void _curve_of_shift(self, const double* r, double* out) noexcept nogil:
        cdef Py_ssize_t i, c, n = self.M.n
        if self.fit_intercept:
            self._solve_for_shifts(r, NULL)
        for c in range(self.K):
            for i in range(n):
                self.z_next[c * n + i] = self.shifts[c]
        self._curve(&self.z_next[0], out)

    cdef bint _goes_by_stripes(self) noexcept nogil:
        return False

    cdef void _find_move(self) noexcept nogil:
        cdef Py_ssize_t i, c, n = self.M.n
        self._spread(&self.step[0, 0])
        if not self.fit_intercept:
            return
        self._curve(&self.step[0, 0], &self.theta[0])
        self._solve_for_shifts(&self.r[0, 0], &self.theta[0])
        for c in range(self.K):
            for i in range(n - 1):      # the last entry is for the centring
                self.step[0, c * n + i] += self.shifts[c]

    cdef double _take_step(self) except -1:
        cdef double t = ProximalNewton._take_step(self)
        cdef Py_ssize_t c
        if self.fit_intercept and t > 0.0:
            for c in range(self.K):
                self.by_class[c] += t * self.shifts[c]
        return t

    cdef void _stretch(self, double ahead) noexcept nogil:
        return      # the curvatures of the classes do not grow alike

    cdef double _gap_at(self, const double* r, const double* step, double enough) noexcept nogil:
        # step NULL: at r - H b 1, b the shifts that make the sum of every class zero
        cdef Py_ssize_t i
        cdef double e, s, far = 0.0
        cdef units_t units = units_of(self)
        if step != NULL:
            self._curve(step, &self.theta[0])
        else:
            self._curve_of_shift(r, &self.theta[0])
        for i in range(self.length):
            s = self.s[i]
            e = r[i] - self.theta[i]
            self.v[0, i] = e
            self.theta[i] = e / s if s > 0.0 else 0.0
            e -= self.r[0, i]
            if e != 0.0:
                far += e * e / larger(larger(self.d[i], self.d_ref[i]), 1e-300)
        self.v[0, self.length] = 0.0
        # half of it is the loss's part up to the second order
        return 0.5 * far if far > 10.0 * enough else self._gap_of(&self.S, &units)

    cdef int _weigh(self, Py_ssize_t first) except -1:
        # Intercepts are eliminated from the Gram matrix, not by centring; at new weights the slopes
        # at r are those after other shifts.
        if first == 0:
            self.has_old_slopes = True
        return 0

    cdef int _solve_model(self, double tol) except -1:
        if self.has_old_slopes:
            self._slopes_at_residual()
        return self._minimise_model(tol)

    cdef int _minimise_model(self, double tol) except -1:
        return ProximalNewton._solve_model(self, tol)

    cdef int _slopes_at_residual(self) except -1:
        cdef Py_ssize_t i
        self.has_old_slopes = False
        self._curve_of_shift(&self.r[0, 0], &self.theta[0])
        for i in range(self.length):
            self.v[0, i] = self.r[0, i] - self.theta[i]
        if self.m:
            slopes_of_tasks(self.X, self.v, &self.feature[0], self.m, self.hs, 0, self.n_threads)
            count_reading(self, &self.feature[0], self.m)
        return 0

    cdef int _gram_of(self, double[::1, :] rows, Py_ssize_t first) except -1:
        cdef Py_ssize_t a, b, i, j, K = self.K, m = self.m, count = m - first
        # by class: the slots in order, the place of the first of each class, the place of each slot
        cdef Py_ssize_t[:, ::1] left, right = np.empty((3, max(m, K + 1)), np.intp)
        cdef Py_ssize_t[::1] place_left, place_right = right[2]
        self._sort_by_class(0, right)
        left = right
        if first:
            left = np.empty((3, max(m, K + 1)), np.intp)
            self._sort_by_class(first, left)
        place_left = left[2]
        # the last rows are those of the intercepts
        cdef double[::1, :] product = np.empty((count + K, m + (0 if first else K)), order="F")
        self._multiply(left, right, count, product)
        # solutions L^-1 B of the intercepts, which all have a class of their own in the factor
        cdef Py_ssize_t k = self.C.k if self.fit_intercept else 0
        cdef double[:, ::1] B = np.empty((m, K))
        cdef double total
        with nogil:
            for b in range(m):
                for i in range(k):
                    total = product[count + self.members[i], place_right[b]]
                    B[b, i] = (total - dot(i, self.C.L + i * self.C.stride, 0.0, &B[b, 0])
                               ) / self.C.L[i * self.C.stride + i]
            for b in range(m):
                for a in range(first if first else b, m):
                    i, j = place_left[a], place_right[b]
                    if not first and i < j:
                        i, j = j, i
                    rows[a - first, b] = product[i, j] - dot(k, &B[a, 0], 0.0, &B[b, 0])
        return 0

    cdef void _sort_by_class(self, Py_ssize_t first, Py_ssize_t[:, ::1] out) noexcept nogil:
        # The slots from `first` on by class; see `_gram_of`.
        cdef Py_ssize_t a, c, k = 0
        for c in range(self.K):
            out[1, c] = k
            for a in range(first, self.m):
                if self.feature[a] % self.K == c:
                    out[0, k] = a
                    out[2, a] = k
                    k += 1
        out[1, self.K] = k

    cdef int _multiply(self, const Py_ssize_t[:, ::1] left, const Py_ssize_t[:, ::1] right,
                       Py_ssize_t count, double[::1, :] G) except -1:
        # G = the products of the slots `left`, and of the intercepts of all classes, with all
        # slots, both by class; where they are the same, the lower half.
        cdef Py_ssize_t K = self.K, m = self.m, n = self.U.n
        cdef bint same = count == m
        cdef Py_ssize_t panel = PANEL if is_dense(&self.U) else PANEL_OF_SPARSE
        cdef Py_ssize_t depth = min(max(panel // (m + K), 64), n), row = 0
        cdef double[::1] A = np.empty(depth * (count + K)), B = A
        if not same:
            B = np.empty(depth * m)
        cdef bint large = <double> n * m * count > LARGEST_FOR_ONE_THREAD
        threads = blas_threads_for(m if self.n_threads > 1 else 0) if large else nullcontext()
        with threads:
            while row < n:
                depth = min(depth, n - row)
                with nogil:
                    self._multiply_rows(left, right, count, row, depth, &A[0], &B[0], G)
                row += depth
                check_signals()
        return 0

    cdef void _multiply_rows(self, const Py_ssize_t[:, ::1] left, const Py_ssize_t[:, ::1] right,
                             Py_ssize_t count, Py_ssize_t row, Py_ssize_t depth, double* A,
                             double* B, double[::1, :] G) noexcept nogil:
        # Add, or of the first rows write, the products of some rows.
        cdef Py_ssize_t m = self.m, c, k, a, b
        cdef int d = <int> depth, height = <int> G.shape[0], width = <int> m, n_left, n_right
        cdef double one = 1.0, minus = -1.0, beta = 1.0 if row else 0.0
        self._gather(&left[0, 0], 0, count, self.p_root, row, depth, A)
        for c in range(self.K):
            memcpy(A + (count + c) * depth, &self.p_root[c * self.M.n + row],
                   depth * sizeof(double))
        if A == B:
            dsyrk(b"L", b"T", &height, &d, &minus, A, &d, &beta, &G[0, 0], &height)
        else:
            self._gather(&right[0, 0], 0, m, self.p_root, row, depth, B)
            dgemm(b"T", b"N", &height, &width, &d, &minus, A, &d, B, &d, &beta, &G[0, 0], &height)
        for c in range(self.K):
            a, b = left[1, c], right[1, c]
            n_left, n_right = <int> (left[1, c + 1] - a), <int> (right[1, c + 1] - b)
            if not n_right:
                continue
            self._gather(&right[0, 0], b, right[1, c + 1], self.d_root, row, depth, B)
            for k in range(n_right):
                G[count + c, b + k] += dot(depth, &self.d_root[c * self.M.n + row], 0.0,
                                           B + k * depth)
            if A == B:
                dsyrk(b"L", b"T", &n_left, &d, &one, A, &d, &one, &G[a, a], &height)
            elif n_left:
                self._gather(&left[0, 0], a, left[1, c + 1], self.d_root, row, depth, A)
                dgemm(b"T", b"N", &n_left, &n_right, &d, &one, A, &d, B, &d, &one, &G[a, b],
                      &height)

    cdef void _gather(self, const Py_ssize_t* slots, Py_ssize_t first, Py_ssize_t last,
                      const double[::1] root, Py_ssize_t row, Py_ssize_t depth,
                      double* out) noexcept nogil:
        # out = root * (the columns of the slots first .. last), of some rows
        cdef Py_ssize_t k, i, j
        cdef const double* factor
        for k in range(first, last):
            j = self.feature[slots[k]]
            factor = &root[j % self.K * self.M.n + row]
            gather_column(&self.U, j // self.K, row, depth, out)
            for i in range(depth):
                out[i] *= factor[i]
            out += depth

    # -- results -------------------------------------------------------------------------------

    def refresh(self):
        """Recompute the state from coefficients that a caller has written to `coef`."""
        self.by_class[:] = 0.0
        ProximalNewton.refresh(self)

    def move_intercepts(self, const double[::1] by):
        """Add these numbers to the intercepts of the classes."""
        cdef Py_ssize_t c
        for c in range(self.K):
            self.by_class[c] += by[c]
        ProximalNewton.move_intercepts(self, by)

    cpdef int keep(self, int status) except -1:
        """Append the present solution to those kept by earlier calls."""
        self.kept_rows.append(np.array(self.by_class))
        return ProximalNewton.keep(self, status)

    @property
    def intercepts(self):
        """Intercepts of the kept fits, from those of the null model, (n_fits, n_classes)."""
        return np.array(self.kept_rows)


cdef loss_t loss_of(const double[:, ::1] y, const double[::1] weight) except *:
    cdef loss_t F
    if weight.shape[0] != y.shape[1]:
        raise ValueError("weight must have one entry per sample")
    F.n_outputs, F.n = y.shape[0], y.shape[1]
    F.y, F.weight = &y[0, 0], &weight[0]
    return F


def evaluate(const double[:, ::1] y, const double[:, ::1] z, const double[::1] weight):
    """Return (value, weighted residual, weighted probabilities), as evaluate() of _losses.pyx."""
    cdef loss_t F = loss_of(y, weight)
    cdef double[:, ::1] v = np.empty((y.shape[0], y.shape[1]))
    cdef double[:, ::1] p = np.empty((y.shape[0], y.shape[1]))
    cdef double total = multinomial_evaluate(&F, 0, F.n, &z[0, 0], &v[0, 0], &p[0, 0])
    return total, np.asarray(v), np.asarray(p)


def part(const double[:, ::1] y, const double[:, ::1] z, const double[:, ::1] theta,
         const double[::1] weight, double k=1.0):
    """Return the loss's part of the gap at the dual point k s theta, as part() of _losses.pyx."""
    cdef loss_t F = loss_of(y, weight)
    return multinomial_part(&F, &z[0, 0], &theta[0, 0], k)
