"""RidgeEngine: weighted L2 by factorisation or by conjugate gradients.

It works in the engine's units on `1/2 ||y - C u||^2 + 1/2 sum_j lambda_j u_j^2` and returns the
same certificate as coordinate descent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, cg

from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.kernels._rows import RowEngine
from softreg_fast.kernels._scalars import ScalarEngine
from softreg_fast.kernels._slots import CONVERGED, MAX_ITER, NO_ROOM, STALLED
from softreg_fast.options.types import Vector
from softreg_fast.penalties.vectors import PenaltyVectors
from softreg_fast.solvers.certificate import Certificate
from softreg_fast.solvers.descent import CertifiedEngine
from softreg_fast.solvers.factor import cholesky, least_norm
from softreg_fast.solvers.problem import Problem
from softreg_fast.system.threads import blas_threads_for

# Iterative refinement steps before a factorisation is abandoned.
MOST_REFINEMENTS = 6

# If penalties of features differ by more than this factor, no factor of X'X plus them is accurate
# in all features: descent then continues from its solution.
LARGEST_SPREAD = 1e12
MOST_DESCENTS = 2_000


class RidgeEngine(CertifiedEngine):
    """Pure L2 by "cholesky" (of C'C + diag(lambda), or of its dual when p > n) or by "cg"."""

    needs: ClassVar[tuple[str, ...]] = ("quadratic loss", "pure L2")

    def __init__(self, problem: Problem, method: str) -> None:
        super().__init__(problem)
        self.strategy = method
        self.free = np.flatnonzero(problem.scaled.lower < problem.scaled.upper)

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Correct u by (C'C + diag(lambda))^-1 of the gradient until the gap is at most tol."""
        ridge = l2_strength * self.problem.scaled.l2[self.free]
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
        kind: Any = RowEngine if isinstance(design, MultiTaskDesign) else ScalarEngine
        engine = kind(
            design.columns,
            design.target,
            design.target_sumsq,
            self.problem.scaled,
            design.n_threads,
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
        l1, l2, lower, upper = self.problem.scaled
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
