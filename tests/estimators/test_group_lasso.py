"""GroupLasso and SparseGroupLasso: scikit-learn's interface, and the fits of `solve`."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold

from softreg_fast import (
    GroupLasso,
    GroupLassoCV,
    Lasso,
    SparseGroupLasso,
    SparseGroupLassoCV,
    cv_path,
    penalties,
    solve,
)

EACH = {
    "group": (GroupLasso, penalties.GroupLasso, {}),
    "sparse": (SparseGroupLasso, penalties.SparseGroupLasso, {"l1_ratio": 0.3}),
}
GROUPS = [0, 0, 0, 1, 1, 2, 2, 2, 2, -1]

each_kind = pytest.mark.parametrize("kind", EACH.values(), ids=EACH)


@pytest.fixture
def data(rng):
    X = rng.standard_normal((60, 10))
    return X, X[:, :4] @ rng.standard_normal(4) + rng.standard_normal(60)


@each_kind
@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array, np.float32], ids=str)
def test_fits_are_those_of_solve(data, kind, layout, rng):
    Estimator, Penalty, ratio = kind
    X, y = layout(data[0]), data[1]
    s = rng.random(60)
    weights = [1.0, 2.0, np.inf]
    model = Estimator(
        alpha=0.1, groups=GROUPS, group_weights=weights, standardize=True, tol=1e-12, **ratio
    ).fit(X, y, sample_weight=s)
    penalty = Penalty(groups=GROUPS, group_weights=weights, **ratio)
    fit = solve(X, y, alpha=0.1, penalty=penalty, standardize=True, sample_weight=s, tol=1e-12)
    assert_allclose(model.coef_, fit.coef, rtol=1e-5, atol=1e-7)
    assert_allclose(model.intercept_, fit.intercept, atol=1e-6)
    assert model.dual_gap_ == pytest.approx(fit.gap)
    assert not model.coef_[5:9].any()
    assert model.predict(X).shape == (60,)


def test_an_int_is_the_size_of_all_groups(data):
    X, y = data
    fives = GroupLasso(alpha=0.1, groups=5).fit(X, y)
    labels = GroupLasso(alpha=0.1, groups=np.repeat([0, 1], 5)).fit(X, y)
    assert_array_equal(fives.coef_, labels.coef_)
    ones = GroupLasso(alpha=0.1, tol=1e-14).fit(X, y)
    assert_allclose(ones.coef_, Lasso(alpha=0.1, tol=1e-14).fit(X, y).coef_, atol=1e-6)


@each_kind
def test_names_of_columns_targets_and_searches(data, kind):
    X, y = data
    Estimator = kind[0]
    frame = pd.DataFrame(X, columns=list("abcdefghij"))
    by_name = dict(zip("abcdefghij", GROUPS, strict=True))
    model = Estimator(alpha=0.1, groups=by_name).fit(frame, y)
    assert_array_equal(model.coef_, Estimator(alpha=0.1, groups=GROUPS).fit(X, y).coef_)
    both = Estimator(alpha=0.1, groups=GROUPS).fit(X, np.c_[y, -y])
    assert_allclose(both.coef_[0], -both.coef_[1], atol=1e-12)
    search = GridSearchCV(Estimator(groups=GROUPS), {"alpha": [0.01, 0.1, 1.0]}).fit(X, y)
    assert search.best_params_["alpha"] < 1.0
    again = clone(model).set_params(warm_start=True).fit(frame, y)
    assert again.fit(frame, y).n_iter_ <= 20


def test_misfits(data):
    X, y = data
    for groups in (0, 2.5, True, None, "size"):
        with pytest.raises(ValueError, match="groups must be the size of all groups"):
            GroupLasso(groups=groups).fit(X, y)
    with pytest.raises(ValueError, match="size=3 does not divide the 10 features"):
        GroupLasso(groups=3).fit(X, y)
    with pytest.raises(ValueError, match="alpha is 0"):
        GroupLasso(alpha=0.0).fit(X, y)
    with pytest.raises(ValueError, match="l1_ratio must be"):
        SparseGroupLasso(l1_ratio=2.0).fit(X, y)


def test_searches_are_those_of_cv_path(data, rng):
    X, y = data
    s, folds = rng.random(60), KFold(4, shuffle=True, random_state=0)
    model = GroupLassoCV(groups=GROUPS, cv=folds, eps=0.01, standardize=True, rule="1se")
    model.fit(X, y, sample_weight=s)
    found = cv_path(
        X,
        y,
        penalty=penalties.GroupLasso(groups=GROUPS),
        cv=folds,
        eps=0.01,
        standardize=True,
        sample_weight=s,
        rule="1se",
    )
    assert model.alpha_ == pytest.approx(found.alpha)
    assert_allclose(model.coef_, found.path[found.index].coef, atol=1e-6)
    assert_allclose(model.mse_path_, found.errors[0], rtol=1e-4)
    assert not hasattr(model, "l1_ratio_")


def test_a_search_for_the_share_of_l1(data):
    X, y = data
    ratios = [0.1, 0.5, 0.9]
    model = SparseGroupLassoCV(groups=GROUPS, l1_ratio=ratios, cv=4, eps=0.01).fit(X, y)
    alone = {
        ratio: SparseGroupLassoCV(groups=GROUPS, l1_ratio=ratio, cv=4, eps=0.01).fit(X, y)
        for ratio in ratios
    }
    best = min(ratios, key=lambda ratio: alone[ratio].mse_path_.mean(axis=1).min())
    assert model.l1_ratio_ == best
    assert alone[0.5].l1_ratio_ == 0.5
    assert_allclose(model.coef_, alone[best].coef_, atol=1e-6)
    assert model.alphas_.shape == (3, 100)
