"""Other losses on the command line: targets of classes and counts, their models and predictions."""

import csv
import json

import numpy as np
import pytest
from datafiles import write_csv
from scipy.special import expit
from sklearn.datasets import dump_svmlight_file

import softreg_fast as sf
from softreg_fast.cli.models import read_model

pd = pytest.importorskip("pandas")

N = 60


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((N, 3))
    eta = X @ [1.0, -0.7, 0.0]
    return X, (eta + rng.logistic(size=N) > 0).astype(float), rng.poisson(np.exp(eta))


def write(X, target, name="data.csv"):
    rows = [[*row, each] for row, each in zip(X.tolist(), target, strict=True)]
    write_csv(name, ["a", "b", "c", "target"], rows)


def named(y, names):
    return [names[int(each)] for each in y]


def rows_of(out):
    return list(csv.reader(out.splitlines()))


FIT = ("fit", "data.csv", "--target", "target")


@pytest.mark.parametrize(
    ("names", "stored"),
    [
        (("no", "yes"), ["no", "yes"]),
        (("False", "True"), ["False", "True"]),
        ((1, 2), ["1", "2"]),
        ((-1, 1), ["-1", "1"]),
        ((0, 1), ["0", "1"]),
        (("größe, ü", "日本"), ["größe, ü", "日本"]),
    ],
)
def test_classes_keep_their_names(call, data, names, stored):
    X, y, _ = data
    write(X, named(y, names))
    fit = sf.solve(X, y, loss="logistic", alpha=0.05, standardize=True)
    options = ("--loss", "logistic", "--alpha", 0.05, "--model", "m.json")
    code, out, err = call(*FIT, *options)
    assert (code, err) == (0, "")
    assert f"predictors > 0 speak for {stored[1]}, those < 0 for {stored[0]}" in out
    model = read_model("m.json")
    assert model.classes == tuple(stored)
    assert model.path.loss == sf.losses.Logistic()
    p = fit.predict(X)
    code, out, _ = call("predict", "m.json", "data.csv")
    header, *rows = rows_of(out)
    assert header == ["class", "probability"]
    assert [row[0] for row in rows] == [stored[int(each > 0.5)] for each in p]
    np.testing.assert_allclose([float(row[1]) for row in rows], np.maximum(p, 1 - p), rtol=1e-9)
    expected = {
        "link": (["link"], fit.predict(X, kind="link")[:, np.newaxis]),
        "response": (["prediction"], p[:, np.newaxis]),
        "proba": ([f"probability of {each}" for each in stored], np.column_stack([1 - p, p])),
    }
    for kind, (names_expected, values) in expected.items():
        _, out, _ = call("predict", "m.json", "data.csv", "--kind", kind)
        header, *rows = rows_of(out)
        assert header == names_expected
        np.testing.assert_allclose(np.array(rows, float), values, rtol=1e-9)


def test_the_same_classes_in_every_format(call, data, tmp_path):
    X, y, _ = data
    text = named(y, ("no", "yes"))
    pd.DataFrame(X, columns=list("abc")).assign(target=text).to_csv("a.csv", index=False)
    np.savez("b.npz", X=X, y=np.array(text))
    np.savez("c.npz", X=X, y=1 + y)
    dump_svmlight_file(X, 2 * y - 1, "d.svm")
    files = [("a.csv", "--target", "target"), ("b.npz",), ("c.npz",), ("d.svm",)]
    try:
        frame = pd.DataFrame(X, columns=list("abc"))
        frame.assign(target=pd.Categorical(text)).to_parquet("e.parquet")
        frame.assign(target=y.astype(bool)).to_parquet("f.parquet")
        files += [(name, "--target", "target") for name in ("e.parquet", "f.parquet")]
    except ImportError:
        pass
    expected = sf.solve(X, y, loss="logistic", alpha=0.05, standardize=True).coef
    for file in files:
        code, _, err = call("fit", *file, "--loss", "logistic", "--alpha", 0.05, "--model", "m")
        assert (code, err) == (0, "")
        np.testing.assert_allclose(read_model("m").path[0].coef, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "loss"),
    [
        ("poisson", sf.losses.Poisson()),
        ("tweedie:1.5", sf.losses.Tweedie(1.5)),
        ("negative_binomial:2", sf.losses.NegativeBinomial(2.0)),
        ("huber:1.35", sf.losses.Huber(1.35)),
    ],
)
def test_counts(call, data, text, loss):
    X, _, y = data
    write(X, y)
    fits = sf.path(X, y, loss=loss, n_alphas=5, standardize=True)
    code, _, err = call(*FIT, "--loss", text, "--n-alphas", 5, "--model", "m.json")
    assert (code, err) == (0, "")
    with open("m.json", encoding="utf-8") as file:
        held = json.load(file)
    assert (held["format_version"], held["loss"], held.get("classes")) == (3, text, None)
    _, out, _ = call("predict", "m.json", "data.csv")
    header, *rows = rows_of(out)
    assert header == [f"alpha={each!r}" for each in fits.alphas.tolist()]
    np.testing.assert_allclose(np.array(rows, float), fits.predict(X), rtol=1e-6)


