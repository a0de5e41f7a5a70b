"""Information criteria, and the noise variance that they need."""

from math import comb

import numpy as np
import problems
import pytest
import scipy.sparse as sp
from problems import dense
from sklearn.linear_model import LassoLarsIC, lars_path

from softreg_fast import Design, ElasticNetCV, LassoCV, cv_path, path
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.model_selection.criteria import noise_variance_of
from softreg_fast.options.choices import CRITERIA
from softreg_fast.penalties import Tikhonov, difference_matrix
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.problem import Problem

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


# Those that need a noise variance.
INFORMATION = [name for name in CRITERIA if name != "gcv"]


def estimated(X, y, **options):
    """Return the noise variance that a criterion estimates itself."""
    return cv_path(X, y, criterion="bic", **options).noise_variance


def least_squares_variance(X, y, weight=None):
    """Return RSS / (n - rank) with an intercept and weights of mean one."""
    weight = np.ones(len(y)) if weight is None else weight / weight.mean()
    A = np.sqrt(weight)[:, np.newaxis] * np.column_stack([np.ones(len(y)), X])
    t = np.sqrt(weight) * y
    w = np.linalg.lstsq(A, t, rcond=None)[0]
    return np.square(t - A @ w).sum() / (len(y) - A.shape[1])


@pytest.mark.parametrize("criterion", INFORMATION)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("noise_variance", [None, 2.5])
def test_values(rng, data, criterion, weighted, noise_variance):
    X, y = data
    n, p = X.shape
    weight = rng.integers(0, 3, n).astype(float) if weighted else np.ones(n)
    used = weight > 0
    options = {"n_alphas": 10, "eps": 0.1, "criterion": criterion}
    options["noise_variance"] = noise_variance
    found = cv_path(X, y, sample_weight=weight, **options)
    assert found.errors.shape == (1, 10, 1)
    variance = found.noise_variance
    if noise_variance is not None:
        assert variance == noise_variance
    for k, fit in enumerate(found.path):
        residual = y[used] - dense(X)[used] @ fit.coef - fit.intercept
        m, d = used.sum(), np.count_nonzero(fit.coef) + 1
        rss = m * np.average(residual**2, weights=weight[used])
        asked = {
            "aic": 2 * d,
            "aicc": 2 * d + 2 * d * (d + 1) / (m - d - 1),
            "bic": np.log(m) * d,
            "ebic": np.log(m) * d + 2 * np.log(float(comb(p, d - 1))),
        }[criterion]
        expected = m * np.log(2 * np.pi * variance) + rss / variance + asked
        if d >= m - 1:
            expected = np.inf
        assert found.errors[0, k, 0] == pytest.approx(expected, rel=1e-9)
    assert found.index == np.argmin(found.errors[0, :, 0])
    assert f"alpha={found.alpha:.6g} by {criterion}, " in repr(found)
    assert f"noise variance {variance:.6g}" in str(found)
    model = LassoCV(tol=1e-6, alphas=10, **{k: v for k, v in options.items() if k != "n_alphas"})
    model.fit(X, y, sample_weight=weight)
    assert model.alpha_ == found.alpha


@pytest.mark.parametrize("criterion", ["aic", "bic"])
def test_values_of_scikit_learn(rng, criterion):
    X, y = problems.make_data(rng, 80, 12, noise=2.0)
    theirs = LassoLarsIC(criterion=criterion).fit(X, y)
    alphas = theirs.alphas_[1:-1]
    found = cv_path(X, y, criterion=criterion, alphas=alphas, tol=1e-12)
    assert found.noise_variance == pytest.approx(theirs.noise_variance_, rel=1e-9)
    # the intercept is a degree of freedom here and not in scikit-learn; and at its alphas, where
    # a coefficient enters or leaves, rounding decides whether it is counted
    each = 2.0 if criterion == "aic" else np.log(80)
    coefs = lars_path(X - X.mean(axis=0), y - y.mean(), method="lasso")[2][:, 1:-1]
    counted = (np.abs(coefs) > np.finfo(float).eps).sum(axis=0)
    expected = theirs.criterion_[1:-1] + each * (1 + found.path.df - counted)
    np.testing.assert_allclose(found.errors[0, :, 0], expected, rtol=1e-8)


