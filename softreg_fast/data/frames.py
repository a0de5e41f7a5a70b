"""Columns of frames of pandas, polars and pyarrow: their kinds, numbers and missing values."""

from __future__ import annotations

import datetime
import re
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.contents import is_lazy
from softreg_fast.data.names import Names, labels_of
from softreg_fast.options.types import Index, Vector

Kind = Literal["number", "boolean", "text", "categories", "dates", "durations", "object"]

# Kinds of columns by the names that pandas, polars and pyarrow give their types. Times of day are
# durations since midnight.
TYPE_NAMES: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"duration|timedelta|time(32|64)|time\b", re.IGNORECASE), "durations"),
    (re.compile(r"date|timestamp|period", re.IGNORECASE), "dates"),
    (re.compile(r"categor|enum\b|dictionary", re.IGNORECASE), "categories"),
    (re.compile(r"bool", re.IGNORECASE), "boolean"),
    (re.compile(r"(large_)?(string|utf8)|str\b", re.IGNORECASE), "text"),
    (re.compile(r"object", re.IGNORECASE), "object"),
)

# Types of missing values in columns of objects, pandas's by name, so that it need not be there.
NOTHING = ("NoneType", "NAType", "NaTType")


DURATIONS = (datetime.timedelta, datetime.time, np.timedelta64)


def is_frame(X: Any) -> bool:
    """Return whether X has labelled columns with types of their own, and is no lazy frame."""
    return not is_lazy(X) and labels_of(X) is not None and _types(X) is not None


def labels_in(frame: Any) -> Names:
    """Return the column labels of a frame.

    Raises
    ------
    TypeError
        For anything else.
    """
    labels = labels_of(frame)
    if labels is None:
        raise TypeError(
            f"X is a {type(frame).__name__}; categorical columns are those of a frame of pandas, "
            "polars or pyarrow."
        )
    return labels


def n_rows(frame: Any) -> int:
    """Return the number of rows of a frame."""
    return int(frame.shape[0])


def column_at(frame: Any, j: int) -> Any:
    """Return the j-th column of a frame."""
    if hasattr(frame, "iloc"):  # pandas and compatible frames
        return frame.iloc[:, j]
    return frame.column(j) if hasattr(frame, "column_names") else frame.to_series(j)


def rows_at(values: Any, rows: Index) -> Any:
    """Return some rows of a frame, a column or an array."""
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    if hasattr(values, "take") and hasattr(values, "combine_chunks"):  # pyarrow
        return values.take(rows)
    if hasattr(values, "to_physical") or hasattr(values, "to_series"):  # polars
        return values[rows]
    if hasattr(values, "tocsr"):
        return values.tocsr()[rows]
    return np.asarray(values)[rows]


def _types(frame: Any) -> list[Any] | None:
    types = getattr(frame, "dtypes", None)
    if types is None:
        types = getattr(getattr(frame, "schema", None), "types", None)
    return None if types is None or not hasattr(types, "__iter__") else list(types)


def kinds_of(frame: Any) -> list[Kind]:
    """Return the kind of each column of a frame; columns of objects are looked into."""
    types = _types(frame) or []
    by_type = {each: _kind_of_type(str(each)) for each in dict.fromkeys(types)}
    kinds = [by_type[each] for each in types]
    return [
        _kind_of_objects(column_at(frame, j)) if kind == "object" else kind
        for j, kind in enumerate(kinds)
    ]


def _kind_of_type(text: str) -> Kind:
    # of an interval of numbers, "interval[int64]", the values are levels
    if text.lower().startswith("interval"):
        return "categories"
    return next((kind for pattern, kind in TYPE_NAMES if pattern.match(text)), "number")


def _kind_of_objects(column: Any) -> Kind:
    values = np.asarray(column, dtype=object).tolist()
    found = {each for each in set(map(type, values)) if each.__name__ not in NOTHING}
    if any(issubclass(each, str | bytes) for each in found):
        return "text"
    if any(issubclass(each, float) for each in found):
        present = (each for each in values if type(each).__name__ not in NOTHING)
        found = {type(each) for each in present if each == each}  # without NaN
    if found and found <= {bool, np.bool_}:
        return "boolean"
    if found and all(issubclass(each, datetime.date | np.datetime64) for each in found):
        return "dates"
    if any(issubclass(each, DURATIONS) for each in found):
        return "durations"
    return "number"


def missing_in(column: Any) -> NDArray[np.bool_]:
    """Return where a column, or an array of several, has missing values, NaN or null."""
    if hasattr(column, "isna"):  # pandas
        found = column.isna()
    elif hasattr(column, "is_null"):
        found = column.is_null()
        if hasattr(column, "combine_chunks"):
            found = column.is_null(nan_is_null=True)
        elif str(column.dtype).startswith("Float"):
            found = found | column.is_nan().fill_null(True)
    else:
        return _missing_in_array(column)
    return np.asarray(found).astype(bool)


def _missing_in_array(values: Any) -> NDArray[np.bool_]:
    if hasattr(values, "tocoo"):
        entries = values.tocoo()
        found = np.zeros(values.shape[0], bool)
        found[entries.row[np.isnan(entries.data)]] = True
        return found
    array = np.asarray(values)
    if array.dtype.names is not None:
        parts = [_missing_in_array(array[name]) for name in array.dtype.names]
        return np.asarray(np.logical_or.reduce(parts))
    if array.dtype.kind in "fcmM":
        return np.asarray(np.isnan(array) if array.dtype.kind in "fc" else np.isnat(array))
    if array.dtype.kind != "O":
        return np.zeros(array.shape, bool)
    flat = [
        each is None or type(each).__name__ in NOTHING or each != each for each in array.ravel()
    ]
    return np.array(flat, bool).reshape(array.shape)


def missing_rows(values: Any) -> NDArray[np.bool_]:
    """Return the rows of an array, a Series or a frame in which a value is missing, (n_rows,)."""
    if hasattr(values, "column_names") or (is_frame(values) and not hasattr(values, "isna")):
        parts = [missing_in(column_at(values, j)) for j in range(len(labels_in(values)))]
        return np.asarray(np.logical_or.reduce(parts))
    found = missing_in(values)
    return np.asarray(found if found.ndim < 2 else found.any(axis=1))


def numbers_in(column: Any) -> Vector:
    """Return a column of numbers or booleans as float64, with NaN where a value is missing.

    Raises
    ------
    TypeError, ValueError
        For a column of anything else, such as lists.
    """
    if hasattr(column, "iloc"):
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if hasattr(column, "combine_chunks"):
        import pyarrow

        if str(column.type) == "bool":
            column = column.cast(pyarrow.int8())
        return np.asarray(column.cast(pyarrow.float64()).to_numpy(), np.float64)
    import polars

    return np.asarray(column.cast(polars.Float64).to_numpy(), np.float64)
