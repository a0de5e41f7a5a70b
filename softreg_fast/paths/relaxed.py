"""The relaxed Lasso: unpenalised fits on the supports of a path, blended with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from softreg_fast.data.tables import TableOptions
from softreg_fast.losses import Loss
from softreg_fast.options.choices import LossName, Missing, Unknown
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import Bounds, MatrixLike, Vector
from softreg_fast.paths.path import path
from softreg_fast.paths.refits import refits_of
from softreg_fast.paths.relaxed_result import RelaxedPath
from softreg_fast.paths.result import Path
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.given_penalty import maker_of_design
from softreg_fast.solvers.problem import Problem

__all__ = ["GAMMAS", "RelaxedPath", "as_gammas", "relax_fits", "relaxed_path"]

# Shares of the Lasso in the blends that cross-validation compares, as in glmnet.
GAMMAS = (1.0, 0.75, 0.5, 0.25, 0.0)


def relaxed_path(
    X: MatrixLike,
    y: ArrayLike | None = None,
    *,
    positive: bool = False,
    bounds: Bounds | None = None,
    loss: Loss | LossName | None = None,
    offset: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool | None = None,
    standardize: bool | None = None,
    data: Any = None,
    dates: Any = None,
    missing: Missing = "error",
    unknown: Unknown = "error",
    n_threads: int | None = None,
    **options: Any,
) -> RelaxedPath:
    """Fit a `path` and its relaxed fits.

    At each alpha the features with nonzero coefficients are fitted again without L1 and L2, within
    the bounds. If these features are linearly dependent the refit by squared error is the one of
    least norm (for columns of unit length). Features that separate two classes have no finite
    refit under a likelihood: it ends where its deviance is a negligible share, 1e-10, of that
    without features. Of several classes a feature selected for one is refitted for all, as in
    glmnet. The path is that of `path`: with S the sum of the sample weights s,

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
    positive : bool, default=False
        Constrain every coefficient to be >= 0.
    bounds : (lower, upper), scipy.optimize.Bounds, dict or None, default=None
        Bounds of the coefficients, in the units of X. Lower and upper are numbers, arrays
        (n_features,), dicts or Series by feature name, or None for no bound. A single dict has
        pairs (lower, upper) by feature name; other features are unbounded.
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
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.
    **options
        Further parameters of `path`:

        alphas : array-like (n_alphas,), int or None, default=None
            The alphas, sorted in falling order. None: `n_alphas` values, evenly spaced in the
            logarithm, from alpha_max, the smallest alpha at which no L1-penalised coefficient is
            nonzero, down to alpha_max * eps. For l1_ratio < 1e-3, where the L2 part dominates the
            shrinkage, from d / eps, d the largest eigenvalue of X'X / n (each column divided by the
            root of its l2 weight), down to eps times the smallest variance of a column
            (`paths.grids`). An int stands for n_alphas.
        n_alphas : int, default=100
            Number of alphas of a grid that is not given. The default is scikit-learn's.
        eps : float in (0, 1], default=1e-3
            Ratio of the smallest alpha to the largest. The default is scikit-learn's.
        l1_ratio : float in [0, 1], default=1.0
            Share of the L1 penalty: 1, the default, is the Lasso, 0 is ridge.
        l1_weights : float, array-like (n_features,), dict, Series or None, default=None
            Relative strength of the L1 penalty on each feature, >= 0. 0: not penalised; inf:
            excluded, the coefficient is 0; None: all 1. A dict or a pandas Series is matched by
            feature name (by feature number if X has no names), or by the name of a column for all
            of its features; features not named in it have 1.
        l2_weights : float, array-like (n_features,), dict, Series or None, default=None
            Relative strength of the L2 penalty on each feature, as l1_weights.
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
            gamma of MCP and the a of SCAD are in units of the loss's curvature along a column, in
            the model without features, under GroupMCP along the longest of a group; the eps of
            LogSum is a coefficient of columns in which that is 1: they mean the same at any scale
            of X. SLOPE, groups and Tikhonov compare or couple coefficients in the units of X, with
            standardize those of columns of unit variance. None: the penalty by those arguments.
        solver : {"auto", "cd", "cholesky", "cg", "gradient"}, default="auto"
            "auto": the warm engine (coordinate descent and Newton steps on a working set, which
            ends at rounding level whatever tol), and where there is neither an L1 part nor a bound
            "cholesky", or "cg" when both sides of X are large. "cd": plain coordinate descent.
            "gradient": accelerated proximal gradient. "cholesky" and "cg" solve pure L2 problems
            without bounds.
        precompute : bool, "auto" or array-like (n_features, n_features), default="auto"
            Whether to build the Gram matrix X'X of all features first; a given X'X (with sample
            weights X'SX) is checked against X. "auto" builds it when n_features <= n_samples and
            n_features <= 500 for a path, 300 for one alpha; along a path of up to 4000 features
            also later, when an eighth of them has become nonzero. Without it the warm engine stores
            Gram columns of the features that come near the support. `strategy` of the result
            records the choice. It is for squared error: the Gram matrix of another loss changes
            with the coefficients, so that True and False have no effect, and a matrix is refused.
        tol : float, default=1e-6
            Stop when the duality gap is at most tol * ||y - mean(y)||^2 (in the sum form of the
            objective, as in scikit-learn; relative to the null loss that is 2 tol). The default is
            a hundredth of scikit-learn's, for models that can be compared along a path.
        max_iter : int, default=100_000
            Largest number of epochs, passes over the features, at one alpha. The default is a limit
            for fits that do not converge; others need far fewer.
        coef_init : array-like (n_features,), dict, Series or None, default=None
            Initial coefficients, in the units of X; features not named in a dict or Series start at
            0. None: all 0. The optimum does not depend on them, the time does.
        max_dev_ratio : float in [0, 1] or None, default=None
            Stop after the first alpha that explains this fraction of the deviance. None: no such
            limit.
        max_df : int or None, default=None
            Stop after the first alpha with this many nonzero coefficients. None: no such limit.
        pmax : int or None, default=None
            Stop after the first alpha by which this many features have been nonzero, at it or at a
            larger one. None: no such limit.
        callback : callable or None, default=None
            Called with a `PathStep` after each alpha; a true return value ends the path there.
        gram_memory : float >= 0, default=2**30
            Bytes that Gram columns and the factor of the support may take, unless precompute
            demands the whole matrix. Beyond that plain coordinate descent on the residual takes
            over, which is slower if columns are correlated; the solution is the same. Under other
            losses than squared error a fit that needs more ends there with a warning. The default
            is enough for 8192 features.
        progress : bool, default=False
            Show a bar over the alphas (needs tqdm), on a terminal or in a notebook.

    Returns
    -------
    RelaxedPath
        The path and its refits, whose blends `at`, `coef_at` and `predict` give.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be fitted, and for several targets.

    Warns
    -----
    ConvergenceWarning
        Once, if the gap is larger than the tolerance at some alpha.

    References
    ----------
    Meinshausen (2007), "Relaxed Lasso", Computational Statistics & Data Analysis 52; in the form of
    a blend: Hastie, Tibshirani, Tibshirani (2020), "Best subset, forward stepwise or Lasso?",
    Statistical Science 35.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import relaxed_path
    >>> fits = relaxed_path(*load_diabetes(return_X_y=True), n_alphas=20)
    >>> bool((fits.refits.dev_ratio >= fits.path.dev_ratio).all())
    True
    """
    table = TableOptions(dates, missing, unknown, data)
    make = maker_of_design(options.get("penalty"), table, of_tasks=False)
    design = make(X, y, sample_weight, fit_intercept, standardize, n_threads, loss, offset)
    fits = path(design, positive=positive, bounds=bounds, **options)
    positive = positive or getattr(options.get("penalty"), "positive", False)
    return relax_fits(Problem(design, Penalty(positive=positive, bounds=bounds)), fits)


def relax_fits(problem: Problem, fits: Path) -> RelaxedPath:
    """Compute the relaxed fits of a path of this problem, within its bounds.

    Raises
    ------
    ValueError
        For several targets.
    """
    refits, overlap = refits_of(problem, fits)
    return RelaxedPath(fits, refits, overlap, None if problem.loss.quadratic else problem.design)


def as_gammas(relax: Any) -> Vector:
    """Return the gammas of `relax`, falling: just 1 for False, GAMMAS for True, or those given."""
    if isinstance(relax, bool | np.bool_):
        return np.array(GAMMAS if relax else [1.0])
    given = np.atleast_1d(np.asarray(relax))
    if given.dtype.kind not in "fiu":
        raise TypeError(f"relax must be True, False or gammas in [0, 1], got {relax!r}.")
    if given.ndim != 1 or not given.size:
        raise ValueError(f"relax must be True, False or gammas in [0, 1], got {relax!r}.")
    gammas = [check_number("relax", g, low=0.0, high=1.0) for g in given.tolist()]
    return np.unique(gammas)[::-1]
