"""stability_path(): how often each feature enters the path, over many subsamples."""

from __future__ import annotations

import numbers
import time
from collections.abc import Iterator
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from softreg_fast.data.names import PerFeature
from softreg_fast.data.tables import TableOptions
from softreg_fast.losses import Loss
from softreg_fast.model_selection.entries import Entries
from softreg_fast.model_selection.stability_result import StabilityPath
from softreg_fast.model_selection.subsamples import part_of, subsamples
from softreg_fast.model_selection.workers import Workers, workers_for
from softreg_fast.options.choices import LossName, Missing, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import Bounds, Index, MatrixLike, RandomState, Vector
from softreg_fast.paths.grids import N_ALPHAS, alpha_grid, as_alphas, check_one_grid
from softreg_fast.paths.path import PathRun
from softreg_fast.penalties.base import Penalty as PenaltyObject
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.given_penalty import maker_of_design, penalty_for
from softreg_fast.solvers.limits import GRAM_MEMORY
from softreg_fast.solvers.problem import Options, Problem
from softreg_fast.system.progress_bar import progress_bar

__all__ = ["EPS", "StabilityPath", "stability_path"]

# For subsamples of half the samples, alphas below this share of the largest are not useful.
EPS = 1e-2


@with_hints
def stability_path(
    X: MatrixLike,
    y: ArrayLike | None = None,
    *,
    alphas: ArrayLike | int | None = None,
    n_alphas: int = N_ALPHAS,
    eps: float = EPS,
    l1_ratio: float = 1.0,
    l1_weights: PerFeature | None = None,
    l2_weights: PerFeature | None = None,
    positive: bool = False,
    bounds: Bounds | None = None,
    exclude: Any = None,
    penalty: PenaltyObject | None = None,
    loss: Loss | LossName | None = None,
    offset: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool | None = None,
    standardize: bool | None = None,
    data: Any = None,
    dates: Any = None,
    missing: Missing = "error",
    unknown: Unknown = "error",
    n_subsamples: int = 100,
    fraction: float = 0.5,
    complementary: bool = True,
    max_selected: int | None = None,
    threshold: float = 0.75,
    random_state: RandomState | None = None,
    tol: float = 1e-6,
    max_iter: int = 100_000,
    gram_memory: float = GRAM_MEMORY,
    n_threads: int | None = None,
    progress: bool = False,
) -> StabilityPath:
    """Run stability selection: find the features that enter the path in most subsamples.

    Every subsample is a vector of sample weights on the same X: no rows are copied. Centring and
    standardisation use the subsample only. Of two classes it holds the same share.

    The path is that of `path`: with S the sum of the subsample's weights s,

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
        None: `n_alphas` values, evenly spaced in the logarithm, from alpha_max / sqrt(fraction)
        down to that times eps; alpha_max is that of all samples, which a subsample's exceeds by
        about that factor if y is noise. An int stands for n_alphas.
    n_alphas : int, default=100
        Number of alphas of a grid that is not given. The default is that of `path`.
    eps : float in (0, 1], default=1e-2
        Ratio of the smallest alpha to the largest. The default is ten times that of `path`: below
        it, on half the samples, paths hold more features than stability selection can use.
    l1_ratio : float in (0, 1], default=1.0
        Share of the L1 penalty, which selects features: 1, the default, is the Lasso.
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
    penalty : object of softreg_fast.penalties or None, default=None
        L1, L2, ElasticNet or NonNegative, instead of l1_ratio, the weights and positive; under
        convex losses with a derivative, of one number per sample, MCP, SCAD, LogSum, SLOPE,
        GroupLasso or SparseGroupLasso; with squared error LHalf, GroupMCP or groups with an
        l2_ratio; Tikhonov. alpha multiplies its strength. Under MCP, SCAD, LogSum, LHalf and
        GroupMCP results have `stationarity` and `locally_convex` in place of a duality gap. The
        gamma of MCP and the a of SCAD are in units of the loss's curvature along a column, in the
        model without features, under GroupMCP along the longest of a group; the eps of LogSum is a
        coefficient of columns in which that is 1: they mean the same at any scale of X. SLOPE,
        groups and Tikhonov compare or couple coefficients in the units of X, with standardize those
        of columns of unit variance. None: the penalty by those arguments.
    loss : Loss, str or None, default=None
        The loss between y and the linear predictor, or its name (`losses.as_loss` lists them).
        None: "squared", half the squared error, or the loss of the Design.
    offset : array-like (n_samples,) or None, default=None
        Part of the linear predictor that is known for each sample, such as the logarithm of an
        exposure or an earlier model's prediction; under squared error the fit is that of y -
        offset. `predict` then needs the offset of the new samples. None: there is none, or that of
        the Design.
    sample_weight : array-like (n_samples,), float or None, default=None
        Weights in the fits. Samples of weight 0 are never drawn, all others equally often.
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
    n_subsamples : int, default=100
        Number of subsamples. The default is that of Meinshausen and Buehlmann (2010).
    fraction : float in (0, 1], default=0.5
        Size of a subsample as a share of the samples, rounded down to whole samples. The default is
        the largest for which the number of false features has a bound.
    complementary : bool, default=True
        Draw the subsamples in pairs without common samples, for which the bound holds with any
        number of subsamples.
    max_selected : int or None, default=None
        A subsample's path ends when this many features have entered (q in the literature); of those
        that enter at the last alpha the ones with the largest standardised coefficients count.
        None: the largest number that keeps the bound on the expected number of false features at 1.
    threshold : float in (0.5, 1], default=0.75
        Share of the subsamples in which a feature must enter to be selected. The default is the
        middle of the range 0.6 to 0.9 that Meinshausen and Buehlmann (2010) recommend.
    random_state : int, RandomState or None, default=None
        Seed or generator of the subsamples; None: different ones each time.
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
        Show one bar over subsamples (needs tqdm), on a terminal or in a notebook.

    Returns
    -------
    StabilityPath
        How often each feature has entered by each alpha, and what follows from that.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be fitted; the message states what is expected.

    Warns
    -----
    ConvergenceWarning
        Once, if the gap is larger than the tolerance in some subsample.

    References
    ----------
    Meinshausen, Buehlmann (2010), "Stability selection", JRSS B 72(4).
    Shah, Samworth (2013), "Variable selection with error control: another look at stability
    selection", JRSS B 75(1), for complementary pairs.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import stability_path
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> found = stability_path(X, y, random_state=0)
    >>> [name for name, _ in found.selected()]
    ['bmi', 's5']
    """
    began = time.perf_counter()
    check_number("l1_ratio", l1_ratio, low=0.0, high=1.0, low_open=True)
    check_number("threshold", threshold, low=0.5, high=1.0, low_open=True)
    # for the few features that enter, Gram columns cost less than the whole matrix
    options = Options(precompute=False, tol=tol, max_iter=max_iter, gram_memory=gram_memory)
    options.check()
    check_one_grid(alphas, n_alphas, eps, EPS)
    make = maker_of_design(penalty, TableOptions(dates, missing, unknown, data), of_tasks=False)
    design = make(X, y, sample_weight, fit_intercept, standardize, n_threads, loss, offset)
    drawn = subsamples(design, n_subsamples, fraction, complementary, random_state)
    stated = Penalty(1.0, l1_ratio, l1_weights, l2_weights, positive, bounds, exclude=exclude)
    chosen = penalty_for(penalty, stated)
    check_number("l1_ratio", chosen.l1_ratio, low=0.0, high=1.0, low_open=True)
    problem = Problem(design, chosen, options)
    if alphas is None or isinstance(alphas, numbers.Integral):
        count: Any = n_alphas if alphas is None else alphas
        grid = alpha_grid(problem, count, eps) / np.sqrt(fraction)
    else:
        grid = as_alphas(alphas)
    entries = Entries(problem, max_selected, threshold)
    crew = Workers(workers_for(n_subsamples, design.n_entries, design.most_threads))
    with progress_bar(n_subsamples, progress, "subsample") as bar:
        _fit_subsamples(problem, grid, drawn, entries, crew, bar)
    entries.warn(max_iter)
    frequencies = entries.frequencies(grid)
    return StabilityPath(
        alphas=grid,
        frequencies=frequencies,
        threshold=threshold,
        max_selected=entries.max_selected,
        n_candidates=entries.n_candidates,
        mean_selected=float(frequencies[:, [-1]].toarray()[entries.candidates].sum()),
        n_subsamples=n_subsamples,
        fraction=fraction,
        complementary=complementary,
        seconds=time.perf_counter() - began,
        feature_names=entries.names,
    )


def _fit_subsamples(
    problem: Problem,
    grid: Vector,
    drawn: Iterator[Index],
    entries: Entries,
    crew: Workers,
    bar: Any,
) -> None:
    # fit the path of each subsample until enough features have entered
    design = problem.design
    most = entries.max_selected + int(entries.always_in.sum())
    one_at_a_time = Lock()

    def fit(rows: Index) -> None:
        part = part_of(design.with_threads(crew.share(design.n_threads)), rows)
        run = PathRun(problem.on(part), grid)
        run.advance(len(grid), lambda step: bool(entries.count(run, step.df) >= most))
        with one_at_a_time:
            entries.add(run.path(), part.norm)
            if bar is not None:
                bar.update()

    crew.map(fit, drawn)
