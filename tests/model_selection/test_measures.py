"""Measures of cross-validation: against their definitions and scikit-learn, on independent fits."""

import numpy as np
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from scipy.stats import norm
from sklearn import metrics
from sklearn.model_selection import KFold, StratifiedKFold

import softreg_fast as sf
from softreg_fast import cv_path, path
from softreg_fast.model_selection.measures import NAMES, auc

# small user-given grids are not extended
pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")

CLASSES = ("logistic", "probit", "squared_hinge")
OTHERS = ("poisson", "gamma", sf.losses.Tweedie(1.5), sf.losses.NegativeBinomial(2.0))


def pairs_in_order(y, score, weight):
    """Return the area under the curve, pair by pair; y may be proportions."""
    won = (score[:, None] > score) + 0.5 * (score[:, None] == score)
    pairs = np.outer(weight * y, weight * (1.0 - y))
    return (pairs * won).sum() / pairs.sum()


@pytest.fixture
def classes(rng):
    X, eta = problems.make_data(rng, 80, 6)
    y = (eta + rng.standard_normal(80) > np.median(eta)).astype(float)
    return X, y


def positive(rng):
    X, eta = problems.make_data(rng, 80, 6)
    return X, rng.poisson(np.exp(eta / eta.std())) + 0.5


def test_auc_by_pairs(rng):
    for _ in range(30):
        n = int(rng.integers(2, 30))
        y = np.append([0.0, 1.0], rng.integers(0, 2, n - 2))
        score = rng.integers(0, 6, n).astype(float)
        weight = np.append([1.0, 2.0], rng.integers(0, 3, n - 2))
        expected = pairs_in_order(y, score, weight)
        assert auc(y, score, weight) == pytest.approx(expected, rel=1e-13)
        assert auc(y, score, weight.astype(np.float32)) == auc(y, score, weight)
        assert auc(y, -score, weight) == pytest.approx(1.0 - expected, rel=1e-12)
        theirs = metrics.roc_auc_score(y, score, sample_weight=weight)
        assert auc(y, score, weight) == pytest.approx(theirs, rel=1e-12)
        share = rng.random(n)
        assert auc(share, score) == pytest.approx(pairs_in_order(share, score, np.ones(n)))
    assert auc([0, 1, 1], np.ones(3)) == 0.5
    for one in (0, 1):
        with pytest.raises(ValueError, match="needs samples of both classes"):
            auc([one, one], [1.0, 2.0])


EXPECTED = {
    "logistic": {
        "deviance": lambda y, eta, s: 2 * metrics.log_loss(y, expit(eta), sample_weight=s),
        "brier": lambda y, eta, s: metrics.brier_score_loss(y, expit(eta), sample_weight=s),
        "mse": lambda y, eta, s: metrics.mean_squared_error(y, expit(eta), sample_weight=s),
        "mae": lambda y, eta, s: metrics.mean_absolute_error(y, expit(eta), sample_weight=s),
        "auc": lambda y, eta, s: -metrics.roc_auc_score(y, eta, sample_weight=s),
        "accuracy": lambda y, eta, s: -metrics.accuracy_score(y, eta > 0, sample_weight=s),
        "roc_auc": lambda y, eta, s: -metrics.roc_auc_score(y, eta, sample_weight=s),
        "neg_log_loss": lambda y, eta, s: metrics.log_loss(y, expit(eta), sample_weight=s),
        "f1": lambda y, eta, s: -metrics.f1_score(y, eta > 0, sample_weight=s),
    },
    "probit": {
        "deviance": lambda y, eta, s: 2 * metrics.log_loss(y, norm.cdf(eta), sample_weight=s),
        "brier": lambda y, eta, s: metrics.brier_score_loss(y, norm.cdf(eta), sample_weight=s),
        "roc_auc": lambda y, eta, s: -metrics.roc_auc_score(y, eta, sample_weight=s),
    },
    "squared_hinge": {
        "deviance": lambda y, eta, s: (
            2 * np.average(np.maximum(1 - (2 * y - 1) * eta, 0) ** 2, weights=s)
        ),
        "auc": lambda y, eta, s: -metrics.roc_auc_score(y, eta, sample_weight=s),
        "accuracy": lambda y, eta, s: -metrics.accuracy_score(y, eta > 0, sample_weight=s),
        "balanced_accuracy": lambda y, eta, s: (
            -metrics.balanced_accuracy_score(y, eta > 0, sample_weight=s)
        ),
    },
    "poisson": {
        "deviance": lambda y, eta, s: metrics.mean_poisson_deviance(
            y, np.exp(eta), sample_weight=s
        ),
        "mae": lambda y, eta, s: metrics.mean_absolute_error(y, np.exp(eta), sample_weight=s),
        "r2": lambda y, eta, s: -metrics.r2_score(y, np.exp(eta), sample_weight=s),
    },
    "gamma": {
        "deviance": lambda y, eta, s: metrics.mean_gamma_deviance(y, np.exp(eta), sample_weight=s),
        "mse": lambda y, eta, s: metrics.mean_squared_error(y, np.exp(eta), sample_weight=s),
    },
}


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "weights and offset"])
@pytest.mark.parametrize(
    ("loss", "measure"), [(loss, measure) for loss in EXPECTED for measure in EXPECTED[loss]]
)
def test_errors_are_those_of_fits_to_the_training_samples(rng, classes, loss, measure, plain):
    X, y = classes if loss in CLASSES else positive(rng)
    n = len(y)
    weight = np.ones(n) if plain else rng.uniform(0.5, 2.0, n)
    offset = np.zeros(n) if plain else 0.3 * rng.standard_normal(n)
    given = {} if plain else {"sample_weight": weight, "offset": offset}
    made = (StratifiedKFold if loss in CLASSES else KFold)(3, shuffle=True, random_state=5)
    options = {"loss": loss, "tol": 1e-9}
    found = cv_path(X, y, n_alphas=5, eps=0.1, cv=3, seed=5, measure=measure, **options, **given)
    if measure not in NAMES:
        same = cv_path(X, y, n_alphas=5, eps=0.1, cv=3, seed=5, scoring=measure, **options, **given)
        assert_array_equal(same.errors, found.errors)
    for k, (train, test) in enumerate(made.split(X, y)):
        part = {} if plain else {"sample_weight": weight[train], "offset": offset[train]}
        fits = path(X[train], y[train], alphas=found.alphas[0], **options, **part)
        eta = X[test] @ fits.coefs.toarray() + fits.intercepts + offset[test, np.newaxis]
        expected = [EXPECTED[loss][measure](y[test], column, weight[test]) for column in eta.T]
        assert_allclose(found.errors[0, :, k], expected, rtol=1e-4, atol=1e-6)
    assert found.index_min == np.argmin(found.errors[0].mean(axis=1))
    assert found.measure[0] == "-" or (found.errors > 0).all()


