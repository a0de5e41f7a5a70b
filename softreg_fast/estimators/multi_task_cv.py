"""MultiTaskElasticNetCV and MultiTaskLassoCV: alpha chosen for several targets together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.design import Design, MultiTaskDesign
from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.base import matrix_of_targets
from softreg_fast.estimators.elastic_net_cv import ElasticNetCV
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.options.hints import with_hints
from softreg_fast.paths.sklearn_paths import enet_path, lasso_path


class MultiTaskElasticNetCV(ElasticNetCV):
    """Elastic net of several targets with alpha, and l1_ratio if several are given, chosen by
    cross-validation.

    The objective is that of `MultiTaskElasticNet`: with w_j the coefficients of feature j for all
    tasks and S the sum of the sample weights s,

        1/(2S) sum_i s_i ||y_i - W x_i - b||^2 + alpha * sum_j [
            l1_ratio * l1_weights_j ||w_j|| + (1 - l1_ratio) / 2 * l2_weights_j ||w_j||^2 ]

    `cv_path` documents how folds are fitted and compared.

    Attributes
    ----------
    alpha_
    l1_ratio_
    coef_
    intercept_
    dual_gap_
    n_iter_
    alphas_
    mse_path_
    coef_path_
    cv_path_
    n_features_in_
    feature_names_in_
    sparse_coef_

    Raises
    ------
    ValueError, TypeError

    Warns
    -----
    ConvergenceWarning

    References
    ----------
    Obozinski, Taskar, Jordan (2010), "Joint covariate selection and joint subspace selection for
    multiple classification problems", Stat. Comput. 20, for the penalty; docs/mathematics.md,
    section 12, for the solver.

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

    The objective is that of `MultiTaskLasso`: with w_j the coefficients of feature j for all tasks
    and S the sum of the sample weights s,

        1/(2S) sum_i s_i ||y_i - W x_i - b||^2 + alpha * sum_j l1_weights_j ||w_j||

    `cv_path` documents how folds are fitted and compared.

    Attributes
    ----------
    alpha_
    coef_
    intercept_
    dual_gap_
    n_iter_
    alphas_
    mse_path_
    coef_path_
    cv_path_
    n_features_in_
    feature_names_in_
    sparse_coef_

    Raises
    ------
    ValueError, TypeError

    Warns
    -----
    ConvergenceWarning

    References
    ----------
    Obozinski, Taskar, Jordan (2010), "Joint covariate selection and joint subspace selection for
    multiple classification problems", Stat. Comput. 20, for the penalty; docs/mathematics.md,
    section 12, for the solver.

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
