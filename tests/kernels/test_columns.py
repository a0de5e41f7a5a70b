"""_columns: operations on columns of every kind against loops in NumPy."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
from kernel_cases import (
    KINDS,
    as_kind,
    assert_close,
    each_kind,
    each_weighting,
    make_case,
    make_weights,
    per_thread,
)
from numpy.testing import assert_allclose, assert_array_equal
from oracles import LD

from softreg_fast.data.design import Design
from softreg_fast.kernels._columns import Columns, check_compressed
from softreg_fast.kernels._runtime import build_info


def test_build_info_says_what_was_built():
    info = build_info()
    assert set(info) == {"openmp", "max_threads", "vector_level", "runtime_dispatch", "checked"}
    assert info["max_threads"] >= 1
    assert info["vector_level"] in ("avx512", "avx2", "portable", "scalar")


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize(
    ("indptr", "indices", "complaint"),
    [
        ([0, 2, 3], [0, 2, 1], ""),
        ([0, 0, 3], [0, 1, 2], ""),
        ([0, 2, 2], [0, 1, 7], ""),  # more entries stored than used
        ([0, 2, 3], [2, 0, 1], "unsorted"),
        ([0, 2, 3], [1, 1, 1], "unsorted"),
        ([], [], "does not start with 0"),
        ([1, 2, 3], [0, 1, 2], "does not start with 0"),
        ([0, 2, 4], [0, 1, 2], "ends beyond"),
        ([0, 3, 2], [0, 1, 2], "decreases"),
        ([0, 9, 2], [0, 1, 2], "leaves the stored entries"),
        ([0, 2, 3], [0, 3, 1], "outside 0..2"),
        ([0, 2, 3], [0, -1, 1], "outside 0..2"),
    ],
)
def test_check_compressed(index, indptr, indices, complaint):
    found = check_compressed(np.array(indptr, index), np.array(indices, index), 3)
    assert complaint in found if complaint else found == ""


def test_columns_refuse_what_does_not_fit(rng):
    X = np.asfortranarray(rng.standard_normal((5, 3)))
    with pytest.raises(ValueError, match="contiguous"):
        Columns(np.ascontiguousarray(X))
    with pytest.raises(ValueError, match="per feature"):
        Columns(X, np.zeros(2))
    with pytest.raises(ValueError, match="per feature"):
        Columns(X, np.zeros(3), np.ones(4))
    with pytest.raises(ValueError, match="per sample"):
        Columns(X, weight=np.ones(4))
    with pytest.raises(KeyError):
        Columns(X.astype(np.int64, order="F"))
    with pytest.raises(ValueError, match="square"):
        Columns.gram(X)
    with pytest.raises(ValueError, match="float64"):
        Columns.gram(np.eye(3, dtype=np.float32, order="F"))


def test_methods_refuse_what_does_not_fit(rng):
    columns = Columns(np.asfortranarray(rng.standard_normal((5, 3))))
    gram = Columns.gram(np.eye(3, order="F"))
    assert columns.shape == (5, 3)
    assert not columns.is_gram
    assert gram.is_gram
    with pytest.raises(ValueError, match="5 samples"):
        columns.slopes(np.zeros(5), np.zeros(3))
    with pytest.raises(ValueError, match="out must"):
        columns.slopes(np.zeros(6), np.zeros(2))
    with pytest.raises(ValueError, match="per feature"):
        columns.subtract_product(np.zeros(2), np.zeros(6))
    with pytest.raises(ValueError, match="5 samples"):
        columns.residual_sumsq(np.zeros(7))
    for row in (-1, 4):
        with pytest.raises(ValueError, match="leave the matrix"):
            columns.gather(row, np.zeros((2, 3), order="F"))
    with pytest.raises(ValueError, match="out must"):
        columns.gather(0, np.zeros((2, 2), order="F"))
    with pytest.raises(TypeError, match="Gram"):
        gram.gather(0, np.zeros((2, 3), order="F"))
    for chosen in (np.array([0, 3]), np.array([-1, 0])):
        square = np.zeros((2, 2), order="F")
        with pytest.raises(ValueError, match=r"outside 0\.\.2"):
            columns.slopes(np.zeros(6), np.zeros(2), chosen)
        with pytest.raises(ValueError, match=r"outside 0\.\.2"):
            columns.gather(0, square, chosen)
        for rows, others in ((chosen, np.arange(2)), (np.arange(2), chosen)):
            with pytest.raises(ValueError, match=r"outside 0\.\.2"):
                columns.gram_block(rows, others, square)
    with pytest.raises(ValueError, match="out must"):
        columns.gram_block(np.arange(2), np.arange(3), np.zeros((3, 2), order="F"))
    with pytest.raises(TypeError, match="not a Gram"):
        columns.gram_entries(np.arange(2))


@each_kind
@each_weighting
@pytest.mark.parametrize("centered", [False, True], ids=["raw", "centered"])
@pytest.mark.parametrize("magnitude", [1.0, 1e-30, 1e30, 1e-150, 1e150])
def test_moments(rng, kind, weighted, centered, magnitude):
    if KINDS[kind][0] is np.float32 and not 1e-35 < magnitude < 1e35:
        pytest.skip("outside float32")
    n = 37
    weight = make_weights(rng, n, weighted)
    s = np.ones(n, LD) if weight is None else weight.astype(LD)
    X = rng.standard_normal((n, 7))
    X[:, 1] += 1e6  # a large mean; in a sparse matrix, too, without implicit zeros
    X[:, 2] *= rng.random(n) < 0.3
    X[:, 3] = 0.0
    X[:, 4] = 3.0
    X[:, 5] = np.where(s > 0, 0.1, 0.0)  # constant where the weights are positive
    X[:, 6] = np.where(s > 0, 0.0, 2e4)
    X *= magnitude
    exact = X.astype(KINDS[kind][0]).astype(LD)
    expected_center = s @ exact / s.sum() if centered else np.zeros(7, LD)
    columns = Columns(as_kind(X, kind), weight=weight)
    center, norm, scale = per_thread(lambda k: np.array(columns.moments(centered, k)))
    assert_close(center, expected_center, np.sqrt(s @ exact**2 / s.sum()), ulps=16)
    expected_norm = np.sqrt(s @ (exact - expected_center) ** 2)
    constant = [3, 4, 5, 6] if centered else [3, 6]
    expected_norm[constant] = 0.0
    assert_close(norm, expected_norm, expected_norm, ulps=256)
    assert_array_equal(scale, np.divide(1.0, norm, out=np.zeros(7), where=norm > 0))
    filled = np.empty((3, 7))
    columns.moments(centered, out=filled)
    assert_array_equal(filled, [center, norm, scale])


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_long_sparse_columns_of_equal_values(index):
    # one running sum of so many equal numbers would be off by 1e-12
    n, stored, value = 400_000, 300_001, 0.1
    column = sp.csc_array((np.full(stored, value), (np.arange(stored), np.zeros(stored, int))))
    column.resize((n, 1))
    buffers = SimpleNamespace(
        data=column.data,
        indices=column.indices.astype(index),
        indptr=column.indptr.astype(np.int64),
        shape=(n, 1),
    )
    center, norm, _ = Columns(buffers).moments(True)
    part = LD(stored) / n
    exact = LD(value)
    assert_allclose(center, float(exact * part), rtol=5e-14)
    assert_allclose(norm, float(exact * np.sqrt(n * part * (1 - part))), rtol=5e-14)
    slope = np.empty(1)
    Columns(buffers).slopes(np.append(np.full(n, value), 0.0), slope)
    assert_allclose(slope, float(exact**2 * stored), rtol=5e-14)


@each_kind
@each_weighting
def test_slopes(rng, kind, weighted):
    case = make_case(rng, kind, n=41, p=22, weighted=weighted)
    v, r = case.random_residual(rng)
    expected = case.C.T @ (case.s * r)
    size = np.sqrt(case.s @ case.C**2) * (np.linalg.norm(v) + 10 * abs(v[-1]))
    everything = np.arange(22)
    for chosen in (
        None,
        everything[:0],
        everything[3:4],
        everything[::-1].copy(),
        rng.choice(22, 60),
    ):
        wanted = everything if chosen is None else chosen

        def slopes(n_threads, chosen=chosen, wanted=wanted):
            out = np.full(len(wanted), np.nan)
            case.columns.slopes(v, out, chosen, n_threads)
            return out

        assert_close(per_thread(slopes), expected[wanted], size[wanted])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@each_weighting
@pytest.mark.parametrize("n", range(1, 71))
def test_vector_leaves_of_every_length(rng, n, dtype, weighted):
    # columns at arbitrary addresses; five, so that one remains after a group of four
    buffer = rng.standard_normal((n + 3, 5)).astype(dtype, order="F")
    buffer += 1.0
    X = buffer[1 : n + 1]
    center, scale, weight = rng.standard_normal(5), rng.uniform(0.5, 2.0, 5), None
    if weighted:
        weight = rng.uniform(0.1, 2.0, n)
    s = np.ones(n) if weight is None else weight
    C = scale * (X.astype(LD) - center)
    columns = Columns(X, center, scale, weight)
    v = rng.standard_normal(n + 1)
    size = np.sqrt((C**2).sum(0)) * np.linalg.norm(v)

    out = np.empty(5)
    columns.slopes(v, out)
    assert_close(out, C.T @ v[:-1], size, ulps=8)
    columns.slopes(v, out, np.arange(5))
    assert_close(out, C.T @ v[:-1], size, ulps=8)

    u, after = rng.standard_normal(5), v.copy()
    columns.subtract_product(u, after)
    assert_close(after[:-1], v[:-1] - s * (C @ u), np.abs(v[:-1]) + s * (np.abs(C) @ abs(u)), 8)
    assert after[-1] == v[-1]

    _, norm, _ = columns.moments(False)
    expected = np.sqrt(s @ X.astype(LD) ** 2)
    assert_close(norm, expected, expected, ulps=8)
    sumsq = np.sum((v[:-1].astype(LD) + v[-1]) ** 2)
    if not weighted:
        assert_close(columns.residual_sumsq(v), sumsq, sumsq, ulps=8)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@each_weighting
def test_crossproduct_of_some_rows_with_more_columns(rng, dtype, weighted):
    n, p = 700, 5
    X = np.asfortranarray(rng.standard_normal((n, p)).astype(dtype))
    center, scale = rng.standard_normal(p), rng.uniform(0.5, 2.0, p)
    weight = make_weights(rng, n, weighted)
    s = np.ones(n) if weight is None else weight
    extra = np.asfortranarray(rng.standard_normal((n, 2)))
    columns = Columns(X, center, scale, weight)
    chosen, rows = np.array([3, 0, 4]), np.sort(rng.permutation(n)[:611])
    A = np.column_stack([(scale * (X.astype(LD) - center))[:, chosen], extra])[rows]
    expected = (A.T * s[rows]) @ A

    def product(n_threads):
        out = np.empty((5, 5), order="F")
        columns.crossproduct(out, chosen, n_threads=n_threads, rows=rows, extra=extra)
        return np.tril(out)

    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert_close(per_thread(product), np.tril(expected), size, ulps=64)
    for bad in ({"rows": np.array([n])}, {"rows": rows, "extra": extra[1:]}, {"extra": extra}):
        with pytest.raises(ValueError):
            columns.crossproduct(np.empty((5, 5), order="F"), chosen, **bad)


@each_kind
@each_weighting
@pytest.mark.parametrize(("p", "n_nonzero"), [(3, 3), (40, 0), (40, 5), (90, 70), (700, 600)])
def test_subtract_product(rng, kind, weighted, p, n_nonzero):
    case = make_case(rng, kind, p=p, weighted=weighted)
    v, r = case.random_residual(rng)
    u = np.zeros(p)
    u[rng.permutation(p)[:n_nonzero]] = rng.standard_normal(n_nonzero)

    def after(n_threads):
        result = v.copy()
        case.columns.subtract_product(u, result, n_threads)
        return result

    found = case.residual_of(per_thread(after))
    expected = np.where(case.s > 0, r - case.C @ u, 0)
    assert_close(found, expected, np.abs(r) + np.abs(case.C) @ np.abs(u) + 10 * abs(v[-1]))


@each_kind
@each_weighting
def test_residual_sumsq(rng, kind, weighted):
    case = make_case(rng, kind, weighted=weighted)
    v, r = case.random_residual(rng)
    expected = case.s @ r**2
    assert_close(case.columns.residual_sumsq(v), expected, expected)


@each_kind
@each_weighting
def test_gather(rng, kind, weighted):
    case = make_case(rng, kind, weighted=weighted)
    expected = np.sqrt(case.s)[:, None] * case.C
    blocks = ((0, 23, None), (4, 7, [2, 5, 2]), (22, 1, [8]), (5, 3, []))
    for row, count, chosen in blocks:
        which = None if chosen is None else np.array(chosen, np.intp)
        wanted = expected[row : row + count, slice(None) if chosen is None else chosen]

        def block(n_threads, row=row, which=which, shape=wanted.shape):
            out = np.full(shape, np.nan, order="F")
            case.columns.gather(row, out, which, n_threads)
            return out

        assert_close(per_thread(block), wanted, np.abs(wanted) + 1, ulps=8)


@each_kind
@each_weighting
def test_gram_block(rng, kind, weighted):
    case = make_case(rng, kind, weighted=weighted)
    gram = case.C.T @ (case.s[:, None] * case.C)
    norm = np.sqrt(np.diag(gram))
    everything = np.arange(9)
    some = np.array([8, 0, 3, 5])
    sides = [(everything, everything), (everything[:0], everything), ([7, 2], [1])]
    for rows, columns in [*sides, (some, everything), (everything, some), ([4], everything)]:
        chosen = np.ix_(rows, columns)
        size = 10 * norm[rows][:, None] * norm[columns]

        def block(n_threads, rows=rows, columns=columns, shape=size.shape, lower=False):
            out = np.full(shape, np.nan, order="F")
            case.columns.gram_block(np.array(rows), np.array(columns), out, n_threads, lower)
            return out

        lower = np.tril_indices(len(rows), 0, len(columns))
        found = per_thread(lambda n_threads, block=block: block(n_threads, lower=True))
        assert_close(found[lower], gram[chosen][lower], size[lower])
        assert_close(per_thread(block), gram[chosen], size)


def test_gram_columns(rng):
    A = rng.standard_normal((30, 12))
    Q = np.asfortranarray(A.T @ A)
    gram = Columns.gram(Q)
    v, u, out = rng.standard_normal(12), rng.standard_normal(12), np.empty(3)
    gram.slopes(v, out, np.array([4, 0, 11]))
    assert_array_equal(out, v[[4, 0, 11]])
    after = v.copy()
    gram.subtract_product(u, after)
    assert_close(after, v - Q.astype(LD) @ u, np.abs(v) + np.abs(Q) @ np.abs(u))
    assert_array_equal(gram.gram_entries([3, 1]), Q[np.ix_([3, 1], [3, 1])])


@pytest.mark.parametrize("kind", ["dense float64", "dense float32"])
@each_weighting
def test_gram_block_of_many_features(rng, kind, weighted):
    # enough multiplications for BLAS: several tiles, several panels
    case = make_case(rng, kind, n=900, p=400, weighted=weighted)
    gram = case.C.T @ (case.s[:, None] * case.C)
    norm = np.sqrt(np.diag(gram))
    rows, columns = rng.permutation(400)[:30], rng.permutation(400)[:299]

    def block(n_threads):
        out = np.full((30, 299), np.nan, order="F")
        case.columns.gram_block(rows, columns, out, n_threads)
        return out

    size = 10 * norm[rows][:, None] * norm[columns]
    assert_close(per_thread(block), gram[np.ix_(rows, columns)], size)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "csc" in kind])
@each_weighting
def test_gram_block_of_frequent_features(rng, kind, weighted):
    # three tiles of 32 columns, of blocks of 128 samples, and columns that are in none
    case = make_case(rng, kind, n=300, p=110, weighted=weighted)
    gram = case.C.T @ (case.s[:, None] * case.C)
    norm = np.sqrt(np.diag(gram))
    few, everything = rng.permutation(110)[:7], rng.permutation(110)
    for rows, columns in ((few, everything), (everything, everything)):
        size = 10 * norm[rows][:, None] * norm[columns]

        def block(n_threads, rows=rows, columns=columns, lower=False):
            out = np.full((len(rows), len(columns)), np.nan, order="F")
            case.columns.gram_block(rows, columns, out, n_threads, lower)
            return out

        assert_close(per_thread(block), gram[np.ix_(rows, columns)], size)
    lower = np.tril_indices(110)
    found = per_thread(lambda n_threads, block=block: block(n_threads, lower=True)[lower])
    assert_close(found, gram[np.ix_(everything, everything)][lower], size[lower])


@each_kind
@each_weighting
@pytest.mark.parametrize("of_samples", [False, True])
@pytest.mark.parametrize("n", [40, 700])
def test_crossproduct(rng, kind, weighted, of_samples, n):
    # 700 samples: several panels in either algorithm
    case = make_case(rng, kind, n=n, p=9 if n == 40 else 620, weighted=weighted)
    p = case.C.shape[1]
    factor = rng.uniform(0.5, 2.0, p)
    chosen = rng.permutation(p)[: p - 3]
    for f in (None, factor[: chosen.size]):
        A = np.sqrt(case.s[:, None]) * case.C[:, chosen] * (1.0 if f is None else f)
        A = A.T if of_samples else A
        norm = np.sqrt(np.sum(A * A, axis=0))
        some = rng.permutation(A.shape[1])[:60]  # of the columns of A'A
        wanted = A.T @ A[:, some]

        def product(n_threads, f=f, size=A.shape[1]):
            out = np.full((size, size), np.nan, order="F")
            case.columns.crossproduct(out, chosen, f, of_samples, n_threads)
            return out

        lower = np.arange(A.shape[1])[:, np.newaxis] >= some
        size = 10 * np.outer(norm, norm[some]) + 1e-300
        assert_close(per_thread(product)[:, some][lower], wanted[lower], size[lower])


# ---------------------------------------------------------------------------------------------
# Columns as made by Design


@each_kind
@each_weighting
@pytest.mark.parametrize("fit_intercept", [False, True], ids=["no intercept", "intercept"])
def test_columns_of_a_design_have_unit_length(rng, kind, weighted, fit_intercept):
    n, p = 19, 7
    X = rng.standard_normal((n, p)) * (rng.random((n, p)) < 0.6) + 0.0
    X[:, 0] = 1e6 + rng.standard_normal(n)
    X[:2, 1:] += 1.0
    weight = make_weights(rng, n, weighted)
    dtype, index = KINDS[kind]
    given = X.astype(dtype, order="F") if index is None else sp.csc_array(X.astype(dtype))
    y = rng.standard_normal(n) + 3.0
    design = Design(given, y, weight, fit_intercept=fit_intercept, n_threads=1)
    s = np.ones(n, LD) if weight is None else weight * LD(n) / weight.sum(dtype=LD)
    exact = X.astype(dtype).astype(LD)
    mean = s @ exact / s.sum() if fit_intercept else np.zeros(p, LD)
    assert_close(design.center, mean, np.sqrt(s @ exact**2 / s.sum()), ulps=4)
    C = exact - mean
    norm = np.sqrt(s @ C**2)
    C /= norm
    assert_close(design.norm, norm, norm)
    out = np.empty((n, p), order="F")
    design.columns.gather(0, out)
    # the center has to be float64, which matters if it is large relative to the spread
    rounding = np.sqrt(n) * np.abs(mean) / norm
    assert_close(out, np.sqrt(s)[:, None] * C, 1.0 + rounding)
    # but not in products, unless some part of a sparse column is kept as a constant
    offset = 0.0 if index is None else rounding[:, None] + rounding
    assert_close(design.gram, C.T @ (s[:, None] * C), 1.0 + offset)
    t = y.astype(LD) - (s @ y / s.sum() if fit_intercept else 0)
    t /= np.sqrt(s @ t**2)
    assert_close(design.target, np.append(s * t, 0), 1.0)
    assert_close(design.gradient_at_zero(), C.T @ (s * t), 1.0)
