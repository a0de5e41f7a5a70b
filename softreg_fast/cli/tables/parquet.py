"""Parquet files, read by pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from softreg_fast.cli.files import brief
from softreg_fast.cli.tables.assembly import assembled
from softreg_fast.cli.tables.cells import missing, too_long
from softreg_fast.cli.tables.columns import Columns, Text
from softreg_fast.cli.tables.foreign import as_floats, foreign
from softreg_fast.cli.tables.labels import HINT
from softreg_fast.cli.tables.roles import Roles, Table, Vector, choose
from softreg_fast.cli.tables.text_columns import Read
from softreg_fast.data.frames import numbers_in
from softreg_fast.data.levels import levels_of
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import composed, listed


class _Column(NamedTuple):
    """A column: its name, and the file's field or the range that holds its numbers."""

    name: str
    field: Any
    numbers: range | None = None
    is_category: bool = False  # integers of a pandas category are stored like any others


def read_parquet(path: str, roles: Roles) -> Table:
    """Return the table in a Parquet file; a named pandas index is treated as a column."""
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError(
            f'reading {path} needs pyarrow; install it with: pip install "softreg_fast[tables]" '
            f"({brief(error)})"
        ) from None
    with foreign(f"{path} cannot be read as Parquet"), pq.ParquetFile(path) as file:
        columns = _columns_of(file.schema_arrow)
        if not file.metadata.num_rows:
            raise InputError(f"{path} has no rows")
        names = [column.name for column in columns]
        roles = roles.among(names)
        chosen = choose(names, roles, path)
        needed = [columns[j] for j in chosen.needed]
        roles_of = [*[None] * len(chosen.features), *chosen.others]
        kinds = _kinds(file, needed, roles_of, roles, path)
        fields = [column.field.name for column in needed if column.numbers is None]
        table = file.read(columns=fields)
    _check_complete(table, needed, roles, path)
    read = [
        _cells(column, kind, table, roles, path) for column, kind in zip(needed, kinds, strict=True)
    ]
    features = read[: len(chosen.features)]
    numeric = [j for j, kind in enumerate(kinds[: len(features)]) if kind == "number"]
    X = np.empty((file.metadata.num_rows, len(numeric)), order="F")
    for k, j in enumerate(numeric):
        X[:, k] = features[j]
    found = Columns(
        [names[j] for j in chosen.features],
        X,
        numeric,
        {j: each for j, each in enumerate(features) if kinds[j] == "text"},
        {j: each for j, each in enumerate(features) if kinds[j] == "dates"},
    )
    others = dict(zip(chosen.others, read[len(features) :], strict=True))
    return assembled(Read(found, others), roles, path)


def _columns_of(schema: Any) -> list[_Column]:
    """Return the columns of the stored data frame, and its named indices."""
    written = schema.pandas_metadata or {}
    indices = written.get("index_columns", [])
    kinds = {each["field_name"]: each["pandas_type"] for each in written.get("columns", [])}
    names = {
        each["field_name"]: each["name"]
        for each in written.get("columns", [])
        if each["field_name"] in indices
    }
    columns = []
    for field in schema:
        name = names.get(field.name, field.name)
        if name is not None:
            is_category = kinds.get(field.name) == "categorical"
            columns.append(_Column(composed(str(name)), field, None, is_category))
    for each in indices:
        if isinstance(each, dict) and each["name"] is not None:
            numbers = range(each["start"], each["stop"], each["step"])
            columns.append(_Column(composed(str(each["name"])), None, numbers))
    return columns


def _kinds(
    file: Any,
    needed: Sequence[_Column],
    roles_of: Sequence[str | None],
    roles: Roles,
    path: str,
) -> list[str]:
    """Return how each column is read: as numbers, text or dates.

    The error names the first column that is none of these, and others like it.
    """
    kinds, wrong = [], []
    for column, role in zip(needed, roles_of, strict=True):
        kind = _kind(column)
        of_classes = role == "y" and roles.labels and (kind != "number" or _is_flag(column))
        of_events = role == "event" and roles.event_value is not None
        if of_classes or of_events or role == "strata":
            kind = "text" if kind != "other" else kind
        elif column.name in roles.text:
            kind = "text" if kind == "number" else kind
        elif kind != "number" and (role is not None or not roles.codes):
            kind = "other"
        if kind == "other":
            wrong.append(column)
        kinds.append(kind)
    if not wrong:
        return kinds
    name = wrong[0].name
    way_out = roles.way_out(name, [column.name for column in wrong])
    if name == roles.target and _kind(wrong[0]) == "text":
        way_out = HINT
    raise InputError(f"{path}: column {listed([name])}{_type_in_words(file, wrong[0])}{way_out}")


