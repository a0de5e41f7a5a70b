"""Penalty weights of single features, from a text table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from softreg_fast.cli.files import check_readable
from softreg_fast.cli.tables.cells import as_number
from softreg_fast.cli.tables.layout import rows_of
from softreg_fast.cli.tables.roles import Vector, hint
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import listed


def read_penalty_weights(
    path: str, members: Mapping[str, Sequence[int]], n_features: int
) -> tuple[Vector | None, Vector | None]:
    """Return the weights l1 and l2 of every feature; features not in the file have 1.

    The file is a text table with a column "feature" and a column "l1", "l2" or both; a weight is a
    number >= 0 or inf. A column missing from the file is returned as None.

    Parameters
    ----------
    path : str
    members : mapping of str to sequence of int
        Features of each name: that of a feature, or of a column that became several.
    n_features : int
    """
    check_readable(path)
    rows = list(rows_of(path))
    header = rows[0][1] if rows else []
    kinds = [name for name in header if name != "feature"]
    if sorted(header) not in (["feature", "l1"], ["feature", "l2"], ["feature", "l1", "l2"]):
        raise InputError(
            f"{path} has the columns {listed(header)}; expected feature and l1, l2 or both"
        )
    vectors = {kind: np.ones(n_features) for kind in kinds}
    seen: set[int] = set()
    for line, row in rows[1:]:
        cells = dict(zip(header, row, strict=False))
        if len(row) != len(header):
            raise InputError(f"{path}, line {line} has {len(row)} cells; expected {len(header)}")
        feature = cells["feature"]
        if feature not in members:
            raise InputError(
                f"{path}, line {line}: the data have no feature {listed([feature])}; "
                f"{hint(feature, list(members))}"
            )
        if not seen.isdisjoint(members[feature]):
            raise InputError(f'{path}, line {line}: feature "{feature}" comes a second time')
        seen.update(members[feature])
        for kind in kinds:
            vectors[kind][members[feature]] = _weight(cells[kind], f"{path}, line {line}")
    return vectors.get("l1"), vectors.get("l2")


def _weight(cell: str, where: str) -> float:
    weight = as_number(cell)
    if weight is None or weight < 0.0:
        raise InputError(
            f"{where}: the weight is {cell!r}; expected a number >= 0 with a decimal point "
            "(0: not penalised, inf: left out)"
        )
    return weight
