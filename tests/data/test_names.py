"""Lookup by name: columns of frames, and per-feature numbers."""

import pickle
import unicodedata

import numpy as np
import pandas as pd
import polars as pl
import problems
import pyarrow as pa
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import Bounds
from sklearn.model_selection import GroupKFold, permutation_test_score

import softreg_fast as sf
from softreg_fast import Design
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.data.names import feature_names_of

P = 6
NAMES = ["age", "bmi", "café", "dose", "e1", "f1"]

FRAMES = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "record batch": lambda frame: pa.RecordBatch.from_pandas(frame, preserve_index=False),
}
OTHER_ORDER = [4, 2, 0, 5, 1, 3]


@pytest.fixture
def data(rng):
    X, y = problems.make_data(rng, 50, P)
    return X * np.arange(1.0, P + 1), y  # no two columns alike


@pytest.fixture
def frame(data):
    return pd.DataFrame(data[0], columns=NAMES)


def fits(X, y):
    """Return one predictor of each kind, and its prediction for rows of numbers by NumPy."""
    one = sf.solve(X, y, alpha=0.2)
    path = sf.path(X, y, n_alphas=7, eps=0.05)
    relaxed = sf.relaxed_path(X, y, n_alphas=7, eps=0.05)
    cv = sf.cv_path(X, y, n_alphas=12, relax=True)
    several = sf.path(MultiTaskDesign(X, np.c_[y, -2 * y]), n_alphas=7, eps=0.05)
    chosen = cv.path[cv.index]
    return {
        "Solution": (one.predict, lambda Z: Z @ one.coef + one.intercept),
        "Path": (path.predict, lambda Z: Z @ path.coefs.toarray() + path.intercepts),
        "Path at alphas": (
            lambda Z: path.predict(Z, path.alphas[[1, 4]]),
            lambda Z: Z @ path.coefs.toarray()[:, [1, 4]] + path.intercepts[[1, 4]],
        ),
        "RelaxedPath": (
            relaxed.predict,
            lambda Z: Z @ relaxed.refits.coefs.toarray() + relaxed.refits.intercepts,
        ),
        "CVPath": (cv.predict, lambda Z: Z @ chosen.coef + chosen.intercept),
        "MultiTaskPath": (
            lambda Z: several.predict(Z, several.alphas[3]),
            lambda Z: Z @ several[3].coef.T + several[3].intercept,
        ),
    }


KINDS = [
    "Solution",
    "Path",
    "Path at alphas",
    "RelaxedPath",
    "CVPath",
    "MultiTaskPath",
]


