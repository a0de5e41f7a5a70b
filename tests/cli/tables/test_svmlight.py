"""svmlight files: indices from 0 or 1, and what is wrong with a line."""

import gzip
import re

import numpy as np
import pytest
import scipy.sparse as sp
from datafiles import file_with, sparse_table
from sklearn.datasets import dump_svmlight_file

from softreg_fast import solve
from softreg_fast.cli.models import read_model
from softreg_fast.cli.tables import svmlight
from softreg_fast.cli.tables.reading import read_table
from softreg_fast.cli.tables.roles import Roles


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
    fit = solve(X, y, alpha=0.01, sample_weight=np.arange(1.0, 61.0), standardize=True)
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


def test_svmlight_with_a_mark_of_byte_order(call, fails):
    content = "1 1:2\n2 2:3\n4 1:1 2:1\n"
    results = []
    for data in (content.encode(), b"\xef\xbb\xbf" + content.encode()):
        file_with(data, "data.svm")
        file_with(gzip.compress(data), "data.svm.gz")
        results += [read_table(name, Roles()) for name in ("data.svm", "data.svm.gz")]
    for table in results:
        np.testing.assert_array_equal(table.X.toarray(), [[2, 0], [0, 3], [1, 1]])
        np.testing.assert_array_equal(table.y, [1, 2, 4])
    file_with(content.encode("utf-16"), "data.svm")
    assert "UTF-16" in fails("fit", "data.svm")


def test_svmlight_with_a_giant_index(call, fails, monkeypatch):
    file_with("1 1:2\n2 1:3\n", "data.svm")
    call("fit", "data.svm", "--alpha", 0.1, "--model", "m.json")
    file_with("1 1:2\n2 300000000:3\n", "data.svm")
    monkeypatch.setattr(svmlight, "available_memory", lambda: 8.0 * 2**30)
    said = fails("fit", "data.svm")
    for words in ("index 300000000", "8 GiB are free", "only 2 features occur"):
        assert words in said
    assert call("predict", "m.json", "data.svm")[0] == 0  # which passes over it
    for index in (3 * 10**9, 10**25):
        file_with(f"1 1:2\n2 {index}:3\n", "data.svm")
        assert f"line 2: index {index} is too large" in fails("fit", "data.svm")
    assert svmlight.available_memory() == 8.0 * 2**30


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("9007199254740993 1:2\n1 1:3\n", "line 1 holds 9007199254740993, an integer"),
        ("1 1:3\n1 2:9007199254740993\n", "line 2 holds 9007199254740993, an integer"),
        ("1 ١:2\n", "line 1: '١:2' is not index:value"),
        ("1 1:١\n", "line 1: '1:١' is not index:value"),
        ("1 1:2\r2 1:3\r", "cannot be read as svmlight"),
    ],
)
def test_svmlight_that_is_wrong(fails, content, words):
    assert words in fails("fit", file_with(content, "data.svm"))


def test_svmlight_of_long_integers_that_float64_holds(call):
    file_with("9007199254740994 1:2\n1 1:-1e30 # 9007199254740993\n", "data.svm")
    assert read_table("data.svm", Roles()).y.tolist() == [9007199254740994, 1]


def test_available_memory_is_positive():
    assert svmlight.available_memory() > 0.0
