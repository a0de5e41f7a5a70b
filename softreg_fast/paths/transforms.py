"""Paths in which differences of neighbouring coefficients are penalised or have a sign.

The differences are coefficients of other columns: w = B v, where v holds the first coefficient, the
first of its differences, and so on up to the order, and then all differences of that order; B takes
cumulative sums. So the fit of v to X B with an L1 penalty, or bounds, on the differences is the fit
of w, with the same duality gap.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from softreg_fast.data.design import Design
from softreg_fast.data.given import as_design
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.data.validation import as_start
from softreg_fast.losses import Loss
from softreg_fast.options.choices import LossName
from softreg_fast.options.scalars import check_count, check_flag
from softreg_fast.options.types import Matrix, MatrixLike
from softreg_fast.paths.path import path
from softreg_fast.paths.result import Path
from softreg_fast.paths.survival import baselines_of
from softreg_fast.system.threads import blas_threads_for

# Largest number of epochs of `trend_filter_path`, which needs many short ones.
MAX_ITER = 1_000_000

# Parameters of `path` that these functions set themselves.
SET_HERE = (
    "l1_ratio",
    "l1_weights",
    "l2_weights",
    "positive",
    "bounds",
    "exclude",
    "penalty",
    "standardize",
    "precompute",
)


def fused_path(
    X: MatrixLike,
    y: ArrayLike | None = None,
    *,
    increasing: bool | None = None,
    loss: Loss | LossName | None = None,
    offset: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool | None = None,
    coef_init: Any = None,
    n_threads: int | None = None,
    **options: Any,
) -> Path:
    """Fit a path with the total variation of the coefficients as penalty: they come in plateaus.

    Minimises for each alpha, over w and b, with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + alpha * sum_j |w_(j+1) - w_j|

    for features in an order, such as places or times. With X the identity, and no intercept, w is y
    without its noise. It is `trend_filter_path` with order=1.

    Parameters
    ----------
    X : array-like, sparse, frame or Design, (n_samples, n_features)
        The features, in the order in which their coefficients are compared. The fit makes a dense
        matrix of the same size, of sums of columns. A Design brings its own weights, intercept and
        threads, and must not standardise.
    y : array-like (n_samples,), (n_samples, n_tasks) or None, default=None
        The target, in any unit. Under squared error the columns of a matrix are tasks, fitted
        together: a feature is selected for all or for none (glmnet: mgaussian), except in relaxed
        and stability paths. None: that of X, a Design with a target. Losses of two classes take
        labels of any type, the second of the sorted labels as class 1, or numbers from 0 to 1,
        which are shares of class 1. Of two columns the first counts the samples of class 0
        (failures), the second those of class 1 (successes), in glmnet's order; each row has the
        weight of its samples.
    increasing : bool or None, default=None
        True: no coefficient is smaller than the one before, False: none is larger; with alpha 0
        that is isotonic regression. None: both are allowed.
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
    coef_init : array-like (n_features,), dict, Series or None, default=None
        Initial coefficients, in the units of X; features not named in a dict or Series start at 0.
        None: all 0. The optimum does not depend on them, the time does.
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.
    **options
        Further parameters of `path`:

        alphas : array-like (n_alphas,), int or None, default=None
            The alphas, sorted in falling order. None: `n_alphas` values, evenly spaced in the
            logarithm, from the smallest alpha at which all penalised differences are 0, down to eps
            times that. An int stands for n_alphas.
        n_alphas : int, default=100
            Number of alphas of a grid that is not given. The default is scikit-learn's.
        eps : float in (0, 1], default=1e-3
            Ratio of the smallest alpha to the largest. The default is scikit-learn's.
        solver : {"auto", "cd", "cholesky", "cg", "gradient"}, default="auto"
            "auto": the warm engine (coordinate descent and Newton steps on a working set, which
            ends at rounding level whatever tol), and where there is neither an L1 part nor a bound
            "cholesky", or "cg" when both sides of X are large. "cd": plain coordinate descent.
            "gradient": accelerated proximal gradient. "cholesky" and "cg" solve pure L2 problems
            without bounds.
        tol : float, default=1e-6
            Stop when the duality gap is at most tol * ||y - mean(y)||^2 (in the sum form of the
            objective, as in scikit-learn; relative to the null loss that is 2 tol). The default is
            a hundredth of scikit-learn's, for models that can be compared along a path.
        max_iter : int, default=100_000
            Largest number of epochs, passes over the features, at one alpha. The default is a limit
            for fits that do not converge; others need far fewer.
        max_dev_ratio : float in [0, 1] or None, default=None
            Stop after the first alpha that explains this fraction of the deviance. None: no such
            limit.
        max_df : int or None, default=None
            Stop after the first alpha with this many nonzero differences, first coefficients
            included. None: no such limit.
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
    Path
        The coefficients w, with the duality gap of the problem in the differences. Its df counts
        nonzero coefficients; equal neighbours are equal exactly.

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
    Tibshirani, Saunders, Rosset, Zhu, Knight (2005), "Sparsity and smoothness via the fused lasso",
    JRSS B 67(1), without its second penalty, of single coefficients.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast import fused_path
    >>> y = np.array([0.0, 0.0, 3.0, 3.0, 3.0])
    >>> fused_path(np.eye(5), y, alphas=[0.1], fit_intercept=False)[0].coef.round(3)
    array([0.25 , 0.25 , 2.833, 2.833, 2.833])
    """
    design = as_design(X, y, sample_weight, fit_intercept, None, n_threads, loss, offset)
    return _path_of(design, 1, _sign("increasing", increasing), coef_init, options)


def trend_filter_path(
    X: MatrixLike,
    y: ArrayLike | None = None,
    *,
    order: int = 2,
    convex: bool | None = None,
    loss: Loss | LossName | None = None,
    offset: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool | None = None,
    coef_init: Any = None,
    n_threads: int | None = None,
    **options: Any,
) -> Path:
    """Fit a path with an L1 penalty of higher differences: coefficients on pieces of polynomials.

    Minimises for each alpha, over w and b, with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + alpha * sum_j |(D w)_j|

    with D the differences of the order, `penalties.difference_matrix(n_features, order)`.

    Parameters
    ----------
    X : array-like, sparse, frame or Design, (n_samples, n_features)
        The features, in the order in which their coefficients are compared. The fit makes a dense
        matrix of the same size, of sums of columns. A Design brings its own weights, intercept and
        threads, and must not standardise.
    y : array-like (n_samples,), (n_samples, n_tasks) or None, default=None
        The target, in any unit. Under squared error the columns of a matrix are tasks, fitted
        together: a feature is selected for all or for none (glmnet: mgaussian), except in relaxed
        and stability paths. None: that of X, a Design with a target. Losses of two classes take
        labels of any type, the second of the sorted labels as class 1, or numbers from 0 to 1,
        which are shares of class 1. Of two columns the first counts the samples of class 0
        (failures), the second those of class 1 (successes), in glmnet's order; each row has the
        weight of its samples.
    order : int >= 1, default=2
        Order of the differences, one more than that of the polynomials: 1 for plateaus, 2 for
        straight lines, 3 for parabolas. Order 1 is fast for thousands of features. From 2 on
        neighbouring knots are hard to tell apart, which takes many epochs: order 2 is for up to
        about 1000 features, order 3 for 300.
    convex : bool or None, default=None
        For order 2: True, the coefficients are a convex sequence, no difference is smaller than the
        one before; False, a concave one. None: neither.
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
    coef_init : array-like (n_features,), dict, Series or None, default=None
        Initial coefficients, in the units of X; features not named in a dict or Series start at 0.
        None: all 0. The optimum does not depend on them, the time does.
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.
    **options
        Further parameters of `path`:

        alphas : array-like (n_alphas,), int or None, default=None
            The alphas, sorted in falling order. None: `n_alphas` values, evenly spaced in the
            logarithm, from the smallest alpha at which all penalised differences are 0, down to eps
            times that. An int stands for n_alphas.
        n_alphas : int, default=100
            Number of alphas of a grid that is not given. The default is scikit-learn's.
        eps : float in (0, 1], default=1e-3
            Ratio of the smallest alpha to the largest. The default is scikit-learn's.
        solver : {"auto", "cd", "cholesky", "cg", "gradient"}, default="auto"
            "auto": the warm engine (coordinate descent and Newton steps on a working set, which
            ends at rounding level whatever tol), and where there is neither an L1 part nor a bound
            "cholesky", or "cg" when both sides of X are large. "cd": plain coordinate descent.
            "gradient": accelerated proximal gradient. "cholesky" and "cg" solve pure L2 problems
            without bounds.
        tol : float, default=1e-6
            Stop when the duality gap is at most tol * ||y - mean(y)||^2 (in the sum form of the
            objective, as in scikit-learn; relative to the null loss that is 2 tol). The default is
            a hundredth of scikit-learn's, for models that can be compared along a path.
        max_iter : int, default=1_000_000
            Largest number of epochs at one alpha.
        max_dev_ratio : float in [0, 1] or None, default=None
            Stop after the first alpha that explains this fraction of the deviance. None: no such
            limit.
        max_df : int or None, default=None
            Stop after the first alpha with this many nonzero differences, first coefficients
            included. None: no such limit.
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
    Path
        The coefficients w, with the duality gap of the problem in the differences. Its df counts
        nonzero coefficients.

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
    Kim, Koh, Boyd, Gorinevsky (2009), "l1 trend filtering", SIAM Review 51(2).

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast import trend_filter_path
    >>> y = np.abs(np.arange(-3.0, 4.0))
    >>> fits = trend_filter_path(np.eye(7), y, alphas=[0.01], fit_intercept=False)
    >>> [round(bend, 2) for bend in np.diff(fits[0].coef, 2).tolist() if abs(bend) > 1e-9]
    [1.96]
    """
    check_count("order", order)
    sign = _sign("convex", convex)
    if sign and order != 2:
        raise ValueError(
            f"convex is for order 2, got order={order}; fused_path takes increasing, for order 1."
        )
    design = as_design(X, y, sample_weight, fit_intercept, None, n_threads, loss, offset)
    return _path_of(design, order, sign, coef_init, {"max_iter": MAX_ITER, **options})


def _sign(name: str, rising: Any) -> int:
    return 0 if rising is None else 1 if check_flag(name, rising) else -1


def _path_of(
    design: Design, order: int, sign: int, coef_init: Any, options: dict[str, Any]
) -> Path:
    # the path of the design in the differences, back in its coefficients
    p = design.n_features
    for name in SET_HERE:
        if name in options:
            raise TypeError(
                f"{name} has no place here: the penalty is of differences of coefficients; leave "
                "it out."
            )
    if design.standardize:
        raise ValueError(
            "Differences are of coefficients in the units of X, but this Design was made with "
            "standardize=True; make it without."
        )
    if design.coding is not None:
        raise ValueError(
            "Differences are of coefficients of neighbouring columns, but X has columns of "
            "categories, whose levels have no neighbours; give columns of numbers."
        )
    if order >= p:
        raise ValueError(
            f"order is {order}, but {p} features have differences of order {p - 1} at most."
        )
    penalised = np.arange(p) >= order
    if sign:
        limit = np.where(penalised, 0.0, sign * -np.inf)
        options = {**options, "bounds": (limit, None) if sign > 0 else (None, limit)}
    summed, A = _summed(design, order)
    if coef_init is not None:
        start = differences_of(as_start(coef_init, p, names=design.feature_names), order)
        start[:order] += A @ start[order:]
        options = {**options, "coef_init": start}
    fits = path(summed, l1_weights=penalised.astype(float), **options)
    v = fits.coefs.toarray()
    v[:order] -= A @ v[order:]
    w = sums_of(v, order)
    rows = (w.reshape(p, len(fits), -1) != 0.0).any(axis=2)
    return replace(
        fits,
        coefs=sp.csc_array(w),
        df=rows.sum(axis=0),
        feature_names=design.feature_names,
        baselines=baselines_of(design),
        recipe=None,
    )


def _summed(design: Design, order: int) -> tuple[Design, Matrix]:
    # the same samples with the columns [F, Z - F A], where [F, Z] = X B has the columns F without
    # a penalty; A makes the others orthogonal to them, without which descent takes many epochs
    X = design.X
    columns = np.array(X.toarray() if sp.issparse(X) else X, np.float64, order="F")
    for start in range(order):
        part = columns[:, start:][:, ::-1]
        np.cumsum(part, axis=1, out=part)
    F, Z = columns[:, :order], columns[:, order:]
    root = np.ones(len(F)) if design.weight is None else np.sqrt(design.weight)
    mean = np.average(F, axis=0, weights=root**2) if design.fit_intercept else 0.0
    seen = root[:, np.newaxis] * (F - mean)
    with blas_threads_for(0):
        A = np.linalg.lstsq(seen, root[:, np.newaxis] * Z, None)[0]
        Z -= F @ A
    kind = MultiTaskDesign if isinstance(design, MultiTaskDesign) else Design
    other: Any = kind(
        columns,
        None,
        design.weight,
        fit_intercept=design.fit_intercept,
        n_threads=design.most_threads,
    )
    other._target = copy.copy(design.described_target)
    other._target._gradient = None
    return other, A


def sums_of(v: Matrix, order: int) -> Matrix:
    """Return w = B v, for a vector or the columns of a matrix."""
    w = np.array(v)
    for start in reversed(range(order)):
        np.cumsum(w[start:], axis=0, out=w[start:])
    return w


def differences_of(w: Matrix, order: int) -> Matrix:
    """Return v with w = B v, for a vector or the columns of a matrix."""
    v = np.array(w)
    for start in range(order):
        v[start + 1 :] = np.diff(v[start:], axis=0)
    return v
