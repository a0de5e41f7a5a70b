"""LassoCV: a scikit-learn estimator that chooses alpha."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.elastic_net_cv import ElasticNetCV
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.options.choices import Criterion, Missing, Rule, Selection, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Bounds, Eps, Folds, Precompute, RandomState, Scoring
from softreg_fast.paths.sklearn_paths import lasso_path


class LassoCV(ElasticNetCV):
    """Lasso with alpha chosen by cross-validation.

    The objective is that of `Lasso`: with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + alpha * sum_j l1_weights_j |w_j|

    `cv_path` documents how folds are fitted and compared.

    Parameters
    ----------
    eps : float in (0, 1] or "auto", default=1e-3
        Ratio of the smallest alpha to alpha_max, the smallest alpha at which all coefficients are
        0. The default is scikit-learn's. "auto" extends the grid while the error falls, as in
        `cv_path`.
    alphas : int, array-like (n_alphas,) or None, default=100
        Number of alphas, evenly spaced in the logarithm, or their values. None: `n_alphas`, or 100.
        The default is scikit-learn's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    precompute : bool, "auto" or array-like (n_features, n_features), default="auto"
        Build the Gram matrix X'X of all features first; "auto", the default as in scikit-learn,
        decides by the shape of X. A given matrix is used for the fit to all samples.
    max_iter : int or None, default=1000
        Largest number of epochs, passes over the features, at one alpha. The default is
        scikit-learn's; None: 100,000.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol * ||y - mean(y)||^2, in the sum form of the
        objective. The default is scikit-learn's.
    copy_X : bool, default=True
        Accepted for compatibility: X is never modified, so a copy is never needed.
    cv : int, splitter, iterable of (train, test) or None, default=None
        As in scikit-learn: an int is the number of folds, blocks of samples in their order; None is
        5 of them. A splitter such as KFold(5, shuffle=True) draws the folds at random.
    verbose : bool or int, default=False
        Show one bar over folds and alphas (needs tqdm), on a terminal or in a notebook.
    n_jobs : int or None, default=None
        Number of threads, if n_threads is None: scikit-learn's name for it.
    positive : bool, default=False
        Constrain every coefficient to be >= 0.
    random_state : int, RandomState or None, default=None
        Accepted for compatibility; the optimum does not depend on the order of descent.
    selection : {"cyclic", "random"}, default="cyclic"
        Accepted for compatibility; the optimum does not depend on the order of descent.
    l1_weights : float, array-like (n_features,), dict, Series or None, default=None
        Relative strength of the L1 penalty on each feature, >= 0. 0: not penalised; inf: excluded,
        the coefficient is 0; None: all 1. A dict or a pandas Series is matched by feature name;
        features not named in it have 1.
    l2_weights : float, array-like (n_features,), dict, Series or None, default=None
        Without effect, as there is no L2 penalty, except that inf excludes a feature.
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
    criterion : {"aic", "aicc", "bic", "ebic", "gcv"} or None, default=None
        Choose by an information criterion, or by generalised cross-validation, instead of folds;
        `model_selection.criteria` has the formulas.
    noise_variance : float > 0 or None, default=None
        Variance of y about its mean given X, in the squared unit of y, for the criterion. None:
        estimated as in `cv_path`.
    relax : bool or array-like of gammas in [0, 1], default=False
        Also try blends of the Lasso fits with unpenalised fits on their supports, as in `cv_path`.
    patience : int or None, default=None
        Leave the grid after this many alphas without a smaller mean error; `mse_path_` is NaN
        there. None: fit the whole grid.
    alpha_per_target : bool, default=False
        Fit one model per column of a two-dimensional y, each with its own alpha. False: such a y is
        an error, as in scikit-learn.
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.
    n_alphas : int or None, default=None
        Number of alphas if `alphas` gives no values: the name used by scikit-learn before 1.9.
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
    coef_ : ndarray (n_features,), or (n_targets, n_features) with alpha_per_target
        Coefficients of the model fitted to all samples, in units of y per unit of X.
    intercept_ : float, or ndarray (n_targets,) with alpha_per_target
        Intercept, in the unit of y; 0.0 without one.
    dual_gap_ : float, or ndarray (n_targets,) with alpha_per_target
        Upper bound on the distance of the objective from its minimum, in the objective's unit.
    n_iter_ : int, or list of int with alpha_per_target
        Number of epochs of the fit to all samples.
    alphas_ : ndarray (n_alphas,), or (n_targets, n_alphas) with alpha_per_target
        The alphas tried, falling.
    mse_path_ : ndarray (n_alphas, n_folds), or (n_targets, n_alphas, n_folds) with alpha_per_target
        Mean squared errors on the test samples, in the squared unit of y; minus the scores if
        `scoring` is given.
    gamma_ : float, or ndarray (n_targets,) with alpha_per_target
        The chosen blend, only with relax: 1 is the Lasso, 0 the unpenalised fit on its support.
    coef_path_ : csc_array (n_features, n_alphas), or a list with alpha_per_target
        Coefficients of the path on all samples.
    cv_path_ : CVPath, or a list with alpha_per_target
        Full result: both rules, the folds' paths, out-of-fold predictions; and its `note` if the
        last alpha of the grid was the best, about which the estimator does not warn.
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
    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent", J. Stat. Software 33(1), for paths. Breiman, Friedman, Olshen, Stone
    (1984), "Classification and Regression Trees", for the rule of one standard error.
    docs/mathematics.md, section 10, for the folds.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import LassoCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = LassoCV(cv=10).fit(X, y)
    >>> round(model.score(X, y), 2)
    0.51
    """

    l1_ratio = 1.0

    path = staticmethod(lasso_path)

    @with_hints
    def __init__(
        self,
        *,
        eps: Eps = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        precompute: Precompute = "auto",
        max_iter: int = 1000,
        tol: float = 1e-4,
        copy_X: bool = True,
        cv: Folds | None = None,
        verbose: bool | int = False,
        n_jobs: int | None = None,
        positive: bool = False,
        random_state: RandomState | None = None,
        selection: Selection = "cyclic",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        bounds: Bounds | None = None,
        standardize: bool = False,
        rule: Rule = "min",
        scoring: Scoring | None = None,
        criterion: Criterion | None = None,
        noise_variance: float | None = None,
        relax: bool | ArrayLike = False,
        patience: int | None = None,
        alpha_per_target: bool = False,
        n_threads: int | None = None,
        n_alphas: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
    ) -> None:
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.copy_X = copy_X
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.positive = positive
        self.random_state = random_state
        self.selection = selection
        self.l1_weights = l1_weights
        self.l2_weights = l2_weights
        self.bounds = bounds
        self.standardize = standardize
        self.rule = rule
        self.scoring = scoring
        self.criterion = criterion
        self.noise_variance = noise_variance
        self.relax = relax
        self.patience = patience
        self.alpha_per_target = alpha_per_target
        self.n_threads = n_threads
        self.n_alphas = n_alphas
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def _keep_search(self, found: list[CVPath], single: bool) -> None:
        super()._keep_search(found, single)
        del self.l1_ratio_