# ---------------------------------------------------------------------------------------------
# Columns of frames


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("library", FRAMES)
def test_predictions_find_columns_by_name(frame, data, kind, library):
    X, y = data
    predict, by_numpy = fits(FRAMES[library](frame), y)[kind]
    expected = by_numpy(X[:9])
    for other in FRAMES.values():
        given = frame.iloc[:9, OTHER_ORDER].assign(more=1e6)
        assert_allclose(predict(other(given)), expected, rtol=1e-11, atol=1e-11)
    assert_allclose(predict(X[:9]), expected, rtol=1e-11, atol=1e-11)
    assert_allclose(predict(sp.csr_array(X[:9])), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_name_columns_that_are_missing(frame, data, kind):
    predict, _ = fits(frame, data[1])[kind]
    with pytest.raises(ValueError, match=r"lacks 1 of the 6 columns .*'bmi'; .*did you mean 'BMI'"):
        predict(frame.rename(columns={"bmi": "BMI"}))
    with pytest.raises(ValueError, match=r"lacks 6 of the 6 columns .* Rename or add them"):
        predict(pd.DataFrame(data[0], columns=[f"gene{j}" for j in range(P)]))
    twice = pd.concat([frame[NAMES[::-1]], frame[["dose"]]], axis=1)
    with pytest.raises(ValueError, match="several columns named 'dose'"):
        predict(twice)


def test_a_frame_that_numbers_its_columns(data):
    X, y = data
    frame = pd.DataFrame(X)
    assert feature_names_of(frame) is None
    fit = sf.solve(frame, y, alpha=0.2)
    assert fit.feature_names is None
    assert_allclose(fit.predict(frame[OTHER_ORDER]), fit.predict(X), rtol=1e-12)
    years = pd.DataFrame(X, columns=range(1990, 1990 + P))
    fit = sf.solve(years, y, alpha=0.2)
    assert_array_equal(fit.feature_names, range(1990, 1990 + P))
    assert_allclose(fit.predict(years.iloc[:, OTHER_ORDER]), fit.predict(X), rtol=1e-12)


def test_names_of_several_levels(data):
    X, y = data
    columns = pd.MultiIndex.from_product([["a", "b"], ["x", "y", "z"]])
    frame = pd.DataFrame(X, columns=columns)
    fit = sf.solve(frame, y, alpha=0.2)
    assert fit.feature_names[4] == ("b", "y")
    assert_allclose(fit.predict(frame.iloc[:, OTHER_ORDER]), fit.predict(X), rtol=1e-12)


def test_accents_may_be_written_in_two_ways(frame, data):
    composed = frame.rename(columns={"café": unicodedata.normalize("NFC", "café")})
    decomposed = frame.rename(columns={"café": unicodedata.normalize("NFD", "café")})
    assert list(composed) != list(decomposed)
    fit = sf.solve(composed, data[1], alpha=0.2)
    assert_array_equal(fit.predict(decomposed.iloc[:, OTHER_ORDER]), fit.predict(composed))
    weights = {decomposed.columns[2]: 0.0}
    assert sf.solve(composed, data[1], alpha=1e6, l1_weights=weights).df == 1


def test_names_that_several_columns_have_are_refused(data):
    X, y = data
    twice = pd.DataFrame(X, columns=["a", "a", "b", "c", "d", "e"])
    for fit in (sf.solve, sf.path, sf.cv_path, sf.Lasso().fit, sf.LassoCV().fit):
        with pytest.raises(ValueError, match="X has several columns named 'a'; rename or leave"):
            fit(twice, y)


def test_a_design_is_predicted_by_name(frame, data):
    fit = sf.solve(frame, data[1], alpha=0.2)
    for library in FRAMES.values():
        design = sf.Design(library(frame.iloc[:, OTHER_ORDER]), data[1])
        assert_allclose(fit.predict(design), fit.predict(data[0]), rtol=1e-12)


def test_warm_starts_find_coefficients_by_name(frame, data):
    for estimator, y in [
        (sf.Lasso(alpha=0.2, warm_start=True), data[1]),
        (sf.MultiTaskLasso(alpha=0.2, warm_start=True), np.c_[data[1], -data[1]]),
    ]:
        first = estimator.fit(frame, y).coef_
        assert estimator.n_iter_ > 0
        again = estimator.fit(frame.iloc[:, OTHER_ORDER], y)
        assert again.n_iter_ == 0
        assert_allclose(again.coef_, first[..., OTHER_ORDER], rtol=1e-6, atol=1e-9)
        others = frame.set_axis([f"gene{j}" for j in range(P)], axis=1)
        assert_allclose(estimator.fit(others, y).coef_, first, rtol=1e-6, atol=1e-9)


def test_lazy_frames_are_refused(frame, data):
    lazy = pl.from_pandas(frame).lazy()
    fit = sf.solve(frame, data[1], alpha=0.2)
    for attempt in (lambda: sf.solve(lazy, data[1]), lambda: fit.predict(lazy)):
        with pytest.raises(TypeError, match="X is a lazy frame; call its method collect"):
            attempt()


# ---------------------------------------------------------------------------------------------
# Rows


def test_labels_of_rows_in_another_order_are_a_contradiction(frame, data):
    y = pd.Series(data[1], index=[f"s{i}" for i in range(50)])
    labelled = frame.set_axis(y.index)
    shuffled = y.sample(frac=1, random_state=0)
    assert sf.solve(labelled, y, alpha=0.2).df == sf.solve(*data, alpha=0.2).df
    with pytest.raises(ValueError, match=r"index of y holds .* another order.*y.loc\[X.index\]"):
        sf.solve(labelled, shuffled)
    with pytest.raises(ValueError, match=r"index of sample_weight holds .* another order"):
        sf.path(labelled, y, sample_weight=shuffled.abs())
    # labels that do not occur in X have no meaning
    assert sf.solve(labelled, y.reset_index(drop=True), alpha=0.2).df > 0


# ---------------------------------------------------------------------------------------------
# Numbers per feature

WEIGHTS = np.array([1.0, 0.0, 1.0, 3.0, 1.0, np.inf])
GIVEN = {"f1": np.inf, "dose": 3.0, "bmi": 0.0}


@pytest.mark.parametrize("form", [dict, pd.Series])
@pytest.mark.parametrize("name", ["l1_weights", "l2_weights"])
def test_weights_by_name(frame, data, form, name):
    X, y = data
    for fit in (
        lambda X, w: sf.solve(X, y, alpha=0.3, l1_ratio=0.5, **{name: w}).coef,
        lambda X, w: sf.path(X, y, n_alphas=5, l1_ratio=0.5, **{name: w}).coefs.toarray(),
        lambda X, w: sf.cv_path(X, y, n_alphas=5, l1_ratio=[0.5, 1], **{name: w}).errors,
        lambda X, w: sf.relaxed_path(X, y, n_alphas=5, **{name: w}).refits.coefs.toarray(),
        lambda X, w: sf.ElasticNet(alpha=0.3, **{name: w}).fit(X, y).coef_,
        lambda X, w: sf.ElasticNetCV(alphas=5, **{name: w}).fit(X, y).coef_,
        lambda X, w: sf.MultiTaskElasticNet(alpha=0.3, **{name: w}).fit(X, np.c_[y, y]).coef_,
        lambda X, w: (
            sf.stability_path(
                X, y, l1_ratio=0.5, n_subsamples=10, random_state=0, **{name: w}
            ).max_frequencies
        ),
    ):
        assert_array_equal(fit(frame, form(GIVEN)), fit(X, WEIGHTS))


def test_l2_weights_of_ridge_by_name(frame, data):
    X, y = data
    for make in (sf.Ridge, sf.RidgeCV):
        named = make(l2_weights=GIVEN).fit(frame, y)
        assert_array_equal(named.coef_, make(l2_weights=WEIGHTS).fit(X, y).coef_)
    options = {"learning_rate": 0.01, "n_iter": 5}
    assert_array_equal(
        sf.gradient_descent(frame, y, l2=pd.Series(GIVEN), coef_init={"age": 1.0}, **options),
        sf.gradient_descent(X, y, l2=[0, 0, 0, 3, 0, np.inf], coef_init=np.eye(1, P)[0], **options),
    )


def test_outright_penalties_by_name(frame, data):
    X, y = data
    named = sf.solve(frame, y, l1={"age": 0.5, "dose": 0.1}, l2=pd.Series({"bmi": 2.0}))
    assert_array_equal(
        named.coef, sf.solve(X, y, l1=[0.5, 0, 0, 0.1, 0, 0], l2=[0, 2.0, 0, 0, 0, 0]).coef
    )


def test_bounds_by_name(frame, data):
    X, y = data
    low = np.array([-np.inf, 0.0, -np.inf, -np.inf, -0.1, -np.inf])
    high = np.array([np.inf, np.inf, np.inf, 0.2, 0.1, np.inf])
    by_arrays = sf.solve(X, y, alpha=0.05, bounds=(low, high)).coef
    assert_array_equal(by_arrays, sf.solve(X, y, alpha=0.05, bounds=Bounds(low, high)).coef)
    for bounds in (
        {"bmi": (0, None), "dose": (None, 0.2), "e1": (-0.1, 0.1)},
        ({"bmi": 0.0, "e1": -0.1}, pd.Series({"dose": 0.2, "e1": 0.1})),
        (low, {"e1": 0.1, "dose": 0.2}),
    ):
        assert_array_equal(sf.solve(frame, y, alpha=0.05, bounds=bounds).coef, by_arrays)
        model = sf.Lasso(alpha=0.05, bounds=bounds).fit(frame, y)
        assert_allclose(model.coef_, by_arrays, rtol=1e-6, atol=1e-9)


def test_starts_by_name(frame, data):
    y = data[1]
    fit = sf.solve(frame, y, alpha=0.2, solver="cd", tol=1e-12)
    assert fit.n_epochs > 0
    for start in (dict(fit.selected()), pd.Series(dict(fit.selected()))):
        assert sf.solve(frame, y, alpha=0.2, solver="cd", tol=1e-10, coef_init=start).n_epochs == 0


def test_numbers_stand_for_features_without_names(data):
    X, y = data
    given = {1: 0.0, 3: 3.0, 5: np.inf}
    by_array = sf.solve(X, y, alpha=0.3, l1_weights=WEIGHTS).coef
    for weights in (given, pd.Series(given)):
        assert_array_equal(sf.solve(X, y, alpha=0.3, l1_weights=weights).coef, by_array)
        assert_array_equal(
            sf.solve(pd.DataFrame(X), y, alpha=0.3, l1_weights=weights).coef, by_array
        )


def test_a_series_without_names_is_taken_in_order(frame, data):
    by_array = sf.solve(data[0], data[1], alpha=0.3, l1_weights=WEIGHTS).coef
    for weights in (pd.Series(WEIGHTS), pl.Series(WEIGHTS)):
        fit = sf.solve(frame, data[1], alpha=0.3, l1_weights=weights)
        assert_array_equal(fit.coef, by_array)


@pytest.mark.parametrize(
    ("given", "error", "pattern"),
    [
        ({"BMI": 0.0}, ValueError, "l1_weights names 'BMI'; did you mean 'bmi'"),
        ({"weight": 0.0}, ValueError, "names 'weight'; the features are 'age', .* and 1 more"),
        ({"bmi": -1.0}, ValueError, r"l1_weights\['bmi'\] is -1.0; every entry must be >= 0"),
        ({"bmi": np.nan}, ValueError, r"l1_weights\['bmi'\] is nan"),
        ({"bmi": "0"}, TypeError, r"l1_weights\['bmi'\] must be a real number, got '0'"),
        ({"bmi": None}, TypeError, r"l1_weights\['bmi'\] must be a real number, got None"),
        ({"bmi": [0.0]}, TypeError, r"l1_weights\['bmi'\] must be a real number, got \[0.0\]"),
        (pd.Series([1.0, 2.0], ["bmi", "bmi"]), ValueError, "names 'bmi' more than once"),
        (pd.Series([1.0, 2.0], [3, 4]), ValueError, "l1_weights names 3, 4; "),
    ],
)
def test_names_that_mean_nothing(frame, data, given, error, pattern):
    for fit in (
        lambda: sf.solve(frame, data[1], l1_weights=given),
        lambda: sf.path(frame, data[1], l1_weights=given),
        lambda: sf.LassoCV(l1_weights=given).fit(frame, data[1]),
    ):
        with pytest.raises(error, match=pattern):
            fit()


def test_names_for_data_without_names(data):
    with pytest.raises(ValueError, match=r"names 'bmi'; X has no names.* called 0 to 5"):
        sf.solve(*data, l1_weights={"bmi": 0.0})
    with pytest.raises(ValueError, match=r"bounds\['bmi'\] must be a pair"):
        sf.solve(*data, bounds={"bmi": 3.0})


@pytest.mark.parametrize("names", [[2, 0, 3, 1, 5, 4], [10, 20, 3, 2, 1, 0]], ids=str)
def test_a_series_of_numbers_means_columns_of_these_numbers(data, names):
    X, y = data
    weights = pd.Series([0.0, 0.5, 2.0], index=[0, 1, 2])
    found = sf.solve(pd.DataFrame(X, columns=names), y, alpha=0.2, l1_weights=weights)
    by_position = [weights.get(name, 1.0) for name in names]
    assert_allclose(found.coef, sf.solve(X, y, alpha=0.2, l1_weights=by_position).coef)


def test_a_series_that_is_only_numbered_is_taken_by_position(data, frame):
    X, y = data
    weights = pd.Series([0.0, 0.5, 2.0, 1.0, 1.0, 3.0])
    years = frame.set_axis(range(1990, 1990 + P), axis=1)
    right = sf.solve(X, y, alpha=0.2, l1_weights=weights.to_numpy()).coef
    assert_allclose(sf.solve(frame, y, alpha=0.2, l1_weights=weights).coef, right)
    assert_allclose(sf.solve(years, y, alpha=0.2, l1_weights=weights).coef, right)


LABELS = {
    "numbers": [2, 0, 3, 1, 5, 4],
    "0, 1, 2, ...": list(range(P)),
    "years": list(range(1990, 1990 + P)),
    "dates": pd.date_range("2020-01-01", periods=P),
    "tuples": pd.MultiIndex.from_product([["u", "v"], [1, 2, 3]]),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("kind", [sf.Lasso, sf.Ridge, sf.LassoCV, sf.MultiTaskLasso, sf.RidgeCV])
def test_estimators_find_names_that_are_no_text(data, labels, kind):
    X, y = data
    frame = pd.DataFrame(X, columns=labels)
    model = kind().fit(frame, np.c_[y, -y] if kind is sf.MultiTaskLasso else y)
    right = X @ model.coef_.T + model.intercept_
    assert_allclose(model.predict(frame.iloc[:, OTHER_ORDER]), right)
    assert_allclose(model.predict(X), right)
    again = model.fit(X, np.c_[y, -y] if kind is sf.MultiTaskLasso else y)
    assert_allclose(again.predict(X), right)


def test_a_number_in_place_of_text_is_told_from_it(data, frame):
    _, y = data
    fit = sf.solve(frame.set_axis(list("012345"), axis=1), y, alpha=0.2)
    with pytest.raises(ValueError, match="For '0', did you mean 0"):
        fit.predict(frame.set_axis(range(P), axis=1))


def test_a_design_tells_rows_in_another_order(data, frame):
    _, y = data
    turned = pd.Series(np.arange(1.0, 51.0)).iloc[::-1]
    design = sf.Design(frame, y)
    groups = {"cv": GroupKFold(3), "groups": turned}
    for call in (
        lambda: design.with_target(turned),
        lambda: design.with_weight(turned),
        lambda: sf.solve(design, turned),
        lambda: sf.cv_path(design, **groups),
        lambda: pickle.loads(pickle.dumps(design)).with_target(turned),
    ):
        with pytest.raises(ValueError, match="in another order"):
            call()
    assert sf.Design(frame.values.tolist(), y).with_target(turned).y[0] == 50.0  # no labels


@pytest.mark.parametrize(
    ("bounds", "problem"),
    [
        (pd.DataFrame({"lower": [0.0] * P, "upper": [1.0] * P}), r"frame\['lower'\]"),
        ({0, 1}, "must be a pair"),
        ("ab", "must be a pair"),
    ],
    ids=["frame", "set", "text"],
)
def test_what_is_no_pair_of_bounds(data, bounds, problem):
    with pytest.raises((ValueError, TypeError), match=problem):
        sf.solve(*data, bounds=bounds)


@pytest.mark.parametrize("kind", [sf.Lasso, sf.Ridge, sf.LassoCV, sf.RidgeCV])
def test_estimators_pair_rows_by_position(data, frame, kind):
    # as in scikit-learn: a permutation test reorders y on purpose
    _, y = data
    turned = pd.Series(y).iloc[::-1]
    assert_array_equal(kind().fit(frame, turned).coef_, kind().fit(data[0], y[::-1]).coef_)
    permutation_test_score(kind(), frame, pd.Series(y), n_permutations=3, cv=2, random_state=0)


def test_feature_names():
    X = np.zeros((2, 3))
    names = ["a", "b", "c"]
    assert list(feature_names_of(pd.DataFrame(X, columns=names))) == names
    assert list(feature_names_of(pl.DataFrame(X, schema=names))) == names
    assert feature_names_of(pd.DataFrame(X)) is None
    assert feature_names_of(X) is None
    assert feature_names_of(sp.csc_array(X)) is None
    assert feature_names_of([[1.0]]) is None
    named = Design(pd.DataFrame(np.eye(3), columns=names), np.arange(3.0))
    assert list(named.feature_names) == names
