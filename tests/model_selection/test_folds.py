"""Folds as weight vectors: their training data, their errors, and folds that are refused."""

import numpy as np
import pandas as pd
import problems
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from oracles import assert_certified, problem_of
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit

from softreg_fast import Design, LassoCV, cv_path, path
from softreg_fast.model_selection import folds

# small user-given grids are not extended
pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


def test_groups_are_labelled_as_the_rows():
    X = np.random.default_rng(0).standard_normal((12, 4))
    y = X @ [3.0, -2.0, 0.0, 1.0] + np.random.default_rng(1).standard_normal(12)
    frame, groups = pd.DataFrame(X), pd.Series(np.repeat([0, 1, 2], 4))
    folds = GroupKFold(3)
    assert cv_path(frame, y, cv=folds, groups=groups, alphas=[0.1]).alpha == 0.1
    with pytest.raises(ValueError, match="index of groups holds"):
        cv_path(frame, y, cv=folds, groups=groups.sample(frac=1, random_state=0), alphas=[0.1])


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_grams_of_folds_from_one_pass(rng, weighted, fit_intercept, offset):
    X, y = problems.make_data(rng, 300, 9, offset=offset if fit_intercept else 0.0)
    y += offset
    weight = rng.integers(0, 3, 300).astype(float) if weighted else None
    design = Design(np.asfortranarray(X), y, weight, fit_intercept=fit_intercept)
    for cv in (KFold(4, shuffle=True, random_state=1), ShuffleSplit(3, random_state=0)):
        made = folds.make_folds(folds.pairs_of(cv, X, y), 300)
        training = folds.Training(design, made)
        assert training._grams is not None
        for k, fold in enumerate(made):
            quick = training.design_of(k)
            plain = design.with_weight(training.weight * fold.counts)
            assert_allclose(quick.center, plain.center, rtol=1e-12, atol=1e-12)
            assert_allclose(quick.norm, plain.norm, rtol=1e-11)
            assert_allclose(quick.gram, plain.gram, atol=1e-11)
            assert_allclose([quick.y_mean, quick.y_norm], [plain.y_mean, plain.y_norm], rtol=1e-11)
            assert_allclose(quick.target, plain.target, atol=1e-10)
            assert_allclose(quick.weight, plain.weight, rtol=1e-14)
            assert quick.weight_sum == pytest.approx(plain.weight_sum)
            assert_allclose(quick.gradient_at_zero(), plain.gradient_at_zero(), atol=1e-10)
            fits = path(plain, n_alphas=5, eps=0.01)
            errors = training._grams.errors(k, fits)
            predicted = training.predictors_of(k, fits)
            missing = (predicted - y[fold.test][:, np.newaxis]) ** 2
            expected = np.average(missing, axis=0, weights=training.weight[fold.test])
            assert_allclose(errors, expected, rtol=1e-8)


def test_small_errors_come_from_residuals(rng):
    # y is a column of X, so that errors are 1e-10 of the terms that cancel in them
    X = np.asfortranarray(rng.standard_normal((100, 5)))
    y = X[:, 2] + 3.0
    found = cv_path(X, y, alphas=[1e-5], cv=4, seed=None)
    splits = list(KFold(4).split(y))
    for k, (train, test) in enumerate(splits):
        fit = path(X[train], y[train], alphas=[1e-5])
        expected = np.mean((fit.predict(X[test])[:, 0] - y[test]) ** 2)
        assert found.errors[0, 0, k] == pytest.approx(expected, rel=1e-8, abs=0.0)


def test_a_column_that_is_constant_but_in_one_fold(rng):
    X = rng.standard_normal((80, 6))
    X[:, 3] = 0.0
    X[:20, 3] = rng.standard_normal(20)
    y = X @ rng.standard_normal(6)
    found = cv_path(np.asfortranarray(X), y, n_alphas=5, cv=4, seed=None)
    assert not found.fold_paths[0].coefs[[3]].toarray().any()
    for k, (train, _) in enumerate(KFold(4).split(y)):
        for fit in found.fold_paths[k]:
            assert_certified(problem_of(X[train], y[train], alpha=fit.alpha), fit)


def test_a_target_that_is_constant_in_training(rng):
    X = rng.standard_normal((40, 6))
    y = np.zeros(40)
    y[:10] = rng.standard_normal(10)
    found = cv_path(X, y, n_alphas=5, cv=4, seed=None)
    assert not found.fold_paths[0].coefs.toarray().any()
    assert_allclose(found.errors[0, :, 0], np.mean(y[:10] ** 2))


def test_samples_drawn_several_times_count_so_often(rng):
    X, y = problems.make_data(rng, 30, 8)
    drawn = rng.integers(0, 30, 30)
    left = np.setdiff1d(np.arange(30), drawn)
    found = cv_path(X, y, n_alphas=5, cv=[(drawn, left)])
    for fit in found.fold_paths[0]:
        assert_certified(problem_of(X[drawn], y[drawn], alpha=fit.alpha), fit)


def test_groups(rng):
    X, y = problems.make_data(rng, 40, 6)
    groups = rng.integers(0, 8, 40)
    splits = list(GroupKFold(3).split(X, y, groups))
    expected = cv_path(X, y, n_alphas=5, cv=splits)
    found = cv_path(X, y, n_alphas=5, cv=GroupKFold(3), groups=groups)
    assert_array_equal(found.errors, expected.errors)
    model = LassoCV(alphas=5, cv=GroupKFold(3)).fit(X, y, groups=groups)
    assert_allclose(model.mse_path_, expected.errors[0], rtol=1e-3)
    with pytest.raises(ValueError, match="groups"):
        cv_path(X, y, cv=GroupKFold(3))
    for cv in (None, 3):
        with pytest.raises(ValueError, match=r"groups need a splitter .* cv=GroupKFold\([35]\)"):
            cv_path(X, y, cv=cv, groups=groups)
    with pytest.raises(ValueError, match="Passing colours to LassoCV"):
        model.fit(X, y, colours=groups)
    for cv in (None, 3, splits):  # no splitter there uses groups
        with pytest.raises(ValueError, match="Passing groups to LassoCV"):
            LassoCV(cv=cv).fit(X, y, groups=groups)


