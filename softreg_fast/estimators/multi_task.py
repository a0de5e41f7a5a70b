"""scikit-learn estimators for several targets that select their features jointly."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.design import Design, MultiTaskDesign
from softreg_fast.data.names import PerFeature
from softreg_fast.data.validation import as_targets
from softreg_fast.estimators.base import order_of_descent
from softreg_fast.estimators.regressors import ElasticNet
from softreg_fast.estimators.regressors_cv import ElasticNetCV
from softreg_fast.model_selection.cv import CVPath
from softreg_fast.options.hints import with_hints
from softreg_fast.paths.path import enet_path, lasso_path, solve_design, warn_not_converged
from softreg_fast.paths.result import Solution, is_alarm
from softreg_fast.penalties.vectors import Penalty


def _matrix_of_targets(estimator: Any, y: ArrayLike | None) -> NDArray[np.float64]:
    targets = as_targets(y)
    if targets.ndim == 1:
        name = type(estimator).__name__.removeprefix("MultiTask")
        raise ValueError(
            f"For mono-task outputs, use {name}; y has shape {targets.shape}, expected a column "
            "for each task."
        )
    return targets


class MultiTaskElasticNet(ElasticNet):
    """Elastic net of several targets with a penalty on the norm of each feature's coefficients.

    With w_j the coefficients of feature j for all tasks and S the sum of the sample weights s,

        1/(2S) sum_i s_i ||y_i - W x_i - b||^2 + alpha * sum_j [
            l1_ratio * l1_weights_j ||w_j|| + (1 - l1_ratio) / 2 * l2_weights_j ||w_j||^2 ]

    is minimised, which is scikit-learn's objective where all weights are 1. A feature is in the
    models of all tasks or in none.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
    l1_ratio : float in [0, 1], default=0.5
    fit_intercept : bool, default=True
    copy_X : bool, default=True
        Accepted for compatibility: X is never modified, so a copy is never needed.
    max_iter : int or None, default=1000
        Largest number of epochs; None: 100,000.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol * ||Y - mean(Y)||^2, in the sum form.
    warm_start : bool, default=False
        Start from the coefficients of the last fit.
    random_state, selection
        Accepted for compatibility; the optimum does not depend on the order of descent.
    l1_weights, l2_weights : array-like (n_features,), dict, Series or None
        0: not penalised; inf: excluded; None: all 1. A dict or a Series is matched by feature name;
        features not named in it have 1.
    standardize : bool, default=False
        Penalise as if every column had unit variance; coefficients stay in the units of X.
    n_threads : int or None
        None: all cores if the work is large enough.

    Attributes
    ----------
    coef_ : ndarray (n_tasks, n_features)
    intercept_ : ndarray (n_tasks,); 0.0 without an intercept
    dual_gap_ : float
        Upper bound on the distance of the objective from its minimum.
    eps_ : float
        tol * ||Y - mean(Y)||^2, weighted: the tolerance for n_samples * dual_gap_.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str, if X had names
    sparse_coef_ : csr_matrix

    Warns
    -----
    ConvergenceWarning
        If the gap is larger than the tolerance.

    References
    ----------
    Obozinski, Taskar, Jordan (2010), "Joint covariate selection and joint subspace selection for
    multiple classification problems", Stat. Comput. 20, for the penalty; docs/mathematics.md,
    section 12, for the solver.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from softreg_fast import MultiTaskElasticNet
    >>> X, Y = load_linnerud(return_X_y=True)
    >>> MultiTaskElasticNet(alpha=1.0).fit(X, Y).coef_.shape
    (3, 3)
    """

    positive = False
    bounds = None
    precompute = "auto"

    path = staticmethod(enet_path)

    _design_type = MultiTaskDesign

    @with_hints
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = 1000,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.selection = selection
        self.l1_weights = l1_weights
        self.l2_weights = l2_weights
        self.standardize = standardize
        self.n_threads = n_threads

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        check_input: bool = True,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like or sparse (n_samples, n_features)
        y : array-like (n_samples, n_tasks)
        sample_weight : array-like (n_samples,), number or None
        check_input : bool, default=True
            Accepted for compatibility: input is always checked.

        Returns
        -------
        self
        """
        design = self._design(X, y, sample_weight, self.n_threads)
        design = design.with_target(_matrix_of_targets(self, y))
        fit = self._fit_target(design, self.alpha, self._start_of(design))
        # Stored together, so that an interrupted fit leaves the previous one intact.
        self._keep_features(X, y, design.n_features)
        self._keep([fit], single=True, dtype=design.X.dtype)
        self.eps_ = fit.tol * design.n_samples
        if is_alarm(fit.status):
            warn_not_converged([fit.gap], [fit.tol], [fit.status], self._most_iterations)
        return self

    def _start_of(self, design: Design) -> NDArray[np.float64] | None:
        coef = self._last_coef(design)
        return coef if coef is not None and len(coef) == design.y.shape[1] else None

    def _fit_target(
        self, design: Design, alpha: Any, coef_init: NDArray[np.float64] | None
    ) -> Solution:
        order_of_descent(self.selection, self.random_state)  # raises if they are invalid
        return solve_design(
            design,
            Penalty(alpha, self.l1_ratio, self.l1_weights, self.l2_weights),
            solver="auto",
            precompute=self.precompute,
            tol=self.tol,
            max_iter=self._most_iterations,
            coef_init=coef_init,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        return tags


class MultiTaskLasso(MultiTaskElasticNet):
    """Lasso of several targets with a penalty on the norm of each feature's coefficients.

    With w_j the coefficients of feature j for all tasks and S the sum of the sample weights s,

        1/(2S) sum_i s_i ||y_i - W x_i - b||^2 + alpha * sum_j l1_weights_j ||w_j||

    is minimised. Parameters, attributes and warnings are those of `MultiTaskElasticNet` with
    l1_ratio=1.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from softreg_fast import MultiTaskLasso
    >>> X, Y = load_linnerud(return_X_y=True)
    >>> MultiTaskLasso(alpha=100.0).fit(X, Y).coef_.any(axis=0).tolist()
    [False, True, True]
    """

    l1_ratio = 1.0

    path = staticmethod(lasso_path)

    @with_hints
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = 1000,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.selection = selection
        self.l1_weights = l1_weights
        self.l2_weights = l2_weights
        self.standardize = standardize
        self.n_threads = n_threads


class MultiTaskElasticNetCV(ElasticNetCV):
    """Elastic net of several targets with alpha, and l1_ratio if several are given, chosen by
    cross-validation.

    The objective is that of `MultiTaskElasticNet`; `cv_path` documents how folds are fitted and
    compared.

    Parameters
    ----------
    l1_ratio : float in [0, 1] or array-like of them, default=0.5
    eps : float or "auto", default=1e-3
        The smallest alpha is alpha_max * eps. "auto" extends the grid while the error falls, as in
        `cv_path`.
    alphas : int or array-like, default=100
        Number of alphas, evenly spaced in the logarithm, or their values.
    fit_intercept : bool, default=True
    max_iter : int, default=1000
    tol : float, default=1e-4
        As in `MultiTaskElasticNet`.
    cv : int, splitter, iterable or None
        As in scikit-learn; None is 5 folds.
    copy_X : bool, default=True
        Accepted for compatibility: X is never modified, so a copy is never needed.
    verbose : bool or int, default=0
        Show one bar over folds and alphas (needs tqdm), on a terminal or in a notebook.
    n_jobs : int or None
        Number of threads, if n_threads is None.
    random_state, selection
        Accepted for compatibility; the optimum does not depend on the order of descent.
    l1_weights, l2_weights, standardize, n_threads
        As in `MultiTaskElasticNet`.
    n_alphas : int or None
        Number of alphas if `alphas` gives no values: the name used by scikit-learn before 1.9.
    rule : {"min", "1se"}, default="min"
        "1se": the largest alpha whose error is within one standard error of the smallest.
    scoring : str, callable or None
        A scikit-learn scorer instead of the mean squared error.
    patience : int or None
        Leave the grid after this many alphas without a smaller mean error; `mse_path_` is NaN
        there.

    Attributes
    ----------
    alpha_, l1_ratio_ : float
    coef_, intercept_, dual_gap_, n_iter_
        Of the model fitted to all samples, as in `MultiTaskElasticNet`.
    alphas_ : ndarray (n_alphas,) or (n_l1_ratios, n_alphas)
    mse_path_ : ndarray (n_l1_ratios, n_alphas, n_folds), without n_l1_ratios if that is 1
        Errors on the test samples, the mean over the tasks; minus the scores if `scoring` is given.
    coef_path_ : csc_array (n_features, n_alphas * n_tasks)
        Coefficients of the path on all samples, at l1_ratio_: the n_tasks columns of the first
        alpha, then those of the second, ...
    cv_path_ : CVPath
        Full result: both rules, the folds' paths, out-of-fold predictions; and its `note` if the
        last alpha of the grid was the best, about which the estimator does not warn.
    n_features_in_, feature_names_in_, sparse_coef_ : as in `MultiTaskElasticNet`

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from softreg_fast import MultiTaskElasticNetCV
    >>> X, Y = load_linnerud(return_X_y=True)
    >>> MultiTaskElasticNetCV(cv=4).fit(X, Y).mse_path_.shape
    (100, 4)
    """

    precompute = "auto"
    positive = False
    bounds = None
    criterion = None
    noise_variance = None
    relax = False
    alpha_per_target = False

    path = staticmethod(enet_path)

    _design_type = MultiTaskDesign

    @with_hints
    def __init__(
        self,
        *,
        l1_ratio: Any = 0.5,
        eps: float | str = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        cv: Any = None,
        copy_X: bool = True,
        verbose: bool | int = 0,
        n_jobs: int | None = None,
        random_state: Any = None,
        selection: str = "cyclic",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        standardize: bool = False,
        rule: str = "min",
        scoring: Any = None,
        patience: int | None = None,
        n_threads: int | None = None,
        n_alphas: int | None = None,
    ) -> None:
        self.l1_ratio = l1_ratio
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.copy_X = copy_X
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.selection = selection
        self.l1_weights = l1_weights
        self.l2_weights = l2_weights
        self.standardize = standardize
        self.rule = rule
        self.scoring = scoring
        self.patience = patience
        self.n_threads = n_threads
        self.n_alphas = n_alphas

    def _targets(self, y: ArrayLike | None) -> NDArray[np.float64]:
        return _matrix_of_targets(self, y)

    def _models(self, design: Design, targets: NDArray[np.float64]) -> tuple[list[Design], bool]:
        return [design.with_target(targets)], True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        return tags


class MultiTaskLassoCV(MultiTaskElasticNetCV):
    """Lasso of several targets with alpha chosen by cross-validation.

    Parameters and attributes are those of `MultiTaskElasticNetCV` with l1_ratio=1 (there is no
    `l1_ratio_`).

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from softreg_fast import MultiTaskLassoCV
    >>> X, Y = load_linnerud(return_X_y=True)
    >>> MultiTaskLassoCV(cv=4, rule="1se").fit(X, Y).coef_.shape
    (3, 3)
    """

    l1_ratio = 1.0

    path = staticmethod(lasso_path)

    @with_hints
    def __init__(
        self,
        *,
        eps: float | str = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        copy_X: bool = True,
        cv: Any = None,
        verbose: bool | int = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        selection: str = "cyclic",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        standardize: bool = False,
        rule: str = "min",
        scoring: Any = None,
        patience: int | None = None,
        n_threads: int | None = None,
        n_alphas: int | None = None,
    ) -> None:
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.copy_X = copy_X
        self.cv = cv
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.selection = selection
        self.l1_weights = l1_weights
        self.l2_weights = l2_weights
        self.standardize = standardize
        self.rule = rule
        self.scoring = scoring
        self.patience = patience
        self.n_threads = n_threads
        self.n_alphas = n_alphas

    def _keep_search(self, found: list[CVPath], single: bool) -> None:
        super()._keep_search(found, single)
        del self.l1_ratio_
