"""`softreg_fast fit`: the same models as in Python, from a table in a file."""

import csv
import re

import numpy as np
import pytest
from datafiles import NAMES, file_with, files, read_numbers, table, text_of, write_csv, write_table
from sklearn.model_selection import KFold

from softreg_fast import EndOfGridWarning, cv_path, path, solve
from softreg_fast.cli.models import read_model


def test_a_path_is_printed_and_nothing_is_written(call):
    write_table()
    code, out, err = call("fit", "data.csv", "--target", "price", "--rows", 5)
    assert (code, err) == (0, "")
    assert "30 rows, 4 features" in out
    assert len(re.findall(r"^ +\d+ +\d+ +[\d.]+ +[\d.e-]+ +[\d.e+-]+$", out, re.M)) == 5
    assert "tax, yearly" not in out  # its coefficient is 0
    assert "Certificate: at each of the 100 alphas" in out
    assert files() == ["data.csv"]


def test_one_alpha(call):
    X, y = write_table()
    options = ("--target", "price", "--alpha", 0.1, "--positive", "--no-intercept")
    code, _, _ = call(
        "fit", "data.csv", *options, "--model", "m.json", "--coefficients", "c.csv", "--tol", 1e-9
    )
    assert code == 0
    fit = solve(X, y, alpha=0.1, positive=True, fit_intercept=False, tol=1e-9, standardize=True)
    rows = dict(list(csv.reader(text_of("c.csv").splitlines()))[1:])
    assert float(rows.pop("(intercept)")) == 0.0
    np.testing.assert_allclose([float(rows.get(name, 0.0)) for name in NAMES], fit.coef, rtol=1e-12)
    call("predict", "m.json", "data.csv", "--output", "out.csv")
    np.testing.assert_allclose(read_numbers("out.csv")[1][:, 0], fit.predict(X), rtol=1e-12)


def test_coefficients_of_a_path_for_a_spreadsheet(call):
    X, y = write_table()
    call("fit", "data.csv", "--target", "price", "--alphas", "0.1,1,0.5", "--coefficients", "c.csv")
    with open("c.csv", encoding="utf-8") as file:
        header, intercepts, *rows = list(csv.reader(file))
    fits = path(X, y, alphas=[1.0, 0.5, 0.1], standardize=True)
    assert header == ["feature", "1.0", "0.5", "0.1"]
    assert intercepts == ["(intercept)", *map(repr, fits.intercepts.tolist())]
    found = {name: list(map(float, cells)) for name, *cells in rows}
    assert next(iter(found)) == "rooms"  # the first that is chosen
    for j, name in enumerate(NAMES):
        np.testing.assert_array_equal(found.get(name, np.zeros(3)), fits.coefs.toarray()[j])


@pytest.mark.parametrize(
    ("select", "index"), [("dev=0.5", None), ("alpha=0.3", None), ("index=7", 7), ("index=-1", 99)]
)
def test_select(call, select, index):
    X, y = write_table()
    code, _, _ = call("fit", "data.csv", "--target", "price", "--select", select, "--model", "m")
    assert code == 0
    fits = path(X, y, standardize=True)
    if select.startswith("dev"):
        index = int(np.argmax(fits.dev_ratio >= 0.5))
    elif select.startswith("alpha"):
        index = int(np.argmin(np.abs(fits.alphas - 0.3)))
    kept = read_model("m").path
    assert kept.alphas.tolist() == [fits.alphas[index]]
    np.testing.assert_array_equal(kept[0].coef, fits[index].coef)


