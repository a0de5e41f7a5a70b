"""Losses beyond squared error under penalties whose solvers are for squared error.

The objective in the engine's units is sum_i s_i f(y_i, z_i) + strength * Omega(u), with
z = z_0 + b + C u. At curvatures d = s f'' and residuals r = -s f' it is approximated by weighted
least squares,

    1/2 sum_i d_i (r_i / d_i - b' - (C e)_i)^2 + strength * Omega(u + e),

in which the intercept b' centres the columns by d. A solver of squared error minimises this model;
the step towards its minimum is halved until the objective falls. The residual that the model
predicts is the dual point of the gap, which is that of the loss itself, over all features.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._losses import evaluate, part
from softreg_fast.kernels._runtime import look_at_signals
from softreg_fast.losses.base import times
from softreg_fast.options.types import Index, Vector
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Doubt, Fits, Recorder, Status
from softreg_fast.solvers.proximal_newton import LARGEST_PREDICTOR

# A model is solved to this share of the gap before it.
ENOUGH = 0.02

# Share of the tolerance that a model may use up.
MODEL_SHARE = 0.3

# From this share of the last gap of all features on that of the model's features is in doubt.
UNSEEN = 1e-4

MOST_HALVINGS = 40

# Models at one alpha, and those among them that may lower neither the objective nor the gap.
MOST_MODELS = 500
MOST_VAIN = 10

# A working response farther away than this times the residual counts with at least LEAST_SHARE of
# a bound on the curvature: linear parts of a loss have no curvature of their own.
FARTHEST = 100.0
LEAST_SHARE = 1e-2

# Smaller shares of the bounds on the curvature are left out.
LEAST_CAUTION = 1e-3

# A larger gap, relative to the null deviance, is not due to rounding alone.
EXACT = 1e-12

# A fall of the objective below this share of its value is a rounding error.
ROUNDED = 1e-13


class Expansion(NamedTuple):
    """The point at which the loss is approximated.

    Attributes
    ----------
    u : ndarray (n_features,)
        Coefficients.
    r, d : ndarray (n_samples,)
        Residuals and curvatures, with the sample weights.
    """

    u: Vector
    r: Vector
    d: Vector


class Modelled(NamedTuple):
    """Minimum of a model: its coefficients, and the epochs that it took."""

    u: Vector
    n_epochs: int


class Omega(Protocol):
    """A penalty: its value, its part of the gap, and the solver of models under it."""

    @property
    def free(self) -> Index:
        """Features without a penalty."""

    def value(self, u: Vector) -> float:
        """Return Omega(u)."""

    def scaling(self, slopes: Vector, strength: float) -> float:
        """Return the largest factor <= 1 of a dual point at which it is feasible."""

    def expect(self, slopes: Vector, strength: float) -> None:
        """Take slopes at the latest dual point, of all features, before models at a strength."""

    def minimise(self, at: Expansion, strength: float, enough: float, max_iter: int) -> Modelled:
        """Return the minimum of the model at an expansion, to a gap of `enough`."""

    def model_slopes(self) -> tuple[Index, Vector] | None:
        """Return features of the last model, and their slopes at its residual; None: not kept."""


class ReweightedEngine:
    """Proximal Newton steps whose models a solver of squared error minimises.

    Subclasses make the penalty, an `Omega`.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    strategy = "reweighted"
    doubt = Doubt(False, False, False)  # certificates are computed from X
    most_halvings = MOST_HALVINGS

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.design = design = problem.design
        target = problem.target
        self.plain: Columns = design.columns_with()
        self.loss = target.loss.kind, (*target.loss.parameters, 0.0)[0]
        self.z_null = target.null_predictor
        self.unit = target.null_deviance or 1.0
        self.saturated = self._evaluate(self.z_null)[0] - 0.5 * target.null_deviance
        self.omega = self._make_omega()
        self._pinned: Any = None
        self.theta: Any = None
        self.slopes: Any = None
        self._record = Recorder()
        self._intercepts: list[float] = []
        self.intercept, self.gap, self.n_epochs, self.n_models = 0.0, np.inf, 0, 0
        self._begin(np.clip(np.zeros(design.n_features), *problem.scaled[2:]))
        if self.design.fit_intercept and self.coef.any():
            self._best_intercept()

    def _make_omega(self) -> Any:
        raise NotImplementedError

    # -- what paths read -----------------------------------------------------------------------

    @property
    def residual_sumsq(self) -> float:
        """The deviance."""
        return max(2.0 * (self.value - self.saturated), 0.0)

    def start(self, u: Vector) -> None:
        """Set the starting coefficients, with their best intercept, unless the null model fits
        better.
        """
        self._begin(np.where(self.design.norm > 0.0, u, 0.0))
        if self.design.fit_intercept and self.coef.any():
            self._best_intercept()
        if not self.residual_sumsq <= self.problem.target.null_deviance:  # NaN: terms overflow
            self._begin(np.clip(np.zeros_like(u), *self.problem.scaled[2:]))

    def _begin(self, u: Vector) -> None:
        self.coef, self.intercept = u, 0.0
        self._earlier: list[Any] = []  # strengths, coefficients and intercepts of the last fits
        self.z = self.z_null + self._product(u)
        self.value, self.r, self.d = self._evaluate(self.z)
        # of the latest dual point, with the slopes of all features
        self.theta = self.slopes = None

    def _best_intercept(self) -> None:
        target = self.problem.target
        if np.abs(self.z).max() <= LARGEST_PREDICTOR:
            self.intercept = float(target.best_intercepts(self.z))
            self.z = self.z + self.intercept
            self.value, self.r, self.d = self._evaluate(self.z)

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

    # -- the fit at one strength ---------------------------------------------------------------

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Minimise from the current coefficients and return the status."""
        strength = self._strength(l1_strength, l2_strength)
        self.n_epochs, enough = 0, tol * self.unit
        if not self.problem.target.null_deviance and not self.coef.any():
            self.gap = 0.0
            return int(Status.CONVERGED)
        if self.slopes is None:
            self._look_at(self.r)
        self._extrapolate(strength)
        self.gap = self._gap(strength)
        caution, vain, best, reach = 0.0, 0, np.inf, self.gap
        for _ in range(MOST_MODELS):
            if self.gap <= enough or self.n_epochs >= max_iter or vain >= MOST_VAIN:
                break
            look_at_signals()
            self.omega.expect(self.slopes, strength)
            aim = max(MODEL_SHARE * enough, ENOUGH * min(reach, self.unit))
            fallen, reach = self._step(strength, caution, aim, max_iter, enough)
            missed = reach == self.gap and reach > best  # features outside of the model violate
            fallen |= missed or reach < 0.9 * best
            best = reach if missed else min(best, reach)
            vain = 0 if fallen else vain + 1
            caution *= 0.1 if caution > LEAST_CAUTION else 0.0
            if not fallen:
                caution = 1.0
        self._earlier.append((strength, self.coef, self.intercept))
        if self.gap <= enough:
            return int(Status.CONVERGED)
        self._look_at(self.r)  # the gap of the last coefficients
        self.gap = self._gap(strength)
        if self.gap <= enough:
            return int(Status.CONVERGED)
        if self.n_epochs >= max_iter:
            return int(Status.MAX_ITER)
        return int(Status.PRECISION if self.gap <= EXACT * self.unit else Status.STALLED)

    def _extrapolate(self, strength: float) -> None:
        # go on along the line through the last two fits, over the logarithm of the strength, among
        # the coefficients that both have, if the objective is lower there
        self._earlier = self._earlier[-2:]
        if len(self._earlier) < 2 or self._earlier[-1][1] is not self.coef:
            return
        (first, u, intercept), (last, now, its_intercept) = self._earlier
        if not (strength < last < first and strength > 0.0):
            return
        ahead = min(np.log(strength / last) / np.log(last / first), 1.0)
        change = np.where((u != 0.0) & (now != 0.0), ahead * (now - u), 0.0)
        change[(now + change) * now < 0.0] = 0.0
        if not change.any():
            return
        move = ahead * (its_intercept - intercept)
        z = self.z + self._product(change) + move
        value, r, d = self._evaluate(z)
        before = self.value + self._penalty_at(now, strength)
        if value + self._penalty_at(now + change, strength) < before:
            self.coef, self.intercept, self.z = now + change, self.intercept + move, z
            self.value, self.r, self.d = value, r, d

    def _strength(self, l1_strength: float, l2_strength: float) -> float:
        if l1_strength == 0.0:
            raise ValueError(
                f"alpha is 0, at which {type(self.problem.penalty.omega).__name__} penalises "
                "nothing; give alpha > 0, or leave the penalty out."
            )
        return l1_strength

    def _step(
        self, strength: float, caution: float, aim: float, max_iter: int, enough: float
    ) -> tuple[bool, float]:
        # take a step to the minimum of a model; return whether the objective has fallen, and the
        # gap as far as it is known, which is below `enough` only if it is that of all features
        fallen, predicted = self._advance(strength, caution, aim, max_iter)
        known = None if predicted is None else self.omega.model_slopes()
        if predicted is not None and known is not None:
            # those of all features are worth a pass over X only where these certify the fit
            features, its_slopes = known
            slopes = np.zeros(len(self.coef))
            slopes[features] = its_slopes
            reach = self._gap_at(predicted, slopes, strength)
            if max(enough, UNSEEN * self.gap) < reach < np.inf:
                return fallen, reach
            predicted = predicted if reach < np.inf else None
        self._look_at(self.r if predicted is None else predicted)
        self.gap = self._gap(strength)
        return fallen, self.gap

    def _advance(
        self, strength: float, caution: float, aim: float, max_iter: int
    ) -> tuple[bool, Vector | None]:
        # take a step to the minimum of a model; return whether the objective has fallen, and the
        # residual that the model predicts, None if the step was not a whole one
        d = self._weights(caution)
        at = Expansion(self.coef, self.r, d)
        found = self.omega.minimise(at, strength, aim, max_iter - self.n_epochs)
        self.n_epochs += max(found.n_epochs, 1)
        self.n_models += 1
        along = self._product(found.u - self.coef)
        move = (self.r.sum() - d @ along) / d.sum() if self.design.fit_intercept else 0.0
        predicted = self.r - d * (along + move)
        fallen, whole = self._go(found.u, along + move, move, strength)
        return fallen, predicted if whole else None

    def _weights(self, caution: float) -> Vector:
        # curvatures, where the residual is out of proportion at least a share of those of a bound,
        # and after steps that failed more of it
        d, size = self.d, np.abs(self.r)
        far = size > FARTHEST * d
        if not (caution or far.any()):
            return d
        bound = self.problem.loss.curvature_bound(self.problem.target.y, self.z)
        bound = times(self.design.weight, bound)
        d = np.where(far, np.maximum(d, LEAST_SHARE * bound), d)
        return np.maximum(d, caution * bound) if caution else d

    def _go(self, u: Vector, step: Vector, move: float, strength: float) -> tuple[bool, bool]:
        # go as far towards u as the objective falls; return whether it has fallen, and whether the
        # step was a whole one
        before = self.value + self._penalty_at(self.coef, strength)
        slack, t = ROUNDED * abs(before), 1.0
        while True:
            new = u if t == 1.0 else self.coef + t * (u - self.coef)
            value, r, d = self._evaluate(self.z + t * step)
            after = value + self._penalty_at(new, strength)
            if after <= before + slack:
                break
            t *= 0.5
            if t < 0.5**self.most_halvings:
                return False, False
        self.coef, self.z = new, self.z + t * step
        self.intercept += t * move
        self.value, self.r, self.d = value, r, d
        return bool(after < before - slack), t == 1.0

    def _penalty_at(self, u: Vector, strength: float) -> float:
        return float(strength * self.omega.value(u))

    # -- products, the loss and the gap --------------------------------------------------------

    def _product(self, u: Vector) -> Vector:
        # C u
        v = np.zeros(self.design.n_samples + 1)
        if u.any():
            self.plain.subtract_product(u, v, self.design.n_threads)
        return np.asarray(-(v[:-1] + v[-1]))

    def _evaluate(self, z: Vector) -> tuple[float, Vector, Vector]:
        kind, parameter = self.loss
        y, weight = self.problem.target.y[np.newaxis], self.design.weight
        value, r, d = evaluate(kind, y, z[np.newaxis], weight, parameter)
        return value, r[0], d[0]

    def slopes_of(self, theta: Vector, chosen: Index | None = None) -> Vector:
        """Return C'theta, of all features or chosen ones."""
        return slopes_of(self.design, self.plain, theta, chosen)

    def _look_at(self, theta: Vector) -> None:
        # make theta, moved to where unpenalised features have no slope, the dual point, or the
        # residual if that leaves the domain of the conjugate
        theta = self._balanced(self._inside(theta))
        if not np.isfinite(self._part(theta, 1.0)):
            theta = self._balanced(self.r)
        if not np.isfinite(self._part(theta, 1.0)) and not self.omega.free.size:
            theta = _shrunk(self.r)
        self.theta = theta
        self.slopes = self.slopes_of(theta)

    def _inside(self, theta: Vector) -> Vector:
        # theta, with residuals in place of the entries that are outside the domain
        if np.isfinite(self._part(theta, 1.0)):
            return theta
        weight = self.design.weight
        point = theta if weight is None else _over(theta, weight)
        with np.errstate(all="ignore"):
            each = self.problem.loss.bregman(self.problem.target.y, self.z, point)
        return np.where(np.isfinite(each), theta, self.r)

    def _balanced(self, theta: Vector) -> Vector:
        # moved in proportion to the curvatures until unpenalised columns have no slope
        free, d = self.omega.free, self.d
        if free.size:
            A = self._unpenalised(free)
            root = np.sqrt(d)
            for _ in range(2):
                away = np.linalg.lstsq(root[:, np.newaxis] * A, _over(theta, root), rcond=1e-12)[0]
                theta = theta - d * (A @ away)
        elif self.design.fit_intercept and d.any():
            theta = theta - d * (theta.sum() / d.sum())
        return theta

    def _unpenalised(self, free: Index) -> Any:
        # the columns of features without a penalty, and that of the intercept
        if self._pinned is None:
            n = self.design.n_samples
            A = np.empty((n, free.size), order="F")
            self.plain.gather(0, A, free, self.design.n_threads)
            ones = np.ones((n, 1 if self.design.fit_intercept else 0))
            self._pinned = np.hstack([ones, A])
        return self._pinned

    def _gap(self, strength: float) -> float:
        return self._gap_at(self.theta, self.slopes, strength)

    def _gap_at(self, theta: Vector, slopes: Vector, strength: float) -> float:
        # at the largest feasible multiple of theta
        scaling = self.omega.scaling(slopes, strength)
        if scaling < 1.0:  # rounding must not make the point infeasible
            scaling *= 1.0 - 1e-15
        gap: float = self._part(theta, scaling)
        used = self.coef != 0.0
        used[self.omega.free] = False
        gap += strength * float(self.omega.value(self.coef))
        return float(gap - scaling * (slopes[used] @ self.coef[used]))

    def _part(self, theta: Vector, scaling: float) -> float:
        # the loss's part of the gap
        kind, parameter = self.loss
        y, weight = self.problem.target.y[np.newaxis], self.design.weight
        point = theta if weight is None else _over(theta, weight)
        gap = part(kind, y, self.z[np.newaxis], point[np.newaxis], weight, scaling, parameter)
        return float(gap) if gap == gap else np.inf  # NaN: far out, where terms overflow


def slopes_of(design: Any, columns: Columns, v: Vector, chosen: Index | None = None) -> Vector:
    """Return the slopes of a vector over samples, for columns without weights.

    Parameters
    ----------
    design : Design
    columns : Columns
    v : ndarray (n_samples,)
    chosen : ndarray of int or None, default=None
        Features; None: all.
    """
    n = design.n_samples
    slopes = np.empty(design.n_features if chosen is None else chosen.size)
    whole = np.append(v, -v.sum() / n if design.fit_intercept else 0.0)
    columns.slopes(whole, slopes, chosen, design.n_threads)
    return slopes


def _over(theta: Vector, root: Vector) -> Vector:
    return np.divide(theta, root, out=np.zeros_like(theta), where=root > 0.0)


def _shrunk(r: Vector) -> Vector:
    # residuals whose sum is made 0 by shrinking the positive or the negative ones
    up, down = float(r[r > 0.0].sum()), -float(r[r < 0.0].sum())
    most = max(up, down) or 1.0
    return np.asarray(
        np.where(
            r > 0.0, r * (down / most if up > down else 1.0), r * (up / most if down > up else 1.0)
        )
    )
