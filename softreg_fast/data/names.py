"""Features by name: column labels of frames, and per-feature numbers given as a dict or Series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.contents import columns_at, is_lazy
from softreg_fast.options.hints import suggestion
from softreg_fast.options.spelling import composed

Names = NDArray[np.object_]

# A number for each feature: one for all, an array in feature order, or a dict or Series by name.
PerFeature: TypeAlias = ArrayLike | Mapping[Any, Any]

# Number of names that a message lists before it counts the rest.
MOST_LISTED = 5

# The same where all of them must be mended.
MOST_COUNTED = 100


def feature_names_of(X: Any, what: str = "X") -> Names | None:
    """Return the column labels of a frame; None if there are none, or just 0, 1, 2, ...

    Accepts pandas, polars and pyarrow frames, and any object with `columns` or `column_names` like
    theirs.

    Raises
    ------
    ValueError
        If several columns have the same name.
    """
    labels = labels_of(X)
    if labels is not None and (twice := _repeated(labels)):
        raise ValueError(
            f"{what} has several columns named {listed(twice)}; rename or leave out some."
        )
    return None if labels is None or are_positions(labels) else labels


def in_order(X: Any, names: Names | None, n_features: int) -> Any:
    """Return X with the columns of the fitted model, in their order, matched by name.

    Columns unknown to the model are dropped. An array has no names: its columns are taken in their
    order, and so are those of a frame if the model was fitted without names, unless the frame
    numbers its columns in another order.

    Parameters
    ----------
    X : array-like, sparse, frame or Design
    names : ndarray of object or None
        Feature names of the fitted model.
    n_features : int

    Raises
    ------
    ValueError
        If columns are missing, or several have the same name.
    """
    if hasattr(X, "feature_names") and hasattr(X, "X"):  # a Design
        labels, X = X.feature_names, X.X
    else:
        labels = labels_of(X)
    if labels is None:
        return X
    if names is None:
        numbers = np.arange(n_features).astype(object)
        if len(labels) != n_features or set(labels) != set(numbers):
            return X
        names = numbers
    if len(labels) == len(names) and all(map(_same, labels, names)):
        return X
    return columns_at(X, _positions(labels, names))


def _same(a: Any, b: Any) -> bool:
    return bool(a == b)


def key_of(name: Any) -> Any:
    """Return a name in the form in which equal names compare equal."""
    return composed(name) if isinstance(name, str) else name


def _positions(labels: Names, names: Names) -> list[int]:
    first = {key_of(label): j for j, label in reversed(list(enumerate(labels)))}
    missing = [name for name in names if key_of(name) not in first]
    if missing:
        close = suggestion(missing[0], labels)
        raise ValueError(
            f"X lacks {len(missing)} of the {len(names)} columns that the model was fitted with: "
            f"{listed(missing)}; its columns are {listed(labels)}. "
            + (f"For {missing[0]!r}, {close}" if close else "Rename or add them.")
        )
    wanted = set(map(key_of, names))
    if twice := [name for name in _repeated(labels) if name in wanted]:
        raise ValueError(
            f"X has several columns named {listed(twice)}, so that those of the model cannot be "
            "found by name; rename them."
        )
    return [first[key_of(name)] for name in names]


def labels_of(X: Any) -> Names | None:
    """Return the column labels of a frame; None if X is none."""
    if is_lazy(X):  # such a frame is rejected later
        return None
    labels = getattr(X, "column_names", None)
    if labels is None or callable(labels):
        labels = getattr(X, "columns", None)
    if labels is None or callable(labels) or not isinstance(labels, Iterable):
        return None
    labels = list(labels)
    return np.fromiter(labels, dtype=object, count=len(labels))


def row_labels_of(X: Any) -> Any:
    """Return the row labels of a pandas frame, None for anything else."""
    rows = getattr(X, "index", None)
    return None if callable(rows) else rows  # a list has a method `index`


def are_positions(labels: Iterable[Any]) -> bool:
    """Return whether labels are 0, 1, 2, ..."""
    # integers only: True == 1, and a column labelled 1.0 counts as named
    return all(
        isinstance(label, int | np.integer) and not isinstance(label, bool) and label == j
        for j, label in enumerate(labels)
    )


def is_by_name(value: Any, names: Names | None) -> bool:
    """Return whether a value has named entries: those of a dict, or the index of a Series.

    A Series that is numbered 0, 1, 2, ... is taken by position, which is the same where features
    have no names; but if all of these numbers are feature names, they are used as names.
    """
    if isinstance(value, Mapping):
        return True
    index = getattr(value, "index", None)
    if index is None or callable(index) or getattr(value, "ndim", 0) != 1:
        return False
    return not are_positions(index) or (names is not None and set(index) <= set(names))


def entries_by_name(what: str, value: Any, n_features: int, names: Names | None) -> dict[int, Any]:
    """Return {feature position: entry} for a dict or a Series.

    Where the features have no names, their numbers 0 ... n_features - 1 serve as names.

    Raises
    ------
    ValueError
        For a name that matches no feature, or that occurs twice.
    """
    known: list[Any] = list(range(n_features) if names is None else names)
    keys = list(value.keys() if isinstance(value, Mapping) else value.index)
    place = {key_of(name): j for j, name in enumerate(known)}
    unknown = [key for key in keys if key_of(key) not in place]
    if unknown:
        raise ValueError(f"{what} names {listed(unknown)}; {_unknown(unknown[0], known, names)}")
    if twice := _repeated(keys):
        raise ValueError(f"{what} names {listed(twice)} more than once; give one entry for each.")
    entries = value.values() if isinstance(value, Mapping) else value.to_numpy()
    return {place[key_of(key)]: entry for key, entry in zip(keys, entries, strict=True)}


def _repeated(names: Iterable[Any]) -> list[Any]:
    count = Counter(map(key_of, names))
    return [] if max(count.values(), default=1) == 1 else [n for n, c in count.items() if c > 1]


def _unknown(word: Any, known: list[Any], names: Names | None) -> str:
    if names is None:
        return (
            f"X has no names, so that its features are called 0 to {len(known) - 1}; give a frame, "
            "or those numbers."
        )
    close = suggestion(word, known)
    return close or f"the features are {listed(known)}."


def name_of(j: int, names: Names | None) -> str:
    """Return the label of the j-th feature in messages: its name in quotes, or its number."""
    return str(j) if names is None else repr(names[j])


def listed(names: Iterable[Any]) -> str:
    """Return the first few names in quotes, and the number of the others."""
    names = list(names)
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(map(repr, names[:MOST_LISTED])) + more


def counted(rows: Mapping[Any, int]) -> str:
    """Return names in quotes with their numbers of rows, all but what no screen holds."""
    shown = [f"{name!r} ({n} row{'s' * (n > 1)})" for name, n in list(rows.items())[:MOST_COUNTED]]
    more = f" and {len(rows) - MOST_COUNTED} more" if len(rows) > MOST_COUNTED else ""
    return ", ".join(shown) + more
