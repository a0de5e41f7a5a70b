"""QuantileRegressor and QuantileRegressorCV: scikit-learn's solutions, scores and contract."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import linear_model
from sklearn.metrics import mean_pinball_loss, r2_score
from sklearn.model_selection import KFold

import softreg_fast as sf


@pytest.mark.parametrize("quantile", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_solutions_of_scikit_learn(rng, quantile, fit_intercept):
    X, weight = rng.standard_normal((60, 6)), rng.uniform(0.5, 2.0, 60)
    y = X[:, 0] + rng.standard_t(2, 60)
    for alpha in (0.1, 0.01, 0.0):
        options = {"quantile": quantile, "alpha": alpha, "fit_intercept": fit_intercept}
        ours = sf.QuantileRegressor(**options).fit(X, y, weight)
        theirs = linear_model.QuantileRegressor(**options).fit(X, y, weight)
        assert_allclose(ours.coef_, theirs.coef_, atol=1e-8)
        assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-8)
        assert ours.score(X, y) == pytest.approx(theirs.score(X, y), abs=1e-7)
        assert ours.score(X, y) == pytest.approx(r2_score(y, ours.predict(X)))


def test_cross_validation(rng):
    X = rng.standard_normal((80, 5))
    y = X[:, 0] + rng.standard_t(2, 80)
    model = sf.QuantileRegressorCV(quantile=0.7, alphas=[0.3, 0.1, 0.03, 0.01], cv=4).fit(X, y)
    errors = []
    for alpha in model.alphas_:
        each = []
        for train, test in KFold(4).split(X):
            one = sf.QuantileRegressor(quantile=0.7, alpha=alpha).fit(X[train], y[train])
            each.append(mean_pinball_loss(y[test], one.predict(X[test]), alpha=0.7))
        errors.append(np.mean(each))
    assert model.alpha_ == model.alphas_[np.argmin(errors)]
    assert_allclose(
        model.coef_, sf.QuantileRegressor(quantile=0.7, alpha=model.alpha_).fit(X, y).coef_
    )


def test_messages(rng):
    X, y = rng.standard_normal((20, 2)), np.arange(20.0)
    for model, said in (
        (sf.QuantileRegressor(quantile=1.0), r"^quantile must be a number in \(0, 1\)"),
        (sf.QuantileRegressor(quantile=0.0), "^quantile must be a finite number"),
        (sf.QuantileRegressor(solver="simplex"), "^solver must be one of 'highs'"),
        (sf.QuantileRegressorCV(rule="best"), "^rule must be one of"),
        (sf.QuantileRegressorCV(alphas=[-1.0]), r"alphas\[0\] == -1.0"),
    ):
        with pytest.raises(ValueError, match=said):
            model.fit(X, y)
