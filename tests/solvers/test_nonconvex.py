"""NonconvexEngine: stationary points of MCP, SCAD and log-sum, by the penalties' own formulas."""

from dataclasses import replace

import numpy as np
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import KFold

from softreg_fast import Design, cv_path, path, relaxed_path, solve, stability_path
from softreg_fast.losses import Huber
from softreg_fast.penalties import MCP, SCAD, ElasticNet, LogSum

PENALTIES = {
    "mcp": MCP(strength=1.0),
    "mcp 1.2": MCP(strength=2.0, gamma=1.2),
    "scad": SCAD(strength=1.0),
    "scad 2.1": SCAD(strength=1.0, a=2.1),
    "log-sum": LogSum(strength=2.0, eps=3.0),
}

LAYOUTS = {
    "dense": np.asfortranarray,
    "rows": np.ascontiguousarray,
    "csc": sp.csc_array,
    "csc int64": lambda X: problems.int64_indices(sp.csc_array(X)),
    "float32": lambda X: np.asfortranarray(X, np.float32),
}

each_penalty = pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)


def data(rng, n=50, p=80, density=1.0):
    X = rng.standard_normal((n, p)) * np.exp(rng.standard_normal(p))
    X *= rng.random((n, p)) < density
    y = X[:, :5] @ rng.standard_normal(5) + rng.standard_normal(n)
    return X, y


def as_dense(X):
    return np.asarray(X.toarray() if sp.issparse(X) else X, np.float64)


def moments(X, s, fit_intercept):
    """Return the weights with sum 1, and the roots of the columns' curvatures."""
    s = np.full(len(X), 1.0) if s is None else s
    s = s / s.sum()
    mean = s @ X if fit_intercept else 0.0
    return s, np.sqrt(s @ np.square(X - mean))


def violations(X, y, fits, penalty, s=None, fit_intercept=True, standardize=False):
    """Return the largest violation of stationarity at each alpha, relative to alpha.

    Shapes are in units of a column's curvature: in columns of unit length the penalty is that of
    its class, with the weights of the coefficients there.
    """
    X = as_dense(X)
    s, root = moments(X, s, fit_intercept)
    weights = np.ones(X.shape[1]) if penalty.weights is None else penalty.weights
    there = weights * (1.0 if standardize else 1.0 / root)
    worst = []
    for fit in fits:
        gradient = -X.T @ (s * (y - X @ fit.coef - fit.intercept))
        at = replace(penalty, strength=penalty.strength * fit.alpha, weights=there)
        worst.append(at.violation(fit.coef * root, gradient / root) * root / fit.alpha)
    return np.max(worst, axis=1)


