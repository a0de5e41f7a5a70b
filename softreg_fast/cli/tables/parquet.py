"""Parquet files, read by pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from softreg_fast.cli.files import brief
from softreg_fast.cli.tables.cells import missing, too_long
from softreg_fast.cli.tables.foreign import as_floats, foreign
from softreg_fast.cli.tables.labels import HINT, classes_of
from softreg_fast.cli.tables.roles import Roles, Table, Vector, by_position, choose
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
        n = file.metadata.num_rows
        if not n:
            raise InputError(f"{path} has no rows")
        names = [column.name for column in columns]
        chosen = choose(names, roles, path)
        needed = [columns[j] for j in chosen.needed]
        _check_types(file, needed, roles, path)
        fields = [column.field.name for column in needed if column.numbers is None]
        table = file.read(columns=fields)
    _check_complete(table, needed, roles, path)
    X = np.empty((n, len(chosen.features)), order="F")
    others: list[Any] = []
    classes = None
    for k, column in enumerate(needed):
        if roles.labels and column.name == roles.target:
            where = f"{path}: column {listed([column.name])}"
            values, classes = classes_of(_labels(column, table, path), where, several=roles.several)
        elif column.name == roles.strata:
            values = np.array([str(each) for each in _labels(column, table, path)])
        else:
            values = _floats(column, table, roles, path)
        if k < len(chosen.features):
            X[:, k] = values
        else:
            others.append(values)
    return Table(
        X,
        [names[j] for j in chosen.features],
        notes=by_position(roles, names, path),
        classes=classes,
    )._replace(**dict(zip(chosen.others, others, strict=True)))


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


def _check_types(file: Any, needed: Sequence[_Column], roles: Roles, path: str) -> None:
    """Check that all columns hold numbers.

    The error names the first column that does not, and others like it.
    """
    labelled = (roles.target if roles.labels else None, roles.strata)
    stored = (c for c in needed if c.numbers is None and c.name not in labelled)
    wrong = [column for column in stored if column.is_category or _is_no_number(column.field.type)]
    if not wrong:
        return
    name = wrong[0].name
    way_out = roles.way_out(name, [column.name for column in wrong])
    if name == roles.target and not _is_time(wrong[0].field.type):
        way_out = HINT
    raise InputError(f"{path}: column {listed([name])}{_type_in_words(file, wrong[0])}{way_out}")


def _is_no_number(kind: Any) -> bool:
    from pyarrow import types

    tests = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_null)
    return not any(test(kind) for test in tests)


def _is_time(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_temporal(kind) or types.is_interval(kind))


def _type_in_words(file: Any, column: _Column) -> str:
    from pyarrow import types

    field = column.field
    if column.is_category or types.is_dictionary(field.type):
        return f" holds categories ({field.type}); expected numbers: write them as columns of 0/1"
    if _is_time(field.type):
        what = f" holds dates or times ({field.type})"
        return f"{what}; expected numbers: write them so, such as days since the first"
    first = next(file.iter_batches(1, columns=[field.name])).column(0)[0].as_py()
    given = repr(first)[:40]
    return f", row 1 holds {given} ({field.type}); expected numbers: write categories as 0/1"


def _labels(column: _Column, table: Any, path: str) -> Any:
    where = f"{path}: column {listed([column.name])}"
    if column.numbers is not None:
        return np.array(column.numbers)
    values = table.column(table.column_names.index(column.field.name))
    if not _is_no_number(values.type) and str(values.type) != "bool":
        return as_floats(values.cast("float64").to_numpy(), where)
    return [str(each) for each in values.to_pylist()]


def _floats(column: _Column, table: Any, roles: Roles, path: str) -> Vector:
    where, way_out = f"{path}: column {listed([column.name])}", roles.way_out(column.name)
    if column.numbers is not None:
        return as_floats(np.array(column.numbers), where, way_out)
    values = table.column(table.column_names.index(column.field.name))
    if not str(values.type).startswith("decimal"):
        return as_floats(values.to_numpy(), where, way_out)
    floats = values.cast("float64").to_numpy()
    if values.type.scale <= 0:
        for row in np.flatnonzero(np.abs(floats) >= 2.0**53).tolist():
            if (given := int(values[row].as_py())) != int(floats[row]):
                raise InputError(f"{where}, row {row + 1} {too_long(given).words}{way_out}")
    return as_floats(floats, where, way_out)


def _check_complete(table: Any, needed: Sequence[_Column], roles: Roles, path: str) -> None:
    """Check that no cell is missing; the error names the first, and all columns with others."""
    stored = [column for column in needed if column.numbers is None]
    where = {column.name: table.column_names.index(column.field.name) for column in stored}
    gaps = {name: table.column(j) for name, j in where.items() if table.column(j).null_count}
    if not gaps:
        return
    rows = {name: int(np.argmax(cells.is_null().to_numpy())) for name, cells in gaps.items()}
    name = min(rows, key=lambda each: rows[each])
    raise InputError(
        f"{path}: column {listed([name])}, row {rows[name] + 1} {missing('').words}"
        f"{roles.way_out(name, list(gaps))}"
    )
