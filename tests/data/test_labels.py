"""Targets of two classes: labels of any type, proportions, and counts of both."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import f1_score, make_scorer

import softreg_fast as sf
from softreg_fast.data.labels import encoded, given_target
from softreg_fast.losses import Logistic, Poisson, SquaredHinge

N, P = 40, 3
IS_SECOND = np.arange(N) % 5 < 2
LABELS = {
    "text": np.where(IS_SECOND, "yes", "no"),
    "list of text": np.where(IS_SECOND, "yes", "no").tolist(),
    "objects": np.where(IS_SECOND, "yes", "no").astype(object),
    "column": np.where(IS_SECOND, "yes", "no")[:, np.newaxis],
    "bool": IS_SECOND,
    "list of bool": IS_SECOND.tolist(),
    "0 and 1": IS_SECOND * 1,
    "1 and 2": np.where(IS_SECOND, 2, 1),
    "-1 and 1": np.where(IS_SECOND, 1, -1),
    "floats": np.where(IS_SECOND, 7.0, 3.0),
    "pandas text": pd.Series(np.where(IS_SECOND, "yes", "no"), dtype="string"),
    "pandas categories": pd.Series(np.where(IS_SECOND, "yes", "no"), dtype="category"),
    "pandas categories of numbers": pd.Series(np.where(IS_SECOND, 2, 1), dtype="category"),
    "pandas nullable": pd.Series(IS_SECOND * 1, dtype="Int64"),
    "polars": pl.Series(np.where(IS_SECOND, "yes", "no").tolist()),
}
each_kind = pytest.mark.parametrize("kind", LABELS)


@each_kind
@pytest.mark.parametrize("loss", ["logistic", "probit", "squared_hinge"])
def test_labels_are_the_classes_of_the_model(rng, kind, loss):
    X, y = rng.standard_normal((N, P)), LABELS[kind]
    options = {"loss": loss, "alpha": 0.01, "tol": 1e-10}
    found, expected = sf.solve(X, y, **options), sf.solve(X, IS_SECOND * 1.0, **options)
    assert_array_equal(found.coef, expected.coef)
    assert found.intercept == expected.intercept
    plain = np.asarray(y).ravel()
    assert_array_equal(found.classes, [plain[~IS_SECOND][0], plain[IS_SECOND][0]])
    predicted = found.predict(X, kind="class")
    assert_array_equal(predicted == plain[IS_SECOND][0], found.predict(X, kind="link") > 0.0)
    assert set(predicted.tolist()) <= set(plain.tolist())


def test_paths_parts_and_searches_keep_the_labels(rng):
    X, y = rng.standard_normal((N, P)), LABELS["text"]
    fits = sf.path(X, y, loss="logistic", n_alphas=5)
    cv = sf.cv_path(X, y, loss="logistic", n_alphas=5, eps=0.1, relax=True)
    for each in (
        fits,
        fits[2:],
        fits[1],
        sf.relaxed_path(X, y, loss="logistic", n_alphas=3).at(0.5),
    ):
        assert_array_equal(each.classes, ["no", "yes"])
    assert set(cv.predict(X, kind="class")) <= {"no", "yes"}
    assert fits.predict(X, kind="class").shape == (N, 5)


def test_scorers_see_the_labels(rng):
    X = rng.standard_normal((N, P))
    y = np.where(X[:, 0] + rng.logistic(size=N) > 0.0, "yes", "no")
    options = {"loss": "logistic", "alphas": [0.05], "rule": "1se"}
    scorer = make_scorer(f1_score, pos_label="yes", zero_division=0.0)
    found = sf.cv_path(X, y, measure=scorer, **options)
    plain = make_scorer(f1_score, zero_division=0.0)
    assert_array_equal(found.errors, sf.cv_path(X, y == "yes", measure=plain, **options).errors)


def test_one_fold_without_a_class_is_named(rng):
    X, y = rng.standard_normal((N, P)), np.where(np.arange(N) < 20, "no", "yes")
    halves = [(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))]
    with pytest.raises(ValueError, match=r"fold 0 cannot be fitted: No sample .* of class 'yes'"):
        sf.cv_path(X, y, loss="logistic", cv=halves)
    with pytest.raises(ValueError, match="test samples of fold 0 have none of class 'no'"):
        sf.cv_path(X, y, loss="logistic", measure="auc", cv=[(np.arange(N), np.arange(20, 40))])


@pytest.mark.parametrize("y", [IS_SECOND * 1, IS_SECOND * 1.0], ids=["int", "float"])
def test_a_hinge_predicts_the_labels_that_were_given(rng, y):
    found = sf.solve(rng.standard_normal((N, P)), y, loss="squared_hinge", alpha=0.01)
    assert_array_equal(found.classes, [0, 1])
    assert found.classes.dtype == y.dtype


REFUSED = {
    "one class": (["a"] * N, "needs samples of 2 classes, but y has one class only: 'a'"),
    "one number": ([3.0] * N, "one class only: 3"),
    "ones": ([1] * N, "No sample is of class 0, .* or fit without an intercept"),
    "three classes": (list("abcd") * 10, "y has 4 classes, and Logistic.. is for two"),
    "three numbers": ([1, 2, 3, 1] * 10, "y has 3 classes, and Logistic.. is for two"),
    "floats as classes": ([1.5, 2.5] * 20, r"is for classes 0 and 1, .* y\[0\] is 1.5"),
    "any floats": (np.linspace(-1, 1, N), r"is for classes 0 and 1, .* y\[0\] is -1.0"),
    "None": ([None, "a", "b", "a"] * 10, r"y\[0\] is None; leave out samples without a label"),
    "NaN": (
        [np.nan, 0.0, 1.0, 1.0] * 10,
        "y contains NaN in 10 rows, the first in row 0; leave out",
    ),
    "pandas.NA": (pd.Series([pd.NA, "a"] * 20), r"y\[0\] is .*leave out samples without a label"),
    "length": (["a", "b"], "X has 40, y has 2"),
    "scalar": ("abc", "y is 'abc'; expected one target value"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_labels_refused(rng, case):
    y, said = REFUSED[case]
    with pytest.raises(ValueError, match=said):
        sf.solve(rng.standard_normal((N, P)), y, loss="logistic")


@pytest.mark.parametrize("loss", ["squared", "poisson"])
def test_text_under_another_loss_points_to_the_logistic_one(rng, loss):
    with pytest.raises(ValueError, match="loss='logistic' takes the labels of two classes as they"):
        sf.solve(rng.standard_normal((N, P)), LABELS["text"], loss=loss)


# -- counts of both classes ------------------------------------------------------------------------


@pytest.fixture
def counted(rng):
    """X, counts, and the same samples one by one: their rows of X and labels."""
    X, m = rng.standard_normal((N, P)), rng.integers(0, 6, N)
    ones = rng.binomial(m, 1.0 / (1.0 + np.exp(-X[:, 0])))
    place = np.repeat(np.arange(N), m)
    labels = np.concatenate([np.arange(a) < b for a, b in zip(m, ones, strict=True)])
    return X, np.column_stack([m - ones, ones]), place, labels


@pytest.mark.parametrize("loss", ["logistic", "probit"])
@pytest.mark.parametrize("weighted", [False, True])
def test_counts_are_single_samples(rng, counted, loss, weighted):
    X, y, place, labels = counted
    s = rng.random(N) if weighted else np.ones(N)
    for options in ({}, {"standardize": True}, {"fit_intercept": False}, {"offset": X[:, 1]}):
        single = {**options, "offset": X[place, 1]} if "offset" in options else options
        common = {"loss": loss, "alpha": 0.02, "tol": 1e-14}
        found = sf.solve(X, y, sample_weight=s, **common, **options)
        expected = sf.solve(X[place], labels, sample_weight=s[place], **common, **single)
        assert_allclose(found.coef, expected.coef, atol=1e-6)
        assert_allclose(found.intercept, expected.intercept, atol=1e-6)
    shares = y[:, 1] / np.maximum(y.sum(axis=1), 1)
    by_weight = sf.solve(X, shares, sample_weight=s * y.sum(axis=1), **common)
    assert_allclose(sf.solve(X, y, sample_weight=s, **common).coef, by_weight.coef, atol=1e-6)


@pytest.mark.parametrize(
    "measure", ["auc", "accuracy", "brier", "neg_log_loss", "roc_auc", "balanced_accuracy"]
)
def test_folds_compare_single_samples(counted, measure):
    X, y, place, labels = counted
    options = {"loss": "logistic", "measure": measure, "alphas": [0.05], "tol": 1e-12}
    options |= {"fold_weights": "samples", "rule": "1se"}
    errors = []
    for rows, target, of in ((X, y, np.arange(N)), (X[place], labels, place)):
        folds = [(np.flatnonzero(of % 3 != k), np.flatnonzero(of % 3 == k)) for k in range(3)]
        found = sf.cv_path(rows, target, cv=folds, **options)
        errors.append(found.mean_errors)
    assert_allclose(*errors, atol=1e-7)


@pytest.mark.parametrize("criterion", ["aic", "aicc", "bic", "ebic"])
def test_criteria_count_single_samples(counted, criterion):
    X, y, place, labels = counted
    options = {"loss": "logistic", "criterion": criterion, "alphas": [0.05], "tol": 1e-12}
    found = sf.cv_path(X, y, **options).errors
    assert_allclose(found, sf.cv_path(X[place], labels, **options).errors, rtol=1e-6)


def test_weights_of_a_design_with_counts(rng, counted):
    X, y, _, _ = counted
    s = rng.random(N)
    counting = sf.Design(X).with_target(y, "logistic")
    assert_allclose(counting.weight, y.sum(axis=1) * N / y.sum())
    assert counting.weight_sum == y.sum()
    weighted = counting.with_weight(s)
    assert_allclose(weighted.weight_sum, s @ y.sum(axis=1))
    expected = sf.solve(X, y, loss="logistic", sample_weight=s, alpha=0.05)
    assert_allclose(sf.solve(weighted, alpha=0.05).coef, expected.coef, rtol=1e-12)
    plain = weighted.with_target(X[:, 0])  # no counts any more
    assert plain.trials is None
    assert_array_equal(plain.weight, sf.Design(X, None, s).weight)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_names_of_the_columns_are_the_classes(counted, frame):
    X, y, _, _ = counted
    named = frame({"dead": y[:, 0], "alive": y[:, 1]})
    found = sf.solve(X, named, loss="logistic", alpha=0.01)
    assert_array_equal(found.classes, ["dead", "alive"])
    assert_array_equal(found.coef, sf.solve(X, y.tolist(), loss="logistic", alpha=0.01).coef)


def test_counts_refused(counted):
    X, y, _, _ = counted
    turned = pd.DataFrame({"success": y[:, 1], "failure": y[:, 0]})
    for given, loss, said in (
        (turned, "logistic", "expected the counts of failures first"),
        (y, "squared_hinge", "no likelihood, which counts are for"),
        (-y, "logistic", r"y\[\d, \d\] is -\d.0; expected numbers >= 0"),
        (0 * y, "logistic", "counts no sample of either class"),
        (y[:5], "logistic", "X has 40, y has 5; give the counts of both classes"),
        (y * [1, 0], "logistic", "No sample with weight is of class 1"),
        (y, "poisson", "expected a vector"),
    ):
        with pytest.raises(ValueError, match=said):
            sf.solve(X, given, loss=loss)
    with pytest.raises(ValueError, match="gets no weights, which the shares of two classes need"):
        sf.cv_path(X, y, loss="logistic", measure=lambda model, X, y: 0.0)


def test_targets_of_other_losses_are_numbers():
    assert given_target([1, 2], Poisson(), 2).classes is None
    assert given_target([1, 2], Logistic(), 2).trials is None
    assert_array_equal(given_target([-1.0, 1.0], SquaredHinge(), 2).values, [0.0, 1.0])


def test_estimators_point_to_the_functions_for_counts(counted):
    X, y, _, _ = counted
    with pytest.raises(ValueError, match="counts of two classes are for solve, path and cv_path"):
        sf.LogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match="y holds bytes; decode them to text"):
        sf.solve(X, np.where(IS_SECOND, b"yes", b"no"), loss="logistic")


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, np.float64])
def test_two_whole_numbers_are_classes_in_their_order(dtype):
    classes, codes = encoded(np.array([7, 3, 3, 7], dtype), "a model")
    assert classes.dtype == dtype
    assert classes.tolist() == [3, 7]
    assert codes.tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("y", [[0.5, 1.0, 0.5], [0.0, np.nan, 0.0], [np.inf, 1.0, 1.0]])
def test_two_other_numbers_are_no_classes(y):
    with pytest.raises(ValueError, match=r"continuous|NaN|infinity"):
        encoded(np.array(y), "a model")
