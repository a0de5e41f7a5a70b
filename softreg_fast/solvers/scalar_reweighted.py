"""SLOPE, MCP, SCAD and log-sum under losses beyond squared error."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from softreg_fast.kernels._nonconvex import NonconvexEngine as CompiledNonconvex
from softreg_fast.kernels._runtime import look_at_signals
from softreg_fast.kernels._slope import SlopeEngine as CompiledSlope
from softreg_fast.kernels._slope import dual_norm, in_units
from softreg_fast.kernels._slots import NO_ROOM
from softreg_fast.options.types import Index, Vector
from softreg_fast.penalties.nonconvex import LogSum
from softreg_fast.solvers.factor import cholesky
from softreg_fast.solvers.nonconvex import KINDS, check_shape
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Fits, Status
from softreg_fast.solvers.reweighted import Expansion, Modelled, ReweightedEngine, slopes_of
from softreg_fast.solvers.warm import largest_gram

# A fit under a penalty that is not convex ends at this distance from stationarity, relative to
# alpha, and counts as converged up to the other.
STATIONARY = 1e-12
CONVERGED = 1e-9

# Largest multiple of the bounds on the curvature, and the smallest that is not left out.
MOST_CAUTION = 4.0**20
LEAST_CAUTION = 1e-2

# Newton's step is kept if it leaves at most this share of the distance.
NEARER = 0.1

# Epochs on one model, and models at one alpha under a penalty that is not convex.
MOST_EPOCHS = 1_000
MOST_MODELS = 60

# Models that lower neither the objective by this share nor the distance by half, after which a fit
# has stalled: by rounding, or where the loss falls for ever along coefficients without a slope.
FALL = 1e-12
MOST_VAIN = 12


class ScalarModel:
    """Weighted least squares under a penalty with a compiled solver, in a target's units.

    The curvatures are divided by `curvature`, the predictors by the norm of the working response.

    Parameters
    ----------
    problem : Problem
    curvature : float, default=1.0
    """

    def __init__(self, problem: Problem, curvature: float = 1.0) -> None:
        self.problem, self.curvature = problem, curvature
        self.design = design = problem.design
        self.center, self.weight = design.stored_center.copy(), np.ones(design.n_samples)
        self.plain = design.columns_with()
        self.columns = design.columns_with(self.center, weight=self.weight)
        self.most_slots = min(largest_gram(problem.options.gram_memory), design.n_features)
        self.unit, self.solver = 1.0, None

    def renew(self, at: Expansion) -> tuple[Vector, float]:
        """Make the model at an expansion; return its target and the square of that."""
        design, d = self.design, at.d
        self.weight[:] = d / self.curvature
        v = np.append(at.r / self.curvature, 0.0)
        if design.fit_intercept:
            total = d.sum()
            v[:-1] -= d * (at.r.sum() / total / self.curvature)
        self.slopes = slopes_of(design, self.plain, v[:-1])
        if design.fit_intercept:
            moved = slopes_of(design, self.plain, d)
            shift = np.divide(moved, design.scale, out=np.zeros_like(moved), where=moved != 0.0)
            self.center[:] = design.stored_center + shift / total
        self.columns.reweigh()
        if at.u.any():
            self.columns.subtract_product(-at.u, v, design.n_threads)
        yy = float(self.columns.residual_sumsq(v))
        self.unit = np.sqrt(yy) if yy > 0.0 else 1.0
        self.slopes /= self.unit
        return v / self.unit, yy / self.unit**2

    def minimise(
        self, solver: Any, at: Expansion, strength: float, enough: float, max_iter: int
    ) -> Modelled:
        """Return the minimum that a compiled solver finds from the present coefficients."""
        scale = self.curvature * self.unit
        solver.coef[:] = at.u / self.unit
        solver.refresh()
        solver.know(self.slopes)
        tol = enough / (scale * self.unit)
        status = solver.solve(strength / scale, 0.0, tol, min(max_iter, MOST_EPOCHS))
        if status == NO_ROOM:
            raise ValueError(
                f"More than {self.most_slots} features are near the support, for whose Gram "
                "columns gram_memory has no room; raise gram_memory, or use a larger alpha."
            )
        self.solver = solver
        return Modelled(solver.coef * self.unit, solver.n_epochs)


class _ScalarOmega:
    """Parts that the penalties of single coefficients share."""

    model: ScalarModel

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.q: Vector = problem.scaled.l1
        self.free: Index = np.empty(0, np.intp)

    def expect(self, slopes: Vector, strength: float) -> None:
        """Do nothing: the compiled solvers find the features by themselves."""

    def model_slopes(self) -> None:
        """Return None: the slopes of the model's features are not kept."""


