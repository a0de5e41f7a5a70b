"""LassoCV: a scikit-learn estimator that chooses alpha."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.elastic_net_cv import ElasticNetCV
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.options.hints import with_hints
from softreg_fast.paths.sklearn_paths import lasso_path


class LassoCV(ElasticNetCV):
    """Lasso with alpha chosen by cross-validation.

    The objective is that of `Lasso`: with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + alpha * sum_j l1_weights_j |w_j|

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
    gamma_
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
    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent", J. Stat. Software 33(1), for paths. Breiman, Friedman, Olshen, Stone (1984),
    "Classification and Regression Trees", for the rule of one standard error. docs/mathematics.md,
    section 10, for the folds.

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