def test_degrees_of_freedom_of_an_elastic_net(rng):
    # sum of d fitted / d y, by small changes of y that do not change the support
    X, y = problems.make_data(rng, 30, 6)
    alpha, ratio, h = 0.3, 0.5, 1e-5

    def fitted(y):
        return path(X, y, alphas=[alpha], l1_ratio=ratio, tol=1e-12).predict(X)[:, 0]

    slope = [
        (fitted(y + h * e)[i] - fitted(y - h * e)[i]) / (2 * h) for i, e in enumerate(np.eye(30))
    ]
    found = cv_path(X, y, alphas=[alpha], l1_ratio=ratio, criterion="aic", noise_variance=1.0)
    residual = y - found.path.predict(X)[:, 0]
    d = (found.errors[0, 0, 0] - 30 * np.log(2 * np.pi) - np.sum(residual**2)) / 2
    assert d == pytest.approx(np.sum(slope), rel=1e-5)


PENALTIES = {
    "lasso": {},
    "elastic net": {"l1_ratio": 0.5},
    "ridge": {"l1_ratio": 0.0},
    "tikhonov": {"penalty": Tikhonov(root=difference_matrix(6, 2))},
}


@pytest.mark.parametrize("options", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["", "no intercept"])
def test_generalised_cross_validation(rng, options, fit_intercept):
    # degrees of freedom as changes of the fit with y, by small ones
    X, y = problems.make_data(rng, 30, 6)
    alphas, h = [0.9, 0.1], 1e-5
    options = {"alphas": alphas, "tol": 1e-13, "fit_intercept": fit_intercept, **options}

    def fitted(y):
        return path(X, y, **options).predict(X)

    d = sum(
        (fitted(y + h * e)[i] - fitted(y - h * e)[i]) / (2 * h) for i, e in enumerate(np.eye(30))
    )
    found = cv_path(X, y, criterion="gcv", **options)
    rss = np.square(y[:, np.newaxis] - found.path.predict(X)).sum(axis=0)
    np.testing.assert_allclose(found.errors[0, :, 0], 30 * rss / (30 - d) ** 2, rtol=1e-5)
    assert found.index == np.argmin(found.errors[0, :, 0])
    assert found.noise_variance is None
    assert "by gcv" in repr(found)


@pytest.mark.parametrize("name", ["aic", "bic", "gcv"])
def test_smoothing_is_chosen_as_much_as_the_curve_needs(rng, name):
    x = np.linspace(0.0, 1.0, 200)
    penalty = Tikhonov(root=difference_matrix(200, 2))
    for truth in (0.5 * x, np.sin(20.0 * x)):
        y = truth + 0.2 * rng.standard_normal(200)
        options = {"fit_intercept": False, "noise_variance": None if name == "gcv" else 0.04}
        found = cv_path(np.eye(200), y, penalty=penalty, criterion=name, **options)
        assert np.sqrt(np.mean((found.path[found.index].coef - truth) ** 2)) < 0.1


def test_weights_count_in_generalised_cross_validation(rng):
    X, y = problems.make_data(rng, 40, 6)
    s = rng.integers(0, 3, 40).astype(float)
    options = {"penalty": PENALTIES["tikhonov"]["penalty"], "alphas": [0.1], "criterion": "gcv"}
    found = cv_path(X, y, sample_weight=s, **options)
    used = s > 0.0
    again = cv_path(X[used], y[used], sample_weight=7.0 * s[used], **options)
    np.testing.assert_allclose(found.errors, again.errors, rtol=1e-9)


def test_generalised_cross_validation_is_for_squared_error(rng):
    X, y = problems.make_data(rng, 30, 5)
    with pytest.raises(ValueError, match="'gcv' is for squared error, not for Logistic"):
        cv_path(X, y > 0, loss="logistic", criterion="gcv")
    with pytest.raises(ValueError, match="'gcv' needs no noise_variance"):
        cv_path(X, y, criterion="gcv", noise_variance=1.0)


@pytest.mark.parametrize("weighted", [False, True])
def test_noise_by_least_squares(rng, weighted):
    X, y = problems.make_data(rng, 60, 12, noise=2.0)
    weight = rng.integers(1, 4, 60).astype(float) if weighted else None
    expected = least_squares_variance(X, y, weight)
    assert estimated(X, y, sample_weight=weight) == pytest.approx(expected, rel=1e-8)
    assert estimated(X, y, sample_weight=weight, standardize=True) == pytest.approx(expected)
    assert estimated(sp.csr_array(X), y, sample_weight=weight) == pytest.approx(expected)
    # constant and excluded columns and rows of weight 0 have no effect
    more = np.column_stack([X, np.full(60, 7.0), rng.standard_normal(60)])
    out = np.append(np.ones(13), np.inf)
    assert estimated(more, y, sample_weight=weight, l1_weights=out) == pytest.approx(expected)
    if weighted:
        rows, zeros = np.vstack([X, X[:9] + 1.0]), np.append(weight, np.zeros(9))
        assert estimated(rows, np.append(y, y[:9]), sample_weight=zeros) == pytest.approx(expected)
    A = X  # without an intercept one more sample is left
    w = np.linalg.lstsq(A, y, rcond=None)[0]
    plain = np.square(y - A @ w).sum() / (60 - 12)
    assert estimated(X, y, fit_intercept=False) == pytest.approx(plain)


