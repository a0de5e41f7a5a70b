"""The command line: its input, its output, and its error messages."""

import csv
import gzip
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import dump_svmlight_file
from sklearn.model_selection import KFold

import softreg_fast
from softreg_fast import EndOfGridWarning, cv_path, path, solve
from softreg_fast.cli import demo
from softreg_fast.cli import fit as fit_module
from softreg_fast.cli.files import check_writable
from softreg_fast.cli.models import read_model
from softreg_fast.options.errors import InputError
from softreg_fast.system.writing import write_whole

NAMES = ["rooms", "age", "tax, yearly", "distance"]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table(n=30, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, len(NAMES)))
    y = X @ [2.0, -1.0, 0.0, 0.5] + 3.0 + 0.1 * rng.standard_normal(n)
    return X, y


def write_csv(name, header, rows, delimiter=","):
    with open(name, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)


def write_table(name="data.csv", delimiter=","):
    X, y = table()
    rows = [[*map(repr, row), repr(t)] for row, t in zip(X.tolist(), y.tolist(), strict=True)]
    write_csv(name, [*NAMES, "price"], rows, delimiter)
    return X, y


def pandas_with_parquet():
    try:
        import pandas
        import pyarrow  # noqa: F401
    except ImportError as error:  # also from a pyarrow that needs a newer NumPy
        pytest.skip(str(error))
    return pandas


def read_numbers(name):
    with open(name, encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return rows[0], np.array(rows[1:], dtype=float)


def file_with(text, name="data.csv"):
    with open(name, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return name


def text_of(name):
    return Path(name).read_text(encoding="utf-8")


def files():
    return sorted(os.listdir("."))


# ---------------------------------------------------------------------------------------------
# Fit and predict.


def test_a_path_is_printed_and_nothing_is_written(call):
    write_table()
    code, out, err = call("fit", "data.csv", "--target", "price", "--rows", 5)
    assert (code, err) == (0, "")
    assert "30 rows, 4 features" in out
    assert len(re.findall(r"^ +\d+ +\d+ +[\d.]+ +[\d.e-]+ +[\d.e+-]+$", out, re.M)) == 5
    assert "tax, yearly" not in out  # its coefficient is 0
    assert "Certificate: at each of the 100 alphas" in out
    assert files() == ["data.csv"]


def test_fit_then_predict_is_the_fit_in_memory(call):
    X, y = write_table()
    code, out, _ = call(
        "fit", "data.csv", "--target", "price", "--standardize", "--l1-ratio", 0.7,
        "--n-alphas", 12, "--model", "model.json",
    )  # fmt: skip
    assert code == 0
    assert "model written to model.json" in out
    fits = path(X, y, standardize=True, l1_ratio=0.7, n_alphas=12)
    assert call("predict", "model.json", "data.csv", "--output", "out.csv")[0] == 0
    header, predicted = read_numbers("out.csv")
    assert header == [f"alpha={alpha!r}" for alpha in fits.alphas.tolist()]
    np.testing.assert_allclose(predicted, fits.predict(X), rtol=1e-12)
    between = float(fits.alphas[3:5].mean())
    code, out, _ = call("predict", "model.json", "data.csv", "--alpha", repr(between))
    assert out.startswith("prediction\n")
    np.testing.assert_allclose(
        np.array(out.split()[1:], dtype=float), fits.predict(X, between), rtol=1e-12
    )


def test_one_alpha(call):
    X, y = write_table()
    options = ("--target", "price", "--alpha", 0.1, "--positive", "--no-intercept")
    code, _, _ = call(
        "fit", "data.csv", *options, "--model", "m.json", "--coefficients", "c.csv", "--tol", 1e-9
    )
    assert code == 0
    fit = solve(X, y, alpha=0.1, positive=True, fit_intercept=False, tol=1e-9)
    rows = dict(list(csv.reader(text_of("c.csv").splitlines()))[1:])
    assert float(rows.pop("(intercept)")) == 0.0
    np.testing.assert_allclose([float(rows.get(name, 0.0)) for name in NAMES], fit.coef, rtol=1e-12)
    call("predict", "m.json", "data.csv", "--output", "out.csv")
    np.testing.assert_allclose(read_numbers("out.csv")[1][:, 0], fit.predict(X), rtol=1e-12)


def test_a_model_file_reads_back_to_the_last_digit(call):
    X, y = write_table()
    call("fit", "data.csv", "--target", "price", "--model", "m.json", "--tol", 1e-8)
    model = read_model("m.json")
    fits = path(X, y, tol=1e-8)
    assert model.names == NAMES
    assert model.target == "price"
    assert model.settings["tol"] == 1e-8
    assert model.settings["l1_ratio"] == 1.0
    assert model.settings["data"] == "data.csv"
    assert (model.path.coefs != fits.coefs).nnz == 0
    for name in ("alphas", "intercepts", "gaps", "tols", "n_epochs", "status", "dev_ratio", "df"):
        np.testing.assert_array_equal(getattr(model.path, name), getattr(fits, name))
    assert json.loads(text_of("m.json"))["softreg_fast"] == softreg_fast.__version__


def test_coefficients_of_a_path_for_a_spreadsheet(call):
    X, y = write_table()
    call("fit", "data.csv", "--target", "price", "--alphas", "0.1,1,0.5", "--coefficients", "c.csv")
    with open("c.csv", encoding="utf-8") as file:
        header, intercepts, *rows = list(csv.reader(file))
    fits = path(X, y, alphas=[1.0, 0.5, 0.1])
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
    fits = path(X, y)
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
    expected = {"n_folds": 5, "rule": rule, "seed": cv.random_state}
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
        found = cv_path(X, y, cv=k, **options)
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
    found = cv_path(X, y, cv=5)
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
        found = cv_path(X, y, cv=KFold(30, shuffle=True, random_state=0), alphas=[1.0, 0.1, 0.01])
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
    fits = path(X[:, kept], y, sample_weight=weights, n_alphas=5)
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
    fits = path(X, y, l1_ratio=0.5, l1_weights=[0, np.inf, 1, 2.5], l2_weights=[1, 1, 1, 0.5])
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
    fit = solve(X, y, alpha=0.2, l1_ratio=0)
    np.testing.assert_allclose(read_model("m.json").path[0].coef, fit.coef, rtol=1e-12)


def test_not_converged_is_one_line_and_still_a_result(call):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 60)).cumsum(axis=1)
    np.savez("data.npz", X=X, y=X[:, :5].sum(axis=1))
    code, out, err = call(
        "fit", "data.npz", "--alpha", 1e-3, "--max-iter", 2, "--tol", 1e-12, "--model", "m.json"
    )
    assert code == 0
    assert err.startswith("softreg_fast: warning: Objective did not converge")
    assert err.count("\n") == 1
    assert "not converged" in out
    assert not read_model("m.json").path.converged


