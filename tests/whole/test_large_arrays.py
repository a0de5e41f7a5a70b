"""Arrays of more than 2^31 entries, and 64-bit indices."""

import json
import mmap
import sys

import numpy as np
import pytest
from children import digest, main, make_sparse, resident, run_script
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import Lasso, path, solve
from softreg_fast.kernels._columns import Columns

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_64_bit_indices(dtype):
    X, y = make_sparse(300, 80)
    X = X.astype(dtype)
    narrow, wide = X.copy(), X.copy()
    for index, Z in ((np.int32, narrow), (np.int64, wide)):
        Z.indptr, Z.indices = X.indptr.astype(index), X.indices.astype(index)
    for options in ({}, {"precompute": True}, {"solver": "gradient"}, {"fit_intercept": False}):
        narrow_fit, wide_fit = (solve(Z, y, alpha=0.1, **options) for Z in (narrow, wide))
        assert digest(narrow_fit) == digest(wide_fit)
    assert (narrow.indices.dtype, wide.indices.dtype) == (np.int32, np.int64)


def columns_that_are_one():
    """Return columns with stride 0 between them: 3e9 entries in a megabyte."""
    n, p = 100_000, 30_000
    column = np.random.default_rng(0).standard_normal(n)
    X = np.broadcast_to(column[:, None], (n, p))
    assert X.size > 2**31
    assert X.strides == (8, 0)
    columns = Columns(X)
    chosen = np.array([p - 1, 0, p // 2])
    slopes = np.zeros(3)
    v = np.append(column, 0.0)
    columns.slopes(v, slopes, chosen, 2)
    assert_allclose(slopes, column @ column)
    u = np.zeros(p)
    u[[0, p - 1]] = 0.25, 0.75
    columns.subtract_product(u, v, 2)
    assert_allclose(v[:-1], 0.0, atol=1e-12)


def reserved(size):
    """Reserve address space whose pages are allocated on first access."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
    return mmap.mmap(-1, size, flags=flags)


def more_entries_than_32_bits_count():
    """Return a float32 matrix of more than 2^31 entries, of which four columns are accessed."""
    n, p = 2**15, 2**16 + 8
    X = np.frombuffer(reserved(4 * n * p), np.float32).reshape(p, n).T
    assert X.size > 2**31
    chosen = np.array([0, 2**15, 2**16 + 1, p - 1])
    rng = np.random.default_rng(0)
    X[:, chosen] = rng.standard_normal((n, 4))
    columns = Columns(X)
    v = np.append(rng.standard_normal(n), 0.0)
    slopes = np.zeros(4)
    columns.slopes(v, slopes, chosen, 2)
    assert_allclose(slopes, X[:, chosen].T.astype(float) @ v[:-1], rtol=1e-10)
    panel = np.zeros((n, 4), order="F")
    columns.gather(0, panel, chosen, 2)
    assert_array_equal(panel, X[:, chosen])
    gram = np.zeros((4, 4), order="F")
    columns.gram_block(chosen, chosen, gram, 2)
    assert_allclose(gram, panel.T @ panel, rtol=1e-10, atol=1e-8)
    u = np.zeros(p)
    u[chosen] = slopes
    rest = v[:-1] - panel @ slopes
    columns.subtract_product(u, v, 2)
    assert_allclose(v[:-1], rest, rtol=1e-9, atol=1e-9)


def more_stored_entries_than_32_bits_count(index):
    """Return a CSC matrix whose second column starts beyond entry 2^31."""
    n, start = 1000, 2**31 + 5
    data = np.frombuffer(reserved(4 * (start + 3)), np.float32)
    rows = np.frombuffer(reserved((start + 3) * np.dtype(index).itemsize), index)
    data[start:], rows[start:] = [1.0, 2.0, 4.0], [3, 500, 999]

    class Buffers:
        indptr, shape = np.array([0, start, start + 3]), (n, 2)

    Buffers.data, Buffers.indices = data, rows
    v = np.append(np.arange(n, dtype=float), 0.0)
    slope = np.zeros(1)
    Columns(Buffers()).slopes(v, slope, np.array([1]))
    assert slope[0] == 3 + 2 * 500 + 4 * 999
    panel = np.zeros((n, 1), order="F")
    Columns(Buffers()).gather(0, panel, np.array([1]))
    assert_array_equal(np.flatnonzero(panel), [3, 500, 999])


def script_offsets():
    """Use offsets beyond 2^31, where a wrong one would crash the process."""
    columns_that_are_one()
    try:
        reserved(2**35).close()
    except OSError:
        print(json.dumps("no address space"))
        return
    more_entries_than_32_bits_count()
    more_stored_entries_than_32_bits_count(np.int32)
    more_stored_entries_than_32_bits_count(np.int64)
    print(json.dumps("right"))


@linux_only
def test_offsets_beyond_32_bits():
    found = run_script(__file__, "offsets")
    if found == "no address space":
        pytest.skip(found)
    assert found == "right"


def script_whole_fits():
    """Fit a float32 matrix of more than 2^31 entries, all 0 except in a few columns."""
    n, p = 2**15, 2**16 + 8
    X = np.frombuffer(reserved(4 * n * p), np.float32).reshape(p, n).T
    assert X.size > 2**31
    chosen = np.array([0, 2**15, 2**16 + 1, p - 1])
    rng = np.random.default_rng(0)
    X[:, chosen] = rng.standard_normal((n, 4))
    y = X[:, chosen] @ [3.0, -2.0, 0.1, 1.0] + rng.standard_normal(n)
    small = np.asfortranarray(X[:, chosen])
    for fit in (
        lambda X: solve(X, y, alpha=0.2, tol=1e-10).coef,
        lambda X: Lasso(alpha=0.2, tol=1e-10).fit(X, y).coef_,
        lambda X: path(X, y, n_alphas=5, eps=0.1, tol=1e-10).coefs.toarray(),
    ):
        found = fit(X)
        assert_allclose(found[chosen], fit(small), rtol=1e-8, atol=1e-10)
        assert np.count_nonzero(found) == np.count_nonzero(found[chosen])
    # pages that were only read map to the shared zero page
    print(json.dumps(resident()))


@linux_only
@pytest.mark.stress
def test_whole_fits_beyond_32_bits():
    assert run_script(__file__, "whole_fits", timeout=110) < 2000.0


if __name__ == "__main__":
    main(globals())
