"""Cross-validation: every fold certified on its own samples, and scikit-learn's errors."""

import sys
import warnings
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import problems
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from oracles import assert_certified, problem_of
from sklearn import linear_model as theirs
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit
from sklearn.utils.estimator_checks import check_estimator

from softreg_fast import (
    CVPath,
    Design,
    ElasticNet,
    ElasticNetCV,
    LassoCV,
    MultiTaskLassoCV,
    cv_path,
    path,
)
from softreg_fast.model_selection import folds
from softreg_fast.model_selection.search import ALPHAS_AT_ONCE

# small user-given grids are not extended
pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")

LAYOUTS = {
    "tall": (60, 7, 1.0),
    "wide": (30, 45, 1.0),
    "sparse": (50, 30, 0.2),
}


def fitted_as_far_as_it_goes(model, X, y, **options):
    """Fit scikit-learn tightly: coefficients are accurate to the root of the gap only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.set_params(tol=1e-20, max_iter=20_000).fit(X, y, **options)


@pytest.fixture(params=LAYOUTS)
def data(request, rng):
    n, p, density = LAYOUTS[request.param]
    X, y = problems.make_data(rng, n, p, density=density)
    return (sp.csc_array(X) if density < 1 else np.asfortranarray(X)), y


def dense(X):
    return X.toarray() if sp.issparse(X) else X


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
            predicted = training.predictions_of(k, fits)
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


def test_scoring(rng):
    X, y = problems.make_data(rng, 40, 10)
    weight = rng.uniform(0.5, 2.0, 40)
    options = {"n_alphas": 6, "cv": 3, "seed": None}
    found = cv_path(X, y, scoring="neg_mean_absolute_error", sample_weight=weight, **options)
    for k, (_, test) in enumerate(KFold(3).split(y)):
        predicted = found.fold_paths[k].predict(X[test])
        for i in range(6):
            expected = mean_absolute_error(y[test], predicted[:, i], sample_weight=weight[test])
            assert found.errors[0, i, k] == pytest.approx(expected)

    def seen(model, X_test, y_test):
        assert X_test.shape == (len(y_test), 10)
        return -np.abs(model.predict(X_test) - y_test).max()

    worst = cv_path(X, y, n_alphas=6, cv=3, seed=None, scoring=seen)
    predicted = worst.fold_paths[0].predict(X[:14])
    assert_allclose(worst.errors[0, :, 0], np.abs(predicted - y[:14, np.newaxis]).max(axis=0))
    assert worst.measure == "-seen"
    with pytest.raises(ValueError, match="scoring"):
        cv_path(X, y, scoring="no such score")
    with pytest.raises(ValueError, match="scoring=accuracy failed on fold 0"):
        cv_path(X, y, scoring="accuracy")
    with pytest.raises(ValueError, match="scoring=<lambda> failed on fold 0"):
        cv_path(X, y, scoring=lambda *_: "good")
    with pytest.raises(ValueError, match=r"scoring=<lambda> gives nan on fold 0 \(10 test samples"):
        cv_path(X, y, cv=4, scoring=lambda *_: np.nan)


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


def test_metadata_routing(rng):
    X, y = problems.make_data(rng, 40, 6)
    groups = rng.integers(0, 8, 40)
    expected = LassoCV(alphas=5, cv=list(GroupKFold(3).split(X, y, groups))).fit(X, y)
    with sklearn.config_context(enable_metadata_routing=True):
        splitter = GroupKFold(3).set_split_request(groups=True)
        model = LassoCV(alphas=5, cv=splitter).fit(X, y, groups=groups)
    assert_array_equal(model.mse_path_, expected.mse_path_)


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
    "a number": ([3], "Fold 0 is 3; expected a pair"),
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


def test_every_target_has_its_own_alpha(rng):
    X, y = problems.make_data(rng, 40, 6)
    Y = np.column_stack([y, rng.standard_normal(40), y[::-1]])
    model = ElasticNetCV(l1_ratio=[0.5, 1.0], alphas=8, alpha_per_target=True).fit(X, Y)
    assert model.coef_.shape == (3, 6)
    for k in range(3):
        one = ElasticNetCV(l1_ratio=[0.5, 1.0], alphas=8).fit(X, Y[:, k])
        assert model.alpha_[k] == one.alpha_
        assert model.l1_ratio_[k] == one.l1_ratio_
        assert_array_equal(model.coef_[k], one.coef_)
        assert_array_equal(model.mse_path_[k], one.mse_path_)
    with pytest.raises(ValueError, match="For multi-task outputs, use MultiTaskElasticNetCV"):
        ElasticNetCV().fit(X, Y)
    with pytest.warns(DataConversionWarning):
        ElasticNetCV(alphas=3).fit(X, Y[:, :1])


def test_frames_and_clones(rng):
    X, y = problems.make_data(rng, 40, 6)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = clone(LassoCV(alphas=7, rule="1se", l1_weights=np.arange(1.0, 7.0))).fit(frame, y)
    assert list(model.feature_names_in_) == list("abcdef")
    assert list(model.cv_path_.path.feature_names) == list("abcdef")
    assert isinstance(model.cv_path_, CVPath)
    assert model.coef_path_.shape == (6, 7)
    assert_array_equal(model.coef_path_[:, [model.cv_path_.index]].toarray()[:, 0], model.coef_)
    assert model.alpha_ == model.cv_path_.alpha


def test_zero_ratio_wants_alphas(rng):
    X, y = problems.make_data(rng, 30, 4)
    with pytest.raises(ValueError, match="not supported for l1_ratio=0"):
        ElasticNetCV(l1_ratio=0.0).fit(X, y)
    model = ElasticNetCV(l1_ratio=[0.0, 0.5], alphas=[1.0, 0.1, 0.01]).fit(X, y)
    assert model.alphas_.shape == (3,)


def test_numbers_of_alphas(rng):
    X, y = problems.make_data(rng, 30, 4)
    for number in ({"n_alphas": 7}, {"n_alphas": 7, "alphas": None}, {"alphas": 7}):
        model = ElasticNetCV(l1_ratio=[0.5, 1.0], cv=3, **number).fit(X, y)
        assert model.alphas_.shape == (2, 7)
        assert LassoCV(cv=3, **number).fit(X, y).alphas_.shape == (7,)
        with pytest.raises(ValueError, match="not supported for l1_ratio=0"):
            ElasticNetCV(l1_ratio=0.0, **number).fit(X, y)
    assert LassoCV(alphas=None, cv=3).fit(X, y).alphas_.shape == (100,)
    assert_array_equal(LassoCV(alphas=[0.1, 1.0], n_alphas=9, cv=3).fit(X, y).alphas_, [1.0, 0.1])


@pytest.mark.parametrize("model", [LassoCV(alphas=10, cv=3), ElasticNetCV(alphas=10, cv=3)])
def test_check_estimator(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(model)


def test_threads_change_nothing(rng, monkeypatch):
    monkeypatch.setattr("softreg_fast.system.threads.SMALLEST_PARALLEL_WORK", 1)
    for n, p in ((300, 12), (40, 200)):
        X, y = problems.make_data(rng, n, p)
        one, two = (cv_path(X, y, cv=3, n_alphas=20, n_threads=k) for k in (1, 2))
        assert_allclose(one.errors, two.errors, rtol=1e-12)
        assert_array_equal(one.path.df, two.path.df)


def test_progress(rng, monkeypatch):
    X, y = problems.make_data(rng, 30, 4)
    seen = []

    class Bar:
        def __init__(self, total, **_):
            self.total = total

        def __enter__(self):
            return self

        def __exit__(self, *_):
            seen.append((self.total, self.n))

        n = 0

        def update(self):
            self.n += 1

        def set_postfix_str(self, text, refresh):
            assert "gap" in text

    monkeypatch.setitem(sys.modules, "tqdm", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "tqdm.auto", SimpleNamespace(tqdm=Bar))
    cv_path(X, y, cv=3, n_alphas=4, eps=0.1, progress=True)
    assert seen == []  # standard error is not a terminal
    kernel = SimpleNamespace(kernel=object())  # the shell class of a notebook
    for shell, shown in ((None, 0), (SimpleNamespace(), 0), (kernel, 1)):
        ipython = SimpleNamespace(get_ipython=lambda shell=shell: shell)
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        cv_path(X, y, cv=3, n_alphas=4, eps=0.1, progress=True)
        assert seen == [(16, 16)] * shown
    monkeypatch.delitem(sys.modules, "IPython")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    cv_path(X, y, cv=3, n_alphas=4, eps=0.1, progress=True)
    assert seen == [(16, 16)] * 2
    y = X.sum(axis=1)  # no noise: smaller alphas are better
    found = cv_path(X, y, cv=3, n_alphas=4, eps="auto", progress=True)
    assert len(found.path) > 4  # the bar's total grew with the grid
    assert seen[2] == (4 * len(found.path), 4 * len(found.path))


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


class Recorder:
    """Callback that records the names of the tasks reported to it."""

    def __init__(self, stop_at=None):
        self.begun, self.ended, self.stop_at = [], [], stop_at
        self.alive = 0

    def setup(self, estimator, context):
        self.alive += 1

    def teardown(self, estimator, context):
        self.alive -= 1

    def on_fit_task_begin(self, estimator, context):
        self.begun.append(context.task_name)

    def on_fit_task_end(self, estimator, context, *, metadata=None):
        self.ended.append(context.task_name)
        return context.task_name == "alpha" and context.task_id == self.stop_at


@pytest.mark.skipif(not hasattr(LassoCV, "set_callbacks"), reason="scikit-learn before 1.9")
def test_callbacks_of_scikit_learn(rng):
    X, y = problems.make_data(rng, 40, 6)
    recorder = Recorder()
    LassoCV(cv=2, alphas=5).set_callbacks(recorder).fit(X, y)
    paths = ["fold 0", "fold 1", "all samples"]
    assert recorder.begun == ["fit"] + [t for path in paths for t in [path] + 5 * ["alpha"]]
    assert recorder.ended == [t for path in paths for t in 5 * ["alpha"] + [path]] + ["fit"]
    assert recorder.alive == 0
    stopping = Recorder(stop_at=2)
    model = LassoCV(cv=2, alphas=5).set_callbacks(stopping).fit(X, y)
    assert np.isnan(model.mse_path_[3:]).all()
    with pytest.raises(ValueError, match="rule must be"):
        LassoCV(rule="max").set_callbacks(recorder).fit(X, y)
    assert recorder.alive == 0
    folds = {"cv": 2}
    for options in (
        {"alpha_per_target": True, **folds},
        {"patience": 2, **folds},
        {"criterion": "bic"},
    ):
        other = Recorder()
        Y = np.column_stack([y, -y]) if "alpha_per_target" in options else y
        LassoCV(alphas=5, **options).set_callbacks(other).fit(X, Y)
        assert sorted(other.begun) == sorted(other.ended)
        assert other.begun[0] == other.ended[-1] == "fit"


@pytest.mark.skipif(not hasattr(LassoCV, "set_callbacks"), reason="scikit-learn before 1.9")
def test_the_progress_bar_of_scikit_learn(rng, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    X, y = problems.make_data(rng, 40, 6)
    ElasticNetCV(cv=2, alphas=5, l1_ratio=[0.5, 1.0]).set_callbacks(ProgressBar()).fit(X, y)
    shown = capsys.readouterr().out
    assert "fold 1, l1_ratio 1" in shown
    assert "100%" in shown


def test_a_watcher_ends_paths_along_the_grid_together(rng):
    X, y = problems.make_data(rng, 60, 8)
    told = []

    def watcher(name, step):
        told.append(name)
        return name == "fold 0" and step.position >= 2

    found = cv_path(X, y, n_alphas=40, patience=50, watcher=watcher)
    assert told.count("fold 0") == 3
    assert found.index_min <= 2
    if hasattr(LassoCV, "set_callbacks"):
        stopping = Recorder(stop_at=2)
        LassoCV(alphas=30, patience=10).set_callbacks(stopping).fit(X, y)
        assert sorted(stopping.begun) == sorted(stopping.ended)


def test_an_iterator_serves_every_target(rng):
    X, y = problems.make_data(rng, 40, 5)
    Y = np.column_stack([y, y[::-1]])
    options = {"alphas": 5, "alpha_per_target": True}
    found = LassoCV(cv=KFold(3).split(X), **options).fit(X, Y)
    assert_array_equal(found.mse_path_, LassoCV(cv=3, **options).fit(X, Y).mse_path_)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = LassoCV(cv=KFold(3).split(X), alphas=5).fit(X, y, sample_weight=np.ones(40))
    assert_array_equal(routed.mse_path_, LassoCV(cv=3, alphas=5).fit(X, y).mse_path_)


def test_errors_of_scorers_with_another_constructor(rng):
    class Odd(ValueError):
        def __init__(self, *, code):
            super().__init__(f"code {code}")

    def odd(*_):
        raise Odd(code=3)

    X, y = problems.make_data(rng, 30, 4)
    with pytest.raises(ValueError, match="failed on fold 0: code 3"):
        cv_path(X, y, scoring=odd)
    with pytest.raises(ValueError, match="sees predictions, but no coefficients"):
        cv_path(X, y, scoring=lambda model, X, y: model.coef_.sum())


@pytest.mark.parametrize("l1_ratio", [0.9, 0.5])
def test_alphas_far_apart(rng, l1_ratio):
    # coordinate descent from a large alpha to a small one can take thousands of epochs
    X = rng.normal(size=(40, 200))
    y = X[:, :3].sum(axis=1) + rng.normal(size=40)
    assert path(X, y, alphas=[1.0, 1e-4], l1_ratio=l1_ratio, max_iter=1000).converged
    model = ElasticNet(alpha=1.0, l1_ratio=l1_ratio, warm_start=True).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(alpha=1e-4).fit(X, y)


@pytest.mark.parametrize("make", [LassoCV, ElasticNetCV])
def test_estimators_take_folds_or_a_criterion(rng, make):
    X, y = problems.make_data(rng, 40, 3)
    assert make(criterion="bic").fit(X, y).alpha_ > 0
    with pytest.raises(ValueError, match="cv=3 has no effect beside criterion='bic'"):
        make(criterion="bic", cv=3).fit(X, y)


@pytest.mark.parametrize(
    ("option", "pattern"),
    [
        ({"max_iter": 0}, "max_iter must be an integer >= 1, got 0"),
        ({"max_iter": 2.5}, "max_iter must be an integer >= 1, got 2.5"),
        ({"tol": -1.0}, "tol must be a finite number >= 0, got -1.0"),
        ({"tol": "a"}, "tol must be a real number, got 'a'"),
    ],
)
def test_limits_that_mean_nothing(rng, option, pattern):
    X, y = problems.make_data(rng, 30, 3)
    Y = np.c_[y, -y]
    for fit in (
        lambda: LassoCV(**option).fit(X, y),
        lambda: ElasticNetCV(**option).fit(X, y),
        lambda: LassoCV(**option, alpha_per_target=True).fit(X, Y),
        lambda: MultiTaskLassoCV(**option).fit(X, Y),
        lambda: cv_path(X, y, **option),
    ):
        with pytest.raises((ValueError, TypeError), match=pattern):
            fit()
