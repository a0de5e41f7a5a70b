"""Groups that are the columns of a frame: fits and predictions, against one-hot by hand."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import KFold

from softreg_fast import (
    Design,
    GroupLasso,
    GroupLassoCV,
    PenalizedRegression,
    SparseGroupLasso,
    SparseGroupLassoCV,
    cv_path,
    path,
    penalties,
    relaxed_path,
    solve,
    stability_path,
)
from softreg_fast.data.coding import Coded

EACH = {
    "group": (penalties.GroupLasso, GroupLasso, GroupLassoCV, {}),
    "sparse": (penalties.SparseGroupLasso, SparseGroupLasso, SparseGroupLassoCV, {"l1_ratio": 0.3}),
}
each_kind = pytest.mark.parametrize("kind", EACH.values(), ids=EACH)


@pytest.fixture
def data(rng):
    n = 80
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


def by_hand(frame):
    """Return the one-hot matrix and its labels."""
    text = [name for name in frame if name not in ("x", "z", "late")]
    X = pd.get_dummies(frame, columns=text, prefix_sep="=", dtype=float)
    X = X[[name for column in frame for name in X if name.partition("=")[0] == column]]
    columns = list(frame)
    X = X.astype(float)
    return X, np.array([columns.index(name.partition("=")[0]) for name in X])


@each_kind
@pytest.mark.parametrize("standardize", [False, True])
def test_fits_are_those_of_the_one_hot_matrix(data, kind, standardize, rng):
    frame, y = data
    Penalty, _, _, ratio = kind
    X, labels = by_hand(frame)
    given = {"sample_weight": rng.random(80), "standardize": standardize, "tol": 1e-12}
    fits = path(frame, y, penalty=Penalty(groups="columns", **ratio), n_alphas=15, **given)
    hand = path(X, y, penalty=Penalty(groups=labels, **ratio), n_alphas=15, **given)
    assert fits.feature_names.tolist() == list(X)
    assert_allclose(fits.alphas, hand.alphas, rtol=1e-12)
    assert_allclose(fits.coefs.toarray(), hand.coefs.toarray(), atol=1e-7)
    assert fits.converged
    assert fits.groups.names == list(frame)
    assert_array_equal(fits.groups.labels, labels)
    fit = solve(frame, y, alpha=0.05, penalty=Penalty(groups="columns", **ratio), **given)
    assert_allclose(fit.predict(frame), fit.intercept + X.to_numpy() @ fit.coef, atol=1e-12)
    design = Design(Coded(frame), y)  # made beforehand
    same = solve(design, alpha=0.05, penalty=Penalty(groups="columns", **ratio))
    assert same.groups.names == list(frame)
    assert_allclose(same.predict(design), same.predict(frame), atol=1e-12)


@each_kind
def test_containers_orders_and_repeated_rows(data, kind):
    frame, y = data
    penalty = kind[0](groups="columns", **kind[3])
    given = {"alpha": 0.05, "penalty": penalty, "tol": 1e-14}
    fit = solve(frame, y, **given)
    held = dict(zip(fit.feature_names, fit.coef, strict=True))
    new = frame.iloc[::-1][["z", "origin", "late", "carrier", "x"]]
    for other in (
        solve(frame[["origin", "z", "carrier", "late", "x"]], y, **given),
        solve(frame.iloc[::-1], y[::-1], **given),
        solve(pytest.importorskip("polars").from_pandas(frame), y, **given),
        solve(pytest.importorskip("pyarrow").Table.from_pandas(frame), y, **given),
        pickle.loads(pickle.dumps(fit)),
    ):
        found = dict(zip(other.feature_names, other.coef, strict=True))
        assert found.keys() == held.keys()
        assert_allclose([found[name] for name in held], list(held.values()), atol=1e-7)
        assert_allclose(other.predict(new), fit.predict(frame)[::-1], atol=1e-7)
    repeated = solve(pd.concat([frame, frame[:30]]), np.append(y, y[:30]), **given)
    weighted = solve(frame, y, sample_weight=np.repeat([2.0, 1.0], [30, 50]), **given)
    assert_allclose(weighted.coef, repeated.coef, atol=1e-7)


def test_unknown_levels_in_predictions(data):
    frame, y = data
    new = frame[:2].assign(carrier=["AA", "ZZ"])
    given = {"alpha": 0.05, "tol": 1e-12}
    fit = solve(frame, y, penalty=penalties.GroupLasso(groups="columns"), **given)
    with pytest.raises(ValueError, match=r"Column 'carrier' has the level 'ZZ' in row 1, which"):
        fit.predict(new)
    zero = penalties.GroupLasso(groups="columns", unknown="zero")
    fits = path(frame, y, penalty=zero, alphas=[0.05], tol=1e-12)
    found = fits.predict(new)[:, 0]
    X = by_hand(frame)[0][:2].to_numpy()
    X[:, 1:5] = [[1, 0, 0, 0], [0, 0, 0, 0]]
    assert_allclose(found, X @ fit.coef + fit.intercept, atol=1e-6)
    assert_allclose(fits.predict(by_hand(frame)[0].to_numpy()[:2]), fits.predict(frame[:2]))


@each_kind
def test_cross_validation_is_that_of_the_one_hot_matrix(data, kind):
    frame, y = data
    frame = frame.assign(rare=["a"] * 79 + ["b"])  # absent from all training folds but the last
    Penalty, _, Search, ratio = kind
    X, labels = by_hand(frame)
    given = {"cv": KFold(4), "n_alphas": 20, "eps": 1e-3, "tol": 1e-10}
    found = cv_path(frame, y, penalty=Penalty(groups="columns", **ratio), **given)
    hand = cv_path(X, y, penalty=Penalty(groups=labels, **ratio), **given)
    assert_allclose(found.errors, hand.errors, rtol=1e-6)
    best = found.path[found.index]
    assert {"x", "carrier"} <= {name for name, _ in best.selected()}
    model = Search(groups="columns", alphas=20, eps=1e-3, cv=KFold(4), tol=1e-10, **ratio)
    model.fit(frame, y)
    assert model.alpha_ == pytest.approx(found.alpha)
    assert_allclose(model.predict(frame), best.predict(frame), atol=1e-6)
    assert model.coding_.feature_names.tolist() == list(X)


def test_searches_between_penalties_agree_about_unknown_levels(data):
    frame, y = data
    several = [penalties.SparseGroupLasso(groups="columns", l1_ratio=r) for r in (0.1, 0.9)]
    found = cv_path(frame, y, penalty=several, cv=4, n_alphas=10)
    assert found.path.groups.names == list(frame)
    other = penalties.GroupLasso(groups="columns", unknown="zero")
    with pytest.raises(ValueError, match="The penalties differ in `unknown`"):
        cv_path(frame, y, penalty=[*several, other])


def test_relaxed_fits_and_stability(data):
    frame, y = data
    X, labels = by_hand(frame)
    by_column, by_label = (penalties.GroupLasso(groups=g) for g in ("columns", labels))
    fits = relaxed_path(frame, y, penalty=by_column, n_alphas=10)
    hand = relaxed_path(X, y, penalty=by_label, n_alphas=10)
    assert_allclose(fits.refits.dev_ratio, hand.refits.dev_ratio, atol=1e-8)
    assert_allclose(fits.predict(frame, gamma=0.5), hand.predict(X, gamma=0.5), atol=1e-5)
    given = {"random_state": 0, "n_subsamples": 10, "n_alphas": 10, "max_selected": 2}
    stable = stability_path(frame, y, penalty=by_column, **given)
    same = stability_path(X, y, penalty=by_label, **given)
    assert_allclose(stable.frequencies.toarray(), same.frequencies.toarray())
    assert stable.feature_names.tolist() == list(frame)  # which are selected as wholes
    assert stable.n_candidates == 5
    assert [name for name, _ in stable.selected()][:1] == ["x"]
    assert stable.mean_selected == 2.0


@each_kind
def test_estimators(data, kind):
    frame, y = data
    Penalty, Estimator, _, ratio = kind
    model = Estimator(alpha=0.05, groups="columns", tol=1e-12, **ratio).fit(frame, y)
    fit = solve(frame, y, alpha=0.05, penalty=Penalty(groups="columns", **ratio), tol=1e-12)
    assert_allclose(model.coef_, fit.coef, atol=1e-6)
    assert model.feature_names_in_.tolist() == list(frame)
    assert model.n_features_in_ == 5
    assert len(model.coding_.feature_names) == len(model.coef_) == 10
    again = pickle.loads(pickle.dumps(model))
    assert_allclose(
        again.predict(frame[::-1][["z", *frame.columns[:-1]]]), fit.predict(frame)[::-1]
    )
    with pytest.raises(ValueError, match="Column 'carrier' has the level 'ZZ' in row 0"):
        model.predict(frame[:1].assign(carrier="ZZ"))
    ignoring = clone(model).set_params(unknown="zero").fit(frame, y)
    assert np.isfinite(ignoring.predict(frame[:1].assign(carrier="ZZ"))).all()
    with pytest.raises(ValueError, match=r"was fitted to a frame with categorical columns; give"):
        model.predict(np.zeros((2, 5)))
    warm = clone(model).set_params(warm_start=True).fit(frame, y)
    assert warm.fit(frame, y).n_iter_ <= model.n_iter_ + 2
    numbers = clone(model).fit(frame[["x", "z"]], y)
    assert numbers.coding_ is None
    assert numbers.predict(frame[["x", "z"]]).shape == (80,)
    given = PenalizedRegression(penalty=Penalty(groups="columns", **ratio), alpha=0.05, tol=1e-12)
    assert_allclose(given.fit(frame, y).predict(frame), fit.predict(frame), atol=1e-5)


def test_weights_by_names_of_columns(data):
    frame, y = data
    weights = {"carrier": 0.0, "x": np.inf}
    penalty = penalties.GroupLasso(groups="columns", group_weights=weights)
    fit = solve(frame, y, alpha=0.3, penalty=penalty)
    in_order = [np.inf, 0.0, 1.0, np.sqrt(3), 1.0]
    penalty = penalties.GroupLasso(groups="columns", group_weights=in_order)
    assert_array_equal(fit.coef, solve(frame, y, alpha=0.3, penalty=penalty).coef)
    assert fit.coef[0] == 0.0
    assert fit.coef[1:5].any()
    with pytest.raises(ValueError, match=r"group_weights names 'career'; did you mean 'carrier'"):
        solve(frame, y, penalty=penalties.GroupLasso(groups="columns", group_weights={"career": 1}))


def test_an_array_has_columns_of_one(rng):
    X, y = rng.standard_normal((40, 6)), rng.standard_normal(40)
    fit = solve(X, y, alpha=0.05, penalty=penalties.GroupLasso(groups="columns"), tol=1e-12)
    assert_allclose(fit.coef, solve(X, y, alpha=0.05, tol=1e-12).coef, atol=1e-6)
    assert [name for name, _ in fit.selected()] == list(np.argsort(-np.abs(fit.coef)))[: fit.df]


def test_settings_that_say_nothing():
    with pytest.raises(ValueError, match="unknown must be 'error' or 'zero', got 'ignore'"):
        penalties.GroupLasso(unknown="ignore")
    with pytest.raises(ValueError, match="groups must be an integer, got 'rows'"):
        penalties.GroupLasso(groups="rows")
    with pytest.raises(ValueError, match="size=2 is for groups along an axis"):
        penalties.GroupLasso(groups="columns", size=2)
    with pytest.raises(ValueError, match="groups='columns' is for the columns of a frame"):
        penalties.GroupLasso(groups="columns").value(np.ones((2, 3)))


# --- selected groups --------------------------------------------------------------------------


def test_selected_names_groups(data):
    frame, y = data
    fit = solve(frame, y, alpha=0.1, penalty=penalties.GroupLasso(groups="columns"))
    found = dict(fit.selected())
    sizes = [np.linalg.norm(coef) for coef in found.values()]
    assert sizes == sorted(sizes, reverse=True)
    assert found["x"] == fit.coef[0]
    assert_array_equal(found["carrier"], fit.coef[1:5])
    assert found.keys() <= set(frame)


def test_selected_groups_by_label_list_and_size(rng):
    X = rng.standard_normal((50, 6))
    y = X @ np.array([3.0, 2.0, 0.0, 1.0, 0.0, 0.5])
    named = pd.DataFrame(X, columns=list("abcdef"))
    given = {"alpha": 1e-3, "tol": 1e-12}

    def chosen(X, **settings):
        return [
            name
            for name, _ in solve(X, y, penalty=penalties.GroupLasso(**settings), **given).selected()
        ]

    assert chosen(X, groups=[7, 7, 7, 5, 5, -1]) == [7, 5, 5]  # the last is feature 5
    assert chosen(named, groups=[7, 7, 7, 5, 5, -1]) == [7, 5, "f"]
    assert chosen(named, groups=[[0, 1], [2, 4, 5], ["d"]]) == [0, "d", 1]
    assert chosen(X, size=2) == [0, 1, 2]
    assert chosen(named, groups=dict(zip("abcdef", [3, 3, 3, 9, 9, 9], strict=True))) == [3, 9]
