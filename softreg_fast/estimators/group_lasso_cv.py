"""GroupLassoCV and SparseGroupLassoCV: scikit-learn estimators that choose alpha."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from softreg_fast import penalties
from softreg_fast.data.design import Design
from softreg_fast.estimators.coded import _ByPenalty
from softreg_fast.estimators.structured_cv import _StructuredCV
from softreg_fast.model_selection.choice import problems_for
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.options.choices import Missing, Rule, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Eps, Folds, Precompute, Scoring
from softreg_fast.penalties.grouping import groups_of_estimator
from softreg_fast.solvers.problem import Options, Problem


class _GroupedCV(_ByPenalty, _StructuredCV):
    """Base of both."""

    def _problems(self, design: Design, options: Options) -> list[Problem]:
        return problems_for(design, 1.0, options, self._given())


class GroupLassoCV(_GroupedCV):
    """The group lasso with alpha chosen by cross-validation.

    The objective is that of `GroupLasso`: with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + alpha * sum_g c_g ||w_g||_2.

    `cv_path` documents how folds are fitted and compared.

    Parameters
    ----------
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
    eps : float in (0, 1] or "auto", default=1e-3
        Ratio of the smallest alpha to alpha_max, the smallest alpha at which all coefficients are
        0. The default is scikit-learn's. "auto" extends the grid while the error falls, as in
        `cv_path`.
    alphas : int, array-like (n_alphas,) or None, default=100
        Number of alphas, evenly spaced in the logarithm, or their values. None: `n_alphas`, or 100.
        The default is scikit-learn's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    standardize : bool, default=False
        Penalise as if every column had unit variance, without an intercept unit mean square;
        coefficients and bounds stay in the units of X. The default is scikit-learn's behaviour.
    precompute : bool, "auto" or array-like (n_features, n_features), default="auto"
        Build the Gram matrix X'X of all features first; "auto" decides by the shape of X. A given
        matrix is used for the fit to all samples.
    max_iter : int or None, default=None
        Largest number of epochs at one alpha. None: 100,000.
    tol : float, default=1e-6
        A fit ends when the duality gap is at most tol * ||y - mean(y)||^2, in the sum form of the
        objective. The default is that of `solve`.
    cv : int, splitter, iterable of (train, test) or None, default=None
        As in scikit-learn: an int is the number of folds, blocks of samples in their order; None is
        5 of them. A splitter such as KFold(5, shuffle=True) draws the folds at random.
    verbose : bool or int, default=False
        Show one bar over folds and alphas (needs tqdm), on a terminal or in a notebook.
    n_jobs : int or None, default=None
        Number of threads, if n_threads is None: scikit-learn's name for it.
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
    dates : list of str, dict or None, default=None
        Parts of dates that are features, as in `path`: ["year", "month"] of all columns of dates,
        or a dict by column. None: columns of dates are refused.
    missing : {"error", "drop", "indicator"}, default="error"
        What `fit` does about missing values, as in `path`: "drop" leaves rows out, "indicator"
        fills numbers with their mean and marks them by a feature, in predictions, too. "error":
        they are refused.

    Attributes
    ----------
    alpha_ : float
        The chosen alpha.
    coef_ : ndarray (n_features,)
        Coefficients of the model fitted to all samples, in units of y per unit of X.
    intercept_ : float
        Intercept, in the unit of y; 0.0 without one.
    dual_gap_ : float
        Upper bound on the distance of the objective from its minimum, in the objective's unit.
    n_iter_ : int
        Number of epochs of the fit to all samples.
    alphas_ : ndarray (n_alphas,)
        The alphas tried, falling.
    mse_path_ : ndarray (n_alphas, n_folds)
        Mean squared errors on the test samples, in the squared unit of y; minus the scores if
        `scoring` is given.
    coef_path_ : csc_array (n_features, n_alphas)
        Coefficients of the path on all samples.
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
    Yuan, Lin (2006), "Model selection and estimation in regression with grouped variables", JRSS B
    68(1). docs/mathematics.md, section 10, for the folds, section 22 for the penalty.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import GroupLassoCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = GroupLassoCV(groups=[0, 1, 2, 3, 4, 4, 4, 4, 4, 5], cv=10).fit(X, y)
    >>> round(model.score(X, y), 2)
    0.51
    """

    @with_hints
    def __init__(
        self,
        *,
        groups: Any = 1,
        group_weights: ArrayLike | None = None,
        unknown: Unknown = "error",
        overlap: bool = False,
        eps: Eps = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        standardize: bool = False,
        precompute: Precompute = "auto",
        max_iter: int | None = None,
        tol: float = 1e-6,
        cv: Folds | None = None,
        verbose: bool | int = False,
        n_jobs: int | None = None,
        rule: Rule = "min",
        scoring: Scoring | None = None,
        patience: int | None = None,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
    ) -> None:
        self.groups = groups
        self.group_weights = group_weights
        self.unknown = unknown
        self.overlap = overlap
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.precompute = precompute
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.rule = rule
        self.scoring = scoring
        self.patience = patience
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing

    def _given(self) -> list[penalties.Penalty]:
        given = groups_of_estimator(self.groups, self.group_weights, self.unknown, self.overlap)
        return [penalties.GroupLasso(**given)]


class SparseGroupLassoCV(_GroupedCV):
    """The sparse group lasso with alpha and l1_ratio chosen by cross-validation.

    The objective is that of `SparseGroupLasso`: with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2
            + alpha * [ (1 - l1_ratio) sum_g c_g ||w_g||_2 + l1_ratio sum_j |w_j| ].

    `cv_path` documents how folds are fitted and compared.

    Parameters
    ----------
    groups : int, array-like (n_features,), list of lists, dict or "columns", default=1
        The groups. An int is the size of all, each of neighbouring features; the default, 1, are
        single features. An array has an integer label for each feature, in any order, -1 for
        features without a penalty; a list of lists the features of each group, by number or name; a
        dict the labels by name. "columns": each column of a frame is a group, such as all levels of
        a column of categories or text.
    l1_ratio : float in [0, 1] or array-like of them, default=0.5
        Share of the L1 part: 0 is the group lasso, 1 the Lasso; the best of several is chosen with
        alpha. The default treats both parts alike.
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
    eps : float in (0, 1] or "auto", default=1e-3
        Ratio of the smallest alpha to alpha_max, the smallest alpha at which all coefficients are
        0. The default is scikit-learn's. "auto" extends the grid while the error falls, as in
        `cv_path`.
    alphas : int, array-like (n_alphas,) or None, default=100
        Number of alphas, evenly spaced in the logarithm, or their values. None: `n_alphas`, or 100.
        The default is scikit-learn's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    standardize : bool, default=False
        Penalise as if every column had unit variance, without an intercept unit mean square;
        coefficients and bounds stay in the units of X. The default is scikit-learn's behaviour.
    precompute : bool, "auto" or array-like (n_features, n_features), default="auto"
        Build the Gram matrix X'X of all features first; "auto" decides by the shape of X. A given
        matrix is used for the fit to all samples.
    max_iter : int or None, default=None
        Largest number of epochs at one alpha. None: 100,000.
    tol : float, default=1e-6
        A fit ends when the duality gap is at most tol * ||y - mean(y)||^2, in the sum form of the
        objective. The default is that of `solve`.
    cv : int, splitter, iterable of (train, test) or None, default=None
        As in scikit-learn: an int is the number of folds, blocks of samples in their order; None is
        5 of them. A splitter such as KFold(5, shuffle=True) draws the folds at random.
    verbose : bool or int, default=False
        Show one bar over folds and alphas (needs tqdm), on a terminal or in a notebook.
    n_jobs : int or None, default=None
        Number of threads, if n_threads is None: scikit-learn's name for it.
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
    dates : list of str, dict or None, default=None
        Parts of dates that are features, as in `path`: ["year", "month"] of all columns of dates,
        or a dict by column. None: columns of dates are refused.
    missing : {"error", "drop", "indicator"}, default="error"
        What `fit` does about missing values, as in `path`: "drop" leaves rows out, "indicator"
        fills numbers with their mean and marks them by a feature, in predictions, too. "error":
        they are refused.

    Attributes
    ----------
    alpha_ : float
        The chosen alpha.
    l1_ratio_ : float
        The chosen l1_ratio.
    coef_ : ndarray (n_features,)
        Coefficients of the model fitted to all samples, in units of y per unit of X.
    intercept_ : float
        Intercept, in the unit of y; 0.0 without one.
    dual_gap_ : float
        Upper bound on the distance of the objective from its minimum, in the objective's unit.
    n_iter_ : int
        Number of epochs of the fit to all samples.
    alphas_ : ndarray (n_alphas,)
        The alphas tried, falling.
    mse_path_ : ndarray (n_alphas, n_folds)
        Mean squared errors on the test samples, in the squared unit of y; minus the scores if
        `scoring` is given.
    coef_path_ : csc_array (n_features, n_alphas)
        Coefficients of the path on all samples.
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
    Simon, Friedman, Hastie, Tibshirani (2013), "A sparse-group lasso", J. Comput. Graph. Statist.
    22(2). docs/mathematics.md, section 10, for the folds, section 22 for the penalty.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import SparseGroupLassoCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> groups = [0, 1, 2, 3, 4, 4, 4, 4, 4, 5]
    >>> model = SparseGroupLassoCV(groups=groups, l1_ratio=[0.2, 0.8], cv=10).fit(X, y)
    >>> model.l1_ratio_ in (0.2, 0.8)
    True
    """

    @with_hints
    def __init__(
        self,
        *,
        groups: Any = 1,
        l1_ratio: Any = 0.5,
        group_weights: ArrayLike | None = None,
        unknown: Unknown = "error",
        overlap: bool = False,
        eps: Eps = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        standardize: bool = False,
        precompute: Precompute = "auto",
        max_iter: int | None = None,
        tol: float = 1e-6,
        cv: Folds | None = None,
        verbose: bool | int = False,
        n_jobs: int | None = None,
        rule: Rule = "min",
        scoring: Scoring | None = None,
        patience: int | None = None,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
    ) -> None:
        self.groups = groups
        self.l1_ratio = l1_ratio
        self.group_weights = group_weights
        self.unknown = unknown
        self.overlap = overlap
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.precompute = precompute
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.rule = rule
        self.scoring = scoring
        self.patience = patience
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing

    @property
    def _ratios(self) -> list[float]:
        return list(np.atleast_1d(np.asarray(self.l1_ratio)).tolist())

    def _given(self) -> list[penalties.Penalty]:
        given = groups_of_estimator(self.groups, self.group_weights, self.unknown, self.overlap)
        return [penalties.SparseGroupLasso(l1_ratio=ratio, **given) for ratio in self._ratios]

    def _keep_search(self, found: list[CVPath], single: bool) -> None:
        super()._keep_search(found, single)
        self.l1_ratio_ = float(self._ratios[found[0].best_ratio])