def _is_flag(column: _Column) -> bool:
    return column.field is not None and str(column.field.type) == "bool"


def _kind(column: _Column) -> str:
    from pyarrow import types

    if column.numbers is not None:
        return "number"
    kind = column.field.type
    if column.is_category or types.is_dictionary(kind) or "string" in str(kind):
        return "text"
    if types.is_date(kind) or types.is_timestamp(kind):
        return "dates"
    return "other" if _is_no_number(kind) else "number"


def _is_no_number(kind: Any) -> bool:
    from pyarrow import types

    tests = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_null)
    return not any(test(kind) for test in tests)


def _type_in_words(file: Any, column: _Column) -> str:
    from pyarrow import types

    field = column.field
    if column.is_category or types.is_dictionary(field.type):
        return f" holds categories ({field.type}); expected numbers: correct it"
    if types.is_temporal(field.type) or types.is_interval(field.type):
        what = f" holds dates or times ({field.type})"
        return f"{what}; expected numbers: write them so, such as days since the first"
    first = next(file.iter_batches(1, columns=[field.name])).column(0)[0].as_py()
    given = repr(first)[:40]
    return f", row 1 holds {given} ({field.type}); expected numbers: correct it"


def _cells(column: _Column, kind: str, table: Any, roles: Roles, path: str) -> Any:
    """Return the cells of a column: numbers, a Text, or dates."""
    if kind == "text":
        return _text(column, table)
    if kind == "number":
        return _floats(column, table, roles, path)
    from softreg_fast.data.dates import instants_in

    return instants_in(table.column(table.column_names.index(column.field.name)))


def _text(column: _Column, table: Any) -> Text:
    if column.numbers is not None:
        codes: Any = np.arange(len(column.numbers))
        values: Sequence[Any] = list(column.numbers)
    else:
        found = levels_of(table.column(table.column_names.index(column.field.name)))
        codes, values = found.codes, found.values
    places: dict[str, int] = {}
    place = [places.setdefault(_shown(value), len(places)) for value in values]
    return Text(np.array([*place, -1], np.intp)[codes], list(places))


def _shown(value: Any) -> str:
    text = f"{value:.15g}" if isinstance(value, float) else str(value)
    return composed(text.strip())


def _floats(column: _Column, table: Any, roles: Roles, path: str) -> Vector:
    name = column.name
    where, way_out = f"{path}: column {listed([name])}", roles.way_out(name)
    if column.numbers is not None:
        return as_floats(np.array(column.numbers), where, way_out)
    values = table.column(table.column_names.index(column.field.name))
    if str(values.type).startswith("decimal"):
        floats = numbers_in(values)
        if values.type.scale <= 0:
            for row in np.flatnonzero(np.abs(floats) >= 2.0**53).tolist():
                if (given := int(values[row].as_py())) != int(floats[row]):
                    raise InputError(f"{where}, row {row + 1} {too_long(given).words}{way_out}")
    elif values.null_count:
        known = np.flatnonzero(~values.is_null().to_numpy())
        present = values.drop_null().to_numpy()
        floats = np.full(len(values), np.nan)
        floats[known] = as_floats(present, where, way_out, known, roles.missing != "error")
    else:
        floats = values.to_numpy()
    return as_floats(floats, where, way_out, None, roles.missing != "error")


def _check_complete(table: Any, needed: Sequence[_Column], roles: Roles, path: str) -> None:
    """Check that no cell is missing; the error names the first, and all columns with others."""
    if roles.missing != "error":
        return
    stored = [column for column in needed if column.numbers is None]
    where = {column.name: table.column_names.index(column.field.name) for column in stored}
    gaps = {name: table.column(j) for name, j in where.items() if table.column(j).null_count}
    if not gaps:
        return
    rows = {name: int(np.argmax(cells.is_null().to_numpy())) for name, cells in gaps.items()}
    name = min(rows, key=lambda each: rows[each])
    raise InputError(
        f"{path}: column {listed([name])}, row {rows[name] + 1} {missing('').words}"
        f"{roles.way_out_of_missing(name, list(gaps))}"
    )
