"""Tables whose reader is not installed."""

import sys

import pytest
from datafiles import file_with


@pytest.mark.parametrize(("name", "missing"), [("data.csv", "pandas"), ("data.parquet", "pyarrow")])
def test_tables_without_the_extra(fails, monkeypatch, name, missing):
    file_with("a,y\n1,2\n", name)
    monkeypatch.setitem(sys.modules, missing, None)
    said = fails("fit", name, "--target", "y")
    assert (
        f'reading {name} needs {missing}; install it with: pip install "softreg_fast[tables]"'
        in said
    )
