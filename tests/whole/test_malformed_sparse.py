"""Malformed sparse matrices: an error that says so, no crash, and no input modified."""

import json
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from children import main, run_script
from numpy.testing import assert_allclose, assert_array_equal
from problems import snapshot

from softreg_fast import Design, ElasticNet, Lasso, Ridge, path, solve

FACES = {
    "solve": solve,
    "path": path,
    "Lasso": lambda X, y: Lasso().fit(X, y),
    "ElasticNet": lambda X, y: ElasticNet().fit(X, y),
    "Ridge": lambda X, y: Ridge().fit(X, y),
}
FORMATS = {
    "csc_array": sp.csc_array,
    "csc_matrix": sp.csc_matrix,
    "csr_array": sp.csr_array,
    "csr_matrix": sp.csr_matrix,
}
# A compressed matrix with values 1 .. 5 at these positions; each defect replaces one part.
SOUND = {
    "data": [1.0, 2.0, 3.0, 4.0, 5.0],
    "indices": [0, 2, 1, 3, 0],
    "indptr": [0, 2, 4, 5],
}
DEFECTS = {
    "index too large": ({"indices": [0, 2, 1, 4, 0]}, r"index 4 is outside 0\.\.3"),
    "index huge": ({"indices": [0, 2, 1, 2**31 - 1, 0]}, r"index 2147483647 is outside 0\.\.3"),
    "index negative": ({"indices": [0, -1, 1, 3, 0]}, r"index -1 is outside 0\.\.3"),
    "indptr falls": ({"indptr": [0, 4, 2, 5]}, "indptr decreases .* at position 2"),
    "indptr negative": ({"indptr": [0, -2, 4, 5]}, "indptr decreases .* at position 1"),
    "indptr leaves in between": ({"indptr": [0, 20, 4, 5]}, "indptr .* leaves .* position 1"),
    "indptr starts late": ({"indptr": [1, 2, 4, 5]}, "indptr does not start with 0"),
    "indptr ends late": ({"indptr": [0, 2, 4, 9]}, "indptr ends beyond the stored entries"),
    "indptr short": ({"indptr": [0, 2, 5]}, "wrong lengths for its shape"),
    "indptr long": ({"indptr": [0, 2, 4, 5, 5]}, "wrong lengths for its shape"),
    "indptr empty": ({"indptr": []}, "wrong lengths for its shape"),
    "indices short": ({"indices": [0, 2, 1, 3]}, "wrong lengths for its shape"),
    "data short": ({"data": [1.0, 2.0, 3.0, 4.0]}, "wrong lengths for its shape"),
    "indices a matrix": ({"indices": [[0, 2, 1, 3, 0]]}, "must be vectors of integers"),
}


each_format = pytest.mark.parametrize("kind", FORMATS)
each_index = pytest.mark.parametrize("index", [np.int32, np.int64])


def compressed(kind, index, change=None):
    """Return a CSC or CSR matrix made of arrays that were not validated."""
    parts = {**SOUND, **(change or {})}
    matrix = FORMATS[kind]((4, 3) if "csc" in kind else (3, 4))
    matrix.data = np.array(parts["data"])
    matrix.indices = np.array(parts["indices"], index)
    matrix.indptr = np.array(parts["indptr"], index)
    return matrix


def coordinates(kind, index, row, col, data):
    matrix = kind((4, 3))
    matrix.row, matrix.col = np.array(row, index), np.array(col, index)
    matrix.data = np.array(data)
    return matrix


COO_DEFECTS = {
    "row too large": ([0, 4], [0, 1], [1.0, 2.0], r"row indices leave 0\.\.3"),
    "row negative": ([0, -1], [0, 1], [1.0, 2.0], r"row indices leave 0\.\.3"),
    "column too large": ([0, 1], [0, 3], [1.0, 2.0], r"col indices leave 0\.\.2"),
    "rows long": ([0, 1, 2], [0, 1], [1.0, 2.0], "3 row indices for 2 values"),
    "columns short": ([0, 1], [0], [1.0, 2.0], "1 col indices for 2 values"),
}


def malformed():
    """Yield every malformed matrix: (name, matrix, pattern)."""
    for kind in FORMATS:
        for index in (np.int32, np.int64):
            for name, (change, pattern) in DEFECTS.items():
                yield f"{kind}, {index.__name__}, {name}", compressed(kind, index, change), pattern
    for index in (np.int32, np.int64):
        for name, (row, col, data, pattern) in COO_DEFECTS.items():
            matrix = coordinates(sp.coo_array, index, row, col, data)
            yield f"coo_array, {index.__name__}, {name}", matrix, pattern
    blocks = sp.bsr_array(np.ones((4, 4)), blocksize=(2, 2))
    blocks.indices = np.array([0, 9, 0, 1], np.int32)
    yield "bsr_array", blocks, ""


