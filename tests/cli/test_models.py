"""Models as JSON files: read back to the last digit; damaged ones are refused."""

import json
from pathlib import Path

import numpy as np
from datafiles import NAMES, file_with, text_of, write_table

import softreg_fast
from softreg_fast import path
from softreg_fast.cli.models import read_model


def test_a_model_file_reads_back_to_the_last_digit(call):
    X, y = write_table()
    call("fit", "data.csv", "--target", "price", "--model", "m.json", "--tol", 1e-8)
    model = read_model("m.json")
    fits = path(X, y, tol=1e-8, standardize=True)
    assert model.names == NAMES
    assert model.target == "price"
    assert model.settings["tol"] == 1e-8
    assert model.settings["l1_ratio"] == 1.0
    assert model.settings["data"] == "data.csv"
    assert (model.path.coefs != fits.coefs).nnz == 0
    for name in ("alphas", "intercepts", "gaps", "tols", "n_epochs", "status", "dev_ratio", "df"):
        np.testing.assert_array_equal(getattr(model.path, name), getattr(fits, name))
    assert json.loads(text_of("m.json"))["softreg_fast"] == softreg_fast.__version__


def test_models_that_are_none(fails):
    write_table()

    def said(text):
        return fails("predict", file_with(text, "m.json"), "data.csv")

    assert "no such file" in fails("predict", "nothing.json", "data.csv")
    assert "is empty" in said("")
    assert "not a model" in said("a,b\n1,2\n")
    assert "not a model" in said("[" * 100_000)
    assert "not a model" in said("[1, 2]")
    assert "not a model" in said('{"format": "another"}')
    assert "version 9" in said('{"format": "softreg_fast model", "format_version": 9}')
    assert "damaged" in said('{"format": "softreg_fast model", "format_version": 1}')


def test_damaged_models(call, fails):
    write_table()
    call("fit", "data.csv", "--target", "price", "--n-alphas", 3, "--model", "m.json")
    whole = text_of("m.json")

    def said(change):
        held = json.loads(whole)
        change(held)
        return fails("predict", file_with(json.dumps(held), "other.json"), "data.csv")

    assert "damaged" in said(lambda m: m.pop("models"))
    assert "damaged" in said(lambda m: m.update(models=[]))
    assert "damaged" in said(lambda m: m.update(models=3))
    assert "damaged" in said(lambda m: m.update(offset="age"))
    assert "damaged" in said(lambda m: m.update(format_version=2))
    assert "damaged" in said(lambda m: m.update(n_features=3))
    assert "damaged" in said(lambda m: m["models"].reverse())
    assert "damaged" in said(lambda m: m["models"][2].update(intercept=None))
    assert "damaged" in said(lambda m: m["models"][2].update(intercept="x"))
    assert "damaged" in said(lambda m: m["models"][2].update(status="fine"))
    assert "damaged" in said(lambda m: m["models"][2]["coefficients"].update(other=1.0))
    assert "damaged" in said(lambda m: m["models"][2]["coefficients"].update(age=[1.0]))
    assert "not a model" in fails("predict", file_with(whole[:-100], "m.json"), "data.csv")


def test_models_from_windows_and_columns_nearly_named(call, fails):
    file_with("a,y\n1,2\n3,4\n")
    call("fit", "data.csv", "--target", "y", "--alpha", 0.1, "--model", "m.json")
    file_with(b"\xef\xbb\xbf" + Path("m.json").read_bytes(), "w.json")
    assert call("predict", "w.json", "data.csv") == call("predict", "m.json", "data.csv")
    assert 'did you mean "A"?' in fails("predict", "m.json", file_with("A\n1\n", "upper.csv"))
    file_with(Path("m.json").read_text().replace('_version": 1', '_version": "1"'), "old.json")
    assert "format version '1', this" in fails("predict", "old.json", "data.csv")
