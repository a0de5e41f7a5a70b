"""The relaxed Lasso: unpenalised fits on the supports of a path, blended with it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.design import Design
from softreg_fast.data.tables import TableOptions
from softreg_fast.losses import Loss
from softreg_fast.options.choices import LossName, Missing, Prediction, Unknown
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import Bounds, MatrixLike, Vector
from softreg_fast.paths.path import path
from softreg_fast.paths.refits import blended, dev_ratios, features_in, refits_of
from softreg_fast.paths.result import Path
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.given_penalty import maker_of_design
from softreg_fast.solvers.problem import Problem

# Shares of the Lasso in the blends that cross-validation compares, as in glmnet.
GAMMAS = (1.0, 0.75, 0.5, 0.25, 0.0)


@dataclass(frozen=True, eq=False, repr=False)
class RelaxedPath:
    """A path, and at each alpha the unpenalised fit on the features that it selects.

    What `relaxed_path` returns.

    Attributes
    ----------
    path : Path
        The fits with the penalty.
    refits : Path
        Unpenalised fits at the same alphas. `gaps` are the differences of the loss from its minimum
        on the support.
    overlap : ndarray (n_alphas,) or None
        Inner product of the residuals of path and refits, as a share of the null deviance; None for
        losses other than squared error.
    design : Design or None
        The samples, from which the deviances of blends follow; None for squared error.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import relaxed_path
    >>> fits = relaxed_path(*load_diabetes(return_X_y=True), n_alphas=5)
    >>> fits.at(0.5).dev_ratio.round(3)
    array([0.   , 0.486, 0.514, 0.517, 0.518])
    """

    path: Path
    refits: Path
    overlap: Vector | None
    design: Design | None = None

    def at(self, gamma: float) -> Path:
        """Return gamma times the path plus (1 - gamma) times the refits (1: Lasso, 0: refits).

        `gaps` are the larger of the two paths' gaps.

        Parameters
        ----------
        gamma : float in [0, 1]
            Share of the path in the blend: 1 is the Lasso, 0 its refits.

        Returns
        -------
        Path

        Raises
        ------
        ValueError, TypeError
            For a gamma that is not in [0, 1].
        """
        gamma = check_number("gamma", gamma, low=0.0, high=1.0)
        if gamma in (0.0, 1.0):
            return self.path if gamma else self.refits
        rest = 1.0 - gamma
        coefs = blended(self.path, self.refits, gamma)
        intercepts = gamma * self.path.intercepts + rest * self.refits.intercepts
        if self.overlap is None:
            dev_ratio = dev_ratios(self.design, coefs, intercepts)
        else:
            dev_ratio = 1.0 - (
                gamma**2 * (1.0 - self.path.dev_ratio)
                + 2.0 * gamma * rest * self.overlap
                + rest**2 * (1.0 - self.refits.dev_ratio)
            )
        return dataclasses.replace(
            self.path,
            coefs=coefs,
            intercepts=intercepts,
            gaps=np.maximum(self.path.gaps, self.refits.gaps),
            dev_ratio=dev_ratio,
            df=features_in(coefs, len(self.path)),
        )

    def coef_at(self, alpha: float | ArrayLike, gamma: float = 0.0) -> Vector:
        """Return the coefficients of `at(gamma)`, by default the refits, at one alpha or several.

        Between two alphas of the grid the refits, unlike the Lasso, are not linear in alpha: the
        result there is a blend of the two.

        Parameters
        ----------
        alpha : float or array-like (n_alphas,)
            Within the path's range.
        gamma : float in [0, 1], default=0.0
            Share of the path in the blend: 1 is the Lasso, 0 its refits.

        Returns
        -------
        ndarray (n_features,), of several alphas (n_features, n_alphas)
            Coefficients, in units of y per unit of X.

        Raises
        ------
        ValueError, TypeError
            If an alpha lies outside the path, or is not a number.
        """
        return self.at(gamma).coef_at(alpha)

    def predict(
        self,
        X: MatrixLike,
        alpha: float | ArrayLike | None = None,
        gamma: float = 0.0,
        *,
        offset: ArrayLike | None = None,
        kind: Prediction = "response",
    ) -> NDArray[Any]:
        """Return the predictions of `at(gamma)`, by default those of the refits.

        Parameters
        ----------
        X : array-like, sparse, frame or Design, (n_samples, n_features)
            The features. Columns of a frame are matched by name, if the model was fitted to named
            columns; columns unknown to the model are ignored. Those of an array are taken in order.
        alpha : float, array-like (n_alphas,) or None, default=None
            Within the path's range, as in `coef_at`. None: all alphas of the path.
        gamma : float in [0, 1], default=0.0
            Share of the path in the blend: 1 is the Lasso, 0 its refits.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, which a model fitted with one needs. None: there was none in
            the fit.
        kind : {"response", "link", "class", "proba", "survival"}, default="response"
            "response": the mean of y, under squared error the linear predictor itself, which is
            "link". "class" and "proba" are for losses of classes: the most probable class, and the
            probabilities of all. "survival" is for survival times, whose "response" is the hazard
            ratio: in a last axis the probabilities of no event up to each distinct time of the
            samples of the fit.

        Returns
        -------
        ndarray (n_samples, n_alphas), or (n_samples,) for one alpha
            Predictions, in the unit of y.

        Raises
        ------
        ValueError, TypeError
            For missing columns, for X that is not finite numbers, and for alphas out of range.
        """
        return self.at(gamma).predict(X, alpha, offset=offset, kind=kind)

    def __repr__(self) -> str:
        return f"RelaxedPath(refits of {self.path!r})"


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
    y : array-like (n_samples,), (n_samples, 2) or None, default=None
        The target, in any unit. None: that of X, a Design with a target. Losses of two classes take
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
        callback : callable or None, default=None
            Called with a `PathStep` after each alpha; a true return value ends the path there.
        gram_memory : float >= 0, default=2**30
            Bytes that Gram columns and the factor of the support may take, unless precompute
            demands the whole matrix. Beyond that plain coordinate descent on the residual takes
            over, which is slower if columns are correlated; the solution is the same. Under other
            losses than squared error a fit that needs more ends there with a warning. The default
            is enough for 8192 features.

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
