"""Engines for weighted L2: factorisation, conjugate gradients, accelerated gradient.

All work in the engine's units on `1/2 ||y - C u||^2 + 1/2 sum_j lambda_j u_j^2` and return the same
certificate as coordinate descent; GradientEngine also supports L1 parts and bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator, cg

from softreg_fast.data.design import Design, MultiTaskDesign
from softreg_fast.data.validation import as_start
from softreg_fast.kernels._cd import CONVERGED, MAX_ITER, STALLED, CoordinateDescent
from softreg_fast.kernels._engine import NO_ROOM, Engine
from softreg_fast.kernels._gradient import GradientUpdates, largest_eigenvalue
from softreg_fast.kernels._multi_task import RowDescent, RowEngine
from softreg_fast.options.scalars import check_count, check_number
from softreg_fast.options.types import Vector
from softreg_fast.penalties.vectors import PenaltyVectors, nonnegative_vector
from softreg_fast.solvers.certificate import Certificate, Doubt
from softreg_fast.solvers.factor import cholesky, least_norm
from softreg_fast.solvers.record import Kept, Record
from softreg_fast.system.threads import blas_threads_for

# Iterative refinement steps before a factorisation is abandoned.
MOST_REFINEMENTS = 6

# If penalties of features differ by more than this factor, no factor of X'X plus them is accurate
# in all features: descent then continues from its solution.
LARGEST_SPREAD = 1e12
MOST_DESCENTS = 2_000


class _CertifiedEngine:
    """Coefficients with a residual, a gradient and a gap computed by coordinate descent."""

    strategy: str

    def __init__(self, design: Design, scaled: PenaltyVectors) -> None:
        self.design = design
        self.penalty = scaled
        several = isinstance(design, MultiTaskDesign)
        self.state: Any = (RowDescent if several else CoordinateDescent)(
            design.columns,
            design.target,
            design.target_sumsq,
            design.curvature,
            scaled,
            design.n_threads,
        )
        self.coef: Vector = self.state.coef  # (n_features,), or (n_tasks, n_features)
        self.gap = np.inf
        self.n_epochs = 0
        self._record = Record()

    @property
    def residual_sumsq(self) -> float:
        """||y - C u||^2"""
        return float(self.state.residual_sumsq)

    @property
    def doubt(self) -> Doubt:
        """Rules for which of this engine's certificates are recomputed from X."""
        return Doubt(False, self.strategy == "cholesky", False)

    def keep(self, status: int) -> None:
        """Append the current fit to those that `kept` returns."""
        self._record.keep(self, status)

    def kept(self) -> Kept:
        """Return all fits so far."""
        return self._record.kept()

    def count_nonzero(self) -> int:
        """Return the number of nonzero coefficients of the last kept fit."""
        return self._record.count_nonzero()

    def start(self, u: Vector) -> None:
        """Set the starting coefficients."""
        self.coef[:] = u


