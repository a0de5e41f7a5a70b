"""JSON in place of text: one object on standard output, with the facts of the text."""

import json

import numpy as np
from datafiles import read_numbers, write_table

import softreg_fast as sf


def said(call, *words):
    code, out, _ = call(*words, "--json")
    assert code == 0
    return json.loads(out)


def test_a_fit(call):
    X, y = write_table()
    found = said(call, "fit", "data.csv", "--target", "price", "--cv", 3, "--model", "m.json")
    search = sf.cv_path(X, y, cv=3, standardize=True)
    fit = search.path[search.index]
    assert (found["command"], found["n_samples"], found["n_features"]) == ("fit", 30, 4)
    assert found["model"]["alpha"] == search.alpha
    assert found["model"]["intercept"] == fit.intercept
    coef = dict(zip(["rooms", "age", "tax, yearly", "distance"], fit.coef.tolist(), strict=True))
    assert found["model"]["coefficients"] == {name: v for name, v in coef.items() if v}
    effects = found["model"]["effects_per_standard_deviation"]
    np.testing.assert_allclose(effects["rooms"], coef["rooms"] * X[:, 0].std())
    assert len(found["path"]) == len(search.path)
    assert found["cross_validation"]["index_min"] == search.index_min
    assert found["settings"]["standardize"] is True
    assert found["written"] == {"model": "m.json"}
    assert found["test"] is None


def test_predictions(call):
    write_table()
    call("fit", "data.csv", "--target", "price", "--alpha", 0.1, "--model", "m.json")
    call("predict", "m.json", "data.csv", "--output", "out.csv")
    found = said(call, "predict", "m.json", "data.csv")
    assert found["n_rows"] == 30
    assert found["predictions"]["prediction"] == read_numbers("out.csv")[1][:, 0].tolist()
    found = said(call, "predict", "m.json", "data.csv", "--output", "again.csv")
    assert (found["predictions"], found["written"]) == (None, {"predictions": "again.csv"})


def test_info(call):
    found = said(call, "info")
    assert found["softreg_fast"] == sf.__version__
    assert isinstance(found["openmp"], bool)


def test_errors_stay_on_standard_error(fails):
    assert "no such file" in fails("fit", "nothing.csv", "--target", "y", "--json")
