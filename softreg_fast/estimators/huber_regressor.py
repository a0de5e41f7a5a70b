"""HuberRegressor as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from softreg_fast.data.design import Design
from softreg_fast.data.names import PerFeature
from softreg_fast.data.validation import as_offset
from softreg_fast.estimators.generalised import _GeneralisedRegressor
from softreg_fast.losses import Huber, Loss
from softreg_fast.options.choices import Missing, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import Bounds, Vector
from softreg_fast.paths.result import Solution
from softreg_fast.solvers.problem import Problem

# The median absolute value of a standard normal variable, by which a median becomes a deviation.
NORMAL_MEDIAN = 0.6744897501960817

# Fits alternate with estimates of the scale until it changes by less than this share, as in R.
SETTLED = 1e-4
MOST_SCALES = 100


class HuberRegressor(_GeneralisedRegressor):
    """Linear regression in which large errors count linearly.

    Minimises over w and b, with S the sum of the sample weights s,

        1/S sum_i s_i h(y_i - eta_i)
        + alpha * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ],
        h(r) = r^2 / 2 for |r| <= delta * scale, delta * scale * (|r| - delta * scale / 2) beyond,

    where eta_i = x_i.w + b + offset_i. The scale is fixed, or found from the residuals alone.
    scikit-learn's HuberRegressor minimises over the scale too, which is another problem with other
    solutions: its `epsilon` is `delta` here, but the same numbers do not give the same fit.

    Parameters
    ----------
    delta : float > 0, default=1.35
        Size, in units of the scale, of the errors from which on they count linearly. The default
        keeps 95 % of the efficiency of least squares where errors are normal.
    scale : float > 0 or "mad", default=1.0
        The scale of the errors, in the unit of y. "mad": the median absolute residual divided by
        0.6745, in alternation with the fit until it settles, as in R's MASS::rlm.
    alpha : float >= 0, default=1.0
        Strength of the penalty; 0 is none. The default is scikit-learn's for such models.
    l1_ratio : float in [0, 1], default=0.0
        Share of the L1 penalty: 1 is the Lasso's, 0, the default as in scikit-learn, is ridge's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    max_iter : int or None, default=100_000
        Largest number of epochs, passes over the features; None: 100,000. The default is a limit
        for fits that do not converge; others need far fewer.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol^2 (at least 1e-14) times the mean deviance
        of the model without features: scikit-learn's tol, whose default this is, is for a gradient,
        with whose square the gap scales.
    warm_start : bool, default=False
        Start from the coefficients of the last fit, matched by feature name if both have names.
    l1_weights : float, array-like (n_features,), dict, Series or None, default=None
        Relative strength of the L1 penalty on each feature, >= 0. 0: not penalised; inf: excluded,
        the coefficient is 0; None: all 1. A dict or a pandas Series is matched by feature name;
        features not named in it have 1.
    l2_weights : float, array-like (n_features,), dict, Series or None, default=None
        Relative strength of the L2 penalty on each feature, >= 0. 0: not penalised; inf: excluded,
        the coefficient is 0; None: all 1. A dict or a pandas Series is matched by feature name;
        features not named in it have 1.
    positive : bool, default=False
        Constrain every coefficient to be >= 0.
    bounds : (lower, upper), scipy.optimize.Bounds, dict or None, default=None
        Bounds of the coefficients, in the units of X. Lower and upper are numbers, arrays
        (n_features,), dicts or Series by feature name, or None for no bound. A single dict has
        pairs (lower, upper) by feature name; other features are unbounded.
    standardize : bool, default=False
        Penalise as if every column had unit variance, without an intercept unit mean square;
        coefficients and bounds stay in the units of X. The default is scikit-learn's behaviour.
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.
    dates : list of str, dict or None, default=None
        Parts of dates that are features, as in `path`: ["year", "month"] of all columns of dates,
        or a dict by column. None: columns of dates are refused.
    missing : {"error", "drop", "indicator"}, default="error"
        What `fit` does about missing values, as in `path`: "drop" leaves rows out, "indicator"
        fills numbers with their mean and marks them by a feature, in predictions, too. "error":
        they are refused.
    unknown : {"error", "zero"}, default="error"
        What a level of a column means in `predict` that the fit has not seen: an error that names
        it, or zeros, so that its column has no effect.

    Attributes
    ----------
    scale_ : float
        `scale`, or the scale that was found.
    coef_ : ndarray (n_features,)
        Coefficients, in units of the linear predictor per unit of X; for float32 data rounded to
        float32.
    intercept_ : float
        Intercept, in the unit of the linear predictor; 0.0 without one.
    dual_gap_ : float
        Upper bound on the distance of the objective from its minimum, in the units of the mean
        loss; for losses that are not convex the distance from stationarity.
    n_iter_ : int
        Number of epochs; 0 if warm_start began at the solution.
    loss_ : Loss
        The loss of the fit, an object of `softreg_fast.losses`.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray (n_features,) of str
        Names of the features in `fit`; only if X was a frame whose column labels are all strings.
    coding_ : Coding or None
        How the columns of a frame became features, if some are of categories or text; its
        `feature_names` are those of coef_, such as "carrier=AA". None: each column is a feature.
    sparse_coef_ : csr_matrix of the shape of coef_
        coef_ as a sparse matrix, made on each access.

    Raises
    ------
    ValueError, TypeError
        From `fit` and `predict`, for parameters or data that cannot be used; the message says what
        is expected. Making the object raises nothing but a TypeError for a parameter that does not
        exist.

    Warns
    -----
    ConvergenceWarning
        From `fit`, if the duality gap is larger than the tolerance.

    References
    ----------
    Huber (1964), "Robust estimation of a location parameter", Ann. Math. Statist. 35;
    docs/mathematics.md, for the duality gap.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast import HuberRegressor
    >>> X = np.arange(6.0)[:, None]
    >>> y = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 50.0])
    >>> HuberRegressor(delta=0.1, alpha=0.0).fit(X, y).coef_.round(2)
    array([1.03])
    """

    @with_hints
    def __init__(
        self,
        delta: float = 1.35,
        *,
        scale: float | Literal["mad"] = 1.0,
        alpha: float = 1.0,
        l1_ratio: float = 0.0,
        fit_intercept: bool = True,
        max_iter: int | None = 100_000,
        tol: float = 1e-4,
        warm_start: bool = False,
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        positive: bool = False,
        bounds: Bounds | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
    ) -> None:
        self.delta = delta
        self.scale = scale
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.l1_weights = l1_weights
        self.l2_weights = l2_weights
        self.positive = positive
        self.bounds = bounds
        self.standardize = standardize
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def _loss(self) -> Loss:
        return self._loss_at(1.0 if self.scale == "mad" else self.scale)

    def _loss_at(self, scale: Any) -> Loss:
        check_number("delta", self.delta, low=0.0, low_open=True)
        if isinstance(scale, str):
            raise ValueError(f"scale must be a number > 0 or 'mad', got {scale!r}.")
        return Huber(self.delta * check_number("scale", scale, low=0.0, low_open=True))

    def _fit_target(
        self, design: Design, target: Vector, offset: Any, start: Vector | None
    ) -> tuple[Solution, Problem]:
        if self.scale != "mad":
            return super()._fit_target(design, target, offset, start)
        fixed = 0.0 if offset is None else as_offset(offset, design.n_samples)
        described = design.with_target(target)
        y = described.y
        predicted = weighted_median(y - fixed, design.weight) + fixed
        scale = np.inf
        for _ in range(MOST_SCALES):
            last, scale = scale, self._scale_of(y - predicted, design.weight)
            known = design.with_target(y, self._loss_at(scale), offset)
            found, problem = self._solve(known, start)
            if abs(scale - last) <= SETTLED * scale:
                break
            start = found.coef
            predicted = design.X @ found.coef + found.intercept + fixed
        return found, problem

    @staticmethod
    def _scale_of(residuals: Vector, weight: Vector | None) -> float:
        scale = weighted_median(np.abs(residuals), weight) / NORMAL_MEDIAN
        if scale == 0.0:
            raise ValueError(
                "scale='mad' finds no scale: more than half of the residuals are 0; give the "
                "scale as a number, in the unit of y."
            )
        return scale

    def _keep(self, found: Solution, dtype: Any) -> None:
        super()._keep(found, dtype)
        loss: Any = found.loss
        self.scale_ = float(loss.delta / self.delta)


def weighted_median(values: Vector, weight: Vector | None) -> float:
    """Return the median, the middle of the interval if it is one; weight 2 is a value twice."""
    order = np.argsort(values)
    sums = np.cumsum(np.ones(len(values)) if weight is None else weight[order])
    half = 0.5 * sums[-1]
    first = int(np.searchsorted(sums, half * (1.0 - 1e-12)))
    last = int(np.searchsorted(sums, half * (1.0 + 1e-12), side="right"))
    return float(0.5 * (values[order[first]] + values[order[min(last, len(values) - 1)]]))
