"""Plain coordinate descent on the residual: no Gram columns, so hardly any memory.

    minimise  1/2 ||Y - C U||_s^2 + sum_j phi_j(u_j)

in the engine's units: columns centred and scaled, the target centred.  `CoordinateDescent` is for
one target and any layout, Gram matrices included, `RowDescent` for rows of coefficients.  They keep
their state between calls, so a path is a Python loop of `solve` with decreasing strengths.  Arrays
are stored task by task: U and the slopes are (n_tasks, n_features), residuals have one row each.
"""

cimport cython
from libc.math cimport INFINITY, sqrt

from arithmetic cimport larger, smaller
from certificate cimport distance_of, duality_gap, units_t
from loss cimport SQUARED, loss_t
from matrix cimport GRAM, column_cost, matrix_of, matrix_t, shift, slope
from penalty cimport null_value, penalty_t, prox, row_prox
from signals cimport check_signals
from tasks cimport slopes_of_tasks, sumsq_of_tasks
from tolerances cimport (
    CONVERGED, ENTRIES_PER_SIGNAL_CHECK, EPOCHS_PER_GAP, LARGEST_BLOCK, MAX_ITER, MOST_IN_VAIN,
    ROUNDING, STALLED,
)

import numpy as np

from softreg_fast.solvers.extrapolation import extrapolated
from softreg_fast.solvers.row_newton import lengths
from softreg_fast.solvers.unpenalised import Block
from softreg_fast.solvers.working_set import working_set

# Gap, in units of ||Y||^2, below which descent on rows gives up after MOST_IN_VAIN rounds without
# progress.
cdef double ROUNDING_GAP = 1e-10

# Number of last iterates used for extrapolation.
cdef Py_ssize_t EXTRAPOLATED = 5


