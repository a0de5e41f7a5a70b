"""Measures of models on a table, against scikit-learn's."""

import json
from pathlib import Path

import numpy as np
import pytest
from datafiles import table, write_csv, write_table
from sklearn import metrics

import softreg_fast as sf
from softreg_fast.cli.models import read_model

NAMES = ["a", "b", "c", "d"]


def measured(call, *options):
    code, out, err = call("evaluate", "m.json", "new.csv", "--json", *options)
    assert (code, err) == (0, "")
    return json.loads(out)


def write(name, X, columns):
    rows = np.column_stack([X.astype(object), *(np.asarray(c, object) for c in columns.values())])
    write_csv(name, [*NAMES, *columns], rows.tolist())


def test_numbers(call):
    write_table("data.csv")
    call("fit", "data.csv", "--target", "price", "--n-alphas", 5, "--model", "m.json")
    X, y = table(seed=1)
    write_csv("new.csv", ["rooms", "age", "tax, yearly", "distance", "price"], np.c_[X, y].tolist())
    found = measured(call)
    fits = read_model("m.json").path
    assert [each["alpha"] for each in found["models"]] == fits.alphas.tolist()
    for each, predicted in zip(found["models"], fits.predict(X).T, strict=True):
        assert each["rmse"] == pytest.approx(metrics.root_mean_squared_error(y, predicted))
        assert each["r2"] == pytest.approx(metrics.r2_score(y, predicted), abs=1e-12)
        assert each["deviance_ratio"] == pytest.approx(each["r2"], abs=1e-12)
        assert each["mae"] == pytest.approx(metrics.mean_absolute_error(y, predicted))
    middle = float(fits.alphas[1:3].mean())
    one = measured(call, "--alpha", middle)["models"]
    predicted = fits.predict(X, middle)
    assert one[0]["rmse"] == pytest.approx(metrics.root_mean_squared_error(y, predicted))
    code, out, _ = call("evaluate", "m.json", "new.csv")
    assert (code, out.count("\n")) == (0, 7)
    _, out, _ = call("evaluate", "m.json", "new.csv", "--alpha", middle)
    assert "RMSE" in out


def test_a_second_table_of_a_fit(call, fails):
    write_table("data.csv")
    X, y = table(seed=1)
    header = ["price", "rooms", "age", "tax, yearly", "distance"]  # in another order
    write_csv("new.csv", header, np.c_[y, X].tolist())
    fit = ("fit", "data.csv", "--target", "price", "--cv", 3, "--test", "new.csv")
    code, out, err = call(*fit, "--model", "m.json")
    assert (code, err) == (0, "")
    assert "This model on new.csv (30 rows):" in out
    found = json.loads(call(*fit, "--json")[1])["test"]
    assert found["file"] == "new.csv"
    one = measured(call)["models"][0]
    assert {key: found[key] for key in one} == pytest.approx(one)
    write_csv("new.csv", header[1:], X.tolist())
    assert 'lacks the column "price" of the target' in fails(*fit)
    assert "no such file" in fails(*fit[:-1], "nothing.csv")
    assert "would be overwritten" in fails(*fit, "--coefficients", "new.csv")


@pytest.mark.parametrize("loss", ["logistic", "probit", "squared_hinge"])
def test_two_classes(call, fails, loss):
    rng = np.random.default_rng(2)
    X, Z = rng.standard_normal((2, 80, 4))
    names = np.array(["no", "yes"])
    y, z = (names[(A[:, 0] + 0.5 * rng.standard_normal(80) > 0).astype(int)] for A in (X, Z))
    write("data.csv", X, {"y": y})
    write("new.csv", Z, {"y": z})
    fit = ("fit", "data.csv", "--target", "y", "--loss", loss, "--alpha", 0.02)
    call(*fit, "--model", "m.json")
    (one,) = measured(call)["models"]
    model = read_model("m.json").path[0]
    eta, truth = model.predict(Z, kind="link"), z == "yes"
    assert one["auc"] == pytest.approx(metrics.roc_auc_score(truth, eta))
    assert one["accuracy"] == pytest.approx(metrics.accuracy_score(truth, eta > 0))
    expected = metrics.confusion_matrix(truth, eta > 0)
    assert one["confusion"] == {"classes": ["no", "yes"], "counts": expected.tolist()}
    if loss != "squared_hinge":
        p = model.predict(Z)
        assert one["brier"] == pytest.approx(np.mean((p - truth) ** 2))
        assert one["log_loss"] == pytest.approx(metrics.log_loss(truth, p))
        D = metrics.d2_log_loss_score(truth, np.c_[1 - p, p])
        assert one["deviance_ratio"] == pytest.approx(D)
    # one class only, a class that the fit did not have
    write("new.csv", Z, {"y": ["no"] * 80})
    assert measured(call)["models"][0]["auc"] is None
    write("new.csv", Z, {"y": ["maybe"] * 80})
    said = fails("evaluate", "m.json", "new.csv")
    assert "row 1 holds 'maybe', which is none of the classes" in said


