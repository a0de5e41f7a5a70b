"""lasso_path() and enet_path() with the signatures and returns of scikit-learn."""

from __future__ import annotations

import inspect
import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.design import Design
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.data.names import PerFeature
from softreg_fast.options.hints import hint
from softreg_fast.options.types import MatrixLike, Precompute
from softreg_fast.paths.path import path
from softreg_fast.paths.user_units import rounded

DESIGN_OPTIONS = ("sample_weight", "fit_intercept", "standardize", "n_threads")

PATH_OPTIONS = frozenset(inspect.signature(path).parameters) - {
    *("penalty", "loss", "offset", "data", "dates", "missing", "unknown"),
}


def lasso_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    eps: float = 1e-3,
    n_alphas: int = 100,
    alphas: ArrayLike | int | None = None,
    precompute: Precompute = "auto",
    Xy: ArrayLike | None = None,
    copy_X: bool = True,
    coef_init: PerFeature | None = None,
    verbose: bool | int = False,
    return_n_iter: bool = False,
    positive: bool = False,
    **params: Any,
) -> tuple[NDArray[Any], ...]:
    """Compute a Lasso path without intercept: scikit-learn's signature and returns.

    Minimises over w, for each of the falling alphas, with n the number of samples,

        1/(2n) ||y - X w||^2 + alpha * sum_j |w_j|

    `path` fits the same models and returns more about them.

    Parameters
    ----------
    X : array-like or sparse (n_samples, n_features)
        The features; columns are used as they are, without centring, unless fit_intercept=True. A
        `Design` is allowed too, with its own intercept, and y=None for its target.
    y : array-like (n_samples,) or (n_samples, n_tasks)
        The target. The columns of a matrix are fitted together, as `MultiTaskElasticNet` does.
    eps : float in (0, 1], default=1e-3
        Ratio of the smallest alpha to the largest, alpha_max, at which all coefficients are 0. The
        default is scikit-learn's. Without effect beside given alphas.
    n_alphas : int, default=100
        Number of alphas, evenly spaced in the logarithm. The default is scikit-learn's. Without
        effect beside given alphas.
    alphas : array-like (n_alphas,), int or None, default=None
        The alphas, sorted in falling order. None: a grid by n_alphas and eps. An int stands for
        n_alphas.
    precompute : bool, "auto" or array-like (n_features, n_features), default="auto"
        Whether to build the Gram matrix X'X of all features first; a given X'X (with sample weights
        X'SX) is checked against X. "auto" builds it when n_features <= n_samples and n_features <=
        500 for a path, 300 for one alpha; along a path of up to 4000 features also later, when an
        eighth of them has become nonzero. Without it the warm engine stores Gram columns of the
        features that come near the support. `strategy` of the result records the choice. It is for
        squared error: the Gram matrix of another loss changes with the coefficients, so that True
        and False have no effect, and a matrix is refused.
    Xy : array-like or None, default=None
        Accepted for compatibility: X'y is cheap.
    copy_X : bool, default=True
        Accepted for compatibility: X is never modified, so a copy is never needed.
    coef_init : array-like (n_features,) or (n_tasks, n_features), dict or None, default=None
        Initial coefficients, in the units of X; features not named in a dict or Series start at 0.
        None: all 0.
    verbose : bool or int, default=False
        True prints the path's table.
    return_n_iter : bool, default=False
        Return the numbers of epochs too.
    positive : bool, default=False
        Constrain every coefficient to be >= 0; not for several tasks.
    **params
        Further parameters, those of `path` (scikit-learn's random_state and selection are accepted,
        and have no effect):

        l1_weights : float, array-like (n_features,), dict, Series or None, default=None
            Relative strength of the L1 penalty on each feature, >= 0. 0: not penalised; inf:
            excluded, the coefficient is 0; None: all 1. A dict or a pandas Series is matched by
            feature name (by feature number if X has no names), or by the name of a column for all
            of its features; features not named in it have 1.
        l2_weights : float, array-like (n_features,), dict, Series or None, default=None
            Without effect, as there is no L2 penalty, except that inf excludes a feature.
        bounds : (lower, upper), scipy.optimize.Bounds, dict or None, default=None
            Bounds of the coefficients, in the units of X. Lower and upper are numbers, arrays
            (n_features,), dicts or Series by feature name, or None for no bound. A single dict has
            pairs (lower, upper) by feature name; other features are unbounded.
        exclude : name, number, list of them, mask or None, default=None
            Features to leave out, by name or by number from 0: their coefficients are 0, as with
            infinite weights. The name of a column of a frame stands for all of its features. For
            penalties of single coefficients. None: none.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights s_i >= 0, not all 0. Only their ratios matter. None: all equal.
        fit_intercept : bool or None, default=False
            Centre X and y, as for a model with an intercept. The default is scikit-learn's; for a
            Design its setting.
        standardize : bool or None, default=None
            Penalise as if every column had unit variance (without an intercept unit mean square);
            coefficients and bounds stay in the units of X. None: False, as in scikit-learn, or the
            setting of the Design.
        solver : {"auto", "cd", "cholesky", "cg", "gradient"}, default="auto"
            "auto": the warm engine (coordinate descent and Newton steps on a working set, which
            ends at rounding level whatever tol), and where there is neither an L1 part nor a bound
            "cholesky", or "cg" when both sides of X are large. "cd": plain coordinate descent.
            "gradient": accelerated proximal gradient. "cholesky" and "cg" solve pure L2 problems
            without bounds.
        tol : float, default=1e-4
            Stop when the duality gap is at most tol * ||y - mean(y)||^2 (in the sum form of the
            objective). The default is scikit-learn's.
        max_iter : int, default=1000
            Largest number of epochs, passes over the features, at one alpha. The default is
            scikit-learn's.
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
        n_threads : int or None, default=None
            Number of threads, as in `effective_n_threads`. None: all cores if the work is large
            enough.
        progress : bool, default=False
            Show a bar over the alphas (needs tqdm), on a terminal or in a notebook.

    Returns
    -------
    alphas : ndarray (n_alphas,)
        Falling.
    coefs : ndarray (n_features, n_alphas) or (n_tasks, n_features, n_alphas)
        In the precision of X.
    dual_gaps : ndarray (n_alphas,)
        In the units of the objective.
    n_iters : ndarray (n_alphas,)
        Numbers of epochs, only if return_n_iter.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be fitted, and for parameters that neither this function nor `path`
        has.

    Warns
    -----
    ConvergenceWarning
        Once, if the gap is larger than the tolerance at some alpha.

    References
    ----------
    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent", J. Stat. Software 33(1).

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import lasso_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> alphas, coefs, gaps = lasso_path(X, y, n_alphas=5)
    >>> coefs.shape
    (10, 5)
    """
    return enet_path(
        X,
        y,
        l1_ratio=1.0,
        eps=eps,
        n_alphas=n_alphas,
        alphas=alphas,
        precompute=precompute,
        Xy=Xy,
        copy_X=copy_X,
        coef_init=coef_init,
        verbose=verbose,
        return_n_iter=return_n_iter,
        positive=positive,
        **params,
    )


