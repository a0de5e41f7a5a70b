"""Delimiters of text tables, found or given."""

import numpy as np
import pytest
from datafiles import table, write_csv

from softreg_fast import path
from softreg_fast.cli.models import read_model


@pytest.mark.parametrize(
    ("name", "delimiter", "options"),
    [
        ("t.csv", ",", ()),
        ("t.csv", ";", ()),
        ("t.tsv", "\t", ()),
        ("t.txt", "\t", ()),
        ("t.dat", " ", ()),
        ("t.txt", "|", ()),
        ("t.csv", ":", ("--delimiter", ":")),
        ("t", ",", ("--format", "csv")),
    ],
)
def test_delimiters(call, name, delimiter, options):
    X, y = table()
    rows = np.column_stack([X, y]).tolist()
    write_csv(name, ["a", "b", "c", "d", "y"], rows, delimiter)
    code, _, err = call("fit", name, "--target", "y", "--model", "m.json", *options)
    assert (code, err) == (0, "")
    assert read_model("m.json").names == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(
        read_model("m.json").path.alphas, path(X, y, standardize=True).alphas
    )
