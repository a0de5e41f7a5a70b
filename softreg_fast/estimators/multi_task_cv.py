"""MultiTaskElasticNetCV and MultiTaskLassoCV: alpha chosen for several targets together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.design import Design
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.base import matrix_of_targets
from softreg_fast.estimators.elastic_net_cv import ElasticNetCV
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.options.choices import Missing, Rule, Selection, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Eps, Floats, Folds, RandomState, Scoring
from softreg_fast.paths.sklearn_paths import enet_path, lasso_path


class MultiTaskElasticNetCV(ElasticNetCV):
    """Elastic net of several targets with alpha, and l1_ratio if several are given, chosen by
    cross-validation.

    The objective is that of `MultiTaskElasticNet`: with w_j the coefficients of feature j for all
    tasks and S the sum of the sample weights s,

        1/(2S) sum_i s_i ||y_i - W x_i - b||^2 + alpha * sum_j [
            l1_ratio * l1_weights_j ||w_j|| + (1 - l1_ratio) / 2 * l2_weights_j ||w_j||^2 ]

    `cv_path` documents how folds are fitted and compared.

    Parameters
    ----------
    l1_ratio : float in [0, 1] or array-like of them, default=0.5
        Share of the L1 penalty: 1 is the Lasso, 0 is ridge; the best of several is chosen with
        alpha. The default is scikit-learn's.
    eps : float in (0, 1] or "auto", default=1e-3
        Ratio of the smallest alpha to alpha_max, the smallest alpha at which all coefficients are
        0. The default is scikit-learn's. "auto" extends the grid while the error falls, as in
        `cv_path`.
    alphas : int, array-like (n_alphas,) or None, default=100
        Number of alphas, evenly spaced in the logarithm, or their values. None: `n_alphas`, or 100.
        The default is scikit-learn's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    max_iter : int or None, default=1000
        Largest number of epochs, passes over the features, at one alpha. The default is
        scikit-learn's; None: 100,000.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol * ||Y - mean(Y)||^2, in the sum form of the
        objective. The default is scikit-learn's.
    cv : int, splitter, iterable of (train, test) or None, default=None
        As in scikit-learn: an int is the number of folds, blocks of samples in their order; None is
        5 of them. A splitter such as KFold(5, shuffle=True) draws the folds at random.
    copy_X : bool, default=True
        Accepted for compatibility: X is never modified, so a copy is never needed.
    verbose : bool or int, default=0
        Show one bar over folds and alphas (needs tqdm), on a terminal or in a notebook.
    n_jobs : int or None, default=None
        Number of threads, if n_threads is None: scikit-learn's name for it.
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
    rule : {"min", "1se"}, default="min"
        "min": the alpha with the smallest mean error over the folds. "1se": the largest alpha whose
        mean error is within one standard error of that.
    scoring : str, callable or None, default=None
        A scikit-learn scorer instead of the mean squared error.
    patience : int or None, default=None
        Leave the grid after this many alphas without a smaller mean error; `mse_path_` is NaN
        there. None: fit the whole grid.
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.
    n_alphas : int or None, default=None
        Number of alphas if `alphas` gives no values: the name used by scikit-learn before 1.9.
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
    alpha_ : float
        The chosen alpha.
    l1_ratio_ : float
        The chosen l1_ratio.
    coef_ : ndarray (n_tasks, n_features)
        Coefficients, in units of y per unit of X; one row for each task.
    intercept_ : ndarray (n_tasks,)
        Intercepts, in the units of y; the float 0.0 without an intercept.
    dual_gap_ : float
        Upper bound on the distance of the objective from its minimum, in the objective's unit.
    n_iter_ : int
        Number of epochs of the fit to all samples.
    alphas_ : ndarray (n_alphas,) or (n_l1_ratios, n_alphas)
        The alphas tried, falling; one row for each l1_ratio if there are several and alphas gave no
        values.
    mse_path_ : ndarray (n_alphas, n_folds) or (n_l1_ratios, n_alphas, n_folds)
        Mean squared errors on the test samples, the mean over the tasks, in the squared unit of y;
        minus the scores if `scoring` is given.
    coef_path_ : csc_array (n_features, n_alphas * n_tasks)
        Coefficients of the path on all samples, at l1_ratio_: the n_tasks columns of the first
        alpha, then those of the second, ...
    cv_path_ : CVPath
        Full result: both rules, the folds' paths, out-of-fold predictions; and its `note` if the
        last alpha of the grid was the best, about which the estimator does not warn.
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
    >>> from softreg_fast import MultiTaskElasticNetCV
    >>> X, Y = load_linnerud(return_X_y=True)
    >>> MultiTaskElasticNetCV(cv=4).fit(X, Y).mse_path_.shape
    (100, 4)
    """

    intercept_: Floats
    dual_gap_: float
    n_iter_: int
    alpha_: float
    l1_ratio_: float
    cv_path_: CVPath

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
        eps: Eps = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        cv: Folds | None = None,
        copy_X: bool = True,
        verbose: bool | int = 0,
        n_jobs: int | None = None,
        random_state: RandomState | None = None,
        selection: Selection = "cyclic",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        standardize: bool = False,
        rule: Rule = "min",
        scoring: Scoring | None = None,
        patience: int | None = None,
        n_threads: int | None = None,
        n_alphas: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
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
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

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

    Parameters
    ----------
    eps : float in (0, 1] or "auto", default=1e-3
        Ratio of the smallest alpha to alpha_max, the smallest alpha at which all coefficients are
        0. The default is scikit-learn's. "auto" extends the grid while the error falls, as in
        `cv_path`.
    alphas : int, array-like (n_alphas,) or None, default=100
        Number of alphas, evenly spaced in the logarithm, or their values. None: `n_alphas`, or 100.
        The default is scikit-learn's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    max_iter : int or None, default=1000
        Largest number of epochs, passes over the features, at one alpha. The default is
        scikit-learn's; None: 100,000.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol * ||Y - mean(Y)||^2, in the sum form of the
        objective. The default is scikit-learn's.
    copy_X : bool, default=True
        Accepted for compatibility: X is never modified, so a copy is never needed.
    cv : int, splitter, iterable of (train, test) or None, default=None
        As in scikit-learn: an int is the number of folds, blocks of samples in their order; None is
        5 of them. A splitter such as KFold(5, shuffle=True) draws the folds at random.
    verbose : bool or int, default=False
        Show one bar over folds and alphas (needs tqdm), on a terminal or in a notebook.
    n_jobs : int or None, default=None
        Number of threads, if n_threads is None: scikit-learn's name for it.
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
    rule : {"min", "1se"}, default="min"
        "min": the alpha with the smallest mean error over the folds. "1se": the largest alpha whose
        mean error is within one standard error of that.
    scoring : str, callable or None, default=None
        A scikit-learn scorer instead of the mean squared error.
    patience : int or None, default=None
        Leave the grid after this many alphas without a smaller mean error; `mse_path_` is NaN
        there. None: fit the whole grid.
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.
    n_alphas : int or None, default=None
        Number of alphas if `alphas` gives no values: the name used by scikit-learn before 1.9.
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
    alpha_ : float
        The chosen alpha.
    coef_ : ndarray (n_tasks, n_features)
        Coefficients, in units of y per unit of X; one row for each task.
    intercept_ : ndarray (n_tasks,)
        Intercepts, in the units of y; the float 0.0 without an intercept.
    dual_gap_ : float
        Upper bound on the distance of the objective from its minimum, in the objective's unit.
    n_iter_ : int
        Number of epochs of the fit to all samples.
    alphas_ : ndarray (n_alphas,)
        The alphas tried, falling.
    mse_path_ : ndarray (n_alphas, n_folds)
        Mean squared errors on the test samples, the mean over the tasks, in the squared unit of y;
        minus the scores if `scoring` is given.
    coef_path_ : csc_array (n_features, n_alphas * n_tasks)
        Coefficients of the path on all samples: the n_tasks columns of the first alpha, then those
        of the second, ...
    cv_path_ : CVPath
        Full result: both rules, the folds' paths, out-of-fold predictions; and its `note` if the
        last alpha of the grid was the best, about which the estimator does not warn.
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
        eps: Eps = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        copy_X: bool = True,
        cv: Folds | None = None,
        verbose: bool | int = False,
        n_jobs: int | None = None,
        random_state: RandomState | None = None,
        selection: Selection = "cyclic",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        standardize: bool = False,
        rule: Rule = "min",
        scoring: Scoring | None = None,
        patience: int | None = None,
        n_threads: int | None = None,
        n_alphas: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
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
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def _keep_search(self, found: list[CVPath], single: bool) -> None:
        super()._keep_search(found, single)
        del self.l1_ratio_
