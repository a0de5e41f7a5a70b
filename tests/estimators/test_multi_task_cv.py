"""Cross-validation of several tasks: the choices of scikit-learn, folds, scorers."""

import warnings

import numpy as np
import problems
import pytest
import scipy.sparse as sp
import sklearn
from multi_task import tasks_of
from numpy.testing import assert_allclose, assert_array_equal
from oracles import row_problem_of
from sklearn import linear_model
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut

from softreg_fast import MultiTaskElasticNetCV, MultiTaskLasso, MultiTaskLassoCV, cv_path, path
from softreg_fast.data.multi_task_design import MultiTaskDesign


@pytest.fixture
def data(rng):
    """Return 50 samples, 20 correlated features, 4 tasks."""
    X, _ = problems.make_data(rng, 50, 20)
    return X, tasks_of(rng, X, 4)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("shape", [(50, 8), (30, 40)])
def test_cross_validation_is_that_of_sklearn(shape, fit_intercept, rng):
    X, _ = problems.make_data(rng, *shape)
    Y = tasks_of(rng, X, 3)
    grid = row_problem_of(X, Y).alpha_max() * np.geomspace(1.5, 0.03, 8)
    given = {"l1_ratio": [0.4, 0.9], "alphas": grid, "fit_intercept": fit_intercept}
    ours = MultiTaskElasticNetCV(**given, tol=1e-12, cv=4).fit(X, Y)
    theirs = linear_model.MultiTaskElasticNetCV(**given, tol=1e-12, max_iter=100_000, cv=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(X, Y)
    assert ours.alphas_.shape == theirs.alphas_.shape == (8,)
    assert ours.mse_path_.shape == theirs.mse_path_.shape == (2, 8, 4)
    assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-7)
    assert (ours.l1_ratio_, ours.alpha_) == (theirs.l1_ratio_, pytest.approx(theirs.alpha_))
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-7 * np.abs(theirs.coef_).max())
    assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-7 * np.abs(Y).max())
    sparse = clone(ours).fit(sp.csr_array(X), Y)
    assert_allclose(sparse.mse_path_, ours.mse_path_, rtol=1e-9)


def test_lasso_cv_is_that_of_sklearn(data):
    X, Y = data
    ours = MultiTaskLassoCV(tol=1e-10, eps=0.05).fit(X, Y)
    theirs = linear_model.MultiTaskLassoCV(tol=1e-10, eps=0.05, max_iter=100_000)
    with warnings.catch_warnings():  # for any other names
        warnings.simplefilter("ignore", FutureWarning)
        theirs.fit(X, Y)
    assert_allclose(ours.alphas_, theirs.alphas_, rtol=1e-10)
    assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-7)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-7 * np.abs(theirs.coef_).max())
    assert {k for k in vars(theirs) if k.endswith("_")} <= set(vars(ours))
    assert not hasattr(ours, "l1_ratio_")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(60, 8), (40, 60)])
def test_errors_are_those_of_fits_to_the_training_samples(shape, weighted, rng):
    X, _ = problems.make_data(rng, *shape, offset=100.0)
    Y = tasks_of(rng, X, 3)
    s = problems.sample_weights(rng, len(X)) if weighted else np.ones(len(X))
    cv = KFold(4, shuffle=True, random_state=0)
    model = MultiTaskLassoCV(alphas=6, eps=0.05, tol=1e-12, cv=cv).fit(X, Y, s)
    found = model.cv_path_
    for k, (train, test) in enumerate(cv.split(X)):
        design = MultiTaskDesign(X[train], Y[train], s[train])
        fits = path(design, alphas=model.alphas_, tol=1e-12)
        predicted = fits.predict(X[test])
        errors = np.square(predicted - Y[test][:, :, np.newaxis]).mean(axis=1)
        expected = s[test] @ errors / s[test].sum()
        assert_allclose(model.mse_path_[:, k], expected, rtol=1e-8)
        assert_allclose(found.predictions[test], predicted[..., found.index], atol=1e-6)
    assert_allclose(model.coef_, found.path[found.index].coef)
    assert model.coef_path_.shape == (shape[1], 6 * 3)