class SlopeOmega(_ScalarOmega):
    """The sorted L1 penalty, and its models.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.lambdas = problem.penalty.omega.lambdas(problem.design.n_features)
        self.model = ScalarModel(problem)

    def value(self, u: Vector) -> float:
        """Return Omega(u)."""
        return float(self.lambdas @ np.sort(self.q * np.abs(u))[::-1])

    def scaling(self, slopes: Vector, strength: float) -> float:
        """Return the largest factor <= 1 of a dual point at which it is feasible."""
        largest = dual_norm(in_units(slopes, self.q), self.lambdas)
        return 1.0 if largest <= strength else strength / largest

    def minimise(self, at: Expansion, strength: float, enough: float, max_iter: int) -> Modelled:
        """Return the minimum of the model at an expansion."""
        model, problem = self.model, self.problem
        target, square = model.renew(at)
        solver = CompiledSlope(
            self.lambdas, model.columns, target, square, problem.scaled,
            problem.design.n_threads, model.most_slots,
        )  # fmt: skip
        return model.minimise(solver, at, strength, enough, max_iter)

    def sizes(self, u: Vector) -> Vector:
        """Return the sizes |t| of nonzero coefficients, equal within the last model's clusters."""
        solver, found = self.model.solver, self.q * np.abs(u)
        nonzero = np.flatnonzero(u)
        if solver is not None and np.array_equal(solver.coef * self.model.unit, u):
            solver.keep(0)
            features = solver.kept()[0][-nonzero.size :] if nonzero.size else nonzero
            found[features] = solver.sizes() * self.model.unit
        return np.asarray(found[nonzero])


class ReweightedSlope(ReweightedEngine):
    """SLOPE by weighted models, with exactly equal sizes within clusters."""

    needs: ClassVar[tuple[str, ...]] = (
        "modelled loss", "SLOPE", "one target", "no box",
    )  # fmt: skip

    def __init__(self, problem: Problem) -> None:
        if not problem.vectors.l1.any():
            raise ValueError(
                "SLOPE penalises nothing: its strength is 0; give strength > 0, or leave the "
                "penalty out."
            )
        self._sizes: list[Vector] = []
        super().__init__(problem)

    def _make_omega(self) -> Any:
        return SlopeOmega(self.problem)

    def keep(self, status: int) -> None:
        """Append the current fit, and the sizes that it compares."""
        super().keep(status)
        self._sizes.append(self.omega.sizes(self.coef))

    def kept(self) -> Fits:
        """Return all fits so far."""
        sizes = np.concatenate(self._sizes) if self._sizes else np.empty(0)
        return super().kept()._replace(sizes=sizes)


