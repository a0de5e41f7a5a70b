"""NegativeBinomialRegressor as a scikit-learn estimator."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from softreg_fast.data.design import Design
from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.generalised import _GeneralisedRegressor
from softreg_fast.losses import Loss, NegativeBinomial, Poisson
from softreg_fast.losses.negative_binomial import best_theta, largest_theta
from softreg_fast.options.choices import Missing, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Bounds, Vector
from softreg_fast.paths.convergence import level_of_caller
from softreg_fast.paths.result import Solution
from softreg_fast.solvers.problem import Problem

PROFILE = "profile"  # the value of theta that asks for an estimate

MOST_ROUNDS = 100

# Change of log theta that is rounding.
SMALLEST_STEP = 1e-9


class NegativeBinomialRegressor(_GeneralisedRegressor):
    """Regression of counts that vary more than Poisson's, with a log link.

    Minimises over w and b, with S the sum of the sample weights s,

        1/S sum_i s_i [ (y_i + theta) log(1 + exp(eta_i) / theta) - y_i eta_i ]
        + alpha * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ],

    where eta_i = x_i.w + b + offset_i is the logarithm of the mean mu, and the variance is
    mu + mu^2 / theta.

    Parameters
    ----------
    theta : float > 0 or "profile", default=1.0
        Size, the inverse of the overdispersion, as in R's MASS; statsmodels takes 1 / theta.
        "profile": that of largest likelihood, in turns with the coefficients, as R's glm.nb has it.
        A path or a search has one theta: give `cv_path(loss=model.loss_)` that of all samples.
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
    theta_ : float
        Size of the fit.
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
    Venables, Ripley (2002), "Modern applied statistics with S", section 7.4; docs/mathematics.md,
    for the duality gap.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast import NegativeBinomialRegressor
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = NegativeBinomialRegressor(theta=2.0, alpha=0.0).fit(X, [1.0, 2.0, 4.0, 8.0])
    >>> model.predict([[4.0]]).round(3)
    array([16.])
    """

    @with_hints
    def __init__(
        self,
        theta: float | str = 1.0,
        *,
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
        self.theta = theta
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
        theta: Any = self.theta
        return NegativeBinomial(1.0 if theta == PROFILE else theta)

    def _fit_target(
        self, design: Design, target: Vector, offset: Any, start: Vector | None
    ) -> tuple[Solution, Problem]:
        if self.theta != PROFILE:
            return super()._fit_target(design, target, offset, start)
        settled = max(0.1 * np.sqrt(self._gap_tol), SMALLEST_STEP)
        loss: Any = Poisson()
        best = np.nan
        for _ in range(MOST_ROUNDS):
            last = best
            found, problem = self._solve(design.with_target(target, loss, offset), start)
            counts, start = problem.target, found.coef
            eta = counts.predictors_of(slice(None), design.X @ found.coef + found.intercept)
            best = best_theta(counts.y, eta, counts.weight)
            if best == last or abs(np.log(best) - np.log(last)) <= settled:
                break
            loss = NegativeBinomial(min(best, largest_theta(counts.y, counts.weight)))
        else:
            self._say(f"theta did not settle in {MOST_ROUNDS} rounds; use a larger alpha")
        if np.isinf(best):
            self._say(
                "The counts vary no more than Poisson's, so that the best theta is infinite; "
                f"{loss.theta:.3g} stands for it. PoissonRegressor is the model without theta"
            )
        return found, problem

    @staticmethod
    def _say(what: str) -> None:
        warnings.warn(f"{what}.", ConvergenceWarning, stacklevel=level_of_caller())

    def _keep(self, found: Solution, dtype: Any) -> None:
        super()._keep(found, dtype)
        loss: Any = self.loss_
        self.theta_ = loss.theta
