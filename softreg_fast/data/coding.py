"""Coding: the columns of a frame as features, sparse ones of 0 and 1 for the levels of categories.

The coding knows nothing of penalties. It is made from the frame of a fit and codes other frames in
the same way: columns are found by name, levels by value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.data.coded_columns import (
    PLAIN,
    Codes,
    Column,
    LevelColumn,
    NumberColumn,
    Piece,
    column_from,
)
from softreg_fast.data.contents import check_contents, columns_at
from softreg_fast.data.frames import column_at, is_frame, kinds_of, labels_in, n_rows
from softreg_fast.data.names import (
    Names,
    are_positions,
    counted,
    feature_names_of,
    in_order,
    labels_of,
    row_labels_of,
)
from softreg_fast.data.reading import Reading
from softreg_fast.data.validation import check_finite
from softreg_fast.options.choices import MISSING, UNKNOWN
from softreg_fast.options.types import Index


@dataclass(frozen=True, eq=False)
class Coding:
    """Features that stand for the columns of a frame: for a column of categories one per level.

    No level is dropped: a penalty that shrinks all levels alike does not depend on which is left
    out. A column of numbers is one feature, and so is one of booleans, which is 0 or 1. A column of
    dates has the features of the parts that were stated: year, week, day, minute and days are
    numbers, quarter, month, dayofweek and hour have levels.

    Attributes
    ----------
    columns : ndarray (n_columns,) of object
        Labels of the columns.
    parts : tuple (n_columns,)
        Of each column what its features are: a NumberColumn, LevelColumn or DateColumn.
    unknown : {"error", "zero"}
        What a level means that the fit has not seen, or a missing value: an error, or zeros for all
        levels.

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
    parts: tuple[Column, ...]
    unknown: str = "error"

    @classmethod
    def of(
        cls, frame: Any, dates: Any = None, missing: str = "error", unknown: str = "error"
    ) -> Self:
        """Return the coding of a frame, whose levels are those that occur in it.

        Parameters
        ----------
        frame : pandas, polars or pyarrow frame
        dates : list of str, dict or None, default=None
            Parts of dates that are features, of all columns of dates or by the name of the column.
        missing : {"error", "indicator"}, default="error"
            Missing values are an error, or they are filled and marked by "column=missing".
        unknown : {"error", "zero"}, default="error"
            As in the attribute.

        Raises
        ------
        ValueError
            For columns of dates without parts, with missing values, and of text that names each row
            or holds numbers or dates; the message names all of them. For names that occur twice.

        Warns
        -----
        UserWarning
            For a column with one level only, and for levels that differ in spaces or case.
        """
        coding: Self = cls._read(frame, dates, missing, unknown)[0]
        return coding

    @classmethod
    def _read(cls, frame: Any, dates: Any, missing: str, unknown: str) -> tuple[Self, Any]:
        # the coding, and the matrix of the frame
        check_unknown(unknown)
        check_missing(missing)
        feature_names_of(frame)  # raises for names that occur twice
        reading = Reading(frame, dates, missing == "indicator")
        matrix = _matrix(reading.n_rows, reading.most_pieces, reading.is_sparse)
        columns = []
        for column, pieces in reading:
            columns.append(column)
            for piece in pieces:
                matrix.add(piece)
        coding = cls(reading.labels, tuple(columns), unknown)
        _check_distinct(coding.feature_names)
        return coding, matrix.whole()

    @property
    def names(self) -> Names | None:
        """Labels of the columns; None if they are just 0, 1, 2, ..."""
        return None if are_positions(self.columns) else self.columns

    @property
    def sizes(self) -> Index:
        """Number of features of each column, (n_columns,)."""
        return np.array([len(each) for each in self._names()], np.intp)

    @property
    def labels(self) -> Index:
        """Number of the column of each feature, (n_features,)."""
        return np.repeat(np.arange(len(self.parts)), self.sizes)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return int(self.sizes.sum())

    @property
    def feature_names(self) -> Names:
        """Names of the features, (n_features,): "column=level", "column.part", "column=missing".

        A column of numbers or booleans keeps its own.
        """
        names = [name for each in self._names() for name in each]
        return np.fromiter(names, dtype=object, count=len(names))

    def _names(self) -> Iterator[list[Any]]:
        for label, part in zip(self.columns, self.parts, strict=True):
            yield part.names(label)

    @property
    def is_sparse(self) -> bool:
        """Return whether some column has levels, so that the matrix is sparse."""
        return any(
            isinstance(part, LevelColumn)
            or (not isinstance(part, NumberColumn) and any(p.levels for p in part.parts))
            for part in self.parts
        )

    def matrix(self, frame: Any) -> Any:
        """Return the features of a frame, whose columns are matched by name.

        Parameters
        ----------
        frame : pandas, polars or pyarrow frame

        Returns
        -------
        csc_array (n_rows, n_features), or ndarray if no column has levels

        Raises
        ------
        ValueError, TypeError
            For missing columns, for unknown levels unless they mean zero, for missing values unless
            they are marked, and for columns that are numeric in the coding and not in the frame.
        """
        frame = in_order(frame, self.names, len(self.columns))
        if len(labels_in(frame)) != len(self.columns):
            raise ValueError(
                f"X has {len(labels_in(frame))} columns, but this model was fitted with "
                f"{len(self.columns)}, of which some are categorical; give the same columns."
            )
        self._check(frame)
        most = sum(1 + len(getattr(part, "parts", "x")) for part in self.parts)
        matrix = _matrix(n_rows(frame), most, self.is_sparse)
        for j, (label, part) in enumerate(zip(self.columns, self.parts, strict=True)):
            for piece in part.pieces(column_at(frame, j), label, self.unknown):
                matrix.add(piece)
        features = matrix.whole()
        if not np.isfinite(features.data if sp.issparse(features) else features).all():
            self._refuse_infinity(features)
        return features

    def _check(self, frame: Any) -> None:
        # the contents of numeric columns, and missing values that have no meaning
        numbers = [j for j, part in enumerate(self.parts) if isinstance(part, NumberColumn)]
        check_contents("X", columns_at(frame, numbers)) if numbers else None
        lacking = {
            label: lacks
            for j, (label, part) in enumerate(zip(self.columns, self.parts, strict=True))
            if (lacks := part.lacks(column_at(frame, j), self.unknown))
        }
        if lacking:
            marked = any(getattr(part, "indicator", False) for part in self.parts)
            remedy = "leave out such rows" + ("" if marked else ", or fit with missing='indicator'")
            raise ValueError(
                f"X has missing values where the model has no meaning for them, in the column"
                f"{'s' * (len(lacking) > 1)} {counted(lacking)}; {remedy}."
            )

    def _refuse_infinity(self, features: Any) -> None:
        for j, name in enumerate(self.feature_names):
            if sp.issparse(features):
                values = features.data[features.indptr[j] : features.indptr[j + 1]]
            else:
                values = features[:, j]
            check_finite("X", values, f", the first in feature {name}")

    def features_of(self, X: Any) -> Any:
        """Return the features of X: a frame is coded, an array or a Design has them already."""
        if isinstance(X, Coded):
            return X.matrix
        if hasattr(X, "feature_names") and hasattr(X, "X"):  # a Design
            return X
        return X if labels_of(X) is None else self.matrix(X)

    def to_dict(self) -> dict[str, Any]:
        """Return the coding as lists, dicts and plain values, as JSON holds them.

        Returns
        -------
        dict

        Raises
        ------
        ValueError
            For labels and levels that JSON would not give back as they are.
        """
        held = []
        for label, part in zip(self.columns, self.parts, strict=True):
            label = label.item() if isinstance(label, np.generic) else label
            for value in (label, *getattr(part, "values", ())):
                if not isinstance(value, PLAIN) or value != value:
                    raise ValueError(
                        f"Column {label!r} has {value!r}, which JSON would not give back as it is; "
                        "use text, numbers or booleans."
                    )
            held.append({"column": label, **part.to_dict()})
        return {"unknown": self.unknown, "columns": held}

    @classmethod
    def from_dict(cls, held: Any) -> Self:
        """Return the coding of which `to_dict` made this.

        Parameters
        ----------
        held : dict

        Raises
        ------
        ValueError
            For anything else.
        """
        if not isinstance(held, Mapping) or not isinstance(held.get("columns"), list):
            raise ValueError(f"A coding is a dict with a list of columns, not {held!r:.80}.")
        check_unknown(held.get("unknown"))
        columns = held["columns"]
        for each in columns:
            if not isinstance(each, Mapping) or not isinstance(each.get("column"), PLAIN):
                raise ValueError(f"{each!r:.80} describes no column of a coding.")
        labels = np.fromiter((each["column"] for each in columns), object, len(columns))
        coding = cls(labels, tuple(map(column_from, columns)), held["unknown"])
        _check_distinct(coding.feature_names)
        return coding