@pytest.mark.parametrize("loss", OTHERS)
def test_deviances_of_other_losses_vanish_for_the_truth(rng, loss):
    X, y = positive(rng)
    found = cv_path(X, y, loss=loss, n_alphas=5, eps=0.1, cv=3)
    assert found.measure == "mean deviance"
    assert np.isfinite(found.errors).all()
    assert (found.errors > 0).all()


def test_more_is_better(rng, classes):
    X, y = classes
    options = {"loss": "logistic", "cv": 4, "n_alphas": 20}
    found = cv_path(X, y, measure="auc", rule="1se", eps=0.01, **options)
    areas = -found.mean_errors[0]
    assert found.measure == "-auc"
    assert found.shown == ("auc", -1.0)
    assert f"{areas[found.index_min]:>12.6g}" in str(found)
    assert found.index_min == np.argmax(areas)
    enough = areas[found.index_min] - found.standard_errors[0, found.index_min]
    assert found.index == np.flatnonzero(areas >= enough)[0]
    # the grid is extended while the area grows: less than all of it does not end at the first end
    longer = cv_path(X, y, measure="auc", **options)
    assert longer.end in ("turned", "settled", "floor")
    assert longer.index_min == np.argmax(-longer.mean_errors[longer.best_ratio])


def test_renamed_classes_and_doubled_rows(classes):
    X, y = classes
    splits = list(StratifiedKFold(3).split(X, y))
    options = {"loss": "logistic", "n_alphas": 6, "eps": 0.05, "tol": 1e-10}
    for measure in ("deviance", "auc", "accuracy", "brier"):
        here = cv_path(X, y, cv=splits, measure=measure, **options)
        there = cv_path(X, 1 - y, cv=splits, measure=measure, **options)
        assert_allclose(here.errors, there.errors, rtol=1e-6)
        twice = cv_path(
            np.vstack([X, X]),
            np.append(y, y),
            cv=[tuple(np.append(part, part + len(y)) for part in pair) for pair in splits],
            measure=measure,
            **options,
        )
        assert_allclose(here.errors, twice.errors, rtol=1e-6)


def test_proportions_count_as_parts_of_both_classes(rng, classes):
    X, _ = classes
    share = rng.integers(0, 5, len(X)) / 4
    # as rows of class 1 with the weight share, and of class 0 with the rest
    X2, y2 = np.vstack([X, X]), np.repeat([1.0, 0.0], len(X))
    weight = np.append(share, 1 - share)
    splits = list(KFold(3).split(X))
    double = [tuple(np.append(part, part + len(X)) for part in pair) for pair in splits]
    options = {"loss": "logistic", "n_alphas": 6, "eps": 0.05, "tol": 1e-10}
    for measure in ("auc", "accuracy", "brier"):
        here = cv_path(X, share, cv=splits, measure=measure, **options)
        there = cv_path(X2, y2, cv=double, measure=measure, sample_weight=weight, **options)
        assert_allclose(here.errors, there.errors, rtol=1e-6)


