"""Lasso, ElasticNet and Ridge alike: API of scikit-learn, targets, weights, bounds, input."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from problems import make_read_only, names, snapshot
from regressors import (
    INF,
    RIDGE_SOLVERS,
    TIGHT,
    as_sparse,
    each_estimator,
    reference,
    strength,
    weights_of,
)
from scipy.optimize import Bounds
from sklearn import linear_model
from sklearn.base import clone, is_regressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import softreg_fast
from softreg_fast import ElasticNet, Lasso, Ridge

CONTRACTORS = [
    Lasso(),
    Lasso(alpha=0.01, precompute=True, selection="random"),
    Lasso(alpha=0.01, standardize=True, max_iter=100_000),
    ElasticNet(),
    ElasticNet(alpha=0.01, positive=True),
    ElasticNet(l1_ratio=0.0, warm_start=True),
    *(Ridge(solver=solver) for solver in RIDGE_SOLVERS),
    Ridge(positive=True),
]


# Not parametrize_with_checks, since that of scikit-learn 1.6 makes pytest warn.
CHECKS = [pair for model in CONTRACTORS for pair in estimator_checks_generator(model)]


def name_of(value):
    """Return the test id: the name of a check, or the parameters of an estimator."""
    return value.func.__name__ if hasattr(value, "func") else repr(value).replace("\n", "")


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=name_of)
def test_sklearn_contract(estimator, check):
    check(estimator)


def test_strength_keeps_some(data):
    fit = Lasso(alpha=strength(*data)).fit(*data)
    assert 2 <= np.count_nonzero(fit.coef_) < 12


@each_estimator
def test_several_targets_are_several_fits(Estimator, data, rng):
    X, y = data
    Y = np.c_[y, -2.0 * y + X[:, 3], rng.standard_normal(len(y))]
    model = Estimator(alpha=0.1, **TIGHT).fit(X, Y)
    singles = [Estimator(alpha=0.1, **TIGHT).fit(X, target) for target in Y.T]
    assert_array_equal(model.coef_, [single.coef_ for single in singles])
    assert_array_equal(model.intercept_, [single.intercept_ for single in singles])
    assert_array_equal(model.dual_gap_, [single.dual_gap_ for single in singles])
    assert_array_equal(model.n_iter_, [single.n_iter_ for single in singles])
    assert model.predict(X).shape == Y.shape
    for k, single in enumerate(singles):
        assert_allclose(model.predict(X)[:, k], single.predict(X))
    assert model.sparse_coef_.shape == (3, 12)


@each_estimator
@pytest.mark.parametrize("columns", [None, 1, 2])
def test_shapes_of_what_is_learned(Estimator, columns, data):
    X, y = data
    target = y if columns is None else np.tile(y[:, None], columns)
    ours = Estimator(alpha=0.5).fit(X, target)
    theirs = reference(Estimator.__name__, alpha=0.5).fit(X, target)
    for name in ("coef_", "intercept_"):
        assert np.shape(getattr(ours, name)) == np.shape(getattr(theirs, name)), name
    assert ours.predict(X).shape == theirs.predict(X).shape
    if Estimator is not Ridge:
        assert np.shape(ours.dual_gap_) == np.shape(theirs.dual_gap_)
        assert np.shape(ours.n_iter_) == np.shape(theirs.n_iter_)
        assert ours.sparse_coef_.shape == theirs.sparse_coef_.shape


@each_estimator
def test_gap_meets_the_tolerance_of_sklearn(Estimator, data):
    """gap * n <= tol * ||y - mean(y)||^2, whatever the units of y."""
    X, y = data
    for unit in (1.0, 1e-8, 1e8):
        alpha = strength(X, y, 1e-3) * (1.0 if Estimator is Ridge else unit)
        for tol in (1e-2, 1e-4, 1e-8):
            model = Estimator(alpha=alpha, tol=tol).fit(X, unit * y)
            bound = tol * np.sum((y - y.mean()) ** 2) * unit**2
            assert 0.0 <= model.dual_gap_ * len(y) <= bound


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@each_estimator
def test_sample_weights_are_repetitions(Estimator, sparse, data, rng):
    X, y = data
    repeat = rng.integers(0, 4, len(y))
    alpha = strength(X, y)
    given, repeated = X, np.repeat(X, repeat, axis=0)
    if sparse:
        X, given = as_sparse(X)
        repeated = sp.csc_array(np.repeat(X, repeat, axis=0))
    weighted = Estimator(alpha=alpha, **TIGHT).fit(given, y, sample_weight=repeat)
    copied = Estimator(alpha=alpha, **TIGHT).fit(repeated, np.repeat(y, repeat))
    scale = np.max(np.abs(copied.coef_))
    assert np.count_nonzero(weighted.coef_) >= 2
    assert_allclose(weighted.coef_, copied.coef_, rtol=0, atol=1e-6 * scale)
    assert_allclose(weighted.intercept_, copied.intercept_, rtol=0, atol=1e-5 * scale)
    kept = repeat > 0
    left_out = Estimator(alpha=alpha, **TIGHT).fit(given[kept], y[kept], sample_weight=repeat[kept])
    assert_allclose(weighted.coef_, left_out.coef_, rtol=0, atol=1e-6 * scale)


@each_estimator
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("columns", [None, 2])
def test_float32_is_rounded_at_the_end(Estimator, sparse, columns, data):
    X, y = data
    y = y if columns is None else np.c_[y, -y]
    X32 = X.astype(np.float32)
    X64 = X32.astype(np.float64)
    if sparse:
        X32, X64 = sp.csr_array(X32), sp.csr_array(X64)
    single = Estimator(alpha=0.1, **TIGHT).fit(X32, y)
    double = Estimator(alpha=0.1, **TIGHT).fit(X64, y)
    for name in ("coef_", "intercept_"):
        assert getattr(single, name).dtype == np.float32
        assert getattr(double, name).dtype == np.float64
        # half a unit in the last place, and rounding by the order of the double sums
        assert_allclose(getattr(single, name), getattr(double, name), rtol=6.1e-8, atol=1e-9)
    assert_array_equal(single.coef_ != 0.0, double.coef_ != 0.0)
    assert single.predict(X32).dtype == np.float32
    assert single.predict(X64).dtype == double.predict(X32).dtype == np.float64


@pytest.mark.parametrize("kind", ["l1_weights", "l2_weights"])
def test_infinite_weights_exclude(kind, data):
    X, y = data
    weights = np.ones(12)
    weights[[0, 5]] = INF
    kept = np.isfinite(weights)
    estimators = [Ridge] if kind == "l2_weights" else [Lasso]
    for Estimator in [*estimators, ElasticNet]:
        for alpha in (0.1, 0.0):
            model = Estimator(alpha=alpha, **{kind: weights}, **TIGHT).fit(X, y)
            fewer = Estimator(alpha=alpha, **TIGHT).fit(X[:, kept], y)
            assert_array_equal(model.coef_[~kept], 0.0)
            assert_allclose(model.coef_[kept], fewer.coef_, rtol=1e-5, atol=1e-6)
            assert_allclose(model.intercept_, fewer.intercept_, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("Estimator", [Lasso, Ridge])
def test_zero_weights_leave_unpenalised(Estimator, data):
    """Frisch-Waugh: the part explained by such features can be projected out first."""
    X, y = data
    weights = np.ones(12)
    weights[:3] = 0.0
    name = "l2_weights" if Estimator is Ridge else "l1_weights"
    alpha = 20.0 if Estimator is Ridge else strength(X, y, 0.3)
    model = Estimator(alpha=alpha, **{name: weights}, **TIGHT).fit(X, y)
    Z = np.c_[np.ones(len(y)), X[:, :3]]
    rest = X[:, 3:] - Z @ np.linalg.lstsq(Z, X[:, 3:], rcond=None)[0]
    target = y - Z @ np.linalg.lstsq(Z, y, rcond=None)[0]
    partial = Estimator(alpha=alpha, fit_intercept=False, **TIGHT).fit(rest, target)
    scale = np.max(np.abs(model.coef_))
    assert_allclose(model.coef_[3:], partial.coef_, rtol=0, atol=1e-6 * scale)
    assert (model.coef_[:3] != 0.0).all()
    residual = y - model.predict(X)
    assert_allclose(Z.T @ residual, 0.0, atol=1e-8 * np.linalg.norm(y) * np.linalg.norm(X))


@each_estimator
def test_ways_to_say_bounds(Estimator, data):
    X, y = data

    def fit(**params):
        return Estimator(alpha=0.1, **TIGHT, **params).fit(X, y).coef_

    free = fit()
    assert (free < 0).any()
    assert (free > 1.5).any()
    assert_array_equal(fit(bounds=(None, None)), free)
    assert_array_equal(fit(bounds=(0.0, None)), fit(positive=True))
    assert_array_equal(fit(bounds=(np.zeros(12), INF)), fit(positive=True))
    both = fit(bounds=(-1.0, 1.3), positive=True)
    assert_array_equal(both, fit(bounds=(0.0, 1.3)))
    assert_array_equal(both, fit(bounds=Bounds(0.0, 1.3)))
    assert both.min() == 0.0
    assert both.max() == 1.3
    fixed = fit(bounds=(0.25, 0.25))
    assert_array_equal(fixed, 0.25)


@each_estimator
def test_bounds_are_met_to_the_last_digit(Estimator, data, rng):
    X, y = data
    count = 0
    for _ in range(10):
        lower, upper = -rng.uniform(0.01, 0.5, 12), rng.uniform(0.01, 0.5, 12)
        coef = Estimator(alpha=1e-3, bounds=(lower, upper), **TIGHT).fit(X, y).coef_
        at_lower, at_upper = (np.abs(coef - bound) < 1e-9 for bound in (lower, upper))
        assert_array_equal(coef[at_lower], lower[at_lower])
        assert_array_equal(coef[at_upper], upper[at_upper])
        count += np.count_nonzero(at_lower | at_upper)
    assert count >= 30


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@each_estimator
def test_standardize_is_a_scaler_before(Estimator, sparse, weighted, data, rng):
    X, y = data
    X, csr = as_sparse(X)
    s = weights_of(rng, len(y)) if weighted else None
    alpha = strength(X, y)
    model = Estimator(alpha=alpha, standardize=True, **TIGHT)
    model.fit(csr if sparse else X, y, sample_weight=s)
    scaler = StandardScaler(with_mean=False).fit(X, sample_weight=s)
    plain = Estimator(alpha=alpha, **TIGHT).fit(scaler.transform(X), y, sample_weight=s)
    assert np.count_nonzero(model.coef_) >= 2
    assert_allclose(model.coef_, plain.coef_ / scaler.scale_, rtol=1e-5, atol=1e-6)
    assert_allclose(model.intercept_, plain.intercept_, rtol=1e-5, atol=1e-5)


@each_estimator
def test_parameters(Estimator):
    model = Estimator(alpha=0.3, positive=True, bounds=(None, 2.0), n_threads=1)
    twin = clone(model)
    assert twin is not model
    assert twin.get_params() == model.get_params()
    assert twin.set_params(alpha=0.4).alpha == 0.4
    assert repr(model).startswith(f"{Estimator.__name__}(")
    assert "alpha=0.3" in repr(model)
    assert is_regressor(model)
    with pytest.raises(NotFittedError):
        model.predict(np.eye(3))


@pytest.mark.parametrize("name", ["Lasso", "ElasticNet", "Ridge"])
def test_parameters_and_defaults_of_sklearn(name):
    ours = getattr(softreg_fast, name)().get_params()
    theirs = getattr(linear_model, name)().get_params()
    assert theirs.keys() <= ours.keys()
    assert {key: ours[key] for key in theirs} == theirs


@each_estimator
def test_copies_predict_the_same(Estimator, data):
    X, y = data
    model = Estimator(alpha=0.1).fit(pd.DataFrame(X, columns=names(12)), y)
    frame = pd.DataFrame(X, columns=names(12))
    expected = model.predict(frame)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        twin = pickle.loads(pickle.dumps(model, protocol))
        assert_array_equal(twin.predict(frame), expected)
        assert vars(twin).keys() == vars(model).keys()
    assert_array_equal(copy.deepcopy(model).predict(frame), expected)
    assert_array_equal(clone(model).fit(frame, y).coef_, model.coef_)


@each_estimator
def test_sparse_coef(Estimator, data):
    X, y = data
    model = Estimator(alpha=0.1).fit(X, y)
    assert sp.issparse(model.sparse_coef_)
    assert model.sparse_coef_.format == "csr"
    assert_array_equal(model.sparse_coef_.toarray(), model.coef_[None, :])


@each_estimator
def test_frames_and_lists(Estimator, data):
    X, y = data
    plain = Estimator(alpha=0.1).fit(X, y)
    assert plain.n_features_in_ == 12
    assert not hasattr(plain, "feature_names_in_")
    given = {
        "pandas": (pd.DataFrame(X, columns=names(12)), pd.Series(y)),
        "polars": (pl.DataFrame(X, schema=names(12)), pl.Series(y)),
        "lists": (X.tolist(), y.tolist()),
        "C order": (np.ascontiguousarray(X), y),
    }
    for name, (frame, target) in given.items():
        model = Estimator(alpha=0.1).fit(frame, target)
        assert_allclose(model.coef_, plain.coef_, rtol=1e-12, atol=1e-14)
        assert_allclose(model.predict(frame), plain.predict(X), rtol=1e-12, atol=1e-12)
        assert model.n_features_in_ == 12
        if name == "pandas":
            assert_array_equal(model.feature_names_in_, names(12))
        # scikit-learn decides which frames have names
        theirs = linear_model.LinearRegression().fit(frame, target)
        known = getattr(theirs, "feature_names_in_", None)
        assert_array_equal(getattr(model, "feature_names_in_", None), known)


def test_names_are_compared(data):
    X, y = data
    frame = pd.DataFrame(X, columns=names(12))
    model = Lasso(alpha=0.1).fit(frame, y)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"x0": "other"}))
    with pytest.raises(ValueError, match="12 features"):
        Lasso(alpha=0.1).fit(X, y).predict(X[:, :3])
    model.fit(X, y)  # names of an earlier fit are dropped
    assert not hasattr(model, "feature_names_in_")


@pytest.mark.parametrize("layout", ["fortran", "c", "float32", "csc", "csr"])
@each_estimator
def test_input_stays_as_it_was(Estimator, layout, data, rng):
    X, y = data
    X = {
        "fortran": np.asfortranarray,
        "c": np.ascontiguousarray,
        "float32": lambda X: np.asfortranarray(X, dtype=np.float32),
        "csc": sp.csc_matrix,
        "csr": sp.csr_matrix,
    }[layout](X)
    y, s = y.copy(), weights_of(rng, len(y))
    before = snapshot(X, y, s)
    expected = Estimator(alpha=0.1, copy_X=False).fit(X, y, sample_weight=s)
    assert snapshot(X, y, s) == before
    for array in (X, y, s):
        make_read_only(array)
    model = Estimator(alpha=0.1).fit(X, y, sample_weight=s)
    assert_array_equal(model.coef_, expected.coef_)
    assert_array_equal(model.predict(X), expected.predict(X))


@each_estimator
def test_pipeline_and_search(Estimator, data):
    X, y = data
    pipeline = make_pipeline(StandardScaler(), Estimator())
    grid = {f"{Estimator.__name__.lower()}__alpha": [1e-3, 1e-1, 1e6]}
    search = GridSearchCV(pipeline, grid, cv=KFold(4)).fit(X, y)
    assert search.best_params_ != {next(iter(grid)): 1e6}
    assert search.best_score_ > 0.3
    best = clone(pipeline).set_params(**search.best_params_)
    scores = cross_val_score(best, X, y, cv=KFold(4))
    assert_allclose(scores.mean(), search.best_score_)


def test_set_output(data):
    X, y = data
    frame = pd.DataFrame(X, columns=names(12))
    pipeline = make_pipeline(StandardScaler(), Lasso(alpha=0.1)).set_output(transform="pandas")
    pipeline.fit(frame, y)
    assert_array_equal(pipeline[-1].feature_names_in_, names(12))
    selector = SelectFromModel(Lasso(alpha=strength(X, y, 0.3)), threshold=1e-10)
    chosen = selector.set_output(transform="pandas").fit_transform(frame, y)
    support = selector.estimator_.coef_ != 0
    assert 0 < support.sum() < 12
    assert list(chosen.columns) == list(np.array(names(12))[support])


@each_estimator
def test_metadata_routing(Estimator, data, rng):
    X, y = data
    s = weights_of(rng, len(y)) + 0.01
    expected = Estimator(alpha=0.1).fit(X, y, sample_weight=s)
    assert not np.allclose(expected.coef_, Estimator(alpha=0.1).fit(X, y).coef_)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = Estimator(alpha=0.1).set_fit_request(sample_weight=True)
        asking.set_score_request(sample_weight=False)
        pipeline = make_pipeline(StandardScaler(with_mean=False, with_std=False), asking)
        pipeline[0].set_fit_request(sample_weight=False)
        pipeline.fit(X, y, sample_weight=s)
        assert_array_equal(pipeline[-1].coef_, expected.coef_)
        search = GridSearchCV(asking, {"alpha": [0.1]}, cv=2).fit(X, y, sample_weight=s)
        assert_array_equal(search.best_estimator_.coef_, expected.coef_)
        refusing = Estimator(alpha=0.1)
        with pytest.raises(ValueError, match="sample_weight"):
            GridSearchCV(refusing, {"alpha": [0.1]}, cv=2).fit(X, y, sample_weight=s)


@each_estimator
def test_path_method_or_none(Estimator, data):
    X, y = data
    if Estimator is Ridge:
        assert not hasattr(Estimator, "path")
        return
    grid = strength(X, y, 1.0) * np.geomspace(0.9, 0.01, 5)
    alphas, coefs, gaps = Estimator.path(X, y, alphas=grid, **TIGHT)
    function = linear_model.lasso_path if Estimator is Lasso else linear_model.enet_path
    theirs = function(X, y, alphas=grid, **TIGHT)
    assert_allclose(alphas, theirs[0])
    assert coefs.shape == theirs[1].shape
    assert_allclose(coefs, theirs[1], atol=1e-5)
    assert gaps.shape == theirs[2].shape


@each_estimator
def test_a_fit_that_fails_keeps_the_last(Estimator, data):
    X, y = data
    model = Estimator(alpha=0.1).fit(X, y)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((9, 4), np.nan), np.ones(9))
    with pytest.raises(ValueError, match="sample_weight"):
        model.fit(X[:, :4], y, sample_weight=-1.0)
    assert pickle.dumps(model) == before


@each_estimator
def test_one_warning_names_this_line(Estimator, data):
    X, y = data
    params = {"solver": "gradient"} if Estimator is Ridge else {"selection": "random"}
    model = Estimator(alpha=1e-4, tol=1e-12, max_iter=1, **params)
    for target in (y, np.c_[y, -y, y]):
        with pytest.warns(ConvergenceWarning, match="Objective did not converge") as caught:
            model.fit(X, target)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert np.max(model.dual_gap_) * len(y) > 1e-12 * np.sum((y - y.mean()) ** 2)
        assert f"{np.max(model.dual_gap_):.6e}" in str(caught[0].message)
    assert "3 of 3 targets" in str(caught[0].message)
