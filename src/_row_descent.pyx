"""Block coordinate descent on the residuals of several targets.

    minimise  1/2 ||Y - C U||_s^2 + sum_j [ l1_j ||u_j||_2 + l2_j / 2 ||u_j||_2^2 ]

for when the Gram columns of _rows.pyx need too much memory or time.  All arrays are stored task by
task: U and the slopes are (n_tasks, n_features), residuals have one row per task.
"""

cimport cython
from libc.math cimport INFINITY

from certificate cimport distance_of, duality_gap, units_t
from loss cimport SQUARED, loss_t
from matrix cimport GRAM, column_cost, matrix_of, matrix_t, shift, slope
from penalty cimport larger, penalty_t, row_prox, smaller
from signals cimport check_signals
from tasks cimport slopes_of_tasks, sumsq_of_tasks
from tolerances cimport (
    CONVERGED, ENTRIES_PER_SIGNAL_CHECK, EPOCHS_PER_GAP, LARGEST_BLOCK, MAX_ITER, ROUNDING, STALLED,
)

import numpy as np

from softreg_fast.solvers.extrapolation import extrapolated
from softreg_fast.solvers.factor import solver_of
from softreg_fast.solvers.row_newton import lengths
from softreg_fast.solvers.working_set import working_set

# Gap, in units of ||Y||^2, below which descent gives up after MOST_IN_VAIN rounds without progress.
cdef double ROUNDING_GAP = 1e-10
cdef Py_ssize_t MOST_IN_VAIN = 60

# Number of last iterates used for extrapolation.
cdef Py_ssize_t EXTRAPOLATED = 5


