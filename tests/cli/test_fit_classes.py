"""More than two classes on the command line: fits, folds, reports, models, predictions."""

import csv
import json

import numpy as np
import pytest
from datafiles import text_of, write_csv
from numpy.testing import assert_allclose, assert_array_equal

import softreg_fast as sf
from softreg_fast.cli.models import read_model

pytest.importorskip("pandas")

NAMES = np.array(["ant, big", "cat", "dog"])
LOSSES = {"multinomial": "multinomial", "multinomial:grouped": sf.losses.Multinomial(True)}
FIT = ("fit", "data.csv", "--target", "kind", "--loss")


@pytest.fixture
def data(rng):
    X = rng.standard_normal((90, 4))
    eta = X[:, :2] @ rng.standard_normal((2, 3))
    p = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
    y = NAMES[[rng.choice(3, p=each) for each in p]]
    rows = [[*row, each] for row, each in zip(X.tolist(), y.tolist(), strict=True)]
    write_csv("data.csv", ["a", "b", "c", "d", "kind"], rows)
    return X, y


def table_of(out):
    header, *rows = csv.reader(out.splitlines())
    return header, rows


@pytest.mark.parametrize("loss", LOSSES)
def test_a_path_and_its_predictions(call, data, loss):
    X, y = data
    code, out, err = call(*FIT, loss, "--n-alphas", 5, "--model", "m.json")
    assert code == 0, err
    assert "classes: ant, big, cat, dog" in out
    fits = sf.path(X, y, loss=LOSSES[loss], n_alphas=5, standardize=True)
    model = read_model("m.json")
    assert model.classes == tuple(NAMES)
    for name in ("alphas", "intercepts", "gaps", "tols", "n_epochs", "status", "dev_ratio", "df"):
        assert_array_equal(getattr(model.path, name), getattr(fits, name))
    assert_array_equal(model.path.coefs.toarray(), fits.coefs.toarray())
    assert json.loads(text_of("m.json"))["loss"] == loss

    header, rows = table_of(call("predict", "m.json", "data.csv", "--kind", "proba")[1])
    expected = np.moveaxis(fits.predict(X, kind="proba"), 1, 2)
    assert header[4] == f"alpha={float(fits.alphas[1])!r} probability of cat"
    assert_allclose(np.array(rows, float), expected.reshape(90, -1), rtol=1e-9)

    alpha = ("--alpha", repr(float(fits.alphas[3])))
    header, rows = table_of(call("predict", "m.json", "data.csv", *alpha)[1])
    assert header == ["class", "probability"]
    assert_array_equal([row[0] for row in rows], fits[3].predict(X, kind="class"))
    largest = fits[3].predict(X).max(axis=1)
    assert_allclose([float(row[1]) for row in rows], largest, rtol=1e-9)
    header, rows = table_of(call("predict", "m.json", "data.csv", *alpha, "--kind", "link")[1])
    assert header == [f"predictor of {name}" for name in NAMES]
    assert_allclose(np.array(rows, float), fits[3].predict(X, kind="link"), atol=1e-12)
    _, rows = table_of(call("predict", "m.json", "data.csv", "--kind", "class")[1])
    assert_array_equal(rows, fits.predict(X, kind="class"))


def test_folds_coefficients_and_a_report(call, data):
    X, y = data
    files = ("--coefficients", "c.csv", "--report", "r.html", "--model", "m.json")
    code, out, err = call(*FIT, "multinomial", "--cv", 4, "--measure", "auc", *files)
    assert code == 0, err
    assert "measure: auc" in out
    found = sf.cv_path(X, y, loss="multinomial", cv=4, measure="auc", eps="auto", standardize=True)
    fit = found.path[found.index]
    header, rows = table_of(text_of("c.csv"))
    assert header == ["feature", "class", "coefficient"]
    told = {(row[0], row[1]): float(row[2]) for row in rows}
    for k, name in enumerate(NAMES):
        assert told["(intercept)", name] == fit.intercept[k]
        for j, feature in enumerate("abcd"):
            assert told.get((feature, name), 0.0) == fit.coef[k, j]
    page = text_of("r.html")
    for said in ("ROC curve", "Calibration", "taken for cat", "ant, big", "rows left out"):
        assert said in page


@pytest.mark.parametrize("names", [(1, 2, 3), (-5, 0, 7), (0, 1, 2)])
def test_classes_of_whole_numbers(call, data, names):
    X, y = data
    codes = np.searchsorted(NAMES, y)
    rows = [[*row, names[k]] for row, k in zip(X.tolist(), codes.tolist(), strict=True)]
    write_csv("data.csv", ["a", "b", "c", "d", "kind"], rows)
    call(*FIT, "multinomial", "--alpha", 0.02, "--model", "m.json")
    assert read_model("m.json").classes == tuple(map(str, names))


def test_many_classes_are_not_all_shown(call, data, rng):
    X, _ = data
    rows = [[*row, f"class {k % 9}"] for k, row in enumerate(X.tolist())]
    write_csv("data.csv", ["a", "b", "c", "d", "kind"], rows)
    out = call(*FIT, "multinomial", "--alpha", 0.001)[1]
    assert "and 3 more classes" in out
    assert "class 5" in out.partition("per st.dev.")[2]
    assert "class 6" not in out.partition("per st.dev.")[2]


def test_what_is_refused(call, fails, data):
    X = data[0]
    offset = fails(*FIT, "multinomial", "--offset", "a")
    assert "an offset for each class, and --offset names one column" in offset
    assert "--loss multinomial is for more" in fails(*FIT, "logistic")
    assert "--loss multinomial of more" in fails("fit", "data.csv", "--target", "kind")
    write_csv("other.csv", ["a", "kind"], [[x, x] for x in X[:, 0].tolist()])
    said = fails("fit", "other.csv", "--target", "kind", "--loss", "multinomial")
    assert "or whole numbers for them" in said
    write_csv("other.csv", ["a", "kind"], [[x, "cat"] for x in X[:, 0].tolist()])
    said = fails("fit", "other.csv", "--target", "kind", "--loss", "multinomial")
    assert "one label only" in said
    call(*FIT, "multinomial", "--alpha", 0.02, "--model", "m.json")
    held = json.loads(text_of("m.json"))
    for change in ({"classes": None}, {"classes": ["cat"]}, {"classes": ["cat", "dog"]}):
        with open("m2.json", "w") as file:
            json.dump({**held, **change}, file)
        assert "damaged" in fails("predict", "m2.json", "data.csv")
    assert "is for --loss cox" in fails("predict", "m.json", "data.csv", "--kind", "survival")
