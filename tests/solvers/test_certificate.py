"""Gaps of problems of extreme scales: never below the true excess, and close to it.

The reference is the exact minimum in rational arithmetic (exact.py).
"""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from exact import ExactProblem
from numpy.testing import assert_allclose

import softreg_fast.solvers.certificate as certificate
from softreg_fast import Lasso, Status, cv_path, path, solve
from softreg_fast.data.multi_task_design import MultiTaskDesign

N = 14


def stamps():
    """Return time stamps of days as integers of microseconds."""
    return 1.68e15 + 8.64e10 * np.arange(float(N))


def time_stamps(rng):
    t = stamps()
    X = np.c_[t, rng.standard_normal((N, 2))]
    return X, 3 * X[:, 1] + (t - t.mean()) / t.std() + 0.5 * rng.standard_normal(N), 0.1


def time_stamps_twice(rng):
    X, y, alpha = time_stamps(rng)
    return np.c_[X[:, 0], X[:, 0] / 1e6, X[:, 1]], y, alpha


def any_scales(rng):
    X = rng.standard_normal((N, 3)) * 10.0 ** rng.uniform(-15, 15, 3)
    y = X @ (rng.standard_normal(3) / X.std(axis=0)) + rng.standard_normal(N)
    return X, y, 10.0 ** rng.uniform(-3, 0)


def an_outlier(rng):
    X = rng.standard_normal((N, 3))
    X[3, 0] = 1e12
    return X, X[:, 1] - X[:, 2] + rng.standard_normal(N), 10.0 ** rng.uniform(-3, 0)


def tiny_alpha(rng):
    X = rng.standard_normal((N, 3))
    y = X @ rng.standard_normal(3) + rng.standard_normal(N)
    return X, y, 10.0 ** rng.uniform(-18, -8)


def tiniest_alpha(rng):
    X, y, _ = tiny_alpha(rng)
    return X, y, 10.0 ** rng.uniform(-300, -18)


def far_means(rng):
    X = rng.standard_normal((N, 3))
    X = np.round(X * 10.0 ** rng.uniform(1, 3, 3) + 10.0 ** rng.uniform(13, 15, 3))
    y = X @ (rng.standard_normal(3) / X.std(axis=0))
    return X, y - y.mean() + rng.standard_normal(N), 10.0 ** rng.uniform(-6, -1)


KINDS = [
    time_stamps,
    time_stamps_twice,
    any_scales,
    an_outlier,
    tiny_alpha,
    tiniest_alpha,
    far_means,
]

PENALTIES = {
    "lasso": {},
    "elastic net": {"l1_ratio": 0.5},
    "hardly any L1": {"l1_ratio": 1e-9},
    "ridge": {"l1_ratio": 0.0},
    "positive": {"positive": True},
    "box": {"bounds": (-0.1, 0.2)},
    "far box": {"bounds": (-1e3, 1e4)},
    "weights": {"l1_weights": np.array([1e-12, 1.0, 1e-5])},
}

SOLVERS = {
    "auto": {},
    "columns": {"precompute": False},
    "gram": {"precompute": True},
    "cd": {"solver": "cd", "tol": 1e-11, "max_iter": 3000},
}


def exact_problem(
    X, y, alpha, *, l1_ratio=1.0, l1_weights=1.0, positive=False, bounds=None, s=None
):
    lower, upper = (-np.inf, np.inf) if bounds is None else bounds
    return ExactProblem(
        X,
        y,
        l1=alpha * l1_ratio * np.broadcast_to(l1_weights, X.shape[1]),
        l2=alpha * (1.0 - l1_ratio),
        lower=0.0 if positive else lower,
        upper=upper,
        s=s,
    )


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("kind", KINDS)
def test_gaps_are_true_and_useful(kind, penalty, solver):
    for seed in range(8):
        X, y, alpha = kind(np.random.default_rng(seed))
        fit = solve(X, y, alpha=alpha, **PENALTIES[penalty], **SOLVERS[solver])  # no warning
        excess = exact_problem(X, y, alpha, **PENALTIES[penalty]).excess(fit.coef)
        assert fit.converged, seed
        assert excess <= fit.relative_gap + 1e-15, seed
        assert fit.relative_gap <= 1e-10, seed


