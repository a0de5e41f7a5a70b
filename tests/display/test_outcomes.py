"""Targets beside their predictions: counted anew in the plainest way."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import (
    mean_gamma_deviance,
    mean_poisson_deviance,
    mean_tweedie_deviance,
)
from sklearn.model_selection import KFold, ShuffleSplit

import softreg_fast as sf
from softreg_fast import Outcomes, losses

SOME = ("no", "yes")


def of_classes(rng, weighted, loss=None):
    p = rng.random(60)
    y = (rng.random(60) < p).astype(float)
    weight = rng.integers(0, 3, 60).astype(float) if weighted else None
    return Outcomes(loss or losses.Logistic(), y, p, weight, SOME, left_out=True)


@pytest.mark.parametrize("weighted", [False, True])
def test_confusion(rng, weighted):
    found = of_classes(rng, weighted)
    taken = found.predicted > 0.5
    for k, row in enumerate(found.confusion()):
        for j, count in enumerate(row):
            assert count == found.weights[(found.y == k) & (taken == j)].sum()
    eta = 2 * found.predicted - 1
    hinge = Outcomes(losses.SquaredHinge(), found.y, eta, found.weight, SOME)
    assert_array_equal(hinge.confusion(), found.confusion())


def test_confusion_of_three_classes(rng):
    p = rng.dirichlet(np.ones(3), 50)
    y = rng.integers(0, 3, 50)
    found = Outcomes(losses.Logistic(), y.astype(float), p, None, ("a", "b", "c"))
    for k in range(3):
        for j in range(3):
            assert found.confusion()[k, j] == np.count_nonzero((y == k) & (p.argmax(axis=1) == j))
    truth, score, weight = found.rows(1)
    assert_array_equal(truth, y == 1)
    assert_array_equal(score, p[:, 1])
    assert_array_equal(weight, np.ones(50))


def test_proportions_are_samples_of_both_classes(rng):
    share, p = rng.random(40), rng.random(40)
    share[:5], share[5:10] = 0.0, 1.0
    weight = rng.random(40) + 0.1
    found = Outcomes(losses.Logistic(), share, p, weight, ("0", "1"))
    assert found.plots[0] == "roc"
    truth, score, s = found.rows(1)
    assert len(truth) == 70
    assert s[truth].sum() == pytest.approx(weight @ share)
    assert s[~truth].sum() == pytest.approx(weight @ (1.0 - share))
    assert s[truth] @ score[truth] == pytest.approx((weight * share) @ p)
    other, against, s_other = found.rows(0)
    assert s_other[other].sum() == pytest.approx(weight @ (1.0 - share))
    assert s_other @ against == pytest.approx(weight @ (1.0 - p))
    assert found.confusion().sum() == pytest.approx(weight.sum())


@pytest.mark.parametrize("weighted", [False, True])
def test_tenths(rng, weighted):
    mu = rng.gamma(2.0, size=57)
    y = rng.poisson(mu).astype(float)
    weight = rng.integers(1, 3, 57).astype(float) if weighted else None
    found = Outcomes(losses.Poisson(), y, mu, weight)
    tenths, s = found.tenths(), found.weights
    assert len(tenths.weight) == 10
    assert tenths.weight.sum() == s.sum()
    assert np.all(np.diff(tenths.predicted) > 0)
    assert tenths.weight @ tenths.predicted == pytest.approx(s @ mu)
    assert tenths.weight @ tenths.observed == pytest.approx(s @ y)
    first = np.argsort(mu)[:6]
    assert tenths.predicted[0] == pytest.approx(np.average(mu[first], weights=s[first]))
    if not weighted:
        assert_array_equal(tenths.size, [6] * 7 + [5] * 3)
        assert tenths.error[0] == pytest.approx(y[first].std(ddof=1) / np.sqrt(6))
    assert len(Outcomes(losses.Poisson(), y[:3], mu[:3]).tenths().weight) == 3


@pytest.mark.parametrize(
    ("loss", "deviance"),
    [
        (losses.SQUARED, lambda y, mu: ((y - mu) ** 2).mean()),
        (losses.Poisson(), mean_poisson_deviance),
        (losses.Gamma(), mean_gamma_deviance),
        (losses.Tweedie(1.5), lambda y, mu: mean_tweedie_deviance(y, mu, power=1.5)),
    ],
)
def test_residuals_are_roots_of_deviances(rng, loss, deviance):
    mu = rng.gamma(2.0, size=30) + 0.01
    y = rng.poisson(mu) + 1.0
    residuals = Outcomes(loss, y, mu).residuals()
    assert np.mean(residuals**2) == pytest.approx(deviance(y, mu))
    assert_array_equal(np.sign(residuals), np.sign(y - mu))


def test_residuals_at_the_edge():
    found = Outcomes(losses.Poisson(), np.array([0.0, 2.0]), np.array([0.0, 0.0]))
    with np.errstate(all="raise"):
        assert found.residuals()[0] == 0.0
        assert not np.isnan(found.residuals()[1])


@pytest.mark.parametrize("names", [("0", "1"), SOME])
@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")
def test_rows_left_out(names):
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    found = sf.cv_path(X, y, loss="logistic", cv=KFold(4), n_alphas=10, eps=1e-2)
    given = y if names == ("0", "1") else np.array(names)[y]
    outcomes = Outcomes.from_cv_path(found, given)
    assert outcomes.left_out
    assert outcomes.classes == names
    assert_array_equal(outcomes.y, y)
    for train, test in KFold(4).split(X):
        fit = sf.solve(X[train], y[train], loss="logistic", alpha=found.alpha)
        assert_allclose(outcomes.predicted[test], fit.predict(X[test]), atol=1e-3)


def test_rows_that_are_never_left_out_are_not_compared():
    X, y = load_diabetes(return_X_y=True)
    splitter = ShuffleSplit(2, test_size=0.2, random_state=0)
    found = sf.cv_path(X, y, cv=splitter, n_alphas=10)
    tested = np.unique(np.concatenate([test for _, test in splitter.split(X)]))
    weight = np.arange(442.0)
    outcomes = Outcomes.from_cv_path(found, y, sample_weight=weight)
    assert_array_equal(outcomes.y, y[tested[tested > 0]])
    assert_allclose(outcomes.weight, weight[tested[tested > 0]])


def test_models_and_estimators():
    X, y = load_breast_cancer(return_X_y=True)
    X, names = (X - X.mean(axis=0)) / X.std(axis=0), np.array(["malignant", "benign"])
    fits = sf.path(X, y, loss="logistic", n_alphas=5)
    model = sf.LogisticRegression(C=1.0, l1_ratio=1.0).fit(X, names[y])
    of_model = Outcomes.from_estimator(model, X, names[y])
    assert of_model.classes == ("benign", "malignant")
    assert_allclose(of_model.predicted, model.predict_proba(X)[:, 1])
    assert_array_equal(of_model.y, 1.0 - y)
    k, alpha = 3, fits.alphas[3]
    for one in (fits[k], fits):
        options = {"alpha": alpha} if one is fits else {}
        outcomes = Outcomes.from_path(one, X, y, **options)
        assert_allclose(outcomes.predicted, fits[k].predict(X))
        assert not outcomes.left_out
    counts, offset = np.random.default_rng(0).poisson(1.0, 569), np.linspace(0.0, 1.0, 569)
    regressor = sf.PoissonRegressor(alpha=0.1, l1_ratio=1.0).fit(X, counts, offset=offset)
    found = Outcomes.from_estimator(regressor, X, counts, offset=offset)
    assert_allclose(found.predicted, regressor.predict(X, offset=offset))
    assert found.plots == ("observed", "residuals", "rootogram")
    svc = sf.LinearSVC(C=0.1).fit(X, names[y])
    of_svc = Outcomes.from_estimator(svc, X, names[y])
    assert of_svc.plots == ("roc", "precision_recall", "confusion")
    assert of_svc.confusion().trace() == np.count_nonzero(svc.predict(X) == names[y])
    assert Outcomes.from_estimator(sf.Lasso().fit(X, y), X, y).plots == ("observed", "residuals")


class Several(losses.Logistic):
    """The part of a loss of several classes that outcomes use."""

    labels = ("b", "a", "c")  # in the order of the columns of predictions


def test_labels_of_several_classes(rng):
    p = rng.dirichlet(np.ones(3), 20)
    labels = rng.choice(["a", "b", "c"], 20)
    fits = SimpleNamespace(loss=Several(), classes=None)
    found = Outcomes._of(fits, labels, p, None, True)
    assert found.classes == ("b", "a", "c")
    assert_array_equal([found.classes[int(k)] for k in found.y], labels)
    with pytest.raises(ValueError, match="y holds 'd', which is none of the classes"):
        Outcomes._of(fits, ["d"] * 20, p, None, True)


@pytest.mark.parametrize("names", [(0, 1, 2), ("a", "b", "c")])
def test_several_classes_of_a_search(rng, names):
    X = rng.standard_normal((90, 3))
    y = np.array(names)[np.argmax(X + 0.5 * rng.standard_normal((90, 3)), axis=1)]
    found = sf.cv_path(X, y, loss="multinomial", cv=3, n_alphas=10, eps=1e-2)
    outcomes = Outcomes.from_cv_path(found, y)
    assert outcomes.classes == tuple(map(str, names))
    taken = np.array(names)[found.predictions.argmax(axis=1)]
    assert outcomes.confusion().trace() == np.count_nonzero(taken == y)
    fitted = Outcomes.from_path(found, X, y)
    assert fitted.classes == outcomes.classes


def test_plots_that_fit(rng):
    mu, y = rng.random(20) + 1.0, np.arange(20.0) + 1.0
    expected = {
        losses.SQUARED: ("observed", "residuals"),
        losses.Poisson(): ("observed", "residuals", "rootogram"),
        losses.NegativeBinomial(2.0): ("observed", "residuals", "rootogram"),
        losses.Gamma(): ("observed", "residuals"),
        losses.Huber(1.0): ("observed", "residuals"),
    }
    for loss, plots in expected.items():
        assert Outcomes(loss, y, mu).plots == plots
    assert Outcomes(losses.Poisson(), y + 0.5, mu).plots == ("observed", "residuals")  # rates
    one_class = Outcomes(losses.Logistic(), np.ones(20), mu / 3.0, None, SOME)
    assert one_class.plots == ()


def test_wrong_outcomes(rng):
    X, y = load_diabetes(return_X_y=True)
    fits = sf.path(X, y, n_alphas=3)
    with pytest.raises(ValueError, match="give alpha= to say which one"):
        Outcomes.from_path(fits, X, y)
    with pytest.raises(TypeError, match="found must be a CVPath, got Path"):
        Outcomes.from_cv_path(fits, y)
    with pytest.raises(ValueError, match="no predictions of samples left out"):
        Outcomes.from_cv_path(sf.cv_path(X, y, criterion="bic"), y)
    with pytest.raises(ValueError, match="442"):
        Outcomes.from_path(fits[1], X, y[:-1])
    found = Outcomes.from_path(fits[1], X, y)
    with pytest.raises(ValueError, match=r"plot 'roc' does not fit .*; there is observed, residua"):
        found.plot("roc")
    model = sf.LogisticRegression().fit(X, y > 100)
    with pytest.raises(ValueError, match="y holds 'maybe', which is none of the classes"):
        Outcomes.from_estimator(model, X, ["maybe"] * 442)


@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")
def test_counts_of_both_classes(rng):
    X, trials = rng.normal(size=(80, 2)), rng.integers(1, 9, 80)
    ones = rng.binomial(trials, 1.0 / (1.0 + np.exp(-X[:, 0])))
    pairs = np.column_stack([trials - ones, ones])
    found = sf.cv_path(X, pairs, loss="logistic", alphas=[0.1, 0.01])
    outcomes = Outcomes.from_cv_path(found, pairs)
    assert_allclose(outcomes.y, ones / trials)
    assert_array_equal(outcomes.weight, trials)
    assert outcomes.confusion().sum() == pytest.approx(trials.sum())
    assert_allclose(outcomes.confusion().sum(axis=1), pairs.sum(axis=0))
    tenths = outcomes.tenths(1)
    assert tenths.weight @ tenths.observed == pytest.approx(ones.sum())
