"""LassoCV: a scikit-learn estimator that chooses alpha."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.elastic_net_cv import ElasticNetCV
from softreg_fast.model_selection.cv import CVPath
from softreg_fast.options.hints import with_hints
from softreg_fast.paths.path import lasso_path


class LassoCV(ElasticNetCV):
    """Lasso with alpha chosen by cross-validation.

    Parameters and attributes are those of `ElasticNetCV` with l1_ratio=1 (there is no
    `l1_ratio_`).

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
        eps: float | str = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        precompute: Any = "auto",
        max_iter: int = 1000,
        tol: float = 1e-4,
        copy_X: bool = True,
        cv: Any = None,
        verbose: bool | int = False,
        n_jobs: int | None = None,
        positive: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        bounds: Any = None,
        standardize: bool = False,
        rule: str = "min",
        scoring: Any = None,
        criterion: str | None = None,
        noise_variance: float | None = None,
        relax: bool | ArrayLike = False,
        patience: int | None = None,
        alpha_per_target: bool = False,
        n_threads: int | None = None,
        n_alphas: int | None = None,
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

    def _keep_search(self, found: list[CVPath], single: bool) -> None:
        super()._keep_search(found, single)
        del self.l1_ratio_
