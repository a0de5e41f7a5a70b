"""Lasso as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any

from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.elastic_net import ElasticNet
from softreg_fast.options.hints import with_hints
from softreg_fast.paths.sklearn_paths import lasso_path


class Lasso(ElasticNet):
    """Linear regression with an L1 penalty, optionally weighted per feature.

    Minimises over w and b, with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + alpha * sum_j l1_weights_j |w_j|,

    which is scikit-learn's objective where all weights are 1.

    Attributes
    ----------
    coef_
    intercept_
    dual_gap_
    n_iter_
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
    Tibshirani (1996), "Regression shrinkage and selection via the lasso", JRSS B 58(1), for the
    penalty. Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent", J. Stat. Software 33(1), for the descent; docs/mathematics.md, section 4,
    for the duality gap.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import Lasso
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = Lasso(alpha=1.0).fit(X, y)
    >>> model.feature_names_in_[model.coef_ != 0].tolist()
    ['bmi', 's5']

    """

    l1_ratio = 1.0

    path = staticmethod(lasso_path)

    @with_hints
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        precompute: Any = False,
        copy_X: bool = True,
        max_iter: int | None = 1000,
        tol: float = 1e-4,
        warm_start: bool = False,
        positive: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        bounds: Any = None,
        standardize: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.positive = positive
        self.random_state = random_state
        self.selection = selection
        self.l1_weights = l1_weights
        self.l2_weights = l2_weights
        self.bounds = bounds
        self.standardize = standardize
        self.n_threads = n_threads
