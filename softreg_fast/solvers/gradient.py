"""GradientEngine: accelerated proximal gradient; gradient_descent(): plain steps on weighted L2."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from softreg_fast.data.design import Design
from softreg_fast.data.validation import as_start
from softreg_fast.kernels._gradient import GradientUpdates, largest_eigenvalue
from softreg_fast.kernels._slots import CONVERGED, MAX_ITER, STALLED
from softreg_fast.options.scalars import check_count, check_number
from softreg_fast.options.types import MatrixLike, Vector
from softreg_fast.penalties.vectors import nonnegative_vector
from softreg_fast.solvers.descent import CertifiedEngine

POWER_ITERATIONS = 10


def largest_variance(design: Design, scale: Vector) -> float:
    """Estimate the largest eigenvalue of X'SX by power iterations, its columns times `scale`."""
    columns = design.columns_with(scale=scale, weight=design.weight)
    start = np.random.default_rng(0).standard_normal(design.n_features)
    start = np.where(scale > 0.0, start, 0.0)
    return float(largest_eigenvalue(columns, start, POWER_ITERATIONS, design.n_threads))


class GradientEngine(CertifiedEngine):
    """Accelerated proximal gradient; the step length is 1 / L with L from power iterations."""

    needs: ClassVar[tuple[str, ...]] = ("quadratic loss", "elastic net", "one target")
    strategy = "gradient"

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Take steps from the current coefficients until the gap is at most tol."""
        l1, l2, lower, upper = self.problem.scaled
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
        l1_part = l1_strength * float(self.problem.scaled.l1 @ np.abs(u))
        l2_part = 0.5 * l2_strength * float(self.problem.scaled.l2 @ (u * u))
        return 0.5 * self.residual_sumsq + l1_part + l2_part


def gradient_descent(
    X: MatrixLike,
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
        The features, used as they are.
    y : array-like (n_samples,)
        The target.
    learning_rate : float > 0
        Length of a step, in the units of 1 / X^2. The iterates converge if it is below 2 / (largest
        eigenvalue of X'SX/S + diag(l2)).
    n_iter : int >= 0, default=1000
        Number of steps, all of which are made.
    l2 : float or array-like (n_features,), default=0.0
        Strengths l2_j >= 0 of the L2 penalty; inf fixes w_j at 0.
    coef_init : array-like (n_features,) or None, default=None
        Starting point; None: zeros.
    sample_weight : array-like (n_samples,), float or None, default=None
        Weights s_i >= 0, not all zero. Only their ratios matter. None: all equal.
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.

    Returns
    -------
    coef : ndarray (n_features,)
        The last iterate, in units of y per unit of X.

    Raises
    ------
    ValueError
        If the iterates leave the range of float64: the learning rate is too large. For parameters
        and data that cannot be used.
    TypeError
        For parameters and data of another type.

    References
    ----------
    docs/mathematics.md, section 6, for the gradient updates.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast import gradient_descent
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> gradient_descent(X, [2.0, 4.0], learning_rate=1.0, n_iter=100).round(6)
    array([2., 4.])
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