@each_penalty
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["", "no intercept"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_every_alpha_is_stationary(rng, penalty, layout, standardize, fit_intercept, weighted):
    X, y = data(rng, density=0.6)
    X = layout(X)
    s = rng.random(len(y)) if weighted else None
    options = {"standardize": standardize, "fit_intercept": fit_intercept}
    fits = path(X, y, penalty=penalty, n_alphas=30, eps=0.01, sample_weight=s, **options)
    assert fits.converged
    assert fits.df[0] == 0 < fits.df[-1]
    assert violations(X, y, fits, penalty, s, fit_intercept, standardize).max() <= 1e-9
    assert fits.stationarity.max() <= 1e-9
    assert fits.certificate == "distance to stationarity"
    assert_array_equal(fits.relative_gaps, fits.stationarity)


def test_other_fits_have_no_stationarity(rng):
    fits = path(*data(rng), n_alphas=3)
    assert fits.stationarity is None
    assert fits[1].stationarity is None
    assert fits.locally_convex is None
    assert fits.certificate == "duality gap"


@each_penalty
def test_gram_matrices_give_the_same(rng, penalty):
    X, y = data(rng, 120, 20)
    fits = [
        path(X, y, penalty=penalty, n_alphas=40, eps=1e-3, precompute=precompute)
        for precompute in (True, False)
    ]
    assert [each.strategy for each in fits] == ["gram", "working set"]
    away = np.abs((fits[0].coefs - fits[1].coefs).toarray()).max(axis=0)
    assert np.median(away) <= 1e-9  # slots have another order, which may lead into another valley
    assert violations(X, y, fits[0], penalty).max() <= 1e-9


@each_penalty
def test_orthogonal_columns_are_proximal_points(rng, penalty):
    X = np.linalg.qr(rng.standard_normal((60, 12)))[0] * np.sqrt(60.0)
    y = X @ np.linspace(-3.0, 3.0, 12) + rng.standard_normal(60)
    for alpha in (0.1, 0.4, 1.0):
        fit = solve(X, y, alpha=alpha, penalty=penalty, fit_intercept=False)
        at = replace(penalty, strength=penalty.strength * alpha)
        assert_allclose(fit.coef, at.prox(X.T @ y / 60.0, 1.0), atol=1e-10)


@pytest.mark.parametrize(
    "make",
    [
        lambda g: MCP(strength=1.0, gamma=g),
        lambda g: SCAD(strength=1.0, a=g),
        lambda g: LogSum(strength=g, eps=g),
    ],
    ids=["mcp", "scad", "log-sum"],
)
def test_with_an_infinite_shape_they_are_the_lasso(rng, make):
    X, y = data(rng)
    lasso = path(X, y, n_alphas=20, eps=0.02)
    fits = path(X, y, penalty=make(1e12), n_alphas=20, eps=0.02)
    assert_allclose(fits.coefs.toarray(), lasso.coefs.toarray(), atol=1e-7)
    assert fits.locally_convex[:5].all()


@each_penalty
def test_weights_are_repeated_rows_and_order_is_of_no_effect(rng, penalty):
    X, y = data(rng, 40, 30)
    s = rng.integers(1, 4, 40)
    options = {"penalty": penalty, "n_alphas": 20, "eps": 0.05}
    fits = path(X, y, sample_weight=s.astype(float), **options)
    rows = np.repeat(np.arange(40), s)
    repeated = path(X[rows], y[rows], **options)
    assert_allclose(fits.coefs.toarray(), repeated.coefs.toarray(), atol=1e-8)
    turn = rng.permutation(30)
    turned = path(X[:, turn], y, sample_weight=s.astype(float), **options)
    objective = np.abs(fits.dev_ratio - turned.dev_ratio)
    assert np.median(objective) <= 1e-12  # the order of descent may choose another valley


@each_penalty
def test_gamma_is_in_units_of_the_curvature(rng, penalty):
    X, y = data(rng, 40, 30)
    factor = np.exp(3.0 * rng.standard_normal(30))
    fits = path(X, y, penalty=penalty, n_alphas=20, eps=0.05, standardize=True)
    scaled = path(X * factor, y, penalty=penalty, n_alphas=20, eps=0.05, standardize=True)
    assert_allclose(scaled.coefs.toarray() * factor[:, np.newaxis], fits.coefs.toarray(), atol=1e-8)


@each_penalty
def test_no_neighbour_is_lower(rng, penalty):
    X, y = data(rng, 40, 60)
    s, root = moments(X, None, True)
    fits = path(X, y, penalty=penalty, n_alphas=10, eps=0.02)

    def objective(w, alpha):
        r = y - X @ w
        at = replace(penalty, strength=penalty.strength * alpha, weights=1.0 / root)
        return 0.5 * s @ np.square(r - s @ r) + at.value(w * root)

    for fit in fits:
        least = objective(fit.coef, fit.alpha)
        for size in (1e-6, 1e-4):
            moves = size * rng.standard_normal((40, 60)) * (rng.random((40, 60)) < 0.1) / root
            assert min(objective(fit.coef + e, fit.alpha) for e in moves) >= least - 1e-13


def least_curvature(penalty, alpha):
    """Return the least second derivative away from 0, in columns of unit curvature."""
    if isinstance(penalty, LogSum):
        return -alpha * penalty.strength / penalty.eps**2
    return -1.0 / penalty.gamma if isinstance(penalty, MCP) else -1.0 / (penalty.a - 1.0)


@each_penalty
def test_convexity_on_the_support_by_eigenvalues(rng, penalty):
    Z = rng.standard_normal((60, 1)) + 0.8 * rng.standard_normal((60, 25))
    y = Z[:, :5].sum(axis=1) + rng.standard_normal(60)
    X = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    fits = path(X, y, penalty=penalty, eps=1e-3)
    for fit in fits:
        support = np.flatnonzero(fit.coef)
        least = least_curvature(penalty, fit.alpha)
        hessian = X[:, support].T @ X[:, support] / 60.0 + least * np.eye(support.size)
        smallest = np.linalg.eigvalsh(hessian).min(initial=np.inf)
        if abs(smallest) > 1e-9:
            assert fit.locally_convex == (smallest > 0.0)
    assert fits[3:7].locally_convex.shape == (4,)
    assert fits.locally_convex[0]
    if not isinstance(penalty, LogSum):  # which is hardly bent at small alphas
        assert not fits.locally_convex[-1]


@pytest.mark.parametrize("eps", [0.05, 0.3])
def test_log_sum_enters_as_the_lasso_does_and_stays(rng, eps):
    # where two minima of a coefficient exist, the path keeps to the one from which it comes
    X = np.linalg.qr(rng.standard_normal((60, 12)))[0] * np.sqrt(60.0)
    y = X @ np.linspace(-3.0, 3.0, 12) + rng.standard_normal(60)
    z = X.T @ y / 60.0
    size, penalty = np.abs(z), LogSum(strength=eps, eps=eps)
    fits = path(X, y, penalty=penalty, n_alphas=30, eps=0.01, fit_intercept=False)
    for fit in fits:
        assert_array_equal(fit.coef != 0.0, size > fit.alpha * (1.0 + 1e-12))
        root = 0.5 * (
            size - eps + np.sqrt(np.maximum((size + eps) ** 2 - 4.0 * eps * fit.alpha, 0.0))
        )
        assert_allclose(fit.coef, np.where(fit.coef != 0.0, np.sign(z) * root, 0.0), atol=1e-9)
    assert violations(X, y, fits, penalty, fit_intercept=False).max() <= 1e-9
    assert not fits.locally_convex[1]
    upwards = solve(
        X, y, alpha=1.05 * size.max(), penalty=penalty, fit_intercept=False, coef_init=fits[3].coef
    )
    assert upwards.coef.any()
    assert not solve(X, y, alpha=1.05 * size.max(), penalty=penalty, fit_intercept=False).coef.any()


@pytest.mark.parametrize("eps", [0.05, 0.5])
def test_strongly_bent_log_sums_are_stationary(rng, eps):
    X, y = data(rng)
    penalty = LogSum(strength=1.0, eps=eps)
    for precompute in (True, False):
        fits = path(X, y, penalty=penalty, n_alphas=30, eps=0.01, precompute=precompute)
        assert fits.converged
        assert fits.stationarity.max() <= 1e-9
        worst = violations(X, y, fits, penalty) * eps  # relative to the slope at 0
        assert worst.max() <= 1e-9


def test_the_eps_of_log_sum_has_the_unit_of_y(rng):
    X, y = data(rng)
    one = path(X, y, penalty=LogSum(eps=2.0), alphas=[1.0, 0.3, 0.1])
    other = path(X, 1e3 * y, penalty=LogSum(strength=1e6, eps=2e3), alphas=[1.0, 0.3, 0.1])
    assert one.df[-1] > 0
    assert_allclose(other.coefs.toarray(), 1e3 * one.coefs.toarray(), rtol=1e-8, atol=1e-8)
    folds = cv_path(X, y, penalty=LogSum(eps=2.0), n_alphas=5, cv=KFold(3))
    train, _ = next(KFold(3).split(X))
    assert violations(X[train], y[train], folds.fold_paths[0], LogSum(eps=2.0)).max() <= 1e-9


def test_weights_of_coefficients_signs_and_bounds(rng):
    X, y = data(rng, 50, 30)
    y += 3.0 * X[:, 7]
    weights = rng.random(30)
    weights[:2] = 0.0
    penalty = MCP(strength=0.5, weights=weights)
    fits = path(X, y, penalty=penalty, n_alphas=20, eps=0.01)
    assert fits.df[0] == 2
    assert violations(X, y, fits, penalty).max() <= 1e-9
    free = path(X, y, penalty=SCAD(strength=1.0), n_alphas=20, eps=0.01)
    signed = SCAD(strength=1.0, positive=True)
    fits = path(X, y, penalty=signed, n_alphas=20, eps=0.01)
    assert free.coefs.min() < 0.0 <= fits.coefs.min()
    assert violations(X, y, fits, signed).max() <= 1e-9
    box = path(X, y, penalty=SCAD(strength=1.0), n_alphas=20, eps=0.01, bounds=(-0.1, 0.2))
    assert box.coefs.min() >= -0.1
    assert box.coefs.max() == 0.2
    assert box.stationarity.max() <= 1e-9


@each_penalty
def test_everything_around_a_path(rng, penalty):
    X, y = data(rng, 80, 30)
    found = cv_path(X, y, penalty=penalty, n_alphas=20)
    assert found.path.certificate == "distance to stationarity"
    assert violations(X, y, found.path, penalty).max() <= 1e-9
    by_bic = cv_path(X, y, penalty=penalty, n_alphas=20, criterion="bic")
    assert by_bic.path.converged
    assert relaxed_path(X, y, penalty=penalty, n_alphas=20, eps=0.05).path.converged
    stable = stability_path(X, y, penalty=penalty, n_subsamples=10, n_alphas=20, eps=0.1)
    assert len(stable.max_frequencies) == 30
    steps = []
    path(X, y, penalty=penalty, n_alphas=5, callback=steps.append)
    assert len(steps) == 5
    assert max(step.gap for step in steps) <= 1e-9


@each_penalty
def test_threads_give_the_same_bits(rng, penalty, monkeypatch):
    monkeypatch.setattr("softreg_fast.system.threads.SMALLEST_PARALLEL_WORK", 1)
    X, y = data(rng)
    fits = [path(X, y, penalty=penalty, n_alphas=20, n_threads=k) for k in (1, 2, 3)]
    for other in fits[1:]:
        assert_array_equal(other.coefs.toarray(), fits[0].coefs.toarray())


def test_a_start_at_the_solution_stays(rng):
    X, y = data(rng)
    fit = solve(X, y, alpha=0.3, penalty=MCP(strength=1.0))
    again = solve(X, y, alpha=0.3, penalty=MCP(strength=1.0), coef_init=fit.coef)
    assert_allclose(again.coef, fit.coef, atol=1e-10)


def test_misfits(rng):
    X, y = data(rng)
    mcp = MCP(strength=1.0)
    for words, options in (
        ("alpha is 0", {"alphas": [1.0, 0.0]}),
        (
            "^MCP, SCAD, LogSum, LHalf, SLOPE and the penalties of groups are fitted with",
            {"loss": Huber(delta=1.0)},
        ),
        ("solver='auto' only", {"solver": "cd"}),
        ("solver='auto' only", {"solver": "gradient"}),
        ("gram_memory", {"gram_memory": 100}),
        ("l1_ratio was given too", {"l1_ratio": 0.5}),
    ):
        with pytest.raises(ValueError, match=words):
            path(X, y, penalty=mcp, **options)
    for nothing in (MCP(strength=0.0), SCAD(weights=np.zeros(80))):
        with pytest.raises(ValueError, match="penalises nothing: its strength, or each of its"):
            path(X, y, penalty=nothing)
    with pytest.warns(UserWarning, match="hard thresholding"):
        fits = path(X, y, penalty=MCP(strength=1.0, gamma=0.5), n_alphas=10, eps=0.02)
    assert fits.stationarity.max() <= 1e-9
    with pytest.raises(ValueError, match="with bounds gamma must be > 1"):
        path(X, y, penalty=MCP(strength=1.0, gamma=0.5), bounds=(-1.0, 1.0))
    with pytest.raises(TypeError, match=r"softreg_fast\.penalties"):
        path(X, y, penalty="mcp")
    assert path(X, y, penalty=ElasticNet(strength=1.0), n_alphas=3).stationarity is None


def test_a_design_may_be_shared(rng):
    X, y = data(rng)
    design = Design(X, y)
    first = path(design, penalty=MCP(strength=1.0), n_alphas=10)
    path(design, n_alphas=10)
    second = path(design, penalty=MCP(strength=1.0), n_alphas=10)
    assert_array_equal(first.coefs.toarray(), second.coefs.toarray())


def test_several_penalties_are_searched(rng):
    X, y = data(rng, 80, 30)
    each = [MCP(strength=1.0, gamma=g) for g in (1.5, 3.0, 1e9)]
    found = cv_path(X, y, penalty=each, n_alphas=20)
    alone = [cv_path(X, y, penalty=one, n_alphas=20) for one in each]
    assert found.errors_by_gamma.shape[1] == 3
    best = int(np.argmin([one.mean_errors.min() for one in alone]))
    assert found.penalty is each[best]
    assert_array_equal(found.path.coefs.toarray(), alone[best].path.coefs.toarray())
    assert "3 penalties x" in repr(found)
    assert f"penalty {each[best]!r}" in str(found)
    assert alone[0].penalty is None
    for words, options in (
        ("empty list", {"penalty": []}),
        ("not both", {"penalty": each, "l1_ratio": [0.5, 1.0]}),
    ):
        with pytest.raises(ValueError, match=words):
            cv_path(X, y, **options)
