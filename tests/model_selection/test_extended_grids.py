"""Grids that go on while the error on samples left out falls, and what is said of their ends."""

import warnings

import numpy as np
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import assert_certified, problem_of
from sklearn.model_selection import KFold

from softreg_fast import (
    ElasticNetCV,
    EndOfGridWarning,
    LassoCV,
    MultiTaskLassoCV,
    cv_path,
    enet_path,
    path,
    stability_path,
)
from softreg_fast.solvers.choice import make_engine


def raw_table(n=120):
    """Return columns of very different scales, where small ones matter too, and noise columns."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((n, 6)) * [1000.0, 100.0, 10.0, 1.0, 0.1, 0.1]
    y = X @ [0.003, 0.03, 0.3, 3.0, 30.0, 0.0] + 4.0 * rng.standard_normal(n)
    return np.hstack([X, 0.1 * rng.standard_normal((n, 20))]), y


def same_fits(some, others):
    for a, b in zip(some, others, strict=True):
        assert_allclose(a.alphas, b.alphas[: len(a)], rtol=1e-12)
        scale = abs(b.coefs).max()
        assert abs(a.coefs - b.coefs[:, : len(a)]).max() <= 1e-7 * scale


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"l1_ratio": 0.5},
        {"sample_weight": True},
        {"patience": 30},
        {"relax": True},
        {"relax": [0.5]},
        {"scoring": "neg_mean_absolute_error"},
        {"precompute": False},
        {"positive": True},
        {"fold_weights": "samples"},
        {"solver": "cd"},
    ],
)
def test_a_grid_that_goes_on_is_the_longer_grid(rng, options):
    X, y = raw_table()
    if "sample_weight" in options:
        options = {"sample_weight": rng.uniform(0.1, 2.0, len(y))}
    short = 99
    found = cv_path(X, y, **options)
    n = len(found.path)
    assert short + 1 < n < 265
    assert found.end == "turned"
    assert short < found.index_min < n - 1
    assert found.note == ""
    assert found.errors_by_gamma.shape == (len(found.gammas), 1, n, 5)
    assert {len(fits) for fits in found.fold_paths} == {n}
    whole = cv_path(X, y, eps=found.alphas[0, -1] / found.alphas[0, 0], n_alphas=n, **options)
    assert_allclose(whole.alphas, found.alphas, rtol=1e-10)
    assert_allclose(found.errors_by_gamma, whole.errors_by_gamma, rtol=1e-6)
    assert whole.index_min == found.index_min
    assert_allclose(found.predictions, whole.predictions, rtol=1e-6, atol=1e-6)
    same_fits([found.path, *found.fold_paths], [whole.path, *whole.fold_paths])
    first = found.alphas[0, short] / found.alphas[0, 0]
    assert first == pytest.approx(1e-3)


def test_every_fit_beyond_is_certified():
    X, y = raw_table(60)
    splits = list(KFold(3).split(X))
    found = cv_path(X, y, cv=splits, n_alphas=10)
    assert len(found.path) > 10
    for fits, (train, _) in zip(found.fold_paths, splits, strict=True):
        for fit in fits:
            assert_certified(problem_of(X[train], y[train], alpha=fit.alpha), fit)
    for fit in found.path:
        assert_certified(problem_of(X, y, alpha=fit.alpha), fit)


def test_nothing_is_fitted_twice():
    X, y = raw_table()
    seen = []
    found = cv_path(X, y, cv=3, watcher=lambda name, step: seen.append((name, step.alpha)))
    assert len(seen) == len(set(seen)) == 4 * len(found.path)
    for name in ("fold 0", "fold 2", "all samples"):
        assert [alpha for who, alpha in seen if who == name] == found.path.alphas.tolist()


@pytest.mark.parametrize("relax", [False, [0.5]])
def test_what_comes_after_starts_where_the_path_has_ended(monkeypatch, relax):
    starts = []

    def made(problem, coef_init, n_alphas):
        starts.append(coef_init)
        return make_engine(problem, coef_init, n_alphas)

    monkeypatch.setattr("softreg_fast.paths.path.make_engine", made)
    X, y = raw_table()
    splits = list(KFold(3).split(X))
    found = cv_path(X, y, cv=splits, n_alphas=50, relax=relax)
    assert len(found.path) > 50
    begun = [w for w in starts if w is not None]
    for w, (train, _) in zip(begun, splits, strict=True):
        last = path(X[train], y[train], alphas=found.alphas[0, [49]])[0].coef
        assert_allclose(w, last, rtol=1e-6, atol=1e-9)


def test_every_ratio_goes_on_for_itself():
    X, y = raw_table()
    found = cv_path(X, y, l1_ratio=[0.2, 1.0], n_alphas=40)
    n = found.alphas.shape[1]
    assert np.isfinite(found.alphas).all()
    reached = []
    for k, ratio in enumerate((0.2, 1.0)):
        one = cv_path(X, y, l1_ratio=ratio, n_alphas=40)
        m = len(one.path)
        reached.append(m)
        assert_allclose(found.alphas[k, :m], one.alphas[0], rtol=1e-12)
        assert_allclose(found.errors[k, :m], one.errors[0], rtol=1e-7)
        assert np.isnan(found.errors[k, m:]).all()
        steps = np.diff(np.log(found.alphas[k]))
        assert_allclose(steps, steps[0])
    assert n == max(reached)
    assert len(found.path) == reached[found.best_ratio]
    assert found.mean_errors[found.best_ratio, found.index_min] == np.nanmin(found.mean_errors)
    assert found.index_1se <= found.index_min
    assert np.isfinite(found.predictions).all()
    assert "l1_ratio" in str(found)


def test_a_choice_inside_changes_nothing(rng):
    X, y = problems.make_data(rng, 60, 20, noise=3.0)
    found, fixed = cv_path(X, y), cv_path(X, y, eps=1e-3)
    assert 0 < fixed.index_min < 99
    assert_array_equal(found.errors, fixed.errors)
    assert_array_equal(found.path.coefs.toarray(), fixed.path.coefs.toarray())
    assert (found.end, fixed.end) == ("turned", "eps")


@pytest.mark.parametrize("shape", [(40, 5), (30, 60)])
def test_without_noise_a_grid_goes_on_to_its_floor(rng, shape):
    X = rng.standard_normal(shape)
    y = X[:, :4].sum(axis=1)
    with pytest.warns(EndOfGridWarning, match=r"try alpha=0, least squares"):
        found = cv_path(X, y)
    assert found.end == "floor"
    assert found.is_at_end
    assert len(found.path) == 265
    assert found.alphas[0, -1] / found.alphas[0, 0] == pytest.approx(1e-8, rel=0.1)
    assert_allclose(found.path[264].coef[:4], 1.0, rtol=1e-6)


def test_a_grid_ends_where_the_errors_come_to_rest(rng):
    # least squares is best here, and at a hundredth of the largest alpha as good as there
    X = rng.standard_normal((2000, 4))
    y = X.sum(axis=1) + rng.standard_normal(2000)
    for seed in range(20):
        found = cv_path(X, y, seed=seed)
        if found.end == "settled":
            break
    assert found.end == "settled"
    assert not found.is_at_end
    assert len(found.path) < 265
    newest = found.mean_errors[0, -11:]
    assert np.ptp(newest) <= 1e-4 * newest.min()
    if found.index_min == len(found.path) - 1:
        assert "come to rest" in found.note
        assert found.note in str(found)


def test_criteria_go_on_too():
    X, y = raw_table()
    found = cv_path(X, y, criterion="bic")
    n = len(found.path)
    assert 99 < found.index_min < n - 1
    eps = found.alphas[0, -1] / found.alphas[0, 0]
    whole = cv_path(X, y, criterion="bic", eps=eps, n_alphas=n)
    assert_allclose(found.errors, whole.errors, rtol=1e-9)
    same_fits([found.path], [whole.path])
    with pytest.warns(EndOfGridWarning):
        cv_path(X, y, criterion="bic", eps=1e-3)


def test_a_grid_ends_where_fits_do_not_converge():
    X, y = raw_table()
    kinds = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = cv_path(X, y, solver="cd", max_iter=3, tol=1e-9)
        kinds = [warning.category.__name__ for warning in caught]
    assert "ConvergenceWarning" in kinds
    assert len(found.path) < 265


def test_a_watcher_ends_what_goes_on():
    X, y = raw_table()
    found = cv_path(X, y, watcher=lambda _, step: step.position == 103)
    assert len(found.path) == 104
    assert found.end == "watcher"
    assert not found.is_at_end  # no warning: the end was chosen by the user


@pytest.mark.parametrize("n_alphas", [1, 2, 3])
def test_short_grids(n_alphas):
    X, y = raw_table()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EndOfGridWarning)
        found = cv_path(X, y, n_alphas=n_alphas)
    assert len(found.path) >= n_alphas
    assert not (n_alphas == 1 and found.is_at_end)


def test_threads_go_on_alike(monkeypatch):
    monkeypatch.setattr("softreg_fast.system.threads.SMALLEST_PARALLEL_WORK", 1)
    monkeypatch.setattr("softreg_fast.model_selection.workers.SMALLEST_PATH", 1)
    X, y = raw_table()
    one, two = (cv_path(X, y, n_threads=k) for k in (1, 2))
    assert_allclose(one.errors, two.errors, rtol=1e-9)


def test_estimators_go_on_if_asked(rng):
    X, y = raw_table()
    model = LassoCV(eps="auto", tol=1e-6).fit(X, y)
    found = cv_path(X, y, seed=None)
    assert model.alpha_ == found.alpha
    assert model.alphas_.shape == found.alphas[0].shape
    assert model.mse_path_.shape == found.errors[0].shape
    Y = np.column_stack([y, rng.standard_normal(len(y))])
    each = ElasticNetCV(l1_ratio=[0.5, 1.0], eps="auto", alpha_per_target=True).fit(X, Y)
    n = max(fits.alphas.shape[1] for fits in each.cv_path_)
    assert each.alphas_.shape == (2, 2, n)
    assert each.mse_path_.shape == (2, 2, n, 5)
    for k, fits in enumerate(each.cv_path_):
        m = fits.alphas.shape[1]
        assert_array_equal(each.alphas_[k][:, :m], fits.alphas)
        assert np.isnan(each.alphas_[k][:, m:]).all()
        assert np.isnan(each.mse_path_[k][:, m:]).all()
    assert MultiTaskLassoCV(eps="auto", alphas=10).fit(X, Y).cv_path_.end != "eps"


@pytest.mark.parametrize("how", [path, enet_path, stability_path])
def test_only_cross_validation_has_an_error_to_follow(how):
    X, y = raw_table()
    with pytest.raises(ValueError, match=r"Give a number, such as 0.001, or use cv_path"):
        how(X, y, eps="auto")


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"eps": 1e-3}, "eps='auto', the default"),
        ({"alphas": [50.0, 20.0, 10.0]}, "Give smaller alphas too"),
        ({"eps": 1e-3, "rule": "1se"}, "eps='auto', the default"),
        ({"eps": 1e-3, "l1_ratio": [0.5, 1.0]}, "eps='auto', the default"),
        ({"eps": 1e-3, "criterion": "aic"}, "eps='auto', the default"),
    ],
)
def test_the_last_alpha_is_warned_of_once(options, advice):
    X, y = raw_table()
    with pytest.warns(EndOfGridWarning, match="The last alpha of the grid") as caught:
        found = cv_path(X, y, **options)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert advice in str(caught[0].message)
    assert "standardize" in str(caught[0].message)
    assert found.is_at_end
    assert str(caught[0].message) == found.note == str(found).splitlines()[-1]
    assert issubclass(EndOfGridWarning, UserWarning)


def test_nothing_is_said_of_a_single_alpha_or_by_estimators():
    X, y = raw_table()
    found = cv_path(X, y, alphas=[1.0])
    assert not found.is_at_end
    assert found.note == ""
    model = LassoCV().fit(X, y)
    assert model.cv_path_.is_at_end
    assert "eps='auto'" in model.cv_path_.note


def test_the_first_alpha_is_remarked_on(rng):
    X, y = rng.standard_normal((50, 4)), rng.standard_normal(50)
    y -= X @ np.linalg.lstsq(X, y, rcond=None)[0]
    found = cv_path(X, y)
    assert found.index_min == 0
    assert not found.is_at_end
    assert found.note.startswith("The first alpha has the smallest error")
    assert found.note in str(found)


def test_nothing_is_said_of_an_end_at_zero(rng):
    X = rng.standard_normal((60, 3))
    y = X @ [1.0, 2.0, 3.0] + 0.1 * rng.standard_normal(60)
    found = cv_path(X, y, alphas=[1.0, 0.1, 0.0])  # a warning would be an error
    assert found.index_min == 2
    assert not found.is_at_end
    assert found.note == ""
