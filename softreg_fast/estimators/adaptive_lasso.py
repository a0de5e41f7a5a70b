"""AdaptiveLasso and AdaptiveLassoCV: the Lasso with weights from another fit to the samples."""

from __future__ import annotations

from typing import Any

from softreg_fast.data.design import Design
from softreg_fast.estimators.lasso import Lasso
from softreg_fast.estimators.lasso_cv import LassoCV
from softreg_fast.model_selection.adaptive import Rounds
from softreg_fast.options.choices import Criterion, Missing, Rule, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Bounds, Eps, Folds, Scoring, Vector


class AdaptiveLasso(Lasso):
    """Lasso whose weights shrink large coefficients of an earlier fit less than small ones.

    Minimises over w and b, with S the sum of the sample weights s and w0 the coefficients of the
    Lasso that `weight_criterion` chooses,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2
        + alpha * sum_j |w_j| / (|w0_j| + weight_eps)^gamma

    so that alpha is in other units than that of `Lasso`; `AdaptiveLassoCV` finds one.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
        Strength of the penalty; 0 is least squares. The default is scikit-learn's.
    gamma : float > 0, default=1.0
        Power of the weights. The default makes the fit independent of the units of the columns.
    weight_eps : float >= 0, default=0.0
        Added to |w0_j|, in its units. 0: a feature with w0_j = 0 is excluded. More lets it come
        back.
    n_rounds : int >= 1, default=1
        Number of times that weights are computed. Before each but the first, w0 is the model that
        `weight_criterion` chooses on the path with the weights so far.
    weight_criterion : {"aic", "aicc", "bic", "ebic", "gcv"}, default="bic"
        How w0 is chosen on its path, as by `criterion` of `cv_path`.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    max_iter : int or None, default=1000
        Largest number of epochs, passes over the features. The default is scikit-learn's; None:
        100,000.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol * ||y - mean(y)||^2, in the sum form of the
        objective. The default is scikit-learn's.
    warm_start : bool, default=False
        Start from the coefficients of the last fit, matched by feature name if both have names.
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
    coef_ : ndarray (n_features,) or (n_targets, n_features)
        Coefficients, in units of y per unit of X. Computed as accurately for float32 data as for
        float64, then rounded to float32 as in scikit-learn.
    intercept_ : float or ndarray (n_targets,)
        Intercept, in the unit of y; 0.0 without one.
    dual_gap_ : float or ndarray (n_targets,)
        Upper bound on the distance of the objective from its minimum, in the objective's unit.
    n_iter_ : int or list of int
        Number of epochs, of each target; 0 if warm_start began at the solution.
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
    Zou (2006), "The adaptive lasso and its oracle properties", JASA 101; Candes, Wakin, Boyd
    (2008), "Enhancing sparsity by reweighted l1 minimization", J. Fourier Anal. Appl. 14, for
    weight_eps.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import AdaptiveLasso
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = AdaptiveLasso(alpha=100.0).fit(X, y)
    >>> model.feature_names_in_[model.coef_ != 0].tolist()
    ['bmi', 'bp', 's5']
    """

    precompute = False
    copy_X = True
    random_state = None
    selection = "cyclic"
    l1_weights = None
    l2_weights = None

    @with_hints
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        gamma: float = 1.0,
        weight_eps: float = 0.0,
        n_rounds: int = 1,
        weight_criterion: Criterion = "bic",
        fit_intercept: bool = True,
        max_iter: int | None = 1000,
        tol: float = 1e-4,
        warm_start: bool = False,
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
        self.weight_eps = weight_eps
        self.n_rounds = n_rounds
        self.weight_criterion = weight_criterion
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.positive = positive
        self.bounds = bounds
        self.standardize = standardize
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def _l1_weights_for(self, design: Design) -> Vector:
        return _weights_of(self, design)


