"""Cox models by proximal Newton steps: certificates, optimality, and what must not matter."""

import cox_cases as cases
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import path, solve, survival
from softreg_fast.losses import Cox

BOTH = pytest.mark.parametrize("ties", ["breslow", "efron"])


def make(rng, n=60, p=10, strata=1, late=0.0, density=1.0):
    """Return (X, targets with four columns, weights with zeros, offset)."""
    X = rng.standard_normal((n, p)) * (rng.random((n, p)) < density)
    y = cases.data(rng, n, strata, late)
    y[:, 1] = np.ceil(6 * rng.exponential(np.exp(-X[:, :3] @ [0.8, -0.6, 0.5])) + 0.01)
    y[:, 0] = np.where(np.isfinite(y[:, 0]), np.floor(0.7 * y[:, 1] * rng.random(n)), -np.inf)
    s = np.where(rng.random(n) < 0.15, 0.0, rng.random(n) + 0.2)
    return X, y, s, 0.4 * rng.standard_normal(n)


def given(y, rows=slice(None)):
    """Return targets as users give them."""
    start, stop, event, strata = y[rows].T
    late = None if np.isneginf(start).all() else np.where(np.isneginf(start), -1.0, start)
    return survival(stop, event, late, strata.astype(int) if strata.any() else None)


@BOTH
@pytest.mark.parametrize(("strata", "late"), [(1, 0.0), (3, 0.0), (1, 0.6), (3, 0.6)])
def test_the_gap_bounds_the_distance_from_the_minimum(rng, ties, strata, late):
    X, y, s, offset = make(rng, strata=strata, late=late)
    efron, ones = ties == "efron", np.ones(60)
    for weight, fixed in ((None, None), (s, None), (None, offset), (s, offset)):
        w, o = ones if weight is None else weight, 0.0 if fixed is None else fixed
        options = {"loss": Cox(ties), "sample_weight": weight, "offset": fixed}
        fits = path(X, given(y), n_alphas=6, eps=0.02, tol=1e-3, **options)
        assert fits.converged
        assert_array_equal(fits.intercepts, 0.0)
        for k in range(len(fits)):
            alpha = fits.alphas[k]
            best = solve(X, given(y), alpha=alpha, tol=1e-13, **options)
            lowest = cases.objective(X, y, w, efron, best.coef, alpha, offset=o)
            # what the risk sets written out prove of the minimum
            proof = cases.lasso_gap(X, y, w, efron, best.coef, alpha, o)
            assert proof <= 1e-6 * fits.null_loss
            above = cases.objective(X, y, w, efron, fits[k].coef, alpha, offset=o) - lowest
            assert above <= fits.gaps[k] + 1e-13
            assert fits.gaps[k] <= fits.tols[k]


@BOTH
@pytest.mark.parametrize("name", ["elastic net", "ridge", "weights", "positive", "box"])
def test_stationarity_under_every_penalty(rng, ties, name):
    X, y, s, _ = make(rng, late=0.5, strata=2)
    l1_weights = np.array([0, 0, 1, 2, np.inf, 0.5, 1, 1, 1, 1])
    more = {
        "elastic net": {"l1_ratio": 0.5},
        "ridge": {"l1_ratio": 0.0},
        "weights": {"l1_weights": l1_weights, "l1_ratio": 0.7},
        "positive": {"positive": True},
        "box": {"bounds": (-0.1, 0.2)},
    }[name]
    options = {"loss": Cox(ties), "sample_weight": s, "tol": 1e-12}
    fit = solve(X, given(y), alpha=0.02, **options, **more)
    assert fit.converged
    ratio, l1 = more.get("l1_ratio", 1.0), more.get("l1_weights", np.ones(10))
    low, high = more.get("bounds", (0.0 if "positive" in more else -np.inf, np.inf))
    T = cases.terms(y, s, ties == "efron")
    slope = X.T @ cases.residual(T, X @ fit.coef) / s.sum() - 0.02 * (1 - ratio) * fit.coef
    w, l1 = fit.coef, 0.02 * ratio * np.minimum(l1, 1e6)
    assert w[4] == 0.0 or name != "weights"
    assert np.all((low <= w) & (w <= high))
    at_zero, inside = w == 0.0, (w != 0.0) & (w > low) & (w < high)
    assert_allclose(slope[inside], (l1 * np.sign(w))[inside], atol=1e-6)
    assert np.all(slope[at_zero] <= l1[at_zero] + 1e-6)
    assert low == 0.0 or np.all(slope[at_zero] >= -l1[at_zero] - 1e-6)
    assert np.all(slope[w == high] >= 0.02 * ratio - 1e-6)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_every_layout_gives_the_same(rng, weighted):
    X, y, s, offset = make(rng, p=30, density=0.3, late=0.5)
    X = X.astype(np.float32).astype(np.float64)
    options = {"loss": Cox("efron"), "n_alphas": 15, "eps": 0.02, "tol": 1e-11}
    if weighted:
        options |= {"sample_weight": s, "offset": offset, "standardize": True}
    expected = path(np.asfortranarray(X), given(y), **options)
    assert expected.converged
    for each in (
        sp.csc_array(X),
        sp.csr_array(X),
        X.astype(np.float32),
        sp.csc_array(X.astype(np.float32)),
        np.ascontiguousarray(X),
    ):
        found = path(each, given(y), **options)
        assert found.converged
        assert_allclose(found.alphas, expected.alphas, rtol=1e-12)
        assert_allclose(found.coefs.toarray(), expected.coefs.toarray(), atol=1e-4)


