"""QuantileRegressor and QuantileRegressorCV as scikit-learn estimators."""

from __future__ import annotations

from typing import Any, get_args

from numpy.typing import ArrayLike
from sklearn.metrics import r2_score

from softreg_fast.data.design import Design
from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.generalised import _GeneralisedRegressor
from softreg_fast.estimators.searched import _SearchedRegressor
from softreg_fast.losses import Loss, Quantile
from softreg_fast.options.choices import Missing, QuantileSolver, Rule, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import Bounds, Folds, MatrixLike
from softreg_fast.solvers.problem import Problem

# scikit-learn's solver names, all of which stand for the solver here
SOLVERS: tuple[QuantileSolver, ...] = get_args(QuantileSolver)


class _QuantileModel(_GeneralisedRegressor):
    """Base of both: the loss, and R squared as the score."""

    quantile: float

    def _loss(self) -> Loss:
        number = check_number("quantile", self.quantile, low=0.0, low_open=True)
        if number >= 1.0:
            raise ValueError(f"quantile must be a number in (0, 1), got {self.quantile!r}.")
        return Quantile(number)

    def score(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """Return R squared, as in scikit-learn; `sklearn.metrics.d2_pinball_score` is the other.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features; a frame must have the columns of the fit in their order.
        y : array-like (n_samples,)
            The observed targets.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights >= 0, not all 0. None: all equal.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, if the model was fitted with one.

        Returns
        -------
        float
        """
        return float(r2_score(y, self.predict(X, offset), sample_weight=sample_weight))


class QuantileRegressor(_QuantileModel):
    """Linear regression of a quantile, with scikit-learn's parameters.

    Minimises over w and b, with S the sum of the sample weights s,

        1/S sum_i s_i rho(y_i - eta_i)
        + alpha * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ],
        rho(r) = quantile * r for r >= 0, (quantile - 1) * r below,

    where eta_i = x_i.w + b + offset_i. The minimiser may not be unique, which is in the nature of
    quantiles: another solver's coefficients may then differ, though not its objective.

    Parameters
    ----------
    quantile : float in (0, 1), default=0.5
        The quantile that is fitted; 0.5 is the median.
    alpha : float >= 0, default=1.0
        Strength of the penalty; 0 is none. The default is scikit-learn's for such models.
    l1_ratio : float in [0, 1], default=1.0
        Share of the L1 penalty: 1, the only one that scikit-learn has here, is the Lasso's, 0 is
        ridge's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    solver : str, default="highs"
        Accepted for compatibility, if it is one of scikit-learn's names: one solver fits all.
    solver_options : dict or None, default=None
        Accepted for compatibility: they are for scikit-learn's solvers.
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
    Koenker and Bassett (1978), "Regression quantiles", Econometrica 46; Belloni and Chernozhukov
    (2011), "L1-penalized quantile regression in high-dimensional sparse models", Ann. Statist. 39.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast import QuantileRegressor
    >>> X = np.arange(6.0)[:, None]
    >>> y = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 50.0])
    >>> QuantileRegressor(quantile=0.5, alpha=0.0).fit(X, y).coef_.round(6)
    array([1.])
    """

    @with_hints
    def __init__(
        self,
        *,
        quantile: float = 0.5,
        alpha: float = 1.0,
        l1_ratio: float = 1.0,
        fit_intercept: bool = True,
        solver: QuantileSolver = "highs",
        solver_options: dict[str, Any] | None = None,
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
        self.quantile = quantile
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.solver_options = solver_options
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
        if self.solver not in SOLVERS:
            raise ValueError(
                f"solver must be one of {', '.join(map(repr, SOLVERS))}; got {self.solver!r}. (It "
                "is accepted for compatibility: one solver fits all.)"
            )
        return super()._loss()


class QuantileRegressorCV(_QuantileModel, _SearchedRegressor):
    """Quantile regression with alpha chosen by cross-validation.

    The objective is that of `QuantileRegressor`, and models are compared by the mean pinball loss
    of the samples left out. `cv_path` documents how folds are fitted and compared.

    Parameters
    ----------
    quantile : float in (0, 1), default=0.5
        The quantile that is fitted; 0.5 is the median.
    eps : float in (0, 1], default=1e-2
        Ratio of the smallest alpha to the largest.
    alphas : int or array-like (n_alphas,), default=100
        Number of alphas, evenly spaced in the logarithm, or their values.
    l1_ratio : float in [0, 1], default=1.0
        Share of the L1 penalty: 1, the only one that scikit-learn has here, is the Lasso's, 0 is
        ridge's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    cv : int, splitter, iterable of (train, test) or None, default=None
        As in scikit-learn: an int is the number of folds, blocks of samples in their order; None is
        5 of them. A splitter such as KFold(5, shuffle=True) draws the folds at random.
    n_jobs : int or None, default=None
        Number of threads, if n_threads is None: scikit-learn's name for it.
    rule : {"min", "1se"}, default="min"
        "min": the alpha with the smallest mean error over the folds. "1se": the largest alpha whose
        mean error is within one standard error of that.
    max_iter : int or None, default=100_000
        Largest number of epochs, passes over the features; None: 100,000. The default is a limit
        for fits that do not converge; others need far fewer.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol^2 (at least 1e-14) times the mean deviance
        of the model without features: scikit-learn's tol, whose default this is, is for a gradient,
        with whose square the gap scales.
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
    alpha_ : float
        The chosen alpha.
    alphas_ : ndarray (n_alphas,)
        The alphas tried, falling.
    cv_path_ : CVPath
        Full result: both rules, errors of the folds, out-of-fold predictions.
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

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import QuantileRegressorCV
    >>> model = QuantileRegressorCV(alphas=20).fit(*load_diabetes(return_X_y=True))
    >>> bool(model.alpha_ < model.alphas_[0])
    True
    """

    @with_hints
    def __init__(
        self,
        *,
        quantile: float = 0.5,
        eps: float = 1e-2,
        alphas: int | ArrayLike = 100,
        l1_ratio: float = 1.0,
        fit_intercept: bool = True,
        cv: Folds | None = None,
        n_jobs: int | None = None,
        rule: Rule = "min",
        max_iter: int | None = 100_000,
        tol: float = 1e-4,
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
        self.quantile = quantile
        self.eps = eps
        self.alphas = alphas
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.n_jobs = n_jobs
        self.rule = rule
        self.max_iter = max_iter
        self.tol = tol
        self.l1_weights = l1_weights
        self.l2_weights = l2_weights
        self.positive = positive
        self.bounds = bounds
        self.standardize = standardize
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def _problems(self, design: Design) -> list[Problem]:
        return [self._problem(design, self._penalty_of(1.0, self.l1_ratio))]
