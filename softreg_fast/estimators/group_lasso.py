"""GroupLasso and SparseGroupLasso as scikit-learn estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast import penalties
from softreg_fast.data.design import Design
from softreg_fast.estimators.base import _LinearRegressor
from softreg_fast.estimators.coded import _ByPenalty
from softreg_fast.options.choices import Missing, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Precompute
from softreg_fast.paths.result import Solution
from softreg_fast.paths.solve import solve_design
from softreg_fast.penalties.grouping import groups_of_estimator
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.given_penalty import penalty_for


class GroupLasso(_ByPenalty, _LinearRegressor):
    """Linear regression whose coefficients become zero by groups.

    Minimises over w and b, with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + alpha * sum_g c_g ||w_g||_2,

    where w_g are the coefficients of group g and c_g its weight. `penalties.GroupLasso` is the
    penalty alone, for `path`, `cv_path` and networks.

    Parameters
    ----------
    alpha : float > 0, default=1.0
        Strength of the penalty.
    groups : int, array-like (n_features,), list of lists, dict or "columns", default=1
        The groups. An int is the size of all, each of neighbouring features; the default, 1, are
        single features. An array has an integer label for each feature, in any order, -1 for
        features without a penalty; a list of lists the features of each group, by number or name; a
        dict the labels by name. "columns": each column of a frame is a group, such as all levels of
        a column of categories or text.
    group_weights : array-like (n_groups,) or None, default=None
        Weights c_g >= 0 of the groups in the order of their labels. 0: not penalised; inf:
        excluded. None: the square root of the number of features, so that groups of different sizes
        are treated alike.
    unknown : {"error", "zero"}, default="error"
        What a level of a column means in `predict` that the fit has not seen: an error that names
        it, or zeros, so that its column has no effect.
    overlap : bool, default=False
        Whether features may be in several groups, which are then lists of features. The coefficient
        of a feature is the sum of one for each of its groups.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    precompute : bool, "auto" or array-like (n_features, n_features), default="auto"
        Build the Gram matrix X'X of all features first. A given X'X (with sample weights X'SX) is
        checked against X. "auto" builds it for up to 300 features and at least as many samples.
    max_iter : int or None, default=None
        Largest number of epochs, passes over the features. None: 100,000.
    tol : float, default=1e-6
        The fit ends when the duality gap is at most tol * ||y - mean(y)||^2, in the sum form of the
        objective. The default is that of `solve`.
    warm_start : bool, default=False
        Start from the coefficients of the last fit, matched by feature name if both have names.
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
    Yuan, Lin (2006), "Model selection and estimation in regression with grouped variables", JRSS B
    68(1), for the penalty; docs/mathematics.md, section 22, for the descent and the duality gap.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import GroupLasso
    >>> X, y = load_diabetes(return_X_y=True)
    >>> groups = [0, 0, 1, 1, 2, 2, 2, 2, 2, 2]
    >>> GroupLasso(alpha=0.6, groups=groups).fit(X, y).coef_.nonzero()[0]
    array([2, 3, 4, 5, 6, 7, 8, 9])
    """

    @with_hints
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        groups: Any = 1,
        group_weights: ArrayLike | None = None,
        unknown: Unknown = "error",
        overlap: bool = False,
        fit_intercept: bool = True,
        precompute: Precompute = "auto",
        max_iter: int | None = None,
        tol: float = 1e-6,
        warm_start: bool = False,
        standardize: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
    ) -> None:
        self.alpha = alpha
        self.groups = groups
        self.group_weights = group_weights
        self.unknown = unknown
        self.overlap = overlap
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.standardize = standardize
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing

    def _given(self) -> penalties.Penalty:
        return penalties.GroupLasso(
            **groups_of_estimator(self.groups, self.group_weights, self.unknown, self.overlap)
        )

    def _fit_target(
        self, design: Design, alpha: Any, coef_init: NDArray[np.float64] | None
    ) -> Solution:
        return solve_design(
            design,
            penalty_for(self._given(), Penalty(alpha)),
            precompute=self.precompute,
            tol=self.tol,
            max_iter=self._most_iterations,
            coef_init=coef_init,
        )


class SparseGroupLasso(GroupLasso):
    """Linear regression whose coefficients become zero by groups, and single ones within groups.

    Minimises over w and b, with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2
        + alpha * [ (1 - l1_ratio) sum_g c_g ||w_g||_2 + l1_ratio sum_j |w_j| ].

    `penalties.SparseGroupLasso` is the penalty alone, for `path`, `cv_path` and networks.

    Parameters
    ----------
    alpha : float > 0, default=1.0
        Strength of the penalty.
    groups : int, array-like (n_features,), list of lists, dict or "columns", default=1
        The groups. An int is the size of all, each of neighbouring features; the default, 1, are
        single features. An array has an integer label for each feature, in any order, -1 for
        features without a penalty; a list of lists the features of each group, by number or name; a
        dict the labels by name. "columns": each column of a frame is a group, such as all levels of
        a column of categories or text.
    l1_ratio : float in [0, 1], default=0.5
        Share of the L1 part: 0 is the group lasso, 1 the Lasso. The default treats both parts
        alike.
    group_weights : array-like (n_groups,) or None, default=None
        Weights c_g >= 0 of the groups in the order of their labels. 0: not penalised; inf:
        excluded. None: the square root of the number of features, so that groups of different sizes
        are treated alike.
    unknown : {"error", "zero"}, default="error"
        What a level of a column means in `predict` that the fit has not seen: an error that names
        it, or zeros, so that its column has no effect.
    overlap : bool, default=False
        Whether features may be in several groups, which are then lists of features. The coefficient
        of a feature is the sum of one for each of its groups.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    precompute : bool, "auto" or array-like (n_features, n_features), default="auto"
        Build the Gram matrix X'X of all features first. A given X'X (with sample weights X'SX) is
        checked against X. "auto" builds it for up to 300 features and at least as many samples.
    max_iter : int or None, default=None
        Largest number of epochs, passes over the features. None: 100,000.
    tol : float, default=1e-6
        The fit ends when the duality gap is at most tol * ||y - mean(y)||^2, in the sum form of the
        objective. The default is that of `solve`.
    warm_start : bool, default=False
        Start from the coefficients of the last fit, matched by feature name if both have names.
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
    Simon, Friedman, Hastie, Tibshirani (2013), "A sparse-group lasso", J. Comput. Graph. Statist.
    22(2), for the penalty; docs/mathematics.md, section 22, for the descent and the duality gap.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import SparseGroupLasso
    >>> X, y = load_diabetes(return_X_y=True)
    >>> groups = [0, 0, 1, 1, 2, 2, 2, 2, 2, 2]
    >>> SparseGroupLasso(alpha=0.6, groups=groups).fit(X, y).coef_.nonzero()[0]
    array([2, 3, 6, 7, 8, 9])
    """

    @with_hints
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        groups: Any = 1,
        l1_ratio: float = 0.5,
        group_weights: ArrayLike | None = None,
        unknown: Unknown = "error",
        overlap: bool = False,
        fit_intercept: bool = True,
        precompute: Precompute = "auto",
        max_iter: int | None = None,
        tol: float = 1e-6,
        warm_start: bool = False,
        standardize: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
    ) -> None:
        self.alpha = alpha
        self.groups = groups
        self.l1_ratio = l1_ratio
        self.group_weights = group_weights
        self.unknown = unknown
        self.overlap = overlap
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.standardize = standardize
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing

    def _given(self) -> penalties.Penalty:
        given = groups_of_estimator(self.groups, self.group_weights, self.unknown, self.overlap)
        return penalties.SparseGroupLasso(l1_ratio=self.l1_ratio, **given)
