"""Measures and scores of all models on new samples, against scikit-learn and estimators."""

import numpy as np
import pandas as pd
import problems
import pytest
from numpy.testing import assert_allclose
from sklearn import metrics

import softreg_fast as sf
from softreg_fast.losses import Poisson

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


@pytest.fixture
def data(rng):
    X, y = problems.make_data(rng, 90, 6, noise=2.0)
    return pd.DataFrame(X, columns=problems.names(6)), y, rng.uniform(0.2, 2.0, 30)


def halves(X, y):
    return (X[:60], y[:60]), (X[60:], y[60:])


def test_amounts(data):
    X, y, s = data
    old, (X, y) = halves(X, y)
    found = sf.cv_path(*old, n_alphas=8)
    table = sf.assess(found, X[X.columns[::-1]], y, sample_weight=s)
    assert table.columns.tolist() == ["alpha", "mse", "mae"]
    for k, p in enumerate(found.path.predict(X).T):
        assert_allclose(table["mse"][k], metrics.mean_squared_error(y, p, sample_weight=s))
        assert_allclose(table["mae"][k], metrics.mean_absolute_error(y, p, sample_weight=s))
        alpha = found.path.alphas[k]
        r2 = metrics.r2_score(y, p, sample_weight=s)
        assert_allclose(found.score(X, y, alpha, sample_weight=s), r2, atol=1e-12)
    assert sf.assess(found, X, y, alpha="1se")["alpha"].tolist() == [found.alpha_1se]
    one = sf.assess(found.path[3], X, y, sample_weight=s)
    assert_allclose(one.to_numpy()[0], table.to_numpy()[3])
    assert_allclose(found.path[3].score(X, y), found.path.score(X, y)[3])


def test_counts_with_offset(rng, data):
    X, _, s = data
    y, e = rng.poisson(2.0, 90).astype(float), 0.3 * rng.standard_normal(90)
    old, (X, y) = halves(X, y)
    fits = sf.path(*old, loss="poisson", offset=e[:60], n_alphas=5)
    table = sf.assess(fits, X, y, offset=e[60:], sample_weight=s)
    mean = fits.predict(X, offset=e[60:])
    for k in range(5):
        expected = metrics.mean_poisson_deviance(y, mean[:, k], sample_weight=s)
        assert_allclose(table["deviance"][k], expected)
    model = fits.to_sklearn(float(fits.alphas[3]))
    given = {"offset": e[60:], "sample_weight": s}
    assert_allclose(fits.score(X, y, **given)[3], model.score(X, y, **given), atol=1e-12)
    with pytest.raises(ValueError, match="offset is missing"):
        sf.assess(fits, X, y)


@pytest.mark.parametrize("kind", ["labels", "shares", "counts", "one class"])
def test_two_classes(rng, data, kind):
    X, y, s = data
    labels = np.where(y > np.median(y), "yes", "no")
    old, (X, labels) = halves(X, labels)
    truth = (labels == "yes").astype(float)
    if kind == "labels":
        fits, given = sf.path(*old, loss="logistic", n_alphas=6), labels
    elif kind == "one class":
        fits = sf.path(*old, loss="logistic", n_alphas=6)
        X, s = X[truth == 0.0], s[truth == 0.0]
        given, truth = labels[truth == 0.0], truth[truth == 0.0]
    else:
        fits = sf.path(old[0], (old[1] == "yes").astype(float), loss="logistic", n_alphas=6)
        given = truth if kind == "shares" else np.column_stack([1.0 - truth, truth])
    table = sf.assess(fits, X, given, sample_weight=s)
    assert table.columns.tolist() == ["alpha", "deviance", "auc", "accuracy", "brier"]
    for k, p in enumerate(fits.predict(X).T):
        loss = metrics.log_loss(truth, p, sample_weight=s, labels=[0.0, 1.0])
        assert_allclose(table["deviance"][k], 2.0 * loss)
        assert_allclose(table["brier"][k], np.average((truth - p) ** 2, weights=s))
        hits = np.average((p > 0.5) == truth, weights=s)
        assert_allclose(table["accuracy"][k], hits)
        if kind == "one class":
            assert np.isnan(table["auc"][k])
        else:
            area = metrics.roc_auc_score(truth, p, sample_weight=s)
            assert_allclose(table["auc"][k], area)
    assert_allclose(fits.score(X, given, sample_weight=s), table["accuracy"])


def test_several_classes(rng, data):
    X, y, s = data
    labels = np.array(["a", "b", "c"])[np.digitize(y, np.quantile(y, [0.3, 0.6]))]
    old, (X, labels) = halves(X, labels)
    fits = sf.path(*old, loss="multinomial", n_alphas=5)
    table = sf.assess(fits, X, labels, sample_weight=s)
    p = fits.predict(X, kind="proba")
    for k in range(5):
        loss = metrics.log_loss(labels, p[..., k], sample_weight=s, labels=["a", "b", "c"])
        assert_allclose(table["deviance"][k], 2.0 * loss)
        hits = np.average(fits.predict(X, kind="class")[:, k] == labels, weights=s)
        assert_allclose(table["accuracy"][k], hits)
    with pytest.raises(ValueError, match=r"y\[0\] is 'z', which is none of the classes"):
        sf.assess(fits, X, np.full(30, "z"))


def test_survival_times(rng, data):
    X, y, s = data
    times = sf.survival(np.exp(0.1 * y), rng.random(90) < 0.7)
    old, (X, times) = halves(X, times)
    found = sf.cv_path(*old, loss="cox", n_alphas=6, cv=3)
    table = sf.assess(found, X, times, sample_weight=s)
    for k, risk in enumerate(found.path.predict(X, kind="link").T):
        assert_allclose(table["concordance"][k], sf.concordance(times, risk, s))
    assert_allclose(
        found.score(X, times, "1se"), sf.assess(found, X, times, alpha="1se")["concordance"]
    )


def test_deviances_are_those_of_cross_validation(rng, data):
    X, _, _ = data
    y = rng.poisson(2.0, 90).astype(float)
    train, test = np.arange(60), np.arange(60, 90)
    found = sf.cv_path(X, y, loss=Poisson(), cv=[(train, test)], n_alphas=5)
    table = sf.assess(found.fold_paths[0], X[60:], y[60:])
    assert_allclose(table["deviance"], found.curve[0])


def test_relaxed_paths(data):
    X, y, _ = data
    fits = sf.relaxed_path(X, y, n_alphas=5)
    assert sf.assess(fits, X, y).equals(sf.assess(fits.refits, X, y))
    assert_allclose(fits.score(X, y, gamma=1.0), fits.path.dev_ratio, atol=1e-12)
    assert_allclose(fits.score(X, y), fits.refits.dev_ratio, atol=1e-12)


def test_bad_input(data):
    X, y, _ = data
    fits = sf.path(X, y, n_alphas=3)
    with pytest.raises(TypeError, match="Lasso; estimators have score"):
        sf.assess(sf.Lasso().fit(X, y), X, y)
    with pytest.raises(ValueError, match="leave alpha out"):
        sf.assess(fits[0], X, y, alpha=1.0)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        sf.assess(fits, X, y[:-1])
    with pytest.raises(ValueError, match="lacks 1 of the 6 columns"):
        sf.assess(fits, X.drop(columns="x3"), y)
    with pytest.raises(TypeError, match="here it is called alpha"):
        sf.assess(fits, X, y, s=0.1)
