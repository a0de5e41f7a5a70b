"""lasso_path() and enet_path() with the signatures and returns of scikit-learn."""

from __future__ import annotations

import inspect
import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.design import Design, MultiTaskDesign
from softreg_fast.data.names import PerFeature
from softreg_fast.options.hints import hint
from softreg_fast.paths.path import path
from softreg_fast.paths.user_units import rounded

PATH_OPTIONS = frozenset(inspect.signature(path).parameters) - {"penalty"}


def lasso_path(
    X: Any,
    y: ArrayLike,
    *,
    eps: float = 1e-3,
    n_alphas: int = 100,
    alphas: ArrayLike | int | None = None,
    precompute: bool | str | ArrayLike = "auto",
    Xy: ArrayLike | None = None,
    copy_X: bool = True,
    coef_init: PerFeature | None = None,
    verbose: bool | int = False,
    return_n_iter: bool = False,
    positive: bool = False,
    **params: Any,
) -> tuple[NDArray[Any], ...]:
    """Compute an `enet_path` with l1_ratio=1: scikit-learn's signature and returns."""
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
    X: Any,
    y: ArrayLike,
    *,
    l1_ratio: float = 0.5,
    eps: float = 1e-3,
    n_alphas: int = 100,
    alphas: ArrayLike | int | None = None,
    precompute: bool | str | ArrayLike = "auto",
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

    Parameters
    ----------
    X : array-like or sparse (n_samples, n_features)
    y : array-like (n_samples,) or (n_samples, n_tasks)
        The columns of a matrix are fitted together, as `MultiTaskElasticNet` does.
    l1_ratio, eps, n_alphas, alphas, precompute, coef_init, positive
        As in `path`; positive is not supported for several tasks.
    Xy, copy_X, check_input
        Accepted for compatibility. X'y is cheap, X is never modified, input is always checked.
    verbose : bool or int
        True prints the path's table.
    return_n_iter : bool
    **params
        tol (default 1e-4), max_iter (default 1000), and any other argument of `path`.

    Returns
    -------
    alphas : ndarray (n_alphas,)
    coefs : ndarray (n_features, n_alphas) or (n_tasks, n_features, n_alphas), of the precision of X
    dual_gaps : ndarray (n_alphas,), in the units of the objective
    n_iters : ndarray (n_alphas,), if return_n_iter
    """
    if l1_ratio == 0.0 and (alphas is None or isinstance(alphas, numbers.Integral)):
        raise ValueError(
            "Automatic alpha grid generation is not supported for l1_ratio=0. "
            "Please supply a grid by providing your estimator with the appropriate `alphas=` "
            "argument."
        )
    unknown = sorted(set(params) - PATH_OPTIONS - {"random_state", "selection"})
    if unknown:
        raise ValueError(
            f"Unexpected parameters in params: {', '.join(unknown)}; "
            f"{hint(unknown[0], PATH_OPTIONS)}"
        )
    options = {"tol": 1e-4, "max_iter": 1000, **params}
    if not isinstance(X, Design):
        options.setdefault("fit_intercept", False)
    for name in ("random_state", "selection"):  # the order of descent is cyclic here
        options.pop(name, None)
    dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
    several = not isinstance(X, Design) and np.ndim(y) == 2
    if several:
        if positive:
            raise ValueError("positive=True is not allowed for multi-output (y.ndim != 1).")
        described = ("sample_weight", "fit_intercept", "standardize", "n_threads")
        given = {name: options.pop(name) for name in described if name in options}
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
