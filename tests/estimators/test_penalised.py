"""PenalizedRegression, MCPRegression, SCADRegression, and their searches: `path` as estimators."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold

import softreg_fast as sf
from softreg_fast.penalties import MCP, SCAD, ElasticNet, GroupLasso

GRID = [0.6, 0.3, 0.1]


def data(rng, n=60, p=20):
    X = rng.standard_normal((n, p))
    return X, X[:, :3] @ [2.0, -1.0, 1.0] + rng.standard_normal(n)


def test_single_fits_are_those_of_solve(rng):
    X, y = data(rng)
    s, offset = rng.random(60), rng.standard_normal(60)
    weights = rng.random(20)
    options = {"standardize": True, "fit_intercept": False, "bounds": (-0.5, None)}
    for model, penalty in (
        (sf.MCPRegression(0.2, gamma=2.0, penalty_weights=weights, **options), MCP(gamma=2.0)),
        (sf.SCADRegression(0.2, a=3.0, penalty_weights=weights, **options), SCAD(a=3.0)),
        (sf.PenalizedRegression(MCP(weights=weights), alpha=0.2, **options), MCP()),
        (sf.PenalizedRegression(ElasticNet(weights=weights), alpha=0.2, **options), ElasticNet()),
    ):
        penalty = type(penalty)(**{**vars(penalty), "weights": weights})
        at = {"sample_weight": s, "offset": offset, "penalty": penalty, **options}
        found = sf.solve(X, y, alpha=0.2, **at)
        model.fit(X, y, s, offset)
        assert_array_equal(model.coef_, found.coef)
        assert (model.dual_gap_, model.locally_convex_) == (found.gap, found.locally_convex)
        assert_allclose(model.predict(X, offset), found.predict(X, offset=offset))
        assert_array_equal(pickle.loads(pickle.dumps(model)).coef_, model.coef_)
    positive = sf.SCADRegression(0.1, positive=True).fit(X, y)
    assert positive.coef_.min() == 0.0 < positive.coef_.max()


def test_without_a_penalty_it_is_the_lasso_and_other_losses_are_fitted(rng):
    X, y = data(rng)
    assert_allclose(
        sf.PenalizedRegression(alpha=0.1, tol=1e-12).fit(X, y).coef_,
        sf.Lasso(alpha=0.1, tol=1e-12).fit(X, y).coef_,
        atol=1e-8,
    )
    for loss, target in (("poisson", rng.poisson(3.0, 60)), ("logistic", (y > 0.0).astype(int))):
        model = sf.PenalizedRegression(ElasticNet(), loss=loss, alpha=0.05).fit(X, target)
        found = sf.solve(X, target, alpha=0.05, penalty=ElasticNet(), loss=loss)
        assert_array_equal(model.coef_, found.coef)
        assert_allclose(model.predict(X), found.predict(X))
        assert model.locally_convex_ is None


@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")
@pytest.mark.parametrize("rule", ["min", "1se"])
def test_searches_are_those_of_cv_path(rng, rule):
    X, y = data(rng)
    s = rng.random(60)
    each = [MCP(gamma=g) for g in (1.5, 3.0, 8.0)]
    for model, penalties in (
        (sf.MCPRegressionCV(gamma=[1.5, 3.0, 8.0], alphas=GRID, cv=4, rule=rule), each),
        (sf.PenalizedRegressionCV(each, alphas=GRID, cv=4, rule=rule), each),
        (sf.SCADRegressionCV(alphas=GRID, cv=4, rule=rule), [SCAD()]),
    ):
        model.fit(X, y, s)
        options = {"alphas": GRID, "cv": KFold(4), "rule": rule, "sample_weight": s}
        found = sf.cv_path(X, y, penalty=penalties, **options)
        assert model.alpha_ == found.alpha
        assert repr(model.penalty_) == repr(found.penalty)
        assert_array_equal(model.coef_, found.path[found.index].coef)
        assert_array_equal(model.cv_path_.errors_by_gamma, found.errors_by_gamma)
    assert model.a_ == 3.7
    one = sf.PenalizedRegressionCV(MCP(gamma=2.0), alphas=GRID).fit(X, y)
    assert one.penalty_.gamma == 2.0


def test_folds_of_classes_have_the_same_shares(rng):
    X, y = data(rng)
    y = np.sort(y > 0.5).astype(int)  # blocks of samples would have one class
    model = sf.PenalizedRegressionCV(loss="logistic", alphas=[0.1, 0.05], cv=3).fit(X, y)
    given = StratifiedKFold(3).split(X, y)
    expected = sf.PenalizedRegressionCV(loss="logistic", alphas=[0.1, 0.05], cv=given).fit(X, y)
    assert_array_equal(model.cv_path_.errors_by_gamma, expected.cv_path_.errors_by_gamma)


def test_settings_of_the_penalty_are_parameters(rng):
    X, y = data(rng)
    penalty = MCP(gamma=2.0, weights=np.ones(20))
    model = sf.PenalizedRegression(penalty, alpha=0.2)
    assert model.get_params()["penalty__gamma"] == 2.0
    assert "penalty__gamma" not in model.get_params(deep=False)
    copy = clone(model).set_params(penalty__gamma=5.0, alpha=0.1)
    assert (copy.penalty.gamma, copy.alpha) == (5.0, 0.1)
    assert_array_equal(copy.penalty.weights, penalty.weights)
    assert penalty.gamma == 2.0
    assert copy.set_params(penalty=SCAD(), penalty__a=3.0).penalty.a == 3.0
    search = GridSearchCV(model, {"penalty__gamma": [1.5, 9.0], "alpha": [0.2, 0.1]}, cv=3)
    assert search.fit(X, y).best_params_["penalty__gamma"] in (1.5, 9.0)
    assert "MCP" in repr(model)
    assert "MCP" in model._repr_html_()
    with pytest.raises(ValueError, match=r"^penalty__a sets 'a' of penalty=MCP"):
        model.set_params(penalty__a=3.0)
    with pytest.raises(ValueError, match=r"^penalty__gamma sets 'gamma' of penalty=None"):
        sf.PenalizedRegressionCV().set_params(penalty__gamma=3.0)
    with pytest.raises(ValueError, match=r"^Invalid parameter 'gamma'"):
        model.set_params(gamma=3.0)


def test_messages(rng):
    X, y = data(rng)
    for model, said in (
        (sf.MCPRegression(gamma=0.0), "^gamma must be a number > 0"),
        (sf.MCPRegression(alpha=0.0), "^alpha is 0"),
        (sf.SCADRegressionCV(a=[3.7, 2.0]), "^a must be a number > 2"),
        (
            sf.PenalizedRegression(GroupLasso(), loss=sf.losses.Quantile(0.3)),
            "penalties of groups are fitted under convex losses with a derivative",
        ),
        (sf.PenalizedRegression(loss="cox"), "^PenalizedRegression is for losses of one number"),
        (sf.PenalizedRegression(loss="multinomial"), "of one number per sample"),
        (sf.PenalizedRegression(loss="mse"), "^loss must be one of"),
        (sf.PenalizedRegressionCV([]), "^penalty is an empty list"),
        (sf.PenalizedRegressionCV(rule="best"), "^rule must be one of"),
        (sf.PenalizedRegression(MCP(), loss="huber"), "^loss='huber' needs its number"),
    ):
        with pytest.raises(ValueError, match=said):
            model.fit(X, y)
    with pytest.raises(TypeError, match=r"^penalty must be an object of softreg_fast\.penalties"):
        sf.PenalizedRegression("mcp").fit(X, y)


def test_a_fit_that_ends_early_says_how_far_it_is_from_stationarity(rng):
    X, y = data(rng)
    X[:, 1] = X[:, 0] + 0.1 * X[:, 1]
    with pytest.warns(ConvergenceWarning, match=r"Distance to stationarity: "):
        sf.MCPRegression(0.01, max_iter=1).fit(X, y)