def test_many_features(rng):
    # more slots than samples, Gram matrices that are kept, cold single fits
    X, y, *_ = make(rng, n=50, p=400, late=0.3)
    fits = path(X, given(y), loss="cox", n_alphas=30, eps=0.05, tol=1e-8)
    assert fits.converged
    ones = np.ones(50)
    for k in (5, 15, 29):
        alpha = fits.alphas[k]
        proof = cases.lasso_gap(X, y, ones, False, fits[k].coef, alpha)
        assert proof <= 1e-3 * fits.null_loss
        single = solve(X, given(y), loss="cox", alpha=alpha, tol=1e-8)
        assert abs(single.dev_ratio - fits.dev_ratio[k]) <= 1e-4
        start = solve(X, given(y), loss="cox", alpha=alpha, tol=1e-8, coef_init=np.ones(400))
        assert abs(start.dev_ratio - fits.dev_ratio[k]) <= 1e-4


@BOTH
def test_only_the_order_of_times_matters(rng, ties):
    X, y, *_ = make(rng, strata=2)
    expected = solve(X, given(y), loss=Cox(ties), alpha=0.02, tol=1e-12)
    changed = y.copy()
    changed[:, 1] = np.exp(y[:, 1] / 5.0)
    found = solve(X, given(changed), loss=Cox(ties), alpha=0.02, tol=1e-12)
    assert_array_equal(found.coef, expected.coef)


@BOTH
def test_strata_are_problems_with_the_same_coefficients(rng, ties):
    # the times of one stratum, moved after those of the other, with entries that keep them apart
    X, y, s, _ = make(rng, strata=2, late=0.5)
    expected = solve(X, given(y), loss=Cox(ties), alpha=0.02, tol=1e-12, sample_weight=s)
    apart = y.copy()
    apart[:, 0] = np.where(np.isneginf(y[:, 0]), -1.0, y[:, 0]) + 1e4 * y[:, 3]
    apart[:, 1] += 1e4 * y[:, 3]
    apart[:, 3] = 0.0
    found = solve(X, given(apart), loss=Cox(ties), alpha=0.02, tol=1e-12, sample_weight=s)
    assert_allclose(found.coef, expected.coef, atol=1e-9)


def test_a_constant_for_a_stratum_changes_nothing(rng):
    X, y, *_ = make(rng, strata=2)
    expected = solve(X, given(y), loss="cox", alpha=0.02, tol=1e-12)
    moved = X + np.outer(y[:, 3], np.arange(10))
    found = solve(moved, given(y), loss="cox", alpha=0.02, tol=1e-12)
    assert_allclose(found.coef, expected.coef, atol=1e-7)
    # a feature that is constant in every stratum has no coefficient, penalised or not
    both = np.column_stack([X, y[:, 3]])
    for alpha in (0.0, 0.02):
        fit = solve(both, given(y), loss="cox", alpha=alpha, tol=1e-10)
        assert fit.coef[-1] == 0.0
        assert fit.converged


def test_weights_count_samples(rng):
    X, y, *_ = make(rng)
    counts = rng.integers(0, 3, 60)
    rows = np.repeat(np.arange(60), counts)
    options = {"loss": "cox", "alpha": 0.03, "tol": 1e-12}
    weighted = solve(X, given(y), sample_weight=counts, **options)
    repeated = solve(X[rows], given(y, rows), **options)
    assert_allclose(weighted.coef, repeated.coef, atol=1e-8)
    assert_allclose(weighted.dev_ratio, repeated.dev_ratio, rtol=1e-8)
    kept = counts > 0
    for ties in ("breslow", "efron"):
        options["loss"] = Cox(ties)
        gone = solve(X[kept], given(y, kept), sample_weight=counts[kept], **options)
        zero = solve(X, given(y), sample_weight=counts, **options)
        assert_allclose(zero.coef, gone.coef, atol=1e-9)
    halved = solve(X, given(y), sample_weight=0.5 * counts, **options)
    assert_allclose(halved.coef, zero.coef, atol=1e-12)


