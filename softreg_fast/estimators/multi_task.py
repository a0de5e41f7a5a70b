"""MultiTaskElasticNet and MultiTaskLasso: several targets that share their features."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.design import Design
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.base import matrix_of_targets, order_of_descent
from softreg_fast.estimators.elastic_net import ElasticNet
from softreg_fast.options.choices import Missing, Selection, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Floats, MatrixLike, RandomState
from softreg_fast.paths.convergence import warn_not_converged
from softreg_fast.paths.result import Solution
from softreg_fast.paths.sklearn_paths import enet_path, lasso_path
from softreg_fast.paths.solve import solve_design
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.protocol import is_alarm


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
        Strength of the penalty; 0 is least squares. The default is scikit-learn's.
    l1_ratio : float in [0, 1], default=0.5
        Share of the L1 penalty: 1 is the Lasso, 0 is ridge. The default is scikit-learn's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    copy_X : bool, default=True
        Accepted for compatibility: X is never modified, so a copy is never needed.
    max_iter : int or None, default=1000
        Largest number of epochs, passes over the features. The default is scikit-learn's; None:
        100,000.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol * ||Y - mean(Y)||^2, in the sum form of the
        objective. The default is scikit-learn's.
    warm_start : bool, default=False
        Start from the coefficients of the last fit, matched by feature name if both have names.
    random_state : int, RandomState or None, default=None
        Accepted for compatibility; the optimum does not depend on the order of descent.
    selection : {"cyclic", "random"}, default="cyclic"
        Accepted for compatibility; the optimum does not depend on the order of descent.
    l1_weights : float, array-like (n_features,), dict, Series or None, default=None
        Relative strength of the L1 penalty on each feature, >= 0. 0: not penalised; inf: excluded,
        the coefficient is 0; None: all 1. A dict or a pandas Series is matched by feature name;
        features not named in it have 1.
    l2_weights : float, array-like (n_features,), dict, Series or None, default=None
        Relative strength of the L2 penalty on each feature, >= 0. 0: not penalised; inf: excluded,
        the coefficient is 0; None: all 1. A dict or a pandas Series is matched by feature name;
        features not named in it have 1.
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
    coef_ : ndarray (n_tasks, n_features)
        Coefficients, in units of y per unit of X; one row for each task.
    intercept_ : ndarray (n_tasks,)
        Intercepts, in the units of y; the float 0.0 without an intercept.
    dual_gap_ : float
        Upper bound on the distance of the objective from its minimum, in the objective's unit.
    n_iter_ : int
        Number of epochs of the fit to all samples.
    eps_ : float
        tol * ||Y - mean(Y)||^2, weighted: the tolerance for n_samples * dual_gap_.
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

    intercept_: Floats
    dual_gap_: float
    n_iter_: int

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
        random_state: RandomState | None = None,
        selection: Selection = "cyclic",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
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
        y : array-like (n_samples, n_tasks), default=None
            The targets, finite numbers, fitted together.
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
        X, y, sample_weight, _ = self._table(X, y, sample_weight)[:4]
        design = self._design(X, y, sample_weight, self.n_threads)
        design = design.with_target(matrix_of_targets(self, y))
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

    is minimised, which is scikit-learn's objective where all weights are 1. A feature is in the
    models of all tasks or in none.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
        Strength of the penalty; 0 is least squares. The default is scikit-learn's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    copy_X : bool, default=True
        Accepted for compatibility: X is never modified, so a copy is never needed.
    max_iter : int or None, default=1000
        Largest number of epochs, passes over the features. The default is scikit-learn's; None:
        100,000.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol * ||Y - mean(Y)||^2, in the sum form of the
        objective. The default is scikit-learn's.
    warm_start : bool, default=False
        Start from the coefficients of the last fit, matched by feature name if both have names.
    random_state : int, RandomState or None, default=None
        Accepted for compatibility; the optimum does not depend on the order of descent.
    selection : {"cyclic", "random"}, default="cyclic"
        Accepted for compatibility; the optimum does not depend on the order of descent.
    l1_weights : float, array-like (n_features,), dict, Series or None, default=None
        Relative strength of the L1 penalty on each feature, >= 0. 0: not penalised; inf: excluded,
        the coefficient is 0; None: all 1. A dict or a pandas Series is matched by feature name;
        features not named in it have 1.
    l2_weights : float, array-like (n_features,), dict, Series or None, default=None
        Without effect, as there is no L2 penalty, except that inf excludes a feature.
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
    coef_ : ndarray (n_tasks, n_features)
        Coefficients, in units of y per unit of X; one row for each task.
    intercept_ : ndarray (n_tasks,)
        Intercepts, in the units of y; the float 0.0 without an intercept.
    dual_gap_ : float
        Upper bound on the distance of the objective from its minimum, in the objective's unit.
    n_iter_ : int
        Number of epochs of the fit to all samples.
    eps_ : float
        tol * ||Y - mean(Y)||^2, weighted: the tolerance for n_samples * dual_gap_.
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
    Obozinski, Taskar, Jordan (2010), "Joint covariate selection and joint subspace selection for
    multiple classification problems", Stat. Comput. 20, for the penalty; docs/mathematics.md,
    section 12, for the solver.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from softreg_fast import MultiTaskLasso
    >>> X, Y = load_linnerud(return_X_y=True)
    >>> MultiTaskLasso(alpha=30.0).fit(X, Y).coef_.any(axis=0).tolist()
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
        random_state: RandomState | None = None,
        selection: Selection = "cyclic",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
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
        self.dates = dates
        self.missing = missing
        self.unknown = unknown