@pytest.mark.parametrize(
    ("matrix", "pattern"),
    [pytest.param(matrix, pattern, id=name) for name, matrix, pattern in malformed()],
)
@pytest.mark.parametrize("face", FACES)
def test_malformed_sparse(face, matrix, pattern):
    before = snapshot(matrix)
    message = f"X is a malformed {matrix.format.upper()} matrix: .*{pattern}.*Build it again"
    with pytest.raises(ValueError, match=message):
        FACES[face](matrix, np.arange(float(matrix.shape[0])))
    assert snapshot(matrix) == before


@pytest.mark.parametrize(
    ("matrix", "pattern"),
    [pytest.param(matrix, pattern, id=name) for name, matrix, pattern in malformed() if pattern],
)
def test_predict_from_malformed_sparse(matrix, pattern):
    model = Lasso(alpha=1e-3).fit(np.eye(5)[:, : matrix.shape[1]], np.arange(5.0))
    for predict in (
        model.predict,
        solve(np.eye(5)[:, : matrix.shape[1]], np.arange(5.0), alpha=1e-3).predict,
        path(np.eye(5)[:, : matrix.shape[1]], np.arange(5.0), n_alphas=2).predict,
    ):
        with pytest.raises(ValueError, match=f"X is a malformed .*{pattern}"):
            predict(matrix)


def test_malformed_sparse_crashes_nothing():
    # in a separate process, where a crash can be distinguished from a failure
    assert run_script(__file__, "refusals") == len(list(malformed()))


@each_format
@each_index
@pytest.mark.parametrize("kind_of_order", ["sorted", "unsorted", "twice", "unused", "flag lies"])
def test_legal_but_untidy_sparse(kind, index, kind_of_order):
    change = {
        "sorted": {},
        "unsorted": {"indices": [2, 0, 3, 1, 0]},
        "twice": {"indices": [0, 0, 1, 3, 0]},
        "unused": {"data": [1.0, 2.0, 3.0, 4.0, 5.0, np.nan], "indices": [0, 2, 1, 3, 0, 99]},
        "flag lies": {"indices": [2, 2, 3, 1, 0]},
    }[kind_of_order]
    matrix = compressed(kind, index, change)
    if kind_of_order == "flag lies":
        matrix.has_canonical_format = True
    dense = np.zeros(matrix.shape)
    for major in range(3):
        for k in range(matrix.indptr[major], matrix.indptr[major + 1]):
            place = (matrix.indices[k], major) if "csc" in kind else (major, matrix.indices[k])
            dense[place] += matrix.data[k]
    target = np.arange(float(len(dense)))
    before = snapshot(matrix)
    fit, expected = (solve(X, target, alpha=0.01, tol=1e-12) for X in (matrix, dense))
    assert_allclose(fit.coef, expected.coef, rtol=1e-6, atol=1e-9)
    assert snapshot(matrix) == before


@pytest.mark.parametrize("kind", [np.int16, np.uint32, np.uint64])
def test_other_index_types(kind):
    matrix = compressed("csc_array", np.int32)
    matrix.indices, matrix.indptr = matrix.indices.astype(kind), matrix.indptr.astype(kind)
    target = np.arange(4.0)
    assert_array_equal(
        solve(matrix, target, alpha=0.01).coef,
        solve(compressed("csc_array", np.int32), target, alpha=0.01).coef,
    )
    matrix.indices = matrix.indices.astype(np.float64)
    with pytest.raises(ValueError, match="must be vectors of integers"):
        solve(matrix, target)


def script_refusals():
    """Pass every malformed matrix to every function; print its name first, in case of a crash."""
    count = 0
    for name, matrix, _ in malformed():
        print(name, flush=True)
        target = np.arange(float(matrix.shape[0]))
        features = np.eye(5)[:, : matrix.shape[1]]
        functions = [lambda X, f=f, target=target: f(X, target) for f in FACES.values()]
        functions += [Design]
        if matrix.format != "bsr":
            functions += [
                Lasso(alpha=1e-3).fit(features, np.arange(5.0)).predict,
                solve(features, np.arange(5.0), alpha=1e-3).predict,
            ]
        for function in functions:
            try:
                function(matrix)
            except ValueError:
                continue
            sys.exit(f"{name}: no error")
        count += 1
    print(json.dumps(count))


if __name__ == "__main__":
    main(globals())
