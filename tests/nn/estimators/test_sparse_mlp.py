"""SparseMLPClassifier and SparseMLPRegressor: scikit-learn's API, objective, sparsity."""

import warnings
from itertools import pairwise

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from small_mlps import BOTH, answer, quick, target_for, three_of_ten, training

from softreg_fast import solve
from softreg_fast.nn import L1, L2, MCP, GroupLasso, SparseMLPClassifier, SparseMLPRegressor
from softreg_fast.nn.estimators.dense_layers import (
    ACTIVATIONS,
    DenseLayer,
    compacted,
    expanded,
    output_of,
    read_by,
    without_idle,
)
from softreg_fast.nn.estimators.named_penalties import PENALTIES

# -- scikit-learn's contract -----------------------------------------------------------------------


@training
@pytest.mark.parametrize("cls", BOTH)
def test_check_estimator(cls):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=sklearn.exceptions.SkipTestWarning)
        check_estimator(cls(max_iter=30, learning_rate_init=0.01))


@training
@pytest.mark.parametrize("cls", BOTH)
def test_searches_pipelines_and_frames(cls, rng):
    X, y = three_of_ten(rng, 150)
    y = target_for(cls, y)
    frame = pd.DataFrame(X, columns=list("abcdefghij"))
    pipeline = make_pipeline(
        StandardScaler().set_output(transform="pandas"), quick(cls, max_iter=40)
    )
    pipeline[-1].set_params(learning_rate_init=0.02)
    grid = {f"{cls.__name__.lower()}__alpha": [1e-3, 10.0]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2)
    with joblib.parallel_config(backend="threading"):
        search.fit(frame, y)
    assert search.best_params_ == {next(iter(grid)): 1e-3}
    model = search.best_estimator_[-1]
    assert model.feature_names_in_.tolist() == list("abcdefghij")
    with pytest.raises(ValueError, match="feature names should match"):
        search.predict(frame[frame.columns[::-1]])
    assert clone(model).get_params() == model.get_params()


@training
@pytest.mark.parametrize("cls", BOTH)
def test_sparse_input_is_dense_input(cls, rng):
    X, y = three_of_ten(rng, 120)
    X[rng.random(X.shape) < 0.7] = 0.0
    y = target_for(cls, y)
    dense = quick(cls, alpha=0.02).fit(X, y)
    for kind in (sp.csr_matrix, sp.csc_array, sp.coo_matrix):
        model = quick(cls, alpha=0.02).fit(kind(X), y)
        assert_allclose(model.coefs_[0], dense.coefs_[0], rtol=1e-6, atol=1e-9)
        assert_allclose(answer(model, kind(X)), answer(dense, X), rtol=1e-6, atol=1e-9)


@training
@pytest.mark.parametrize("cls", BOTH)
@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_float32(cls, rng, unit):
    X, y = three_of_ten(rng, 200)
    X, y = (unit * X).astype(np.float32), target_for(cls, y)
    model = quick(cls).fit(X, y)
    assert {each.dtype for each in [*model.coefs_, *model.intercepts_]} == {np.dtype(np.float32)}
    assert answer(model, X).dtype == np.float32
    assert answer(model, X.astype(float)).dtype == np.float64


@training
def test_attributes_of_scikit_learn(rng):
    X, y = three_of_ten(rng, 100)
    ours, theirs = quick(SparseMLPClassifier), MLPClassifier((8,), max_iter=12)
    for labels in (y > 0, np.digitize(y, [-1, 1]), np.c_[y > 0, X[:, 3] > 0].astype(int)):
        ours.fit(X, labels)
        theirs.fit(X, labels)
        for name in ("coefs_", "intercepts_"):
            shapes = [[each.shape for each in getattr(model, name)] for model in (ours, theirs)]
            assert shapes[0] == shapes[1]
        for name in ("n_layers_", "n_outputs_", "out_activation_", "n_features_in_", "n_iter_"):
            assert getattr(ours, name) == getattr(theirs, name), name
        assert len(ours.loss_curve_) == ours.n_iter_
        assert ours.predict(X).shape == theirs.predict(X).shape
        assert ours.predict_proba(X).shape == theirs.predict_proba(X).shape
        assert_array_equal(ours.classes_, theirs.classes_)