class RidgeEngine(_CertifiedEngine):
    """Pure L2 by "cholesky" (of C'C + diag(lambda), or of its dual when p > n) or by "cg"."""

    def __init__(self, design: Design, scaled: PenaltyVectors, method: str) -> None:
        super().__init__(design, scaled)
        self.strategy = method
        self.free = np.flatnonzero(scaled.lower < scaled.upper)

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Correct u by (C'C + diag(lambda))^-1 of the gradient until the gap is at most tol."""
        ridge = l2_strength * self.penalty.l2[self.free]
        self.n_epochs = 0
        # Even if u = 0 meets the tolerance, "cholesky" computes the exact solution; and certify
        # fits the unpenalised coefficients, but not with the least norm.
        exact = self.strategy == "cholesky" and self.free.size > 0 and not self.coef.any()
        self.gap = np.inf if exact else self.state.certify(l1_strength, l2_strength)
        if self.gap <= tol or not self.free.size:
            return CONVERGED if self.gap <= tol else STALLED
        if self.strategy == "cg":
            return self._iterate(ridge, l1_strength, l2_strength, tol, max_iter)
        with blas_threads_for(min(self.free.size, self.design.n_samples)):
            return self._refine(ridge, l1_strength, l2_strength, tol)

    def _refine(self, ridge: Vector, l1_strength: float, l2_strength: float, tol: float) -> int:
        for improve in self._factorisations(ridge):
            for _ in range(MOST_REFINEMENTS):
                best, before = self.gap, self.coef.copy()
                improve()
                self.n_epochs += 1
                self.gap = self.state.certify(l1_strength, l2_strength)
                if self.gap > tol:
                    self.gap = min(self.gap, self._gap_from_X(l1_strength, l2_strength, tol))
                if self.gap <= tol:
                    return CONVERGED
                if not self.gap < 0.5 * best:
                    if not self.gap < best:
                        self.coef[:] = before
                        self.gap = self.state.certify(l1_strength, l2_strength)
                    break
        if ridge.size and ridge.max() > LARGEST_SPREAD * ridge.min():
            return self._descend(l1_strength, l2_strength, tol)
        return STALLED

    def _descend(self, l1_strength: float, l2_strength: float, tol: float) -> int:
        # coordinate descent and Newton steps, which are insensitive to the spread of the penalties
        design = self.design
        kind: Any = RowEngine if isinstance(design, MultiTaskDesign) else Engine
        engine = kind(
            design.columns, design.target, design.target_sumsq, self.penalty, design.n_threads
        )
        if engine.solve(l1_strength, l2_strength, tol, MOST_DESCENTS) == NO_ROOM:
            return STALLED
        self.n_epochs += engine.n_epochs
        self.coef[:] = engine.coef
        self.gap = self.state.certify(l1_strength, l2_strength)
        if self.gap > tol:
            self.gap = min(self.gap, self._gap_from_X(l1_strength, l2_strength, tol))
        return CONVERGED if self.gap <= tol else STALLED

    def _gap_from_X(self, l1_strength: float, l2_strength: float, enough: float) -> float:
        # at a better dual point, which stays accurate for tiny penalties
        l1, l2, lower, upper = self.penalty
        vectors = PenaltyVectors(l1_strength * l1, l2_strength * l2, lower, upper)
        return Certificate(self.design).of(self.coef, vectors, enough).gap

    def _gradient(self, ridge: Vector) -> Vector:
        if not self.coef.any():  # may not have been certified
            return self.design.gradient_at_zero()[..., self.free]
        gradient = self.state.gradient[..., self.free] - ridge * self.coef[..., self.free]
        return np.asarray(gradient)

    def _factorisations(self, ridge: Vector) -> Iterator[Callable[[], None]]:
        # Cholesky first; if that fails or cannot reach the tolerance, the solution of least norm:
        # in the units of X, the limit of vanishing penalties, or else in the engine's.
        wide = self.free.size > self.design.n_samples
        way = self._by_samples if wide else self._by_features
        if ridge.any() or not wide:
            with suppress(np.linalg.LinAlgError):
                yield way(ridge, cholesky)
        if not ridge.any() and not self.design.standardize:
            norm = self.design.norm[self.free]
            yield way(ridge, least_norm, (norm / norm.max(initial=np.finfo(float).tiny)) ** 2)
        yield way(ridge, least_norm)

    def _by_features(
        self,
        ridge: Vector,
        factorise: Callable[[Any], Callable[[Any], Any]],
        metric: Vector | float = 1.0,
    ) -> Callable[[], None]:
        # u += R (R G R)^+ R e with R^2 = metric, G = C'C + diag(lambda) and e the gradient
        root = np.sqrt(np.broadcast_to(metric, self.free.size))
        gram = self.design.gram
        if self.free.size < gram.shape[0]:
            gram = gram[np.ix_(self.free, self.free)]
        gram = gram.copy(order="F")
        gram[np.diag_indices_from(gram)] += ridge
        if np.ndim(metric):
            gram *= np.outer(root, root)
        inverse = factorise(gram)

        def improve() -> None:
            self.coef[..., self.free] += root * inverse((root * self._gradient(ridge)).T).T

        return improve

    def _by_samples(
        self,
        ridge: Vector,
        factorise: Callable[[Any], Callable[[Any], Any]],
        metric: Vector | float = 1.0,
    ) -> Callable[[], None]:
        # With P the penalised features, U the others and delta the smallest lambda, solve for a,
        # where delta a is the residual and a stays of the size of u_P even if delta is tiny:
        #     delta a + C_P u_P + C_U u_U = y,   u_P = delta / lambda_P C_P' a,   C_U' a = 0,
        # by M = (delta I + C_P diag(delta / lambda_P) C_P')^-1.  With nothing penalised P is all,
        # delta is 0, and the metric stands for delta / lambda.
        penalised, others = np.flatnonzero(ridge > 0.0), np.flatnonzero(ridge == 0.0)
        if penalised.size:
            delta = ridge[penalised].min()
            share = delta / ridge[penalised]
        else:
            penalised, others, delta = others, penalised, 0.0
            share = np.broadcast_to(metric, self.free.size)
        kernel = self._kernel(penalised, np.sqrt(share))
        kernel[np.diag_indices_from(kernel)] += delta
        M = factorise(kernel)
        C_U = self._panel(others)
        M_U = M(C_U) if others.size else C_U
        solve_U = least_norm(C_U.T @ M_U)
        y = self._without_weight(self.design.target)
        a, u = np.zeros_like(y), np.zeros((*y.shape[:-1], self.free.size))

        def improve() -> None:
            change = M((y - delta * a - self._product(u)).T).T
            if others.size:
                change_U = solve_U(C_U.T @ (change + a).T)
                change -= (M_U @ change_U).T
                u[..., others] += change_U.T
            a[:] += change
            u[..., penalised] = share * self._transposed_product(a)[..., penalised]
            self.coef[..., self.free] = u

        return improve

    def _kernel(self, chosen: NDArray[np.intp], factor: Vector) -> NDArray[np.float64]:
        # sqrt(s) C_P diag(factor)^2 C_P' sqrt(s) for the chosen features P, (n, n)
        return self.design.crossproduct(self.free[chosen], factor, of_samples=True)

    def _panel(self, chosen: NDArray[np.intp]) -> NDArray[np.float64]:
        # sqrt(s) C for the chosen free features
        panel = np.empty((self.design.n_samples, chosen.size), order="F")
        self.design.columns.gather(0, panel, self.free[chosen], self.design.n_threads)
        return panel

    def _root_weight(self) -> Vector | float:
        return 1.0 if self.design.weight is None else np.sqrt(self.design.weight)

    def _residual_of(self, d: Vector) -> Vector:
        # the weighted residual of y = 0 at u = d
        u = np.zeros((*d.shape[:-1], self.design.n_features))
        u[..., self.free] = d
        v = np.zeros((*d.shape[:-1], self.design.n_samples + 1))
        for one, its_residual in zip(np.atleast_2d(u), np.atleast_2d(v), strict=True):
            self.design.columns.subtract_product(one, its_residual, self.design.n_threads)
        return v

    def _product(self, d: Vector) -> Vector:
        # sqrt(s) C d
        return -self._without_weight(self._residual_of(d))

    def _without_weight(self, v: Vector) -> Vector:
        # sqrt(s) r of the weighted residual v of r
        root = self._root_weight()
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(root > 0.0, v[..., :-1] / root + root * v[..., -1:], 0.0))

    def _transposed_product(self, t: Vector) -> Vector:
        # C' sqrt(s) t
        v = np.zeros((*t.shape[:-1], t.shape[-1] + 1))
        v[..., :-1] = t * self._root_weight()
        return self._slopes(v)

    def _slopes(self, v: Vector) -> Vector:
        # C' v of the free features, for weighted residuals v
        gradient = np.empty((*v.shape[:-1], self.design.n_features))
        for one, its_gradient in zip(np.atleast_2d(v), np.atleast_2d(gradient), strict=True):
            self.design.columns.slopes(one, its_gradient, None, self.design.n_threads)
        return np.asarray(gradient[..., self.free])

    def _iterate(
        self, ridge: Vector, l1_strength: float, l2_strength: float, tol: float, max_iter: int
    ) -> int:
        shape = (*self.coef.shape[:-1], self.free.size)

        def normal(flat: Vector) -> Vector:
            # (C'SC + diag(lambda)) d
            d = flat.reshape(shape)
            return np.ravel(ridge * d - self._slopes(self._residual_of(d)))

        def precondition(flat: Vector) -> Vector:
            return np.ravel(flat.reshape(shape) / (1.0 + ridge))

        def count(_: Vector) -> None:
            self.n_epochs += 1

        size = int(np.prod(shape))
        operator = LinearOperator((size, size), matvec=normal, dtype=np.float64)
        jacobi = LinearOperator((size, size), matvec=precondition, dtype=np.float64)
        # Each round reduces the remaining gradient by rtol; the gap falls with its square.
        while self.n_epochs < max_iter:
            last = self.gap
            rtol = min(max(0.3 * np.sqrt(tol / self.gap), 1e-8), 0.1)
            d, _ = cg(
                operator,
                np.ravel(self._gradient(ridge)),
                rtol=rtol,
                atol=0.0,
                M=jacobi,
                maxiter=max_iter - self.n_epochs,
                callback=count,
            )
            self.coef[..., self.free] += d.reshape(shape)
            self.gap = self.state.certify(l1_strength, l2_strength)
            if not self.gap < 0.9 * last and self.gap > tol:
                self.gap = min(self.gap, self._gap_from_X(l1_strength, l2_strength, tol))
            if self.gap <= tol:
                return CONVERGED
            if not self.gap < 0.9 * last:
                if ridge.max() > LARGEST_SPREAD * ridge.min():
                    return self._descend(l1_strength, l2_strength, tol)
                return STALLED
        return MAX_ITER


