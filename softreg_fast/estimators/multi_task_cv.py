"""MultiTaskElasticNetCV and MultiTaskLassoCV: alpha chosen for several targets together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.design import Design, MultiTaskDesign
from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.base import matrix_of_targets
from softreg_fast.estimators.elastic_net_cv import ElasticNetCV
from softreg_fast.model_selection.cv import CVPath
from softreg_fast.options.hints import with_hints
from softreg_fast.paths.path import enet_path, lasso_path


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
        return matrix_of_targets(self, y)

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
