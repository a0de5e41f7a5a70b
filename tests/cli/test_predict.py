"""`softreg_fast predict`: columns of a new table are matched with those of the model."""

import numpy as np
import pytest
from datafiles import NAMES, file_with, read_numbers, write_csv, write_table

from softreg_fast import path, solve

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
        np.array(out.split()[1:], float), solve(X, y, alpha=0.1).predict(X), rtol=1e-12
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
        np.array(out.split()[1:], float), solve(X, y, alpha=0.1).predict(X), rtol=1e-12
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