class BentOmega(_ScalarOmega):
    """MCP, SCAD or log-sum, and its models.

    gamma of MCP and a of SCAD are in units of the curvature of the loss along a column in the model
    without features; so is, by its root, eps of log-sum.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        check_shape(problem)
        self.omega, design = problem.penalty.omega, problem.design
        self.curvature = null_curvature(problem)
        self.model = ScalarModel(problem, self.curvature)
        self.shape = float(self.omega.shape)
        if self.omega.kind == LogSum.kind:
            self.shape *= float(np.sqrt(design.n_samples / self.curvature))
        self.free = np.flatnonzero((self.q == 0.0) & (design.norm > 0.0))

    def value_at(self, u: Vector, strength: float) -> float:
        """Return the penalty at a strength."""
        g, c = self.shape, self.curvature
        l1, size = strength * self.q, np.abs(u)
        if self.omega.kind == LogSum.kind:
            return float(np.sum(l1 * g * np.log1p(size / g)))
        size = c * size  # the penalty is phi(c u) / c
        if self.omega.kind == "mcp":
            near = np.minimum(size, g * l1)
            return float(np.sum(l1 * near - near * near / (2.0 * g))) / c
        near = np.minimum(size, l1)
        bent = np.clip(size, l1, g * l1) - l1
        return float(np.sum(l1 * (near + bent) - bent * bent / (2.0 * (g - 1.0)))) / c

    def slope(self, size: Vector, strength: float) -> Vector:
        """Return the derivative of the penalty at sizes > 0."""
        g, c, l1 = self.shape, self.curvature, strength * self.q
        if self.omega.kind == LogSum.kind:
            return np.asarray(l1 * g / (g + size))
        if self.omega.kind == "mcp":
            return np.maximum(l1 - c * size / g, 0.0)
        return np.minimum(l1, np.maximum(g * l1 - c * size, 0.0) / (g - 1.0))

    def bend(self, size: Vector, strength: float) -> Vector:
        """Return the second derivative of the penalty at sizes > 0."""
        g, c, l1 = self.shape, self.curvature, strength * self.q
        if self.omega.kind == LogSum.kind:
            return np.asarray(-l1 * g / np.square(g + size))
        far = c * size >= g * l1
        if self.omega.kind == "mcp":
            return np.where(far, 0.0, -c / g)
        return np.where(far | (c * size <= l1), 0.0, -c / (g - 1.0))

    def distance(self, u: Vector, slopes: Vector, strength: float) -> float:
        """Return the largest distance of a slope from the limiting subdifferential, over alpha."""
        l1 = strength * self.q
        _, _, lower, upper = self.problem.scaled
        slope = self.slope(np.abs(u), strength)
        low = np.where(u == 0.0, -l1, np.sign(u) * slope)
        high = np.where(u == 0.0, l1, np.sign(u) * slope)
        low = np.where(u <= lower, -np.inf, low)
        high = np.where(u >= upper, np.inf, high)
        away = np.maximum(np.maximum(low - slopes, slopes - high), 0.0)
        away[self.problem.design.norm == 0.0] = 0.0
        unit = np.where(l1 > 0.0, l1, strength * self.q.max())
        return float((away / unit).max(initial=0.0))

    def minimise(self, at: Expansion, strength: float, enough: float, max_iter: int) -> Modelled:
        """Return a stationary point of the model at an expansion."""
        model, problem = self.model, self.problem
        target, square = model.renew(at)
        l1, l2, lower, upper = problem.scaled
        is_log_sum = self.omega.kind == LogSum.kind
        solver = CompiledNonconvex(
            KINDS[self.omega.kind], self.shape / model.unit if is_log_sum else self.shape,
            model.columns, target, square, (l1, l2, lower / model.unit, upper / model.unit),
            problem.design.n_threads, model.most_slots,
        )  # fmt: skip
        return model.minimise(solver, at, strength, enough, max_iter)


def null_curvature(problem: Problem) -> float:
    """Return the mean curvature of the loss in the model without features; 1 if it is 0."""
    target = problem.target
    with np.errstate(under="ignore"):
        d = target.loss.curvature(target.y, target.null_predictor)
    mean = float(np.average(d, weights=target.weight))
    return mean if mean > 0.0 else 1.0


class ReweightedNonconvex(ReweightedEngine):
    """Stationary points under MCP, SCAD or log-sum, by weighted models, to rounding.

    `gap` is the distance to stationarity, relative to alpha. On the way to the minimum of a model
    the penalty may rise above its values at both ends, so that a part of a step need not lower the
    objective: instead of halving steps, the curvatures are raised towards a bound on them.
    """

    needs: ClassVar[tuple[str, ...]] = (
        "modelled loss", "modelled penalty", "nonconvex penalty", "one target",
    )  # fmt: skip

    most_halvings = 0

    def __init__(self, problem: Problem) -> None:
        self._convex: list[bool] = []
        self.locally_convex = True
        super().__init__(problem)

    def _make_omega(self) -> Any:
        return BentOmega(self.problem)

    def _penalty_at(self, u: Vector, strength: float) -> float:
        return float(self.omega.value_at(u, strength))

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Descend from the current state to a stationary point and return the status."""
        strength = self._strength(l1_strength, l2_strength)
        self.n_epochs, vain = 0, 0
        self.gap = best = self._distance(strength)
        caution = 0.0
        for _ in range(MOST_MODELS):
            if self.gap <= STATIONARY or vain >= MOST_VAIN or self.n_epochs >= max_iter:
                break
            look_at_signals()
            before = self.value + self._penalty_at(self.coef, strength)
            _, predicted = self._advance(strength, caution, 0.0, max_iter)
            if predicted is None and self._newton(strength):
                continue
            if predicted is None:  # the objective has risen
                caution = min(4.0 * caution, MOST_CAUTION) if caution else 1.0
                vain += caution == MOST_CAUTION
                continue
            caution *= 0.25 if caution > LEAST_CAUTION else 0.0
            self.gap = self._distance(strength)
            after = self.value + self._penalty_at(self.coef, strength)
            falls = before - after > FALL * abs(before)
            vain = 0 if falls or self.gap < 0.5 * best else vain + 1
            best = min(best, self.gap)
        self.locally_convex = self._is_convex(strength)
        if self.gap <= max(tol, CONVERGED):
            return int(Status.CONVERGED)
        return int(Status.MAX_ITER if self.n_epochs >= max_iter else Status.STALLED)

    def _newton(self, strength: float) -> bool:
        # Newton's step for the objective itself among the nonzero coefficients; returns whether it
        # has brought the fit nearer to stationarity: where the objective is convex, but so little
        # that the minimum of a model is elsewhere
        chosen = self._support()
        if not chosen.size:
            return False
        kept = self.coef, self.z, self.intercept, self.value, self.r, self.d, self.gap
        A, H = self._hessian(chosen, strength)
        u = self.coef[chosen]
        downhill = A.T @ self.r
        place = np.arange(len(H) - chosen.size, len(H))
        slope = self.omega.slope(np.abs(self.coef), strength)[chosen]
        downhill[place] -= np.sign(u) * slope
        try:
            step = cholesky(H)(downhill)
        except np.linalg.LinAlgError:
            return False
        _, _, lower, upper = self.problem.scaled
        new = self.coef.copy()
        new[chosen] = np.clip(u + step[place], lower[chosen], upper[chosen])
        if np.any(new * self.coef < 0.0):
            return False
        move = float(step[0]) if self.design.fit_intercept else 0.0
        self.z = self.z + self._product(new - self.coef) + move
        self.coef, self.intercept = new, self.intercept + move
        self.value, self.r, self.d = self._evaluate(self.z)
        distance = self._distance(strength)
        if distance <= NEARER * self.gap:
            self.gap = distance
            return True
        self.coef, self.z, self.intercept, self.value, self.r, self.d, self.gap = kept
        return False

    def _support(self) -> Index:
        # features whose coefficients may move in both directions
        _, _, lower, upper = self.problem.scaled
        nonzero = (self.coef != 0.0) | (self.omega.q == 0.0)
        inside = (lower < self.coef) & (self.coef < upper)
        return np.flatnonzero(nonzero & inside & (self.design.norm > 0.0))

    def _hessian(self, chosen: Index, strength: float) -> tuple[Any, Any]:
        # the columns of these features, after that of the intercept, and their Hessian
        n = self.design.n_samples
        A = np.empty((n, chosen.size), order="F")
        self.plain.gather(0, A, chosen, self.design.n_threads)
        A = np.hstack([np.ones((n, int(self.design.fit_intercept))), A])
        H = A.T @ (self.d[:, np.newaxis] * A)
        place = np.arange(len(H) - chosen.size, len(H))
        H[place, place] += self.omega.bend(np.abs(self.coef), strength)[chosen]
        return A, H

    def _is_convex(self, strength: float) -> bool:
        # whether the objective is convex on the support
        chosen = self._support()
        if chosen.size > self.design.n_samples:
            return False
        try:
            cholesky(self._hessian(chosen, strength)[1])
        except np.linalg.LinAlgError:
            return False
        return True

    def _distance(self, strength: float) -> float:
        away, r = 0.0, self.r
        if self.design.fit_intercept:  # whose column is divided by its length, too
            total = float(r.sum())
            away = abs(total) / np.sqrt(len(r)) / (strength * float(self.omega.q.max()))
            r = r - total / len(r)
        return max(away, float(self.omega.distance(self.coef, self.slopes_of(r), strength)))

    def keep(self, status: int) -> None:
        """Append the current fit, and whether its objective is convex on the support."""
        super().keep(status)
        self._convex.append(self.locally_convex)

    def kept(self) -> Fits:
        """Return all fits so far."""
        return super().kept()._replace(locally_convex=np.array(self._convex))
