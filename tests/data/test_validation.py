"""Conversion of X, y and sample weights."""

import numpy as np
import oracles
import pandas as pd
import polars as pl
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import LD

from softreg_fast.data.validation import as_columns, as_target, as_weights


def base_matrix(rng, dtype="float64", n=11, p=5):
    """Return numbers that are exact in the dtype, some of them 0."""
    X = rng.standard_normal((n, p)) * (rng.random((n, p)) < 0.7)
    return np.asfortranarray(problems.DTYPES[dtype](X))


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("layout", problems.LAYOUTS)
def test_every_layout_holds_the_same_numbers(rng, layout, dtype):
    X = base_matrix(rng, dtype)
    given = problems.LAYOUTS[layout](X)
    before = problems.snapshot(given)
    columns = as_columns(given)
    assert problems.snapshot(given) == before
    assert columns.shape == X.shape
    assert_array_equal(oracles.dense(columns), X.astype(LD))
    assert columns.dtype == problems.stored_dtype(layout, dtype)
    assert columns.dtype.isnative
    if sp.issparse(given):
        assert columns.format == "csc"
        assert columns.has_canonical_format
    else:
        assert columns.strides[0] == columns.itemsize


def test_other_array_types_are_converted(rng):
    X = base_matrix(rng)
    masked = np.ma.masked_array(X)
    assert type(as_columns(masked)) is np.ndarray
    assert_array_equal(as_columns(X.astype(np.longdouble)), X)
    assert as_columns(X.astype(np.float16)).dtype in (np.float32, np.float64)
    assert_array_equal(as_columns(X.astype(object)), X)
    assert_array_equal(as_columns(pd.DataFrame(X)), X)


@pytest.mark.parametrize(
    "convert",
    [
        list,
        pd.Series,
        pl.Series,
        np.float32,
        lambda y: y[:, None],
        lambda y: np.repeat(y, 2)[::2],
        lambda y: y.astype(">f8"),
        lambda y: y.astype(np.int64),
    ],
)
def test_targets(convert):
    y = np.array([3.0, -1.0, 4.0, 7.0])
    target = as_target(convert(y), 4)
    assert target.dtype == np.float64
    assert target.flags.c_contiguous
    assert_array_equal(target, y)


def test_weights_have_mean_one():
    assert as_weights(None, 4) == (None, 4.0)
    assert as_weights(2.5, 4) == (None, 10.0)
    assert as_weights([3, 3, 3], 3) == (None, 9.0)
    given = np.array([0.0, 1.0, 3.0, 4.0])
    weights, total = as_weights(given, 4)
    assert total == 8.0
    assert_allclose(weights, given / 2)
    assert_array_equal(given, [0.0, 1.0, 3.0, 4.0])
    for scale in (1e-300, 1e300):
        weights, _ = as_weights(given * scale, 4)
        assert_allclose(weights, given / 2)
    assert_array_equal(as_weights([True, False], 2)[0], [2.0, 0.0])
