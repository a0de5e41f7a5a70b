"""Operations on many columns, in parallel over features: moments, X'r, Xw, Gram blocks.

`Columns` describes a matrix to all kernels; it copies no data and holds references to its arrays.
"""

cimport cython
from cpython.pycapsule cimport PyCapsule_New
from cython.parallel cimport parallel, prange
from libc.stdint cimport int64_t

from blas cimport dgemm_t, dsyrk_t, find_dgemm, find_dsyrk
from gram cimport scatter_column
from matrix cimport (
    GRAM, check_chosen, column_cost, gather_column, kind_of, kind_t, length_of, matrix_t,
    residual_sumsq,
)
from moments cimport column_moments
from openmp cimport omp_get_thread_num, threads_for
from panels cimport add_panels, multiply_tile, panels_t
from passes cimport slopes, subtract_product
from signals cimport check_signals
from softreg_fast.kernels._gram_by_rows cimport gram_by_rows
from tasks cimport slopes_of_tasks
from tolerances cimport ENTRIES_PER_SIGNAL_CHECK
from vector cimport axpy, index_t

import numpy as np

# Minimum number of features for which sparse Gram columns are computed from a copy of the
# features stored by rows.
cdef Py_ssize_t FEWEST_BY_ROWS = 4

# Size of a panel of a crossproduct: 2 MiB, enough for BLAS at full speed; and maximum size of the
# sums of all groups of panels: 16 MiB.
cdef Py_ssize_t PANEL_ENTRIES = 1 << 18
cdef Py_ssize_t SUM_ENTRIES = 1 << 21
cdef Py_ssize_t MULTIPLICATIONS_PER_SIGNAL_CHECK = 1_000_000_000

cdef dsyrk_t dsyrk = find_dsyrk()
cdef dgemm_t dgemm = find_dgemm()

# Columns of a Gram block per BLAS call, and minimum number of multiplications for using BLAS.
cdef Py_ssize_t TILE = 128
cdef Py_ssize_t FEWEST_MULTIPLICATIONS_FOR_BLAS = 2_000_000


def check_compressed(const index_t[::1] indptr, const index_t[::1] indices, Py_ssize_t n_minor):
    """Return why (indptr, indices) is not a valid compressed matrix, or "" if it is.

    "unsorted" if the indices of some column are not strictly increasing, which is legal but not
    canonical; any other string is an error message.
    """
    cdef Py_ssize_t j, k, n_major = indptr.shape[0] - 1, nnz = indices.shape[0]
    cdef Py_ssize_t start = 0, n_outside = 0, n_falls = 0
    if indptr.shape[0] == 0 or indptr[0] != 0:
        return "indptr does not start with 0"
    if indptr[n_major] > nnz:
        return "indptr ends beyond the stored entries"
    for j in range(n_major):
        if not indptr[j] <= indptr[j + 1] <= nnz:
            return f"indptr decreases or leaves the stored entries at position {j + 1}"
    # sums over all entries, without early exit, are vectorised by compilers
    nnz = indptr[n_major]
    for k in range(nnz):
        n_outside += (indices[k] < 0) | (indices[k] >= n_minor)
    if n_outside:
        for k in range(nnz):
            if not 0 <= indices[k] < n_minor:
                return f"index {indices[k]} is outside 0..{n_minor - 1}"
    for k in range(1, nnz):
        n_falls += indices[k] <= indices[k - 1]
    for j in range(n_major):        # from one column to the next they may decrease
        start = indptr[j]
        if 0 < start < indptr[j + 1] and indices[start] <= indices[start - 1]:
            n_falls -= 1
    return "" if n_falls == 0 else "unsorted"


cdef const void* address(array) except? NULL:
    return <const void*> <size_t> array.__array_interface__["data"][0]