class AdaptiveLassoCV(LassoCV):
    """`AdaptiveLasso` with alpha chosen by cross-validation.

    The weights are those of all samples, in every fold, so that the errors of the folds are smaller
    than those of new samples, and are for the choice of alpha.

    Parameters
    ----------
    gamma : float > 0, default=1.0
        Power of the weights. The default makes the fit independent of the units of the columns.
    weight_eps : float >= 0, default=0.0
        Added to |w0_j|, in its units. 0: a feature with w0_j = 0 is excluded. More lets it come
        back.
    n_rounds : int >= 1, default=1
        Number of times that weights are computed. Before each but the first, w0 is the model that
        `weight_criterion` chooses on the path with the weights so far.
    weight_criterion : {"aic", "aicc", "bic", "ebic", "gcv"}, default="bic"
        How w0 is chosen on its path, as by `criterion` of `cv_path`.
    eps : float in (0, 1] or "auto", default=1e-3
        Ratio of the smallest alpha to alpha_max, the smallest alpha at which all coefficients are
        0. The default is scikit-learn's. "auto" extends the grid while the error falls, as in
        `cv_path`.
    alphas : int, array-like (n_alphas,) or None, default=100
        Number of alphas, evenly spaced in the logarithm, or their values. None: `n_alphas`, or 100.
        The default is scikit-learn's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    max_iter : int or None, default=1000
        Largest number of epochs, passes over the features, at one alpha. The default is
        scikit-learn's; None: 100,000.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol * ||y - mean(y)||^2, in the sum form of the
        objective. The default is scikit-learn's.
    cv : int, splitter, iterable of (train, test) or None, default=None
        As in scikit-learn: an int is the number of folds, blocks of samples in their order; None is
        5 of them. A splitter such as KFold(5, shuffle=True) draws the folds at random.
    verbose : bool or int, default=False
        Show one bar over folds and alphas (needs tqdm), on a terminal or in a notebook.
    n_jobs : int or None, default=None
        Number of threads, if n_threads is None: scikit-learn's name for it.
    positive : bool, default=False
        Constrain every coefficient to be >= 0.
    bounds : (lower, upper), scipy.optimize.Bounds, dict or None, default=None
        Bounds of the coefficients, in the units of X. Lower and upper are numbers, arrays
        (n_features,), dicts or Series by feature name, or None for no bound. A single dict has
        pairs (lower, upper) by feature name; other features are unbounded.
    standardize : bool, default=False
        Penalise as if every column had unit variance, without an intercept unit mean square;
        coefficients and bounds stay in the units of X. The default is scikit-learn's behaviour.
    rule : {"min", "1se"}, default="min"
        "min": the alpha with the smallest mean error over the folds. "1se": the largest alpha whose
        mean error is within one standard error of that.
    scoring : str, callable or None, default=None
        A scikit-learn scorer instead of the mean squared error.
    alpha_per_target : bool, default=False
        Fit one model per column of a two-dimensional y, each with its own alpha. False: such a y is
        an error, as in scikit-learn.
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
    alpha_ : float, or ndarray (n_targets,) with alpha_per_target
        The chosen alpha.
    alphas_ : ndarray (n_alphas,), or (n_targets, n_alphas) with alpha_per_target
        The alphas tried, falling.
    mse_path_ : ndarray (n_alphas, n_folds), or (n_targets, n_alphas, n_folds) with alpha_per_target
        Mean squared errors on the test samples, in the squared unit of y; minus the scores if
        `scoring` is given.
    cv_path_ : CVPath, or a list with alpha_per_target
        Full result: both rules, the folds' paths, out-of-fold predictions; and its `note` if the
        last alpha of the grid was the best, about which the estimator does not warn.
    coef_path_ : csc_array (n_features, n_alphas), or a list with alpha_per_target
        Coefficients of the path on all samples.
    coef_ : ndarray (n_features,), or (n_targets, n_features) with alpha_per_target
        Coefficients of the model fitted to all samples, in units of y per unit of X.
    intercept_ : float, or ndarray (n_targets,) with alpha_per_target
        Intercept, in the unit of y; 0.0 without one.
    dual_gap_ : float, or ndarray (n_targets,) with alpha_per_target
        Upper bound on the distance of the objective from its minimum, in the objective's unit.
    n_iter_ : int, or list of int with alpha_per_target
        Number of epochs of the fit to all samples.
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
    Zou (2006), "The adaptive lasso and its oracle properties", JASA 101.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import AdaptiveLassoCV
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = AdaptiveLassoCV(rule="1se").fit(X, y)
    >>> model.feature_names_in_[model.coef_ != 0].tolist()
    ['sex', 'bmi', 'bp', 's3', 's5']
    """

    precompute = "auto"
    copy_X = True
    random_state = None
    selection = "cyclic"
    l1_weights = None
    l2_weights = None
    criterion = None
    noise_variance = None
    relax = False
    patience = None
    n_alphas = None

    @with_hints
    def __init__(
        self,
        *,
        gamma: float = 1.0,
        weight_eps: float = 0.0,
        n_rounds: int = 1,
        weight_criterion: Criterion = "bic",
        eps: Eps = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        cv: Folds | None = None,
        verbose: bool | int = False,
        n_jobs: int | None = None,
        positive: bool = False,
        bounds: Bounds | None = None,
        standardize: bool = False,
        rule: Rule = "min",
        scoring: Scoring | None = None,
        alpha_per_target: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
    ) -> None:
        self.gamma = gamma
        self.weight_eps = weight_eps
        self.n_rounds = n_rounds
        self.weight_criterion = weight_criterion
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.positive = positive
        self.bounds = bounds
        self.standardize = standardize
        self.rule = rule
        self.scoring = scoring
        self.alpha_per_target = alpha_per_target
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def _l1_weights_for(self, design: Design) -> Vector:
        return _weights_of(self, design)


def _weights_of(model: AdaptiveLasso | AdaptiveLassoCV, design: Design) -> Vector:
    rounds = Rounds(
        model.gamma,
        model.weight_eps,
        model.n_rounds,
        model.weight_criterion,
        model.positive,
        model.bounds,
    )
    return rounds.weights(design)
