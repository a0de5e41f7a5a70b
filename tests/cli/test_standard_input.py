"""Tables from standard input: the same results as from a file."""

import io
import subprocess
import sys

import pytest
from datafiles import file_with, written

pd = pytest.importorskip("pandas")

TEXT = "a,b,y\n1,2,3\n4,5,7\n2,2,1\n"


class Given:
    """Standard input with these bytes."""

    def __init__(self, content, is_terminal=False):
        self.buffer, self.isatty = io.BytesIO(content), lambda: is_terminal


@pytest.fixture
def given(monkeypatch):
    return lambda *arguments: monkeypatch.setattr(sys, "stdin", Given(*arguments))


def without_time(text):
    return [line for line in text.splitlines() if not line.startswith("Path(")][1:]


def test_the_same_as_from_a_file(call, given):
    file_with(TEXT)
    expected = call("fit", "data.csv", "--target", "y", "--model", "file.json")
    given(TEXT.encode())
    found = call("fit", "-", "--target", "y", "--model", "input.json")
    assert (found[0], found[2]) == (0, "")
    assert found[1].startswith("standard input: 3 rows, 2 features")
    assert without_time(found[1].replace("input.json", "file.json")) == without_time(expected[1])
    given(TEXT.encode())
    assert call("predict", "input.json", "-") == call("predict", "file.json", "data.csv")
    given(TEXT.encode())
    assert call("evaluate", "input.json", "-")[0] == 0


def test_parquet_is_told_by_its_first_bytes(call, given):
    pytest.importorskip("pyarrow")
    with open(written(pd.read_csv(io.StringIO(TEXT))), "rb") as file:
        given(file.read())
    assert call("fit", "-", "--target", "y")[0] == 0


def test_errors_name_standard_input(fails, given):
    for content, words in (
        (b"a,y\nx,1\n2,3\n", 'standard input: column "a", line 2 holds'),
        (b"", "standard input is empty"),
        (b"a,b\n1,2\n", 'standard input has no column "y"'),
    ):
        given(content)
        said = fails("fit", "-", "--target", "y")
        assert words in said
        assert "softreg_fast_" not in said
    given(b"", True)
    assert "standard input is a terminal" in fails("fit", "-", "--target", "y")
    file_with(TEXT)
    assert "are both standard input" in fails("fit", "-", "--target", "y", "--test", "-")


def test_a_pipe():
    command = [sys.executable, "-m", "softreg_fast", "fit", "-", "--target", "y", "--json"]
    done = subprocess.run(command, input=TEXT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert '"file": "standard input"' in done.stdout
