"""Groups of features, for penalties of groups."""

from __future__ import annotations

import numpy as np

from softreg_fast.cli.files import check_readable
from softreg_fast.cli.tables.layout import rows_of
from softreg_fast.cli.tables.roles import Table, hint
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import listed
from softreg_fast.options.types import Index


def groups_of(which: str, table: Table) -> Index:
    """Return the number of the group of each feature.

    Parameters
    ----------
    which : str
        "columns": the features of a column are a group. Otherwise the name of a text table with the
        columns feature and group; a feature that is not listed is a group of its own, and the name
        of a column stands for all its features.
    table : Table

    Raises
    ------
    InputError
        For a file that is no such table, or names what is no feature.
    """
    n_features = table.X.shape[1]
    if which == "columns":
        return np.arange(n_features) if table.coding is None else np.asarray(table.coding.labels)
    check_readable(which)
    rows = list(rows_of(which))
    header = rows[0][1] if rows else []
    if sorted(header) != ["feature", "group"]:
        raise InputError(
            f"{which} has the columns {listed(header)}; expected feature and group, or "
            "--groups columns"
        )
    members = table.members()
    numbers: dict[str, int] = {}
    labels = np.full(n_features, -1, np.intp)
    for line, row in rows[1:]:
        if len(row) != 2:
            raise InputError(f"{which}, line {line} has {len(row)} cells; expected 2")
        cells = dict(zip(header, row, strict=True))
        feature = cells["feature"]
        if feature not in members:
            raise InputError(
                f"{which}, line {line}: the data have no feature {listed([feature])}; "
                f"{hint(feature, list(members))}"
            )
        if (labels[members[feature]] >= 0).any():
            raise InputError(f'{which}, line {line}: feature "{feature}" comes a second time')
        labels[members[feature]] = numbers.setdefault(cells["group"], len(numbers))
    alone = np.flatnonzero(labels < 0)
    labels[alone] = len(numbers) + np.arange(alone.size)
    return labels