@cython.final
cdef class Columns:
    """A dense, sparse or Gram matrix with its centring, scaling and sample weights.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) of float64 or float32 with contiguous columns, or an object
        with the attributes data, indices, indptr (int64) and shape of a canonical CSC matrix.
    center, scale : (n_features,) float64 or None
        The engine's column is scale_j (x_j - center_j); None means 0 and 1.
    weight : (n_samples,) float64 or None
        Sample weights s >= 0; None means 1.
    blocks : int
        Number of outputs with columns of their own, those of X (x) I; see matrix.pxd.
    """

    cdef matrix_t X
    cdef object owners
    cdef const double[::1] center, scale, weight
    cdef const int64_t[::1] indptr
    cdef readonly object capsule, entries

    def __init__(self, X, center=None, scale=None, weight=None, Py_ssize_t blocks=1):
        n, p = X.shape
        self.X.n = n
        self.X.p = p * blocks
        self.X.blocks = blocks
        if hasattr(X, "indptr"):
            self.X.kind = <kind_t> kind_of(X.data.dtype, X.indices.dtype)
            self.owners = X.data, X.indices
            self.indptr = X.indptr
            self.X.data = address(X.data)
            self.X.rows = address(X.indices)
            self.X.indptr = &self.indptr[0]
        else:
            self.X.kind = <kind_t> kind_of(X.dtype, None)
            if n > 1 and X.strides[0] != X.itemsize:
                raise ValueError("the columns of a dense X must be contiguous")
            self.owners = X
            self.X.data = address(X)
            self.X.stride = X.strides[1] // X.itemsize
        self.center = np.zeros(p) if center is None else center
        self.scale = np.ones(p) if scale is None else scale
        if self.center.shape[0] != p or self.scale.shape[0] != p:
            raise ValueError("center and scale must have one entry per feature")
        self.X.center = &self.center[0]
        self.X.scale = &self.scale[0]
        self.X.weight_sum = n
        self.X.n_weighted = n
        if weight is not None:
            self.weight = weight
            if self.weight.shape[0] != n:
                raise ValueError("weight must have one entry per sample")
            self.X.weight = &self.weight[0]
            self.reweigh()
        self.capsule = PyCapsule_New(&self.X, b"softreg_fast.matrix_t", NULL)

    def reweigh(self):
        """Update what depends on the weights, after these were changed in place."""
        weight = np.asarray(self.weight)
        self.X.weight_sum = weight.sum()
        self.X.heaviest = weight.argmax()
        self.X.n_weighted = np.count_nonzero(weight)

    @classmethod
    def gram(cls, Q):
        """Describe a Gram matrix (n_features, n_features) float64; v is then a gradient."""
        cdef Columns columns = cls(Q)
        if Q.shape[0] != Q.shape[1] or Q.dtype != np.float64:
            raise ValueError("a Gram matrix must be square and float64")
        columns.X.kind = GRAM
        columns.entries = Q.T       # symmetric, so the transpose is Q by rows
        return columns

    @property
    def shape(self):
        return self.X.n, self.X.p

    @property
    def is_gram(self):
        return self.X.kind == GRAM

    def moments(self, bint centered, int n_threads=1, double[:, ::1] out=None):
        """Return (center, norm, scale) of every column: the weighted mean (0 unless `centered`),
        sqrt(sum_i s_i (x_ij - center_j)^2), and 1 / norm, 0 for a constant column.

        The norm is accurate also if the mean is large compared with the spread or the squares would
        leave the range of float64.  It is NaN or infinite where X is.  The results are written to
        the rows of `out` (3, n_features), which may be the center and scale of this object.
        """
        if out is None:
            out = np.empty((3, self.X.p))
        if out.shape[0] != 3 or out.shape[1] != self.X.p:
            raise ValueError("out must be (3, n_features)")
        cdef double[::1] m = out[0], d = out[1], f = out[2]
        cdef Py_ssize_t j, start, stop = 0
        while stop < self.X.p:
            start = stop
            stop = self._block_end(start)
            with nogil:
                for j in prange(start, stop, num_threads=n_threads, schedule="dynamic",
                                chunksize=max((stop - start) // (16 * n_threads), 1)):
                    column_moments(&self.X, j, centered, &m[j], &d[j])
                    f[j] = 1.0 / d[j] if d[j] > 0.0 else 0.0
            check_signals()
        return tuple(np.asarray(out))

    def slopes(self, const double[::1] v, double[::1] out, const Py_ssize_t[::1] chosen=None,
               int n_threads=1):
        """Compute out[k] = c_j . v with j = chosen[k] (None: all features)."""
        cdef const Py_ssize_t* which = NULL
        cdef Py_ssize_t start, stop = 0, count = self.X.p
        if chosen is not None:
            check_chosen(chosen, self.X.p)
            count = chosen.shape[0]
            if count:
                which = &chosen[0]
        self._check_length(v)
        if out.shape[0] < count:
            raise ValueError("out must have one entry per chosen feature")
        n_threads = threads_for(self._cost_of(chosen), n_threads)
        if which == NULL and count:
            while stop < count:
                start = stop
                stop = self._block_end(start)
                with nogil:
                    slopes(&self.X, &v[0], NULL, start, stop, &out[0], n_threads)
                check_signals()
        while stop < count:
            start = stop
            stop = self._block_end_of(chosen, start)
            with nogil:
                slopes(&self.X, &v[0], which, start, stop, &out[0], n_threads)
            check_signals()

    def slopes_of_tasks(self, const double[:, ::1] V, double[:, ::1] out, int n_threads=1):
        """Compute out[t, j] = c_j . V[t] for weighted residuals V (n_tasks, n_samples + 1)."""
        self._check_length(V[0])
        if out.shape[0] != V.shape[0] or out.shape[1] != self.X.p:
            raise ValueError("out must have one row per task, with one entry per feature")
        slopes_of_tasks(&self.X, V, NULL, self.X.p, out, 0, n_threads)

    def subtract_product(self, const double[::1] u, double[::1] v, int n_threads=1):
        """Subtract s (X u) from v, X the engine's columns; those with u_j = 0 are not read."""
        self._check_length(v)
        if u.shape[0] != self.X.p:
            raise ValueError("u must have one entry per feature")
        work = np.empty(16 * (self.X.n + 1))
        cdef double[::1] partial = work
        with nogil:
            subtract_product(&self.X, &u[0], &v[0], &partial[0], n_threads)

    def residual_sumsq(self, const double[::1] v):
        """Return sum_i s_i r_i^2 of the residual r whose weighted form is v."""
        self._check_length(v)
        return residual_sumsq(&self.X, &v[0])

    def gather(self, Py_ssize_t row, double[::1, :] out, const Py_ssize_t[::1] chosen=None,
               int n_threads=1):
        """Write sqrt(s) * (the engine's columns), all or the chosen, to out, starting at `row`."""
        cdef Py_ssize_t j, k, rows = out.shape[0], count = out.shape[1]
        if self.X.kind == GRAM:
            raise TypeError("a Gram matrix has no rows to gather")
        if row < 0 or row + rows > self.X.n:
            raise ValueError("the rows leave the matrix")
        if count != (self.X.p if chosen is None else chosen.shape[0]):
            raise ValueError("out must have one column per chosen feature")
        if chosen is not None:
            check_chosen(chosen, self.X.p)
        with nogil:
            for k in prange(count, num_threads=n_threads, schedule="static"):
                j = k if chosen is None else chosen[k]
                gather_column(&self.X, j, row, rows, &out[0, k])

    def gram_block(self, const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns,
                   double[::1, :] out, int n_threads=1, bint lower=False):
        """Compute out[a, b] = c_i . (s c_j), i = rows[a], j = columns[b], for any layout but Gram.

        `lower`: only the entries with a >= b are needed.  The side with fewer features should be
        the rows.
        """
        if out.shape[0] != rows.shape[0] or out.shape[1] != columns.shape[0]:
            raise ValueError("out must be (len(rows), len(columns))")
        check_chosen(rows, self.X.p)
        check_chosen(columns, self.X.p)
        cdef Py_ssize_t count = rows.shape[0]
        if (self.X.indptr != NULL and count >= FEWEST_BY_ROWS
                and self.X.n <= count * self._cost(columns)):
            gram_by_rows(&self.X, rows, columns, out, n_threads, lower)
        elif (self.X.indptr == NULL and count >= 8
                and count * columns.shape[0] * self.X.n >= FEWEST_MULTIPLICATIONS_FOR_BLAS):
            self._gram_by_blas(rows, columns, out, n_threads)
        elif rows.shape[0] and columns.shape[0]:
            self._gram_by_columns(rows, columns, out, n_threads)

    cdef int _gram_by_columns(self, const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns,
                              double[::1, :] out, int n_threads) except -1:
        # Scatter the features of the shorter side, one per thread at a time.
        cdef const Py_ssize_t* scattered = &columns[0]
        cdef const Py_ssize_t* others = &rows[0]
        cdef Py_ssize_t n_rows = rows.shape[0], count = columns.shape[0], n_others = n_rows
        cdef Py_ssize_t k, portion, start, stop = 0, step = n_rows, stride = 1
        cdef Py_ssize_t length = self.X.n + 1
        cdef double* mine = NULL
        if n_rows < count:
            scattered, others = &rows[0], &columns[0]
            n_others, count, step, stride = count, n_rows, 1, n_rows
        portion = self._cost(columns if n_rows < columns.shape[0] else rows) + length
        n_threads = threads_for(<double> portion * count, n_threads)
        cdef double[:, ::1] work = np.zeros((n_threads, length))
        portion = max(ENTRIES_PER_SIGNAL_CHECK // portion, n_threads)
        while stop < count:
            start = stop
            stop = min(start + portion, count)
            with nogil, parallel(num_threads=n_threads):
                mine = &work[omp_get_thread_num(), 0]
                for k in prange(start, stop, schedule="dynamic"):
                    scatter_column(&self.X, scattered[k], others, n_others, stride, mine,
                                   &out[0, 0] + k * step)
            check_signals()
        return 0

    cdef int _gram_by_blas(self, const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns,
                           double[::1, :] out, int n_threads) except -1:
        # Tiles of columns, each computed by one thread from panels of samples.
        from softreg_fast.system.threads import blas_threads_for

        cdef Py_ssize_t n_rows = rows.shape[0], count = columns.shape[0], tile, start, stop = 0
        cdef Py_ssize_t n_tiles = (count + TILE - 1) // TILE, portion
        cdef Py_ssize_t depth = min(max(PANEL_ENTRIES // (n_rows + TILE), 64), self.X.n)
        cdef double[:, ::1] panels = np.empty((n_threads, depth * (n_rows + TILE)))
        portion = max(MULTIPLICATIONS_PER_SIGNAL_CHECK // (TILE * n_rows * self.X.n), n_threads)
        with blas_threads_for(0):
            while stop < n_tiles:
                start = stop
                stop = min(start + portion, n_tiles)
                for tile in prange(start, stop, num_threads=n_threads, schedule="dynamic",
                                   nogil=True):
                    multiply_tile(dgemm, &self.X, &rows[0], n_rows, &columns[tile * TILE],
                                  min(TILE, count - tile * TILE), depth,
                                  &panels[omp_get_thread_num(), 0], &out[0, tile * TILE])
                check_signals()
        return 0

    def crossproduct(self, double[::1, :] out, const Py_ssize_t[::1] chosen, factor=None,
                     bint of_samples=False, int n_threads=1, const Py_ssize_t[::1] rows=None,
                     const double[::1, :] extra=None):
        """Compute the lower triangle of A'A, or of A A' if `of_samples`, for the dense matrix
        A = sqrt(s) * (the engine's columns) of the chosen features, times factor_k if given.

        With `rows`, for A'A and dense X only, the sum is over these samples only; `extra`,
        (n_samples, n_extra), are then additional columns of A.

        Each thread multiplies panels of A by BLAS, which should itself be limited to one thread.
        The panels are summed in a fixed number of groups, so that the result does not depend on the
        number of threads.
        """
        cdef Py_ssize_t n_extra = 0 if extra is None else extra.shape[1]
        cdef Py_ssize_t m = self.X.n if of_samples else chosen.shape[0] + n_extra
        cdef Py_ssize_t length = chosen.shape[0] if of_samples else self.X.n
        cdef panels_t A
        if rows is not None:
            length = rows.shape[0]
        cdef Py_ssize_t width = max(min(PANEL_ENTRIES // max(m, 1), length // 8), 256)
        cdef Py_ssize_t n_panels = (length + width - 1) // width, k, group, stop = 0, start
        cdef Py_ssize_t n_groups = max(min(n_panels, min(SUM_ENTRIES // max(m * m, 1), 16)), 1)
        cdef Py_ssize_t round_ = n_groups * max(
            MULTIPLICATIONS_PER_SIGNAL_CHECK // (n_groups * width * m * m + 1), 1)
        cdef const double[::1] f = np.ones(chosen.shape[0]) if factor is None else factor
        if self.X.kind == GRAM:
            raise TypeError("a Gram matrix has no rows")
        if out.shape[0] != m or out.shape[1] != m or f.shape[0] != chosen.shape[0]:
            raise ValueError("out must be square, with one row per chosen feature, or per sample")
        check_chosen(chosen, self.X.p)
        if rows is not None or extra is not None:
            self._check_rows(rows, extra, of_samples)
        out[:, :] = 0.0
        if not m or not length:
            return
        A.dsyrk = dsyrk
        A.X, A.n_chosen, A.n_extra, A.of_samples = &self.X, chosen.shape[0], n_extra, of_samples
        A.length, A.width = length, width
        A.chosen = A.rows = NULL
        A.factor = A.extra = NULL
        if chosen.shape[0]:
            A.chosen, A.factor = &chosen[0], &f[0]
        if rows is not None:
            A.rows = &rows[0]
        if n_extra:
            A.extra = &extra[0, 0]
        cdef double[:, ::1] panel = np.empty((n_threads, width * m))
        cdef double[:, ::1] sums = np.zeros((n_groups, m * m))
        while stop < n_panels:
            start = stop
            stop = min(start + round_, n_panels)
            for group in prange(n_groups, num_threads=n_threads, schedule="dynamic", nogil=True):
                add_panels(&A, start + group, stop, n_groups, &panel[omp_get_thread_num(), 0],
                           &sums[group, 0])
            check_signals()
        for k in prange(m, num_threads=n_threads, schedule="static", nogil=True):
            for group in range(n_groups):
                axpy(m - k, -1.0, &sums[group, k * m + k], 0.0, NULL, &out[k, k])

    def _check_rows(self, const Py_ssize_t[::1] rows, const double[::1, :] extra,
                    bint of_samples):
        cdef Py_ssize_t i
        if self.X.indptr != NULL or of_samples or rows is None:
            raise ValueError("rows and extra columns are for A'A of a dense X")
        for i in range(rows.shape[0]):
            if rows[i] < 0 or rows[i] >= self.X.n:
                raise ValueError(f"sample {rows[i]} is outside 0..{self.X.n - 1}")
        if extra is not None and extra.shape[0] != self.X.n:
            raise ValueError("extra must have one row per sample")

    def gram_entries(self, chosen):
        """Return a copy of the chosen rows and columns of a Gram matrix."""
        if self.X.kind != GRAM:
            raise TypeError("not a Gram matrix")
        return np.asfortranarray(self.owners[np.ix_(chosen, chosen)])

    cdef Py_ssize_t _cost_of(self, const Py_ssize_t[::1] chosen) noexcept:
        # Number of stored entries of the chosen features (None: of all).
        if chosen is not None:
            return self._cost(chosen)
        return self.X.n * self.X.p if self.X.indptr == NULL else self.X.indptr[self.X.p]

    cdef Py_ssize_t _cost(self, const Py_ssize_t[::1] chosen) noexcept:
        cdef Py_ssize_t k, cost = 0
        for k in range(chosen.shape[0]):
            cost += column_cost(&self.X, chosen[k])
        return cost

    cdef Py_ssize_t _block_end(self, Py_ssize_t start) noexcept:
        # End of a block of features between two signal checks; its length is a multiple of four.
        cdef Py_ssize_t stop = start, limit
        if self.X.indptr == NULL:
            stop += ENTRIES_PER_SIGNAL_CHECK // max(column_cost(&self.X, 0), 1) + 1
        else:
            limit = self.X.indptr[start] + ENTRIES_PER_SIGNAL_CHECK
            while stop < self.X.p and self.X.indptr[stop] < limit:
                stop += 64
        return min(start + (stop - start + 3) // 4 * 4, self.X.p)

    cdef Py_ssize_t _block_end_of(self, const Py_ssize_t[::1] chosen, Py_ssize_t start) noexcept:
        # _block_end for chosen features
        cdef Py_ssize_t stop = start, cost = 0
        while stop < chosen.shape[0] and cost < ENTRIES_PER_SIGNAL_CHECK:
            cost += column_cost(&self.X, chosen[stop])
            stop += 1
        return stop

    def _check_length(self, const double[::1] v):
        if v.shape[0] != length_of(&self.X):
            raise ValueError(
                f"v has {v.shape[0]} entries, {self.X.n} samples want one each and one more"
            )
