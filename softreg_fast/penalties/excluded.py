"""Features that are left out of a fit, by name or by number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from softreg_fast.data.names import Names, key_of, listed
from softreg_fast.options.hints import suggestion
from softreg_fast.options.scalars import is_integer
from softreg_fast.options.types import Index


def features_of(exclude: Any, n_features: int, names: Names | None) -> Index:
    """Return the numbers of the features that `exclude` says.

    Parameters
    ----------
    exclude : name, number, iterable of them, or mask (n_features,) of bool
        A number that is no name is a position, from 0.
    n_features : int
    names : ndarray (n_features,) of object or None

    Raises
    ------
    ValueError, TypeError
        For what is neither a name nor a position.
    """
    mask = np.asarray(exclude) if not isinstance(exclude, str) else np.empty(0)
    if mask.dtype == bool:
        if mask.shape != (n_features,):
            raise ValueError(
                f"exclude is a mask of shape {mask.shape}; expected one for each of the "
                f"{n_features} features, or their names or numbers."
            )
        return np.flatnonzero(mask)
    given = _each(exclude, names)
    known = {} if names is None else {key_of(name): j for j, name in enumerate(names)}
    return np.array([_position(each, known, n_features, names) for each in given], np.intp)


def _each(exclude: Any, names: Names | None) -> list[Any]:
    if isinstance(exclude, str) or not isinstance(exclude, Iterable):
        return [exclude]
    if isinstance(exclude, tuple) and names is not None and exclude in set(names):
        return [exclude]  # a name that is a tuple
    return list(exclude)


def features_of_columns(exclude: Any, coding: Any) -> Any:
    """Return what `exclude` says with the names of features in place of those of their columns.

    Parameters
    ----------
    exclude : as in `features_of`
    coding : Coding

    Raises
    ------
    ValueError
        For numbers, if a column has several features.
    """
    features, labels = coding.feature_names, coding.labels
    known = set(map(key_of, features))
    columns = {key_of(name): k for k, name in enumerate(coding.columns)}
    found: list[Any] = []
    for each in _each(exclude, coding.columns):
        if key_of(each) in columns and key_of(each) not in known:
            found += features[labels == columns[key_of(each)]].tolist()
        elif not isinstance(each, str) and key_of(each) not in known and len(known) > len(columns):
            raise ValueError(
                f"exclude names {each!r}, and some columns of X are several features, so that a "
                "number is ambiguous; give names of columns or features."
            )
        else:
            found.append(each)
    return found


def _position(each: Any, known: dict[Any, int], n_features: int, names: Names | None) -> int:
    if key_of(each) in known:
        return known[key_of(each)]
    if is_integer(each):
        if -n_features <= each < n_features:
            return int(each) % n_features
        raise ValueError(
            f"exclude names feature {each}, and X has {n_features}, with the numbers 0 to "
            f"{n_features - 1}."
        )
    if names is None:
        raise ValueError(
            f"exclude names {each!r}, and X has no names; give numbers from 0 to {n_features - 1}."
        )
    close = suggestion(each, names)
    raise ValueError(f"exclude names {each!r}; " + (close or f"the features are {listed(names)}."))
