"""PenalizedRegression and PenalizedRegressionCV as scikit-learn estimators."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from softreg_fast.estimators.penalised import _NestedPenalty, _PenalisedSearch
from softreg_fast.losses import Loss
from softreg_fast.options.choices import LossName, Missing, Rule, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Bounds, Eps, Folds
from softreg_fast.penalties import L1


class PenalizedRegression(_NestedPenalty):
    """Regression with any loss of one number per sample, and any penalty that `path` takes.

    Minimises over w and b, with S the sum of the sample weights s and Omega the penalty,

        1/S sum_i s_i loss(y_i, eta_i) + alpha * Omega(w),    eta_i = x_i.w + b + offset_i

    Settings of the penalty are parameters of the estimator, `penalty__gamma` and the like, in
    `get_params`, `set_params` and grids of scikit-learn's searches. Predictions are means of y;
    those of two classes, which y codes as 0 and 1, are probabilities of 1.

    Parameters
    ----------
    penalty : object of softreg_fast.penalties or None, default=None
        L1, L2, ElasticNet or NonNegative; under convex losses with a derivative any other but
        LHalf, GroupMCP and groups with an l2_ratio, which are for squared error; Tikhonov. alpha
        multiplies its strength. The gamma of MCP and the a of SCAD are in units of the loss's
        curvature along a column, in the model without features; the eps of LogSum is a coefficient
        of columns in which that is 1. None: L1().
    loss : Loss or str, default="squared"
        The loss between y and the linear predictor, or its name (`losses.as_loss` lists them), of
        one number per sample: not "multinomial" or "cox".
    alpha : float >= 0, default=1.0
        Strength of the penalty, by which its own is multiplied; > 0 where that is not convex.
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

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import PenalizedRegression
    >>> from softreg_fast.penalties import MCP
    >>> model = PenalizedRegression(MCP(gamma=5.0), alpha=0.5).fit(*load_diabetes(return_X_y=True))
    >>> model.set_params(penalty__gamma=2.0).penalty.gamma
    2.0
    """

    @with_hints
    def __init__(
        self,
        penalty: Any = None,
        *,
        loss: Loss | LossName = "squared",
        alpha: float = 1.0,
        fit_intercept: bool = True,
        max_iter: int | None = 100_000,
        tol: float = 1e-6,
        warm_start: bool = False,
        bounds: Bounds | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
    ) -> None:
        self.penalty = penalty
        self.loss = loss
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.bounds = bounds
        self.standardize = standardize
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def _given(self) -> Any:
        return L1() if self.penalty is None else self.penalty


class PenalizedRegressionCV(_NestedPenalty, _PenalisedSearch):
    """`PenalizedRegression` with alpha, and one of several penalties, chosen by cross-validation.

    `cv_path` documents how folds are fitted and compared.

    Parameters
    ----------
    penalty : object of softreg_fast.penalties, list of them, or None, default=None
        As in `PenalizedRegression`; of a list, such as MCPs of several gammas, that with the
        smallest mean error is chosen.
    loss : Loss or str, default="squared"
        The loss between y and the linear predictor, or its name (`losses.as_loss` lists them), of
        one number per sample: not "multinomial" or "cox".
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

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import PenalizedRegressionCV
    >>> from softreg_fast.penalties import L1, MCP
    >>> model = PenalizedRegressionCV([L1(), MCP(gamma=5.0)]).fit(*load_diabetes(return_X_y=True))
    >>> model.penalty_.kind
    'mcp'
    """

    @with_hints
    def __init__(
        self,
        penalty: Any = None,
        *,
        loss: Loss | LossName = "squared",
        eps: Eps = "auto",
        alphas: int | ArrayLike = 100,
        fit_intercept: bool = True,
        cv: Folds | None = None,
        n_jobs: int | None = None,
        rule: Rule = "min",
        max_iter: int | None = 100_000,
        tol: float = 1e-6,
        bounds: Bounds | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
    ) -> None:
        self.penalty = penalty
        self.loss = loss
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.n_jobs = n_jobs
        self.rule = rule
        self.max_iter = max_iter
        self.tol = tol
        self.bounds = bounds
        self.standardize = standardize
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def _given(self) -> Any:
        return L1() if self.penalty is None else self.penalty
