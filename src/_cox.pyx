"""Proximal Newton steps for Cox's partial likelihood, whose Hessian is diag(d) - M'M.

Row t of M is the root of the weight of term t (risk.pxd) times its distribution over those at risk,
so that a product with M is a mean over risk sets: O(n) for each column of X.  Adding a constant to
the predictors of a stratum changes nothing: there is no intercept, residuals add up to zero, and
columns may be centred by whatever weights the Gram matrix of sparse columns wants.
"""

from libc.math cimport INFINITY
from libc.string cimport memcmp, memcpy, memset

from arithmetic cimport larger, smaller
from blas cimport dsyrk_t, find_dsyrk
from certificate cimport feasible, penalty_part, units_t
from matrix cimport column_cost, is_dense, shift, slope
from penalty cimport penalty_t
from risk cimport (
    MOST_SUMS, find_rows, risk_curve, risk_evaluate, risk_sums_t, risk_t, room_for_sums,
)
from risk_gap cimport center_by_strata, gap_at_prediction, gap_at_residual, gap_part
from signals cimport check_signals
from softreg_fast.kernels._proximal_newton cimport ProximalNewton
from softreg_fast.kernels._risk_sets cimport RiskSets
from stripes cimport products_of_rows
from tasks cimport slopes_of_tasks

import numpy as np

from softreg_fast.system.threads import blas_threads_for

cdef dsyrk_t dsyrk = find_dsyrk()

# Curvatures below this share of those of single samples are rounding errors of 0: the column is
# constant in every risk set.
cdef double LEAST_CURVATURE = 1e-13

# Products of at most this many multiplications are not worth a call of BLAS.
cdef double FEW_MULTIPLICATIONS = 2e6


