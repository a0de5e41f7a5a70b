"""The compiled modules, function by function, against loops in NumPy.

This file uses only the compiled modules and Design, so that it can also test a build with bounds
checks.
"""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import oracles
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import INF, LD

from softreg_fast.data.design import Design
from softreg_fast.kernels._columns import Columns, check_compressed
from softreg_fast.kernels._descent import CoordinateDescent
from softreg_fast.kernels._gradient import GradientUpdates, largest_eigenvalue
from softreg_fast.kernels._losses import KINDS as LOSSES
from softreg_fast.kernels._losses import evaluate
from softreg_fast.kernels._runtime import build_info
from softreg_fast.kernels._scalars import ScalarEngine
from softreg_fast.kernels._slots import CONVERGED, MAX_ITER, NO_ROOM, STALLED

KINDS = {
    "dense float64": (np.float64, None),
    "dense float32": (np.float32, None),
    "csc float64 int32": (np.float64, np.int32),
    "csc float64 int64": (np.float64, np.int64),
    "csc float32 int32": (np.float32, np.int32),
    "csc float32 int64": (np.float32, np.int64),
}

each_kind = pytest.mark.parametrize("kind", KINDS)
each_weighting = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])


class Csc(NamedTuple):
    """The parts of a sparse matrix that Columns takes."""

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple


class Case(NamedTuple):
    """Columns and the matrix they represent: C = scale (X - center), with sample weights s."""

    columns: Columns
    C: np.ndarray
    s: np.ndarray
    sparse: bool

    def weighted_residual(self, r, constant=0.0):
        """Return a residual as kernels store it; for sparse X a constant may be separate."""
        constant = LD(constant if self.sparse else 0.0)
        return np.append(self.s * (r - constant), constant).astype(np.float64)

    def random_residual(self, rng):
        """Return (v, r) with sum_i s_i r_i = 0, as in models with an intercept."""
        r = rng.standard_normal(len(self.s)).astype(LD)
        r -= self.s @ r / self.s.sum()
        return self.weighted_residual(r, rng.standard_normal()), r

    def residual_of(self, v):
        """Return the r of a stored v where the weights are positive; 0 elsewhere."""
        s = np.where(self.s > 0, self.s, 1)
        return np.where(self.s > 0, v[:-1] / s + v[-1] * self.sparse, 0)


def as_kind(X, kind):
    """Convert X to what Columns accepts, with the element and index types of a kind."""
    dtype, index = KINDS[kind]
    if index is None:
        return np.asfortranarray(X, dtype)
    X = sp.csc_array(X.astype(dtype))
    return Csc(X.data, X.indices.astype(index), X.indptr.astype(np.int64), X.shape)


def make_weights(rng, n, weighted):
    """Return sample weights, some of them 0, or None."""
    return rng.choice([0.0, 0.3, 1.0, 2.0], n) + (np.arange(n) < 2) if weighted else None


def make_case(rng, kind, n=23, p=9, weighted=True):
    sparse = KINDS[kind][1] is not None
    X = rng.standard_normal((n, p)) + 0.5
    if sparse:
        X[:, 1:] *= rng.random((n, p - 1)) < 0.5  # column 0 has no implicit zeros
    weight = make_weights(rng, n, weighted)
    s = np.ones(n, LD) if weight is None else weight.astype(LD)
    exact = X.astype(KINDS[kind][0]).astype(LD)
    center = (s @ exact / s.sum()).astype(np.float64)
    scale = rng.uniform(0.5, 2.0, p)
    columns = Columns(as_kind(X, kind), center, scale, weight)
    return Case(columns, scale * (exact - center), s, sparse)


def assert_close(actual, desired, size, ulps=64):
    """Compare float64 sums whose terms have the total magnitude `size`."""
    error = np.abs(np.asarray(actual, LD) - desired)
    assert np.all(error <= ulps * np.finfo(float).eps * size), float(np.max(error))


def per_thread(compute):
    """Return compute(n_threads), which must agree to the last bit for 1, 2 and 3 threads."""
    results = [compute(n_threads) for n_threads in (1, 2, 3)]
    for other in results[1:]:
        assert_array_equal(other, results[0])
    return results[0]


# ---------------------------------------------------------------------------------------------
# _columns


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


# ---------------------------------------------------------------------------------------------
# _descent