@pytest.mark.parametrize(
    ("options", "rule", "cv"),
    [
        ((), "min", KFold(5, shuffle=True, random_state=0)),
        (("--rule", "1se"), "1se", KFold(5, shuffle=True, random_state=0)),
        (("--seed", 3), "min", KFold(5, shuffle=True, random_state=3)),
        (("--seed", "none"), "min", KFold(5)),
    ],
)
def test_cross_validation(call, options, rule, cv):
    X, y = write_table()
    fit = ("fit", "data.csv", "--target", "price", "--l1-ratio", 0.5, "--standardize")
    code, out, err = call(*fit, "--cv", 5, *options, "--model", "m.json", "--coefficients", "c.csv")
    assert (code, err) == (0, "")
    found = cv_path(X, y, cv=cv, rule=rule, l1_ratio=0.5, standardize=True)
    assert "\n".join(str(found).splitlines()[1:]) in out  # without the time that it took
    assert f"(index {found.index} of the path, by 5-fold cross-validation, rule {rule})" in out
    model = read_model("m.json")
    assert model.path.alphas.tolist() == [found.alpha]
    np.testing.assert_array_equal(model.path[0].coef, found.path[found.index].coef)
    expected = {"n_folds": 5, "rule": rule, "seed": cv.random_state, "measure": "deviance"}
    assert model.settings["cross_validation"] == expected
    assert text_of("c.csv").startswith("feature,coefficient\n(intercept),")
    call("predict", "m.json", "data.csv", "--output", "out.csv")
    np.testing.assert_allclose(read_numbers("out.csv")[1][:, 0], found.predict(X), rtol=1e-12)


def test_cross_validation_as_in_python(call):
    X, y = write_table()
    for k, options in ((5, {}), (4, {"seed": 3}), (6, {"seed": None})):
        words = [str(w) for pair in options.items() for w in (f"--{pair[0]}", pair[1])]
        words = [word.replace("None", "none") for word in words]
        call("fit", "data.csv", "--target", "price", "--cv", k, *words, "--model", "m.json")
        found = cv_path(X, y, cv=k, **options, standardize=True)
        model = read_model("m.json")
        assert model.path.alphas.tolist() == [found.alpha]
        np.testing.assert_array_equal(model.path[0].coef, found.path[found.index].coef)


def test_the_grid_goes_on(call):
    # the second column is small, but matters
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2)) * [100.0, 0.01]
    y = X @ [0.1, 300.0] + rng.standard_normal(60)
    np.savez("raw.npz", X=X, y=y)
    _, out, err = call("fit", "raw.npz", "--cv", 5, "--model", "m.json")
    assert err == ""
    found = cv_path(X, y, cv=5, standardize=True)
    assert len(found.path) > 100
    assert read_model("m.json").path.alphas.tolist() == [found.alpha]
    assert f"CVPath({len(found.path)} alphas x 5 folds" in out
    _, _, err = call("fit", "raw.npz", "--cv", 5, "--eps", 1e-3)
    assert err.startswith("softreg_fast: warning: The last alpha of the grid, ")
    assert err.count("\n") == 1
    _, out, err = call("fit", "raw.npz")  # without folds there is no error to follow
    assert err == ""
    assert "Path(100 alphas" in out


def test_cross_validation_on_given_strengths(call):
    X, y = write_table()
    alphas = ("--alphas", "1,0.1,0.01")
    assert call("fit", "data.csv", "--target", "price", "--cv", 30, *alphas, "--model", "m")[0] == 0
    with pytest.warns(EndOfGridWarning):
        found = cv_path(
            X,
            y,
            cv=KFold(30, shuffle=True, random_state=0),
            alphas=[1.0, 0.1, 0.01],
            standardize=True,
        )
    assert read_model("m").path.alphas.tolist() == [found.alpha]


def test_more_folds_than_rows(fails):
    write_table()
    said = fails("fit", "data.csv", "--target", "price", "--cv", 31)
    assert said.endswith("--cv 31: data.csv has 30 rows; expected a number of folds from 2 to 30\n")


def test_sample_weights_and_ignored_columns(call):
    X, y = table()
    weights = np.arange(1.0, 31.0)
    rows = [
        ["Paris, France", *map(repr, row), t, w, ""]
        for row, t, w in zip(X.tolist(), y.tolist(), weights.tolist(), strict=True)
    ]
    write_csv("data.csv", ["city", *NAMES, "price", "w", ""], rows)
    code, _, err = call(
        "fit", "data.csv", "--target", "price", "--weights", "w", "--model", "m.json",
        "--ignore", 'city,"tax, yearly"', "--ignore", "", "--n-alphas", 5,
    )  # fmt: skip
    assert (code, err) == (0, "")
    kept = [0, 1, 3]
    fits = path(X[:, kept], y, sample_weight=weights, n_alphas=5, standardize=True)
    model = read_model("m.json")
    assert model.names == [NAMES[j] for j in kept]
    np.testing.assert_allclose(model.path.coefs.toarray(), fits.coefs.toarray(), rtol=1e-12)