# ---------------------------------------------------------------------------------------------
# Formats.


@pytest.mark.parametrize(
    ("name", "delimiter", "options"),
    [
        ("t.csv", ",", ()),
        ("t.csv", ";", ()),
        ("t.tsv", "\t", ()),
        ("t.txt", "\t", ()),
        ("t.dat", " ", ()),
        ("t.txt", "|", ()),
        ("t.csv", ":", ("--delimiter", ":")),
        ("t", ",", ("--format", "csv")),
    ],
)
def test_delimiters(call, name, delimiter, options):
    X, y = table()
    rows = np.column_stack([X, y]).tolist()
    write_csv(name, ["a", "b", "c", "d", "y"], rows, delimiter)
    code, _, err = call("fit", name, "--target", "y", "--model", "m.json", *options)
    assert (code, err) == (0, "")
    assert read_model("m.json").names == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(read_model("m.json").path.alphas, path(X, y).alphas)


def test_text_as_people_write_it(call):
    # byte order mark, blank lines, quotes, blanks, ends of lines from Windows, aligned columns
    file_with('\ufeff\r\n"a", b ,y\r\n"1.5", 2 ,3\r\n\r\n1e3,-.5,+4\r\n0,1,0\r\n')
    code, out, _ = call("fit", "data.csv", "--target", "y")
    assert code == 0
    assert "3 rows, 2 features" in out
    file_with("  a    b  y  \n 1    2  3\n\n 10   0  1 \n  3   4 5\n", "data.txt")
    code, out, _ = call("fit", "data.txt", "--target", "y")
    assert code == 0
    assert "3 rows, 2 features" in out


def test_compressed_text(call):
    X, y = write_table()
    with open("data.csv", "rb") as plain, gzip.open("data.csv.gz", "wb") as packed:
        packed.write(plain.read())
    assert call("fit", "data.csv.gz", "--target", "price", "--model", "m.json")[0] == 0
    np.testing.assert_array_equal(read_model("m.json").path.alphas, path(X, y).alphas)


def test_predict_finds_columns_by_name(call):
    X, y = write_table()
    call("fit", "data.csv", "--target", "price", "--alpha", 0.1, "--model", "m.json")
    rows = [["text", *row, ""] for row in X[:, ::-1].tolist()]
    write_csv("new.csv", ["other", *NAMES[::-1], "price"], rows)
    code, out, _ = call("predict", "m.json", "new.csv")
    assert code == 0
    np.testing.assert_allclose(
        np.array(out.split()[1:], float), solve(X, y, alpha=0.1).predict(X), rtol=1e-12
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, np.uint16])
def test_arrays(call, dtype):
    X, y = table()
    X = (10 * np.abs(X)).astype(dtype)
    np.savez("data.npz", X=X, y=y, other=y + 1, w=np.arange(1, 31))
    code, _, err = call("fit", "data.npz", "--model", "m.json", "--n-alphas", 5)
    assert (code, err) == (0, "")
    assert read_model("m.json").names is None
    fits = path(X, y, n_alphas=5)
    call("predict", "m.json", "data.npz", "--output", "out.csv")
    np.testing.assert_allclose(read_numbers("out.csv")[1], fits.predict(X), rtol=1e-12)
    np.save("y.npy", y[:, None])
    for target in ("other", "y.npy"):
        options = ("--target", target, "--weights", "w", "--n-alphas", 5)
        assert call("fit", "data.npz", *options, "--model", "m.json")[0] == 0
        expected = path(X, y, sample_weight=np.arange(1, 31), n_alphas=5).alphas
        np.testing.assert_allclose(read_model("m.json").path.alphas, expected, rtol=1e-6)


