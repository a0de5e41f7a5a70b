"""Pure L2 problems with more features than samples, solved in as many as there are samples.

With C the columns of the penalised features, each divided by the root of its penalty, and C C' =
U S^2 U', the linear predictors C v of coefficients v = C'U S^-1 c are Z c for the few columns
Z = U S, and |v| = |c|. Coefficients orthogonal to these change no predictor and only raise the
penalty. So a fit to Z, with the same penalty for all of its columns, is one to C, whatever the
loss; features without a penalty stay beside Z as they are.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from softreg_fast.data.design import Design
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.data.survival_target import SurvivalTarget
from softreg_fast.kernels._slots import CONVERGED, STALLED
from softreg_fast.losses.base import times
from softreg_fast.options.types import Index, Vector
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.multinomial import centred
from softreg_fast.solvers.newton import kernel_of
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Doubt, Engine, Fits, Recorder
from softreg_fast.system.interrupts import interruptible

# Eigenvalues of C C' up to this share of the largest are rounding errors of 0.
SMALL = 1e-14


def n_penalised(problem: Problem) -> int:
    """Return the number of features with an L2 penalty that are not excluded."""
    return int(_penalised(problem).size)


def _penalised(problem: Problem) -> Index:
    scaled, norm = problem.scaled, problem.design.norm
    return np.flatnonzero((scaled.lower < scaled.upper) & (scaled.l2 > 0.0) & (norm > 0.0))


class RotatedEngine:
    """Solver for pure L2 problems that fits the columns Z with another one.

    Parameters
    ----------
    problem : Problem
    make : callable
        Function that makes the solver for the problem in Z.
    """

    needs: ClassVar[tuple[str, ...]] = ("pure L2",)
    strategy = "rotated"
    doubt = Doubt(False, False, False)  # certificates are computed from X

    def __init__(self, problem: Problem, make: Callable[[Problem], Engine]) -> None:
        self.problem, self.design = problem, problem.design
        scaled = problem.scaled
        self.features = _penalised(problem)
        free = (scaled.lower < scaled.upper) & (scaled.l2 == 0.0) & (self.design.norm > 0.0)
        self.others = np.flatnonzero(free)
        self.inverse = np.zeros(self.design.n_features)
        self.inverse[self.features] = 1.0 / scaled.l2[self.features]
        self.plain = self.design.columns_with(self.design.stored_center)
        squares, ways = interruptible(np.linalg.eigh, kernel_of(self.design, self.inverse))
        kept = squares > SMALL * max(float(squares[-1]), 0.0)
        self.sizes = np.sqrt(squares[kept])
        self.ways = ways[:, kept]
        self.inner: Any = make(self._reduced())
        self.dual_point: Vector = np.zeros(0)
        self.gap, self.residual_sumsq = np.inf, problem.target.null_deviance
        self.coef: Vector = np.zeros((*self.inner.coef.shape[:-1], self.design.n_features))
        self.intercept: Any = 0.0
        self._record = Recorder()
        self._intercepts: list[Any] = []

    def _reduced(self) -> Problem:
        # the same targets with the columns Z, after the features without a penalty
        outer, n = self.design, self.design.n_samples
        Z = np.empty((n, len(self.others) + len(self.sizes)), order="F")
        for k, j in enumerate(self.others.tolist()):
            Z[:, k] = self._product(np.eye(1, outer.n_features, j)[0])
        Z[:, len(self.others) :] = self.ways * self.sizes
        kind = MultiTaskDesign if isinstance(outer, MultiTaskDesign) else Design
        design: Any = kind(
            Z, None, outer.weight, fit_intercept=outer.fit_intercept, n_threads=outer.n_threads
        )
        design._target = copy.copy(outer.described_target)
        design._target._gradient = None
        l2 = np.append(np.zeros(len(self.others)), np.full(len(self.sizes), 1.0 / n))
        penalty = Penalty(1.0, l1_ratio=0.0, l2_weights=l2)
        return Problem(design, penalty, self.problem.options)

    @property
    def n_epochs(self) -> int:
        """Number of epochs of the last call of `solve`."""
        return int(self.inner.n_epochs)

    def start(self, u: Vector) -> None:
        """Set the starting coefficients."""
        rest = np.where(self.inverse > 0.0, u, 0.0)
        rows = [self.ways.T @ self._product(row) / self.sizes for row in np.atleast_2d(rest)]
        c = np.concatenate([np.atleast_2d(u)[:, self.others], np.array(rows)], axis=1)
        c *= self.inner.problem.design.norm
        self.inner.start(c.reshape(*u.shape[:-1], -1))

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Minimise from the current coefficients and return the status."""
        status: int = self.inner.solve(0.0, l2_strength, tol, max_iter)
        c = self.inner.coef * self.inner.problem.design.scale
        self.coef = np.zeros((*c.shape[:-1], self.design.n_features))
        self.coef[..., self.others] = c[..., : len(self.others)]
        for row, part in zip(np.atleast_2d(self.coef), np.atleast_2d(c), strict=True):
            within = self.ways @ (part[len(self.others) :] / self.sizes)
            row += self.inverse * self._slopes(within)
        self.inner.keep(status)  # who alone tells the intercept
        found = self.inner.kept().intercepts
        self.intercept = 0.0 if found is None else found[-1]
        self._certify(l2_strength)
        if status == CONVERGED and self.gap > tol * (self.problem.target.null_deviance or 1.0):
            return STALLED
        return status

    def _certify(self, strength: float) -> None:
        # the gap of the inner fit, with its penalty's part and its loss replaced by those from X
        inner: Any = self.inner
        self.dual_point, self.residual_sumsq = inner.dual_point, inner.residual_sumsq
        self.gap = inner.gap
        if not (strength > 0.0 and np.isfinite(inner.gap) and self.problem.target.null_deviance):
            return
        vectors = inner.problem.scaled.l2
        norm = np.where(vectors > 0.0, 1.0 / np.where(vectors > 0.0, vectors, 1.0), 0.0)
        theta = np.atleast_2d(self.dual_point)
        for row, c, u in zip(
            theta, np.atleast_2d(inner.coef), np.atleast_2d(self.coef), strict=True
        ):
            slopes = np.empty(inner.problem.design.n_features)
            columns = inner.problem.design.columns_with()
            columns.slopes(self._with_end(row), slopes, None, self.design.n_threads)
            rest = np.where(norm > 0.0, slopes - strength * vectors * c, 0.0)
            self.gap -= 0.5 * float(norm @ np.square(rest)) / strength
            l2 = self.problem.scaled.l2
            rest = np.where(self.inverse > 0.0, self._slopes(row) - strength * l2 * u, 0.0)
            self.gap += 0.5 * float(self.inverse @ np.square(rest)) / strength
        deviance = self._deviance()
        self.gap += 0.5 * max(deviance - self.residual_sumsq, 0.0)
        self.residual_sumsq = deviance

    def _deviance(self) -> float:
        # of the linear predictors that the coefficients have on X
        target: Any = self.problem.target
        rows = [self._product(row) for row in np.atleast_2d(self.coef)]
        z = rows[0] if self.coef.ndim == 1 else np.array(rows).T
        eta = target.null_predictor + target.y_norm * (z + self.intercept)
        if isinstance(target, SurvivalTarget):
            return float(target.total_deviance(eta[:, np.newaxis])[0])
        return float(times(target.weight, target.loss.deviance(target.y, eta)).sum())

    def _product(self, u: Vector) -> Vector:
        v = np.zeros(self.design.n_samples + 1)
        self.plain.subtract_product(np.ascontiguousarray(u), v, self.design.n_threads)
        return np.asarray(-(v[:-1] + v[-1]))

    def _slopes(self, v: Vector) -> Vector:
        slopes = np.empty(self.design.n_features)
        self.plain.slopes(self._with_end(v), slopes, None, self.design.n_threads)
        return slopes

    def _with_end(self, v: Vector) -> Vector:
        # the last entry is what sparse columns are centred with
        return np.append(v, -v.sum() / len(v) if self.design.fit_intercept else 0.0)

    def keep(self, status: int) -> None:
        """Append the current fit to those that `kept` returns."""
        self._record.keep(self, status)
        self._intercepts.append(self.intercept)

    def kept(self) -> Fits:
        """Return all fits so far."""
        fits = self._record.kept()._replace(intercepts=np.array(self._intercepts))
        return fits if self.coef.ndim == 1 else centred(self.problem, fits)

    def count_nonzero(self) -> int:
        """Return the number of nonzero coefficients of the last kept fit."""
        return self._record.count_nonzero()
