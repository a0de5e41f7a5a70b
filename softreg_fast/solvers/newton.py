"""Newton's method for a loss that is not quadratic and a pure L2 penalty.

It works in the engine's units on `sum_i s_i f(y_i, z_i) + 1/2 sum_j lambda_j u_j^2` with
z = z_0 + b + C u. At curvatures d the intercept is eliminated by centring the columns by d:

    (C'DC + Lambda) e = C'r - Lambda u,    C centred by d,    r the residual, e the step of u.

The residual that the step predicts, r - D (C e + b), is the dual point, as in proximal_newton.py.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from softreg_fast.data.design import Design
from softreg_fast.data.gram import crossproduct, gram_of
from softreg_fast.kernels._losses import evaluate, part
from softreg_fast.kernels._runtime import look_at_signals
from softreg_fast.kernels._slots import CONVERGED, MAX_ITER, STALLED
from softreg_fast.losses.base import times
from softreg_fast.options.types import Index, Matrix, Vector
from softreg_fast.solvers import limits
from softreg_fast.solvers.factor import solver_of
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Doubt, Fits, Recorder
from softreg_fast.solvers.proximal_newton import LARGEST_PREDICTOR
from softreg_fast.system.threads import blas_threads_for

MOST_HALVINGS = 40

# After this many steps that lower neither the objective nor the gap the fit has stalled.
MOST_VAIN_STEPS = 3

# Products with a sparse X are cheap: beyond this size conjugate gradients need less time than a
# factor.
SPARSE_FACTOR = 300

# Smaller shares of the bounds on the curvature are left out.
LEAST_CAUTION = 1e-3

# Conjugate gradients end at this share of the norm of the gradient, or its root if that is less.
LARGEST_FORCING = 0.1

# A slope of an unpenalised feature up to this share of the norm of the residual counts as 0.
SLACK = 1e-12


class NewtonEngine:
    """Newton steps by a factor of C'DC + Lambda, of its dual when p > n, or by "cg"."""

    needs: ClassVar[tuple[str, ...]] = ("compiled loss", "smooth loss", "pure L2", "one target")
    doubt = Doubt(False, False, False)  # certificates are computed from X

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.design = design = problem.design
        target, scaled = problem.target, problem.scaled
        self.free = scaled.lower < scaled.upper
        self.center, self.scale = design.stored_center.copy(), design.scale
        self.plain = design.columns_with(self.center)
        self.loss = target.loss.kind, (*target.loss.parameters, 0.0)[0]
        self.z_null = target.null_predictor
        null_value = self._evaluate(self.z_null)[0]
        self.saturated = null_value - 0.5 * target.null_deviance
        penalised = bool(np.all(scaled.l2[self.free] > 0.0))
        side = min(design.n_features, design.n_samples) if penalised else design.n_features
        largest = SPARSE_FACTOR if design.is_sparse else limits.LARGEST_AUTO_FACTOR
        self.strategy = "cholesky" if side <= largest else "cg"
        self._kernel: Any = None
        self._record = Recorder()
        self._intercepts: list[float] = []
        self.coef: Vector = np.zeros(design.n_features)
        self.intercept, self.gap, self.n_epochs = 0.0, np.inf, 0
        self.caution = 0.0  # share of the bounds on the curvature in the weights of a step
        self.start(self.coef)

    @property
    def residual_sumsq(self) -> float:
        """The deviance."""
        return 2.0 * (self.value - self.saturated)

    def start(self, u: Vector) -> None:
        """Set the starting coefficients, with their best intercept, unless the null model fits
        better.
        """
        self._begin(np.where(self.free, u, 0.0))
        target = self.problem.target
        small = np.abs(self.z).max() <= LARGEST_PREDICTOR
        if self.design.fit_intercept and u.any() and small:
            self.intercept = float(target.loss.null(target.y, target.weight, self.z))
            self.z += self.intercept
            self.value, self.r, self.d = self._evaluate(self.z)
        if not self.residual_sumsq <= target.null_deviance:  # NaN: terms overflow
            self._begin(np.zeros_like(self.coef))

    def _begin(self, u: Vector) -> None:
        self.coef = u
        self.intercept = 0.0
        self.center[:] = self.design.stored_center
        self.z = self.z_null + self._product(self.coef)
        self.value, self.r, self.d = self._evaluate(self.z)

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Take Newton steps until the gap is at most tol times the null deviance."""
        ridge = l2_strength * self.problem.scaled.l2
        tol *= self.problem.target.null_deviance
        self.n_epochs, self.gap, self.caution = 0, np.inf, 0.0
        if not self.problem.target.null_deviance:
            self.gap = 0.0
        falls, n_vain, best = True, 0, np.inf
        while self.gap > tol:
            look_at_signals()
            d = self._weights()
            self._center_by(d)
            slopes = self._slopes(self.r)
            self.gap = self._gap_at(self._summing_to_zero(self.r, d), slopes, ridge)
            if self.gap <= tol or not falls or self.n_epochs >= max_iter:
                break
            self.n_epochs += 1
            fallen = self.gap < 0.99 * best  # the gap falls where the objective only rounds
            best = min(best, self.gap)
            fallen |= self._step(slopes, d, ridge)
            n_vain = 0 if fallen else n_vain + 1
            self.caution *= 0.1 if self.caution > LEAST_CAUTION else 0.0
            if not fallen:
                self.caution = 1.0
            falls = n_vain < MOST_VAIN_STEPS
        if self.gap <= tol:
            return CONVERGED
        return STALLED if not falls else MAX_ITER

    def _weights(self) -> Vector:
        # curvatures, after steps that failed at least a share of those of a bound
        if not self.caution and self.d.any():
            return self.d
        bound = self.problem.loss.curvature_bound(self.problem.target.y, self.z)
        return np.maximum(self.d, (self.caution or 1.0) * times(self.design.weight, bound))

    def _step(self, slopes: Vector, d: Vector, ridge: Vector) -> bool:
        # take a step at weights d; return whether the objective has fallen
        r = self.r
        e = self._direction(np.where(self.free, slopes - ridge * self.coef, 0.0), d, ridge)
        move = r.sum() / d.sum() if self.design.fit_intercept else 0.0
        step = self._product(e) + move
        before = self.value + 0.5 * ridge @ np.square(self.coef)
        slack, t = 1e-13 * abs(self.value), 1.0
        while True:
            u, z = self.coef + t * e, self.z + t * step
            value, r_new, d_new = self._evaluate(z)
            after = value + 0.5 * ridge @ np.square(u)
            if after <= before + slack:
                break
            t *= 0.5
            if t < 0.5**MOST_HALVINGS:
                return False
        # the columns of the step are centred by d, those of the intercept are not
        shift = self.scale * (self.center - self.design.stored_center)
        self.intercept += t * float(move - shift @ e)
        self.coef, self.z, self.value, self.r, self.d = u, z, value, r_new, d_new
        if t == 1.0:
            predicted = r - d * step
            self.gap = self._gap_at(predicted, self._slopes(predicted), ridge)
        return bool(after < before - slack)

    # -- directions ----------------------------------------------------------------------------

    def _direction(self, gradient: Vector, d: Vector, ridge: Vector) -> Vector:
        if self.strategy == "cg":
            return self._by_conjugate_gradients(gradient, d, ridge)
        penalised = bool(np.all(ridge[self.free] > 0.0))
        by_samples = self.design.n_features > self.design.n_samples and penalised
        way = self._by_samples if by_samples else self._by_features
        with blas_threads_for(min(self.design.n_features, self.design.n_samples)):
            return way(gradient, d, ridge)

    def _by_features(self, gradient: Vector, d: Vector, ridge: Vector) -> Vector:
        design = self.design
        columns = design.columns_with(self.center, weight=d)
        gram = gram_of(columns, design.n_entries, not design.is_sparse, design.n_threads)
        diagonal = np.arange(len(gram))
        gram[diagonal, diagonal] += ridge
        e, free = np.zeros(len(gram)), self.free
        if free.all():
            return np.asarray(solver_of(gram)(gradient))
        e[free] = solver_of(gram[np.ix_(free, free)].copy(order="F"))(gradient[free])
        return e

    def _by_samples(self, gradient: Vector, d: Vector, ridge: Vector) -> Vector:
        # (Lambda + C'DC)^-1 g = L g - L C'W (I + W K W)^-1 W C L g,  L = Lambda^-1, W^2 = D and
        # K = C L C'; centring C by d subtracts a vector from its rows
        inverse = np.where(self.free, 1.0 / np.where(self.free, ridge, 1.0), 0.0)
        root = np.sqrt(d)
        S = self._kernel_of(inverse)
        if self.design.fit_intercept:
            mean = S @ d / d.sum()
            S = S - mean[:, np.newaxis] - (mean - d @ mean / d.sum())
        S = root[:, np.newaxis] * S * root
        diagonal = np.arange(len(S))
        S[diagonal, diagonal] += 1.0
        e = inverse * gradient
        t = solver_of(S)(root * self._product(e))
        return np.asarray(e - inverse * self._slopes(root * t))

    def _kernel_of(self, inverse: Vector) -> Vector:
        # C diag(inverse) C', computed once for all strengths
        if self._kernel is None:
            chosen = np.flatnonzero(inverse)
            kernel = kernel_of(self.design, inverse)
            self._kernel = kernel, chosen[0] if chosen.size else 0, inverse
        known_kernel, j, known = self._kernel
        return np.asarray(known_kernel * (inverse[j] / known[j]) if known[j] else known_kernel)

    def _by_conjugate_gradients(self, gradient: Vector, d: Vector, ridge: Vector) -> Vector:
        def hessian(e: Vector) -> Vector:
            look_at_signals()
            e = np.where(self.free, e, 0.0)
            change = self._slopes(d * self._product(e)) + ridge * e
            return np.where(self.free, change, e)

        p = len(gradient)
        size = float(np.sqrt(gradient @ gradient))
        forcing = min(LARGEST_FORCING, np.sqrt(size / max(self._first_size(size), 1e-300)))
        operator: Any = LinearOperator((p, p), matvec=hessian, dtype=np.float64)
        curvature = d.mean() + ridge
        precondition: Any = LinearOperator((p, p), matvec=lambda e: e / curvature)
        return np.asarray(cg(operator, gradient, rtol=forcing, maxiter=200, M=precondition)[0])

    def _first_size(self, size: float) -> float:
        if self.n_epochs == 1:
            self._size = size
        return self._size

    # -- products, the loss and the gap ----------------------------------------------------------

    def _center_by(self, d: Vector) -> None:
        if self.design.fit_intercept:
            weighted = self.design.columns_with(self.center, weight=d)
            self.center[:] = weighted.moments(True, self.design.n_threads)[0]

    def _product(self, u: Vector) -> Vector:
        # C u, centred by `center`
        v = np.zeros(self.design.n_samples + 1)
        self.plain.subtract_product(u, v, self.design.n_threads)
        product: Vector = -(v[:-1] + v[-1])
        return product

    def _slopes(self, v: Vector) -> Vector:
        # C'v, centred by `center`; the last entry is what sparse columns are centred with
        n = self.design.n_samples
        slopes = np.empty(self.design.n_features)
        whole = np.append(v, -v.sum() / n if self.design.fit_intercept else 0.0)
        self.plain.slopes(whole, slopes, None, self.design.n_threads)
        return slopes

    def _evaluate(self, z: Vector) -> tuple[float, Vector, Vector]:
        kind, parameter = self.loss
        y, weight = self.problem.target.y[np.newaxis], self.design.weight
        value, r, d = evaluate(kind, y, z[np.newaxis], weight, parameter)
        return value, r[0], d[0]

    def _summing_to_zero(self, r: Vector, d: Vector) -> Vector:
        return r - d * (r.sum() / d.sum()) if self.design.fit_intercept else r

    def _gap_at(self, theta: Vector, slopes: Vector, ridge: Vector) -> float:
        # at the dual point theta, whose sum is 0
        kind, parameter = self.loss
        y, weight = self.problem.target.y[np.newaxis], self.design.weight
        point = theta
        if weight is not None:
            point = np.divide(theta, weight, out=np.zeros_like(theta), where=weight > 0.0)
        gap = part(kind, y, self.z[np.newaxis], point[np.newaxis], weight, 1.0, parameter)
        u = self.coef
        penalised = self.free & (ridge > 0.0)
        rest = slopes[penalised] - ridge[penalised] * u[penalised]
        gap += 0.5 * float(np.sum(rest * rest / ridge[penalised]))
        unpenalised = slopes[self.free & ~penalised]
        size = float(np.sqrt(theta @ theta))
        if unpenalised.size and np.abs(unpenalised).max() > SLACK * size * len(theta):
            return np.inf
        return gap if gap == gap else np.inf  # NaN: far out, where terms overflow

    # -- results ---------------------------------------------------------------------------------

    def keep(self, status: int) -> None:
        """Append the current fit to those that `kept` returns."""
        self._record.keep(self, status)
        self._intercepts.append(self.intercept)

    def kept(self) -> Fits:
        """Return all fits so far."""
        return self._record.kept()._replace(intercepts=np.array(self._intercepts))

    def count_nonzero(self) -> int:
        """Return the number of nonzero coefficients of the last kept fit."""
        return self._record.count_nonzero()


def kernel_of(design: Design, inverse: Vector) -> Matrix:
    """Return C diag(inverse) C' of the engine's columns C, (n_samples, n_samples)."""
    chosen = np.flatnonzero(inverse)
    root = np.sqrt(inverse[chosen])
    if design.is_sparse:
        return _sparse_kernel(design, chosen, design.scale[chosen] * root)
    return crossproduct(design.columns_with(), chosen, root, True, design.n_threads)


def _sparse_kernel(design: Design, chosen: Index, factor: Vector) -> Matrix:
    A = design.X[:, chosen].multiply(factor[np.newaxis]).tocsr()
    center = design.center[chosen] * factor
    mean = A @ center
    kernel: Matrix = (A @ A.T).toarray() - mean[:, np.newaxis] - (mean - center @ center)
    return kernel
