"""The commands: their outputs are checked first and written whole, or not at all."""

import os
import re
import sys
from pathlib import Path

import pytest
from datafiles import file_with, files, text_of, write_table

from softreg_fast.cli import fit as fit_module


def test_outputs_are_checked_before_the_fit(fails, monkeypatch):
    write_table()
    monkeypatch.setattr(fit_module, "path", None)
    os.mkdir("folder")
    fit = ("fit", "data.csv", "--target", "price")
    for option in ("--model", "--coefficients", "--report"):
        assert "no folder" in fails(*fit, option, os.path.join("nowhere", "out"))
        assert "it is a folder" in fails(*fit, option, "folder")
        assert "is read" in fails(*fit, option, "data.csv")
    assert "same file" in fails(*fit, "--model", "out", "--coefficients", "./out")
    os.symlink("report.html", "out")
    assert "--model and --report" in fails(*fit, "--model", "out", "--report", "report.html")
    os.unlink("out")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = fails(*fit, "--report", "report.html")
    assert "pip install 'softreg_fast[plot]', or leave out --report" in said
    assert files() == ["data.csv", "folder"]


def test_predictions_do_not_overwrite_what_is_read(call, fails):
    write_table()
    call("fit", "data.csv", "--target", "price", "--alpha", 0.1, "--model", "m.json")
    for name in ("m.json", "data.csv"):
        assert "is read" in fails("predict", "m.json", "data.csv", "--output", name)
    assert "no folder" in fails("predict", "m.json", "data.csv", "--output", "nowhere/out.csv")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(fails, monkeypatch, step):
    write_table()
    file_with("old", "m.json")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    said = fails("fit", "data.csv", "--target", "price", "--model", "m.json")
    assert said == "softreg_fast: cannot write m.json: no space left on device\n"
    assert files() == ["data.csv", "m.json"]
    assert text_of("m.json") == "old"


def test_info(call):
    code, out, _ = call("info")
    assert code == 0
    assert re.search(r"^openmp +(yes|no)$", out, re.M)


def test_interrupted(call, monkeypatch):
    write_table()

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(fit_module, "path", interrupt)
    code, out, err = call("fit", "data.csv", "--target", "price", "--model", "m.json")
    assert (code, out, err) == (130, "", "softreg_fast: interrupted\n")
    assert files() == ["data.csv"]


def test_out_of_memory(fails, monkeypatch):
    write_table()

    def too_large(*arguments, **options):
        raise MemoryError("Unable to allocate 1 TiB")

    monkeypatch.setattr(fit_module, "as_design", too_large)
    assert "not enough memory" in fails("fit", "data.csv", "--target", "price")


@pytest.mark.parametrize(
    ("option", "name", "words"),
    [
        ("--report", "r.pdf", "page of HTML"),
        ("--report", "r", "page of HTML"),
        ("--model", "m.csv", "a model is JSON"),
        ("--model", "m.pkl", "a model is JSON"),
        ("--coefficients", "c.json", "table of CSV"),
        ("--coefficients", "c.csv.gz", "table of CSV"),
        ("--coefficients", "c.xlsx", "table of CSV"),
    ],
)
def test_endings_that_promise_another_format(fails, option, name, words):
    file_with("a,y\n1,2\n3,4\n")
    assert words in fails("fit", "data.csv", "--target", "y", option, name)
    assert os.listdir() == ["data.csv"]


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX matters")
def test_data_are_not_overwritten_through_links(fails):
    file_with("a,y\n1,2\n3,4\n")
    os.link("data.csv", "hard.csv")
    os.symlink("data.csv", "soft.csv")
    for name in ("hard.csv", "soft.csv"):
        assert "is read" in fails("fit", "data.csv", "--target", "y", "--coefficients", name)
    assert Path("data.csv").read_text() == "a,y\n1,2\n3,4\n"


def test_a_target_is_no_file(call):
    file_with("a,y\n1,2\n3,4\n")
    assert call("fit", "data.csv", "--target", "y", "--model", "y")[0] == 0