def test_arrays_with_names(call):
    X, y = table()
    np.savez("data.npz", X=X, y=y, feature_names=np.array(NAMES))
    call("fit", "data.npz", "--alpha", 0.1, "--ignore", "age", "--model", "m.json")
    assert read_model("m.json").names == ["rooms", "tax, yearly", "distance"]
    np.savez("new.npz", X=X[:, ::-1], feature_names=np.array(NAMES[::-1]))
    code, out, _ = call("predict", "m.json", "new.npz")
    assert code == 0
    expected = solve(X[:, [0, 2, 3]], y, alpha=0.1).predict(X[:, [0, 2, 3]])
    np.testing.assert_allclose(np.array(out.split()[1:], float), expected, rtol=1e-12)


def sparse_table(dtype=np.float64):
    rng = np.random.default_rng(1)
    X = sp.csr_array((rng.random((60, 25)) * (rng.random((60, 25)) < 0.2)).astype(dtype))
    return X, np.asarray(X.sum(axis=1)).ravel().astype(float) + 5.0 * X.toarray()[:, 3]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_sparse_arrays(call, dtype, form):
    X, y = sparse_table(dtype)
    sp.save_npz("X.npz", X.asformat(form))
    np.save("y.npy", y)
    code, _, err = call("fit", "X.npz", "--target", "y.npy", "--model", "m.json")
    assert (code, err) == (0, "")
    call("predict", "m.json", "X.npz", "--output", "out.csv")
    np.testing.assert_allclose(read_numbers("out.csv")[1], path(X, y).predict(X), rtol=1e-12)


@pytest.mark.parametrize("zero_based", [True, False])
def test_svmlight(call, zero_based):
    X, y = sparse_table()
    dump_svmlight_file(X, y, "data.svm", zero_based=zero_based)
    np.save("w.npy", np.arange(1.0, 61.0))
    options = ("--weights", "w.npy", "--alpha", 0.01, "--model", "m.json")
    code, out, err = call("fit", "data.svm", *options)
    assert (code, err) == (0, "")
    model = read_model("m.json")
    assert model.label(3) == str(3 + (not zero_based))
    assert re.search(rf"^  {model.label(3)} ", out, re.M)
    fit = solve(X, y, alpha=0.01, sample_weight=np.arange(1.0, 61.0))
    # a few rows with fewer features, and with one that the model does not know
    few = sp.csr_array(X[:4, :10])
    wide = sp.hstack([X[:4], sp.csr_array(np.ones((4, 1)))]).tocsr()
    first = 0 if zero_based else 1
    for given, known in ((few, sp.hstack([few, sp.csr_array((4, 15))])), (wide, X[:4])):
        dump_svmlight_file(given, np.zeros(4), "new.svm", zero_based=zero_based)
        code, out, _ = call("predict", "m.json", "new.svm")
        assert code == 0
        np.testing.assert_allclose(
            np.array(out.split()[1:], float), fit.predict(known.tocsr()), rtol=1e-12
        )
    assert model.first_index == first


def test_svmlight_penalty_weights_by_index(call):
    X, y = sparse_table()
    dump_svmlight_file(X, y, "data.svm.gz.tmp", zero_based=False)
    with open("data.svm.gz.tmp", "rb") as plain, gzip.open("data.svm.gz", "wb") as packed:
        packed.write(plain.read())
    file_with("feature;l1\n4;inf\n", "w.csv")
    code, _, _ = call("fit", "data.svm.gz", "--penalty-weights", "w.csv", "--model", "m.json")
    assert code == 0
    assert not read_model("m.json").path.coefs[[3]].nnz


def test_parquet(call):
    pd = pandas_with_parquet()
    X, y = table()
    frame = pd.DataFrame(X, columns=NAMES, index=np.arange(100, 130))
    frame["count"] = pd.array(range(30), dtype="Int64")
    frame["flag"] = y > 3.0
    frame["city"] = "Paris"
    frame["price"] = y.astype(np.float32)
    frame.to_parquet("data.parquet")
    options = ("--target", "price", "--ignore", "city", "--model", "m.json", "--n-alphas", 5)
    code, _, err = call("fit", "data.parquet", *options)
    assert (code, err) == (0, "")
    everything = np.column_stack([X, np.arange(30.0), y > 3.0])
    fits = path(everything, y.astype(np.float32), n_alphas=5)
    assert read_model("m.json").names == [*NAMES, "count", "flag"]
    call("predict", "m.json", "data.parquet", "--output", "out.csv")
    np.testing.assert_allclose(read_numbers("out.csv")[1], fits.predict(everything), rtol=1e-12)