# -- the declared objective ------------------------------------------------------------------------


def linear(cls, **params):
    """Return a network without hidden layers, trained with full batches."""
    options = {"hidden_layer_sizes": (), "batch_size": 10**6, "max_iter": 1500, "tol": 0.0}
    options |= {"refit": 0.0, "learning_rate_init": 4e-3, "random_state": 0}
    return cls(**options | params)


@training
@pytest.mark.parametrize("penalty", ["l1", "group"])
def test_without_hidden_layers_it_is_a_lasso(rng, penalty):
    X, y = three_of_ten(rng, 200)
    X, y = StandardScaler().fit_transform(X), 3.0 * (y - y.mean()) / y.std() + 7.0
    wanted = solve(X, y / 3.0, alpha=0.1)
    model = linear(SparseMLPRegressor, penalty=penalty, alpha=0.1).fit(X, y)
    assert_allclose(model.coefs_[0][:, 0], 3.0 * wanted.coef, atol=5e-3)
    assert_array_equal(model.selected_features_, np.flatnonzero(wanted.coef))
    assert_allclose(model.intercepts_[0], 7.0, atol=5e-3)


@training
def test_refit_is_least_squares_on_what_is_left(rng):
    X, y = three_of_ten(rng, 200)
    model = linear(SparseMLPRegressor, alpha=0.1, refit=0.6, max_iter=1000).fit(X, y)
    kept = X[:, model.selected_features_]
    wanted = np.linalg.lstsq(np.c_[kept, np.ones(200)], y, rcond=None)[0]
    assert set(model.selected_features_) >= {0, 1}
    assert len(kept.T) < 10
    assert_allclose(model.coefs_[0][model.selected_features_, 0], wanted[:-1], atol=2e-3)
    assert not np.delete(model.coefs_[0], model.selected_features_, 0).any()


@training
def test_without_hidden_layers_it_is_a_logistic_regression(rng):
    X, y = three_of_ten(rng, 300)
    X, y = StandardScaler().fit_transform(X), y > 0.3
    wanted = LogisticRegression(
        C=1.0 / (300 * 0.02), l1_ratio=1.0, solver="saga", tol=1e-8, max_iter=10_000
    )
    if sklearn.__version__ < "1.8":
        wanted.set_params(penalty="l1", l1_ratio=None)
    wanted.fit(X, y)
    model = linear(SparseMLPClassifier, penalty="l1", alpha=0.02)
    model.set_params(learning_rate_init=0.02).fit(X, y)
    assert_allclose(model.coefs_[0].T, wanted.coef_, atol=1e-2)
    assert_allclose(model.predict_proba(X), wanted.predict_proba(X), atol=5e-3)


@training
def test_weights_are_repetitions(rng):
    X, y = three_of_ten(rng, 40)
    weight = rng.integers(0, 4, 40)
    weight[:2] = 1
    for cls in BOTH:
        options = {"batch_size": 200, "alpha": 5e-3, "max_iter": 40}
        labels = target_for(cls, y)
        weighted = quick(cls, **options).fit(X, labels, sample_weight=2.5 * weight)
        repeated = quick(cls, **options).fit(X.repeat(weight, 0), labels.repeat(weight))
        assert_allclose(answer(weighted, X), answer(repeated, X), rtol=1e-6, atol=1e-8)


