"""LogisticRegression: its optimum, scikit-learn's solutions, labels and weights of classes."""

import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import linear_model

from softreg_fast import LogisticRegression

TIGHT = {"tol": 1e-7}


@pytest.fixture
def data(rng):
    X = rng.standard_normal((80, 6))
    labels = np.where(X[:, 0] - X[:, 1] + rng.standard_normal(80) > 0.3, "yes", "no")
    return X, labels, rng.uniform(0.5, 2.0, 80)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("C", [0.1, 1.0, 10.0])
def test_optimality(l1_ratio, C, data):
    X, labels, weight = data
    model = LogisticRegression(C=C, l1_ratio=l1_ratio, **TIGHT).fit(X, labels, weight)
    w, b = model.coef_[0], model.intercept_[0]
    residual = weight * ((labels == "yes") - 1.0 / (1.0 + np.exp(-(X @ w + b))))
    assert_allclose(residual.sum(), 0.0, atol=1e-5)
    slopes = C * X.T @ residual - (1.0 - l1_ratio) * w
    assert_allclose(slopes[w != 0.0], l1_ratio * np.sign(w[w != 0.0]), atol=1e-4 * C)
    assert np.all(np.abs(slopes[w == 0.0]) <= l1_ratio + 1e-4)
    assert 0.0 <= model.dual_gap_ <= 1e-12


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"C": 30.0},
        {"fit_intercept": False},
        {"class_weight": "balanced"},
        {"class_weight": {"yes": 3.0}},
    ],
)
def test_coefficients_of_scikit_learn(options, data):
    if options.get("class_weight") == "balanced" and sklearn.__version__ < "1.7":
        pytest.skip("balanced classes had equal numbers, not weights, of samples")
    X, labels, weight = data
    ours = LogisticRegression(**options, **TIGHT).fit(X, labels, weight)
    theirs = linear_model.LogisticRegression(tol=1e-10, max_iter=10_000, **options)
    theirs.fit(X, labels, weight)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-6)
    assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-4, atol=1e-6)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-4)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.score(X, labels, weight) == pytest.approx(theirs.score(X, labels, weight))


@pytest.mark.parametrize("names", [(0, 1), (-1, 1), (False, True), (2.0, 7.0), ("a", "b")])
def test_names_of_classes(names, data):
    X, labels, _ = data
    plain = LogisticRegression(**TIGHT).fit(X, labels)
    model = LogisticRegression(**TIGHT).fit(X, np.array(names)[(labels == "yes").astype(int)])
    assert model.classes_.tolist() == list(names)
    assert_array_equal(model.coef_, plain.coef_)
    assert_array_equal(model.predict(X) == names[1], plain.predict(X) == "yes")


def test_alpha_is_C_of_a_mean(data):
    X, labels, weight = data
    by_C = LogisticRegression(C=0.5, l1_ratio=0.5, **TIGHT).fit(X, labels, weight)
    alpha = 1.0 / (0.5 * weight.sum())
    by_alpha = LogisticRegression(alpha=alpha, l1_ratio=0.5, **TIGHT).fit(X, labels, weight)
    assert_allclose(by_alpha.coef_, by_C.coef_, rtol=1e-9)
    with pytest.raises(ValueError, match="both state the strength"):
        LogisticRegression(C=2.0, alpha=1.0).fit(X, labels)


def test_weight_two_is_a_row_twice(data):
    X, labels, _ = data
    weight = np.arange(80.0) % 3
    rows = np.repeat(np.arange(80), weight.astype(int))
    weighted = LogisticRegression(class_weight="balanced", **TIGHT).fit(X, labels, weight)
    repeated = LogisticRegression(class_weight="balanced", **TIGHT).fit(X[rows], labels[rows])
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-5)


def test_offset_of_a_feature_replaces_it(data):
    X, labels, _ = data
    whole = LogisticRegression(C=np.inf, **TIGHT).fit(X, labels)
    offset = X[:, 0] * whole.coef_[0, 0]
    rest = LogisticRegression(C=np.inf, **TIGHT).fit(X[:, 1:], labels, offset=offset)
    assert_allclose(rest.coef_[0], whole.coef_[0, 1:], rtol=1e-4)
    assert_allclose(rest.predict_proba(X[:, 1:], offset), whole.predict_proba(X), rtol=1e-4)
    with pytest.raises(ValueError, match="offset is missing"):
        rest.predict(X[:, 1:])


def test_log_probabilities_stay_finite():
    model = LogisticRegression().fit([[-1.0], [1.0]], [0, 1])
    found = model.predict_log_proba([[1e6], [-1e6]])
    assert np.isfinite(found).all()
    assert_allclose(found[0, 0], -model.decision_function([[1e6]])[0])


@pytest.mark.parametrize(
    ("y", "options", "said"),
    [
        ([1, 1, 1, 1], {}, "one class only: 1"),
        (["a", "b", None, "a"], {}, r"y\[2\] is None"),
        ([0.0, 1.0, np.nan, 0.0], {}, "contains NaN"),
        ([0, 1, 1, 0], {"class_weight": {3: 1.0}}, "no class of y; the classes are 0, 1"),
        ([0, 1, 1, 0], {"class_weight": {0: 0.0}}, "No sample of class 0 has a weight"),
        ([0, 1, 1, 0], {"class_weight": "even"}, "must be 'balanced', None or a dict"),
        ([0, 1, 1, 0], {"C": -1.0}, "C must be a finite number > 0"),
        ([0, 1, 1, 0], {"solver": "newton"}, "solver must be one of 'lbfgs'"),
        ([0, 1, 1, 0], {"penalty": "l3"}, "penalty must be one of 'l1'"),
    ],
)
def test_messages(y, options, said):
    with pytest.raises(ValueError, match=said):
        LogisticRegression(**options).fit([[0.0], [1.0], [3.0], [2.0]], y)


@pytest.mark.parametrize(
    ("given", "meant", "said"),
    [
        ({"penalty": "l1"}, {"l1_ratio": 1.0}, None),
        ({"penalty": "l2"}, {}, None),
        ({"penalty": "elasticnet", "l1_ratio": 0.3}, {"l1_ratio": 0.3}, None),
        ({"penalty": None}, {"C": np.inf}, None),
        ({"penalty": "l1", "l1_ratio": None}, {"l1_ratio": 1.0}, None),
        ({"penalty": "l1", "l1_ratio": 0.5}, {"l1_ratio": 1.0}, "only used when penalty is"),
        ({"penalty": "l2", "l1_ratio": 1.0}, {}, "Inconsistent values: penalty=l2"),
        ({"penalty": None, "C": 3.0}, {"C": np.inf}, "penalty=None will ignore the C"),
        ({"l1_ratio": None}, {}, "use l1_ratio=0"),
    ],
)
def test_former_words_for_the_penalty(given, meant, said, data):
    X, labels, _ = data
    model = LogisticRegression(**given)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.fit(X, labels)
    assert [str(warning.message) for warning in found if said is None] == []
    assert said is None or said in str(found[0].message)
    assert_array_equal(model.coef_, LogisticRegression(**meant).fit(X, labels).coef_)


def test_an_elastic_net_needs_its_share(data):
    X, labels, _ = data
    with pytest.raises(ValueError, match="l1_ratio must be specified"):
        LogisticRegression(penalty="elasticnet", l1_ratio=None).fit(X, labels)


def test_warnings_point_to_the_call(data):
    X, labels, _ = data
    with pytest.warns(UserWarning, match="penalty=None will ignore") as found:
        LogisticRegression(penalty=None, C=3.0).fit(X, labels)
    assert found[0].filename == __file__