BOXES = {
    "free": (-INF, INF),
    "positive": (0.0, INF),
    "box": (-0.05, 0.1),
    "box without 0": (0.02, 0.08),
    "excluded": (0.0, 0.0),
}


def make_penalty(rng, p, box):
    """Return (l1, l2, lower, upper), where some features lack one part of the penalty."""
    l1 = rng.uniform(0.0, 3.0, p) * (rng.random(p) < 0.8)
    l2 = rng.uniform(0.0, 3.0, p) * (rng.random(p) < 0.8)
    lower, upper = BOXES[box]
    return l1, l2, np.full(p, lower), np.full(p, upper)


def make_descent(case, target, penalty, n_threads=1, gram=False, random_state=None):
    """Return a CoordinateDescent on the columns of a case or on their Gram matrix."""
    Q = case.C.T @ (case.s[:, None] * case.C)
    sumsq = float(case.s @ target**2)
    curvature = np.diag(Q).astype(np.float64)
    if gram:
        columns = Columns.gram(np.asfortranarray(Q, np.float64))
        start = (case.C.T @ (case.s * target)).astype(np.float64)
    else:
        columns, start = case.columns, case.weighted_residual(target)
    rng = None if random_state is None else np.random.RandomState(random_state)
    return CoordinateDescent(columns, start, sumsq, curvature, penalty, n_threads, rng)


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


@each_kind
@each_weighting
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("gram", [False, True], ids=["residual", "gram"])
def test_epochs_are_those_of_numpy(rng, kind, weighted, box, gram):
    case = make_case(rng, kind, weighted=weighted)
    target = case.random_residual(rng)[1]
    penalty = make_penalty(rng, 9, box)
    strengths = 0.7, 0.4
    order = rng.permutation(9)[:7]
    descent = make_descent(case, target, penalty, gram=gram)
    start = np.clip(0.0, *penalty[2:])
    assert_array_equal(descent.coef, start)
    descent.certify(*strengths)
    start = descent.coef.copy()  # certify solves for the unpenalised part
    largest = descent.epochs(order, 3)
    strong = (strengths[0] * penalty[0], strengths[1] * penalty[1], *penalty[2:])
    u, expected_largest = oracles.coordinate_descent(
        case.C, case.s, target, strong, start, order, 3
    )
    size = np.sqrt(case.s @ target**2)
    assert_close(descent.coef, u, size, ulps=1e3)
    assert abs(largest - expected_largest) <= 1e-12 * size**2
    if gram:
        assert_close(descent.residual, case.C.T @ (case.s * (target - case.C @ u)), 1e3 * size)
    else:
        expected = np.where(case.s > 0, target - case.C @ u, 0)
        assert_close(case.residual_of(descent.residual), expected, 10 * size)


@each_kind
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("gram", [False, True], ids=["residual", "gram"])
@pytest.mark.parametrize("random_state", [None, 3], ids=["cyclic", "random"])
def test_descent_reaches_the_optimum(rng, kind, box, gram, random_state):
    case = make_case(rng, kind)
    target = case.random_residual(rng)[1]
    penalty = make_penalty(rng, 9, box)
    descent = make_descent(case, target, penalty, gram=gram, random_state=random_state)
    tol = 1e-12 * float(case.s @ target**2)
    assert descent.solve(1.0, 1.0, tol, 10_000) == CONVERGED
    assert descent.gap <= tol
    assert 0 <= descent.n_epochs <= 10_000
    # the stored gradient matches the coefficients, and no feature is far from optimal
    r = target - case.C @ descent.coef.astype(LD)
    z = case.C.T @ (case.s * r)
    size = np.sqrt(case.s @ case.C**2) * np.sqrt(case.s @ target**2)
    assert_close(descent.gradient, z, size, ulps=1e3)
    sumsq = case.s @ r**2
    assert abs(descent.residual_sumsq - sumsq) <= 1e-13 * (case.s @ target**2)
    # a prox step of every feature changes nothing
    curvature = case.s @ case.C**2
    again = oracles.prox(z + curvature * descent.coef, curvature, *penalty)
    assert np.all(np.abs(again - descent.coef) * np.sqrt(curvature) <= 1e-5 * size.max())


