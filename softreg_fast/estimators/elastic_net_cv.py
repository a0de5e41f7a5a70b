"""ElasticNetCV: a scikit-learn estimator that chooses alpha and l1_ratio."""

from __future__ import annotations

import numbers
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.metadata_routing import MetadataRouter

from softreg_fast.data.coding import frame_of
from softreg_fast.data.design import Design
from softreg_fast.data.names import PerFeature
from softreg_fast.data.validation import as_targets
from softreg_fast.estimators.base import _LinearRegressor, order_of_descent
from softreg_fast.estimators.callbacks import CallbackSupportMixin, tasks_of, with_callbacks
from softreg_fast.estimators.routing import routed, router_to_splitter
from softreg_fast.model_selection.choice import Choice, choose, problems_for
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.model_selection.folds import pairs_of
from softreg_fast.options.choices import Criterion, Missing, Rule, Selection, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import (
    Bounds,
    Eps,
    Folds,
    MatrixLike,
    Precompute,
    RandomState,
    Scoring,
    Vector,
)
from softreg_fast.paths.sklearn_paths import enet_path
from softreg_fast.solvers.problem import Options, Problem


class ElasticNetCV(CallbackSupportMixin, _LinearRegressor):
    """Elastic net with alpha, and l1_ratio if several are given, chosen by cross-validation.

    The objective is that of `ElasticNet`: with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2
        + alpha * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ]

    `cv_path` documents how folds are fitted and compared.

    Parameters
    ----------
    l1_ratio : float in [0, 1] or array-like of them, default=0.5
        Share of the L1 penalty: 1 is the Lasso, 0 is ridge; the best of several is chosen with
        alpha. The default is scikit-learn's.
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
    cv : int, splitter, iterable of (train, test) or None, default=None
        As in scikit-learn: an int is the number of folds, blocks of samples in their order; None is
        5 of them. A splitter such as KFold(5, shuffle=True) draws the folds at random.
    copy_X : bool, default=True
        Accepted for compatibility: X is never modified, so a copy is never needed.
    verbose : bool or int, default=0
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
        Relative strength of the L2 penalty on each feature, >= 0. 0: not penalised; inf: excluded,
        the coefficient is 0; None: all 1. A dict or a pandas Series is matched by feature name;
        features not named in it have 1.
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
    l1_ratio_ : float, or ndarray (n_targets,) with alpha_per_target
        The chosen l1_ratio.
    coef_ : ndarray (n_features,), or (n_targets, n_features) with alpha_per_target
        Coefficients of the model fitted to all samples, in units of y per unit of X.
    intercept_ : float, or ndarray (n_targets,) with alpha_per_target
        Intercept, in the unit of y; 0.0 without one.
    dual_gap_ : float, or ndarray (n_targets,) with alpha_per_target
        Upper bound on the distance of the objective from its minimum, in the objective's unit.
    n_iter_ : int, or list of int with alpha_per_target
        Number of epochs of the fit to all samples.
    alphas_ : ndarray (n_alphas,) or (n_l1_ratios, n_alphas)
        The alphas tried, falling; one row for each l1_ratio if there are several and alphas gave no
        values. With alpha_per_target there is a first axis for the targets.
    mse_path_ : ndarray (n_alphas, n_folds) or (n_l1_ratios, n_alphas, n_folds)
        Mean squared errors on the test samples, in the squared unit of y; minus the scores if
        `scoring` is given. With alpha_per_target there is a first axis for the targets.
    gamma_ : float, or ndarray (n_targets,) with alpha_per_target
        The chosen blend, only with relax: 1 is the Lasso, 0 the unpenalised fit on its support.
    coef_path_ : csc_array (n_features, n_alphas), or a list with alpha_per_target
        Coefficients of the path on all samples, at l1_ratio_.
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
    >>> from softreg_fast import ElasticNetCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = ElasticNetCV(l1_ratio=[0.5, 0.9, 1.0], rule="1se").fit(X, y)
    >>> model.l1_ratio_
    1.0
    """

    # `| Any` stands for the arrays and lists of alpha_per_target
    alpha_: float | Any
    l1_ratio_: float | Any
    gamma_: float | Any
    alphas_: Vector
    mse_path_: Vector
    cv_path_: CVPath | Any
    coef_path_: Any

    path = staticmethod(enet_path)

    @with_hints
    def __init__(
        self,
        *,
        l1_ratio: Any = 0.5,
        eps: Eps = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        precompute: Precompute = "auto",
        max_iter: int = 1000,
        tol: float = 1e-4,
        cv: Folds | None = None,
        copy_X: bool = True,
        verbose: bool | int = 0,
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
        self.l1_ratio = l1_ratio
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

    @with_callbacks
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **params: Any,
    ) -> Self:
        """Choose alpha by cross-validation, then fit the model to all samples.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features, finite numbers.
        y : array-like (n_samples,) or (n_samples, n_targets), default=None
            The target, finite numbers; a matrix for the multi-task estimators or with
            alpha_per_target.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights >= 0 of training and test samples, not all 0. None: all equal.
        **params
            Options of the splitter: with metadata routing those that it requests, otherwise
            `groups`, if `cv` is an object with a method `split`.

        Returns
        -------
        self : the fitted estimator

        Raises
        ------
        ValueError, TypeError
            From `fit` and `predict`, for parameters or data that cannot be used; the message says
            what is expected. Making the object raises nothing but a TypeError for a parameter that
            does not exist.
        """
        order_of_descent(self.selection, self.random_state)  # raises if they are invalid
        if self.criterion is not None and self.cv is not None:
            raise ValueError(
                f"cv={self.cv!r} has no effect beside criterion={self.criterion!r}, which needs no "
                "folds; leave one of them out."
            )
        split, _ = routed(self, sample_weight, params)
        n_threads = self.n_jobs if self.n_threads is None else self.n_threads
        table = self._table(X, y, sample_weight)
        X, y, sample_weight, _ = table[:4]
        split = table.rows_of(split)
        design = self._design(X, y, sample_weight, n_threads)
        models, single = self._models(design, self._targets(y))
        found = self._searches(models, frame_of(X), y, split)
        self._keep_features(X, y, design.n_features)
        fits = [fits.path[fits.index] for fits in found]
        self._keep(fits, single, dtype=design.X.dtype)
        self._keep_search(found, single)
        return self

    def _targets(self, y: ArrayLike | None) -> NDArray[np.float64]:
        targets = as_targets(y)
        if self.alpha_per_target and targets.ndim == 2:
            return targets
        if targets.ndim > 1 and targets.shape[1] > 1:
            raise ValueError(
                f"For multi-task outputs, use MultiTask{type(self).__name__}, or "
                "alpha_per_target=True for independent models."
            )
        return targets if targets.ndim == 1 else np.asarray(column_or_1d(targets, warn=True))

    def _models(self, design: Design, targets: NDArray[np.float64]) -> tuple[list[Design], bool]:
        # one design per model to be chosen, and whether y is a single target
        return [design.with_target(t) for t in np.atleast_2d(targets.T)], targets.ndim == 1

    def _searches(self, each: list[Design], X: Any, y: Any, split: dict[str, Any]) -> list[CVPath]:
        # one search per model
        cv = self.cv if hasattr(self.cv, "split") or not np.iterable(self.cv) else list(self.cv)
        pairs = None if self.criterion else [pairs_of(cv, X, t.y, **split) for t in each]
        n_ratios = np.size(self.l1_ratio)
        n_paths = n_ratios if pairs is None else n_ratios * len(pairs[0]) + 1
        tasks = tasks_of(self, X, y, len(each) * n_paths)
        found = []
        for k, target in enumerate(each):
            tell = None if tasks is None else tasks.teller(f"target {k}, " if len(each) > 1 else "")
            found.append(self._search(target, None if pairs is None else pairs[k], tell))
        if tasks is not None:
            tasks.end()
        return found

    @property
    def _counted(self) -> bool:
        return isinstance(self._alphas_or_number, numbers.Integral)

    @property
    def _alphas_or_number(self) -> Any:
        # n_alphas is used only where the values of alphas are not given
        if self.alphas is None or (
            self.n_alphas is not None and isinstance(self.alphas, numbers.Integral)
        ):
            return 100 if self.n_alphas is None else self.n_alphas
        return self.alphas

    def _l1_weights_for(self, design: Design) -> Any:
        # the weights of a search on these samples
        return self.l1_weights

    def _problems(self, design: Design, options: Options) -> list[Problem]:
        # one problem for each penalty that is compared
        return problems_for(
            design,
            self.l1_ratio,
            options,
            l1_weights=self._l1_weights_for(design),
            l2_weights=self.l2_weights,
            positive=self.positive,
            bounds=self.bounds,
        )

    def _search(self, design: Design, pairs: list[Any] | None, watcher: Any) -> CVPath:
        if self._counted and np.any(np.equal(self.l1_ratio, 0.0)):
            raise ValueError(
                "Automatic alpha grid generation is not supported for l1_ratio=0. Please supply a "
                "grid by providing your estimator with the appropriate `alphas=` argument."
            )
        options = Options("auto", self.precompute, self.tol, self._most_iterations)
        problems = self._problems(design, options)
        choice = Choice(
            alphas=self._alphas_or_number,
            eps=self.eps,
            rule=self.rule,
            scoring=self.scoring,
            criterion=self.criterion,
            noise_variance=self.noise_variance,
            relax=self.relax,
            patience=self.patience,
            progress=bool(self.verbose),
            watcher=watcher,
        )
        return choose(problems, pairs, choice)

    def _keep_search(self, found: list[CVPath], single: bool) -> None:
        grids, errors = [], []
        for fits in found:
            one_grid = len(fits.l1_ratios) == 1 or not self._counted
            grids.append(fits.alphas[0] if one_grid else fits.alphas)
            errors.append(fits.errors[0] if len(fits.l1_ratios) == 1 else fits.errors)
        self.alpha_ = found[0].alpha if single else np.array([fits.alpha for fits in found])
        self.l1_ratio_ = (
            found[0].l1_ratio if single else np.array([fits.l1_ratio for fits in found])
        )
        if self.relax is not False:
            self.gamma_ = found[0].gamma if single else np.array([fits.gamma for fits in found])
        else:
            self.__dict__.pop("gamma_", None)
        self.alphas_ = grids[0] if single else _stacked(grids, axis=-1)
        self.mse_path_ = errors[0] if single else _stacked(errors, axis=-2)
        self.cv_path_ = found[0] if single else found
        self.coef_path_ = found[0].path.coefs if single else [fits.path.coefs for fits in found]

    def get_metadata_routing(self) -> MetadataRouter:
        """Return scikit-learn's metadata routing of `fit` parameters to the splitter.

        Returns
        -------
        MetadataRouter
        """
        return router_to_splitter(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = bool(self.alpha_per_target)
        return tags


def _stacked(arrays: list[NDArray[np.float64]], axis: int) -> NDArray[np.float64]:
    # stack arrays, padded with NaN where one has fewer alphas
    longest = max(a.shape[axis] for a in arrays)
    stacked = []
    for a in arrays:
        padding = [(0, 0)] * a.ndim
        padding[axis] = 0, longest - a.shape[axis]
        stacked.append(np.pad(a, padding, constant_values=np.nan))
    return np.array(stacked)
