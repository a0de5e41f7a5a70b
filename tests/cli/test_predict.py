"""`softreg_fast predict`: columns of a new table are matched with those of the model."""

import numpy as np
import pytest
from datafiles import NAMES, file_with, read_numbers, table, write_csv, write_table
from sklearn.datasets import dump_svmlight_file

from softreg_fast import path, solve
from softreg_fast.cli.models import read_model

pd = pytest.importorskip("pandas")


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


def test_predict_finds_columns_by_name(call):
    X, y = write_table()
    call("fit", "data.csv", "--target", "price", "--alpha", 0.1, "--model", "m.json")
    rows = [["text", *row, ""] for row in X[:, ::-1].tolist()]
    write_csv("new.csv", ["other", *NAMES[::-1], "price"], rows)
    code, out, _ = call("predict", "m.json", "new.csv")
    assert code == 0
    np.testing.assert_allclose(
        np.array(out.split()[1:], float),
        solve(X, y, alpha=0.1, standardize=True).predict(X),
        rtol=1e-12,
    )


def write_with_offset(name="data.csv", header="expected"):
    """Write the table with a column of offsets, and return (X, y, offset)."""
    X, y = table()
    offset = np.linspace(-20.0, 30.0, len(y))
    rows = [[o, *row, t] for o, row, t in zip(offset, X.tolist(), y, strict=True)]
    write_csv(name, [header, *NAMES, "price"], rows)
    return X, y, offset


FIT_OFFSET = ("fit", "data.csv", "--target", "price", "--offset", "expected", "--alpha", 0.1)


def test_an_offset_is_found_by_its_name(call):
    X, y, offset = write_with_offset()
    code, _, err = call(*FIT_OFFSET, "--model", "m.json")
    assert (code, err) == (0, "")
    fit = solve(X, y, alpha=0.1, offset=offset, standardize=True)
    model = read_model("m.json")
    assert (model.offset, model.names) == ("expected", NAMES)
    assert model.path.has_offset
    np.testing.assert_allclose(model.path[0].coef, fit.coef, rtol=1e-12)
    expected = fit.predict(X, offset=offset)
    code, out, _ = call("predict", "m.json", "data.csv")
    np.testing.assert_allclose(np.array(out.split()[1:], float), expected, rtol=1e-12)
    write_with_offset("new.csv", "other")
    code, out, _ = call("predict", "m.json", "new.csv", "--offset", "other")
    np.testing.assert_allclose(np.array(out.split()[1:], float), expected, rtol=1e-12)
    pd.read_csv("data.csv").to_parquet("data.parquet")
    code, out, _ = call("predict", "m.json", "data.parquet")
    np.testing.assert_allclose(np.array(out.split()[1:], float), expected, rtol=1e-12)


def test_offsets_of_matrices_are_arrays_and_files(call, fails):
    X, y, offset = write_with_offset()
    expected = solve(X, y, alpha=0.1, offset=offset, standardize=True).predict(X, offset=offset)
    np.savez("data.npz", X=X, y=y, o=offset)
    np.save("o.npy", offset)
    for name in ("o", "o.npy"):
        call("fit", "data.npz", "--offset", name, "--alpha", 0.1, "--model", "m.json")
        _, out, _ = call("predict", "m.json", "data.npz", "--offset", name)
        np.testing.assert_allclose(np.array(out.split()[1:], float), expected, rtol=1e-12)
    assert "offset in o.npy, a file for the rows of the fit; give --offset one for these" in fails(
        "predict", "m.json", "data.npz"
    )
    dump_svmlight_file(X, y, "data.svm", zero_based=False)
    call("fit", "data.svm", "--offset", "o.npy", "--alpha", 0.1, "--model", "m.json")
    _, out, _ = call("predict", "m.json", "data.svm", "--offset", "o.npy")
    np.testing.assert_allclose(np.array(out.split()[1:], float), expected, rtol=1e-12)


def test_a_nameless_model_takes_the_other_columns_in_order(call):
    X, y, offset = write_with_offset()
    np.savez("data.npz", X=X, y=y, expected=offset)
    call("fit", "data.npz", "--offset", "expected", "--alpha", 0.1, "--model", "m.json")
    rows = np.column_stack([X[:, :2], offset, X[:, 2:]]).tolist()
    write_csv("new.csv", ["p", "q", "expected", "r", "s"], rows)
    _, out, _ = call("predict", "m.json", "new.csv")
    expected = solve(X, y, alpha=0.1, offset=offset, standardize=True).predict(X, offset=offset)
    np.testing.assert_allclose(np.array(out.split()[1:], float), expected, rtol=1e-12)


def test_offsets_that_are_missing_or_too_many(call, fails):
    write_with_offset()
    call(*FIT_OFFSET, "--model", "m.json")
    write_with_offset("new.csv", "expectd")
    said = fails("predict", "m.json", "new.csv")
    assert 'new.csv lacks the column "expected" of the offset, which the model was fitted' in said
    assert 'did you mean "expectd"?, and --offset names another' in said
    write_csv("new.csv", [*NAMES, "expected", "expected"], [[1, 2, 3, 4, 5, 6]])
    assert 'more than one column named "expected"' in fails("predict", "m.json", "new.csv")
    write_csv("new.csv", [*NAMES, "expected"], [[1, 2, 3, 4, ""]])
    assert 'column "expected", line 2' in fails("predict", "m.json", "new.csv")
    call("fit", "data.csv", "--target", "price", "--alpha", 0.1, "--model", "m.json")
    assert "m.json was fitted without an offset; leave --offset out" in fails(
        "predict", "m.json", "data.csv", "--offset", "expected"
    )


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
        np.array(out.split()[1:], float),
        solve(X, y, alpha=0.1, standardize=True).predict(X),
        rtol=1e-12,
    )


def test_only_one_side_has_names(call, fails):
    X = np.random.default_rng(0).standard_normal((9, 3))
    np.savez("data.npz", X=X, y=X.sum(axis=1))
    frame = pd.DataFrame(X, columns=list("abc"))
    frame.to_csv("data.csv", index=False)
    frame.assign(y=X.sum(axis=1)).to_csv("fit.csv", index=False)
    call("fit", "data.npz", "--alpha", 0.1, "--model", "nameless.json")
    call("fit", "fit.csv", "--target", "y", "--alpha", 0.1, "--model", "named.json")
    code, first, err = call("predict", "nameless.json", "data.csv")
    assert (code, "the model has no names" in err) == (0, True)
    code, second, err = call("predict", "named.json", "data.npz")
    assert (code, "data.npz has no names" in err) == (0, True)
    assert first == second
    file_with("1 1:2 2:1\n", "data.svm")
    assert "finds its columns by name" in fails("predict", "named.json", "data.svm")
