"""Newton steps on rows of coefficients, for the multinomial loss with a penalty of their lengths.

At probabilities p and weights w the loss of a sample has the Hessian w (diag(p) - p p'), which
couples the classes, so that the quadratic model has a Gram matrix of features and classes. It is
solved on a working set of features by the steps of row_newton.py. The residual that a step predicts
is the dual point, as in proximal_newton.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from softreg_fast.kernels._multinomial import evaluate, part
from softreg_fast.kernels._runtime import look_at_signals
from softreg_fast.options.types import Index, Matrix, Vector
from softreg_fast.solvers import limits
from softreg_fast.solvers.factor import lower_factor
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Doubt, Fits, Recorder, Status
from softreg_fast.solvers.proximal_newton import APPROACH
from softreg_fast.solvers.row_newton import Rows, blas_threads_of_steps, lengths, step_along
from scipy.linalg import cho_solve

# Numbers in a block of rows of the working set's columns.
BLOCK = 1 << 20

# A model is solved until no slope is further from optimal than this share of the distance at first.
MODEL_TOL = 1e-3
MOST_ROUNDS = 100

MOST_HALVINGS = 40
MOST_VAIN = 3

# Slopes of unpenalised features, and sums of the dual point, that count as 0 relative to its size.
SLACK = 1e-12

# Smallest ridge, relative to the diagonal, of a Hessian that is singular to float64.
SMALLEST_RIDGE = 1e-12


class Curvature:
    """The Hessians of all samples at some probabilities, and that of the intercepts.

    Parameters
    ----------
    p : ndarray (n_classes, n_samples)
    w : ndarray (n_samples,)
        Weights.
    fit_intercept : bool
    """

    def __init__(self, p: Matrix, w: Vector, fit_intercept: bool) -> None:
        self.wp = w * p
        self.p_root = np.sqrt(w) * p
        self.inverse: Matrix | None = None
        if fit_intercept:
            hessian = np.diag(self.wp.sum(axis=1)) - self.p_root @ self.p_root.T
            self.inverse = np.linalg.pinv(hessian, rcond=1e-14, hermitian=True)

    def times(self, step: Matrix) -> Matrix:
        """Return H step for (n_classes, n_samples)."""
        mean = np.einsum("ci,ci->i", self.p_root, step)
        return self.wp * step - self.p_root * mean

    def shifts(self, residual: Matrix) -> Vector:
        """Return the changes of the intercepts after which the residuals of all classes sum to 0."""
        if self.inverse is None:
            return np.zeros(len(residual))
        return self.inverse @ residual.sum(axis=1)

    def gram(self, panels: Iterator[tuple[slice, Matrix]], size: int) -> Matrix:
        """Return the Gram matrix of columns and classes, (n_classes * size,) twice, class by class,
        with the intercepts eliminated.

        `panels` are blocks of rows of the columns (n_rows, size), and of a last column of ones.
        """
        n_classes = len(self.wp)
        width = size + 1
        total = np.zeros((n_classes * width, n_classes * width))
        for rows, panel in panels:
            M = (panel[:, np.newaxis, :] * self.p_root[:, rows].T[:, :, np.newaxis]).reshape(
                len(panel), -1
            )
            total -= M.T @ M
            for c, root in enumerate(np.sqrt(self.wp[:, rows])):
                part = slice(c * width, (c + 1) * width)
                A = panel * root[:, np.newaxis]
                total[part, part] += A.T @ A
        whole = total.reshape(n_classes, width, n_classes, width)
        gram = whole[:, :size, :, :size].reshape(n_classes * size, n_classes * size)
        if self.inverse is not None:
            B = whole[:, :size, :, size].reshape(n_classes * size, n_classes)
            gram = gram - B @ self.inverse @ B.T
        return gram


class RowModel:
    """The quadratic model of a working set: rows U, slopes Z, and the penalty.

    Parameters
    ----------
    gram : ndarray (n_classes * k, n_classes * k)
    rows : Rows
    """

    def __init__(self, gram: Matrix, rows: Rows) -> None:
        self.gram, self.rows = gram, rows
        self.n_classes, self.size = rows.U.shape
        self.blocks = gram.reshape(self.n_classes, self.size, self.n_classes, self.size)
        diagonal = np.diagonal(gram).reshape(self.n_classes, self.size)
        self.steepness = np.maximum(diagonal.sum(axis=0), 1e-300)  # above all eigenvalues
        self.everything = np.arange(self.size)

    def distances(self) -> Vector:
        """Return the distances of the slopes of all rows from stationarity."""
        U, Z, l1, _ = self.rows
        moving = U.any(axis=0)
        return np.where(moving, lengths(self.rows.downhill), np.maximum(lengths(Z) - l1, 0.0))

    def solve(self, tol: float) -> int:
        """Minimise until no distance exceeds tol; return the number of rounds."""
        for k in range(MOST_ROUNDS):
            if self.distances().max(initial=0.0) <= tol:
                return k
            self._proximal_step()
            self._newton_step()
        return MOST_ROUNDS

    def _product(self, D: Matrix) -> Matrix:
        return (self.gram @ D.ravel()).reshape(D.shape)

    def _take(self, new: Matrix, way: Matrix) -> None:
        self.rows = self.rows._replace(U=new, Z=self.rows.Z - way)

    def _proximal_step(self) -> None:
        # of every row by itself, then shortened: lets rows enter and leave
        U, Z, l1, ridge = self.rows
        b = Z + self.steepness * U
        size = lengths(b)
        shrunk = np.divide(size - l1, size, out=np.zeros(len(size)), where=size > l1)
        D = b * (shrunk / (self.steepness + ridge)) - U
        if D.any():
            self._take(*step_along(self.rows, D, self._product, self.everything))

    def _newton_step(self) -> None:
        U, Z, l1, ridge = self.rows
        moving = np.flatnonzero(U.any(axis=0) | (l1 == 0.0))
        if not moving.size:
            return
        at = Rows(U[:, moving], Z[:, moving], l1[moving], ridge[moving])
        D = self._direction(at, moving)

        def product(change: Matrix) -> Matrix:
            whole = np.zeros_like(U)
            whole[:, moving] = change
            return self._product(whole)

        new = U.copy()
        new[:, moving], way = step_along(at, D, product, moving)
        self._take(new, way)

    def _direction(self, at: Rows, moving: Index) -> Matrix:
        k, size = len(moving), self.n_classes * len(moving)
        hessian = self.blocks[:, moving][:, :, :, moving].copy()
        bent = at.curvature
        length = lengths(at.U)
        E = np.divide(at.U, length, out=np.zeros_like(at.U), where=length > 0.0)
        own = np.arange(k)
        eye = np.eye(self.n_classes)
        added = (at.ridge + bent)[:, np.newaxis, np.newaxis] * eye
        added -= bent[:, np.newaxis, np.newaxis] * (E.T[:, :, np.newaxis] * E.T[:, np.newaxis, :])
        # equal changes of all classes change nothing, so that they need a curvature
        loose = (at.l1 == 0.0) & (at.ridge == 0.0)
        added[loose] += self.steepness[moving[loose], np.newaxis, np.newaxis] / self.n_classes
        hessian[:, own, :, own] += added
        hessian = hessian.reshape(size, size)
        diagonal, more = np.diagonal(hessian).copy(), 0.0
        while True:
            try:
                L = lower_factor(hessian)
                if np.all(np.diagonal(L) ** 2 > SMALLEST_RIDGE * diagonal):
                    break
            except np.linalg.LinAlgError:
                pass
            more = max(100.0 * more, SMALLEST_RIDGE)
            hessian.flat[:: size + 1] = diagonal * (1.0 + more)
        solution = cho_solve((L, True), at.downhill.ravel(), check_finite=False)
        return np.asarray(solution).reshape(at.U.shape)


class GroupedMultinomialEngine:
    """Warm solver for the multinomial loss with a penalty of rows."""

    needs: ClassVar[tuple[str, ...]] = ("elastic net", "no bounds")
    strategy = "working set"
    doubt = Doubt(False, False, False)  # certificates do not rest on Gram matrices

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        design: Any = problem.design
        self.design, target = design, problem.target
        n = design.n_samples
        self.weight = np.ones(n) if target.weight is None else target.weight
        self.y = np.ascontiguousarray(target.y.T)
        self.null_predictor = np.ascontiguousarray(target.null_predictor.T)
        self.plain = design.columns_with()
        self.excluded = problem.scaled.lower == problem.scaled.upper
        self._record, self._intercepts = Recorder(), list[Vector]()
        self.gap, self.n_epochs = np.inf, 0
        self._move_to(np.zeros((len(self.y), design.n_features)))
        self.saturated = self.value - 0.5 * target.null_deviance
        self._cold = True

    # -- state -----------------------------------------------------------------------------------

    def _move_to(self, u: Matrix) -> None:
        self.coef = np.ascontiguousarray(u)
        self.intercept = np.zeros(len(self.y))
        self.z = self.null_predictor + self._product(self.coef)
        self.value, self.r, self.wp = evaluate(self.y, self.z, self.weight)

    @property
    def residual_sumsq(self) -> float:
        """The deviance."""
        return 2.0 * (self.value - self.saturated)

    def start(self, u: Vector) -> None:
        """Set the starting coefficients, unless the null model fits better."""
        self._move_to(np.array(np.broadcast_to(u, self.coef.shape)))
        if self.residual_sumsq > self.problem.target.null_deviance:
            self._move_to(np.zeros(self.coef.shape))
        self._cold = not self.coef.any()

    # -- steps -----------------------------------------------------------------------------------

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Minimise from the current state and return the status."""
        unit, scaled = self.problem.target.null_deviance, self.problem.scaled
        l1, ridge = np.where(self.excluded, np.inf, scaled.l1), l2_strength * scaled.l2
        self.n_epochs = 0
        if self._cold and l1_strength > 0.0:
            for strength in self._descent(l1_strength, scaled.l1):
                self._solve_at(strength * l1, ridge, APPROACH * unit, max_iter)
        self._cold = False
        l1 = np.where(self.excluded, np.inf, l1_strength * scaled.l1)
        return self._solve_at(l1, ridge, tol * unit, max_iter)

    def _descent(self, l1_strength: float, l1: Vector) -> Iterator[float]:
        # a short path of its own, from the strength at which the first rows enter
        size = lengths(self.design.gradient_at_zero())
        counted = (l1 > 0.0) & ~self.excluded
        strength = float((size[counted] / l1[counted]).max(initial=0.0)) * limits.DESCENT
        while strength * limits.DESCENT > l1_strength:
            yield strength
            strength *= limits.DESCENT

    def _solve_at(self, l1: Vector, ridge: Vector, tol: float, max_iter: int) -> int:
        n_vain, caution = 0, 0.0
        lowest = np.inf
        while True:
            look_at_signals()
            curvature = self._curvature(caution)
            shifts = curvature.shifts(self.r)[:, np.newaxis]
            theta = self.r - curvature.times(np.broadcast_to(shifts, self.r.shape))
            slopes = self._slopes(theta)
            self.gap = self._gap_at(theta, slopes, l1, ridge)
            if self.gap <= tol:
                return Status.CONVERGED
            if n_vain == MOST_VAIN or self.n_epochs >= max_iter:
                return Status.STALLED if n_vain == MOST_VAIN else Status.MAX_ITER
            t, predicted = self._step(curvature, slopes, l1, ridge, tol)
            if t == 1.0:
                self.gap = self._gap_at(predicted, self._slopes(predicted), l1, ridge)
                if self.gap <= tol:
                    return Status.CONVERGED
            now = self.value + self._penalty(self.coef, l1, ridge)
            n_vain = 0 if now < lowest else n_vain + 1
            lowest = min(lowest, now)
            caution = 1.0 if t < 0.1 or n_vain else (0.1 * caution if caution > 1e-3 else 0.0)

    def _curvature(self, caution: float) -> Curvature:
        # for cautious steps nearer to K / 2 times the Hessian at equal probabilities, which is
        # above all others
        n_classes, s = len(self.y), self.weight
        p = np.divide(self.wp, s, out=np.zeros_like(self.wp), where=s > 0.0)
        if caution:
            p = (1.0 - caution) * p + caution / n_classes
            s = s * (1.0 + caution * (0.5 * n_classes - 1.0))
        return Curvature(p, s, self.design.fit_intercept)

    def _step(
        self, curvature: Curvature, slopes: Matrix, l1: Vector, ridge: Vector, tol: float
    ) -> tuple[float, Matrix]:
        # the share of the step that was taken, and the residual that the whole one predicts
        chosen = np.flatnonzero(self.coef.any(axis=0) | (lengths(slopes) > l1))
        rows = Rows(self.coef[:, chosen], slopes[:, chosen], l1[chosen], ridge[chosen])
        with blas_threads_of_steps(len(chosen) * len(self.y), 1):
            gram = curvature.gram(self._panels(chosen), len(chosen))
            model = RowModel(gram, rows)
            worst = model.distances().max(initial=0.0)
            size = max(float(lengths(rows.U).sum()), 1e-300)
            enough = min(max(0.05 * tol / size, 1e-12 * worst), MODEL_TOL * worst)
            self.n_epochs += 1 + model.solve(max(enough, 1e-3 * SLACK * self._size))
        u = self.coef.copy()
        u[:, chosen] = model.rows.U
        step = self._product(u - self.coef)
        rest = self.r - curvature.times(step)
        shifts = curvature.shifts(rest)
        step += shifts[:, np.newaxis]
        return self._take(u, step, shifts, l1, ridge), self.r - curvature.times(step)

    def _take(
        self, u: Matrix, step: Matrix, shifts: Vector, l1: Vector, ridge: Vector
    ) -> float:
        # the step, halved until the objective falls
        before = self.value + self._penalty(self.coef, l1, ridge)
        old, t = self.coef, 1.0
        for _ in range(MOST_HALVINGS):
            new = u if t == 1.0 else old + t * (u - old)
            value, r, wp = evaluate(self.y, self.z + t * step, self.weight)
            if value + self._penalty(new, l1, ridge) <= before + 1e-13 * abs(self.value):
                self.coef, self.z = new, self.z + t * step
                self.value, self.r, self.wp = value, r, wp
                self.intercept = self.intercept + t * shifts
                return t
            t *= 0.5
        return 0.0

    @staticmethod
    def _penalty(u: Matrix, l1: Vector, ridge: Vector) -> float:
        some = u.any(axis=0)
        size = lengths(u[:, some])
        return float(l1[some] @ size + 0.5 * ridge[some] @ np.square(size))

    # -- columns ---------------------------------------------------------------------------------

    def _product(self, u: Matrix) -> Matrix:
        # C u for each class
        n = self.design.n_samples
        v = np.zeros((len(u), n + 1))
        for one, its_v in zip(u, v, strict=True):
            if one.any():
                self.plain.subtract_product(np.ascontiguousarray(one), its_v, self.design.n_threads)
        return -(v[:, :-1] + v[:, -1:])

    def _slopes(self, theta: Matrix) -> Matrix:
        v = np.zeros((len(theta), self.design.n_samples + 1))
        v[:, :-1] = theta
        slopes = np.empty((len(theta), self.design.n_features))
        self.design.columns.slopes_of_tasks(v, slopes, self.design.n_threads)
        return slopes

    def _panels(self, chosen: Index) -> Iterator[tuple[slice, Matrix]]:
        n, size = self.design.n_samples, len(chosen)
        depth = max(BLOCK // (size + 1), 64)
        for first in range(0, n, depth):
            rows = slice(first, min(first + depth, n))
            panel = np.ones((rows.stop - first, size + 1), order="F")
            if size:
                self.plain.gather(first, panel[:, :size], chosen, self.design.n_threads)
            yield rows, panel

    # -- certificate -----------------------------------------------------------------------------

    def _gap_at(self, theta: Matrix, slopes: Matrix, l1: Vector, ridge: Vector) -> float:
        n = self.design.n_samples
        self._size = size = float(np.sqrt(np.vdot(theta, theta)))
        if self.design.fit_intercept and np.abs(theta.sum(axis=1)).max() > SLACK * size * n**0.5:
            return np.inf
        free = ~self.excluded
        length = lengths(slopes)
        loose = free & (l1 == 0.0) & (ridge == 0.0)
        if length[loose].max(initial=0.0) > SLACK * size:
            return np.inf
        point = np.divide(theta, self.weight, out=np.zeros_like(theta), where=self.weight > 0.0)
        hard = free & (ridge == 0.0) & (length > l1) & ~loose
        k = float((l1[hard] / length[hard]).min(initial=1.0))
        gaps = [self._gap_at_multiple(k, point, slopes, l1, ridge)]
        rest = lengths(slopes - ridge * self.coef)
        hard = free & (rest > l1) & (l1 > 0.0)
        augmented = float((l1[hard] / rest[hard]).min(initial=1.0))
        if augmented < k:
            gaps.append(self._gap_at_multiple(augmented, point, slopes, l1, ridge))
        return min(gap if gap == gap else np.inf for gap in gaps)

    def _gap_at_multiple(
        self, k: float, point: Matrix, slopes: Matrix, l1: Vector, ridge: Vector
    ) -> float:
        k *= 1.0 - 1e-15 if k < 1.0 else 1.0
        gap = part(self.y, self.z, np.ascontiguousarray(point), self.weight, k)
        z, u = k * slopes, self.coef
        over = np.maximum(lengths(z) - l1, 0.0)
        conjugate = np.divide(0.5 * over * over, ridge, out=np.zeros(len(l1)), where=ridge > 0.0)
        size = lengths(u)
        some = size > 0.0
        value = np.where(some, 0.5 * ridge * size * size, 0.0)
        value[some] += l1[some] * size[some]
        return gap + float(np.maximum(value + conjugate - (z * u).sum(axis=0), 0.0).sum())

    # -- results ---------------------------------------------------------------------------------

    def keep(self, status: int) -> None:
        """Append the current fit to those that `kept` returns."""
        self._record.keep(self, status)
        self._intercepts.append(self.intercept)

    def kept(self) -> Fits:
        """Return all fits so far."""
        return self._record.kept()._replace(intercepts=np.array(self._intercepts))

    def count_nonzero(self) -> int:
        """Return the number of nonzero rows of the last kept fit."""
        return self._record.count_nonzero()
