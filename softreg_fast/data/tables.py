"""Tables as users have them: frames with categories, dates and missing values, or a formula."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.data.coding import Coded, categorical_columns, check_missing, check_unknown
from softreg_fast.data.frames import (
    column_at,
    is_frame,
    labels_in,
    missing_in,
    missing_rows,
    rows_at,
)
from softreg_fast.data.validation import check_same_rows
from softreg_fast.options.callers import level_of_caller
from softreg_fast.options.types import Index


class TableOptions(NamedTuple):
    """Options by which a table becomes features, as `path` and others take them.

    Attributes
    ----------
    dates : list of str, dict or None
        Parts of dates that are features.
    missing : {"error", "drop", "indicator"}
        What is done about missing values.
    unknown : {"error", "zero"}
        What a level means in `predict` that the fit has not seen.
    data : frame or None
        The table to which a formula refers.
    """

    dates: Any = None
    missing: str = "error"
    unknown: str = "error"
    data: Any = None

    @property
    def are_plain(self) -> bool:
        """Return whether all but `unknown` are defaults, under which arrays stay as they are."""
        return self.dates is None and self.missing == "error" and self.data is None


PLAIN = TableOptions()


class Table(NamedTuple):
    """Data of a fit: X as Coded or as it was given, and what goes with its rows.

    Attributes
    ----------
    X, y, sample_weight, offset
        As given, or without the rows that are left out.
    fit_intercept : bool or None
        What a formula says; None: nothing.
    kept : ndarray of int or None
        Positions of the rows that are left; None: all.
    """

    X: Any
    y: Any = None
    sample_weight: Any = None
    offset: Any = None
    fit_intercept: bool | None = None
    kept: Index | None = None

    def rows_of(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return arrays by name, without the rows that are left out."""
        if self.kept is None:
            return given
        return {
            name: value if value is None or np.ndim(value) == 0 else rows_at(value, self.kept)
            for name, value in given.items()
        }

    def intercept_beside(self, given: Any) -> Any:
        """Return whether there is an intercept, by an argument and a formula.

        Raises
        ------
        ValueError
            If they contradict each other.
        """
        if self.fit_intercept is None or given is None or given == self.fit_intercept:
            return given if self.fit_intercept is None else self.fit_intercept
        raise ValueError(
            f"fit_intercept={given!r} contradicts the formula, which has "
            f"{'an' if self.fit_intercept else 'no'} intercept; leave it out, and write '0 +' in a "
            "formula without one."
        )


def as_table(
    X: Any,
    y: Any = None,
    sample_weight: Any = None,
    offset: Any = None,
    options: TableOptions = PLAIN,
) -> Table:
    """Return a table with its categories, text and dates coded, and its missing values seen to.

    Parameters
    ----------
    X : frame, array-like, sparse, Design or str
        A frame is coded, a formula evaluated on `options.data`; anything else is returned as it is.
    y, sample_weight, offset : array-like or None
        What goes with the rows of X.
    options : TableOptions

    Raises
    ------
    ValueError, TypeError
        For columns that cannot be coded, all of them named; for missing values unless an option
        sees to them; for options without effect on this X.

    Warns
    -----
    UserWarning
        If rows are left out, with their number.
    """
    check_missing(options.missing)
    check_unknown(options.unknown)
    table = Table(X, y, sample_weight, offset)
    if type(X) is np.ndarray and options.are_plain and options.data is None:
        return table
    if isinstance(X, str):
        from softreg_fast.data.formula_tables import table_of  # which most fits do without

        made: Table = table_of(table, options, _complete)
        return made
    if options.data is not None:
        raise ValueError(
            "data is the table of a formula, such as path('y ~ x', data=table); give X as the "
            "table, or the formula as X."
        )
    if isinstance(X, Coded) or hasattr(X, "described_target"):  # or a Design
        return _made_before(table, options)
    if options.missing == "drop":
        table = _complete(table)
    return table._replace(X=_coded(table, options))


def _made_before(table: Table, options: TableOptions) -> Table:
    if not options.are_plain:
        name = next(n for n in ("missing", "dates") if getattr(options, n) != getattr(PLAIN, n))
        raise ValueError(
            f"{name} is given, but the columns of this {type(table.X).__name__} are features "
            "already; give the frame itself, or leave it out."
        )
    return table


def _coded(table: Table, options: TableOptions) -> Any:
    X, marked = table.X, options.missing == "indicator"
    if options.are_plain and options.unknown == "error":  # as the Design does it
        return X
    if not is_frame(X):
        if options.dates is not None or marked:
            name = "missing='indicator'" if marked else "dates"
            raise ValueError(
                f"{name} is for the columns of a frame of pandas, polars or pyarrow, but X is a "
                f"{type(X).__name__}; give a frame, or leave it out."
            )
        return X
    if categorical_columns(X) or options.dates is not None or marked:
        found = Coded(X, options.dates, "indicator" if marked else "error", options.unknown)
        found.kept = table.kept
        return found
    return X


def _complete(table: Table, columns: list[int] | None = None) -> Table:
    # without the rows in which a value is missing, in these columns of the frame X or in all
    X, n = table.X, table.X.shape[0] if hasattr(table.X, "shape") else len(table.X)
    counts: dict[str, int] = {}
    lacking = np.zeros(n, bool)
    for name, found in _missing_by_name(X, columns):
        lacking |= _noted(name, found, counts)
    for name in ("y", "sample_weight", "offset"):
        values = getattr(table, name)
        if values is None or np.ndim(values) == 0:
            continue
        check_same_rows(X, name, values)
        found = missing_rows(values)
        if len(found) != n:  # which is refused later
            return table
        lacking |= _noted(name, found, counts)
    if not lacking.any():
        return table
    n_dropped = int(np.count_nonzero(lacking))
    named = ", ".join(f"{name} ({k})" for name, k in counts.items())
    if n_dropped == n:
        raise ValueError(
            f"missing='drop' leaves no row, for each of the {n} has a missing value: {named}; "
            "leave out the columns with most of them first, or use missing='indicator'."
        )
    warnings.warn(
        f"missing='drop' leaves out {n_dropped} of {n} rows, in which a value is missing: {named}.",
        UserWarning,
        stacklevel=level_of_caller(),
    )
    kept = np.flatnonzero(~lacking)
    parts = {
        name: values if values is None or np.ndim(values) == 0 else rows_at(values, kept)
        for name, values in table._asdict().items()
        if name in ("X", "y", "sample_weight", "offset")
    }
    return table._replace(**parts, kept=kept)


def _missing_by_name(X: Any, columns: list[int] | None) -> Any:
    if is_frame(X):
        labels = labels_in(X)
        for j in range(len(labels)) if columns is None else columns:
            yield repr(labels[j]), missing_in(column_at(X, j))
    else:
        yield "X", missing_rows(X if sp.issparse(X) else np.asarray(X))


def _noted(name: str, found: NDArray[np.bool_], counts: dict[str, int]) -> NDArray[np.bool_]:
    if n := int(np.count_nonzero(found)):
        counts[name] = n
    return found