@pytest.mark.parametrize("method", ["cholesky", "cg", "gradient"])
@pytest.mark.parametrize("kind", KINDS)
def test_other_solvers_of_ridge(kind, method):
    for seed in range(8):
        X, y, alpha = kind(np.random.default_rng(seed))
        options = {"l1_ratio": 0.0, "solver": method, "tol": 4e-11, "max_iter": 20_000}
        if method == "gradient" and kind in (time_stamps_twice, any_scales):
            continue  # slow where columns are copies: see below
        fit = solve(X, y, alpha=alpha, **options)
        excess = exact_problem(X, y, alpha, l1_ratio=0.0).excess(fit.coef)
        assert fit.converged, seed
        assert excess <= fit.relative_gap + 1e-15, seed
        assert fit.relative_gap <= 1e-10, seed


@pytest.mark.parametrize("kind", KINDS)
def test_sample_weights(kind):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X, y, alpha = kind(rng)
        s = 10.0 ** rng.uniform(-3, 3, N)
        fit = solve(X, y, alpha=alpha, sample_weight=s)
        excess = exact_problem(X, y, alpha, s=s).excess(fit.coef)
        assert fit.converged, seed
        assert excess <= fit.relative_gap + 1e-15, seed
        assert fit.relative_gap <= 1e-10, seed


def near_copies(rng):
    a = rng.standard_normal(N)
    b = a + 10.0 ** rng.uniform(-12, -3) * rng.standard_normal(N)
    return np.c_[a, b, rng.standard_normal(N)], a + rng.standard_normal(N)