def test_folds_of_classes_are_stratified(classes):
    X, _ = classes
    rare = np.zeros(80)
    rare[:5] = 1.0  # blocks of samples in their order would leave folds without them
    for seed in (0, None, 7):
        found = cv_path(X, rare, loss="logistic", n_alphas=3, eps=0.5, seed=seed, measure="auc")
        made = StratifiedKFold(5, shuffle=seed is not None, random_state=seed)
        same = cv_path(
            X, rare, loss="logistic", n_alphas=3, eps=0.5, cv=made, seed=0, measure="auc"
        )
        assert_array_equal(found.errors, same.errors)
    counted = cv_path(X, rare, loss="poisson", n_alphas=3, eps=0.5, seed=3)
    made = KFold(5, shuffle=True, random_state=3)
    same = cv_path(X, rare, loss="poisson", n_alphas=3, eps=0.5, cv=made)
    assert_array_equal(counted.errors, same.errors)


def test_a_class_missing_in_a_fold(classes):
    X, y = classes
    ones, zeros = np.flatnonzero(y), np.flatnonzero(1 - y)
    options = {"loss": "logistic", "n_alphas": 3}
    lonely = [(np.setdiff1d(np.arange(80), zeros[:9]), zeros[:9])]
    with pytest.raises(ValueError, match="samples of fold 0 have none of class 1; use fewer folds"):
        cv_path(X, y, cv=lonely, measure="auc", **options)
    found = cv_path(X, y, cv=lonely, **options)
    assert np.isfinite(found.errors).all()
    with pytest.raises(
        ValueError,
        match=r"training samples of fold 0 cannot be fitted: No sample is of class 0",
    ):
        cv_path(X, y, cv=[(ones, zeros)], **options)


def test_wrong_measures(rng, classes):
    X, y = classes
    for options, message in (
        ({"measure": "auc", "scoring": "roc_auc"}, "measure and scoring name the same thing"),
        ({"measure": "deviance", "scoring": "roc_auc"}, "measure and scoring name the same thing"),
        ({"measure": "area"}, "measure must be one of deviance, mse, .*; got 'area'"),
        ({"measure": 3}, "measure must be one of deviance, mse, .*; got 3"),
        ({"measure": "auc", "criterion": "aic"}, "not by both"),
        ({"measure": "auc"}, r"'auc' is for losses of classes, and the loss is Squared\(\); .*mae"),
        (
            {"measure": "brier", "loss": "squared_hinge"},
            r"'brier' is for losses of probabilities, and the loss is SquaredHinge\(\)",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            cv_path(X, y, **options)


def test_squared_error_under_other_names(rng):
    X, y = problems.make_data(rng, 40, 5)
    plain = cv_path(X, y, n_alphas=5, eps=0.1)
    for measure in ("deviance", "mse"):
        found = cv_path(X, y, n_alphas=5, eps=0.1, measure=measure)
        assert found.measure == "mean squared error"
        assert_array_equal(found.errors, plain.errors)
    absolute = cv_path(X, y, n_alphas=5, eps=0.1, measure="mae")
    theirs = cv_path(X, y, n_alphas=5, eps=0.1, scoring="neg_mean_absolute_error")
    assert_allclose(absolute.errors, theirs.errors, rtol=1e-12)


def test_samples_without_weight_are_not_measured(rng):
    X, y = positive(rng)
    weight = np.ones(80)
    weight[:4] = 0.0
    X[0] = 1e6  # whose mean overflows
    for measure in ("deviance", "mse", "mae"):
        found = cv_path(
            X, y, loss="poisson", sample_weight=weight, measure=measure, n_alphas=5, cv=3
        )
        assert np.isfinite(found.errors).all()


@pytest.mark.parametrize("measure", ["deviance", "auc"])
def test_threads_change_nothing(classes, monkeypatch, measure):
    X, y = classes
    options = {"loss": "logistic", "cv": 4, "n_alphas": 10, "measure": measure}
    one = cv_path(X, y, n_threads=1, **options)
    monkeypatch.setattr("softreg_fast.model_selection.workers.SMALLEST_PATH", 1)
    monkeypatch.setattr("softreg_fast.system.threads.SMALLEST_PARALLEL_WORK", 1)
    for n_threads in (2, 3):
        several = cv_path(X, y, n_threads=n_threads, **options)
        assert_allclose(several.errors, one.errors, rtol=1e-12)
        assert_array_equal(several.path.df, one.path.df)


def test_auc_of_labels_and_of_bad_input():
    assert auc(["no", "yes", "no", "yes"], np.arange(4)) == 0.75
    for y, score, said in (
        ([0, 1, np.nan, 1], np.arange(4), "y contains NaN"),
        ([0, 1, 0, 1], [1, np.nan, 2, 3], "score contains NaN"),
        ([0, 1, 0, 1], [1, 2, 3], r"score has shape \(3,\), y has 4 samples"),
        (["a", "b", "c"], [1, 2, 3], "y has 3 classes"),
    ):
        with pytest.raises(ValueError, match=said):
            auc(y, score)
