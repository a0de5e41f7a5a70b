"""Checks of the contents of arrays and frames: text, dates, categories, masks, large integers.

NumPy silently turns most of these into float64: dates into counts since 1970, masked entries into
the values under the mask, text that looks like a number into that number.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

# All integers up to this magnitude are float64 numbers.
LARGEST_EXACT = 2**53

# No integers of at least this magnitude are.
LARGEST_FINITE = 2**1024


class Kind(NamedTuple):
    """A kind of content that is not numeric, and the remedy that messages suggest."""

    what: str
    remedy: str


DATES = Kind(
    "dates or durations",
    "state their parts in a frame, such as dates=['year', 'month'], or turn them into numbers, "
    "such as years, or days since a fixed date",
)
CATEGORIES = Kind(
    "categories",
    "give a frame, whose columns of categories are coded as features, or, where their numbers mean "
    "an amount, convert them with astype(float)",
)
TEXT = Kind(
    "text",
    "give a frame, whose columns of text are coded as features of 0 and 1, or convert digits with "
    "astype(float)",
)
WIDE = Kind(
    "integers of 128 bits",
    "subtract a constant first, or convert them to float64, which holds all of them up to 2^53",
)
MISSING = Kind("missing values (pandas.NA)", "leave out such samples or replace such values")
STRUCTURE = Kind(
    "named fields",
    "turn it into a frame with pandas.DataFrame; survival times are for loss='cox' and "
    "CoxRegression",
)
LABELS = Kind(
    "classes",
    "loss='logistic' takes the labels of two classes as they are, loss='multinomial' those "
    "of more, and the estimator LogisticRegression both; other losses need numbers",
)

# Kinds of columns by the type names of pandas, polars and pyarrow.
TYPE_NAMES = (
    (re.compile(r"date|time|period|duration", re.IGNORECASE), DATES),
    (re.compile(r"categor|enum|dictionary", re.IGNORECASE), CATEGORIES),
    (re.compile(r"(^|_)str(ing)?\b|string|utf8|binary", re.IGNORECASE), TEXT),
    (re.compile(r"^u?int128", re.IGNORECASE), WIDE),
)
ARRAY_KINDS = {"m": DATES, "M": DATES, "U": TEXT, "S": TEXT, "T": TEXT}
OBJECT_TYPES = (
    ((str, bytes), TEXT),
    (
        (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64),
        DATES,
    ),
)
# Types that may hold integers beyond LARGEST_EXACT, directly or as objects.
INTEGER = re.compile(r"u?int64|object", re.IGNORECASE)


def check_contents(name: str, value: Any) -> Any:
    """Return the value, lists as an array, if NumPy reads it as the numbers it displays.

    Parameters
    ----------
    name : str
        Name of the value in messages.
    value : array-like, sparse matrix or frame

    Raises
    ------
    TypeError, ValueError
        For text, dates, durations, categories, complex numbers, masked entries, and integers that
        float64 cannot represent.
    """
    if type(value) is np.ndarray and value.dtype.kind == "f":  # fast path for the usual case
        return value
    check_unmasked(name, value)
    if is_lazy(value):
        raise TypeError(f"{name} is a lazy frame; call its method collect() first.")
    types = None if sp.issparse(value) else _types_of(value)
    if types is not None:
        _check_columns(name, value, types)
        return value
    if isinstance(value, list | tuple):
        if any(issubclass(each, np.ma.MaskedArray) for each in set(map(type, value))):
            for row in value:
                check_unmasked(name, row)
        value = _as_array(name, value)
    dtype = getattr(value, "dtype", None)
    kind = getattr(dtype, "kind", "O" if dtype is None else "")
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {dtype}; use real numbers.")
    what = ARRAY_KINDS.get(kind) or _kind_of_type(str(dtype))
    if getattr(dtype, "names", None):
        what = STRUCTURE
    if what is None and kind == "O" and hasattr(value, "__array__"):
        array = np.asarray(value)
        what = ARRAY_KINDS.get(array.dtype.kind)
        if array.dtype == object:
            what = _kind_of_objects(array)
        elif dtype is None:  # a pyarrow array
            _check_exact(name, "", array)
    if what is not None:
        raise _no_numbers(name, "", what)
    if INTEGER.match(str(dtype)):
        _check_exact(
            name, "", value.tocoo().data if sp.issparse(value) else _without_missing(value)
        )
    return value


def is_lazy(value: Any) -> bool:
    """Return whether a value is a lazy polars frame, not yet computed."""
    return hasattr(value, "collect") and hasattr(value, "collect_schema")


def check_unmasked(name: str, value: Any) -> None:
    """Raise ValueError if entries are masked, since NumPy would read the values under the mask."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        n_masked = int(np.ma.getmaskarray(value).sum())
        raise ValueError(
            f"{name} is a masked array with {n_masked} masked entries; leave out such samples, or "
            "give them values with filled()."
        )


