"""path(): a warm-started loop over falling alphas, with early stopping and callbacks."""

from __future__ import annotations

import numbers
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from softreg_fast.data.names import PerFeature
from softreg_fast.data.tables import TableOptions
from softreg_fast.kernels._runtime import look_at_signals
from softreg_fast.losses import Loss
from softreg_fast.options.choices import LossName, Missing, Solver, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Bounds, MatrixLike, Precompute, Vector
from softreg_fast.paths.convergence import warn_of_missed
from softreg_fast.paths.endless import warn_of_endless
from softreg_fast.paths.grids import EPS, N_ALPHAS, alpha_grid, as_alphas, check_one_grid
from softreg_fast.paths.result import Path
from softreg_fast.paths.stops import PathStep, Stops
from softreg_fast.paths.user_units import of_features, path_of
from softreg_fast.penalties.base import Penalty as PenaltyObject
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.certificate import certified
from softreg_fast.solvers.choice import make_engine
from softreg_fast.solvers.given_penalty import maker_of_design, penalty_for
from softreg_fast.solvers.limits import GRAM_MEMORY
from softreg_fast.solvers.problem import Options, Problem
from softreg_fast.solvers.proximal_newton import ProximalNewtonEngine
from softreg_fast.solvers.substitution import restored, substituted, substituted_start
from softreg_fast.solvers.warm import WarmEngine
from softreg_fast.system.progress_bar import progress_bar

__all__ = ["PathRun", "PathStep", "path"]

# Solvers that may run a whole grid of alphas in one call.
Travelling = WarmEngine | ProximalNewtonEngine


@with_hints
def path(
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
    solver: Solver = "auto",
    precompute: Precompute = "auto",
    tol: float = 1e-6,
    max_iter: int = 100_000,
    coef_init: PerFeature | None = None,
    max_dev_ratio: float | None = None,
    max_df: int | None = None,
    pmax: int | None = None,
    callback: Callable[[PathStep], bool | None] | None = None,
    gram_memory: float = GRAM_MEMORY,
    n_threads: int | None = None,
    progress: bool = False,
) -> Path:
    """Fit the model of `solve` along falling alphas, each warm-started from the last.

    Minimises for each alpha, over w and b, with S the sum of the sample weights s,

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
    eps : float in (0, 1], default=1e-3
        Ratio of the smallest alpha to the largest. The default is scikit-learn's.
    l1_ratio : float in [0, 1], default=1.0
        Share of the L1 penalty: 1, the default, is the Lasso, 0 is ridge.
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
    coef_init : array-like (n_features,), dict, Series or None, default=None
        Initial coefficients, in the units of X; features not named in a dict or Series start at 0.
        None: all 0. The optimum does not depend on them, the time does.
    max_dev_ratio : float in [0, 1] or None, default=None
        Stop after the first alpha that explains this fraction of the deviance. None: no such limit.
    max_df : int or None, default=None
        Stop after the first alpha with this many nonzero coefficients. None: no such limit.
    pmax : int or None, default=None
        Stop after the first alpha by which this many features have been nonzero, at it or at a
        larger one. None: no such limit.
    callback : callable or None, default=None
        Called with a `PathStep` after each alpha; a true return value ends the path there.
    gram_memory : float >= 0, default=2**30
        Bytes that Gram columns and the factor of the support may take, unless precompute demands
        the whole matrix. Beyond that plain coordinate descent on the residual takes over, which is
        slower if columns are correlated; the solution is the same. Under other losses than squared
        error a fit that needs more ends there with a warning. The default is enough for 8192
        features.
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.
    progress : bool, default=False
        Show a bar over the alphas (needs tqdm), on a terminal or in a notebook.

    Returns
    -------
    Path
        The models, with a duality gap for each.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be fitted; the message states what is expected.

    Warns
    -----
    ConvergenceWarning
        Once, if the gap is larger than the tolerance at some alpha.

    References
    ----------
    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent", J. Stat. Software 33(1), for paths by descent; docs/mathematics.md, section
    8.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import path
    >>> fits = path(*load_diabetes(return_X_y=True, as_frame=True), n_alphas=3)
    >>> fits.df
    array([ 0,  7, 10])
    """
    began = time.perf_counter()
    stated = Penalty(1.0, l1_ratio, l1_weights, l2_weights, positive, bounds, exclude=exclude)
    chosen = penalty_for(penalty, stated)
    options = Options(solver, precompute, tol, max_iter, gram_memory)
    options.check()
    stops = Stops(max_dev_ratio, max_df, pmax, callback)
    stops.check()
    check_one_grid(alphas, n_alphas, eps, EPS)
    make = maker_of_design(penalty, TableOptions(dates, missing, unknown, data))
    design = make(X, y, sample_weight, fit_intercept, standardize, n_threads, loss, offset)
    problem = Problem(design, chosen, options)
    if isinstance(alphas, numbers.Integral):  # as newer scikit-learn allows
        alphas, n_alphas = None, alphas
    grid = alpha_grid(problem, n_alphas, eps) if alphas is None else as_alphas(alphas)
    run = PathRun(problem, grid, coef_init, began=began)
    if progress:
        with progress_bar(len(grid), progress) as bar:
            run.advance(len(grid), stops.of(run, bar))
    else:
        run.advance(len(grid), stops.of(run))
    fits = run.path()
    if not warn_of_endless(problem, fits):
        warn_of_missed(fits, max_iter)
    return fits


