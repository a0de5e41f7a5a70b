"""NumPy archives: arrays and sparse matrices, whole and damaged."""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from datafiles import NAMES, file_with, read_numbers, sparse_table, table

from softreg_fast import path, solve
from softreg_fast.cli.models import read_model


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, np.uint16])
def test_arrays(call, dtype):
    X, y = table()
    X = (10 * np.abs(X)).astype(dtype)
    np.savez("data.npz", X=X, y=y, other=y + 1, w=np.arange(1, 31))
    code, _, err = call("fit", "data.npz", "--model", "m.json", "--n-alphas", 5)
    assert (code, err) == (0, "")
    assert read_model("m.json").names is None
    fits = path(X, y, n_alphas=5, standardize=True)
    call("predict", "m.json", "data.npz", "--output", "out.csv")
    np.testing.assert_allclose(read_numbers("out.csv")[1], fits.predict(X), rtol=1e-12)
    np.save("y.npy", y[:, None])
    for target in ("other", "y.npy"):
        options = ("--target", target, "--weights", "w", "--n-alphas", 5)
        assert call("fit", "data.npz", *options, "--model", "m.json")[0] == 0
        expected = path(X, y, sample_weight=np.arange(1, 31), n_alphas=5, standardize=True).alphas
        np.testing.assert_allclose(read_model("m.json").path.alphas, expected, rtol=1e-6)


def test_arrays_with_names(call):
    X, y = table()
    np.savez("data.npz", X=X, y=y, feature_names=np.array(NAMES))
    call("fit", "data.npz", "--alpha", 0.1, "--ignore", "age", "--model", "m.json")
    assert read_model("m.json").names == ["rooms", "tax, yearly", "distance"]
    np.savez("new.npz", X=X[:, ::-1], feature_names=np.array(NAMES[::-1]))
    code, out, _ = call("predict", "m.json", "new.npz")
    assert code == 0
    expected = solve(X[:, [0, 2, 3]], y, alpha=0.1, standardize=True).predict(X[:, [0, 2, 3]])
    np.testing.assert_allclose(np.array(out.split()[1:], float), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_sparse_arrays(call, dtype, form):
    X, y = sparse_table(dtype)
    sp.save_npz("X.npz", X.asformat(form))
    np.save("y.npy", y)
    code, _, err = call("fit", "X.npz", "--target", "y.npy", "--model", "m.json")
    assert (code, err) == (0, "")
    call("predict", "m.json", "X.npz", "--output", "out.csv")
    np.testing.assert_allclose(
        read_numbers("out.csv")[1], path(X, y, standardize=True).predict(X), rtol=1e-12
    )


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


def test_integers_of_archives_that_would_be_rounded(fails):
    np.savez("data.npz", X=np.array([[1, 2**53 + 1], [2, 3]]), y=[1.0, 2.0])
    assert "feature 1, row 1 holds 9007199254740993" in fails("fit", "data.npz")
    np.savez("data.npz", X=np.eye(2), y=[1, 2**53 + 1])
    assert "row 2 holds 9007199254740993" in fails("fit", "data.npz")
