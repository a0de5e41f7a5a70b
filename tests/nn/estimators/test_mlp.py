"""SparseMLPClassifier and SparseMLPRegressor: scikit-learn's API, objective, sparsity."""

import doctest
import pickle
import sys
import warnings
from itertools import pairwise

import children
import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from softreg_fast import solve
from softreg_fast.nn import L1, L2, MCP, GroupLasso, SparseMLPClassifier, SparseMLPRegressor
from softreg_fast.nn.estimators import classifier, fitting, regressor
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
from softreg_fast.nn.estimators.samples import centre_and_inverse

BOTH = [SparseMLPClassifier, SparseMLPRegressor]


@pytest.fixture
def torch():
    """Return PyTorch, limited to one thread, as in small trainings."""
    found = pytest.importorskip("torch")
    found.set_num_threads(1)
    return found


@pytest.fixture
def still_changing():
    """Ignore the warning of trainings that are cut short."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


training = pytest.mark.usefixtures("torch", "still_changing")


def three_of_ten(rng, n=500):
    """Return ten inputs and a target that is a nonlinear function of the first three."""
    X = rng.standard_normal((n, 10))
    y = X[:, 0] - 2.0 * X[:, 1] + np.maximum(X[:, 2], 0.0)
    return X, y + 0.1 * rng.standard_normal(n)


def quick(cls, **params):
    """Return a small network with a short training."""
    return cls(**{"hidden_layer_sizes": (8,), "max_iter": 12, "random_state": 0} | params)


def target_for(cls, y):
    return y if cls is SparseMLPRegressor else np.array(["low", "high"])[(y > 0).astype(int)]


def answer(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


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


# -- warm starts, early stopping, interrupts -------------------------------------------------------


@training
@pytest.mark.parametrize("cls", BOTH)
def test_warm_start(cls, rng):
    X, y = three_of_ten(rng, 150)
    y = target_for(cls, y)
    first = quick(cls, alpha=1e-3, max_iter=30).fit(3.0 * X + 1.0, y)
    again = quick(cls, alpha=1e-3, max_iter=1, refit=0.0, learning_rate_init=1e-12)
    again.warm_start = True
    again.__dict__.update({k: v for k, v in vars(first).items() if k.endswith("_")})
    again.fit(3.0 * X + 1.0, y)
    for ours, theirs in zip(again.coefs_, first.coefs_, strict=True):
        assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)
    assert_allclose(answer(again, X), answer(first, X), rtol=1e-6, atol=1e-9)
    with pytest.raises(ValueError, match=r"layers of sizes \[10, 8, 1\], but now they are \[9, 8"):
        again.fit(X[:, 1:], y)


@training
@pytest.mark.parametrize("cls", BOTH)
def test_early_stopping(cls, rng):
    X, y = three_of_ten(rng, 200)
    y = target_for(cls, y)
    model = quick(cls, early_stopping=True, max_iter=100, n_iter_no_change=3, tol=0.05).fit(X, y)
    assert model.n_iter_ < 100
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_validation_score_ == pytest.approx(model.score(X, y), abs=0.2)
    assert quick(cls).fit(X, y).validation_scores_ is None


@training
def test_the_best_pass_is_kept(rng, monkeypatch):
    scores, seen = iter([0.1, 0.9, 0.2, 0.3, 0.4]), []

    def score(out_activation, output, targets, weight):
        seen.append(output)
        return next(scores)

    monkeypatch.setattr(fitting, "score_of", score)
    X, y = three_of_ten(rng, 100)
    model = quick(
        SparseMLPRegressor, penalty=None, early_stopping=True, max_iter=5, standardize=False
    ).fit(X, y)
    assert model.best_validation_score_ == 0.9
    found = np.sort(model.predict(X))
    assert np.abs(found[:, None] - seen[1].T).min(0).max() < 1e-12
    assert np.abs(found[:, None] - seen[4].T).min(0).max() > 1e-6


@training
@pytest.mark.parametrize("cls", BOTH)
def test_the_same_bits_again(cls, rng, torch):
    X, y = three_of_ten(rng, 150)
    y = target_for(cls, y)
    options = {"alpha": 5e-3, "early_stopping": True}
    plain = quick(cls, **options).fit(X, y)
    torch.manual_seed(1)
    state, dtype = torch.get_rng_state(), torch.get_default_dtype()
    models = [quick(cls, **options).fit(X, y)]
    for context in (torch.no_grad, torch.inference_mode):
        with context():
            models.append(quick(cls, **options).fit(X, y))
            assert not torch.is_grad_enabled()
    try:
        torch.set_default_dtype(torch.float64)
        models.append(quick(cls, **options).fit(X.tolist(), y.tolist()))
    finally:
        torch.set_default_dtype(dtype)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == 1
    for model in models:
        assert all(map(np.array_equal, model.coefs_, plain.coefs_))
    other = quick(cls, random_state=1).fit(X, y)
    assert not np.array_equal(other.coefs_[0], plain.coefs_[0])


@training
def test_given_data_stay(rng):
    X, y = three_of_ten(rng, 60)
    weight = rng.uniform(0.0, 2.0, 60)
    for given in (X, np.asfortranarray(X), sp.csr_matrix(X)):
        before = given.copy(), y.copy(), weight.copy()
        for each in (given.data if sp.issparse(given) else given, y, weight):
            each.flags.writeable = False
        quick(SparseMLPRegressor).fit(given, y, weight).predict(given)
        difference = given - before[0]
        assert not (difference.toarray() if sp.issparse(given) else difference).any()
        for each in (given.data if sp.issparse(given) else given, y, weight):
            each.flags.writeable = True


@training
def test_an_interrupted_fit_leaves_the_last_one(rng, monkeypatch):
    X, y = three_of_ten(rng, 60)
    model = quick(SparseMLPRegressor).fit(X, y)
    before = model.predict(X)

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("softreg_fast.nn.estimators.training.train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:, ::-1], -y)
    assert_array_equal(model.predict(X), before)


@pytest.mark.usefixtures("torch")
def test_words(rng, capsys):
    X, y = three_of_ten(rng, 60)
    with pytest.warns(
        ConvergenceWarning, match=r"still changed after 2 epochs. Raise max_iter"
    ) as caught:
        quick(SparseMLPRegressor, max_iter=3, verbose=True).fit(X, y)
    assert caught[0].filename == __file__
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("Epoch 1: loss ")


# -- without PyTorch -------------------------------------------------------------------------------


def script_predict(file):
    """Return predictions of pickled models in a process that cannot import PyTorch."""
    import json

    sys.modules["torch"] = None
    with open(file, "rb") as opened:
        models, X = pickle.load(opened)
    errors = []
    for model in models:
        try:
            model.fit(X, model.predict(X))
        except ModuleNotFoundError as error:
            errors.append(str(error))
    print(json.dumps([[model.predict(X).tolist() for model in models], errors]))


@training
def test_pickles_do_without(rng, tmp_path):
    X, y = three_of_ten(rng, 60)
    models = [quick(cls).fit(X, target_for(cls, y)) for cls in BOTH]
    file = tmp_path / "models"
    file.write_bytes(pickle.dumps((models, X)))
    assert b"torch" not in file.read_bytes()
    found, errors = children.run_script(__file__, "predict", file)
    assert found == [model.predict(X).tolist() for model in models]
    assert len(errors) == 2
    assert "needs PyTorch: pip install 'softreg_fast[torch]'" in errors[0]


def test_fit_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "softreg_fast.nn.estimators.training", raising=False)
    with pytest.raises(ModuleNotFoundError, match="To fit SparseMLPClassifier needs PyTorch"):
        SparseMLPClassifier().fit([[0.0], [1.0]], [0, 1])


# -- unusual and bad input -------------------------------------------------------------------------


@training
def test_kinds_of_targets(rng):
    X, y = three_of_ten(rng, 150)
    several = quick(SparseMLPRegressor, max_iter=40).fit(X, np.c_[y, -2.0 * y])
    assert several.predict(X).shape == (150, 2)
    assert several.score(X, np.c_[y, -2.0 * y]) > 0.5
    assert quick(SparseMLPRegressor).fit(X, y[:, None]).predict(X).shape == (150, 1)
    labels = np.c_[y > 0, y > 1, X[:, 0] > 0].astype(int)
    for given in (labels, sp.csr_matrix(labels)):
        many = quick(SparseMLPClassifier, max_iter=80, learning_rate_init=0.02).fit(X, given)
        assert (many.predict(X) == labels).mean() > 0.8
        assert many.predict_proba(X).shape == (150, 3)
    alone = quick(SparseMLPClassifier).fit(X, np.full(150, "only"))
    assert set(alone.predict(X)) == {"only"}
    assert (alone.predict_proba(X) == 1.0).all()
    with pytest.warns(DataConversionWarning):
        quick(SparseMLPClassifier).fit(X, (y > 0)[:, None])
    with pytest.raises(ValueError, match="2 columns with several classes"):
        quick(SparseMLPClassifier).fit(X, rng.integers(0, 3, (150, 2)))


@training
def test_extreme_inputs(rng):
    X, y = three_of_ten(rng, 100)
    wild = X * np.array([1e-300, 1e-200, 1e300, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0])
    wild[:, 4] = 1e15
    wild[:, 5] += 1e7
    model = quick(SparseMLPRegressor, max_iter=100, learning_rate_init=0.01).fit(wild, y)
    plain = quick(SparseMLPRegressor, max_iter=100, learning_rate_init=0.01).fit(X, y)
    assert not {4, 8} & set(model.selected_features_)
    assert model.score(wild, y) > plain.score(X, y) - 0.1
    for unit in (1e-250, 1e250):
        assert_allclose(
            quick(SparseMLPRegressor).fit(X, unit * y).predict(X) / unit,
            quick(SparseMLPRegressor).fit(X, y).predict(X),
            rtol=1e-6,
        )
    constant = quick(SparseMLPRegressor, max_iter=60, learning_rate_init=0.02).fit(
        X, np.full(100, 7.0)
    )
    assert_allclose(constant.predict(X), 7.0, atol=0.5)


def test_weighted_moments(rng):
    X, weight = rng.standard_normal((600, 4)), rng.uniform(0.0, 3.0, 600)
    X[:, 3] = 2.5
    rows = np.flatnonzero(rng.random(600) < 0.5)
    centre = np.average(X[rows], axis=0, weights=weight[rows])
    spread = np.sqrt(np.average((X[rows] - centre) ** 2, axis=0, weights=weight[rows]))
    for given in (X, sp.csr_matrix(X)):
        mean, inverse = centre_and_inverse(given, weight, rows)
        assert_allclose(mean, centre)
        assert_allclose(inverse, [*1.0 / spread[:3], 0.0])


@training
@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({"hidden_layer_sizes": (0,)}, "each of hidden_layer_sizes must be an integer >= 1, got 0"),
        ({"hidden_layer_sizes": "8"}, "each of hidden_layer_sizes must be"),
        ({"activation": "gelu"}, "activation must be one of identity, logistic, tanh, relu"),
        ({"penalty": "l7"}, "penalty must be one of 'group'"),
        ({"penalty": [None]}, "penalty has 1 entries for 2 layers"),
        ({"alpha": -1.0}, "alpha must be a number >= 0, got -1.0"),
        ({"alpha": np.inf}, "alpha must be"),
        ({"l1_ratio": 2.0, "penalty": "elasticnet"}, "l1_ratio must be a number >= 0 and <= 1"),
        ({"refit": 1.0}, "refit must be a number >= 0 and < 1"),
        ({"batch_size": "all"}, "batch_size must be an integer >= 1 or 'auto', got 'all'"),
        ({"max_iter": 0}, "max_iter must be an integer >= 1"),
        ({"learning_rate_init": 0.0}, "learning_rate_init must be a number > 0"),
        ({"early_stopping": True, "validation_fraction": 1.0}, "validation_fraction must be"),
        ({"learning_rate_init": 1e300, "standardize": False}, "Try a smaller learning_rate_init"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value encountered")
def test_bad_parameters(rng, params, wanted):
    X, y = three_of_ten(rng, 60)
    with pytest.raises(ValueError, match=wanted):
        quick(SparseMLPRegressor, **params).fit(X, y)


@training
def test_examples_in_the_documentation():
    for module in (classifier, regressor):
        found = doctest.testmod(module)
        assert found.attempted >= 5
        assert found.failed == 0


if __name__ == "__main__":
    children.main(globals())