class PathRun:
    """A path in progress: a solver, a grid, and the position on it.

    Parameters
    ----------
    problem : Problem
    alphas : ndarray, falling
    coef_init : as in `path`
    first : int, default=0
        Number of alphas that another run has fitted, ending at coef_init.
    began : float or None
        Time at which the work began; None: now.
    """

    def __init__(
        self,
        problem: Problem,
        alphas: Vector,
        coef_init: PerFeature | None = None,
        first: int = 0,
        began: float | None = None,
    ) -> None:
        self.began = time.perf_counter() if began is None else began
        self.problem, self.solved = problem, substituted(problem)
        self.alphas = alphas
        self.first = self.position = first
        self.stopped = False  # by the callback
        start = substituted_start(problem, coef_init)
        self.engine = make_engine(self.solved, start, len(alphas) - first)

    def advance(self, n: int, tell: Callable[[PathStep], bool | None] | None = None) -> None:
        """Fit the next n alphas; stop early if `tell` returns a true value."""
        engine, l1_ratio, options = self.engine, self.solved.l1_ratio, self.solved.options
        tol, max_iter = options.tol, options.max_iter
        alphas = self.alphas[self.position : self.position + n]
        if tell is None and isinstance(engine, Travelling) and engine.goes_along:
            engine.solve_along(alphas, l1_ratio, tol, max_iter)
            self.position += len(alphas)
            return
        for alpha in alphas.tolist():
            look_at_signals()
            engine.keep(engine.solve(alpha * l1_ratio, alpha * (1.0 - l1_ratio), tol, max_iter))
            self.position += 1
            if tell is not None and tell(self._step(alpha)):
                self.stopped = True
                break

    def _step(self, alpha: float) -> PathStep:
        # callback arguments for the last kept fit
        problem, engine = self.solved, self.engine
        design, target, vectors = problem.design, problem.target, problem.vectors
        unit = target.objective_unit
        df = engine.count_nonzero() + len(design.fixed(vectors.lower, vectors.upper))
        if problem is not self.problem:
            df = int(np.count_nonzero(restored(self.problem, engine.coef.T)))
        return PathStep(
            position=self.position - 1,
            n_alphas=len(self.alphas),
            alpha=alpha,
            df=df,
            dev_ratio=float(target.dev_ratio(engine.residual_sumsq)),
            gap=engine.gap * unit,
            tol=problem.options.tol * target.gap_unit,
        )

    def path(self) -> Path:
        """Return all fits so far."""
        problem, engine = self.solved, self.engine
        fits = engine.kept()
        alphas = self.alphas[self.first :][: len(fits.gaps)]
        strengths = alphas * problem.l1_ratio, alphas * (1.0 - problem.l1_ratio)
        fits = certified(fits, problem, strengths, engine.doubt)
        strategy = engine.strategy
        if problem.design.only_products and strategy == "gram":
            strategy = "products"
        found = path_of(problem, fits, alphas, strategy, self.began)
        if problem is self.problem:
            return found
        return of_features(self.problem, found)
