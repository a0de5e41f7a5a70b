"""Levels of a categorical column of pandas, polars or pyarrow, and the level of each row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Levels(NamedTuple):
    """The levels that occur in a column.

    Attributes
    ----------
    codes : ndarray (n_rows,) of int
        Position of each row's level in `values`; -1 where the value is missing.
    values : tuple
        The levels, in the order of the column's type if it has one, sorted otherwise.
    """

    codes: NDArray[np.intp]
    values: tuple[Any, ...]


def levels_of(column: Any) -> Levels:
    """Return the levels of a column of a frame, whatever its type.

    Parameters
    ----------
    column : pandas or polars Series, or pyarrow ChunkedArray
    """
    if hasattr(column, "dictionary_encode"):
        return _of_arrow(column)
    kind = str(column.dtype)
    if hasattr(column, "factorize"):  # pandas and compatible frames
        if kind == "category":
            return _occurring(column.cat.codes, column.cat.categories)
        return _sorted(*column.factorize())
    if kind.startswith(("Categorical", "Enum")):
        return _of_polars(column)
    if kind == "String":
        import polars

        return _of_polars(column.cast(polars.Categorical))
    return _sorted(*_factorised(column.to_list()))


def _of_arrow(column: Any) -> Levels:
    is_ordered = str(column.type).startswith("dictionary")
    coded = column if is_ordered else column.dictionary_encode()
    whole = coded.unify_dictionaries().combine_chunks()
    if hasattr(whole, "chunks"):  # of a column without rows
        whole = whole.chunk(0)
    found = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False), whole.dictionary.to_pylist()
    return _occurring(*found) if is_ordered else _sorted(*found)


def _of_polars(column: Any) -> Levels:
    # the categories of all columns may be numbered together
    present = column.drop_nulls().unique()
    numbers, texts = _numbers(present.to_physical()), present.to_list()
    order = np.argsort(numbers)
    values = [texts[k] for k in order]
    codes = np.searchsorted(numbers[order], given := _numbers(column.to_physical()))
    codes[given < 0] = -1
    ordered = str(column.dtype).startswith("Enum")
    return Levels(codes, tuple(values)) if ordered else _sorted(codes, values)


def _numbers(column: Any) -> NDArray[np.int64]:
    return np.asarray(column.cast(int).fill_null(-1).to_numpy(), np.int64)


def _factorised(values: list[Any]) -> tuple[NDArray[np.intp], list[Any]]:
    place: dict[Any, int] = {}
    missing = (each is None or each != each for each in values)
    pairs = zip(values, missing, strict=True)
    codes = [-1 if none else place.setdefault(each, len(place)) for each, none in pairs]
    return np.array(codes, np.intp), list(place)


def _occurring(codes: Any, values: Iterable[Any]) -> Levels:
    # without the levels of the type that no row has
    numbers, listed = np.asarray(codes, np.intp), list(values)
    counts = np.bincount(numbers[numbers >= 0], minlength=len(listed))
    place = np.append(np.cumsum(counts > 0) - 1, -1)
    kept = [value for value, count in zip(listed, counts.tolist(), strict=True) if count]
    return Levels(place[numbers], tuple(map(_plain, kept)))


def _sorted(codes: Any, values: Iterable[Any]) -> Levels:
    # of values that all occur
    numbers, listed = np.asarray(codes), list(map(_plain, values))
    try:
        order = sorted(range(len(listed)), key=listed.__getitem__)
    except TypeError:  # of several types
        order = sorted(range(len(listed)), key=lambda k: (type(listed[k]).__name__, str(listed[k])))
    place = np.empty(len(listed) + 1, np.intp)
    place[order] = np.arange(len(listed))
    place[-1] = -1
    return Levels(place[numbers], tuple(listed[k] for k in order))


def _plain(value: Any) -> Any:
    # a number of Python for one of NumPy, which prints otherwise
    return value.item() if isinstance(value, np.generic) else value