cdef class Descent:
    """Descent on a working set, with a certificate over all features.

    Parameters
    ----------
    columns : Columns
    target : (n_samples + 1,) weighted residual of u = 0; with Gram columns (n_features,) X'y.  For
        rows of coefficients one such row for each task.
    target_sumsq : ||y||_s^2
    curvature : (n_features,) ||c_j||_s^2
    penalty : (l1, l2, lower, upper), each (n_features,) float64 in the engine's units; the box of
        a row is the whole line, or [0, 0] for a feature that is excluded
    """

    cdef const matrix_t* X
    cdef loss_t F
    cdef penalty_t P
    cdef object columns, unpenalised
    cdef const double[:, ::1] target
    cdef const double[::1] c            # curvature
    cdef const double[::1] l1, l2, lower, upper
    cdef double[:, ::1] u, v, g
    cdef double target_sumsq
    cdef Py_ssize_t n_tasks
    cdef int n_threads
    cdef readonly object coef, residual, gradient
    cdef readonly double gap
    cdef readonly Py_ssize_t n_epochs

    def __init__(self, columns, target, double target_sumsq, curvature, penalty,
                 int n_threads=1):
        cdef Py_ssize_t j, t
        self.X = matrix_of(columns)
        self.columns = columns
        self.target = np.atleast_2d(target)
        self.n_tasks = self.target.shape[0]
        self.F.kind, self.F.n, self.F.n_outputs = SQUARED, self.X.n, self.n_tasks
        self.target_sumsq = target_sumsq
        self.c = curvature
        self.l1, self.l2, self.lower, self.upper = penalty
        self.n_threads = n_threads
        if any(len(a) != self.X.p for a in (curvature, *penalty)):
            raise ValueError("curvature and penalty must have one entry per feature")
        if self.target.shape[1] != self.X.n + (self.X.kind != GRAM) or not self.n_tasks:
            raise ValueError("the target does not fit the columns")
        self.P.l1, self.P.l2 = &self.l1[0], &self.l2[0]
        self.P.lower, self.P.upper = &self.lower[0], &self.upper[0]
        self.P.slack = 1e-12
        shape = np.shape(target)[:np.ndim(target) - 1] + (self.X.p,)
        self.coef, self.gradient, self.residual = np.zeros(shape), np.zeros(shape), np.array(target)
        self.u, self.g = np.atleast_2d(self.coef), np.atleast_2d(self.gradient)
        self.v = np.atleast_2d(self.residual)
        for t in range(self.n_tasks):
            for j in range(self.X.p):
                self.u[t, j] = null_value(&self.P, j)
        self.refresh()

    # -- what a kind of descent adds -----------------------------------------------------------

    def _descend(self, const Py_ssize_t[::1] chosen, double tol, Py_ssize_t max_iter):
        # Run epochs over the chosen features until the gap restricted to them is at most tol.
        # Returns False when no more progress is to be expected.
        raise NotImplementedError

    def _solve_unpenalised(self):
        # Minimise exactly over the unpenalised features: a finite dual value needs zero slopes for
        # them, which coordinate descent alone never reaches.
        raise NotImplementedError

    # -- the state -----------------------------------------------------------------------------

    def refresh(self):
        """Recompute the residual, without the rounding errors of many updates."""
        cdef Py_ssize_t t
        self.v[:] = self.target
        for t in range(self.n_tasks):
            self.columns.subtract_product(self.u[t], self.v[t], self.n_threads)

    def scan(self):
        """Compute `gradient` = X'r for every feature."""
        if self.X.kind == GRAM:
            self.g[:] = self.v
        else:
            slopes_of_tasks(self.X, self.v, NULL, self.X.p, self.g, 0, self.n_threads)

    @property
    def residual_sumsq(self):
        """||y - X u||_s^2"""
        if self.X.kind != GRAM:
            return sumsq_of_tasks(self.X, self.v)
        # ||y - Xu||^2 = ||y||^2 - u'(q + (q - Qu))
        return max(self.target_sumsq - np.dot(self.u[0], np.add(self.target[0], self.v[0])), 0.0)

    cdef units_t _units(self) noexcept nogil:
        cdef units_t units
        units.n_tasks, units.count, units.chosen = self.n_tasks, self.X.p, NULL
        units.u, units.z = &self.u[0, 0], &self.g[0, 0]
        units.u_stride = units.z_stride = self.X.p
        return units

    # -- public methods ------------------------------------------------------------------------

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
            moved = self._descend(self._working_set(), larger(0.3 * tol, 0.03 * self.gap), max_iter)
            self._certify()

    def certify(self, double l1_strength, double l2_strength):
        """Recompute residual, gradient and duality gap at the present coefficients; return the gap.

        Unpenalised features are solved for first: see `_solve_unpenalised`.
        """
        self.P.l1_strength, self.P.l2_strength = l1_strength, l2_strength
        self._find_unpenalised()
        self.refresh()
        self._certify()
        return self.gap

    def _certify(self):
        cdef units_t units = self._units()
        self._solve_unpenalised()
        self.scan()
        self.gap = duality_gap(&self.F, &self.P, &units, self.residual_sumsq)

    def _find_unpenalised(self):
        features = np.flatnonzero(
            (np.multiply(self.l1, self.P.l1_strength) == 0.0)
            & (np.multiply(self.l2, self.P.l2_strength) == 0.0)
            & (np.isinf(self.lower) | np.isinf(self.upper))
        )
        if self.unpenalised is None or not np.array_equal(features, self.unpenalised.features):
            self.unpenalised = Block(self.columns, features, self.lower, self.upper,
                                     self.n_threads)

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
        cdef Py_ssize_t j, t
        support = np.zeros(self.X.p, bool)
        for j in range(self.X.p):
            distance[j] = distance_of(&self.P, &units, j)
            for t in range(self.n_tasks):
                if self.u[t, j] != null_value(&self.P, j):
                    support[j] = True
        return working_set(support, np.asarray(distance))

    cdef Py_ssize_t _portion_end(self, const Py_ssize_t[::1] chosen, Py_ssize_t start) noexcept:
        # End of the chosen features that are worked on until the next check for signals.
        cdef Py_ssize_t stop = start, cost = 0
        while stop < chosen.shape[0] and cost < ENTRIES_PER_SIGNAL_CHECK:
            cost += self.n_tasks * column_cost(self.X, chosen[stop])
            stop += 1
        return stop


cdef double epoch(const matrix_t* X, const penalty_t* P, const double* curvature,
                  const Py_ssize_t* chosen, Py_ssize_t start, Py_ssize_t stop,
                  double* u, double* v) noexcept nogil:
    # One pass over chosen[start:stop]; returns the largest ||c_j||^2 (change of u_j)^2.
    cdef double new, d, largest = 0.0
    cdef Py_ssize_t k, j
    for k in range(start, stop):
        j = chosen[k]
        new = prox(P, j, slope(X, j, v) + curvature[j] * u[j], curvature[j])
        d = new - u[j]
        if d != 0.0:
            u[j] = new
            shift(X, j, d, v)
            largest = larger(largest, curvature[j] * d * d)
    return largest


