"""Metamorphic tests: changes of a problem whose effect on the solution is known.

Each case is a function of (rng, X, y, options) that returns the changed problem and the expected
change of the coefficients, tested at a tolerance so tight that the optimum is known to many digits.
"""

import numpy as np
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import INF, assert_certified, problem_of

from softreg_fast import Design, path, solve

TOL = 1e-13


def same(w):
    return w


def permuted_features(rng, X, y, options):
    order = rng.permutation(X.shape[1])
    changed = {name: take(value, order) for name, value in options.items()}
    return X[:, order], y, changed, lambda w: w[order]


def take(value, order):
    """Reorder an option's entries, if it has one for each feature."""
    if isinstance(value, tuple):
        return tuple(take(part, order) for part in value)
    return value[order] if np.ndim(value) == 1 and len(value) == len(order) else value


def permuted_samples(rng, X, y, options):
    order = rng.permutation(len(y))
    changed = options | {"sample_weight": options["sample_weight"][order]}
    return X[order], y[order], changed, same


def flipped_signs(rng, X, y, options):
    sign = rng.choice([-1.0, 1.0], X.shape[1])
    lower, upper = options["bounds"]
    bounds = np.where(sign > 0, lower, -upper), np.where(sign > 0, upper, -lower)
    return X * sign, y, options | {"bounds": bounds}, lambda w: sign * w


def scaled_target(rng, X, y, options):
    factor = 1e7
    bounds = tuple(factor * bound for bound in options["bounds"])
    changed = options | {"alpha": factor * options["alpha"], "bounds": bounds}
    changed["l2_weights"] = options["l2_weights"] / factor
    return X, factor * y, changed, lambda w: factor * w


def negated_target(rng, X, y, options):
    lower, upper = options["bounds"]
    return X, -y, options | {"bounds": (-upper, -lower)}, lambda w: -w


def scaled_features(rng, X, y, options):
    factor = 10.0 ** rng.integers(-6, 7, X.shape[1])
    changed = dict(options)
    if not options["standardize"]:
        changed["l1_weights"] = options["l1_weights"] * factor
        changed["l2_weights"] = options["l2_weights"] * factor**2
    changed["bounds"] = tuple(bound / factor for bound in options["bounds"])
    return X * factor, y, changed, lambda w: w / factor


def scaled_weights(rng, X, y, options):
    return X, y, options | {"sample_weight": 1e-6 * options["sample_weight"]}, same


def repeated_samples(rng, X, y, options):
    count = options["sample_weight"].astype(int)
    changed = {name: value for name, value in options.items() if name != "sample_weight"}
    return np.repeat(X, count, axis=0), np.repeat(y, count), changed, same


def samples_without_weight(rng, X, y, options):
    # whatever their values and positions
    n, p = X.shape
    where = rng.integers(0, n + 1, 5)
    where[0] = 0
    changed = options | {"sample_weight": np.insert(options["sample_weight"], where, 0.0)}
    rows = 1e9 * rng.standard_normal((5, p))
    return np.insert(X, where, rows, axis=0), np.insert(y, where, 1e9), changed, same


def shifted_data(rng, X, y, options):
    if not options["fit_intercept"]:
        return X, y, options, same
    return X + 100 * rng.standard_normal(X.shape[1]), y - 1000.0, options, same


def one_more_penalised_copy(rng, X, y, options):
    # the copy is never used: it has twice the weights
    changed = dict(options)
    for name in ("l1_weights", "l2_weights"):
        changed[name] = np.append(options[name], 2 * options[name][0] + 1)
    lower, upper = options["bounds"]
    changed["bounds"] = np.append(lower, 0.0), np.append(upper, 0.0)
    return np.column_stack([X, X[:, 0]]), y, changed, lambda w: np.append(w, 0.0)


def dense_to_sparse(rng, X, y, options):
    return sp.csc_array(X), y, options, same


def float64_to_longer_strides(rng, X, y, options):
    return problems.LAYOUTS["both strides"](np.asfortranarray(X)), y, options, same


def gram_form(rng, X, y, options):
    return X, y, options | {"precompute": True}, same


def gradient_form(rng, X, y, options):
    return X, y, options | {"solver": "gradient"}, same


def another_start(rng, X, y, options):
    return X, y, options | {"coef_init": 10 * rng.standard_normal(X.shape[1])}, same


CHANGES = [
    permuted_features,
    permuted_samples,
    flipped_signs,
    scaled_target,
    negated_target,
    scaled_features,
    scaled_weights,
    repeated_samples,
    samples_without_weight,
    shifted_data,
    one_more_penalised_copy,
    dense_to_sparse,
    float64_to_longer_strides,
    gram_form,
    gradient_form,
    another_start,
]


