"""CVPath: errors over folds, the rules that choose an alpha, predictions out of fold."""

from itertools import pairwise

import numpy as np
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import dense
from sklearn.model_selection import KFold

from softreg_fast import cv_path

# small user-given grids are not extended
pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


def test_the_rules(rng):
    X, y = problems.make_data(rng, 80, 20, noise=2.0)
    found = cv_path(X, y, n_alphas=30, cv=5)
    mean, spread = found.errors[0].mean(axis=1), found.errors[0].std(axis=1, ddof=1) / np.sqrt(5)
    assert_allclose(found.mean_errors[0], mean)
    assert_allclose(found.standard_errors[0], spread)
    k = int(np.argmin(mean))
    assert found.index == found.index_min == k
    first = next(i for i in range(30) if mean[i] <= mean[k] + spread[k])
    assert found.index_1se == first <= k
    sparse = cv_path(X, y, n_alphas=30, cv=5, rule="1se")
    assert sparse.index == first
    assert sparse.alpha == found.alphas[0, first]
    table = str(found)
    assert "min" in table
    assert "1se" in table
    assert f"{found.alpha:.6g}" in table
    one = cv_path(X, y, n_alphas=5, cv=[(np.arange(60), np.arange(60, 80))], rule="1se")
    assert one.index == one.index_min


def test_predictions_out_of_fold(data):
    X, y = data
    found = cv_path(X, y, n_alphas=8, eps=0.02, cv=4, seed=None)
    for fits, (_, test) in zip(found.fold_paths, KFold(4).split(y), strict=True):
        expected = fits[found.index].predict(dense(X)[test])
        assert_allclose(found.predictions[test], expected, rtol=1e-10)
    half = np.arange(len(y) // 2)
    rest = np.arange(len(y) // 2, len(y))
    found = cv_path(X, y, n_alphas=5, cv=[(half, rest)])
    assert np.isnan(found.predictions[half]).all()
    assert np.isfinite(found.predictions[rest]).all()
    assert_allclose(found.predict(X), found.path[found.index].predict(X))


@pytest.mark.parametrize("weighted", [False, True])
def test_folds_that_count_as_their_samples(rng, weighted):
    # cv.glmnet (grouped): cvm = weighted.mean(cvraw, w), w the weights of each fold's samples, and
    # cvsd = sqrt(weighted.mean((cvraw - cvm)^2, w) / (K - 1))
    X, y = problems.make_data(rng, 50, 8, noise=2.0)
    s = rng.uniform(0.1, 3.0, 50) if weighted else np.ones(50)
    ends = [0, 5, 12, 27, 50]
    tests = [np.arange(a, b) for a, b in pairwise(ends)]
    pairs = [(np.setdiff1d(np.arange(50), test), test) for test in tests]
    options = {"cv": pairs, "sample_weight": s, "n_alphas": 30}
    found = cv_path(X, y, fold_weights="samples", rule="1se", **options)
    equal = cv_path(X, y, fold_weights="equal", **options)
    assert equal.fold_weights is None
    n = min(len(found.path), len(equal.path))
    assert_array_equal(found.errors[:, :n], equal.errors[:, :n])
    mean, spread = np.empty(n), np.empty(n)
    w = np.array([s[test].sum() for test in tests])
    for k in range(n):
        raw = found.errors[0, k]
        mean[k] = (w * raw).sum() / w.sum()
        spread[k] = np.sqrt((w * (raw - mean[k]) ** 2).sum() / w.sum() / (len(w) - 1))
        # which is the mean over all samples
        missing = np.concatenate(
            [
                fits.predict(X[t])[:, k] - y[t]
                for fits, t in zip(found.fold_paths, tests, strict=True)
            ]
        )
        assert mean[k] == pytest.approx(np.average(missing**2, weights=s))
    assert_allclose(found.mean_errors[0, :n], mean)
    assert_allclose(found.standard_errors[0, :n], spread)
    assert found.index_min == np.argmin(found.mean_errors[0])
    k = found.index_min
    assert found.index == np.argmax(found.mean_errors[0] <= mean[k] + spread[k])
    assert_allclose(equal.mean_errors, equal.errors.mean(axis=-1))
    assert_allclose(equal.standard_errors, equal.errors.std(axis=-1, ddof=1) / 2.0)


def test_folds_that_count_change_the_choice(rng):
    # one sample, far off, as a fold of its own
    X, y = problems.make_data(rng, 60, 10, noise=1.0)
    y[0] += 60.0
    pairs = [
        (np.setdiff1d(np.arange(60), t), t)
        for t in (np.array([0]), *np.split(np.arange(1, 60), [30]))
    ]
    equal, samples = (cv_path(X, y, cv=pairs, fold_weights=word) for word in ("equal", "samples"))
    assert equal.index_min != samples.index_min
    part = cv_path(X, y, cv=pairs, fold_weights="samples", patience=10)
    assert part.index_min == samples.index_min


def test_one_standard_error(rng):
    X, y = problems.make_data(rng, 80, 6, noise=0.3)
    found = cv_path(X, y, rule="1se", l1_ratio=[0.5, 1.0], cv=6, n_alphas=1000, eps=1e-4)
    mean = found.errors.mean(axis=-1)
    ratio, k = np.unravel_index(np.argmin(mean), mean.shape)
    spread = found.errors[ratio, k].std(ddof=1) / np.sqrt(6)
    within = np.flatnonzero(mean[ratio] <= mean[ratio, k] + spread)
    assert (found.best_ratio, found.index_min, found.index) == (ratio, k, within[0])
    assert found.alpha == found.alphas[ratio].max() * (
        found.alphas[ratio, within[0]] / found.alphas[ratio, 0]
    )