@cython.final
cdef class CoordinateDescent(Descent):
    """Plain coordinate descent for one target; see `Descent` for the other parameters.

    Parameters
    ----------
    rng : numpy.random.RandomState or None
        None: cyclic order; else each new working set is shuffled.
    """

    cdef object rng
    cdef readonly object start

    def __init__(self, columns, target, double target_sumsq, curvature, penalty,
                 int n_threads=1, rng=None):
        super().__init__(columns, target, target_sumsq, curvature, penalty, n_threads)
        self.rng = rng
        self.P.slack = 1e-12 * (sqrt(target_sumsq) if target_sumsq > 0.0 else 1.0)
        self.start = self.coef.copy()

    def epochs(self, const Py_ssize_t[::1] chosen, Py_ssize_t count):
        """Run `count` epochs over the chosen features; return the largest ||c_j||^2 d_j^2 of the
        last, d_j the change of u_j."""
        cdef double largest = 0.0
        cdef Py_ssize_t _k, n_chosen = chosen.shape[0]
        if n_chosen == 0 or min(chosen) < 0 or max(chosen) >= self.X.p:
            raise ValueError("chosen must name features")
        with nogil:
            for _k in range(count):
                largest = epoch(self.X, &self.P, &self.c[0], &chosen[0], 0, n_chosen,
                                &self.u[0, 0], &self.v[0, 0])
        return largest

    def _working_set(self):
        chosen = Descent._working_set(self)
        if self.rng is not None:
            self.rng.shuffle(chosen)
        return chosen

    def _descend(self, const Py_ssize_t[::1] chosen, double tol, Py_ssize_t max_iter):
        cdef Py_ssize_t _k, start, stop
        cdef double largest = 0.0
        cdef double rounding = ROUNDING * (self.target_sumsq if self.target_sumsq > 0.0 else 1.0)
        if not chosen.shape[0]:
            return False
        while self.n_epochs < max_iter:
            for _k in range(min(EPOCHS_PER_GAP, max_iter - self.n_epochs)):
                largest = 0.0
                stop = 0
                while stop < chosen.shape[0]:
                    start = stop
                    stop = self._portion_end(chosen, start)
                    with nogil:
                        largest = larger(largest, epoch(
                            self.X, &self.P, &self.c[0], &chosen[0], start, stop, &self.u[0, 0],
                            &self.v[0, 0]))
                    check_signals()
                self.n_epochs += 1
                if largest <= rounding:
                    break
            self._solve_unpenalised()
            if self._gap_on(chosen) <= tol:
                return True
            if largest <= rounding:
                return False
        return True

    def _solve_unpenalised(self):
        # By steps of an active-set method, as there may be bounds.
        cdef const Py_ssize_t[::1] features = self.unpenalised.features
        cdef Py_ssize_t k, count = features.shape[0]
        cdef double[:, ::1] z = np.empty((1, count))
        cdef double[::1] old, new
        if not 0 < count <= LARGEST_BLOCK:
            return
        for _ in range(10 + count):
            slopes_of_tasks(self.X, self.v, &features[0], count, z, 0, self.n_threads)
            old = self.coef[self.unpenalised.features]
            reached = self.unpenalised.step(np.asarray(old), np.asarray(z[0]), 0.01 * self.P.slack)
            if reached is None:
                return
            new = reached
            for k in range(count):
                if new[k] != old[k]:
                    shift(self.X, features[k], new[k] - old[k], &self.v[0, 0])
                    self.u[0, features[k]] = new[k]


@cython.final
cdef class RowDescent(Descent):
    """Block coordinate descent for several targets; see `Descent` for the parameters.

    Within the working set it is accelerated by extrapolating the limit of the last epochs: on
    correlated columns plain descent keeps moving in the same direction in ever smaller steps.
    """

    cdef double[::1] row                # one number for each task

    def __init__(self, columns, target, double target_sumsq, curvature, penalty, int n_threads=1):
        super().__init__(columns, target, target_sumsq, curvature, penalty, n_threads)
        if self.X.kind == GRAM:
            raise TypeError("descent on rows wants the columns themselves, not their Gram matrix")
        self.row = np.empty(self.n_tasks)

    def _descend(self, const Py_ssize_t[::1] chosen, double tol, Py_ssize_t max_iter):
        # Also ends when MOST_IN_VAIN rounds brought no progress at a gap below ROUNDING_GAP.
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
        cdef Py_ssize_t start, stop = 0
        while stop < chosen.shape[0]:
            start = stop
            stop = self._portion_end(chosen, start)
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
            c = self.c[j]
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

    def _solve_unpenalised(self):
        cdef const Py_ssize_t[::1] features = self.unpenalised.features
        cdef Py_ssize_t k, t, count = features.shape[0]
        cdef double[:, ::1] z = np.empty((self.n_tasks, count)), move
        if not 0 < count <= LARGEST_BLOCK:
            return
        for _ in range(10):
            slopes_of_tasks(self.X, self.v, &features[0], count, z, 0, self.n_threads)
            if np.max(np.abs(z)) <= 0.01 * self.P.slack:
                return
            move = np.ascontiguousarray(self.unpenalised.solve(np.asarray(z).T).T)
            for t in range(self.n_tasks):
                for k in range(count):
                    self.u[t, features[k]] += move[t, k]
                    shift(self.X, features[k], move[t, k], &self.v[t, 0])