@pytest.mark.parametrize("standardize", [False, True])
def test_noise_by_the_scaled_lasso(rng, standardize):
    # the fixed point of alpha = sigma sqrt(2 log p / n), sigma^2 the mean squared residual
    n, p = 50, 120
    X, y = problems.make_data(rng, n, p, noise=1.0)
    X = X * rng.uniform(0.1, 10.0, p)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    lam = np.sqrt(2 * np.log(p) / n)

    def excess(log_alpha):
        alpha = np.exp(log_alpha)
        fit = path(Z, y, alphas=[alpha], tol=1e-12)[0]
        return alpha - lam * np.sqrt(np.mean((y - fit.predict(Z)) ** 2)), fit

    low, high = np.log(1e-6), np.log(1e3)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle)[0] < 0 else (low, middle)
    chosen = np.flatnonzero(excess(high)[1].coef)
    expected = least_squares_variance(X[:, chosen], y)
    assert estimated(X, y, standardize=standardize) == pytest.approx(expected, rel=1e-8)


def test_noise_where_nothing_is_to_be_explained(rng):
    X = rng.standard_normal((20, 30))
    found = cv_path(X, np.ones(20), criterion="bic")
    assert found.path.df[found.index] == 0
    # and if no residual is left, the model that explains everything is chosen
    y = X[:, :2] @ [1.0, -2.0]
    found = cv_path(X, y, criterion="bic", eps="auto")
    assert found.path[found.index].selected() is not None
    assert set(np.flatnonzero(found.path[found.index].coef)) >= {0, 1}


SIZES = {"p = 4n": (50, 200), "p = 5n/6": (60, 50), "p = n - 2": (52, 50), "p = n/4": (200, 50)}


@pytest.mark.parametrize("size", SIZES)
def test_pure_noise(size):
    n, p = SIZES[size]
    kept, variances = {name: [] for name in INFORMATION}, []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_normal((n, p)), 3.0 * rng.standard_normal(n)
        for name in INFORMATION:
            found = cv_path(X, y, criterion=name)
            kept[name].append(found.path.df[found.index])
        variances.append(found.noise_variance)
    assert np.mean(variances) == pytest.approx(9.0, rel=0.2)
    # of the Lasso by Mallows' Cp, its unbiased estimate of risk, a few; of the others hardly any
    assert np.mean(kept["aic"]) <= 0.1 * p
    assert np.mean(kept["aicc"]) <= 0.08 * p
    assert np.mean(kept["bic"]) <= 1.0
    assert np.mean(kept["ebic"]) <= 0.2


@pytest.mark.parametrize(("n", "p"), [(100, 200), (70, 60), (300, 40)])
def test_sparse_signals(n, p):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((n, p))
        y = 2.0 * X[:, :5].sum(axis=1) + rng.standard_normal(n)
        for name in ("bic", "ebic"):
            found = cv_path(X, y, criterion=name)
            chosen = np.flatnonzero(found.path[found.index].coef)
            assert set(range(5)) <= set(chosen.tolist())
            assert len(chosen) <= 25
        assert found.noise_variance == pytest.approx(1.0, rel=0.6)


def test_estimators_take_a_noise_variance(rng):
    X, y = problems.make_data(rng, 30, 40, noise=2.0)
    for variance in (0.5, 50.0):
        model = ElasticNetCV(criterion="bic", noise_variance=variance, tol=1e-6).fit(X, y)
        found = cv_path(X, y, criterion="bic", noise_variance=variance, l1_ratio=0.5, eps=1e-3)
        assert model.alpha_ == found.alpha
        assert model.cv_path_.noise_variance == variance
    with pytest.raises(ValueError, match="noise_variance is for a criterion"):
        LassoCV(noise_variance=1.0).fit(X, y)


def test_a_criterion_has_one_target(rng):
    X, y = problems.make_data(rng, 30, 5)
    with pytest.raises(ValueError, match="A criterion is for one target"):
        cv_path(MultiTaskDesign(X, np.column_stack([y, -y])), criterion="bic")


def test_features_that_are_not_penalised_are_always_counted_in(rng):
    n, p = 40, 100
    X = rng.standard_normal((n, p))
    y = 0.3 * X[:, 0] + rng.standard_normal(n)
    free = np.append(0.0, np.ones(p - 1))
    design = Design(X, y)
    problem = Problem(design, Penalty(l1_weights=free))
    assert noise_variance_of(problem) == pytest.approx(
        least_squares_variance(X[:, [0]], y), rel=1e-8
    )