def test_a_matrix_of_one_column_is_chosen_like_a_vector(data):
    X, Y = data
    one = cv_path(X, Y[:, 0], n_alphas=10, cv=4)
    rows = cv_path(MultiTaskDesign(X, Y[:, :1]), n_alphas=10, cv=4)
    assert_allclose(rows.errors, one.errors, rtol=1e-9)
    assert_allclose(rows.predictions[:, 0], one.predictions, rtol=1e-7, atol=1e-9)
    assert rows.alpha == pytest.approx(one.alpha)


def test_one_standard_error(data):
    X, Y = data
    least = MultiTaskLassoCV(alphas=30).fit(X, Y)
    simple = MultiTaskLassoCV(alphas=30, rule="1se").fit(X, Y)
    mean = least.mse_path_.mean(axis=1)
    spread = least.mse_path_.std(axis=1, ddof=1) / np.sqrt(5)
    k = np.argmin(mean)
    expected = least.alphas_[np.flatnonzero(mean <= mean[k] + spread[k])[0]]
    assert simple.alpha_ == expected >= least.alpha_


def test_groups_splitters_and_metadata(data, rng):
    X, Y = data
    groups = rng.permutation(np.repeat(np.arange(10), 5))
    pairs = list(GroupKFold(5).split(X, Y, groups))
    by_pairs = MultiTaskLassoCV(alphas=5, cv=pairs).fit(X, Y)
    by_groups = MultiTaskLassoCV(alphas=5, cv=GroupKFold(5)).fit(X, Y, groups=groups)
    assert_array_equal(by_groups.mse_path_, by_pairs.mse_path_)
    with sklearn.config_context(enable_metadata_routing=True):
        cv = GroupKFold(5).set_split_request(groups=True)
        routed = MultiTaskLassoCV(alphas=5, cv=cv).fit(X, Y, groups=groups)
    assert_array_equal(routed.mse_path_, by_pairs.mse_path_)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert MultiTaskLassoCV(alphas=3, cv=LeaveOneOut()).fit(X, Y).mse_path_.shape == (3, 50)


def test_scorers_see_all_tasks(data):
    X, Y = data
    model = MultiTaskElasticNetCV(alphas=6, cv=3, scoring="neg_mean_absolute_error").fit(X, Y)
    for k, (train, test) in enumerate(KFold(3).split(X)):
        fits = path(MultiTaskDesign(X[train], Y[train]), alphas=model.alphas_, l1_ratio=0.5)
        predicted = fits.predict(X[test])
        expected = [mean_absolute_error(Y[test], predicted[..., i]) for i in range(6)]
        assert_allclose(model.mse_path_[:, k], expected, rtol=1e-6)


def test_patience_leaves_the_grid(data):
    X, Y = data
    whole = MultiTaskLassoCV(alphas=60, eps=1e-6).fit(X, Y)
    early = MultiTaskLassoCV(alphas=60, eps=1e-6, patience=5).fit(X, Y)
    tried = ~np.isnan(early.mse_path_[:, 0])
    assert 5 < tried.sum() < 60
    assert_allclose(early.mse_path_[tried], whole.mse_path_[tried], rtol=1e-8)


def test_an_interrupted_fit_changes_nothing(data, monkeypatch):
    X, Y = data
    for model in (MultiTaskLasso(0.1), MultiTaskLassoCV(alphas=5)):
        model.fit(X, Y)
        before = model.coef_.copy()

        def interrupted(*_, **__):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("softreg_fast.solvers.row_newton.lower_factor", interrupted)
            with pytest.raises(KeyboardInterrupt):
                model.fit(X[:, ::-1], Y)
        assert_array_equal(model.coef_, before)