@each_kind
def test_descent_does_not_depend_on_the_threads(rng, kind):
    case = make_case(rng, kind, n=31, p=80)
    target = case.random_residual(rng)[1]
    penalty = make_penalty(rng, 80, "free")

    def coef(n_threads):
        descent = make_descent(case, target, penalty, n_threads)
        descent.solve(0.3, 0.1, 1e-9, 1_000)
        return np.array(descent.coef)

    per_thread(coef)


def test_descent_says_how_it_ended(rng):
    case = make_case(rng, "dense float64", n=30, p=20)
    target = case.random_residual(rng)[1]
    zero = np.zeros(20)
    penalty = (np.ones(20), zero, zero - INF, zero + INF)
    descent = make_descent(case, target, penalty)
    assert descent.solve(0.01, 0.0, 0.0, 2) == MAX_ITER
    assert descent.n_epochs == 2
    assert descent.solve(0.01, 0.0, 0.0, 1_000_000) in (CONVERGED, STALLED)
    assert descent.gap <= 1e-14 * float(case.s @ target**2)
    assert descent.solve(1e6, 0.0, 0.0, 10) == CONVERGED
    assert not descent.coef.any()


def test_refresh_and_scan_follow_the_coefficients(rng):
    case = make_case(rng, "csc float64 int32")
    target = case.random_residual(rng)[1]
    descent = make_descent(case, target, make_penalty(rng, 9, "free"))
    descent.coef[:] = rng.standard_normal(9)
    descent.refresh()
    descent.scan()
    r = target - case.C @ descent.coef.astype(LD)
    assert_close(case.residual_of(descent.residual), np.where(case.s > 0, r, 0), 10)
    assert_close(descent.gradient, case.C.T @ (case.s * r), 1e3)


@pytest.mark.parametrize("n_held", range(5))
@pytest.mark.parametrize("sample", range(10))
def test_unpenalised_features_are_solved_for_exactly(rng, n_held, sample):
    # bounds keep the first ones from their unconstrained values; the last two are equal
    case = make_case(rng, "dense float64", n=30, p=8)
    case.C[:, 4] = case.C[:, 3]
    target = case.random_residual(rng)[1]
    zero = np.zeros(8)
    l1 = (np.arange(8) > 4) * 1.0
    root = np.sqrt(case.s).astype(float)
    A, b = root[:, None] * case.C[:, :5].astype(float), root * target.astype(float)
    held = np.linalg.lstsq(A, b, rcond=None)[0][:n_held]
    lower, upper = zero - INF, zero + INF
    upper[:n_held][held > 0] = 0.0
    lower[:n_held][held < 0] = 0.0
    twins = Columns(np.asfortranarray(case.C, np.float64), weight=case.s.astype(np.float64))
    case = case._replace(columns=twins)
    descent = make_descent(case, target, (l1, zero, lower, upper))
    gap = descent.certify(1e9, 0.0)
    assert 0.0 <= gap <= 1e-12 * float(b @ b)
    assert np.all((lower <= descent.coef) & (descent.coef <= upper))
    problem = oracles.Problem(case.C, target, case.s, False, 1e9 * l1, zero, lower, upper)
    assert case.s.sum() * problem.certificate(descent.coef, 0.0).gap <= 1e-12 * float(b @ b)


@pytest.mark.parametrize("gram", [False, True], ids=["residual", "gram"])
def test_descent_refuses_what_does_not_fit(rng, gram):
    case = make_case(rng, "dense float64")
    target = case.random_residual(rng)[1]
    penalty = make_penalty(rng, 9, "free")
    with pytest.raises(ValueError, match="per feature"):
        make_descent(case, target, (*penalty[:3], penalty[3][:-1]), gram=gram)
    descent = make_descent(case, target, penalty, gram=gram)
    for chosen in ([], [0, 9], [-1, 2]):
        with pytest.raises(ValueError, match="name features"):
            descent.epochs(np.array(chosen, np.intp), 1)
    with pytest.raises(ValueError, match="does not fit"):
        CoordinateDescent(case.columns, np.zeros(3), 1.0, np.ones(9), penalty)
    with pytest.raises(ValueError, match=r"capsule|Capsule"):
        CoordinateDescent(StrangeColumns(), np.zeros(3), 1.0, np.ones(9), penalty)


class StrangeColumns:
    """An object whose `capsule` is not a capsule."""

    capsule = "not a capsule"


