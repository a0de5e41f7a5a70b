"""Slope: linear regression with the sorted L1 penalty, as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.design import Design
from softreg_fast.estimators.base import _LinearRegressor
from softreg_fast.options.choices import Missing, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Precompute
from softreg_fast.paths.result import Solution
from softreg_fast.paths.solve import solve_design
from softreg_fast.penalties.sorted import SLOPE
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.given_penalty import penalty_for


class Slope(_LinearRegressor):
    """Linear regression with the sorted L1 penalty, SLOPE.

    Minimises over w and b, with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + alpha * sum_k lambda_k |w|_(k),

    with |w|_(1) >= |w|_(2) >= ... and weights lambda_k that fall. Coefficients become zero, or
    exactly equal in size. Columns should be of one scale: see `standardize`.

    Parameters
    ----------
    alpha : float > 0, default=1.0
        Strength of the penalty.
    rank_weights : {"bh", "oscar"} or array-like (n_weights,), default="bh"
        The lambda_k of the p coefficients, by their rank. "bh": Phi^-1(1 - k q / (2 p)), Phi the
        normal distribution's, which for orthogonal features bounds the false discovery rate by q
        (Benjamini and Hochberg); "oscar": 1 + q (p - k), the L1 norm plus q times the larger size
        of each pair. An array has numbers >= 0 that do not rise, not all 0.
    q : float in (0, 1), default=0.1
        The false discovery rate of "bh", the slope of "oscar"; of no effect beside an array.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    standardize : bool, default=False
        Compare, and penalise, the coefficients of columns of unit variance, without an intercept of
        unit mean square; coefficients stay in the units of X.
    precompute : bool, "auto" or array-like (n_features, n_features), default="auto"
        Build the Gram matrix X'X of all features first; "auto" decides by the shape of X. A given
        matrix is used for the fit to all samples.
    max_iter : int or None, default=None
        Largest number of Newton steps at one alpha. None: 100,000.
    tol : float, default=1e-6
        The fit is reported as converged when the duality gap is at most tol * ||y - mean(y)||^2, in
        the sum form of the objective; it goes on to rounding whatever tol.
    warm_start : bool, default=False
        Start from the coefficients of the last fit, matched by feature name if both have names.
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
        Coefficients, in units of y per unit of X.
    intercept_ : float or ndarray (n_targets,)
        Intercept, in the unit of y; 0.0 without one.
    dual_gap_ : float or ndarray (n_targets,)
        Upper bound on the distance of the objective from its minimum, in the objective's unit.
    n_iter_ : int or list of int
        Number of Newton steps, of each target.
    clusters_ : list of ndarray, of several targets a list of such lists
        Of each cluster of nonzero coefficients, the largest first, the indices of its features, or
        their names; in a cluster coefficients are equal in size.
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
    Bogdan, van den Berg, Sabatti, Su, Candes (2015), "SLOPE: adaptive variable selection via convex
    optimization", Annals of Applied Statistics 9(3). docs/mathematics.md, "SLOPE", for the method.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import Slope
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = Slope(alpha=5.0, standardize=True).fit(X, y)
    >>> model.clusters_[0]
    array(['bmi'], dtype=object)
    """

    @with_hints
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        rank_weights: Any = "bh",
        q: float = 0.1,
        fit_intercept: bool = True,
        standardize: bool = False,
        precompute: Precompute = "auto",
        max_iter: int | None = None,
        tol: float = 1e-6,
        warm_start: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
    ) -> None:
        self.alpha = alpha
        self.rank_weights = rank_weights
        self.q = q
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.precompute = precompute
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def _fit_target(
        self, design: Design, alpha: Any, coef_init: NDArray[np.float64] | None
    ) -> Solution:
        penalty = penalty_for(SLOPE(weights=self.rank_weights, q=self.q), Penalty(alpha))
        return solve_design(
            design,
            penalty,
            precompute=self.precompute,
            tol=self.tol,
            max_iter=self._most_iterations,
            coef_init=coef_init,
        )

    def _keep(self, fits: list[Solution], single: bool, dtype: Any = np.float64) -> None:
        super()._keep(fits, single, dtype)
        clusters = [fit.clusters() for fit in fits]
        self.clusters_ = clusters[0] if single or len(fits) == 1 else clusters