@training
def test_units_do_not_matter(rng):
    X, y = three_of_ten(rng, 100)
    scale, shift = 10.0 ** rng.integers(-6, 6, 10), rng.standard_normal(10)
    plain = quick(SparseMLPRegressor, alpha=0.02).fit(X, y)
    other = quick(SparseMLPRegressor, alpha=0.02).fit((X + shift) * scale, 50.0 * y - 1e3)
    assert_array_equal(other.selected_features_, plain.selected_features_)
    assert_allclose(other.predict((X + shift) * scale), 50.0 * plain.predict(X) - 1e3, rtol=1e-6)
    given = quick(SparseMLPRegressor, standardize=False).fit(X, y)
    assert not np.allclose(given.predict(X), plain.predict(X))


# -- what is left of the network -------------------------------------------------------------------


def random_layers(rng, sizes, zeros):
    layers = []
    for n_in, n_out in pairwise(sizes):
        coef = rng.standard_normal((n_in, n_out)) * (rng.random((n_in, n_out)) > zeros)
        layers.append(DenseLayer(coef, rng.standard_normal(n_out)))
    return layers


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("zeros", [0.0, 0.7, 0.9, 1.0])
def test_what_has_no_effect_goes(rng, activation, zeros):
    X = rng.standard_normal((30, 7))
    for _ in range(20):
        layers = random_layers(rng, (7, 6, 5, 8, 2), zeros)
        wanted = output_of(layers, X, activation)
        clean = without_idle(layers, activation)
        assert_allclose(output_of(clean, X, activation), wanted, rtol=1e-10, atol=1e-12)
        for before, after in pairwise(clean):
            assert_array_equal(before.coef.any(0), after.coef.any(1))
            assert not before.intercept[~before.coef.any(0)].any()
        read = read_by(clean)
        small = compacted(clean, read)
        assert_allclose(output_of(small, X[:, read[0]], activation), wanted, rtol=1e-10, atol=1e-12)
        for ours, theirs in zip(expanded(small, read, clean), clean, strict=True):
            assert_array_equal(ours.coef, theirs.coef)
            assert_array_equal(ours.intercept, theirs.intercept)
        for unit in range(7):
            moved = X + 3.0 * (np.arange(7) == unit)
            if unit not in read[0]:
                assert_array_equal(output_of(layers, moved, activation), wanted)


@training
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("penalty", ["group", "l1"])
def test_predictions_are_those_of_the_coefficients(rng, activation, penalty):
    X, y = three_of_ten(rng, 200)
    model = quick(
        SparseMLPClassifier, hidden_layer_sizes=(12, 6), activation=activation, penalty=penalty,
        alpha=1e-2, max_iter=60,
    ).fit(X, np.digitize(y, [-1, 1]))  # fmt: skip
    x = X
    for coef, intercept in zip(model.coefs_[:-1], model.intercepts_, strict=False):
        x = ACTIVATIONS[activation](x @ coef + intercept)
    x = x @ model.coefs_[-1] + model.intercepts_[-1]
    found = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    assert_allclose(model.predict_proba(X), found, rtol=1e-9, atol=1e-12)
    assert_array_equal(model.predict(X), model.classes_[x.argmax(1)])
    assert model.n_nonzero_ == sum(np.count_nonzero(coef) for coef in model.coefs_)
    assert model.sparsity_ == pytest.approx(1.0 - model.n_nonzero_ / (10 * 12 + 12 * 6 + 6 * 3))
    assert model.hidden_layer_sizes_ == tuple(int(c.any(0).sum()) for c in model.coefs_[:-1])
    assert model.n_nonzero_curve_[-1] >= model.n_nonzero_
    assert max(model.n_nonzero_curve_[42:]) <= model.n_nonzero_curve_[41]  # frozen in the refit


@training
def test_three_features_are_found(rng):
    X, y = three_of_ten(rng, 600)
    model = SparseMLPRegressor((32,), alpha=1e-2, batch_size=32, max_iter=60, random_state=0)
    model.fit(X, y)
    assert model.selected_features_.tolist() == [0, 1, 2]
    assert model.hidden_layer_sizes_[0] < 24
    X, y = three_of_ten(rng, 500)
    assert model.score(X, y) > 0.97