@cython.final
cdef class RowDescent:
    """Block coordinate descent on the residuals, for when Gram columns need too much memory.

    Within the working set it is accelerated by extrapolating the limit of the last epochs
    (Anderson 1965; for coordinate descent Bertrand and Massias 2021): on correlated columns plain
    descent keeps moving in the same direction in ever smaller steps.

    Parameters
    ----------
    columns : Columns (not a Gram matrix)
    target : (n_tasks, n_samples + 1) weighted residuals of U = 0
    target_sumsq : ||Y||_s^2
    curvature : (n_features,) ||c_j||_s^2
    penalty : (l1, l2, lower, upper) as for `Slots`
    """

    cdef const matrix_t* X
    cdef loss_t F
    cdef penalty_t P
    cdef object columns, unpenalised, block_inverse
    cdef const double[:, ::1] target
    cdef const double[::1] curvature, l1, l2, lower, upper
    cdef double[:, ::1] u, v, g
    cdef double[::1] row
    cdef double target_sumsq
    cdef Py_ssize_t n_tasks
    cdef int n_threads
    cdef readonly object coef, residual, gradient
    cdef readonly double gap
    cdef readonly Py_ssize_t n_epochs

    def __init__(self, columns, target, double target_sumsq, curvature, penalty, int n_threads=1):
        self.X = matrix_of(columns)
        self.F.kind = SQUARED
        self.columns = columns
        self.target = target
        self.target_sumsq = target_sumsq
        self.curvature = curvature
        self.l1, self.l2, self.lower, self.upper = penalty
        self.n_threads = n_threads
        self.n_tasks = self.target.shape[0]
        p = self.X.p
        if any(len(a) != p for a in (curvature, *penalty)):
            raise ValueError("curvature and penalty must have one entry per feature")
        if self.X.kind == GRAM or self.target.shape[1] != self.X.n + 1 or not self.n_tasks:
            raise ValueError("the targets do not fit the columns")
        self.P.l1, self.P.l2 = &self.l1[0], &self.l2[0]
        self.P.lower, self.P.upper = &self.lower[0], &self.upper[0]
        self.P.slack = 1e-12
        self.row = np.empty(self.n_tasks)
        self.coef = self.u = np.zeros((self.n_tasks, p))
        self.gradient = self.g = np.zeros((self.n_tasks, p))
        self.residual = self.v = np.array(target)

    def refresh(self):
        """Recompute the residuals, without the rounding errors accumulated over many updates."""
        self.v[:] = self.target
        for t in range(self.n_tasks):
            self.columns.subtract_product(self.u[t], self.v[t], self.n_threads)

    @property
    def residual_sumsq(self):
        """||Y - C U||_s^2"""
        return sumsq_of_tasks(self.X, self.v)

    def solve(self, double l1_strength, double l2_strength, double tol, Py_ssize_t max_iter):
        """Minimise from the present coefficients until gap <= tol; return the status.

        It is CONVERGED, MAX_ITER or STALLED.  Sets `coef`, `residual`, `gradient`, `gap` (for all
        features) and `n_epochs`.
        """
        cdef double last_gap = INFINITY
        cdef bint moved = True
        self.certify(l1_strength, l2_strength)
        self.n_epochs = 0
        while True:
            if self.gap <= tol:
                return CONVERGED
            if self.n_epochs >= max_iter:
                return MAX_ITER
            if not moved and not self.gap < 0.9 * last_gap:
                return STALLED
            last_gap = self.gap
            moved = self._descend(self._working_set(), max(0.3 * tol, 0.03 * self.gap), max_iter)
            self._scan()

    def certify(self, double l1_strength, double l2_strength):
        """Recompute residuals, gradient and gap at the present coefficients; return the gap.

        Unpenalised features are solved for first.
        """
        self.P.l1_strength, self.P.l2_strength = l1_strength, l2_strength
        self._find_unpenalised()
        self.refresh()
        self._scan()
        return self.gap

    def _scan(self):
        self._solve_unpenalised()
        slopes_of_tasks(self.X, self.v, NULL, self.X.p, self.g, 0, self.n_threads)
        cdef units_t units = self._units()
        self.gap = duality_gap(&self.F, &self.P, &units, self.residual_sumsq)

    cdef units_t _units(self) noexcept nogil:
        cdef units_t units
        units.n_tasks, units.count, units.chosen = self.n_tasks, self.X.p, NULL
        units.u, units.z = &self.u[0, 0], &self.g[0, 0]
        units.u_stride = units.z_stride = self.X.p
        return units

    def _gap_on(self, const Py_ssize_t[::1] chosen):
        # duality gap of the problem restricted to the chosen features
        cdef double[:, ::1] z = np.empty((self.n_tasks, chosen.shape[0]))
        cdef units_t units = self._units()
        slopes_of_tasks(self.X, self.v, &chosen[0], chosen.shape[0], z, 0, self.n_threads)
        units.count, units.chosen = chosen.shape[0], &chosen[0]
        units.z, units.z_stride = &z[0, 0], chosen.shape[0]
        return duality_gap(&self.F, &self.P, &units, self.residual_sumsq)

    def _working_set(self):
        cdef units_t units = self._units()
        cdef double[::1] distance = np.empty(self.X.p)
        cdef Py_ssize_t j
        for j in range(self.X.p):
            distance[j] = distance_of(&self.P, &units, j)
        return working_set(self.coef.any(axis=0), np.asarray(distance))

    def _descend(self, const Py_ssize_t[::1] chosen, double tol, Py_ssize_t max_iter):
        # Run epochs over the chosen features until the gap restricted to them is at most tol.
        # Returns False when the last epoch moved only by rounding errors, or when MOST_IN_VAIN
        # rounds brought no progress at a gap below ROUNDING_GAP.
        cdef double moved = INFINITY, promising = tol, gap, best = INFINITY
        cdef double unit = self.target_sumsq if self.target_sumsq > 0.0 else 1.0
        cdef Py_ssize_t n_vain = 0
        which = np.asarray(chosen)
        if not chosen.shape[0]:
            return False
        while self.n_epochs < max_iter:
            iterates = [self.coef[:, which]]
            for _ in range(min(EPOCHS_PER_GAP, max_iter - self.n_epochs)):
                moved = self._epoch(chosen)
                if moved <= promising:
                    break
                iterates.append(self.coef[:, which])
            else:
                self._extrapolate(which, iterates[-EXTRAPOLATED - 1:])
            self._solve_unpenalised()
            gap = self._gap_on(which)
            if gap <= tol:
                return True
            n_vain = 0 if gap < 0.9 * best else n_vain + 1
            if moved <= ROUNDING * unit or n_vain >= MOST_IN_VAIN and gap <= ROUNDING_GAP * unit:
                return False
            best = smaller(best, gap)
            promising = larger(0.1 * smaller(moved, promising), ROUNDING * unit)
        return True

    cdef double _epoch(self, const Py_ssize_t[::1] chosen) except -1.0:
        # One pass over the chosen features; returns the sum of ||c_j||^2 ||change of u_j||^2.
        cdef double moved = 0.0
        cdef Py_ssize_t start, cost, stop = 0
        while stop < chosen.shape[0]:
            start = stop
            cost = 0
            while stop < chosen.shape[0] and cost < ENTRIES_PER_SIGNAL_CHECK:
                cost += self.n_tasks * column_cost(self.X, chosen[stop])
                stop += 1
            with nogil:
                moved += self._pass(&chosen[start], stop - start)
            check_signals()
        self.n_epochs += 1
        return moved

    cdef double _pass(self, const Py_ssize_t* chosen, Py_ssize_t count) noexcept nogil:
        cdef Py_ssize_t k, j, t
        cdef double d, c, moved = 0.0
        for k in range(count):
            j = chosen[k]
            c = self.curvature[j]
            if c + self.P.l2_strength * self.l2[j] == 0.0:
                continue
            for t in range(self.n_tasks):
                self.row[t] = slope(self.X, j, &self.v[t, 0]) + c * self.u[t, j]
            row_prox(&self.P, j, &self.row[0], self.n_tasks, c)
            for t in range(self.n_tasks):
                d = self.row[t] - self.u[t, j]
                if d != 0.0:
                    self.u[t, j] = self.row[t]
                    shift(self.X, j, d, &self.v[t, 0])
                    moved += c * d * d
        return moved

    def _extrapolate(self, which, iterates):
        # Move to the extrapolated rows if the objective is smaller there.
        reached = extrapolated(iterates)
        if reached is None:
            return
        before, coef, residual = self._objective(), self.coef.copy(), self.residual.copy()
        self.coef[:, which] = reached
        self.refresh()
        if not self._objective() < before:
            self.coef[:] = coef
            self.residual[:] = residual

    def _objective(self):
        sizes = lengths(self.coef)
        return (0.5 * self.residual_sumsq + self.P.l1_strength * np.dot(self.l1, sizes)
                + 0.5 * self.P.l2_strength * np.dot(self.l2, np.square(sizes)))

    def _find_unpenalised(self):
        l1 = self.P.l1_strength * np.asarray(self.l1)
        l2 = self.P.l2_strength * np.asarray(self.l2)
        U = np.flatnonzero((l1 == 0.0) & (l2 == 0.0) & (np.asarray(self.upper) > 0.0))
        if self.unpenalised is None or not np.array_equal(U, self.unpenalised):
            self.unpenalised, self.block_inverse = U, None

    def _solve_unpenalised(self):
        # Minimise exactly over the unpenalised features: a finite dual value needs zero slopes for
        # them, which coordinate descent alone never reaches.
        cdef const Py_ssize_t[::1] U = self.unpenalised
        cdef double[:, ::1] z = np.empty((self.n_tasks, U.shape[0]))
        cdef Py_ssize_t k, t
        if not 0 < U.shape[0] <= LARGEST_BLOCK:
            return
        if self.block_inverse is None:
            block = np.empty((len(U), len(U)), order="F")
            self.columns.gram_block(U, U, block, self.n_threads)
            self.block_inverse = solver_of(block)
        for _ in range(10):
            slopes_of_tasks(self.X, self.v, &U[0], U.shape[0], z, 0, self.n_threads)
            if np.max(np.abs(z)) <= 0.01 * self.P.slack:
                return
            D = self.block_inverse(np.asarray(z).T).T
            self.coef[:, self.unpenalised] += D
            for t in range(self.n_tasks):
                for k in range(U.shape[0]):
                    shift(self.X, U[k], D[t, k], &self.v[t, 0])
