"""ElasticNet as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.metadata_routing import UNUSED

from softreg_fast.data.design import Design
from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.base import _LinearRegressor, order_of_descent
from softreg_fast.options.hints import with_hints
from softreg_fast.paths.result import Solution
from softreg_fast.paths.sklearn_paths import enet_path
from softreg_fast.paths.solve import solve_design
from softreg_fast.penalties.vectors import Penalty


class ElasticNet(_LinearRegressor):
    """Linear regression with L1 and L2 penalties, optionally weighted per feature.

    Minimises over w and b, with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2
        + alpha * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ],

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
    Zou, Hastie (2005), "Regularization and variable selection via the elastic net", JRSS B 67(2), for
    the penalty. Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent", J. Stat. Software 33(1), for the descent; docs/mathematics.md, section 4,
    for the duality gap.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import ElasticNet
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = ElasticNet(alpha=0.1, l1_ratio=0.9).fit(X, y)
    >>> round(model.score(X, y), 3)
    0.46

    """

    path = staticmethod(enet_path)
    __metadata_request__fit = {"check_input": UNUSED}  # noqa: RUF012

    @with_hints
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        precompute: Any = False,
        max_iter: int | None = 1000,
        copy_X: bool = True,
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
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.max_iter = max_iter
        self.copy_X = copy_X
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
        y : array-like (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like (n_samples,), number or None
        check_input : bool, default=True
            Accepted for compatibility: input is always checked.

        Returns
        -------
        self : the fitted estimator

        Raises
        ------
        ValueError, TypeError
            For parameters or data that cannot be used; the message says what is expected.

        """
        return super().fit(X, y, sample_weight)

    def _fit_target(
        self, design: Design, alpha: Any, coef_init: NDArray[np.float64] | None
    ) -> Solution:
        rng = order_of_descent(self.selection, self.random_state)
        penalty = Penalty(
            alpha, self.l1_ratio, self.l1_weights, self.l2_weights, self.positive, self.bounds
        )
        return solve_design(
            design,
            penalty,
            solver="cd" if rng is not None else "auto",
            precompute=self.precompute,
            tol=self.tol,
            max_iter=self._most_iterations,
            coef_init=coef_init,
            rng=rng,
        )