class GradientEngine(_CertifiedEngine):
    """Accelerated proximal gradient; the step length is 1 / L with L from power iterations."""

    strategy = "gradient"

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Take steps from the current coefficients until the gap is at most tol."""
        l1, l2, lower, upper = self.penalty
        design = self.design
        self.n_epochs = 0
        self.gap = self.state.certify(l1_strength, l2_strength)
        if self.gap <= tol:
            return CONVERGED
        start = np.random.default_rng(0).standard_normal(design.n_features)
        curvature = 1.05 * largest_eigenvalue(design.columns, start, 20, design.n_threads)
        if not curvature > 0.0:
            curvature = 1.0
        updates = GradientUpdates(
            design.columns,
            design.target,
            np.zeros(design.n_features),
            (l1_strength * l1, l2_strength * l2, lower, upper),
            self.coef,
            design.n_threads,
        )
        count = 10
        while self.n_epochs < max_iter:
            count = min(count, max_iter - self.n_epochs)
            before, last = self._objective(l1_strength, l2_strength), self.gap
            updates.accelerate(1.0 / curvature, count)
            updates.settle()
            self.n_epochs += count
            self.coef[:] = updates.coef
            self.gap = self.state.certify(l1_strength, l2_strength)
            if self.gap <= tol:
                return CONVERGED
            after = self._objective(l1_strength, l2_strength)
            if not after <= before * (1.0 + 1e-14) + 1e-30:
                curvature *= 2.0  # the power iterations had underestimated the largest eigenvalue
            elif before - after <= 1e-15 * before and not self.gap < 0.9 * last:
                return STALLED
            count = min(2 * count, 200)
        return MAX_ITER

    def _objective(self, l1_strength: float, l2_strength: float) -> float:
        u = self.coef
        l1_part = l1_strength * float(self.penalty.l1 @ np.abs(u))
        l2_part = 0.5 * l2_strength * float(self.penalty.l2 @ (u * u))
        return 0.5 * self.residual_sumsq + l1_part + l2_part


def gradient_descent(
    X: Any,
    y: ArrayLike,
    *,
    learning_rate: float,
    n_iter: int = 1000,
    l2: ArrayLike | float = 0.0,
    coef_init: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    n_threads: int | None = None,
) -> Vector:
    """Run plain gradient descent on weighted L2, with a learning rate of the caller's choice.

    With m samples (S the sum of their weights s, if given) it repeats, `n_iter` times,

        w += learning_rate * (X'(s * (y - X w)) / S - l2 * w),

    the gradient step for 1/(2S) sum_i s_i (y_i - x_i.w)^2 + 1/2 sum_j l2_j w_j^2. For the form
    1/(2m) sum (X w - y)^2 + lambda/(2m) sum_j omega_j w_j^2 pass l2 = lambda * omega / m. There is
    no intercept, and nothing is centred or scaled: add a column of ones for an intercept. X is read
    once per iteration. To minimise rather than to follow the iterates, use `solve` or `Ridge`.

    Parameters
    ----------
    X : array-like or sparse (n_samples, n_features)
    y : array-like (n_samples,)
    learning_rate : float > 0
        The iterates converge if it is below 2 / (largest eigenvalue of X'SX/S + diag(l2)).
    n_iter : int >= 0, default=1000
    l2 : float or array-like (n_features,), default=0.0
        l2_j >= 0; inf fixes w_j at 0.
    coef_init : array-like (n_features,) or None
        Starting point; None: zeros.
    sample_weight : array-like (n_samples,) or None
    n_threads : int or None

    Returns
    -------
    coef : ndarray (n_features,)

    Raises
    ------
    ValueError
        If the iterates leave the range of float64: the learning rate is too large.
    """
    check_number("learning_rate", learning_rate, low=0.0, low_open=True)
    check_count("n_iter", n_iter, least=0)
    design = Design(X, y, sample_weight, fit_intercept=False, n_threads=n_threads)
    n, p = design.n_samples, design.n_features
    ridge = nonnegative_vector("l2", l2, p, 0.0, design.feature_names)
    excluded = np.isinf(ridge)
    box = (np.where(excluded, 0.0, -np.inf), np.where(excluded, 0.0, np.inf))
    zero = np.zeros(p)
    start = zero if coef_init is None else as_start(coef_init, p, names=design.feature_names)
    weight = np.ones(n) if design.weight is None else design.weight
    updates = GradientUpdates(
        design.unscaled_columns,
        np.append(weight * design.y, 0.0),
        np.where(excluded, 0.0, ridge) * n,
        (zero, zero, *box),
        start,
        design.n_threads,
    )
    updates.descend(learning_rate / n, int(n_iter))
    coef: Vector = updates.coef
    if not np.isfinite(coef).all():
        raise ValueError(
            f"Gradient descent diverged with learning_rate={learning_rate!r}; it must be below "
            "2 / (largest eigenvalue of X'X/n + diag(l2)). Use a smaller one."
        )
    return coef
