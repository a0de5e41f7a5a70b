"""Tables as users have them: fits of frames against those of the matrix that a hand makes."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GroupKFold

import softreg_fast as sf
from softreg_fast.data.tables import TableOptions, as_table


@pytest.fixture
def data(rng):
    n = 90
    frame = pd.DataFrame(
        {
            "x": rng.standard_normal(n),
            "carrier": rng.choice(["AA", "BB", "CC", "DD"], n),
            "late": rng.random(n) < 0.5,
            "origin": pd.Categorical(rng.choice(["JFK", "LGA", "EWR"], n)),
            "z": rng.standard_normal(n),
        }
    )
    effect = {"AA": 1.0, "BB": -1.0, "CC": 0.5, "DD": 0.0}
    y = frame["x"] + frame["carrier"].map(effect) + 0.5 * rng.standard_normal(n)
    return frame, y.to_numpy()


def stored(X):
    """Return a frame of numbers as the matrix that a coding makes.

    Under an L1 penalty alone the optimum of all levels beside an intercept is one of many: only the
    same numbers in the same layout lead to the same.
    """
    return sp.csc_array(X.to_numpy())


def by_hand(frame):
    """Return the one-hot frame of numbers."""
    text = [name for name in frame if name in ("carrier", "origin")]
    X = pd.get_dummies(frame, columns=text, prefix_sep="=", dtype=float)
    X = X[[name for column in frame for name in X if name.partition("=")[0] == column]]
    return X.astype(float)


FITS = {
    "solve": lambda X, y, **o: sf.solve(X, y, alpha=0.05, **o),
    "path": lambda X, y, **o: sf.path(X, y, n_alphas=10, **o)[-1],
    "cv": lambda X, y, **o: (f := sf.cv_path(X, y, cv=4, n_alphas=10, **o)).path[f.index],
    "relaxed": lambda X, y, **o: sf.relaxed_path(X, y, n_alphas=5, **o).at(0.5)[-1],
    "adaptive": lambda X, y, **o: sf.adaptive_path(X, y, n_alphas=5, **o)[-1],
}
each_fit = pytest.mark.parametrize("fit", FITS.values(), ids=FITS)


@each_fit
def test_fits_are_those_of_the_one_hot_matrix(data, fit):
    frame, y = data
    X = by_hand(frame)
    found, hand = fit(frame, y), fit(stored(X), y)
    X = X.to_numpy()
    assert found.feature_names.tolist() == list(by_hand(frame))
    assert_allclose(found.coef, hand.coef, atol=1e-6)
    assert_allclose(found.predict(frame[::-1]), hand.predict(X[::-1]), atol=1e-6)
    for other in (pytest.importorskip("polars"), pytest.importorskip("pyarrow").Table):
        new = other.from_pandas(frame[list(frame)[::-1]])
        assert_allclose(found.predict(new), hand.predict(X), atol=1e-6)
        assert_allclose(fit(new, y).predict(frame), hand.predict(X), atol=1e-5)
    again = pickle.loads(pickle.dumps(found))
    assert_array_equal(again.predict(frame), found.predict(frame))


def test_stability_selection(data):
    frame, y = data
    given = {"random_state": 0, "n_subsamples": 10, "n_alphas": 10}
    found = sf.stability_path(frame, y, **given)
    hand = sf.stability_path(stored(by_hand(frame)), y, **given)
    assert found.feature_names.tolist() == list(by_hand(frame))
    assert_array_equal(found.frequencies.toarray(), hand.frequencies.toarray())


ESTIMATORS = {
    "Lasso": lambda: sf.Lasso(alpha=0.05),
    "ElasticNetCV": lambda: sf.ElasticNetCV(alphas=10, cv=3),
    "Ridge": lambda: sf.Ridge(),
    "RidgeCV": lambda: sf.RidgeCV(),
    "AdaptiveLasso": lambda: sf.AdaptiveLasso(alpha=0.01),
    "HuberRegressor": lambda: sf.HuberRegressor(),
    "QuantileRegressor": lambda: sf.QuantileRegressor(alpha=0.01),
    "MCPRegressionCV": lambda: sf.MCPRegressionCV(alphas=5, cv=3),
    "Slope": lambda: sf.Slope(alpha=0.01),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators(data, name):
    frame, y = data
    X = by_hand(frame)
    model, hand = ESTIMATORS[name]().fit(frame, y), ESTIMATORS[name]().fit(stored(X), y)
    assert model.coding_.feature_names.tolist() == list(X)
    assert model.feature_names_in_.tolist() == list(frame)
    assert_allclose(model.coef_, hand.coef_, atol=1e-5)
    again = pickle.loads(pickle.dumps(model))
    assert_allclose(again.predict(frame[list(frame)[::-1]]), hand.predict(X.to_numpy()), atol=1e-5)
    with pytest.raises(ValueError, match="was fitted to a frame with categorical columns; give a"):
        model.predict(np.zeros((2, 5)))


@pytest.mark.parametrize("name", ["LogisticRegression", "LogisticRegressionCV", "LinearSVC"])
def test_classifiers(data, name):
    frame, y = data
    labels, X = np.where(y > 0.0, "up", "down"), by_hand(frame)
    options = {"Cs": 3, "cv": 3} if name.endswith("CV") else {}
    model = getattr(sf, name)(**options).fit(frame, labels)
    hand = getattr(sf, name)(**options).fit(stored(X), labels)
    assert_allclose(model.coef_, hand.coef_, atol=1e-4)
    assert_array_equal(model.predict(frame[::-1]), hand.predict(X[::-1].to_numpy()))


def test_weights_and_bounds_by_columns(data):
    frame, y = data
    X = by_hand(frame)
    own = [name for name in X if name.startswith("carrier=")]
    for given, spread in (
        (
            {"l1_weights": {"carrier": 0.0, "x": 2.0}},
            {"l1_weights": dict.fromkeys(own, 0.0) | {"x": 2.0}},
        ),
        (
            {"l1_weights": pd.Series({"carrier": np.inf})},
            {"l1_weights": dict.fromkeys(own, np.inf)},
        ),
        ({"bounds": {"carrier": (0.0, 0.3)}}, {"bounds": dict.fromkeys(own, (0.0, 0.3))}),
        ({"bounds": ({"carrier": 0.0}, None)}, {"bounds": (dict.fromkeys(own, 0.0), None)}),
        ({"bounds": {"carrier=AA": (0.0, 0.3)}}, {"bounds": {"carrier=AA": (0.0, 0.3)}}),
    ):
        both = {"alpha": 0.05, "l1_ratio": 0.9}
        found, hand = sf.solve(frame, y, **both, **given), sf.solve(X, y, **both, **spread)
        assert_allclose(found.coef, hand.coef, atol=1e-7)
    with pytest.raises(ValueError, match=r"l1_weights names 'carier'; did you mean 'carrier'\?"):
        sf.solve(frame, y, l1_weights={"carier": 0.0})
    with pytest.raises(
        ValueError, match=r"names the column 'carrier' and its feature 'carrier=AA'"
    ):
        sf.solve(frame, y, l1_weights={"carrier": 0.0, "carrier=AA": 1.0})


def test_numbers_and_booleans_stay_as_they_are(data):
    frame, y = data
    part = frame[["x", "late", "z"]]
    fit = sf.solve(part, y, alpha=0.05)
    assert fit.coding is None
    assert_array_equal(fit.coef, sf.solve(part.to_numpy(float), y, alpha=0.05).coef)
    assert not sp.issparse(sf.Design(part).X)


def test_unknown_levels(data):
    frame, y = data
    new = frame[:2].assign(carrier=["AA", "ZZ"])
    with pytest.raises(ValueError, match="Column 'carrier' has the level 'ZZ' in row 1"):
        sf.path(frame, y, n_alphas=3).predict(new)
    fits = sf.path(frame, y, n_alphas=3, unknown="zero")
    X = by_hand(frame)[:2].to_numpy()
    X[:, 1:5] = [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    assert_allclose(fits.predict(new), X @ fits.coefs + fits.intercepts, atol=1e-12)
    with pytest.raises(ValueError, match="unknown must be 'error' or 'zero', got 'ignore'"):
        sf.path(frame, y, unknown="ignore")
    with pytest.raises(ValueError, match="unknown must be"):
        sf.path(np.zeros((3, 2)), [1, 2, 3], unknown="ignore")


# --- missing values ---------------------------------------------------------------------------


def with_holes(frame):
    return frame.assign(
        x=frame["x"].where(frame.index % 10 != 3), carrier=frame["carrier"].where(frame.index != 7)
    )


def test_all_columns_with_missing_values_are_named(data):
    frame, y = data
    with pytest.raises(
        ValueError, match=r"in the 2 columns 'x' \(9 rows\), 'carrier' \(1 row\).*'drop'.*'ind"
    ):
        sf.path(with_holes(frame), y)
    numbers = with_holes(frame)[["x", "z"]].assign(z=[np.nan, *frame["z"][1:]])
    with pytest.raises(
        ValueError, match=r"NaN in the columns 'x' \(9 rows\), 'z' \(1 row\).*missing='drop'"
    ):
        sf.path(numbers, y)


@each_fit
@pytest.mark.parametrize("container", ["pandas", "polars", "pyarrow", "numbers", "array", "sparse"])
def test_rows_with_missing_values_are_dropped(data, fit, container, rng):
    frame, y = data
    y, weight, offset = y.copy(), rng.random(90), rng.standard_normal(90)
    y[0] = weight[1] = offset[2] = np.nan
    X = (
        with_holes(frame)
        if container in ("pandas", "polars", "pyarrow")
        else with_holes(frame)[["x", "z"]]
    )
    kept = ~(X.isna().any(axis=1).to_numpy() | np.isnan(y) | np.isnan(weight) | np.isnan(offset))
    table = X
    if container == "polars":
        table = pytest.importorskip("polars").from_pandas(X)
    elif container == "pyarrow":
        table = pytest.importorskip("pyarrow").Table.from_pandas(X)
    elif container in ("array", "sparse"):
        table = X.to_numpy()
        table = sp.csr_array(table) if container == "sparse" else table
    with pytest.warns(
        UserWarning, match=rf"leaves out {90 - kept.sum()} of 90 rows.*y \(1\)"
    ) as said:
        found = fit(table, y, sample_weight=weight, offset=offset, missing="drop")
    assert len(said) == 1
    assert said[0].filename == __file__
    hand = fit(X[kept], y[kept], sample_weight=weight[kept], offset=offset[kept])
    assert_allclose(found.coef, hand.coef, atol=1e-7)


def test_groups_of_folds_go_with_their_rows(data):
    frame, y = data
    X, groups = with_holes(frame), np.arange(90) // 9
    kept = X.notna().all(axis=1).to_numpy()
    given = {"cv": GroupKFold(3), "seed": 0, "n_alphas": 10}
    with pytest.warns(UserWarning, match="leaves out"):
        found = sf.cv_path(X, y, groups=groups, missing="drop", **given)
    hand = sf.cv_path(X[kept], y[kept], groups=groups[kept], **given)
    assert_allclose(found.errors, hand.errors, rtol=1e-6)
    with (
        pytest.warns(UserWarning, match="leaves out"),
        pytest.raises(ValueError, match="cv lists rows, but missing='drop' leaves some rows out"),
    ):
        sf.cv_path(X, y, cv=[(np.arange(40), np.arange(40, 60))], missing="drop")


def test_everything_dropped(data):
    frame, y = data
    with pytest.raises(ValueError, match=r"leaves no row, for each of the 90 has .*'x' \(90\)"):
        sf.path(frame.assign(x=np.nan), y, missing="drop")


def test_missing_targets():
    frame, y = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": list("xyx")}), [1.0, np.nan, 2.0]
    with pytest.raises(ValueError, match=r"y contains NaN in 1 row, the first in row 1; .*'drop'"):
        sf.path(frame, y, missing="indicator")
    labels = pd.Series(["u", None, "d"])
    with pytest.raises(ValueError, match=r"y\[1\] is .*; leave out samples without a label"):
        sf.path(frame, labels, loss="logistic", missing="indicator")


def test_marked_missing_values_are_part_of_the_model(data):
    frame, y = data
    X = with_holes(frame)
    fit = sf.solve(X, y, alpha=0.02, missing="indicator")
    names = fit.feature_names.tolist()
    assert names[1] == "x=missing"
    assert "carrier=missing" in names
    predicted = fit.predict(X)
    coef = dict(zip(names, fit.coef, strict=True))
    row = fit.predict(X.iloc[[3]])[0] - fit.predict(X.iloc[[3]].assign(x=X["x"].mean()))[0]
    assert row == pytest.approx(coef["x=missing"])
    assert np.isfinite(predicted).all()


def test_options_that_have_no_place(data):
    frame, y = data
    design = sf.Design(frame, y)
    with pytest.raises(ValueError, match="missing is given, but the columns of this Design are"):
        sf.path(design, missing="drop")
    with pytest.raises(ValueError, match="missing must be one of error, drop, indicator; got 'no'"):
        sf.path(frame, y, missing="no")
    with pytest.raises(ValueError, match="missing='indicator' is for the columns of a frame"):
        sf.path(np.zeros((3, 2)), [1, 2, 3], missing="indicator")
    with pytest.raises(ValueError, match="dates is for the columns of a frame"):
        sf.path(np.zeros((3, 2)), [1, 2, 3], dates=["year"])
    with pytest.raises(ValueError, match="data is the table of a formula"):
        sf.path(frame, y, data=frame)
    with pytest.raises(ValueError, match="whose levels have no neighbours"):
        sf.fused_path(frame, y)


def test_a_selector_of_columns_refuses_categories(data):
    with pytest.raises(ValueError, match="StabilitySelector selects columns of X, but some hold"):
        sf.StabilitySelector().fit(*data)


def test_a_table_for_other_uses(data):
    frame, y = data
    table = as_table(frame, y, options=TableOptions(unknown="zero"))
    assert table.X.coding.unknown == "zero"
    assert table.kept is None
    assert_array_equal(sf.solve(table.X, table.y).coef, sf.solve(frame, y).coef)


# --- estimators -------------------------------------------------------------------------------

SEARCHES = {
    "Lasso": lambda **o: sf.Lasso(alpha=0.01, **o),
    "Ridge": lambda **o: sf.Ridge(**o),
    "LassoCV": lambda **o: sf.LassoCV(alphas=5, cv=3, **o),
    "RidgeCV": lambda **o: sf.RidgeCV(cv=3, **o),
    "HuberRegressor": lambda **o: sf.HuberRegressor(**o),
    "MCPRegressionCV": lambda **o: sf.MCPRegressionCV(alphas=4, cv=3, **o),
    "LogisticRegression": lambda **o: sf.LogisticRegression(**o),
    "LogisticRegressionCV": lambda **o: sf.LogisticRegressionCV(Cs=3, cv=3, **o),
    "GroupLasso": lambda **o: sf.GroupLasso(alpha=0.01, groups="columns", **o),
}
each_estimator = pytest.mark.parametrize("name", SEARCHES)


@each_estimator
def test_estimators_drop_rows_and_mark_missing_values(data, name, rng):
    frame, y = data
    X, weight = with_holes(frame), rng.random(90)
    target = np.where(y > 0.0, "up", "down") if name.startswith("Logistic") else y
    kept = X.notna().all(axis=1).to_numpy()
    with pytest.warns(UserWarning, match="leaves out 10 of 90 rows"):
        model = SEARCHES[name](missing="drop").fit(X, target, sample_weight=weight)
    hand = SEARCHES[name]().fit(X[kept], target[kept], sample_weight=weight[kept])
    assert_allclose(model.coef_, hand.coef_, rtol=1e-5, atol=1e-8)
    assert model.feature_names_in_.tolist() == list(frame)
    marked = SEARCHES[name](missing="indicator").fit(X, target)
    assert "x=missing" in marked.coding_.feature_names
    assert len(marked.predict(X)) == 90
    new = frame[:2].assign(carrier=["AA", "ZZ"])
    with pytest.raises(ValueError, match="Column 'carrier' has the level 'ZZ' in row 1"):
        marked.predict(new)
    assert len(clone(marked).set_params(unknown="zero").fit(X, target).predict(new)) == 2


def test_estimators_take_parts_of_dates(data):
    frame, y = data
    dated = frame.assign(day=pd.date_range("2024-01-01", periods=90))
    with pytest.raises(ValueError, match="dates are in the column 'day': state the parts"):
        sf.Lasso().fit(dated, y)
    model = sf.Lasso(alpha=0.001, dates=["month", "days"]).fit(dated, y)
    fit = sf.solve(dated, y, alpha=0.001, dates=["month", "days"])
    assert model.coding_.feature_names.tolist() == fit.feature_names.tolist()
    assert_allclose(model.predict(dated), fit.predict(dated), atol=1e-3)


def test_groups_of_folds_of_estimators_go_with_their_rows(data):
    frame, y = data
    X, groups = with_holes(frame), np.arange(90) // 9
    kept = X.notna().all(axis=1).to_numpy()
    with pytest.warns(UserWarning, match="leaves out"):
        model = sf.LassoCV(alphas=5, cv=GroupKFold(3), missing="drop").fit(X, y, groups=groups)
    hand = sf.LassoCV(alphas=5, cv=GroupKFold(3)).fit(X[kept], y[kept], groups=groups[kept])
    assert_allclose(model.mse_path_, hand.mse_path_, rtol=1e-6)
