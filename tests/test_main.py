"""The program as a process: exit codes, pipes, and what the terminal can show."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from datafiles import process, table, write_csv, write_table

from softreg_fast.cli.models import read_model

pd = pytest.importorskip("pandas")


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_process_with_an_error():
    done = process("fit", "nothing.csv", "--target", "y")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "softreg_fast: cannot read nothing.csv: no such file or directory\n"


@pytest.mark.skipif(os.name != "posix", reason="pipes differ elsewhere")
def test_nobody_reads_on(call):
    write_table()
    call("fit", "data.csv", "--target", "price", "--model", "m.json")
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "softreg_fast", "predict", "m.json", "data.csv"]
    try:
        done = subprocess.run(
            command, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False
        )
    finally:
        os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 141


def test_names_that_the_terminal_cannot_show():
    X, y = table()
    write_csv("data.csv", ["größe", "b", "c", "d", "y"], np.column_stack([X, y]).tolist())
    done = process(
        "fit", "data.csv", "--target", "y", env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "gr\\xf6\\xdfe" in done.stdout


def test_control_characters_are_not_printed(call):
    pytest.importorskip("matplotlib")
    names = ["\x1b[31mred", "line\nbreak", "\u202eback", "</td><script>", "a$b$"]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 5))
    frame = pd.DataFrame(np.c_[X, X.sum(axis=1)], columns=[*names, "y"])
    frame.to_csv("data.csv", index=False)
    fit = ("fit", "data.csv", "--target", "y", "--alpha", 0.01)
    code, out, err = call(*fit, "--report", "r.html", "--model", "m.json")
    assert (code, err) == (0, "")
    page = Path("r.html").read_text(encoding="utf-8")
    for shown in (out, page):
        assert not {"\x1b", "\u202e"} & set(shown)
        assert r"\x1b[31mred" in shown
        assert r"line\nbreak" in shown
    assert "</td><script>" not in page
    assert read_model("m.json").names == names