# ---------------------------------------------------------------------------------------------
# Invalid input: one line, exit code 2, nothing written.

CSV_ERRORS = {
    "text": ("a,b,y\n1,2,3\n4,Paris,6\n", ['column "b", line 3', "'Paris'", "--ignore b"]),
    "text in the target": ("a,y\n1,2\n3,low\n", ['column "y", line 3', "'low'"]),
    "decimal comma": ("a;y\n1;2\n3;4,5\n", ['column "y", line 3', "write 4.5"]),
    "empty cell": ("a,b,y\n1,2,3\n\n4,,6\n", ['column "b", line 4 is empty', "--ignore b"]),
    "empty target": ("a,y\n1,2\n3,\n", ['column "y", line 3 is empty']),
    "NA": ("a,y\n1,2\nNA,4\n", ['column "a", line 3', "'NA'"]),
    "spreadsheet": ("a,y\n1,2\n#DIV/0!,4\n", ['column "a", line 3', "missing"]),
    "nan": ("a,y\n1,2\nnan,4\n", ['column "a", line 3', "'nan'", "missing"]),
    "infinite": ("a,y\n1,2\n-inf,4\n", ['column "a", line 3', "finite"]),
    "too large": ("a,y\n1,2\n1e999,4\n", ['column "a", line 3', "finite"]),
    "underscore": ("a,y\n1,2\n1_000,4\n", ['column "a", line 3', "'1_000'"]),
    "short row": ("a,b,y\n1,2,3\n4,5\n", ["line 3 has 2 cells", "header has 3"]),
    "long row": ("a,b,y\n1,2,3\n4,5,6,7\n", ["line 3 has 4 cells", "header has 3"]),
    "every row is long": ("a,b,y\n1,2,3,4\n", ["line 2 has 4 cells", "header has 3"]),
    "same name": ("a,a,y\n1,2,3\n", ["more than one column", '"a"']),
    "no name": (",a,y\n0,2,3\n", ["column 1", "no name", "--ignore ''"]),
    "no header": ("1.5,2.5,3.5\n4,5,6\n", ["only numbers", "header"]),
    "no rows": ("a,b,y\n", ["no rows"]),
    "only blank lines": ("\n\n", ["empty", "header"]),
    "only the target": ("y\n1\n2\n", ["no column left"]),
    "no such target": ("a,b,Y\n1,2,3\n", ['no column "y"', 'did you mean "Y"']),
    "no such name": ("a,b,Z\n1,2,3\n", ['no column "y"', 'it has "a", "b", "Z"']),
    "nearly the target": ("a,b,yy\n1,2,3\n", ['no column "y"', 'did you mean "yy"']),
    "open quotes": ('a,b,y\n1,2,3\n1,"2,3\n4,5,6\n', ["data.csv", "double quote"]),
}


@pytest.mark.parametrize("case", CSV_ERRORS)
def test_text_tables_with_errors(fails, case):
    text, wanted = CSV_ERRORS[case]
    file_with(text)
    said = fails("fit", "data.csv", "--target", "y", "--model", "m.json")
    for words in wanted:
        assert words in said
    assert files() == ["data.csv"]


def test_columns_that_are_asked_for_but_not_there(fails):
    write_table()
    target = ("fit", "data.csv", "--target", "price")
    assert "--target" in fails("fit", "data.csv")
    assert '"price"' in fails("fit", "data.csv")
    assert 'no column "wt"' in fails(*target, "--weights", "wt")
    assert 'no column "x"' in fails(*target, "--ignore", "age,x")
    assert "both --target and --weights" in fails(*target, "--weights", "price")
    assert "--ignore" in fails(*target, "--ignore", "price")


def test_files_that_cannot_be_read(fails, tmp_path):
    assert "no such file" in fails("fit", "nothing.csv", "--target", "y")
    os.mkdir("folder.csv")
    assert "is a folder" in fails("fit", "folder.csv", "--target", "y")
    file_with("")
    assert "is empty" in fails("fit", "data.csv", "--target", "y")
    with open("data.csv", "wb") as file:
        file.write("größe,y\n1,2\n".encode("latin-1"))
    assert "UTF-8" in fails("fit", "data.csv", "--target", "y")
    with open("data.csv", "wb") as file:
        file.write(b"a,y\n1,2\n" + b"3,\x00\xff\xfe\n")
    assert "UTF-8" in fails("fit", "data.csv", "--target", "y")
    file_with("not compressed", "data.csv.gz")
    assert "data.csv.gz" in fails("fit", "data.csv.gz", "--target", "y")
    with open("short.csv.gz", "wb") as file:
        file.write(gzip.compress(b"a,y\n1,2\n" * 1000)[:-20])
    assert "short.csv.gz" in fails("fit", "short.csv.gz", "--target", "y")
    file_with("a,y\n1,2\n", "data.data")
    assert "--format" in fails("fit", "data.data", "--target", "y")
    assert "--delimiter" in fails("fit", "data.csv", "--format", "npz", "--delimiter", ",")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(fails):
    write_table()
    os.chmod("data.csv", 0)
    assert "permission denied" in fails("fit", "data.csv", "--target", "price")