cdef class CoxNewton(ProximalNewton):
    """Exact solver for a whole path of Cox's partial likelihood.

    Parameters
    ----------
    risk_sets : RiskSets
        For this solver alone, which uses their storage.
    others : as for LocalModel, without y, loss and fit_intercept
    """

    cdef RiskSets risk_sets
    cdef double[:, :, ::1] sums             # storage of the next three
    cdef risk_sums_t now, old, base         # at z, before the last step, at the reference
    cdef double[::1] z_ref, moved, since
    cdef bint predicted                     # whether the dual point is the predicted residual
    cdef bint has_part                      # whether its part of the gap has been prepared, and
    cdef bint inside                        # whether it is known to be in the domain
    cdef double wanted                      # the tolerance

    def __init__(self, columns, reference, center, weight, risk_sets, null_predictor, target,
                 double null_deviance, penalty, int n_threads=1, Py_ssize_t most_slots=4_000):
        cdef Py_ssize_t n = len(null_predictor)
        self.risk_sets = risk_sets
        self.sums = np.zeros((3, 1, room_for_sums(&self.risk_sets.R)))
        self.now = self.risk_sets.sums(self.sums[0])
        self.old = self.risk_sets.sums(self.sums[1])
        self.base = self.risk_sets.sums(self.sums[2])
        self.z_ref, self.moved, self.since = np.zeros((3, n))
        # the kind of the loss has no meaning here
        ProximalNewton.__init__(
            self, columns, reference, center, weight, null_predictor, null_predictor, target,
            null_deviance, ("squared", 0.0), False, penalty, n_threads, most_slots)

    cdef double _evaluate(self, const double* z, double* r, double* d) noexcept nogil:
        r[self.U.n] = 0.0
        return risk_evaluate(&self.risk_sets.R, z, self.risk_sets.C.by_time, &self.now, r, d)

    cdef double _take_step(self) except -1:
        # Keep the sums before the step.
        cdef double t
        self.now, self.old = self.old, self.now
        t = ProximalNewton._take_step(self)
        if t == 0.0:
            self.now, self.old = self.old, self.now
        return t

    cdef double _sweep(self, double move) except? -1.0:
        # The loss is no sum over rows, which could be read stripe by stripe.
        cdef double after
        cdef Py_ssize_t i
        self._find_step()
        for i in range(self.U.n):
            self.z_next[i] = self.z[i] + self.step[0, i]
        after = self._evaluate(&self.z_next[0], &self.r_next[0, 0], &self.d_next[0])
        if self.m:
            slopes_of_tasks(self.R, self.r_next, &self.feature[0], self.m, self.qs, 0,
                            self.n_threads)
        return after

    cdef int _solve_slots(self, double tol, Py_ssize_t max_iter) except -1:
        self.wanted = tol
        return ProximalNewton._solve_slots(self, tol, max_iter)

    # -- the model -----------------------------------------------------------------------------

    cdef double _center_of(self, Py_ssize_t j) noexcept nogil:
        # The mean under d_ref, which is what the Gram matrix of sparse columns takes it for.
        cdef double base = 0.0
        if is_dense(&self.U) or self.U.scale[j] == 0.0:
            return self.U.center[j]
        if column_cost(&self.U, j) == self.U.n:
            base = self.U.center[j]
        return base + slope(&self.U, j, &self.padded[0, 0]) / self.U.scale[j] / self.sum_d

    cdef void _take_weights(self) noexcept nogil:
        # For cautious steps d is raised to a share of its mean at any fit: a sample's is its share
        # of the hazards, and these add up to the events.
        cdef Py_ssize_t i
        cdef double s, n_events = 0.0, n_counted = 0.0
        memcpy(&self.z_ref[0], &self.z[0], self.U.n * sizeof(double))
        memcpy(self.base.v, self.now.v, room_for_sums(&self.risk_sets.R) * sizeof(double))
        for i in range(self.U.n):
            n_events += self.risk_sets.R.event[i]
            n_counted += self.risk_sets.R.s[i]
        self.sum_d = 0.0
        for i in range(self.U.n):
            s = self.caution * self.risk_sets.R.s[i] * n_events / n_counted
            self.d_ref[i] = larger(self.d[i], s)
            self.sum_d = self.sum_d + self.d_ref[i]

    cdef void _curve(self, const double* step, double* out) noexcept nogil:
        risk_curve(&self.risk_sets.R, &self.base, &self.d_ref[0], step, self.risk_sets.C.room,
                   self.risk_sets.C.by_time, self.risk_sets.C.means, out)

    cdef void _column(self, Py_ssize_t j, double* out) noexcept nogil:
        # out = column j with the centre that it has in the Gram matrix, without weights; n + 1
        # entries
        cdef Py_ssize_t i, n = self.U.n
        cdef double move = self.U.scale[j] * (self.U.center[j] - self.reference_center[j])
        memset(out, 0, (n + 1) * sizeof(double))
        shift(&self.U, j, -1.0, out)
        move += out[n]
        for i in range(n):
            out[i] += move
        out[n] = 0.0

    cdef int _lower_gram(self, double[::1, :] rows, Py_ssize_t first) except -1:
        if first:
            return self._rows_of_new(rows, first)
        return self._subtract_means(rows)

    cdef int _rows_of_new(self, double[::1, :] rows, Py_ssize_t first) except -1:
        # The Hessian's product with each new column, times all columns.
        cdef Py_ssize_t a, b
        cdef double[:, ::1] column = np.zeros((2, self.U.n + 1)), found = np.zeros((1, self.m))
        for a in range(first, self.m):
            with nogil:
                self._column(self.feature[a], &column[0, 0])
                self._curve(&column[0, 0], &column[1, 0])
            slopes_of_tasks(self.R, column[1:], &self.feature[0], self.m, found, 0, self.n_threads)
            for b in range(self.m):
                rows[a - first, b] = found[0, b]
            if rows[a - first, a] <= LEAST_CURVATURE:
                rows[a - first, a] = 0.0
        return 0

    cdef int _subtract_means(self, double[::1, :] gram) except -1:
        # gram -= M_A'M_A, its lower triangle
        cdef Py_ssize_t a, b, c, t, wide
        cdef int m = <int> self.m, n_terms = <int> self.risk_sets.R.n_terms
        cdef double one = 1.0, minus = -1.0
        cdef Py_ssize_t length = self.U.n + 1, size = m * n_terms + 4
        cdef double* M
        cdef double* columns
        cdef double[::1] plain = np.empty(m), root
        cdef double[::1, :] found
        cdef const risk_t* R = &self.risk_sets.R
        root = np.sqrt(self.risk_sets.terms[1])
        if self.panel.shape[0] < size + MOST_SUMS * length:
            self.panel = np.empty(2 * size + MOST_SUMS * length)
        M, columns = &self.panel[0], &self.panel[size]
        with nogil:
            for t in range(n_terms):
                root[t] /= self.base.S[t]
            for a in range(m):
                plain[a] = gram[a, a]
            a = 0
            while a < m:
                wide = MOST_SUMS if m - a >= MOST_SUMS else (4 if m - a >= 4 else 1)
                for c in range(wide):
                    self._column(self.feature[a + c], columns + c * length)
                if wide == MOST_SUMS:
                    find_rows(R, MOST_SUMS, self.base.v, columns, length, &root[0],
                              self.risk_sets.C.sums, M + a * n_terms)
                elif wide == 4:
                    find_rows(R, 4, self.base.v, columns, length, &root[0],
                              self.risk_sets.C.sums, M + a * n_terms)
                else:
                    find_rows(R, 1, self.base.v, columns, length, &root[0],
                              self.risk_sets.C.sums, M + a * n_terms)
                a += wide
        check_signals()
        if <double> m * m * n_terms <= FEW_MULTIPLICATIONS:
            memset(M + m * n_terms, 0, 4 * sizeof(double))
            found = np.empty((m, m), order="F")
            products_of_rows(M, n_terms, m, M + m * n_terms, &found[0, 0])
            for b in range(m):
                for a in range(b, m):
                    gram[a, b] -= found[a, b]
        else:
            with blas_threads_for(m):
                dsyrk(b"L", b"T", &m, &n_terms, &minus, M, &n_terms, &one, &gram[0, 0], &m)
        for a in range(m):
            if gram[a, a] <= LEAST_CURVATURE * plain[a]:
                gram[a, a] = 0.0
        return 0

    # -- the certificate -----------------------------------------------------------------------

    cdef double _gap_at(self, const double* r, const double* step, double enough) noexcept nogil:
        self.predicted, self.has_part = step != NULL, False
        if self.predicted and self.caution > 0.0:       # its residual does not add up to zero
            return INFINITY
        return ProximalNewton._gap_at(self, r, step, enough)

    cdef bint _prepare_part(self) noexcept nogil:
        # Return whether the dual point is known to be in the domain.
        cdef Py_ssize_t i, n = self.U.n
        cdef double since = 0.0
        if not self.predicted:
            gap_at_residual(&self.risk_sets.R, &self.now, &self.z[0], &self.risk_sets.C)
            return True
        # z_next is the predictor before the step
        memcpy(&self.moved[0], &self.step[0, 0], n * sizeof(double))
        if memcmp(&self.z_ref[0], &self.z_next[0], n * sizeof(double)):
            for i in range(n):
                self.since[i] = self.z_next[i] - self.z_ref[i]
            since = center_by_strata(&self.risk_sets.R, &self.since[0], self.risk_sets.C.ranges)
        return gap_at_prediction(
            &self.risk_sets.R, &self.base if since == 0.0 else &self.old, &self.base, &self.now,
            &self.z[0], &self.moved[0], since, &self.risk_sets.C)

    cdef double _gap_of(self, const penalty_t* P, const units_t* units) noexcept nogil:
        cdef double k = 1.0, k_augmented = 1.0, gap
        feasible(P, units, 1, &k, &k_augmented)
        if k < 1.0:
            k *= 1.0 - 1e-15
        gap = self._gap_with(P, units, k)
        if k_augmented < k:
            gap = smaller(gap, self._gap_with(P, units, k_augmented))
        return gap if gap == gap else INFINITY

    cdef double _gap_with(self, const penalty_t* P, const units_t* units, double k) noexcept nogil:
        # At k times the dual point.  Where the penalty's part alone exceeds the tolerance, a bound
        # is enough: the divergence is convex in the distribution, and at k = 0 the loss.
        cdef double part = penalty_part(P, units, 1, k, 0.0)
        if part > self.wanted:
            if self.predicted:
                return INFINITY
            return part + (1.0 - k) * larger(self.F_now - self.saturated, 0.0)
        if not self.has_part:
            self.has_part, self.inside = True, self._prepare_part()
        if not self.inside:
            return INFINITY
        return part + gap_part(&self.risk_sets.R, &self.now, &self.risk_sets.C, k)
