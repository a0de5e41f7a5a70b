"""ElasticNet as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.metadata_routing import UNUSED

from softreg_fast.data.design import Design
from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.base import _LinearRegressor, order_of_descent
from softreg_fast.options.choices import Missing, Selection, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Bounds, MatrixLike, Precompute, RandomState
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

    Parameters
    ----------
    alpha : float >= 0, default=1.0
        Strength of the penalty; 0 is least squares. The default is scikit-learn's.
    l1_ratio : float in [0, 1], default=0.5
        Share of the L1 penalty: 1 is the Lasso, 0 is ridge. The default is scikit-learn's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    precompute : bool, "auto" or array-like (n_features, n_features), default=False
        Build the Gram matrix X'X of all features first. A given X'X (with sample weights X'SX) is
        checked against X. "auto" builds it for up to 300 features and at least as many samples.
        False, the default as in scikit-learn: Gram columns only of features that come near the
        support.
    max_iter : int or None, default=1000
        Largest number of epochs, passes over the features. The default is scikit-learn's; None:
        100,000.
    copy_X : bool, default=True
        Accepted for compatibility: X is never modified, so a copy is never needed.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol * ||y - mean(y)||^2, in the sum form of the
        objective. The default is scikit-learn's.
    warm_start : bool, default=False
        Start from the coefficients of the last fit, matched by feature name if both have names.
    positive : bool, default=False
        Constrain every coefficient to be >= 0.
    random_state : int, RandomState or None, default=None
        Seed or generator for selection="random".
    selection : {"cyclic", "random"}, default="cyclic"
        "random" updates the coordinates in random order; the optimum is the same.
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
    Zou, Hastie (2005), "Regularization and variable selection via the elastic net", JRSS B 67(2),
    for the penalty. Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized
    linear models via coordinate descent", J. Stat. Software 33(1), for the descent;
    docs/mathematics.md, section 4, for the duality gap.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import ElasticNet
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = ElasticNet(alpha=0.01, l1_ratio=0.9).fit(X, y)
    >>> round(model.score(X, y), 3)
    0.491
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
        precompute: Precompute = False,
        max_iter: int | None = 1000,
        copy_X: bool = True,
        tol: float = 1e-4,
        warm_start: bool = False,
        positive: bool = False,
        random_state: RandomState | None = None,
        selection: Selection = "cyclic",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        bounds: Bounds | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
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
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        check_input: bool = True,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features, finite numbers.
        y : array-like (n_samples,) or (n_samples, n_targets), default=None
            The target, finite numbers. The columns of a matrix are fitted one by one.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights >= 0, not all 0. None: all equal.
        check_input : bool, default=True
            Accepted for compatibility: input is always checked.

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
        return super().fit(X, y, sample_weight)

    def _l1_weights_for(self, design: Design) -> Any:
        # the weights of a fit to these samples
        return self.l1_weights

    def _fit_target(
        self, design: Design, alpha: Any, coef_init: NDArray[np.float64] | None
    ) -> Solution:
        rng = order_of_descent(self.selection, self.random_state)
        penalty = Penalty(
            alpha,
            self.l1_ratio,
            self._l1_weights_for(design),
            self.l2_weights,
            self.positive,
            self.bounds,
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
