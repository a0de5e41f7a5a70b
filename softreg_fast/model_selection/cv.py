"""cv_path(): cross-validation of whole grids and the choice of alpha."""

from __future__ import annotations

import numbers
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from softreg_fast.data.design import Design
from softreg_fast.data.frames import is_frame, rows_at
from softreg_fast.data.names import PerFeature
from softreg_fast.data.tables import TableOptions
from softreg_fast.data.validation import check_same_rows
from softreg_fast.losses import Loss
from softreg_fast.model_selection.choice import Choice, choose, problems_for
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.model_selection.folds import check_fold_options, folds_for
from softreg_fast.model_selection.progress import Watcher
from softreg_fast.options.choices import (
    RULES,
    Criterion,
    FoldWeights,
    LossName,
    Missing,
    Rule,
    Solver,
    Unknown,
)
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import (
    Bounds,
    Eps,
    Folds,
    MatrixLike,
    Measured,
    Precompute,
    Scoring,
)
from softreg_fast.paths.convergence import level_of_caller
from softreg_fast.paths.grids import AUTO, N_ALPHAS, EndOfGridWarning, check_one_grid
from softreg_fast.penalties.base import Penalty as PenaltyObject
from softreg_fast.solvers.given_penalty import maker_of_design
from softreg_fast.solvers.limits import GRAM_MEMORY
from softreg_fast.solvers.problem import Options

__all__ = ["RULES", "CVPath", "Choice", "choose", "cv_path", "problems_for"]


