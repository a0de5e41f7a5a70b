"""The Gram matrix of the slots at reference weights, with the intercept eliminated.

C'DC of the slots' columns, each centred by its mean under the weights d: what the quadratic model
of _local_model.pyx needs.  How it is multiplied depends on its size: small ones from a panel of
weighted columns, a few new rows by stripes of samples, others by BLAS.
"""

from cython.parallel cimport prange
from libc.math cimport sqrt
from libc.string cimport memset

from matrix cimport column_cost, cost_of_columns, is_dense, matrix_of, matrix_t, shift, slope
from openmp cimport threads_for
from signals cimport check_signals
from softreg_fast.kernels._scalars cimport ScalarEngine
from stripes cimport MOST_GROUPS, products_of_group, products_of_rows, rows_of_stripe
from tolerances cimport ENTRIES_PER_SIGNAL_CHECK

import numpy as np

from softreg_fast.system.threads import blas_threads_for

# A model of at most FEW_SLOTS, or this many numbers, gets new weights before each step.
cdef double FEW_NUMBERS = 40_000.0

# Gram matrices of at most this many multiplications are not worth a call of BLAS.
cdef double FEW_MULTIPLICATIONS = 2e6

# So many new slots at once are multiplied by BLAS.
cdef Py_ssize_t FEWEST_NEW_FOR_BLAS = 8


cdef class WeightedGram(ScalarEngine):
    """Slots whose columns have weights and centres that change.

    Parameters
    ----------
    columns, target, target_sumsq, penalty, n_threads, most_slots : as for Slots
    reference : Columns
        The same columns with centres and weights of their own, which the engine changes in place.
    center, weight : ndarrays of `reference`
    fit_intercept : bool

    A Hessian is diag(d) - M'M; a solver whose M is not empty overrides `_lower_gram` or `_gram_of`.
    """

    cdef int _refer_to(self, columns, reference, double[::1] center, double[::1] weight,
                       bint fit_intercept) except -1:
        self.U = matrix_of(columns)[0]
        self.U.weight = NULL
        self.R = matrix_of(reference)
        self.reference, self.reference_center, self.d_ref = reference, center, weight
        self.fit_intercept = fit_intercept
        self.rows = np.empty((0, 0), order="F")
        self.root = self.panel = self.sums = np.empty(0)
        return 0

    cdef int _lower_gram(self, double[::1, :] rows, Py_ssize_t first) except -1:
        # rows, the products of the slots from `first` on with all slots, less those of M'M.
        return 0

    cdef int _gram_of(self, double[::1, :] rows, Py_ssize_t first) except -1:
        # rows = the products of the slots from `first` on with all slots, at the reference weights;
        # of all slots the lower triangle.
        cdef Py_ssize_t m = self.m
        cdef bint dense = is_dense(&self.U)
        if dense and not first and <double> m * m * self.U.n <= FEW_MULTIPLICATIONS:
            self._multiply_slots(rows)
        elif dense and first and m - first < FEWEST_NEW_FOR_BLAS:
            self._multiply_new_slots(rows)
        else:
            self._multiply_by_blas(rows, first)
        return self._lower_gram(rows, first)

    cdef bint _is_small(self) noexcept nogil:
        cdef double size = cost_of_columns(&self.U, &self.feature[0], self.m)
        if self.m <= FEW_SLOTS:
            return size <= 10.0 * FEW_NUMBERS
        return is_dense(&self.U) and size <= FEW_NUMBERS

    cdef double _center_of(self, Py_ssize_t j) noexcept nogil:
        # The mean of column j under d_ref, whose last entry in `padded` is 0.
        cdef double base = 0.0
        if not self.fit_intercept or self.U.scale[j] == 0.0:
            return self.U.center[j]
        if is_dense(&self.U) or column_cost(&self.U, j) == self.U.n:
            base = self.U.center[j]
        return base + slope(&self.U, j, &self.padded[0, 0]) / self.U.scale[j] / self.sum_d

    cdef int _multiply_slots(self, double[::1, :] rows) except -1:
        # The lower triangle of a small Gram matrix of dense columns.
        cdef Py_ssize_t a, i, m = self.m, n = self.U.n
        cdef matrix_t B = self.R[0]
        if self.root.shape[0] < n:
            self.root = np.empty(n)
        if self.panel.shape[0] < m * n + 4:
            self.panel = np.empty(2 * m * n + 4)
        memset(&self.panel[0], 0, (m * n + 4) * sizeof(double))
        for i in range(n):
            self.root[i] = sqrt(self.d_ref[i])
        B.weight = &self.root[0]
        for a in range(m):
            shift(&B, self.feature[a], -1.0, &self.panel[a * n])
        products_of_rows(&self.panel[0], n, m, &self.panel[m * n], &rows[0, 0])
        return 0

    def _multiply_by_blas(self, rows, Py_ssize_t first):
        features = np.asarray(self.feature[:self.m])
        if is_dense(&self.U) and not first:
            with blas_threads_for(0):
                self.reference.crossproduct(rows, features, n_threads=self.n_threads)
        else:
            self.reference.gram_block(features[first:], features, rows, self.n_threads, not first)

    cdef int _multiply_new_slots(self, double[::1, :] rows) except -1:
        # Products of a few new slots, the last ones, with all slots, from dense columns: by stripes
        # of rows in a fixed number of groups.
        cdef Py_ssize_t n = self.U.n, count = rows.shape[0], m = self.m, g, first, stop = 0
        cdef Py_ssize_t height = rows_of_stripe(n, 16 * count)     # of which the new ones fit
        cdef Py_ssize_t n_stripes = (n + height - 1) // height
        cdef Py_ssize_t length = count * (m + height), a, k, portion
        cdef int n_groups = <int> min(n_stripes, MOST_GROUPS)
        cdef int n_threads = threads_for(<double> count * m * n, self.n_threads)
        if self.sums.shape[0] < n_groups * length:
            self.sums = np.empty(2 * n_groups * length)
        memset(&self.sums[0], 0, n_groups * length * sizeof(double))
        portion = n_groups * max(
            ENTRIES_PER_SIGNAL_CHECK // (height * (count * m + 1) * n_groups), 1)
        while stop < n_stripes:
            first = stop
            stop = min(first + portion, n_stripes)
            for g in prange(n_groups, num_threads=n_threads, schedule="static", nogil=True):
                products_of_group(self.R, &self.feature[0], m, count, first + g, stop, n_groups,
                                  height, &self.sums[g * length])
            check_signals()
        for a in range(m):
            for k in range(max(a - m + count, 0), count):
                rows[k, a] = 0.0
                for g in range(n_groups):
                    rows[k, a] += self.sums[g * length + a * count + k]
        for k in range(count):      # among the new ones
            for a in range(k):
                rows[a, m - count + k] = rows[k, m - count + a]
        return 0