BAD_FOLDS = {
    "no samples in training": ([(np.array([], int), np.arange(5))], "training set of fold 0"),
    "no samples in a test": (
        [(np.arange(5), np.arange(5, 10)), (np.arange(5), np.array([], int))],
        "test set of fold 1",
    ),
    "no such sample": ([(np.arange(5), np.array([10]))], "test set of fold 0 holds sample 10"),
    "numbers": ([(np.arange(5.0), np.arange(5))], "training set of fold 0 has dtype float64"),
    "no folds": ([], "no folds"),
    "half a pair": ([(np.arange(5),)], "Fold 0 is .*; expected a pair"),
    "a number": ([3], "numbers of the folds of 1 samples"),
    "more folds than samples": (11, "Cannot have number of splits"),
}


@pytest.mark.parametrize("case", BAD_FOLDS)
def test_bad_folds(rng, case):
    cv, message = BAD_FOLDS[case]
    X, y = problems.make_data(rng, 10, 4)
    with pytest.raises(ValueError, match=message):
        cv_path(X, y, cv=cv)


def test_folds_without_weight(rng):
    X, y = problems.make_data(rng, 12, 4)
    weight = np.ones(12)
    weight[4:8] = 0.0
    with pytest.raises(ValueError, match="every test sample of fold 1"):
        cv_path(X, y, cv=3, seed=None, sample_weight=weight)
    with pytest.raises(ValueError, match="every training sample of fold 0"):
        cv_path(X, y, cv=[(np.arange(4, 8), np.arange(4))], sample_weight=weight)


def test_a_number_of_folds_is_shuffled(rng):
    X, y = problems.make_data(rng, 40, 6)
    order = np.argsort(y)
    X, y = X[order], y[order]
    for given, same in (
        ({}, KFold(5, shuffle=True, random_state=0)),
        ({"cv": 4}, KFold(4, shuffle=True, random_state=0)),
        ({"cv": np.int64(4), "seed": 7}, KFold(4, shuffle=True, random_state=7)),
        ({"cv": 4, "seed": None}, KFold(4)),
        ({"seed": None}, KFold(5)),
    ):
        found, expected = cv_path(X, y, eps=1e-3, **given), cv_path(X, y, eps=1e-3, cv=same)
        assert_array_equal(found.errors, expected.errors)
    shuffled, blocks = (cv_path(X, y, cv=4, eps=1e-3, seed=seed).errors for seed in (0, None))
    assert not np.allclose(shuffled, blocks)
    assert_allclose(LassoCV(cv=4).fit(X, y).mse_path_, LassoCV(cv=KFold(4)).fit(X, y).mse_path_)
    with pytest.raises(TypeError, match="seed must be an integer or None"):
        cv_path(X, y, seed=0.5)


def test_weight_that_lies_in_one_fold(rng):
    # that fold is constant: the training rows have all the spread, but hardly any weight
    X, y = problems.make_data(rng, 60, 4)
    X[:20], y[:20] = 0.0, 0.0
    weight = np.where(np.arange(60) < 20, 1e14, 1.0)
    found = cv_path(X, y, cv=3, seed=None, alphas=[0.1], sample_weight=weight)
    fits = path(X[20:], y[20:], alphas=[0.1])
    assert_allclose(found.fold_paths[0].coefs.toarray(), fits.coefs.toarray(), rtol=1e-8)


@pytest.mark.parametrize("what", ["column", "target"])
def test_spread_that_lies_in_one_fold(rng, what):
    # a difference of sums loses all digits of such a vector
    X, y = problems.make_data(rng, 60, 4)
    X[:, 0] = rng.standard_normal(60)
    y += 3.0 * X[:, 0]
    if what == "column":
        X[:20, 0] *= 3e5
    else:
        y[:20] *= 3e5
    alphas = np.geomspace(1.0, 1e-3, 4)
    found = cv_path(X, y, cv=3, seed=None, alphas=alphas)
    for k, test in enumerate(np.split(np.arange(60), 3)):
        rest = np.delete(np.arange(60), test)
        fits = path(X[rest], y[rest], alphas=alphas)
        expected = ((y[test, np.newaxis] - fits.predict(X[test])) ** 2).mean(axis=0)
        assert_allclose(found.errors[0, :, k], expected, rtol=1e-9)
        kept = found.fold_paths[k].coefs.toarray()
        assert_allclose(kept, fits.coefs.toarray(), rtol=1e-9, atol=1e-9 * np.abs(kept).max())
        assert_allclose(found.fold_paths[k].dev_ratio, fits.dev_ratio, atol=1e-9)


def test_an_iterator_serves_every_target(rng):
    X, y = problems.make_data(rng, 40, 5)
    Y = np.column_stack([y, y[::-1]])
    options = {"alphas": 5, "alpha_per_target": True}
    found = LassoCV(cv=KFold(3).split(X), **options).fit(X, Y)
    assert_array_equal(found.mse_path_, LassoCV(cv=3, **options).fit(X, Y).mse_path_)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = LassoCV(cv=KFold(3).split(X), alphas=5).fit(X, y, sample_weight=np.ones(40))
    assert_array_equal(routed.mse_path_, LassoCV(cv=3, alphas=5).fit(X, y).mse_path_)