# ---------------------------------------------------------------------------------------------
# _scalars


class UnitProblem(NamedTuple):
    """Columns and a target of unit length, as Design makes them, and the oracle's Problem."""

    design: Design
    C: np.ndarray
    s: np.ndarray

    def engine(self, penalty, gram=False, **options):
        design = self.design
        if gram:
            columns, target = Columns.gram(design.gram), design.gradient_at_zero()
        else:
            columns, target = design.columns, design.target
        return ScalarEngine(columns, target, design.target_sumsq, penalty, **options)

    def oracle(self, penalty, l1_strength, l2_strength):
        """Return the oracle, whose objective is the engine's divided by the number of samples."""
        n = len(self.s)
        l1, l2, lower, upper = (np.asarray(a, LD) for a in penalty)
        target = np.where(self.s > 0, self.design.target[:-1] / np.where(self.s > 0, self.s, 1), 0)
        l1, l2 = l1_strength * l1 / n, l2_strength * l2 / n
        return oracles.Problem(self.C, target, self.s, False, l1, l2, lower, upper)

    def assert_solved(self, engine, penalty, l1_strength, l2_strength, tol):
        problem = self.oracle(penalty, l1_strength, l2_strength)
        n = len(self.s)
        assert problem.is_feasible(engine.coef)
        found = problem.certificate(engine.coef, 0.0)
        assert n * found.gap <= tol + 1e-12
        assert abs(engine.residual_sumsq - 2 * n * problem.loss(engine.coef, 0.0)) <= 1e-12
        return found


