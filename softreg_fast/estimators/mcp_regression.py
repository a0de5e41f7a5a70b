"""MCPRegression and MCPRegressionCV as scikit-learn estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from softreg_fast.estimators.penalised import _PenalisedRegressor, _PenalisedSearch
from softreg_fast.options.choices import Missing, Rule, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Bounds, Eps, Folds
from softreg_fast.penalties import MCP


class MCPRegression(_PenalisedRegressor):
    """Linear regression with MCP, which does not shrink large coefficients.

    Minimises over w and b, with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - eta_i)^2 + sum_j phi_j(w_j),    eta_i = x_i.w + b + offset_i,
        phi_j'(w) = alpha * v_j - q_j w / gamma  for w > 0, and 0 where that is negative,

    and q_j the curvature of the loss along column j, its mean square about its mean, so that gamma
    means the same in any unit of X. The objective is not convex: the fit is a stationary point, to
    rounding, which descent and Newton steps reach from 0 or from the last fit, and
    `locally_convex_` says whether there is no other one on its support.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
        Strength of the penalty, by which its own is multiplied; > 0 where that is not convex.
    gamma : float > 0, default=3.0
        Where the penalty becomes constant: the smaller, the less are large coefficients shrunk, and
        the more stationary points there are. Up to 1 the step of a single coefficient is hard
        thresholding.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    max_iter : int or None, default=100_000
        Largest number of epochs, passes over the features; None: 100,000. The default is a limit
        for fits that do not converge; others need far fewer.
    tol : float, default=1e-6
        The fit ends when the duality gap is at most tol times the mean deviance of the model
        without features, as in `solve`. With penalties that are not convex fits are stationary to
        rounding whatever tol.
    warm_start : bool, default=False
        Start from the coefficients of the last fit, matched by feature name if both have names.
    penalty_weights : array-like (n_features,) or None, default=None
        The v_j, factors >= 0 of the strength of each feature; 0: not penalised. None: all 1.
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
        loss; for losses that are not convex the distance from stationarity, for penalties that are
        not the largest one of a slope, relative to alpha.
    locally_convex_ : bool or None
        With such penalties, whether the objective is convex on the support of the fit; None: there
        is a duality gap.
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
    Zhang (2010), "Nearly unbiased variable selection under minimax concave penalty", Annals of
    Statistics 38(2); docs/mathematics.md, section 18.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import MCPRegression
    >>> model = MCPRegression(alpha=0.5).fit(*load_diabetes(return_X_y=True))
    >>> int((model.coef_ != 0.0).sum())
    2
    """

    @with_hints
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        gamma: float = 3.0,
        fit_intercept: bool = True,
        max_iter: int | None = 100_000,
        tol: float = 1e-6,
        warm_start: bool = False,
        penalty_weights: ArrayLike | None = None,
        positive: bool = False,
        bounds: Bounds | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
    ) -> None:
        self.alpha = alpha
        self.gamma = gamma
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.penalty_weights = penalty_weights
        self.positive = positive
        self.bounds = bounds
        self.standardize = standardize
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def _given(self) -> Any:
        return MCP(gamma=self.gamma, weights=self.penalty_weights, positive=self.positive)


class MCPRegressionCV(_PenalisedSearch):
    """`MCPRegression` with alpha, and gamma if several are given, chosen by cross-validation.

    `cv_path` documents how folds are fitted and compared.

    Parameters
    ----------
    gamma : float > 0 or array-like of them, default=3.0
        As in `MCPRegression`; of several the best is chosen with alpha.
    eps : float in (0, 1] or "auto", default="auto"
        Ratio of the smallest alpha to alpha_max, the smallest alpha at which all coefficients are
        0. "auto" extends the grid while the error falls, as in `cv_path`.
    alphas : int or array-like (n_alphas,), default=100
        Number of alphas, evenly spaced in the logarithm, or their values.
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
    tol : float, default=1e-6
        The fit ends when the duality gap is at most tol times the mean deviance of the model
        without features, as in `solve`. With penalties that are not convex fits are stationary to
        rounding whatever tol.
    penalty_weights : array-like (n_features,) or None, default=None
        The v_j, factors >= 0 of the strength of each feature; 0: not penalised. None: all 1.
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
    gamma_ : float
        The chosen gamma.
    penalty_ : object of softreg_fast.penalties
        The chosen penalty.
    alphas_ : ndarray (n_alphas,)
        The alphas tried, falling, with the chosen penalty.
    cv_path_ : CVPath
        Full result: both rules, the folds' paths and errors, and its `note` if the last alpha of
        the grid was the best, about which the estimator does not warn.
    coef_ : ndarray (n_features,)
        Coefficients, in units of the linear predictor per unit of X; for float32 data rounded to
        float32.
    intercept_ : float
        Intercept, in the unit of the linear predictor; 0.0 without one.
    dual_gap_ : float
        Upper bound on the distance of the objective from its minimum, in the units of the mean
        loss; for losses that are not convex the distance from stationarity, for penalties that are
        not the largest one of a slope, relative to alpha.
    locally_convex_ : bool or None
        With such penalties, whether the objective is convex on the support of the fit; None: there
        is a duality gap.
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
    Zhang (2010), "Nearly unbiased variable selection under minimax concave penalty", Annals of
    Statistics 38(2); docs/mathematics.md, section 18.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import MCPRegressionCV
    >>> model = MCPRegressionCV(gamma=[2.5, 3.0, 10.0]).fit(*load_diabetes(return_X_y=True))
    >>> model.gamma_
    3.0
    """

    @with_hints
    def __init__(
        self,
        *,
        gamma: Any = 3.0,
        eps: Eps = "auto",
        alphas: int | ArrayLike = 100,
        fit_intercept: bool = True,
        cv: Folds | None = None,
        n_jobs: int | None = None,
        rule: Rule = "min",
        max_iter: int | None = 100_000,
        tol: float = 1e-6,
        penalty_weights: ArrayLike | None = None,
        positive: bool = False,
        bounds: Bounds | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
    ) -> None:
        self.gamma = gamma
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.n_jobs = n_jobs
        self.rule = rule
        self.max_iter = max_iter
        self.tol = tol
        self.penalty_weights = penalty_weights
        self.positive = positive
        self.bounds = bounds
        self.standardize = standardize
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def _given(self) -> Any:
        settings: Any = {"weights": self.penalty_weights, "positive": self.positive}
        several = np.atleast_1d(np.asarray(self.gamma)).tolist()
        return [MCP(gamma=gamma, **settings) for gamma in several]

    @property
    def gamma_(self) -> float:
        """The chosen gamma."""
        return float(self.penalty_.gamma)