def test_penalty_weights(call):
    X, y = write_table()
    file_with("feature,l1,l2\nrooms,0,1\nage,inf,1\ndistance,2.5,0.5\n", "w.csv")
    code, _, err = call(
        "fit", "data.csv", "--target", "price", "--penalty-weights", "w.csv", "--model", "m.json",
        "--l1-ratio", 0.5,
    )  # fmt: skip
    assert (code, err) == (0, "")
    fits = path(
        X,
        y,
        l1_ratio=0.5,
        l1_weights=[0, np.inf, 1, 2.5],
        l2_weights=[1, 1, 1, 0.5],
        standardize=True,
    )
    model = read_model("m.json")
    assert (model.path.coefs != fits.coefs).nnz == 0
    assert model.settings["l1_weights"] == {"rooms": 0.0, "age": "inf", "distance": 2.5}
    assert model.settings["l2_weights"] == {"distance": 0.5}


def test_weights_without_effect_are_remarked_on(call):
    write_table()
    file_with("feature,l2\nrooms,3\n", "w.csv")
    code, _, err = call("fit", "data.csv", "--target", "price", "--penalty-weights", "w.csv")
    assert code == 0
    assert err == "softreg_fast: warning: the l2 weights have no effect with --l1-ratio 1\n"


def test_ridge(call):
    X, y = write_table()
    options = ("--target", "price", "--l1-ratio", 0, "--alpha", 0.2, "--model", "m.json")
    assert call("fit", "data.csv", *options)[0] == 0
    fit = solve(X, y, alpha=0.2, l1_ratio=0, standardize=True)
    np.testing.assert_allclose(read_model("m.json").path[0].coef, fit.coef, rtol=1e-12)


def test_not_converged_is_one_line_and_still_a_result(call):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 60)).cumsum(axis=1)
    np.savez("data.npz", X=X, y=X[:, :5].sum(axis=1))
    code, out, err = call(
        "fit", "data.npz", "--alpha", 1e-3, "--max-iter", 2, "--tol", 1e-12, "--model", "m.json",
        "--no-standardize",
    )  # fmt: skip
    assert code == 0
    assert err.startswith("softreg_fast: warning: Objective did not converge")
    assert err.count("\n") == 1
    assert "not converged" in out
    assert not read_model("m.json").path.converged


def test_columns_that_are_asked_for_but_not_there(fails):
    write_table()
    target = ("fit", "data.csv", "--target", "price")
    assert "--target" in fails("fit", "data.csv")
    assert '"price"' in fails("fit", "data.csv")
    assert 'no column "wt"' in fails(*target, "--weights", "wt")
    assert 'no column "x"' in fails(*target, "--ignore", "age,x")
    assert "both --target and --weights" in fails(*target, "--weights", "price")
    assert "both --target and --offset" in fails(*target, "--offset", "price")
    assert "both --weights and --offset" in fails(*target, "--weights", "age", "--offset", "age")
    ignored = fails(*target, "--offset", "age", "--ignore", "age")
    assert "the column of --offset cannot also be in --ignore" in ignored
    assert 'no column "exposure"' in fails(*target, "--offset", "exposure")
    assert "--ignore" in fails(*target, "--ignore", "price")


def test_selections_outside_the_path(fails):
    write_table()
    fit = ("fit", "data.csv", "--target", "price", "--n-alphas", "5", "--eps", "0.5", "--select")
    assert "explains at most" in fails(*fit, "dev=0.99")
    assert "lies outside the path" in fails(*fit, "alpha=1000")
    assert "indices 0 to 4" in fails(*fit, "index=5")