SVMLIGHT_ERRORS = {
    "no number": ("1 1:2\nx 1:2\n", ["line 2", "target is 'x'"]),
    "no colon": ("1 1:2\n1 2 3:4\n", ["line 2", "'2' is not index:value"]),
    "no value": ("1 1:2\n1 2:x\n", ["line 2", "'2:x'"]),
    "falling": ("1 1:2\n1 5:1 3:1 # why\n", ["line 2", "index 3 follows 5"]),
    "twice": ("1 1:2\n1 5:1 5:1\n", ["line 2", "index 5 follows 5"]),
    "nan": ("1 1:2\n1 5:nan\n", ["feature 5, row 2"]),
    "target nan": ("1 1:2\nnan 5:1\n", ["target", "row 2"]),
    "nothing": ("# nothing\n", ["no entries"]),
}


@pytest.mark.parametrize("case", SVMLIGHT_ERRORS)
def test_svmlight_with_errors(fails, case):
    text, wanted = SVMLIGHT_ERRORS[case]
    file_with(text, "data.svm")
    said = fails("fit", "data.svm")
    for words in ["data.svm", *wanted]:
        assert words in said


def test_svmlight_options_that_have_no_meaning(fails):
    file_with("1 1:2\n2 1:3\n", "data.svm")
    assert "--target" in fails("fit", "data.svm", "--target", "y")
    assert "inf" in fails("fit", "data.svm", "--ignore", "1")
    assert ".npy" in fails("fit", "data.svm", "--weights", "w")


def test_arrays_with_errors(fails):
    X, y = table()

    def said(*options, **arrays):
        np.savez("data.npz", **arrays)
        return fails("fit", "data.npz", *options)

    assert "no array X" in said(y=y)
    assert "no array y" in said(X=X)
    assert 'no array "z"' in said("--target", "z", X=X, y=y)
    assert "shape (30,)" in said(X=y, y=y)
    assert "shape (29,)" in said(X=X, y=y[:29])
    assert "real numbers" in said(X=X.astype(complex), y=y)
    assert "real numbers" in said(X=X, y=np.array(["a"] * 30))
    assert "Object arrays" in said(X=X, y=y.astype(object))
    assert "feature_names" in said(X=X, y=y, feature_names=np.array(["a"]))
    assert '"a"' in said(X=X, y=y, feature_names=np.array(["a", "a", "b", "c"]))
    assert "--penalty-weights" in said("--ignore", "1", X=X, y=y)
    assert 'no column "x"' in said("--ignore", "x", X=X, y=y, feature_names=np.array(NAMES))
    X[4, 2] = np.nan
    assert "feature 2, row 5" in said(X=X, y=y)
    assert '"tax, yearly", row 5' in said(X=X, y=y, feature_names=np.array(NAMES))
    assert "row 8" in said(X=X[:, :2], y=np.where(np.arange(30) == 7, np.inf, y))
    assert "negative" in said("--weights", "w", X=X[:, :2], y=y, w=-np.ones(30))