def make_unit_problem(rng, kind, n=25, p=60, copies=False):
    X = rng.standard_normal((n, p)) + rng.standard_normal((n, 1))
    dtype, index = KINDS[kind]
    if index is not None:
        X *= rng.random((n, p)) < 0.5
        X[:3] += 1.0
    if copies:
        X[:, p // 2 :] = X[:, : p - p // 2] * rng.choice([-2.0, 1.0], p - p // 2)
    X = X.astype(dtype)
    y = X[:, :5] @ rng.standard_normal(5) + rng.standard_normal(n)
    weight = make_weights(rng, n, True)
    design = Design(sp.csc_array(X) if index else X, y, weight, n_threads=1)
    s = design.weight.astype(LD)
    C = X.astype(LD)
    C -= s @ C / s.sum()
    return UnitProblem(design, C / np.sqrt(s @ C**2), s)


def unit_penalty(rng, p, box):
    """Return a penalty with at most three features unpenalised."""
    l1, l2, lower, upper = make_penalty(rng, p, box)
    l1[3:][l1[3:] == 0.0] = 1.0
    return l1, l2, lower, upper


STRENGTHS = ((0.5, 0.0), (0.3, 0.0), (0.03, 0.0), (0.01, 0.1), (0.2, 0.1), (0.05, 0.0))


@each_kind
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("gram", [False, True], ids=["columns", "gram"])
@pytest.mark.parametrize("p", [8, 60])
def test_engine_follows_any_path(rng, kind, box, gram, p):
    problem = make_unit_problem(rng, kind, p=p)
    penalty = unit_penalty(rng, p, box)
    engine = problem.engine(penalty, gram)
    for strengths in STRENGTHS:  # down, up again, with and without an L2 part
        assert engine.solve(*strengths, 1e-10, 10_000) == CONVERGED
        assert engine.gap <= 1e-10
        problem.assert_solved(engine, penalty, *strengths, 1e-10)
    assert 0 <= engine.n_slots <= p


@each_kind
@pytest.mark.parametrize("gram", [False, True], ids=["columns", "gram"])
@pytest.mark.parametrize("box", ["free", "positive", "box"])
def test_engine_with_copies_of_features(rng, kind, gram, box):
    problem = make_unit_problem(rng, kind, p=40, copies=True)
    l1 = rng.choice([0.5, 1.0], 40)
    lower, upper = BOXES[box]
    penalty = l1, np.zeros(40), np.full(40, lower), np.full(40, upper)
    engine = problem.engine(penalty, gram)
    for strength in (0.4, 0.1, 0.02, 0.2):
        assert engine.solve(strength, 0.0, 1e-9, 10_000) == CONVERGED
        problem.assert_solved(engine, penalty, strength, 0.0, 1e-9)


@each_kind
def test_engine_looks_at_few_features(rng, kind):
    # bounds exclude most features: fewer reads than a scan per alpha, and nothing is missed
    problem = make_unit_problem(rng, kind, n=30, p=300)
    zero = np.zeros(300)
    penalty = (zero + 1.0, zero, zero - INF, zero + INF)
    engine = problem.engine(penalty)
    strengths = np.geomspace(0.9, 0.1, 40)
    for strength in strengths:
        assert engine.solve(strength, 0.0, 1e-10, 10_000) == CONVERGED
        problem.assert_solved(engine, penalty, strength, 0.0, 1e-10)
    assert engine.n_reads < 0.8 * len(strengths)
    assert engine.n_slots < 300
    assert engine.n_newton > 0


@each_kind
def test_engine_does_not_depend_on_the_threads(rng, kind):
    problem = make_unit_problem(rng, kind, n=30, p=200)
    penalty = unit_penalty(rng, 200, "free")

    def coef(n_threads):
        engine = problem.engine(penalty, n_threads=n_threads)
        for strength in np.geomspace(0.9, 0.1, 10):
            engine.solve(strength, 0.0, 1e-9, 1000)
        return np.array(engine.coef)

    per_thread(coef)


def test_engine_says_how_it_ended(rng):
    problem = make_unit_problem(rng, "dense float64")
    zero = np.zeros(60)
    penalty = (zero + 1.0, zero, zero - INF, zero + INF)
    engine = problem.engine(penalty)
    assert engine.solve(1.01, 0.0, 0.0, 10) == CONVERGED
    assert not engine.coef.any()
    assert engine.solve(0.01, 0.0, 0.0, 1) == MAX_ITER
    assert engine.n_epochs == 1
    found = problem.oracle(penalty, 0.01, 0.0).certificate(engine.coef, 0.0)
    best = problem.engine(penalty)
    assert best.solve(0.01, 0.0, 1e-11, 100_000) == CONVERGED
    reference = problem.assert_solved(best, penalty, 0.01, 0.0, 1e-11)
    assert engine.gap >= 25 * (found.primal - reference.primal)
    small = problem.engine(penalty, most_slots=3)
    assert small.solve(0.01, 0.0, 1e-9, 1000) == NO_ROOM
    assert np.isfinite(small.coef).all()


@pytest.mark.parametrize("gram", [False, True], ids=["columns", "gram"])
def test_engine_starts_anywhere(rng, gram):
    problem = make_unit_problem(rng, "csc float64 int64")
    penalty = unit_penalty(rng, 60, "box")
    engine = problem.engine(penalty, gram)
    for _ in range(3):
        engine.coef[:] = np.clip(rng.standard_normal(60), *penalty[2:])
        engine.refresh()
        assert engine.solve(0.1, 0.2, 1e-10, 10_000) == CONVERGED
        problem.assert_solved(engine, penalty, 0.1, 0.2, 1e-10)


def test_engine_refuses_what_does_not_fit(rng):
    problem = make_unit_problem(rng, "dense float64")
    penalty = unit_penalty(rng, 60, "free")
    with pytest.raises(ValueError, match="per feature"):
        problem.engine((*penalty[:3], penalty[3][:-1]))
    with pytest.raises(ValueError, match="does not fit"):
        ScalarEngine(problem.design.columns, np.zeros(3), 1.0, penalty)


# ---------------------------------------------------------------------------------------------
# _gradient


def make_updates(case, target, ridge, penalty, coef, n_threads=1):
    return GradientUpdates(
        case.columns, case.weighted_residual(target), ridge, penalty, coef, n_threads
    )


@each_kind
@each_weighting
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("method", ["descend", "accelerate"])
def test_gradient_steps_are_those_of_numpy(rng, kind, weighted, box, method):
    p = 21
    case = make_case(rng, kind, p=p, weighted=weighted)
    target = case.random_residual(rng)[1]
    penalty = make_penalty(rng, p, box)
    ridge = rng.uniform(0.0, 2.0, p)
    Q = (case.C.T @ (case.s[:, None] * case.C)).astype(float)
    step = 0.9 / (np.linalg.eigvalsh(Q)[-1] + 2.0)
    coef = rng.standard_normal(p)

    def run(n_threads):
        updates = make_updates(case, target, ridge, penalty, coef, n_threads)
        getattr(updates, method)(step, 17)
        updates.settle()
        assert updates.n_steps == 17
        return np.concatenate([updates.coef, updates.residual])

    found = per_thread(run)
    loop = {"descend": oracles.gradient_descent, "accelerate": oracles.accelerated_gradient}[method]
    start = np.clip(coef, *penalty[2:])
    w = loop(case.C, case.s, target, ridge, penalty, start, step, 17)
    size = np.abs(w).max() + 1
    assert np.all(np.abs(found[:p] - w) <= 1e-12 * size)
    r = np.where(case.s > 0, target - case.C @ w, 0)
    assert np.all(np.abs(case.residual_of(found[p:]) - r) <= 1e-12 * 10 * size)


def test_accelerated_steps_start_again_when_they_go_uphill(rng):
    # far more steps than the problem needs: without restarts it would still oscillate
    case = make_case(rng, "dense float64", n=60, p=8)
    target = case.random_residual(rng)[1]
    zero = np.zeros(8)
    penalty = (zero, zero, zero - INF, zero + INF)
    Q = (case.C.T @ (case.s[:, None] * case.C)).astype(float)
    step = 1.0 / np.linalg.eigvalsh(Q)[-1]
    updates = make_updates(case, target, zero, penalty, None)
    updates.accelerate(step, 600)
    expected = np.linalg.solve(Q, (case.C.T @ (case.s * target)).astype(float))
    np.testing.assert_allclose(updates.coef, expected, rtol=1e-9, atol=1e-10)


def test_gradient_updates_refuse_what_does_not_fit(rng):
    case = make_case(rng, "dense float64")
    penalty = make_penalty(rng, 9, "free")
    with pytest.raises(TypeError, match="Gram"):
        GradientUpdates(Columns.gram(np.eye(9, order="F")), np.zeros(9), np.zeros(9), penalty)
    with pytest.raises(ValueError, match="per feature"):
        GradientUpdates(case.columns, np.zeros(24), np.zeros(8), penalty)
    with pytest.raises(ValueError, match="does not fit"):
        GradientUpdates(case.columns, np.zeros(23), np.zeros(9), penalty)


@each_kind
@each_weighting
def test_largest_eigenvalue(rng, kind, weighted):
    case = make_case(rng, kind, p=12, weighted=weighted)
    Q = (case.C.T @ (case.s[:, None] * case.C)).astype(float)
    exact = np.linalg.eigvalsh(Q)[-1]
    start = rng.standard_normal(12)
    few, many = (largest_eigenvalue(case.columns, start, count) for count in (3, 300))
    assert few <= exact * (1 + 1e-12)
    assert abs(many - exact) <= 1e-6 * exact
    assert largest_eigenvalue(case.columns, np.zeros(12), 5) == 0.0


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


# --------------------------------------------------------------------------------------------
# _losses


@pytest.mark.parametrize("kind", LOSSES)
@each_weighting
def test_residual_and_curvature_are_derivatives_of_the_loss(rng, kind, weighted):
    y, z, h = rng.standard_normal((2, 9)), rng.standard_normal((2, 9)), 1e-4
    s = rng.uniform(0.5, 2.0, 9) if weighted else None
    value, v, curvature = evaluate(kind, y, z, s)
    for output in range(2):
        for i in range(9):
            step = np.zeros((2, 9))
            step[output, i] = h
            above, below = (evaluate(kind, y, z + d, s)[0] for d in (step, -step))
            assert_allclose((below - above) / (2.0 * h), v[output, i], atol=1e-8)
            assert_allclose((above - 2 * value + below) / h**2, curvature[output, i], atol=1e-5)


def test_the_squared_loss(rng):
    y, z, s = rng.standard_normal((1, 9)), rng.standard_normal((1, 9)), rng.uniform(0.0, 2.0, 9)
    value, v, curvature = evaluate("squared", y, z, s)
    assert_allclose(value, 0.5 * np.sum(s * (y - z) ** 2), rtol=1e-14)
    assert_array_equal(v, s * (y - z))
    assert_array_equal(curvature, s[np.newaxis])


def test_losses_reject_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="shape of y"):
        evaluate("squared", np.zeros((1, 3)), np.zeros((1, 4)))
    with pytest.raises(ValueError, match="one entry per sample"):
        evaluate("squared", np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(4))
