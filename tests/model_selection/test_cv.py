"""Cross-validation: every fold certified on its own samples, and scikit-learn's errors."""

import warnings

import numpy as np
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import assert_certified, problem_of
from problems import dense
from sklearn import linear_model as theirs
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold

from softreg_fast import Design, ElasticNetCV, LassoCV, cv_path

# small user-given grids are not extended
pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


def fitted_as_far_as_it_goes(model, X, y, **options):
    """Fit scikit-learn tightly: coefficients are accurate to the root of the gap only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.set_params(tol=1e-20, max_iter=20_000).fit(X, y, **options)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_errors_are_those_of_scikit_learn(rng, data, weighted, fit_intercept):
    X, y = data
    options = {"cv": KFold(4, shuffle=True, random_state=0), "fit_intercept": fit_intercept}
    weight = rng.uniform(0.2, 2.0, len(y)) if weighted else None
    # a dense copy: without an intercept they write weights into X
    given = dense(X).copy() if weighted else X
    model = LassoCV(eps=0.02, alphas=12, **options).fit(X, y, sample_weight=weight)
    problem = problem_of(X, y, alpha=1.0, sample_weight=weight, fit_intercept=fit_intercept)
    assert_allclose(model.alphas_, problem.alpha_max() * np.geomspace(1, 0.02, 12), rtol=1e-10)
    options["alphas"] = model.alphas_
    expected = fitted_as_far_as_it_goes(theirs.LassoCV(**options), given, y, sample_weight=weight)
    assert_allclose(model.mse_path_, expected.mse_path_, rtol=1e-8)
    assert model.alpha_ == pytest.approx(expected.alpha_, rel=1e-10)
    assert_allclose(model.predict(X), expected.predict(dense(X)), rtol=1e-5, atol=1e-5)
    assert not hasattr(model, "l1_ratio_")


def test_a_grid_of_ratios(data):
    X, y = data
    options = {"l1_ratio": [0.3, 0.7, 1.0], "alphas": np.geomspace(1.0, 0.05, 8), "cv": 3}
    expected = fitted_as_far_as_it_goes(theirs.ElasticNetCV(**options), X, y)
    model = ElasticNetCV(**options).fit(X, y)
    assert_allclose(model.alphas_, expected.alphas_, rtol=1e-10)
    assert_allclose(model.mse_path_, expected.mse_path_, rtol=1e-8)
    assert (model.alpha_, model.l1_ratio_) == pytest.approx((expected.alpha_, expected.l1_ratio_))
    assert model.mse_path_.shape == (3, 8, 3)


@pytest.mark.parametrize("standardize", [False, True])
def test_every_fold_is_certified_on_its_samples(rng, data, standardize):
    X, y = data
    weight = rng.uniform(0.2, 2.0, len(y))
    l1_weights = rng.uniform(0.5, 2.0, X.shape[1])
    options = {"l1_weights": l1_weights, "standardize": standardize}
    splits = list(KFold(3).split(y))
    found = cv_path(X, y, n_alphas=6, eps=0.02, cv=splits, sample_weight=weight, **options)
    for fits, (train, test) in zip(found.fold_paths, splits, strict=True):
        for fit in fits:
            problem = problem_of(
                dense(X)[train], y[train], alpha=fit.alpha, sample_weight=weight[train], **options
            )
            assert_certified(problem, fit)
        missing = (fits.predict(dense(X)[test]) - y[test][:, np.newaxis]) ** 2
        k = next(k for k, other in enumerate(found.fold_paths) if other is fits)
        expected = np.average(missing, axis=0, weights=weight[test])
        assert_allclose(found.errors[0, :, k], expected, rtol=1e-9)
    for fit in found.path:
        problem = problem_of(X, y, alpha=fit.alpha, sample_weight=weight, **options)
        assert_certified(problem, fit)


def test_order_of_samples_does_not_matter(rng, data):
    X, y = data
    order = rng.permutation(len(y))
    place = np.argsort(order)
    splits = list(KFold(3).split(y))
    moved = [(place[train], place[test]) for train, test in splits]
    here = cv_path(X, y, n_alphas=6, eps=0.05, cv=splits)
    there = cv_path(X[order], y[order], n_alphas=6, eps=0.05, cv=moved)
    assert_allclose(here.errors, there.errors, rtol=1e-8)
    assert_allclose(here.predictions[order], there.predictions, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "2se"}, "rule must be one of"),
        ({"criterion": "cp"}, "criterion must be one of"),
        ({"criterion": "aic", "scoring": "r2"}, "not by both"),
        ({"l1_ratio": [0.5, 1.5]}, "l1_ratio must be"),
        ({"l1_ratio": []}, "l1_ratio must be"),
        ({"alphas": [1.0, -1.0]}, "alphas"),
        ({"alphas": [1.0, np.nan]}, "alphas"),
        ({"tol": -1.0}, "tol"),
        ({"eps": "automatic"}, r"eps must be a number in \(0, 1\] or 'auto', got 'automatic'"),
        ({"fold_weights": "size"}, "fold_weights must be one of equal, samples; got 'size'"),
        ({"seed": -1}, "seed must be from 0"),
        ({"seed": 3, "cv": KFold(3)}, "seed is for folds that are made here"),
        ({"seed": None, "cv": [(np.arange(6), np.arange(6, 12))]}, "seed is for folds"),
        ({"criterion": "aic", "cv": 3}, "cv: a criterion needs no folds"),
        ({"criterion": "aic", "fold_weights": "samples"}, "a criterion needs no folds"),
        ({"criterion": "aic", "seed": None}, "seed: a criterion needs no folds"),
        ({"noise_variance": 1.0}, "noise_variance is for a criterion"),
        ({"criterion": "aic", "noise_variance": 0.0}, "noise_variance must be"),
    ],
)
def test_bad_options(rng, options, message):
    X, y = problems.make_data(rng, 12, 4)
    with pytest.raises(ValueError, match=message):
        cv_path(X, y, **options)


def test_alphas_in_any_order_and_repeated(rng):
    X, y = problems.make_data(rng, 30, 5)
    found = cv_path(X, y, alphas=[0.1, 1.0, 0.1, 0.5], cv=3)
    assert_array_equal(found.alphas[0], [1.0, 0.5, 0.1, 0.1])
    assert_allclose(found.errors[0, 2], found.errors[0, 3], rtol=1e-10)


def test_nothing_of_the_callers_is_changed(rng):
    X, y = problems.make_data(rng, 40, 6)
    weight = rng.uniform(0.5, 2.0, 40)
    X, copies = np.asfortranarray(X), (X.copy(), y.copy(), weight.copy())
    for array in (X, y, weight):
        array.flags.writeable = False
    LassoCV(alphas=5).fit(X, y, sample_weight=weight)
    for given, kept in zip((X, y, weight), copies, strict=True):
        assert_array_equal(given, kept)


def test_a_design_may_be_given(rng):
    X, y = problems.make_data(rng, 40, 6)
    design = Design(X, y)
    assert_array_equal(cv_path(design, cv=3).errors, cv_path(X, y, cv=3).errors)


def test_threads_change_nothing(rng, monkeypatch):
    monkeypatch.setattr("softreg_fast.system.threads.SMALLEST_PARALLEL_WORK", 1)
    for n, p in ((300, 12), (40, 200)):
        X, y = problems.make_data(rng, n, p)
        one, two = (cv_path(X, y, cv=3, n_alphas=20, n_threads=k) for k in (1, 2))
        assert_allclose(one.errors, two.errors, rtol=1e-12)
        assert_array_equal(one.path.df, two.path.df)