def test_damaged_archives(fails):
    X, y = sparse_table()
    sp.save_npz("X.npz", X)
    np.save("y.npy", y)
    assert ".npy file" in fails("fit", "X.npz")
    assert "no array" in fails("fit", "X.npz", "--target", "y")
    assert "no such file" in fails("fit", "X.npz", "--target", "z.npy")
    file_with("nonsense", "z.npy")
    assert "z.npy" in fails("fit", "X.npz", "--target", "z.npy")
    whole = Path("X.npz").read_bytes()
    for damaged in (whole[:100], whole[: len(whole) // 2], b"nonsense", whole[:200] + whole[260:]):
        with open("X.npz", "wb") as file:
            file.write(damaged)
        assert "X.npz" in fails("fit", "X.npz", "--target", "y.npy")
    parts = {"format": b"csr", "shape": [2, 3], "data": [1.0, 2.0], "indptr": [0, 1, 2]}
    np.savez("X.npz", indices=[0, 7], **parts)
    np.save("y.npy", [1.0, 2.0])
    assert "sparse matrix" in fails("fit", "X.npz", "--target", "y.npy")


def test_parquet_with_errors(fails):
    pd = pandas_with_parquet()
    file_with("nonsense", "data.parquet")
    assert "Parquet" in fails("fit", "data.parquet", "--target", "y")

    def said(**columns):
        pd.DataFrame(columns).to_parquet("data.parquet")
        return fails("fit", "data.parquet", "--target", "y")

    assert "column \"a\", row 1 holds 'Rome'" in said(a=["Rome", "Bonn"], y=[1, 2])
    assert 'column "a", row 2' in said(a=[1.0, None], y=[1, 2])
    assert 'column "a", row 2' in said(a=pd.array([1, None], dtype="Int64"), y=[1, 2])
    assert 'column "y", row 1' in said(a=[1.0, 2.0], y=[np.nan, 2])
    assert 'column "t"' in said(t=pd.to_datetime(["2020-01-01"] * 2), y=[1, 2])
    assert "no rows" in said(a=[], y=[])
    assert 'no column "y"' in said(a=[1, 2])


@pytest.mark.parametrize(("name", "missing"), [("data.csv", "pandas"), ("data.parquet", "pyarrow")])
def test_tables_without_the_extra(fails, monkeypatch, name, missing):
    file_with("a,y\n1,2\n", name)
    monkeypatch.setitem(sys.modules, missing, None)
    said = fails("fit", name, "--target", "y")
    assert (
        f'reading {name} needs {missing}; install it with: pip install "softreg_fast[tables]"'
        in said
    )


WEIGHT_ERRORS = {
    "unknown": ("feature,l1\nroom,2\n", ["line 2", '"room"', 'did you mean "rooms"']),
    "twice": ("feature,l1\nage,2\nage,2\n", ["line 3", '"age"']),
    "negative": ("feature,l1\nage,-2\n", ["line 2", "'-2'"]),
    "text": ("feature,l1\nage,low\n", ["line 2", "'low'"]),
    "nan": ("feature,l1\nage,nan\n", ["line 2", "'nan'"]),
    "columns": ("name,l1\nage,1\n", ['"name"', "expected feature and l1"]),
    "other column": ("feature,l3\nage,1\n", ['"l3"', "expected feature and l1"]),
    "short": ("feature,l1,l2\nage,1\n", ["line 2 has 2 cells"]),
    "the target": ("feature,l1\nprice,1\n", ['"price"']),
}


@pytest.mark.parametrize("case", WEIGHT_ERRORS)
def test_penalty_weights_with_errors(fails, case):
    text, wanted = WEIGHT_ERRORS[case]
    write_table()
    file_with(text, "w.csv")
    said = fails("fit", "data.csv", "--target", "price", "--penalty-weights", "w.csv")
    for words in ["w.csv", *wanted]:
        assert words in said


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
    assert "damaged" in said(lambda m: m.update(n_features=3))
    assert "damaged" in said(lambda m: m["models"].reverse())
    assert "damaged" in said(lambda m: m["models"][2].update(intercept=None))
    assert "damaged" in said(lambda m: m["models"][2].update(intercept="x"))
    assert "damaged" in said(lambda m: m["models"][2].update(status="fine"))
    assert "damaged" in said(lambda m: m["models"][2]["coefficients"].update(other=1.0))
    assert "damaged" in said(lambda m: m["models"][2]["coefficients"].update(age=[1.0]))
    assert "not a model" in fails("predict", file_with(whole[:-100], "m.json"), "data.csv")


def test_tables_that_do_not_fit_the_model(call, fails):
    X, _ = write_table()
    call("fit", "data.csv", "--target", "price", "--alpha", 0.1, "--model", "m.json")
    write_csv("new.csv", ["age", "distance", "other"], [[1, 2, 3]])
    assert '2 of the 4 columns that the model was fitted on: "rooms", "tax, yearly"' in fails(
        "predict", "m.json", "new.csv"
    )
    write_csv("new.csv", [*NAMES, "age"], [[1, 2, 3, 4, 5]])
    assert "more than one column" in fails("predict", "m.json", "new.csv")
    write_csv("new.csv", NAMES, [[1, 2, 3, "none"]])
    assert 'column "distance", line 2' in fails("predict", "m.json", "new.csv")
    np.savez("new.npz", X=X[:, :3])
    assert "3 columns, the model has 4" in fails("predict", "m.json", "new.npz")
    assert "0.1 alone" in fails("predict", "m.json", "data.csv", "--alpha", 0.2)
    write_csv("new.csv", NAMES, X.tolist())
    assert call("predict", "m.json", "new.csv")[1].count("\n") == 31


def test_without_names_columns_are_matched_by_position(call, fails):
    X, y = write_table()
    np.savez("data.npz", X=X, y=y)
    call("fit", "data.npz", "--alpha", 0.1, "--model", "m.json")
    assert "5 columns, the model has 4" in fails("predict", "m.json", "data.csv")
    write_csv("new.csv", NAMES, X.tolist())
    code, out, _ = call("predict", "m.json", "new.csv")
    assert code == 0
    np.testing.assert_allclose(
        np.array(out.split()[1:], float), solve(X, y, alpha=0.1).predict(X), rtol=1e-12
    )


USAGE_ERRORS = [
    ((), "COMMAND"),
    (("fly",), "fly"),
    (("fit",), "FILE"),
    (("fit", "data.csv", "--target"), "--target"),
    (("fit", "data.csv", "--nonsense"), "--nonsense"),
    (("fit", "data.csv", "--alpha", "x"), "'x' is not a number >= 0"),
    (("fit", "data.csv", "--alpha", "-1"), "'-1' is not a number >= 0"),
    (("fit", "data.csv", "--alpha", "nan"), "'nan' is not a number"),
    (("fit", "data.csv", "--alphas", "1,,2"), "'' is not a number"),
    (("fit", "data.csv", "--alpha", "1", "--alphas", "1,2"), "not allowed with"),
    (("fit", "data.csv", "--alpha", "1", "--eps", "0.1"), "--eps"),
    (("fit", "data.csv", "--alphas", "1", "--n-alphas", "7"), "--n-alphas"),
    (("fit", "data.csv", "--alpha", "1", "--select", "dev=0.5"), "--select"),
    (("fit", "data.csv", "--l1-ratio", "1.5"), "'1.5' is not a number >= 0 and <= 1"),
    (("fit", "data.csv", "--eps", "0"), "'0' is not a number > 0"),
    (("fit", "data.csv", "--tol", "0"), "'0' is not a number > 0"),
    (("fit", "data.csv", "--max-iter", "0"), "'0' is not >= 1"),
    (("fit", "data.csv", "--n-alphas", "1.5"), "'1.5' is not a whole number"),
    (("fit", "data.csv", "--threads", "0"), "0 has no meaning"),
    (("fit", "data.csv", "--delimiter", "ab"), "'ab' is not one character"),
    (("fit", "data.csv", "--select", "best"), "'best' is not dev="),
    (("fit", "data.csv", "--select", "dev=2"), "'2' is not a number"),
    (("fit", "data.csv", "--format", "xls"), "xls"),
    (("fit", "data.csv", "--cv", "1"), "'1' is not >= 2"),
    (("fit", "data.csv", "--cv", "five"), "'five' is not a whole number"),
    (("fit", "data.csv", "--cv", "5", "--rule", "2se"), "2se"),
    (("fit", "data.csv", "--cv", "5", "--seed", "-1"), "'-1' is not from 0 to"),
    (("fit", "data.csv", "--cv", "5", "--alpha", "1"), "leave it out, or --alpha"),
    (("fit", "data.csv", "--cv", "5", "--select", "dev=0.5"), "--cv and --select"),
    (("fit", "data.csv", "--rule", "1se"), "--rule is for cross-validation; say --cv K"),
    (("fit", "data.csv", "--seed", "0"), "--seed is for cross-validation"),
    (("fit", "data.csv", "--seed", "none"), "--seed is for cross-validation"),
    (("predict", "m.json"), "FILE"),
]


@pytest.mark.parametrize(("argv", "words"), USAGE_ERRORS)
def test_usage_errors(fails, argv, words):
    write_table()
    assert words in fails(*argv)


def test_selections_outside_the_path(fails):
    write_table()
    fit = ("fit", "data.csv", "--target", "price", "--n-alphas", "5", "--eps", "0.5", "--select")
    assert "explains at most" in fails(*fit, "dev=0.99")
    assert "lies outside the path" in fails(*fit, "alpha=1000")
    assert "indices 0 to 4" in fails(*fit, "index=5")


# ---------------------------------------------------------------------------------------------
# Writing whole or not at all.


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


def test_a_folder_without_permission(monkeypatch):
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    with pytest.raises(InputError, match="not writable"):
        check_writable("out.csv")


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


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_an_interrupted_write_leaves_the_old_file(error):
    file_with("old", "out.csv")

    def pieces():
        yield "new " * 100_000
        raise error

    with pytest.raises(error):
        write_whole("out.csv", pieces())
    assert files() == ["out.csv"]
    assert text_of("out.csv") == "old"


@pytest.mark.skipif(os.name != "posix", reason="links and devices are POSIX matters")
def test_links_and_devices_are_written_through(call):
    os.mkdir("elsewhere")
    file_with("old", "elsewhere/real.csv")
    os.symlink("elsewhere/real.csv", "link.csv")
    write_whole("link.csv", ["new"])
    assert os.path.islink("link.csv")
    assert text_of("elsewhere/real.csv") == "new"
    write_whole("/dev/null", ["nothing"])
    assert not os.path.isfile("/dev/null")
    old = os.umask(0o027)
    try:
        write_whole("shared.csv", ["x"])
    finally:
        os.umask(old)
    assert os.stat("shared.csv").st_mode & 0o777 == 0o640


# ---------------------------------------------------------------------------------------------
# The process.


def process(*argv, **options):
    return subprocess.run(
        [sys.executable, "-m", "softreg_fast", *argv],
        capture_output=True, text=True, timeout=60, check=False, **options,
    )  # fmt: skip


def test_help_and_version(call):
    code, out, err = call("--version")
    assert (code, out, err) == (0, f"softreg_fast {softreg_fast.__version__}\n", "")
    for command in ((), ("fit",), ("predict",), ("demo",), ("info",)):
        code, out, err = call(*command, "--help")
        assert (code, err) == (0, "")
        assert "usage: softreg_fast" in out
    assert "examples:" in call("--help")[1]


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

    monkeypatch.setattr(fit_module, "Design", too_large)
    assert "not enough memory" in fails("fit", "data.csv", "--target", "price")


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


def test_the_demonstration():
    done = process("demo", env={**os.environ, "TMPDIR": "."})
    assert (done.returncode, done.stderr) == (0, "")
    out = done.stdout
    assert max(map(len, out.splitlines())) <= 100
    assert len(out.splitlines()) < 60
    assert len(re.findall(r"^ +\d+ +\d+ +[\d.]+ +[\d.]+ +[\d.e+-]+$", out, re.M)) == 13
    assert "bmi * ltg" in out
    if find_spec("matplotlib") is not None:
        assert text_of(out.splitlines()[-1].strip()).startswith("<!DOCTYPE html>")
    certified = float(re.search(r"within (\S+) P0 of its minimum", out)[1])
    assert certified <= demo.WORST_GAP
    raced = re.findall(r" (softreg_fast|scikit-learn|NumPy) +(\S+) +([\d.]+) ms(.*)$", out, re.M)
    assert [row[0] for row in raced[::2]] == ["softreg_fast"] * 3
    assert [row[0] for row in raced[1::2]] == ["scikit-learn", "NumPy", "scikit-learn"]
    assert all(float(gap) <= demo.WORST_GAP for _, gap, _, _ in raced)
    for ours, theirs in zip(raced[::2], raced[1::2], strict=True):
        factor, word = re.fullmatch(r" +(\S+) x (faster|slower)", theirs[3]).groups()
        ratio = float(theirs[2]) / float(ours[2])
        assert word == ("faster" if ratio >= 1.0 else "slower")
        assert float(factor) == pytest.approx(max(ratio, 1.0 / ratio), rel=0.1)


def test_the_demonstration_without_matplotlib(call, fails, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "matplotlib" in fails("demo", "--report", "report.html")
    monkeypatch.setattr(demo, "race", lambda problem, alphas: [])
    code, out, err = call("demo")
    assert (code, err) == (0, "")
    assert out.endswith("needs matplotlib\n(pip install 'softreg_fast[plot]').\n")
    assert files() == []


def test_the_demonstration_writes_where_it_is_told(call, fails):
    pytest.importorskip("matplotlib")
    assert "no folder" in fails("demo", "--report", "nowhere/report.html")


def test_the_referee_of_the_demonstration():
    problem = demo.load_problem()
    assert problem.X.shape == (442, 64)
    assert {"bmi^2", "age * bmi", "hdl"} < set(problem.names)
    assert "sex^2" not in problem.names
    fit = solve(problem.X, problem.y, alpha=3.0, standardize=True, tol=1e-10)
    w = fit.coef * problem.deviation
    # primal minus dual of an exact fit is a rounding error of either sign
    assert -1e-15 <= demo.relative_gap(problem, w, 3.0, 0.0) <= 3e-10
    worse = demo.relative_gap(problem, 0.9 * w, 3.0, 0.0)
    r = problem.target - problem.Z @ (0.9 * w)
    better = problem.target - problem.Z @ w
    excess = (r @ r - better @ better) / (2 * 442) - 0.3 * np.abs(w).sum()
    assert worse >= excess / (problem.target @ problem.target / (2 * 442)) > 0.0
    weights = np.linspace(0.5, 2.0, 64)
    ridge = solve(problem.X, problem.y, alpha=3.0, l1_ratio=0, l2_weights=weights, standardize=True)
    gap = demo.relative_gap(problem, ridge.coef * problem.deviation, 0.0, 3.0 * weights)
    assert abs(gap) <= 1e-12


def test_a_file_written_again_keeps_its_permissions(tmp_path):
    place = tmp_path / "model.json"
    place.write_text("old")
    place.chmod(0o600)
    write_whole(str(place), ["new"])
    assert place.read_text() == "new"
    if os.name == "posix":
        assert place.stat().st_mode & 0o777 == 0o600


def test_names_as_long_as_a_folder_allows(tmp_path):
    place = tmp_path / ("名" * 83 + ".json")  # 254 bytes
    write_whole(str(place), ["new"])
    assert [each.name for each in tmp_path.iterdir()] == [place.name]
