"""Coding: categorical columns of a frame as sparse columns of 0 and 1, one for each level.

The coding knows nothing of penalties. It is made from the frame of a fit and codes other frames in
the same way: columns are found by name, levels by value.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.data.contents import check_contents, columns_at, is_lazy
from softreg_fast.data.levels import Levels, levels_of
from softreg_fast.data.names import (
    Names,
    feature_names_of,
    in_order,
    labels_of,
    listed,
    row_labels_of,
)
from softreg_fast.data.validation import as_real, check_finite
from softreg_fast.options.callers import level_of_caller
from softreg_fast.options.choices import UNKNOWN, Unknown
from softreg_fast.options.hints import suggestion
from softreg_fast.options.spelling import composed
from softreg_fast.options.types import Index

# What a level means that the fit has not seen: an error, or no effect.

# Type names of columns that are coded, by the names of pandas, polars and pyarrow.
CATEGORICAL = re.compile(
    r"categor|enum\b|dictionary|bool|(large_|)(string|utf8)|str(ing)?\b", re.IGNORECASE
)

# Numeric columns that are converted at a time.
BLOCK = 16


@dataclass(frozen=True, eq=False)
class Coding:
    """Features that stand for the columns of a frame: for a categorical column one per level.

    No level is dropped: a penalty that shrinks all levels alike does not depend on which is left
    out. A numeric column is one feature.

    Attributes
    ----------
    columns : ndarray (n_columns,) of object
        Labels of the columns.
    levels : tuple (n_columns,)
        Of each column its levels, in the order of their features; None for a numeric column.
    unknown : {"error", "zero"}
        What a level means that the fit has not seen, or a missing value: an error, or zeros for all
        levels.
    names : ndarray (n_columns,) of object or None
        Labels of the columns, unless they are just 0, 1, 2, ...

    Examples
    --------
    >>> import pandas as pd
    >>> from softreg_fast.data.coding import Coding
    >>> frame = pd.DataFrame({"size": [1.0, 2.0, 3.0], "colour": ["red", "blue", "red"]})
    >>> coding = Coding.of(frame)
    >>> coding.feature_names.tolist()
    ['size', 'colour=blue', 'colour=red']
    >>> coding.matrix(frame).toarray()
    array([[1., 0., 1.],
           [2., 1., 0.],
           [3., 0., 1.]])
    """

    columns: Names
    levels: tuple[tuple[Any, ...] | None, ...]
    unknown: Unknown = "error"
    names: Names | None = None

    @classmethod
    def of(cls, frame: Any, unknown: Unknown = "error") -> Self:
        """Return the coding of a frame, whose levels are those that occur in it.

        Parameters
        ----------
        frame : pandas, polars or pyarrow frame
        unknown : {"error", "zero"}, default="error"
            As in the attribute.

        Raises
        ------
        ValueError
            For columns with missing values, for text that names each row, and for names that occur
            twice.

        Warns
        -----
        UserWarning
            For a column with one level only, and for levels that differ in spaces or case.
        """
        return cls._read(frame, unknown)[0]

    @classmethod
    def _read(cls, frame: Any, unknown: Unknown) -> tuple[Self, dict[int, Levels]]:
        check_unknown(unknown)
        names, labels = feature_names_of(frame), _labels(frame)
        found = {j: levels_of(_column(frame, j)) for j in categorical_columns(frame)}
        for j, each in found.items():
            _check_levels(labels[j], each, is_text=_is_text(_type_of(_column(frame, j))))
        levels = tuple(tuple(found[j].values) if j in found else None for j in range(len(labels)))
        coding = cls(labels, levels, unknown, names)
        _check_distinct(coding.feature_names)
        return coding, found

    @property
    def sizes(self) -> Index:
        """Number of features of each column, (n_columns,)."""
        return np.array([1 if each is None else len(each) for each in self.levels], np.intp)

    @property
    def labels(self) -> Index:
        """Number of the column of each feature, (n_features,)."""
        return np.repeat(np.arange(len(self.levels)), self.sizes)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return int(self.sizes.sum())

    @property
    def feature_names(self) -> Names:
        """Names of the features, (n_features,): "column=level"; a numeric column keeps its own."""
        names = [
            name
            for column, levels in zip(self.columns, self.levels, strict=True)
            for name in ([column] if levels is None else [f"{column}={each}" for each in levels])
        ]
        return np.fromiter(names, dtype=object, count=len(names))

    def matrix(self, frame: Any) -> Any:
        """Return the features of a frame, whose columns are matched by name.

        Parameters
        ----------
        frame : pandas, polars or pyarrow frame

        Returns
        -------
        csc_array (n_rows, n_features)

        Raises
        ------
        ValueError, TypeError
            For missing columns, for unknown levels unless they mean zero, and for columns that are
            numeric in the coding and not in the frame.
        """
        frame = in_order(frame, self.names, len(self.columns))
        if len(_labels(frame)) != len(self.columns):
            raise ValueError(
                f"X has {len(_labels(frame))} columns, but this model was fitted with "
                f"{len(self.columns)}, of which some are categorical; give the same columns."
            )
        found = {
            j: levels_of(_column(frame, j))
            for j, levels in enumerate(self.levels)
            if levels is not None
        }
        features = self._matrix(frame, found)
        if not np.isfinite(features.data).all():
            for j, name in enumerate(self.feature_names):
                column = features.data[features.indptr[j] : features.indptr[j + 1]]
                check_finite("X", column, f", the first in feature {name}")
        return features

    def features_of(self, X: Any) -> Any:
        """Return the features of X: a frame is coded, an array or a Design has them already."""
        if isinstance(X, Coded):
            return X.matrix
        if hasattr(X, "feature_names") and hasattr(X, "X"):  # a Design
            return X
        return X if labels_of(X) is None else self.matrix(X)

    def _matrix(self, frame: Any, found: dict[int, Levels]) -> Any:
        numeric = [j for j, levels in enumerate(self.levels) if levels is None]
        dense = _numbers(frame, numeric)
        n, most = _n_rows(frame), _n_rows(frame) * len(self.columns)
        kind = np.int32 if max(most, self.n_features) <= np.iinfo(np.int32).max else np.int64
        rows, data = np.empty(most, kind), np.empty(most)
        counts, filled = np.zeros(self.n_features + 1, np.int64), 0
        first, every = np.append(0, np.cumsum(self.sizes)), np.arange(n, dtype=kind)
        for j in range(len(self.columns)):
            if j in found:
                codes = self._codes(j, found[j])
                part, each = _rows_by_code(codes, int(self.sizes[j]), kind)
                counts[first[j] + 1 : first[j + 1] + 1] = each
                data[filled : filled + part.size] = 1.0
            else:
                values = next(dense)
                # NaN, too, so that it is found later
                part = every if values.all() else np.flatnonzero(values)
                counts[first[j] + 1] = part.size
                data[filled : filled + part.size] = values[part]
            rows[filled : filled + part.size] = part
            filled += part.size
        indptr = np.cumsum(counts).astype(kind)
        return sp.csc_array((data[:filled], rows[:filled], indptr), shape=(n, self.n_features))

    def _codes(self, j: int, found: Levels) -> NDArray[np.intp]:
        # the position of each row's level among those of the coding, -1 for none
        known = self.levels[j] or ()
        if found.values == known:
            place = np.arange(len(known))
        else:
            positions = {level: k for k, level in enumerate(known)}
            place = np.array([positions.get(level, -1) for level in found.values], np.intp)
        codes = np.append(place, -1)[found.codes]
        if self.unknown == "error" and codes.size and codes.min() < 0:
            raise ValueError(self._unknown_level(j, found, int(np.argmin(codes))))
        return codes

    def _unknown_level(self, j: int, found: Levels, row: int) -> str:
        column, known = self.columns[j], list(self.levels[j] or ())
        if found.codes[row] < 0:
            return (
                f"Column {column!r} has no value in row {row}; leave out such rows, or fit with "
                "unknown='zero', under which they count as without any of the levels."
            )
        level = found.values[found.codes[row]]
        close = suggestion(level, known) if isinstance(level, str) else None
        return (
            f"Column {column!r} has the level {level!r} in row {row}, which the fit has not seen: "
            f"its levels are {listed(known)}"
            + (f"; {close} " if close else ". ")
            + "Correct it, or fit with unknown='zero', under which it counts as none of them."
        )


class Coded:
    """A frame with its coding and the matrix of features, in place of an X.

    Parameters
    ----------
    frame : pandas, polars or pyarrow frame
    unknown : {"error", "zero"}, default="error"
        As in `Coding`.

    Attributes
    ----------
    coding : Coding
    matrix : csc_array (n_samples, n_features)
    columns : ndarray (n_features,) of object
        Names of the features.
    index : pandas.Index or None
        Row labels of the frame.
    """

    def __init__(self, frame: Any, unknown: Unknown = "error") -> None:
        self.coding, found = Coding._read(frame, unknown)
        self.matrix = self.coding._matrix(frame, found)
        self.columns = self.coding.feature_names
        self.index = row_labels_of(frame)


def coding_of(X: Any) -> Coding | None:
    """Return the coding of an X, None where it has none."""
    return X.coding if isinstance(X, Coded) else None


def matrix_of(X: Any) -> Any:
    """Return the features of a coded frame, anything else as it is."""
    return X.matrix if isinstance(X, Coded) else X


def check_unknown(unknown: Any) -> None:
    """Raise ValueError unless `unknown` is one of the choices."""
    if unknown not in UNKNOWN:
        raise ValueError(f"unknown must be 'error' or 'zero', got {unknown!r}.")


def categorical_columns(X: Any) -> list[int]:
    """Return the positions of the columns of a frame with categories, text or booleans.

    Empty for anything that has no columns with types of their own.
    """
    if is_lazy(X) or labels_of(X) is None or isinstance(X, Coded):
        return []
    if getattr(X, "dtypes", None) is None and getattr(X, "schema", None) is None:
        return []
    return [j for j in range(len(_labels(X))) if _is_categorical(_column(X, j))]


def _labels(frame: Any) -> Names:
    labels = labels_of(frame)
    if labels is None:
        raise TypeError(
            f"X is a {type(frame).__name__}; categorical columns are those of a frame of pandas, "
            "polars or pyarrow."
        )
    return labels


def _is_categorical(column: Any) -> bool:
    kind = _type_of(column)
    if kind.lower() != "object":
        return CATEGORICAL.match(kind) is not None
    found = set(map(type, np.asarray(column, dtype=object).tolist()))
    return any(issubclass(each, str | bytes) for each in found) or found == {bool}


def _is_text(kind: str) -> bool:
    return (
        kind.lower() == "object" or re.match("str|string|large_string|utf8", kind, re.I) is not None
    )


def _type_of(column: Any) -> str:
    kind = getattr(column, "dtype", None)
    return str(column.type if kind is None else kind)


def _column(frame: Any, j: int) -> Any:
    if hasattr(frame, "iloc"):  # pandas and compatible frames
        return frame.iloc[:, j]
    return frame.column(j) if hasattr(frame, "column_names") else frame.to_series(j)


def _n_rows(frame: Any) -> int:
    return int(frame.shape[0])


def _numbers(frame: Any, columns: list[int]) -> Iterator[NDArray[np.float64]]:
    # the numeric columns one by one, converted in blocks
    check_contents("X", columns_at(frame, columns)) if columns else None
    for start in range(0, len(columns), BLOCK):
        block = columns_at(frame, columns[start : start + BLOCK])
        yield from as_real("X", block, dtype=np.float64, ensure_all_finite=False).T


def _rows_by_code(
    codes: NDArray[np.intp], n_levels: int, kind: Any
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    # the rows of each level, one level after the other, and their numbers
    n = len(codes)
    inside = codes >= 0
    starts = np.append(0, np.cumsum(inside)).astype(kind)
    chosen = codes[inside].astype(kind)
    by_row = sp.csr_array((np.ones(chosen.size, np.int8), chosen, starts), shape=(n, n_levels))
    by_level = by_row.tocsc()
    return by_level.indices, np.diff(by_level.indptr)


def _check_levels(column: Any, found: Levels, is_text: bool) -> None:
    missing = found.codes < 0
    if missing.any():
        raise ValueError(
            f"Column {column!r} has {np.count_nonzero(missing)} missing values, the first in row "
            f"{int(np.argmax(missing))}; leave out such rows, or make them a level of their own, "
            "as fillna('missing') does."
        )
    n = len(found.codes)
    if is_text and len(found.values) == n > 2:
        raise ValueError(
            f"Column {column!r} has another text in each of the {n} rows, such as "
            f"{found.values[0]!r}: it names the rows, and says nothing about others; leave it out."
        )
    if len(found.values) == 1:
        warnings.warn(
            f"Column {column!r} has one level, {found.values[0]!r}, in all rows, so that it "
            "explains nothing; leave it out.",
            UserWarning,
            stacklevel=level_of_caller(),
        )
    if alike := _alike(found.values):
        warnings.warn(
            f"The levels {alike[0]!r} and {alike[1]!r} of column {column!r} differ in spaces or "
            "case only; if they are the same, give them one name.",
            UserWarning,
            stacklevel=level_of_caller(),
        )


def _alike(levels: tuple[Any, ...]) -> tuple[str, str] | None:
    seen: dict[str, str] = {}
    for level in levels:
        if isinstance(level, str):
            key = " ".join(composed(level).split()).casefold()
            if key in seen:
                return seen[key], level
            seen[key] = level
    return None


def _check_distinct(names: Names) -> None:
    texts = list(map(str, names))
    if len(set(texts)) < len(texts):
        twice = next(name for name in texts if texts.count(name) > 1)
        raise ValueError(
            f"Two levels would both be called {twice!r}; rename a level or a column, so that each "
            "feature has a name of its own."
        )