def _as_array(name: str, value: Any) -> Any:
    try:
        return np.asarray(value)
    except (ValueError, TypeError):  # rows of different lengths: scikit-learn raises a clear error
        return value


def _types_of(value: Any) -> list[Any] | None:
    # the types of a frame's columns
    if getattr(value, "ndim", 2) != 2:
        return None
    types = getattr(value, "dtypes", None)
    if types is None:
        types = getattr(getattr(value, "schema", None), "types", None)
    return list(types) if isinstance(types, Iterable) else None


def _kind_of_type(text: str) -> Kind | None:
    return next((kind for pattern, kind in TYPE_NAMES if pattern.search(text)), None)


def _kind_of_objects(values: NDArray[Any]) -> Kind | None:
    found = set(map(type, values.ravel().tolist()))
    for classes, kind in OBJECT_TYPES:
        if any(issubclass(each, classes) for each in found):
            return kind
    # compared by name, so that pandas need not be importable
    return MISSING if any(each.__name__ == "NAType" for each in found) else None


def _check_columns(name: str, frame: Any, types: list[Any]) -> None:
    texts = {dtype: str(dtype) for dtype in dict.fromkeys(types)}
    kinds = {dtype: _kind_of_type(text) for dtype, text in texts.items()}
    bad = {j: kind for j, dtype in enumerate(types) if (kind := kinds[dtype]) is not None}
    for j in _columns_of(
        types, {dtype for dtype, text in texts.items() if text.lower() == "object"}
    ):
        kind = _kind_of_objects(np.asarray(_column(frame, j), dtype=object))
        if kind is not None:
            bad[j] = kind
    if bad:
        first = bad[min(bad)]
        same = [_label(frame, j) for j in sorted(bad) if bad[j] is first]
        shown = ", ".join(map(repr, same[:5])) + (f" and {len(same) - 5} more" * (len(same) > 5))
        raise _no_numbers(name, f" in column{'s' if len(same) > 1 else ''} {shown}", first)
    integers = _columns_of(types, {dtype for dtype, text in texts.items() if INTEGER.match(text)})
    if not integers:
        return
    block = np.asarray(columns_at(frame, integers))
    if block.dtype.kind in "iu" and _lost(block) is None:  # fast path: no missing values
        return
    for j in integers:
        where = f" in column {_label(frame, j)!r}"
        _check_exact(name, where, _without_missing(_column(frame, j)))


def _columns_of(types: list[Any], wanted: set[Any]) -> list[int]:
    return [j for j, dtype in enumerate(types) if dtype in wanted] if wanted else []


def columns_at(X: Any, positions: list[int]) -> Any:
    """Return these columns of a frame or a matrix, in this order."""
    if hasattr(X, "iloc"):  # pandas and compatible frames
        return X.iloc[:, positions]
    if hasattr(X, "column_names"):  # pyarrow
        return X.select(positions)
    return X[:, positions]


def _column(frame: Any, j: int) -> Any:
    if hasattr(frame, "iloc"):
        return frame.iloc[:, j]
    return frame.column(j) if hasattr(frame, "column") else frame[:, j]


def _label(frame: Any, j: int) -> Any:
    labels = getattr(frame, "column_names", None)
    return list(frame.columns if labels is None else labels)[j]


def _without_missing(column: Any) -> NDArray[Any]:
    for method in ("dropna", "drop_nulls", "drop_null"):  # pandas, polars, pyarrow
        if hasattr(column, method):
            column = getattr(column, method)()
            break
    return np.asarray(column)


def _check_exact(name: str, where: str, values: NDArray[Any]) -> None:
    if (lost := _lost(values)) is not None:
        raise ValueError(
            f"{name} holds integers{where} that float64 cannot tell from their neighbours, such as "
            f"{lost}; subtract a constant first, or leave out what only numbers the rows."
        )


def _lost(values: NDArray[Any]) -> Any:
    # return the first integer that float64 cannot represent, None if there is none
    if values.dtype == object:
        return next(filter(_is_inexact, values.ravel().tolist()), None)
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8 or not values.size:
        return None
    if values.min() >= -LARGEST_EXACT and values.max() <= LARGEST_EXACT:
        return None
    with np.errstate(invalid="ignore"):
        lost = values[values.astype(np.float64).astype(values.dtype) != values]
    return lost.flat[0] if lost.size else None


def _is_inexact(value: Any) -> bool:
    if not isinstance(value, int | np.integer) or -LARGEST_EXACT <= value <= LARGEST_EXACT:
        return False
    return abs(int(value)) >= LARGEST_FINITE or float(value) != int(value)


def _no_numbers(name: str, where: str, kind: Kind) -> Exception:
    error = ValueError if kind in (TEXT, MISSING) else TypeError  # as in scikit-learn
    kind = LABELS if name == "y" and kind in (TEXT, CATEGORIES) else kind
    return error(f"{name} must hold real numbers, but it holds {kind.what}{where}: {kind.remedy}.")