class Coded:
    """A frame with its coding and the matrix of features, in place of an X.

    Parameters
    ----------
    frame : pandas, polars or pyarrow frame
    dates, missing, unknown
        As in `Coding.of`.

    Attributes
    ----------
    coding : Coding
    matrix : csc_array (n_samples, n_features), or ndarray if no column has levels
    columns : ndarray (n_features,) of object
        Names of the features.
    index : pandas.Index or None
        Row labels of the frame.
    frame : the frame
    kept : ndarray of int or None
        Positions of its rows in the table that was given; None: it has all of them.
    """

    kept: Index | None = None

    def __init__(
        self, frame: Any, dates: Any = None, missing: str = "error", unknown: str = "error"
    ) -> None:
        self._set(frame, *Coding._read(frame, dates, missing, unknown))

    def _set(self, frame: Any, coding: Any, matrix: Any) -> None:
        self.coding, self.matrix = coding, matrix
        self.columns = feature_names_of(frame) if coding is None else coding.feature_names
        self.index = row_labels_of(frame)
        self.frame = frame

    @classmethod
    def made(cls, frame: Any, coding: Any, matrix: Any, kept: Index | None = None) -> Self:
        """Return a frame with a coding and a matrix that were made elsewhere."""
        self = cls.__new__(cls)
        self._set(frame, coding, matrix)
        self.kept = kept
        return self


