"""Formats of tables by the endings of their names."""

import pytest
from datafiles import file_with


@pytest.mark.parametrize(
    ("name", "words"),
    [("d.xlsx", "save the sheet as CSV"), ("d.7z", "unpack it"), ("X.npy", "numpy.savez"),
     ("d.data", "say which with --format")],
)  # fmt: skip
def test_files_of_other_programs(fails, name, words):
    assert words in fails("fit", file_with("a,y\n1,2\n", name), "--target", "y")