@pytest.fixture
def base(rng):
    """Return a problem with a unique solution, every kind of penalty, integer sample weights."""
    n, p = 40, 7
    X, y = problems.make_data(rng, n, p, density=0.7)
    unit = problem_of(X, y).alpha_max()
    lower = np.array([-INF, -INF, 0.0, -0.2, -INF, 0.1, -INF])
    upper = np.array([INF, INF, INF, 0.2, 0.3, INF, INF])
    options = {
        "alpha": 0.05 * unit,
        "l1_ratio": 0.8,
        "l1_weights": np.array([1.0, 0.0, 1.0, 0.5, 1.0, 1.0, 2.0]),
        "l2_weights": np.array([1.0, 0.0, 2.0, 1.0, 0.0, 1.0, 1.0]),
        "bounds": (lower, upper),
        "sample_weight": rng.integers(1, 4, n) * 1.0,
    }
    return X, y, options


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["b", "no b"])
@pytest.mark.parametrize("standardize", [True, False], ids=["std", "raw"])
@pytest.mark.parametrize("sparse", [True, False], ids=["sparse", "dense"])
def test_change(rng, base, change, fit_intercept, standardize, sparse):
    X, y, options = base
    options |= {"fit_intercept": fit_intercept, "standardize": standardize}

    def layout(X):
        return sp.csc_array(X) if sparse and not sp.issparse(X) else X

    fit = solve(layout(X), y, tol=TOL, **options)
    assert_certified(problem_of(X, y, **options), fit)
    X_new, y_new, changed, expected = change(rng, X, y, options)
    fit_new = solve(layout(X_new), y_new, tol=TOL, **changed)
    size = np.linalg.norm(X) / np.sqrt(len(y))
    w, w_new = expected(fit.coef), fit_new.coef
    scale = np.abs(expected(np.ones(len(fit.coef)) * np.linalg.norm(y) / size))
    assert np.all(np.abs(w_new - w) <= 1e-5 * np.where(scale > 0, scale, 1))
    factor = fit_new.null_loss / fit.null_loss
    assert_allclose(fit_new.dev_ratio, fit.dev_ratio, atol=1e-9)
    assert_allclose(fit_new.tol, factor * fit.tol, rtol=1e-9)


def test_weights_of_zero_remove_a_fold(rng):
    # as in cross-validation: a fold is a weight vector on the same Design
    X, y = problems.make_data(rng, 60, 8)
    X[:20, 3] = 1.0
    X[20:, 3] = 0.0  # constant in the training set
    out = np.arange(60) < 20
    y[out] += 100.0
    for given in (np.asfortranarray(X), sp.csc_array(X)):
        weighted = path(given, y, sample_weight=~out * 1.0, n_alphas=6, tol=1e-11)
        removed = path(X[~out], y[~out], n_alphas=6, tol=1e-11)
        assert_allclose(weighted.alphas, removed.alphas, rtol=1e-12)
        assert_allclose(weighted.coefs.toarray(), removed.coefs.toarray(), atol=1e-4)
        assert_allclose(weighted.intercepts, removed.intercepts, atol=1e-4)
        assert_allclose(weighted.dev_ratio, removed.dev_ratio, atol=1e-9)
        assert_allclose(weighted.null_loss, removed.null_loss, rtol=1e-12)


def test_alpha_and_the_target_scale_together(rng):
    X, y = problems.make_data(rng, 40, 8)
    fits = path(X, y, n_alphas=5)
    for factor in (2.0**-40, 2.0**60):  # powers of two: not a bit may change
        scaled = path(X, factor * y, alphas=factor * fits.alphas)
        assert_array_equal(scaled.coefs.toarray(), factor * fits.coefs.toarray())
        assert_array_equal(scaled.intercepts, factor * fits.intercepts)
        assert_array_equal(scaled.gaps, factor**2 * fits.gaps)
        assert_array_equal(scaled.n_epochs, fits.n_epochs)


def test_samples_twice_are_the_same_problem(rng):
    X, y = problems.make_data(rng, 25, 6)
    once = solve(X, y, alpha=0.1, tol=TOL)
    twice = solve(np.vstack([X, X]), np.append(y, y), alpha=0.1, tol=TOL)
    assert_allclose(twice.coef, once.coef, atol=1e-6)
    assert_allclose(twice.null_loss, once.null_loss, rtol=1e-12)


def test_excluded_is_the_same_as_absent(rng):
    X, y = problems.make_data(rng, 30, 8)
    kept = np.array([0, 2, 3, 6])
    weights = np.full(8, INF)
    weights[kept] = 1.0
    for options in ({"l1_weights": weights}, {"l2_weights": weights}):
        fit = solve(X, y, alpha=0.2, tol=TOL, **options)
        smaller = solve(X[:, kept], y, alpha=0.2, tol=TOL)
        assert_allclose(fit.coef[kept], smaller.coef, atol=1e-6)
        assert np.count_nonzero(fit.coef) == np.count_nonzero(fit.coef[kept])


def test_more_penalty_never_fits_better(rng):
    X, y = problems.make_data(rng, 30, 8)
    design = Design(X, y)
    alphas = np.geomspace(1e-3, 10, 8)
    for l1_ratio in (1.0, 0.5, 0.0):
        fits = [solve(design, alpha=alpha, l1_ratio=l1_ratio, tol=TOL) for alpha in alphas]
        losses = [fit.null_loss * (1 - fit.dev_ratio) for fit in fits]
        assert np.all(np.diff(losses) >= -1e-12 * fits[0].null_loss)
        sizes = [l1_ratio * np.abs(f.coef).sum() + (1 - l1_ratio) / 2 * f.coef @ f.coef
                 for f in fits]  # fmt: skip
        assert np.all(np.diff(sizes) <= 1e-6 * sizes[0])
