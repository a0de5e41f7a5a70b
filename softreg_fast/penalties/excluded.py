"""Features that are left out of a fit, by name or by number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from softreg_fast.data.names import Names, listed
from softreg_fast.options.hints import suggestion
from softreg_fast.options.scalars import is_integer
from softreg_fast.options.spelling import composed
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
    single = isinstance(exclude, str | tuple) or not isinstance(exclude, Iterable)
    given: list[Any] = [exclude] if single else list(exclude)
    if isinstance(exclude, tuple) and (names is None or exclude not in set(names)):
        given = list(exclude)  # several names, not one that is a tuple
    known = {} if names is None else {_key(name): j for j, name in enumerate(names)}
    return np.array([_position(each, known, n_features, names) for each in given], np.intp)


def _key(name: Any) -> Any:
    return composed(name) if isinstance(name, str) else name


def _position(each: Any, known: dict[Any, int], n_features: int, names: Names | None) -> int:
    if _key(each) in known:
        return known[_key(each)]
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