def test_several_classes(call):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((90, 4))
    names = np.array(["a", "b", "c"])
    y = names[np.argmax(X[:, :3] + 0.3 * rng.standard_normal((90, 3)), axis=1)]
    write("data.csv", X, {"y": y})
    write("new.csv", X[:60], {"y": y[:60]})
    fit = ("fit", "data.csv", "--target", "y", "--loss", "multinomial", "--alpha", 0.02)
    call(*fit, "--model", "m.json")
    (one,) = measured(call)["models"]
    p = read_model("m.json").path.predict(X[:60], 0.02)
    assert one["accuracy"] == pytest.approx(np.mean(names[p.argmax(axis=1)] == y[:60]))
    assert one["log_loss"] == pytest.approx(metrics.log_loss(y[:60], p))
    assert one["auc"] == pytest.approx(metrics.roc_auc_score(y[:60], p, multi_class="ovr"))
    assert sum(map(sum, one["confusion"]["counts"])) == 60


def test_counts_with_offset_and_weights(call):
    rng = np.random.default_rng(5)
    X, t = rng.standard_normal((70, 4)), rng.standard_normal(70)
    y, w = rng.poisson(np.exp(0.5 * X[:, 0] + t)).astype(float), rng.random(70)
    write("data.csv", X, {"t": t, "w": w, "y": y})
    write("new.csv", X, {"t": t, "w": w, "y": y})
    fit = ("fit", "data.csv", "--target", "y", "--loss", "poisson", "--offset", "t")
    call(*fit, "--weights", "w", "--alpha", 0.05, "--model", "m.json")
    (one,) = measured(call, "--weights", "w")["models"]
    model = read_model("m.json").path[0]
    mean = model.predict(X, offset=t)
    deviance = metrics.mean_poisson_deviance(y, mean, sample_weight=w)
    assert one["mean_deviance"] == pytest.approx(deviance)
    assert one["deviance_ratio"] == pytest.approx(model.dev_ratio)  # the table of the fit


def test_survival(call, fails):
    rng = np.random.default_rng(6)
    X = rng.standard_normal((80, 4))
    time, event = rng.exponential(np.exp(-X[:, 0])), (rng.random(80) < 0.7).astype(int)
    write("data.csv", X, {"t": time, "e": event})
    write("new.csv", X, {"t": time, "e": event})
    fit = ("fit", "data.csv", "--time", "t", "--event", "e", "--loss", "cox", "--alpha", 0.05)
    call(*fit, "--model", "m.json")
    (one,) = measured(call)["models"]
    model = read_model("m.json").path[0]
    risk = model.predict(X, kind="link")
    assert one["concordance"] == pytest.approx(sf.concordance(sf.survival(time, event), risk))
    assert one["deviance_ratio"] == pytest.approx(model.dev_ratio)
    assert "--target" in fails("evaluate", "m.json", "new.csv", "--target", "t")
    write("coded.csv", X, {"t": time, "e": event + 1})
    for words in (("evaluate", "m.json", "coded.csv"), (fit[0], "coded.csv", *fit[2:])):
        assert "of a status coded as 1 and 2 say --event COLUMN=2" in fails(*words)
    (same,) = json.loads(call("evaluate", "m.json", "coded.csv", "--event", "e=2", "--json")[1])[
        "models"
    ]
    assert same == one
    assert 'lacks the column "x"' in fails("evaluate", "m.json", "new.csv", "--event", "x")


def test_columns_that_an_evaluation_needs(call, fails):
    write_table("data.csv")
    call("fit", "data.csv", "--target", "price", "--alpha", 0.1, "--model", "m.json")
    X, y = table(seed=1)
    write_csv("new.csv", ["rooms", "age", "tax, yearly", "distance", "cost"], np.c_[X, y].tolist())
    said = fails("evaluate", "m.json", "new.csv")
    assert 'lacks the column "price" of the target' in said
    assert "--target names another" in said
    assert call("evaluate", "m.json", "new.csv", "--target", "cost")[0] == 0
    assert "--event is for survival times" in fails(
        "evaluate", "m.json", "new.csv", "--event", "cost"
    )
    assert "holds 0.1 alone" in fails(
        "evaluate", "m.json", "new.csv", "--target", "cost", "--alpha", 1
    )


def test_arrays_without_names(call, tmp_path):
    X, y = table()
    np.savez("data.npz", X=X, y=y)
    call("fit", "data.npz", "--alpha", 0.1, "--model", "m.json")
    code, out, _ = call("evaluate", "m.json", "data.npz", "--json")
    assert code == 0
    (one,) = json.loads(out)["models"]
    assert one["r2"] == pytest.approx(read_model("m.json").path.dev_ratio[0])


def test_weights_may_be_a_feature_of_the_model(call):
    rows = ["a,b,y", "1,1,2", "2,1,3.5", "3,2,3", "4,2,5", "5,3,6"]
    Path("data.csv").write_text("\n".join(rows), encoding="utf-8")
    code, _, err = call("fit", "data.csv", "--target", "y", "--alpha", 0.01, "--model", "m.json")
    assert (code, err) == (0, "")
    code, _, err = call("evaluate", "m.json", "data.csv", "--weights", "c")
    assert code == 2
    assert err.startswith(
        'softreg_fast: data.csv lacks the column "c" that --weights names; it has'
    )
    code, out, err = call("evaluate", "m.json", "data.csv", "--weights", "b")
    assert (code, err) == (0, "")
    assert "RMSE" in out
