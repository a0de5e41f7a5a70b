"""Fits of the estimators: warm starts, early stopping, interrupts, bad input."""

import doctest
import pickle
import sys

import children
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from small_mlps import BOTH, answer, quick, target_for, three_of_ten, training

from softreg_fast.nn import SparseMLPClassifier, SparseMLPRegressor
from softreg_fast.nn.estimators import classifier, fitting, regressor
from softreg_fast.nn.estimators.samples import centre_and_inverse

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
