"""The search over grids: patience, and watchers that end paths."""

import numpy as np
import problems
import pytest
from numpy.testing import assert_allclose

from softreg_fast import LassoCV, cv_path
from softreg_fast.model_selection.search import ALPHAS_AT_ONCE

# small user-given grids are not extended
pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


def test_patience_keeps_the_same_paths(rng):
    # more features than samples: the engine stores nonzeros in their order of entry
    X = rng.standard_normal((60, 300))
    y = X[:, :10] @ rng.standard_normal(10) + rng.standard_normal(60)
    whole = cv_path(X, y, n_alphas=40, eps=0.05)
    parts = cv_path(X, y, n_alphas=40, eps=0.05, patience=35)
    assert_allclose(parts.predictions, whole.predictions, atol=1e-8)
    for some, fits in zip(parts.fold_paths, whole.fold_paths, strict=True):
        assert len(some) > ALPHAS_AT_ONCE  # gathered more than once
        assert abs(some.coefs - fits.coefs[:, : len(some)]).max() <= 1e-8


def test_patience_leaves_the_grid_early(rng):
    X, y = problems.make_data(rng, 60, 20, noise=3.0)
    whole = cv_path(X, y, n_alphas=60, eps=1e-4, l1_ratio=[0.5, 1.0])
    found = cv_path(X, y, n_alphas=60, eps=1e-4, l1_ratio=[0.5, 1.0], patience=8)
    fitted = ~np.isnan(found.errors)
    assert_allclose(found.errors[fitted], whole.errors[fitted], rtol=1e-9)
    for ratio in range(2):
        mean = whole.mean_errors[ratio]
        reached = np.flatnonzero(fitted[ratio].all(axis=-1))[-1]
        assert np.array_equal(fitted[ratio].any(axis=-1), np.arange(60) <= reached)
        if reached < 59:
            assert 8 <= reached - np.argmin(mean[: reached + 1]) < 8 + ALPHAS_AT_ONCE
    best = found.best_ratio
    assert len(found.path) == np.flatnonzero(fitted[best].all(axis=-1))[-1] + 1
    assert {len(fits) for fits in found.fold_paths} == {len(found.path)}
    assert found.mean_errors[best, found.index_min] == np.nanmin(found.mean_errors)
    assert np.isfinite(found.predictions).all()
    model = LassoCV(alphas=60, eps=1e-4, patience=8).fit(X, y)
    assert np.isnan(model.mse_path_).any()
    assert model.alpha_ == model.alphas_[np.nanargmin(model.mse_path_.mean(axis=-1))]
    for wrong in (0, 2.5, True):
        with pytest.raises(ValueError, match="patience must be an integer >= 1"):
            cv_path(X, y, patience=wrong)


def test_a_watcher_sees_every_fit_and_ends_paths(rng):
    X, y = problems.make_data(rng, 40, 6)
    seen = []
    cv_path(X, y, cv=2, n_alphas=7, watcher=lambda name, step: seen.append((name, step.position)))
    names = ["fold 0", "fold 1", "all samples"]
    assert seen == [(name, k) for name in names for k in range(7)]
    found = cv_path(X, y, cv=2, n_alphas=7, watcher=lambda _, step: step.position == 3)
    assert np.isnan(found.errors[0, 4:]).all()
    assert len(found.path) == 4


def test_a_watcher_ends_paths_along_the_grid_together(rng):
    X, y = problems.make_data(rng, 60, 8)
    told = []

    def watcher(name, step):
        told.append(name)
        return name == "fold 0" and step.position >= 2

    found = cv_path(X, y, n_alphas=40, patience=50, watcher=watcher)
    assert told.count("fold 0") == 3
    assert found.index_min <= 2
