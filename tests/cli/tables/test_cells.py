"""Cells of a table as numbers."""

import numpy as np
import pytest

from softreg_fast.cli.tables.cells import as_number, problem_of


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1", 1), (" -2.5e3 ", -2500), (".5", 0.5), ("1.", 1), ("inf", np.inf), ("1_0", None),
     ("١", None), ("1,5", None), ("0x1", None), ("", None), ("nan", None), ("1e", None)],
)  # fmt: skip
def test_numbers(cell, value):
    assert as_number(cell) == value
    assert (problem_of(cell) is None) == (value is not None and np.isfinite(value))