def test_proportions_and_many_alphas(call, data):
    X, y, _ = data
    write(X, 0.1 + 0.8 * y)
    call(*FIT, "--loss", "logistic", "--alphas", "0.1,0.01", "--model", "m.json")
    fits = sf.path(X, 0.1 + 0.8 * y, loss="logistic", alphas=[0.1, 0.01], standardize=True)
    _, out, _ = call("predict", "m.json", "data.csv", "--kind", "proba")
    header, *rows = rows_of(out)
    assert header[:2] == ["alpha=0.1 probability of 0", "alpha=0.1 probability of 1"]
    p = expit(fits.predict(X, kind="link"))
    np.testing.assert_allclose(np.array(rows, float)[:, 1::2], p, rtol=1e-6)


@pytest.mark.parametrize("measure", ["auc", "accuracy", "brier", "roc_auc", None])
def test_measures(call, data, measure):
    X, y, _ = data
    write(X, named(y, ("no", "yes")))
    given = () if measure is None else ("--measure", measure)
    code, out, _ = call(*FIT, "--loss", "logistic", "--cv", 4, *given, "--model", "m.json")
    assert code == 0
    found = sf.cv_path(X, y, loss="logistic", cv=4, measure=measure, standardize=True)
    assert read_model("m.json").path.alphas.tolist() == [found.alpha]
    assert f"measure: {found.shown[0]}\n" in out


@pytest.mark.parametrize("loss", ["logistic", "squared_hinge", "poisson"])
@pytest.mark.parametrize("cv", [False, True])
def test_reports(call, data, loss, cv):
    pytest.importorskip("matplotlib")
    X, y, counts = data
    write(X, counts if loss == "poisson" else named(y, ("<no>", "yes")))
    given = ("--cv", 4) if cv else ()
    assert call(*FIT, "--loss", loss, *given, "--report", "r.html")[0] == 0
    with open("r.html", encoding="utf-8") as file:
        text = file.read()
    whose = "rows left out" if cv else "the rows it was fitted to"
    assert f"<h2>Predictions of {whose}</h2>" in text
    assert ("ROC curve" in text) == (loss != "poisson")
    assert ("taken for &lt;no&gt;" in text) == (loss != "poisson")
    assert ('aria-label="Calibration"' in text) == (loss == "logistic")
    assert ('aria-label="Observed against predicted"' in text) == (loss == "poisson")
    assert "deviance explained" in text
    assert "<no>" not in text


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        (["a", "b"], (), "correct it, or say --loss logistic if they are the names"),
        (["a", "b", "c"], ("--loss", "logistic"), "holds 3 different labels"),
        (["a"], ("--loss", "probit"), "holds one label only"),
        (["a", ""], ("--loss", "logistic"), "line 3 is empty"),
        (["a", "b"], ("--loss", "poisson"), "or say --loss logistic"),
        ([0, 1, 2], ("--loss", "logistic"), "y has 3 classes, and Logistic() is for two"),
        ([0, 1], ("--loss", "logit"), "argument --loss: 'logit' is no loss; expected one of"),
        ([0, 1], ("--loss", "huber"), "'huber' needs a number behind a colon, as in huber:1.5"),
        ([0, 1], ("--loss", "tweedie:0.5"), "no distribution has a power between 0 and 1"),
        ([0, -1], ("--loss", "poisson"), "Poisson() is for"),
        ([0, 1], ("--measure", "auc"), "--measure is for cross-validation; say --cv K too"),
        ([0, 1], ("--cv", 3, "--measure", "auc"), "'auc' is for losses of classes"),
    ],
)
def test_wrong_targets_and_losses(call, data, target, options, message):
    X, _, _ = data
    write(X, np.resize(np.array(target, dtype=object), N))
    code, _, err = call(*FIT, *options)
    assert code == 2
    assert message in err


def test_kinds_that_a_model_does_not_have(call, data):
    X, _, y = data
    write(X, y)
    call(*FIT, "--loss", "poisson", "--alpha", 0.1, "--model", "m.json")
    code, _, err = call("predict", "m.json", "data.csv", "--kind", "proba")
    assert code == 2
    assert "kind='proba' is for losses of classes" in err