def enet_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    l1_ratio: float = 0.5,
    eps: float = 1e-3,
    n_alphas: int = 100,
    alphas: ArrayLike | int | None = None,
    precompute: Precompute = "auto",
    Xy: ArrayLike | None = None,
    copy_X: bool = True,
    coef_init: PerFeature | None = None,
    verbose: bool | int = False,
    return_n_iter: bool = False,
    positive: bool = False,
    check_input: bool = True,
    **params: Any,
) -> tuple[NDArray[Any], ...]:
    """Compute an elastic-net path without intercept: scikit-learn's signature and returns.

    Minimises over w, for each of the falling alphas, with n the number of samples,

        1/(2n) ||y - X w||^2 + alpha * [ l1_ratio * sum_j |w_j| + (1 - l1_ratio) / 2 * sum_j w_j^2 ]

    `path` fits the same models and returns more about them.

    Parameters
    ----------
    X : array-like or sparse (n_samples, n_features)
        The features; columns are used as they are, without centring, unless fit_intercept=True. A
        `Design` is allowed too, with its own intercept, and y=None for its target.
    y : array-like (n_samples,) or (n_samples, n_tasks)
        The target. The columns of a matrix are fitted together, as `MultiTaskElasticNet` does.
    l1_ratio : float in [0, 1], default=0.5
        Share of the L1 penalty: 1 is the Lasso, 0 is ridge. The default is scikit-learn's.
    eps : float in (0, 1], default=1e-3
        Ratio of the smallest alpha to the largest, alpha_max, at which all coefficients are 0. The
        default is scikit-learn's. Without effect beside given alphas.
    n_alphas : int, default=100
        Number of alphas, evenly spaced in the logarithm. The default is scikit-learn's. Without
        effect beside given alphas.
    alphas : array-like (n_alphas,), int or None, default=None
        The alphas, sorted in falling order. None: a grid by n_alphas and eps. An int stands for
        n_alphas.
    precompute : bool, "auto" or array-like (n_features, n_features), default="auto"
        Whether to build the Gram matrix X'X of all features first; a given X'X (with sample weights
        X'SX) is checked against X. "auto" builds it when n_features <= n_samples and n_features <=
        500 for a path, 300 for one alpha; along a path of up to 4000 features also later, when an
        eighth of them has become nonzero. Without it the warm engine stores Gram columns of the
        features that come near the support. `strategy` of the result records the choice. It is for
        squared error: the Gram matrix of another loss changes with the coefficients, so that True
        and False have no effect, and a matrix is refused.
    Xy : array-like or None, default=None
        Accepted for compatibility: X'y is cheap.
    copy_X : bool, default=True
        Accepted for compatibility: X is never modified, so a copy is never needed.
    coef_init : array-like (n_features,) or (n_tasks, n_features), dict or None, default=None
        Initial coefficients, in the units of X; features not named in a dict or Series start at 0.
        None: all 0.
    verbose : bool or int, default=False
        True prints the path's table.
    return_n_iter : bool, default=False
        Return the numbers of epochs too.
    positive : bool, default=False
        Constrain every coefficient to be >= 0; not for several tasks.
    check_input : bool, default=True
        Accepted for compatibility: input is always checked.
    **params
        Further parameters, those of `path` (scikit-learn's random_state and selection are accepted,
        and have no effect):

        l1_weights : float, array-like (n_features,), dict, Series or None, default=None
            Relative strength of the L1 penalty on each feature, >= 0. 0: not penalised; inf:
            excluded, the coefficient is 0; None: all 1. A dict or a pandas Series is matched by
            feature name (by feature number if X has no names), or by the name of a column for all
            of its features; features not named in it have 1.
        l2_weights : float, array-like (n_features,), dict, Series or None, default=None
            Relative strength of the L2 penalty on each feature, as l1_weights.
        bounds : (lower, upper), scipy.optimize.Bounds, dict or None, default=None
            Bounds of the coefficients, in the units of X. Lower and upper are numbers, arrays
            (n_features,), dicts or Series by feature name, or None for no bound. A single dict has
            pairs (lower, upper) by feature name; other features are unbounded.
        exclude : name, number, list of them, mask or None, default=None
            Features to leave out, by name or by number from 0: their coefficients are 0, as with
            infinite weights. The name of a column of a frame stands for all of its features. For
            penalties of single coefficients. None: none.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights s_i >= 0, not all 0. Only their ratios matter. None: all equal.
        fit_intercept : bool or None, default=False
            Centre X and y, as for a model with an intercept. The default is scikit-learn's; for a
            Design its setting.
        standardize : bool or None, default=None
            Penalise as if every column had unit variance (without an intercept unit mean square);
            coefficients and bounds stay in the units of X. None: False, as in scikit-learn, or the
            setting of the Design.
        solver : {"auto", "cd", "cholesky", "cg", "gradient"}, default="auto"
            "auto": the warm engine (coordinate descent and Newton steps on a working set, which
            ends at rounding level whatever tol), and where there is neither an L1 part nor a bound
            "cholesky", or "cg" when both sides of X are large. "cd": plain coordinate descent.
            "gradient": accelerated proximal gradient. "cholesky" and "cg" solve pure L2 problems
            without bounds.
        tol : float, default=1e-4
            Stop when the duality gap is at most tol * ||y - mean(y)||^2 (in the sum form of the
            objective). The default is scikit-learn's.
        max_iter : int, default=1000
            Largest number of epochs, passes over the features, at one alpha. The default is
            scikit-learn's.
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
        n_threads : int or None, default=None
            Number of threads, as in `effective_n_threads`. None: all cores if the work is large
            enough.
        progress : bool, default=False
            Show a bar over the alphas (needs tqdm), on a terminal or in a notebook.

    Returns
    -------
    alphas : ndarray (n_alphas,)
        Falling.
    coefs : ndarray (n_features, n_alphas) or (n_tasks, n_features, n_alphas)
        In the precision of X.
    dual_gaps : ndarray (n_alphas,)
        In the units of the objective.
    n_iters : ndarray (n_alphas,)
        Numbers of epochs, only if return_n_iter.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be fitted, for parameters that neither this function nor `path` has,
        and for a grid that cannot be computed, where l1_ratio is 0.

    Warns
    -----
    ConvergenceWarning
        Once, if the gap is larger than the tolerance at some alpha.

    References
    ----------
    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent", J. Stat. Software 33(1).

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import enet_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> alphas, coefs, gaps = enet_path(X, y, n_alphas=5)
    >>> coefs.shape
    (10, 5)
    """
    if l1_ratio == 0.0 and (alphas is None or isinstance(alphas, numbers.Integral)):
        raise ValueError(
            "Automatic alpha grid generation is not supported for l1_ratio=0. "
            "Please supply a grid by providing your estimator with the appropriate `alphas=` "
            "argument."
        )
    options = _path_options(params)
    if not isinstance(X, Design):
        options.setdefault("fit_intercept", False)
    dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
    several = not isinstance(X, Design) and np.ndim(y) == 2
    if several:
        if positive:
            raise ValueError("positive=True is not allowed for multi-output (y.ndim != 1).")
        given = {name: options.pop(name) for name in DESIGN_OPTIONS if name in options}
        X = MultiTaskDesign(X, y, **given)
    if alphas is None:  # with a given grid these have no effect, as in scikit-learn
        options.update(n_alphas=n_alphas, eps=eps)
    elif isinstance(alphas, numbers.Integral):
        options["eps"] = eps
    fits = path(
        X,
        None if several else y,
        l1_ratio=l1_ratio,
        alphas=alphas,
        precompute=precompute,
        coef_init=coef_init,
        positive=positive,
        **options,
    )
    if verbose:
        print(fits)
    coefs = rounded(fits.coefs.toarray(), dtype)
    if several:
        coefs = coefs.reshape(len(coefs), len(fits), -1).transpose(2, 0, 1)
    returned: tuple[NDArray[Any], ...] = (fits.alphas, coefs, fits.gaps)
    return (*returned, fits.n_epochs) if return_n_iter else returned


def _path_options(params: dict[str, Any]) -> dict[str, Any]:
    # scikit-learn's defaults and the caller's options of `path`
    unknown = sorted(set(params) - PATH_OPTIONS - {"random_state", "selection"})
    if unknown:
        raise ValueError(
            f"Unexpected parameters in params: {', '.join(unknown)}; "
            f"{hint(unknown[0], PATH_OPTIONS)}"
        )
    options = {"tol": 1e-4, "max_iter": 1000, **params}
    for name in ("random_state", "selection"):  # the order of descent is cyclic here
        options.pop(name, None)
    return options