@with_hints
def cv_path(
    X: MatrixLike,
    y: ArrayLike | None = None,
    *,
    alphas: ArrayLike | int | None = None,
    n_alphas: int = N_ALPHAS,
    eps: Eps = AUTO,
    l1_ratio: float | ArrayLike = 1.0,
    l1_weights: PerFeature | None = None,
    l2_weights: PerFeature | None = None,
    positive: bool = False,
    bounds: Bounds | None = None,
    exclude: Any = None,
    penalty: PenaltyObject | Sequence[PenaltyObject] | None = None,
    loss: Loss | LossName | None = None,
    offset: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool | None = None,
    standardize: bool | None = None,
    data: Any = None,
    dates: Any = None,
    missing: Missing = "error",
    unknown: Unknown = "error",
    cv: Folds | None = None,
    seed: int | None = 0,
    groups: ArrayLike | None = None,
    fold_weights: FoldWeights = "equal",
    measure: Measured | None = None,
    scoring: Scoring | None = None,
    criterion: Criterion | None = None,
    noise_variance: float | None = None,
    rule: Rule = "min",
    relax: bool | ArrayLike = False,
    patience: int | None = None,
    solver: Solver = "auto",
    precompute: Precompute = "auto",
    tol: float = 1e-6,
    max_iter: int = 100_000,
    gram_memory: float = GRAM_MEMORY,
    n_threads: int | None = None,
    progress: bool = False,
    watcher: Watcher | None = None,
) -> CVPath:
    """Choose alpha, and l1_ratio if several are given, by the errors on held-out samples.

    Every fold is a vector of sample weights on the same X: no rows are copied, but under losses
    other than squared error those of an X of a few MiB. For few features and many samples all Gram
    matrices come from one pass over X. Centring and standardisation use the training samples only.

    The objective is that of `path`: with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2
        + alpha * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ]

    Parameters
    ----------
    X : array-like, sparse, frame, Design or str, (n_samples, n_features)
        The features. `Design` lists the formats that are used without a copy. A Design brings its
        own weights, intercept, standardisation and threads: contradicting them here is an error. In
        a frame of pandas, polars or pyarrow columns of categories or text are coded: each level is
        a sparse feature of 0 and 1, "column=level", without a level dropped; columns of booleans
        are one feature of 0 and 1. A str is a formula, on `data`.
    y : array-like (n_samples,), (n_samples, n_tasks) or None, default=None
        The target, in any unit. Under squared error the columns of a matrix are tasks, fitted
        together: a feature is selected for all or for none (glmnet: mgaussian), except in relaxed
        and stability paths. None: that of X, a Design with a target. Losses of two classes take
        labels of any type, the second of the sorted labels as class 1, or numbers from 0 to 1,
        which are shares of class 1. Of two columns the first counts the samples of class 0
        (failures), the second those of class 1 (successes), in glmnet's order; each row has the
        weight of its samples.
    alphas : array-like (n_alphas,), int or None, default=None
        The alphas, sorted in falling order. None: `n_alphas` values, evenly spaced in the
        logarithm, from alpha_max, the smallest alpha at which no L1-penalised coefficient is
        nonzero, down to alpha_max * eps. For l1_ratio < 1e-3, where the L2 part dominates the
        shrinkage, from d / eps, d the largest eigenvalue of X'X / n (each column divided by the
        root of its l2 weight), down to eps times the smallest variance of a column (`paths.grids`).
        An int stands for n_alphas.
    n_alphas : int, default=100
        Number of alphas of a grid that is not given. The default is scikit-learn's.
    eps : float in (0, 1] or "auto", default="auto"
        Ratio of the smallest alpha to the largest. "auto", the default: the grid starts with
        n_alphas as for 1e-3, and is extended at the same ratio while the smallest mean error is
        among the newest alphas, by at most five more decades. It ends earlier when a fit does not
        converge, or where all features are in and the errors hardly change any more. While it is
        extended the engines of all folds are in memory at the same time. Given alphas are not
        extended.
    l1_ratio : float in [0, 1] or array-like of them, default=1.0
        Share of the L1 penalty: 1, the default, is the Lasso, 0 is ridge. With several, each has
        its own grid of alphas, unless alphas are given; with eps="auto" each grid is extended
        independently.
    l1_weights : float, array-like (n_features,), dict, Series or None, default=None
        Relative strength of the L1 penalty on each feature, >= 0. 0: not penalised; inf: excluded,
        the coefficient is 0; None: all 1. A dict or a pandas Series is matched by feature name (by
        feature number if X has no names), or by the name of a column for all of its features;
        features not named in it have 1.
    l2_weights : float, array-like (n_features,), dict, Series or None, default=None
        Relative strength of the L2 penalty on each feature, as l1_weights.
    positive : bool, default=False
        Constrain every coefficient to be >= 0.
    bounds : (lower, upper), scipy.optimize.Bounds, dict or None, default=None
        Bounds of the coefficients, in the units of X. Lower and upper are numbers, arrays
        (n_features,), dicts or Series by feature name, or None for no bound. A single dict has
        pairs (lower, upper) by feature name; other features are unbounded.
    exclude : name, number, list of them, mask or None, default=None
        Features to leave out, by name or by number from 0: their coefficients are 0, as with
        infinite weights. The name of a column of a frame stands for all of its features. For
        penalties of single coefficients. None: none.
    penalty : object of softreg_fast.penalties, list of them, or None, default=None
        L1, L2, ElasticNet or NonNegative, instead of l1_ratio, the weights and positive; under
        convex losses with a derivative, of one number per sample, MCP, SCAD, LogSum, SLOPE,
        GroupLasso or SparseGroupLasso; with squared error LHalf, GroupMCP or groups with an
        l2_ratio; Tikhonov. alpha multiplies its strength. Of a list, such as MCPs of several
        gammas, that with the smallest mean error is chosen, as of several l1_ratios. Under MCP,
        SCAD, LogSum, LHalf and GroupMCP results have `stationarity` and `locally_convex` in place
        of a duality gap. The gamma of MCP and the a of SCAD are in units of the loss's curvature
        along a column, in the model without features, under GroupMCP along the longest of a group;
        the eps of LogSum is a coefficient of columns in which that is 1: they mean the same at any
        scale of X. SLOPE, groups and Tikhonov compare or couple coefficients in the units of X,
        with standardize those of columns of unit variance. None: the penalty by those arguments.
    loss : Loss, str or None, default=None
        The loss between y and the linear predictor, or its name (`losses.as_loss` lists them).
        None: "squared", half the squared error, or the loss of the Design.
    offset : array-like (n_samples,) or None, default=None
        Part of the linear predictor that is known for each sample, such as the logarithm of an
        exposure or an earlier model's prediction; under squared error the fit is that of y -
        offset. `predict` then needs the offset of the new samples. None: there is none, or that of
        the Design.
    sample_weight : array-like (n_samples,), float or None, default=None
        Weights s_i >= 0, not all 0. Only their ratios matter. None: all equal.
    fit_intercept : bool or None, default=None
        Fit an intercept b, which is never penalised. None: True, or the setting of the Design.
    standardize : bool or None, default=None
        Penalise as if every column had unit variance, without an intercept unit mean square;
        coefficients and bounds stay in the units of X. None: False, as in scikit-learn, or the
        setting of the Design.
    data : frame or None, default=None
        The table of a formula: with X="price ~ C(cut) + bs(carat)" the target is the column price,
        and y is left out. Formulas are those of formulaic (an extra), without a level dropped; "0
        +" means no intercept. What their terms have learned, such as levels and knots, is part of
        the model. A formula is code that is run, here and by a model that was unpickled. None: X is
        no formula.
    dates : list of str, dict or None, default=None
        Parts of dates that are features, of all columns of dates in a frame or, in a dict, by
        column: year, week (of ISO 8601), day (of the month), minute and days (since the first day
        in the table) are numbers, such as "date.year"; quarter, month, dayofweek and hour have
        levels, such as "date.month=2", as their last is beside their first. Text as 2024-02-29
        12:30 is read. None: columns of dates are refused.
    missing : {"error", "drop", "indicator"}, default="error"
        What is done about missing values, NaN or null. "error": they are refused, with all columns
        named. "drop": rows with one in X, y, sample_weight or offset are left out, with a warning.
        "indicator": in a frame numbers are filled with the mean of their column, and a feature
        "column=missing" is 1 there; in a column of levels "missing" is one more.
    unknown : {"error", "zero"}, default="error"
        What a level of a column means in `predict` that the fit has not seen: an error that names
        it, or zeros, so that its column has no effect.
    cv : int, vector of int, splitter, iterable of (train, test) or None, default=None
        An int is the number of folds, None is 5, as in scikit-learn: samples are assigned to folds
        in the random order given by `seed`, those of each class by themselves. A vector of integers
        (n_samples,) holds the number of each sample's fold (glmnet: foldid). Anything else is
        interpreted as in scikit-learn. A sample that a fold lists several times is counted as often
        in its training.
    seed : int or None, default=0
        Seed of the shuffle before samples are assigned to folds, as in KFold(cv, shuffle=True,
        random_state=seed), for classes StratifiedKFold: data are often sorted, and blocks of sorted
        data are poor samples of the whole. None: blocks of samples in their order, as for time
        series.
    groups : array-like (n_samples,) or None, default=None
        Labels of groups, for splitters that require them.
    fold_weights : {"equal", "samples"}, default="equal"
        Weight of each fold in the mean error and its standard error. "equal": all the same, as in
        scikit-learn. "samples": by its test samples, their number or their sample_weight, as in
        glmnet. They differ where folds differ in size or weight.
    measure : str, callable or None, default=None
        By what models are compared on the samples left out: "deviance", the loss's mean deviance,
        which under squared error is the mean squared error; "mse" or "mae", of the means; for two
        classes "auc", "accuracy" and, of probabilities, "brier"; or a scikit-learn scorer, which
        for classes sees a classifier. The result keeps minus those of which more is better. A fold
        without one of the classes has no "auc". None: "deviance".
    scoring : str, callable or None, default=None
        A scikit-learn scorer, the same as `measure`.
    criterion : {"aic", "aicc", "bic", "ebic", "gcv"} or None, default=None
        Choose by an information criterion, or by generalised cross-validation, instead of folds;
        `model_selection.criteria` has the formulas.
    noise_variance : float > 0 or None, default=None
        Variance of y about its mean given X, in the squared unit of y, for the criterion; for
        Gamma, Tweedie and inverse Gaussian losses their dispersion. None: an estimate independent
        of the candidate models: of the fit without penalty on all features (its Pearson statistic)
        where these are at most half as many as the samples, otherwise of the scaled Lasso (Sun and
        Zhang 2012).
    rule : {"min", "1se"}, default="min"
        "min": the smallest mean error. "1se": the largest alpha whose mean error exceeds that by at
        most its standard error, at the same l1_ratio and gamma.
    relax : bool or array-like of gammas in [0, 1], default=False
        Also try blends of the Lasso fits with unpenalised fits on their supports (`relaxed_path`):
        True tries gamma 1, 3/4, 1/2, 1/4 and 0, as glmnet does.
    patience : int or None, default=None
        Leave the grid of an l1_ratio after this many alphas without a smaller mean error. The folds
        then advance along the grid together, so that their engines are in memory at the same time.
        None: fit the whole grid.
    solver : {"auto", "cd", "cholesky", "cg", "gradient"}, default="auto"
        "auto": the warm engine (coordinate descent and Newton steps on a working set, which ends at
        rounding level whatever tol), and where there is neither an L1 part nor a bound "cholesky",
        or "cg" when both sides of X are large. "cd": plain coordinate descent. "gradient":
        accelerated proximal gradient. "cholesky" and "cg" solve pure L2 problems without bounds.
    precompute : bool, "auto" or array-like (n_features, n_features), default="auto"
        Whether to build the Gram matrix X'X of all features first; a given X'X (with sample weights
        X'SX) is checked against X. "auto" builds it when n_features <= n_samples and n_features <=
        500 for a path, 300 for one alpha; along a path of up to 4000 features also later, when an
        eighth of them has become nonzero. Without it the warm engine stores Gram columns of the
        features that come near the support. `strategy` of the result records the choice. It is for
        squared error: the Gram matrix of another loss changes with the coefficients, so that True
        and False have no effect, and a matrix is refused.
    tol : float, default=1e-6
        Stop when the duality gap is at most tol * ||y - mean(y)||^2 (in the sum form of the
        objective, as in scikit-learn; relative to the null loss that is 2 tol). The default is a
        hundredth of scikit-learn's, for models that can be compared along a path.
    max_iter : int, default=100_000
        Largest number of epochs, passes over the features, at one alpha. The default is a limit for
        fits that do not converge; others need far fewer.
    gram_memory : float >= 0, default=2**30
        Bytes that Gram columns and the factor of the support may take, unless precompute demands
        the whole matrix. Beyond that plain coordinate descent on the residual takes over, which is
        slower if columns are correlated; the solution is the same. Under other losses than squared
        error a fit that needs more ends there with a warning. The default is enough for 8192
        features.
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.
    progress : bool, default=False
        Show one bar over folds and alphas (needs tqdm), on a terminal or in a notebook.
    watcher : callable or None, default=None
        Called after every fit with the name of its path and a `PathStep`; a true return value ends
        that path.

    Returns
    -------
    CVPath
        The path on all samples, the errors of all folds, and the alpha that the rule chooses.

    Warns
    -----
    EndOfGridWarning
        If the last alpha of a grid has the smallest mean error, so that smaller alphas may be
        better.
    ConvergenceWarning
        If the gap of a fit is larger than the tolerance.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be fitted; for folds that cannot be fitted or tested, naming them; and
        for options that have no effect in combination with others.

    References
    ----------
    Breiman, Friedman, Olshen, Stone (1984), "Classification and Regression Trees", for the rule of
    one standard error. docs/mathematics.md, section 10, for the folds.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import cv_path
    >>> found = cv_path(*load_diabetes(return_X_y=True), rule="1se")
    >>> int(found.path.df[found.index])
    5
    """
    began = time.perf_counter()
    check_fold_options(cv, seed, groups, fold_weights, criterion)
    check_one_grid(alphas, n_alphas, eps, AUTO)
    check_same_rows(X, "groups", groups)
    make = maker_of_design(penalty, TableOptions(dates, missing, unknown, data))
    design = make(X, y, sample_weight, fit_intercept, standardize, n_threads, loss, offset)
    pairs = None
    if criterion is None:
        rows = X if is_frame(X) and design.kept is None else design.X
        groups_given = _groups_of_folds(design, groups, cv)
        target = design.described_target
        pairs = folds_for(cv, seed, rows, *target.strata, **groups_given)
    problems = problems_for(
        design,
        l1_ratio,
        Options(solver, precompute, tol, max_iter, gram_memory),
        l1_weights=l1_weights,
        l2_weights=l2_weights,
        positive=positive,
        bounds=bounds,
        exclude=exclude,
        penalty=penalty,
    )
    choice = Choice(
        alphas=n_alphas if alphas is None else alphas,
        eps=eps,
        rule=rule,
        measure=measure,
        scoring=scoring,
        criterion=criterion,
        noise_variance=noise_variance,
        relax=relax,
        patience=patience,
        fold_weights=fold_weights,
        progress=progress,
        watcher=watcher,
    )
    found = choose(problems, pairs, choice, began)
    if isinstance(penalty, list | tuple):
        found = replace(found, penalties=tuple(penalty))
    if found.is_at_end:
        warnings.warn(found.note, EndOfGridWarning, stacklevel=level_of_caller())
    return found


def _groups_of_folds(design: Design, groups: Any, cv: Any) -> dict[str, Any]:
    # those of the rows that are fitted; lists of rows would be of the whole table
    if design.kept is not None and not (
        cv is None or isinstance(cv, numbers.Integral) or hasattr(cv, "split")
    ):
        raise ValueError(
            "cv lists rows, but missing='drop' leaves some rows out, so that their numbers change; "
            "leave them out beforehand, or give a number of folds or a splitter."
        )
    if groups is None:
        return {}
    return {"groups": groups if design.kept is None else rows_at(groups, design.kept)}