class _Sparse:
    """A csc_array that is filled from the first column to the last."""

    def __init__(self, n: int, most_pieces: int) -> None:
        most, self.n, self.filled = n * most_pieces, n, 0
        self.kind = np.int32 if most <= np.iinfo(np.int32).max else np.int64
        self.rows, self.data = np.empty(most, self.kind), np.empty(most)
        self.counts: list[NDArray[np.int64]] = [np.zeros(1, np.int64)]
        self.every = np.arange(n, dtype=self.kind)

    def add(self, piece: Piece) -> None:
        """Add the columns of a piece."""
        if isinstance(piece, Codes):
            rows, counts = _rows_by_code(piece, self.kind)
            values: Any = 1.0
        else:
            # NaN, too, so that it is found later
            rows, values = self.every, piece
            if not piece.all():
                rows = np.flatnonzero(piece)
                values = piece[rows]
            counts = np.array([rows.size])
        part = slice(self.filled, self.filled + rows.size)
        self.rows[part], self.data[part] = rows, values
        self.counts.append(counts)
        self.filled += rows.size

    def whole(self) -> Any:
        """Return the matrix of all columns so far."""
        indptr = np.cumsum(np.concatenate(self.counts)).astype(self.kind)
        parts = self.data[: self.filled], self.rows[: self.filled], indptr
        return sp.csc_array(parts, shape=(self.n, len(indptr) - 1))


class _Dense:
    """An ndarray in Fortran order that is filled from the first column to the last."""

    def __init__(self, n: int, most_pieces: int) -> None:
        self.values, self.filled = np.empty((n, most_pieces), order="F"), 0

    def add(self, piece: Piece) -> None:
        """Add the column of a piece."""
        self.values[:, self.filled] = piece
        self.filled += 1

    def whole(self) -> Any:
        """Return the matrix of all columns so far."""
        return self.values[:, : self.filled]


def _matrix(n: int, most_pieces: int, is_sparse: bool) -> _Sparse | _Dense:
    return (_Sparse if is_sparse else _Dense)(n, most_pieces)


def _rows_by_code(piece: Codes, kind: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    # the rows of each level, one level after the other, and their numbers
    codes, n_levels = piece
    n, chosen = len(codes), codes.astype(kind)
    starts = np.arange(n + 1, dtype=kind)
    if codes.min(initial=0) < 0:
        inside = codes >= 0
        starts[1:], chosen = np.cumsum(inside), chosen[inside]
    by_row = sp.csr_array((np.ones(chosen.size, np.int8), chosen, starts), shape=(n, n_levels))
    by_level = by_row.tocsc()
    return by_level.indices, np.diff(by_level.indptr)


def coding_of(X: Any) -> Any:
    """Return the coding of an X, None where it has none."""
    return X.coding if isinstance(X, Coded) else None


def matrix_of(X: Any) -> Any:
    """Return the features of a coded frame, anything else as it is."""
    return X.matrix if isinstance(X, Coded) else X


def frame_of(X: Any) -> Any:
    """Return the frame of a coded one, anything else as it is."""
    return X.frame if isinstance(X, Coded) else X


def coded(X: Any) -> Any:
    """Return a frame with columns of categories or text as Coded, anything else as it is."""
    return Coded(X) if categorical_columns(X) else X


def check_unknown(unknown: Any) -> None:
    """Raise ValueError unless `unknown` is one of the choices."""
    if unknown not in UNKNOWN:
        raise ValueError(f"unknown must be 'error' or 'zero', got {unknown!r}.")


def check_missing(missing: Any) -> None:
    """Raise ValueError unless `missing` is one of the choices."""
    if missing not in MISSING:
        raise ValueError(f"missing must be one of {', '.join(MISSING)}; got {missing!r}.")


def categorical_columns(X: Any) -> list[int]:
    """Return the positions of the columns of a frame with categories, text or dates.

    Empty for anything that has no columns with types of their own.
    """
    if isinstance(X, Coded | np.ndarray) or not is_frame(X):
        return []
    return [j for j, kind in enumerate(kinds_of(X)) if kind not in ("number", "boolean")]


def _check_distinct(names: Names) -> None:
    texts = list(map(str, names))
    if len(set(texts)) < len(texts):
        twice = next(name for name in texts if texts.count(name) > 1)
        raise ValueError(
            f"Two levels would both be called {twice!r}; rename a level or a column, so that each "
            "feature has a name of its own."
        )