@training
def test_digits():
    X, y = load_digits(return_X_y=True)
    ours = SparseMLPClassifier(alpha=4e-3, max_iter=100, learning_rate_init=5e-3, random_state=0)
    theirs = make_pipeline(StandardScaler(), MLPClassifier(max_iter=60, random_state=0))
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    found = cross_validate(ours, X, y, cv=folds, return_estimator=True)
    wanted = cross_validate(theirs, X, y, cv=folds)["test_score"]
    assert found["test_score"].mean() > wanted.mean() - 0.01
    for model in found["estimator"]:
        assert model.n_nonzero_ < 0.3 * (64 * 100 + 100 * 10)


@training
@pytest.mark.parametrize("cls", BOTH)
def test_nothing_is_left(cls, rng):
    X, y = three_of_ten(rng, 100)
    model = quick(cls, alpha=1e3, max_iter=30).fit(X, target_for(cls, y))
    assert model.n_nonzero_ == 0
    assert model.selected_features_.tolist() == []
    wanted = y.mean() if cls is SparseMLPRegressor else [(y > 0).mean(), (y <= 0).mean()]
    for given in (X, sp.csr_matrix(X)):
        assert_allclose(
            answer(model, given), np.broadcast_to(wanted, answer(model, X).shape), atol=0.1
        )


# -- penalties -------------------------------------------------------------------------------------


@training
@pytest.mark.parametrize("penalty", PENALTIES)
def test_names_of_penalties(rng, penalty):
    X, y = three_of_ten(rng, 150)
    options = {"penalty": penalty, "alpha": 0.03, "max_iter": 60, "l1_ratio": 0.4}
    model = quick(SparseMLPRegressor, **options).fit(X, y)
    assert (model.n_nonzero_ == 88) == (penalty == "l2")
    read = model.coefs_[0][model.selected_features_][:, model.coefs_[0].any(0)]
    assert penalty != "group" or read.all()
    assert model.score(X, y) > 0.5


@training
def test_penalties_of_layers(rng):
    X, y = three_of_ten(rng, 150)
    some = [GroupLasso(strength=99.0, groups=1, group_weights=[0.0] * 4 + [1.0] * 6), None]
    model = quick(SparseMLPRegressor, penalty=some, alpha=0.01, max_iter=60).fit(X, y)
    assert_array_equal(model.selected_features_, [0, 1, 2, 3])
    twice = quick(SparseMLPRegressor, penalty=L1(strength=2.0), alpha=0.01).fit(X, y)
    once = quick(SparseMLPRegressor, penalty="l1", alpha=0.02).fit(X, y)
    assert_array_equal(twice.coefs_[0], once.coefs_[0])


@training
@pytest.mark.parametrize("refit", [0.0, 0.5])
def test_signs_hold_in_the_refit(rng, refit):
    X, y = three_of_ten(rng, 150)
    some = MCP(strength=1.0, positive=True)
    model = quick(SparseMLPRegressor, penalty=some, refit=refit, max_iter=40).fit(X, y)
    assert all((coef >= 0.0).all() for coef in model.coefs_)
    assert 1 in model.selected_features_ or model.n_nonzero_ < 88


@training
def test_l2_stays_in_the_refit(rng):
    X, y = three_of_ten(rng, 150)
    both = [L2(strength=1.0), L1(strength=1e-9)]
    model = linear(SparseMLPRegressor, hidden_layer_sizes=(1,), activation="identity")
    model.set_params(penalty=both, alpha=0.1, max_iter=500, refit=0.5, learning_rate_init=1e-2)
    shrunk = np.linalg.norm(model.fit(X, y).coefs_[0])
    free = np.linalg.norm(model.set_params(alpha=0.0).fit(X, y).coefs_[0])
    assert shrunk < 0.8 * free
