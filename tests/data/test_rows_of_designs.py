"""Designs of some rows, against designs with weight zero elsewhere."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from softreg_fast import Design, path, survival
from softreg_fast.data.given import as_design
from softreg_fast.data.rows import design_of_rows
from softreg_fast.losses import Cox, Huber, Logistic, Multinomial, Poisson, Quantile

N = 60
LOSSES = [Logistic(), Poisson(), Huber(0.5), Quantile(0.3), Multinomial(), Cox("efron")]


def targets(rng, loss):
    """Return targets that the loss allows."""
    if isinstance(loss, Cox):
        return survival(np.ceil(4.0 * rng.exponential(size=N)), rng.random(N) < 0.7)
    if isinstance(loss, Multinomial):
        return rng.permutation(np.arange(N) % 3)
    if isinstance(loss, Logistic):
        return rng.permutation(np.arange(N) % 2)
    return rng.poisson(2.0, N).astype(float)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("store", [np.asfortranarray, np.float32, sp.csc_array])
def test_rows_are_weights_of_zero_and_one(rng, loss, weighted, store):
    X, y = store(rng.standard_normal((N, 5)) * (rng.random((N, 5)) < 0.7)), targets(rng, loss)
    offset = None if isinstance(loss, Multinomial) else 0.1 * rng.standard_normal(N)
    design = as_design(X, y, None, None, True, 1, loss, offset)
    weight = np.where(rng.random(N) < 0.7, rng.random(N) + 0.1 if weighted else 1.0, 0.0)
    rows = np.flatnonzero(weight)
    few, whole = design_of_rows(design, rows, weight[rows]), design.reweighted(weight)
    assert few.X.shape == (len(rows), 5)
    assert few.X.dtype == X.dtype
    assert few.weight_sum == pytest.approx(whole.weight_sum)
    assert (few.weight is None) == (not weighted)
    assert_allclose(few.center, whole.center, rtol=1e-12, atol=1e-14)
    assert_allclose(few.y_mean, whole.y_mean, rtol=1e-9, atol=1e-12)
    deviance = whole.described_target.null_deviance / whole.n_samples
    assert_allclose(few.described_target.null_deviance / len(rows), deviance, rtol=1e-9)
    a, b = (path(each, n_alphas=4, eps=0.1, tol=1e-9) for each in (few, whole))
    assert_allclose(a.alphas, b.alphas, rtol=1e-9)
    assert_allclose(a.dev_ratio, b.dev_ratio, atol=1e-3)  # of coefficients as below
    assert_allclose(a.coefs.toarray(), b.coefs.toarray(), atol=2e-3 if loss.smooth else 0.1)


def test_columns_with_another_origin_are_not_copied(rng):
    X = np.asfortranarray(rng.standard_normal((N, 3)))
    X[:, 1] += 1e9
    design = Design(X).with_target(rng.integers(0, 2, N), "logistic")
    assert design_of_rows(design, np.arange(30), np.ones(30)) is None