@pytest.mark.parametrize("alpha", [0.0, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("options", [{}, {"precompute": False}, {"solver": "cd", "max_iter": 500}])
def test_gaps_are_never_false(alpha, options):
    # directions that are hardly or not visible in float64 products of columns
    for seed in range(15):
        X, y = near_copies(np.random.default_rng(seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = solve(X, y, alpha=alpha, **options)
        excess = exact_problem(X, y, alpha).excess(fit.coef)
        # directions of length 1e-12 are known to four digits
        assert excess <= fit.relative_gap * (1.0 + 1e-4) + 1e-12, seed
        if fit.status == Status.PRECISION:
            assert excess <= 1e-10, seed


def test_the_example_of_time_stamps():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        t = 1.68e15 + 8.64e10 * np.arange(200.0)
        X = np.c_[t, rng.standard_normal((200, 2))]
        y = 3 * X[:, 1] + (t - t.mean()) / t.std() + 0.5 * rng.standard_normal(200)
        fit = solve(X, y, alpha=0.1)
        assert fit.converged
        assert fit.relative_gap <= 1e-12


def hard(rng, n=60, p=9):
    X = rng.standard_normal((n, p)) * 10.0 ** rng.uniform(-15, 15, p)
    X[:, 0] = 1.68e15 + 8.64e10 * np.arange(float(n))
    X[:, 1] = X[:, 0] / 1e6
    X[3, 2] = 1e12 * np.abs(X[:, 2]).max()
    return X, (X / X.std(axis=0)) @ rng.standard_normal(p) + rng.standard_normal(n)


PATHS = {
    "path": lambda X, y: path(X, y, n_alphas=15),
    "down to nothing": lambda X, y: path(X, y, n_alphas=15, eps=1e-13),
    "elastic net": lambda X, y: path(X, y, n_alphas=15, l1_ratio=0.5),
    "standardised": lambda X, y: path(X, y, n_alphas=15, eps=1e-9, standardize=True),
    "no intercept": lambda X, y: path(X, y, n_alphas=15, fit_intercept=False),
    "positive": lambda X, y: path(X, y, n_alphas=15, positive=True),
    "box": lambda X, y: path(X, y, n_alphas=15, bounds=(-0.1, 0.2)),
    "one alpha free": lambda X, y: path(X, y, alphas=[0.1, 1e-10, 1e-300, 0.0]),
    "features free": lambda X, y: path(X, y, n_alphas=15, l1_weights=np.arange(X.shape[1]) > 1.0),
    "columns": lambda X, y: path(X, y, n_alphas=15, precompute=False),
    "cross-validated": lambda X, y: cv_path(X, y, n_alphas=15, cv=3).path,
    "tasks": lambda X, y: path(MultiTaskDesign(X, np.c_[y, y[::-1], np.sin(y)]), n_alphas=15),
    "tasks, elastic net": lambda X, y: path(
        MultiTaskDesign(X, np.c_[y, y[::-1]]), n_alphas=15, l1_ratio=0.4
    ),
    "tasks, tiny alpha": lambda X, y: path(
        MultiTaskDesign(X, np.c_[y, y[::-1]]), alphas=[0.1, 1e-10, 1e-300]
    ),
    "ridge, cholesky": lambda X, y: path(
        X, y, alphas=np.geomspace(1e-6, 1.0, 8), l1_ratio=0.0, tol=4e-11
    ),
    "ridge, cg": lambda X, y: path(
        X, y, alphas=np.geomspace(1e-6, 1.0, 8), l1_ratio=0.0, tol=4e-11, solver="cg"
    ),
    "tasks, ridge": lambda X, y: path(
        MultiTaskDesign(X, np.c_[y, y[::-1]]),
        alphas=np.geomspace(1e-6, 1.0, 8),
        l1_ratio=0.0,
        tol=4e-11,
    ),
}


@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")  # no grid spans 30 decades
@pytest.mark.parametrize("layout", ["dense", "sparse", "float32"])
@pytest.mark.parametrize("fits", PATHS)
def test_paths_over_columns_of_any_scale(fits, layout):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X, y = hard(rng)
        if layout == "sparse":
            X[:, 3:][rng.random((len(X), X.shape[1] - 3)) < 0.6] = 0.0
            X = sp.csc_array(X)
        if layout == "float32":
            X = X.astype(np.float32)
        found = PATHS[fits](X, y)
        assert found.converged, seed
        assert found.relative_gaps.max() <= 1e-10, seed


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_more_features_than_samples(l1_ratio):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X, y = hard(rng, 25, 60)
        tol = 4e-11 if l1_ratio == 0.0 else 1e-6
        fits = path(X, y, alphas=[1.0, 1e-3, 1e-8], l1_ratio=l1_ratio, tol=tol)
        assert fits.converged, seed
        assert fits.relative_gaps.max() <= 1e-10, seed


def test_what_float64_cannot_prove_has_its_own_status(monkeypatch):
    # without the improved dual points the example is as exact as float64 allows, without a warning
    monkeypatch.setattr(certificate, "WAYS", ())
    seen = set()
    for seed in range(20):
        X, y, alpha = time_stamps(np.random.default_rng(seed))
        fit = solve(X, y, alpha=alpha, tol=1e-9)  # a warning would be an error
        model = Lasso(alpha=alpha, tol=1e-9).fit(X, y)
        assert_allclose(model.coef_, fit.coef)
        seen.add(fit.status)
    assert seen == {Status.CONVERGED, Status.PRECISION}
    fits = path(X, y, alphas=[0.1, 1e-12], tol=1e-9)
    if not fits.converged:
        assert "as exact as float64 allows" in str(fits)
        assert "not converged" not in str(fits)


def test_the_move_is_made_only_in_doubt(monkeypatch, rng):
    def fail(*_):
        raise AssertionError("an ordinary fit was certified twice")

    monkeypatch.setattr(certificate.Certificate, "of", fail)
    X = rng.standard_normal((50, 10))
    y = X @ rng.standard_normal(10) + rng.standard_normal(50)
    for options in ({}, {"l1_ratio": 0.5}, {"solver": "cd"}, {"precompute": False}):
        path(X, y, **options)
    for options in ({"alpha": 0.0}, {"l1_weights": np.arange(10) > 2.0}, {"solver": "cd"}):
        solve(X, y, **options)


@pytest.mark.parametrize("scale", [1e-155, 1e-160, 1e-200, 1e-290])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("outright", [True, False])
def test_columns_whose_squares_vanish(rng, scale, fit_intercept, outright):
    # the same problem as with a column and its penalty in other units
    X = rng.standard_normal((40, 3))
    y = X @ [1.0, 2.0, -1.0] + 0.1 * rng.standard_normal(40)
    alpha = 0.1 * scale
    tiny = X * [1.0, scale, 1.0]
    penalty = {"l1": [alpha] * 3} if outright else {"alpha": alpha}
    found = solve(tiny, y, fit_intercept=fit_intercept, **penalty)
    right = solve(X, y, l1=[alpha, 0.1, alpha], fit_intercept=fit_intercept)
    assert right.coef[1] > 1.0
    assert_allclose(found.coef * [1.0, scale, 1.0], right.coef, rtol=1e-9)
    assert_allclose(found.dev_ratio, right.dev_ratio, rtol=1e-12)
    fits = path(tiny, y, alphas=[alpha], fit_intercept=fit_intercept)
    assert_allclose(fits.coefs.toarray()[:, 0] * [1.0, scale, 1.0], right.coef, rtol=1e-9)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_columns_whose_squares_vanish_at_alpha_zero(rng, l1_ratio):
    X = rng.standard_normal((40, 3))
    y = X @ [1.0, 2.0, -1.0] + 0.1 * rng.standard_normal(40)
    right = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=None)[0]
    found = solve(X * [1.0, 1e-170, 1.0], y, alpha=0.0, l1_ratio=l1_ratio)
    assert_allclose(found.coef * [1.0, 1e-170, 1.0], right, rtol=1e-9)
