"""Linear predictors of some rows, whatever the size of the coefficients and the kind of X."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from softreg_fast.paths import predict


@pytest.mark.parametrize("limit", [1, predict.BLOCK_ENTRIES])
@pytest.mark.parametrize("store", [np.asfortranarray, np.ascontiguousarray, sp.csc_array])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_predictors_are_products(rng, monkeypatch, limit, store, share):
    X = rng.normal(size=(12, 7))
    W = rng.normal(size=(7, 3)) * (np.arange(7) >= 7 - 7 * share)[:, np.newaxis]
    intercepts, rows = np.array([1.0, -2.0, 0.5]), np.array([3, 0, 11, 3])
    monkeypatch.setattr(predict, "BLOCK_ENTRIES", limit)
    found = predict.predict_rows(store(X), rows, sp.csc_array(W), intercepts)
    assert_allclose(found, X[rows] @ W + intercepts, rtol=1e-13, atol=1e-14)
    everything = predict.predict_all(store(X), sp.csc_array(W), intercepts)
    assert_allclose(everything, X @ W + intercepts, rtol=1e-13, atol=1e-14)
    assert everything.flags.f_contiguous
