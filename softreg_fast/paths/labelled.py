"""Coefficients with the names of their features, as pandas Series and DataFrames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.names import Names
from softreg_fast.options.tables import pandas_for
from softreg_fast.options.types import Vector

# The label of the intercept, as in R.
INTERCEPT = "(Intercept)"


def labelled(
    coef: Vector,
    names: Names | None,
    outputs: NDArray[Any] | None,
    intercept: Any = None,
) -> Any:
    """Return the coefficients of a model as a Series, of several outputs as a DataFrame.

    Parameters
    ----------
    coef : ndarray (n_features,) or (n_outputs, n_features)
    names : ndarray (n_features,) of object or None
        None: features are numbered.
    outputs : ndarray (n_outputs,) or None
        Labels of classes; None: outputs are numbered.
    intercept : float, ndarray (n_outputs,) or None
        Put before the coefficients; None: left out.

    Returns
    -------
    pandas Series (n_features,) or DataFrame (n_features, n_outputs)
    """
    pandas = pandas_for("coef")
    index = _index(pandas, coef.shape[-1], names, intercept is not None)
    values = _with_intercept(coef[..., np.newaxis], intercept)[..., 0]
    if values.ndim == 1:
        return pandas.Series(values, index, name="coefficient")
    return pandas.DataFrame(values.T, index, _outputs(outputs, len(values)))


def labelled_at(
    coefs: Vector,
    alphas: Vector,
    names: Names | None,
    outputs: NDArray[Any] | None,
    intercepts: Any = None,
) -> Any:
    """Return the coefficients of several models as a DataFrame with a column for each alpha.

    Parameters
    ----------
    coefs : ndarray (n_features, n_alphas) or (n_outputs, n_features, n_alphas)
    alphas : ndarray (n_alphas,)
    names, outputs : as in `labelled`
    intercepts : ndarray (n_alphas,) or (n_outputs, n_alphas), or None
        Put before the coefficients; None: left out.

    Returns
    -------
    pandas DataFrame (n_features, n_alphas), of several outputs with columns (alpha, output)
    """
    pandas = pandas_for("coef")
    index = _index(pandas, coefs.shape[-2], names, intercepts is not None)
    values = _with_intercept(coefs, intercepts)
    by_alpha = pandas.Index(alphas, name="alpha")
    if values.ndim == 2:
        return pandas.DataFrame(values, index, by_alpha)
    labels = _outputs(outputs, len(values))
    columns = pandas.MultiIndex.from_product([by_alpha, labels], names=["alpha", "output"])
    flat = values.transpose(1, 2, 0).reshape(values.shape[1], -1)
    return pandas.DataFrame(flat, index, columns)


def _with_intercept(coefs: Vector, intercepts: Any) -> Vector:
    # (..., n_features, n_alphas), with the intercepts as a first row
    if intercepts is None:
        return coefs
    rows = np.reshape(intercepts, (*coefs.shape[:-2], 1, coefs.shape[-1]))
    return np.concatenate([rows, coefs], axis=-2)


def _index(pandas: Any, n_features: int, names: Names | None, with_intercept: bool) -> Any:
    first: list[Any] = [INTERCEPT] if with_intercept else []
    if names is None and not first:
        return pandas.RangeIndex(n_features, name="feature")
    labels = [*first, *(range(n_features) if names is None else names)]
    return pandas.Index(labels, name="feature", tupleize_cols=False)


def _outputs(outputs: NDArray[Any] | None, n_outputs: int) -> list[Any]:
    return list(range(n_outputs)) if outputs is None else outputs.tolist()