@BOTH
def test_an_offset_is_a_feature_with_coefficient_one(rng, ties):
    X, y, _, offset = make(rng, late=0.4)
    options = {"loss": Cox(ties), "alpha": 0.02, "tol": 1e-12}
    expected = solve(X, given(y), offset=offset, **options)
    bounds = np.append(np.full(10, -np.inf), 1.0), np.append(np.full(10, np.inf), 1.0)
    l1_weights = np.append(np.ones(10), 0.0)
    both = np.column_stack([X, offset])
    found = solve(both, given(y), bounds=bounds, l1_weights=l1_weights, **options)
    assert_allclose(found.coef[:-1], expected.coef, atol=1e-6)
    moved = solve(X, given(y), offset=offset + 100.0, **options)
    assert_allclose(moved.coef, expected.coef, atol=1e-9)


def test_threads_and_row_order_do_not_matter(rng):
    X, y, s, _ = make(rng, n=200, strata=2, late=0.3)
    options = {"loss": Cox("efron"), "n_alphas": 10, "eps": 0.02, "tol": 1e-11}
    one, two, three = (
        path(X, given(y), sample_weight=s, n_threads=k, **options) for k in (1, 2, 3)
    )
    assert_array_equal(one.coefs.toarray(), two.coefs.toarray())
    assert_array_equal(one.coefs.toarray(), three.coefs.toarray())
    rows = rng.permutation(200)
    other = path(X[rows], given(y, rows), sample_weight=s[rows], **options)
    assert_allclose(other.coefs.toarray(), one.coefs.toarray(), atol=1e-6)


@BOTH
def test_known_numbers(ties):
    # the validation sets of R's survival package, and closed forms of the first
    first = survival([1, 1, 6, 6, 8, 9], [1, 0, 1, 1, 0, 1])
    x = np.array([[1.0], [1], [1], [0], [0], [0]])
    second = survival(
        [2, 3, 6, 7, 8, 9, 9, 9, 14, 17],
        [1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
        start=[1, 2, 5, 2, 1, 7, 3, 4, 8, 8],
    )
    z = np.array([[1.0], [0], [0], [1], [0], [1], [1], [1], [0], [0]])
    expected = {
        "breslow": (1.47528491482903, -0.08452608066130891),
        "efron": (1.676857485592897, -0.0211052095801749),
    }[ties]
    for X, y, right in ((x, first, expected[0]), (z, second, expected[1])):
        fit = solve(X, y, loss=Cox(ties), alpha=0.0, tol=1e-14)
        assert_allclose(fit.coef, right, rtol=1e-6)


def test_without_an_l1_part_events_that_are_separated_have_no_minimum():
    # the larger feature always has the event first
    x, y = np.arange(8.0)[:, np.newaxis], survival(np.arange(8.0, 0.0, -1.0), np.ones(8))
    with pytest.warns(ConvergenceWarning, match="No finite optimum: feature 0 tells samples with"):
        fit = solve(x, y, loss="cox", alpha=0.0)
    assert np.isfinite(fit.coef).all()  # near enough to the infimum, which is 0
    assert cases.objective(x, cases_of(y), np.ones(8), False, fit.coef, 0.0) <= fit.gap + 1e-15
    assert solve(x, y, loss="cox", alpha=1e-3).converged


def cases_of(y):
    """Return targets with four columns."""
    return np.column_stack([np.full(len(y), -np.inf), y["time"], y["event"], np.zeros(len(y))])


def test_everything_at_one_time(rng):
    X, y = rng.standard_normal((10, 3)), survival(np.ones(10), np.ones(10))
    fits = path(X, y, loss="cox", n_alphas=5)  # Breslow: nothing to explain
    assert_array_equal(fits.coefs.toarray(), 0.0)
    fit = solve(X, survival(np.ones(10), np.arange(10) < 5), loss=Cox("efron"), alpha=0.01)
    assert fit.converged
    assert fit.coef.any()


def test_there_is_room_for_few_slots_only(rng):
    X, y, *_ = make(rng, n=50, p=200)
    with pytest.warns(UserWarning, match="converge"):
        fit = solve(X, given(y), loss="cox", alpha=1e-3, gram_memory=2_000)
    assert not fit.converged
    assert fit.gap > 0.0
    best = solve(X, given(y), loss="cox", alpha=1e-3, tol=1e-10)
    ones = np.ones(50)
    above = cases.objective(X, y, ones, False, fit.coef, 1e-3) - cases.objective(
        X, y, ones, False, best.coef, 1e-3
    )
    assert above <= fit.gap + 1e-12


def test_other_solvers_are_refused(rng):
    X, y, *_ = make(rng)
    with pytest.raises(ValueError, match="solver='cd' is for a quadratic loss"):
        solve(X, given(y), loss="cox", alpha=0.1, solver="cd")
