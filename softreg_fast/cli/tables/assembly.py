"""Tables of the columns that a reader found: rows left out, classes named, features coded."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.cli.tables.cells import as_number
from softreg_fast.cli.tables.columns import (
    Columns,
    Text,
    check_identifiers,
    compact,
    doubtful_columns,
    notes_on,
    read_dates,
)
from softreg_fast.cli.tables.labels import classes_of
from softreg_fast.cli.tables.roles import Roles, Table, Vector, by_position, check_names
from softreg_fast.cli.tables.text_columns import Read
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import as_argument, listed

# Names of the columns that are no features, for messages.
SAID = {"y": "target"}

# Options of Python in messages, and ours.
OURS = {
    "fit with unknown='zero'": "say --unknown zero",
    "Fit with unknown='zero'": "Say --unknown zero",
    "fit with missing='indicator'": "fit with --missing indicator",
    "X has ": "it has ",
    " in dates": " in --dates",
}


def assembled(
    read: Read, roles: Roles, path: str, notes: Sequence[str] = (), decimal: str = "."
) -> Table:
    """Return the table that was read from a file.

    Parameters
    ----------
    read : Read
    roles : Roles
    path : str
        Name of the file, for messages.
    notes : sequence of str
        Remarks on how the file was read.
    decimal : str
        Decimal mark of numbers that are labels.

    Raises
    ------
    InputError
        If no row is left, and for columns that cannot be coded.
    """
    columns, others, told = read.columns, dict(read.others), []
    told += _row_names(others.pop("row_names", None), path)
    columns = _with_dates(columns, roles, path)
    kept = _complete_rows(columns, others, roles)
    if kept is not None:
        told.append(_said_of_rows(kept, columns, others, roles, path))
        columns = columns.rows(kept)
        others = {
            name: each.rows(kept) if isinstance(each, Text) else each[kept]
            for name, each in others.items()
        }
    given: dict[str, Any] = {**others}
    if roles.event_value is not None:
        given["event"] = _events(given["event"], roles, path, decimal)
    if "strata" in given:
        given["strata"] = np.array(_cells(given["strata"]))
    if "y" in given and roles.labels:
        where, cells = f"{path}: column {listed([str(roles.target)])}", _cells(given["y"])
        given["y"], given["classes"] = classes_of(cells, where, decimal, roles.several, roles.known)
    try:
        X, names, coding, warned = _features(columns, roles, path)
    except InputError as error:
        raise InputError(_with_rows_of_file(str(error), kept)) from None
    if coding is not None and not roles.to_predict:
        told += notes_on(columns, coding)
    return Table(
        X,
        names,
        notes=[*notes, *by_position(roles, columns.names, path), *warned],
        coding=coding,
        kept=kept,
        told=told,
    )._replace(**given)


def _with_rows_of_file(said: str, kept: NDArray[np.bool_] | None) -> str:
    """Return a message with rows counted from 1, those that are left out included."""

    def row(found: re.Match[str]) -> str:
        k = int(found[1])
        rows = [] if kept is None else np.flatnonzero(kept).tolist()
        return f"in row {(rows[k] if k < len(rows) else k) + 1}"

    return re.sub(r"in row (\d{1,15})(?=[,;])", row, said)


def _events(text: Text, roles: Roles, path: str, decimal: str) -> Vector:
    """Return 1 for each cell that stands for an event, 0 for the others."""
    wanted = str(roles.event_value)
    number = as_number(wanted, decimal)
    same = [
        value == wanted or (number is not None and as_number(value, decimal) == number)
        for value in text.values
    ]
    if not any(same):
        raise InputError(
            f"{path}: column {listed([str(roles.event)])} holds no {wanted!r}; it has "
            f"{listed(text.values, 5)}: say --event COLUMN=VALUE with one of these"
        )
    return np.array(same, np.float64)[text.codes]


def _cells(values: Any) -> Any:
    return values.cells() if isinstance(values, Text) else values


def _row_names(names: Text | None, path: str) -> list[str]:
    """Return a line about a first column that names the rows; raise InputError if it does not."""
    if names is None:
        return []
    n, values = len(names.codes), names.values
    numbers = [int(value) for value in values if value.isascii() and value.isdigit()]
    consecutive = len(numbers) == n and max(numbers) - min(numbers) == n - 1
    if len(values) < n or (numbers and not consecutive):
        check_names([""], [""], path)
    shown = listed([names.values[k] for k in names.codes[:2].tolist()])
    return [f"the first column has no name: it names the rows ({shown}, ...), and is no feature"]


def _complete_rows(
    columns: Columns, others: dict[str, Any], roles: Roles
) -> NDArray[np.bool_] | None:
    """Return which rows have all values that they need; None: all."""
    if roles.missing == "error":
        return None
    lacking = np.zeros(len(columns.numbers), dtype=bool)
    for each in others.values():
        lacking |= _missing_in(each)
    if roles.missing == "drop":
        lacking |= columns.missing().any(axis=1)
    return ~lacking if lacking.any() else None


def _missing_in(values: Any) -> NDArray[np.bool_]:
    return values.codes < 0 if isinstance(values, Text) else np.isnan(values)


def _said_of_rows(
    kept: NDArray[np.bool_],
    columns: Columns,
    others: dict[str, Any],
    roles: Roles,
    path: str,
) -> str:
    """Return a line about rows that are left out; raise InputError if none is left."""
    n, dropped = len(kept), int(np.count_nonzero(~kept))
    counts: dict[str, int] = {}
    if roles.missing == "drop":
        counts = dict(zip(columns.names, columns.missing().sum(axis=0).tolist(), strict=True))
    for name, each in others.items():
        counts[f"the {SAID.get(name, name)}"] = int(_missing_in(each).sum())
    counts = {name: count for name, count in counts.items() if count}
    most = sorted(counts, key=lambda name: -counts[name])
    shown = ", ".join(f"{name} ({counts[name]})" for name in most[:5])
    shown += f" and {len(most) - 5} more" if len(most) > 5 else ""
    if dropped == n:
        worst = [name for name in most if name in columns.names]
        way = (
            f"leave the first out with --ignore {as_argument(worst[:1])}, or say " if worst else ""
        )
        way += "--missing indicator" if worst else "fill it in"
        raise InputError(
            f"{path}: --missing {roles.missing} leaves no row, for each of the {n} lacks a value: "
            f"{shown}; {way}"
        )
    return f"{dropped} of {n} rows left out, which lack a value: {shown}"


def _with_dates(columns: Columns, roles: Roles, path: str) -> Columns:
    """Return the columns with text that reads as dates turned into dates."""
    wanted = date_columns(columns, roles, path)
    if not wanted:
        return columns
    texts, dates = dict(columns.texts), dict(columns.dates)
    for j in [j for j in wanted if j in texts]:
        dates[j] = read_dates(texts.pop(j), columns.names[j], path)
    return columns._replace(texts=texts, dates=dates)


def date_columns(columns: Columns, roles: Roles, path: str) -> list[int]:
    """Return the positions of the columns of dates.

    Raises
    ------
    InputError
        For dates whose parts are not stated, and for parts of columns that hold none.
    """
    if roles.coding is not None:
        return [j for j, part in enumerate(roles.coding.parts) if hasattr(part, "origin")]
    names = columns.names
    like = [
        j
        for j in range(len(names))
        if j in columns.dates or (j in columns.texts and columns.texts[j].are_dates)
        if names[j] not in roles.categories
    ]
    stated = [column for column, _ in roles.dates if column is not None]
    for name in stated:
        if names.index(name) in columns.places:
            raise InputError(
                f"--dates names column {listed([name])} of {path}, which holds numbers; leave it "
                "out of --dates"
            )
    every = any(column is None for column, _ in roles.dates)
    if every and not like:
        raise InputError(f"--dates is given, but {path} has no column of dates; leave it out")
    untold = [names[j] for j in like if names[j] not in stated]
    if untold and not every:
        raise InputError(
            f"{path}: column {listed(untold)} holds dates; say with --dates which parts are "
            f"features, as in --dates year,month{roles.way_out(untold[0], untold)}"
        )
    return sorted({*like, *(names.index(name) for name in stated)})


def _features(columns: Columns, roles: Roles, path: str) -> tuple[Any, list[str], Any, list[str]]:
    """Return the features of the columns, their names, their coding if any, and warnings."""
    coding = roles.coding
    if coding is not None:
        if roles.unknown is not None:
            coding = replace(coding, unknown=roles.unknown)
        try:
            X = compact(coding.matrix(columns.frame()))
        except (ValueError, TypeError) as error:
            said = str(error).removesuffix(".")
            for theirs, ours in OURS.items():
                said = said.replace(theirs, ours)
            raise InputError(f"{path}: {said}") from None
        return X, list(map(str, coding.feature_names)), coding, []
    marked = roles.missing == "indicator" and bool(np.isnan(columns.numbers).any())
    if columns.is_plain and not marked:
        return columns.numbers, columns.names, None, []
    _check_not_empty(columns, roles, path)
    check_identifiers(columns, roles, path)
    from softreg_fast.data.coding import Coded

    names = columns.names
    parts = {names[j]: _parts_of(names[j], roles) for j in columns.dates}
    missing = "indicator" if roles.missing == "indicator" else "error"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            made = Coded(columns.frame(), parts or None, missing, roles.unknown or "error")
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}: {str(error).removesuffix('.')}") from None
    coding, X = made.coding, compact(made.matrix)
    warned = [str(warning.message) for warning in caught]
    warned = [each for each in warned if " has one level, " not in each]  # ours names the option
    warned += doubtful_columns(columns, roles)
    return X, list(map(str, coding.feature_names)), coding, warned


def _parts_of(name: str, roles: Roles) -> list[str]:
    stated = dict(roles.dates)
    return list(stated.get(name) or stated[None])


def _check_not_empty(columns: Columns, roles: Roles, path: str) -> None:
    missing = columns.missing()
    empty = [columns.names[j] for j in np.flatnonzero(missing.all(axis=0)).tolist()]
    if empty:
        raise InputError(
            f"{path}: column {listed(empty)} has no value in any row"
            f"{roles.way_out(empty[0], empty)}"
        )
