"""Penalties of groups, SLOPE, MCP, SCAD and LogSum under losses beyond squared error."""

import glm
import numpy as np
import penalty_oracles
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import PenalizedRegression, Status, cv_path, path, relaxed_path, solve
from softreg_fast.losses import InverseGaussian, Quantile
from softreg_fast.penalties import MCP, SCAD, SLOPE, GroupLasso, LogSum, SparseGroupLasso
from softreg_fast.solvers import group_reweighted

KINDS = ["logistic", "poisson", "gamma", "tweedie", "negative binomial", "probit", "huber",
         "squared hinge", "cloglog"]  # fmt: skip
CONVEX = {
    "groups": GroupLasso(size=4),
    "sparse groups": SparseGroupLasso(size=4, l1_ratio=0.4),
    "SLOPE": SLOPE(q=0.2),
}
BENT = {"MCP": MCP(gamma=6.0), "SCAD": SCAD(a=6.0), "LogSum": LogSum(eps=0.5)}
OPTIONS = {
    "": {},
    "standardized": {"standardize": True},
    "no intercept": {"fit_intercept": False},
    "weighted": {"weighted": True},
    "offset": {"offset": True},
    "sparse": {"sparse": True},
}

each_kind = pytest.mark.parametrize("kind", KINDS)
each_convex = pytest.mark.parametrize("penalty", CONVEX.values(), ids=CONVEX)
each_bent = pytest.mark.parametrize("penalty", BENT.values(), ids=BENT)
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


class Case:
    """Data, the arguments of `path` for them, and the same for the oracle."""

    def __init__(self, rng, kind, options=None, n=60, p=24):
        given = dict(options or {})
        data = glm.make(rng, kind, n, p, density=0.5 if given.get("sparse") else 1.0)
        self.kind, self.X, self.y = kind, data.X, data.y
        self.loss = glm.LOSSES[kind]
        self.s = data.s if given.pop("weighted", False) else None
        self.offset = data.offset if given.pop("offset", False) else None
        stored = sp.csc_array(data.X) if given.pop("sparse", False) else data.X
        self.arguments = stored, data.y
        self.options = {"loss": self.loss, "sample_weight": self.s, "offset": self.offset, **given}
        weight = np.full(n, 1 / n) if self.s is None else self.s / self.s.sum()
        centre = weight @ data.X if given.get("fit_intercept", True) else 0.0
        deviations = np.sqrt(weight @ np.square(data.X - centre))
        self.factors = deviations if given.get("standardize") else np.ones(p)
        offset = np.zeros(n) if self.offset is None else self.offset
        self.data = data.X, data.y, weight, offset, self.factors

    def path(self, penalty, **more):
        return path(*self.arguments, penalty=penalty, **(self.options | more))

    def slopes(self, fit):
        """Return minus the gradient of the loss, by the coefficients that are penalised."""
        X, y, s, offset, factors = self.data
        r = self.loss.residual(y, X @ fit.coef + fit.intercept + offset)
        return X.T @ (s * r) / factors

    def bounds(self, penalty, fit):
        """Return the objective of a fit and a lower bound on the minimum, by the oracle."""
        p = len(self.factors)
        if isinstance(penalty, SLOPE):
            lambdas = penalty.lambdas(p)

            def value(w):
                return fit.alpha * penalty_oracles.sorted_l1(w, lambdas)

            def scaling(z):
                sums = np.cumsum(np.sort(np.abs(z))[::-1]) / np.cumsum(lambdas)
                return min(1.0, fit.alpha / sums.max())

        else:
            labels, share = np.arange(p) // 4, penalty.l1_ratio
            weight = np.full(p // 4, fit.alpha * (1.0 - share) * 2.0)
            thin = np.full(p // 4, fit.alpha * share)

            def value(w):
                return penalty_oracles.group_value(w, labels, weight, thin)

            def scaling(z):
                return min(
                    penalty_oracles.largest_group_scaling(z[labels == g], weight[g], thin[g])
                    for g in range(p // 4)
                )

        return penalty_oracles.norm_bounds(self.kind, self.data, fit, value, scaling)


@each_convex
@each_kind
def test_every_gap_is_true(rng, penalty, kind):
    case = Case(rng, kind)
    tight = case.path(penalty, n_alphas=6, eps=0.05, tol=1e-13)
    loose = case.path(penalty, alphas=tight.alphas, tol=1e-4)
    assert tight.certificate == "duality gap"
    assert tight.df[0] == 0 < tight.df[-1]
    for good, rough in zip(tight, loose, strict=True):
        primal, lower = case.bounds(penalty, good)
        assert primal - lower <= 1e-5 * good.null_loss  # of a multiple of the residual
        assert good.gap <= 1e-10 * good.null_loss
        objective, _ = case.bounds(penalty, rough)
        assert objective - primal <= rough.gap + 1e-9 * good.null_loss
        assert rough.gap <= rough.tol


@each_option
@each_convex
def test_options(rng, penalty, options):
    case = Case(rng, "logistic", options)
    fits = case.path(penalty, n_alphas=5, eps=0.05, tol=1e-13)
    assert fits.df[-1] > 0
    for fit in fits:
        assert fit.gap <= 1e-10 * fit.null_loss
        if options.get("fit_intercept", True):
            primal, lower = case.bounds(penalty, fit)
            assert primal - lower <= 1e-5 * fit.null_loss


@each_option
@each_bent
def test_stationary_points(rng, penalty, options):
    case = Case(rng, "logistic", options, n=150)
    fits = case.path(penalty, n_alphas=6, eps=0.2)
    assert fits.converged
    assert fits.stationarity.max() <= 1e-9
    assert fits.df[-1] > 0
    X, y, s, offset, factors = case.data
    centre = s @ X if options.get("fit_intercept", True) else 0.0
    variance = s @ np.square(X - centre) / np.square(factors)
    null = fits[0].intercept + offset  # the first fit has no features
    unit = s @ case.loss.curvature(y, null) * variance
    for fit in fits:
        w, z, alpha = factors * fit.coef, case.slopes(fit), fit.alpha
        size = np.abs(w)
        if isinstance(penalty, LogSum):
            eps = penalty.eps / np.sqrt(unit)
            slope = alpha * penalty.steepness * eps / (eps + size)
        elif isinstance(penalty, MCP):
            slope = np.maximum(alpha - unit * size / penalty.gamma, 0.0)
        else:
            falling = np.maximum(penalty.a * alpha - unit * size, 0.0) / (penalty.a - 1.0)
            slope = np.minimum(alpha, falling)
        largest = alpha * penalty.steepness
        distance = np.where(w == 0.0, np.maximum(np.abs(z) - largest, 0.0),
                            np.abs(z - np.sign(w) * slope))  # fmt: skip
        assert distance.max() <= 1e-8 * largest


@each_kind
def test_other_losses_are_stationary_under_mcp(rng, kind):
    case = Case(rng, kind, n=200, p=12)
    fits = case.path(MCP(gamma=6.0), n_alphas=5, eps=0.3)
    assert fits.stationarity.max() <= 1e-8
    assert fits.df[-1] > 0


@pytest.mark.parametrize("kind", ["logistic", "poisson", "huber"])
@pytest.mark.parametrize(
    "penalty",
    [GroupLasso(size=1), SLOPE(weights=np.ones(24)), MCP(gamma=1e9)],
    ids=["groups of one", "equal weights", "no bend"],
)
def test_equal_to_l1(rng, kind, penalty):
    case = Case(rng, kind)
    plain = case.path(None, n_alphas=6, eps=0.05, tol=1e-14)
    fits = case.path(penalty, n_alphas=6, eps=0.05, tol=1e-14)
    assert_allclose(fits.alphas, plain.alphas, rtol=1e-12)
    scale = np.abs(plain.coefs.toarray()).max()
    assert_allclose(fits.coefs.toarray(), plain.coefs.toarray(), atol=1e-5 * scale)
    assert_allclose(fits.dev_ratio, plain.dev_ratio, atol=1e-6)


EVERY = CONVEX | {"MCP": BENT["MCP"]}
each_penalty = pytest.mark.parametrize("penalty", EVERY.values(), ids=EVERY)


@each_penalty
def test_weights_are_repeated_rows(rng, penalty):
    case = Case(rng, "poisson", n=80)
    s = rng.integers(0, 3, 80)
    X, y = case.X, case.y
    fits = case.path(penalty, sample_weight=s, n_alphas=5, eps=0.2, tol=1e-13)
    rows = np.repeat(np.arange(80), s)
    again = path(X[rows], y[rows], loss="poisson", penalty=penalty, alphas=fits.alphas, tol=1e-13)
    assert_allclose(again.coefs.toarray(), fits.coefs.toarray(), atol=1e-6)


@each_penalty
def test_a_constant_offset_is_absorbed(rng, penalty):
    case = Case(rng, "logistic", n=100)
    fits = case.path(penalty, n_alphas=5, eps=0.2, tol=1e-13)
    moved = case.path(penalty, alphas=fits.alphas, offset=np.full(100, 0.7), tol=1e-13)
    assert_allclose(moved.coefs.toarray(), fits.coefs.toarray(), atol=1e-6)
    assert_allclose(moved.intercepts, fits.intercepts - 0.7, atol=1e-6)


@each_penalty
def test_sparse_is_dense(rng, penalty):
    case = Case(rng, "logistic", {"sparse": True}, n=100)
    fits = case.path(penalty, n_alphas=5, eps=0.2, tol=1e-12)
    dense = path(case.X, case.y, loss="logistic", penalty=penalty, alphas=fits.alphas, tol=1e-12)
    assert_allclose(fits.coefs.toarray(), dense.coefs.toarray(), atol=1e-7)


def test_clusters_are_exactly_equal(rng):
    case = Case(rng, "logistic", n=100)
    case.X[:, 1::2] = case.X[:, ::2] + 0.3 * rng.standard_normal((100, 12))
    fits = case.path(SLOPE(q=0.9), n_alphas=10, eps=0.05)
    sizes = [np.abs(fit.coef[fit.coef != 0.0]) for fit in fits]
    assert sum(each.size for each in sizes) > sum(np.unique(each).size for each in sizes)


def test_features_without_a_group(rng):
    case = Case(rng, "logistic", n=100)
    labels = np.append([-1, -1], np.arange(22) // 4)
    fits = case.path(GroupLasso(groups=labels), n_alphas=5, eps=0.1, tol=1e-12)
    assert fits.converged
    for fit in fits:
        assert fit.coef[:2].all()
        assert_allclose(case.slopes(fit)[:2], 0.0, atol=1e-6)


def test_a_separating_feature_without_a_group(rng):
    case = Case(rng, "logistic", n=100)
    case.X[:, 0] = np.where(case.y > 0, 1.0, -1.0) * (1.0 + rng.random(100))
    labels = np.append([-1], np.arange(23) // 4)
    with pytest.warns(Warning, match="No finite optimum: feature 0 separates the classes"):
        case.path(GroupLasso(groups=labels), alphas=[0.1])


@pytest.mark.parametrize("size", [4, 60], ids=["small groups", "groups larger than n"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_many_slots_and_little_memory(rng, monkeypatch, size, sparse):
    monkeypatch.setattr(group_reweighted, "PANEL_ENTRIES", 500)  # so that there are several panels
    case = Case(rng, "logistic", {"sparse": sparse}, n=40, p=120)
    penalty = GroupLasso(size=size)
    fits = case.path(penalty, n_alphas=8, eps=0.01, tol=1e-12)
    small = case.path(penalty, alphas=fits.alphas, gram_memory=1000, tol=1e-12)
    assert fits.df[-1] > 40
    assert fits.converged
    assert_allclose(small.dev_ratio, fits.dev_ratio, atol=1e-6)
    whole = np.sqrt(size)
    for fit in fits:
        z = np.sqrt(np.square(case.slopes(fit)).reshape(-1, size).sum(axis=1))
        assert z.max() <= fit.alpha * whole * (1.0 + 1e-4)


def test_too_little_memory(rng):
    case = Case(rng, "logistic", n=40, p=120)
    for penalty in (SLOPE(), MCP(gamma=6.0)):
        with pytest.raises(ValueError, match="gram_memory"):
            case.path(penalty, n_alphas=5, gram_memory=100)


@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")
@each_penalty
def test_model_selection_and_predictions(rng, penalty):
    case = Case(rng, "logistic", n=100)
    for measure in ("deviance", "auc"):
        found = cv_path(case.X, case.y, loss="logistic", penalty=penalty, n_alphas=5, eps=0.2,
                        cv=3, measure=measure)  # fmt: skip
        assert np.isfinite(found.mean_errors).all()
    refits = relaxed_path(case.X, case.y, loss="logistic", penalty=penalty, n_alphas=4, eps=0.3)
    assert len(refits.path.alphas) == len(refits.refits.alphas) == 4
    fit = solve(case.X, case.y, loss="logistic", penalty=penalty, alpha=0.02)
    proba = fit.predict(case.X, kind="proba")
    assert_allclose(proba.sum(axis=1), 1.0)
    assert_array_equal(fit.predict(case.X, kind="class"), (proba[:, 1] > 0.5).astype(float))
    model = PenalizedRegression(penalty, loss="logistic", alpha=0.02).fit(case.X, case.y)
    assert_allclose(model.coef_, fit.coef, atol=1e-12)


@each_penalty
def test_warm_starts(rng, penalty):
    case = Case(rng, "poisson", n=100)
    fit = solve(case.X, case.y, loss="poisson", penalty=penalty, alpha=0.05, tol=1e-12)
    again = solve(case.X, case.y, loss="poisson", penalty=penalty, alpha=0.05, tol=1e-12,
                  coef_init=fit.coef)  # fmt: skip
    assert_allclose(again.coef, fit.coef, atol=1e-6)
    with pytest.warns(Warning, match="max_iter"):
        few = solve(case.X, case.y, loss="poisson", penalty=penalty, alpha=0.02, max_iter=1,
                    tol=1e-12)  # fmt: skip
    assert few.status == Status.MAX_ITER


def test_nothing_to_explain(rng):
    X = rng.standard_normal((30, 8))
    for penalty in (GroupLasso(size=4), SLOPE(), MCP(gamma=6.0)):
        fits = path(X, np.ones(30), loss="poisson", penalty=penalty, n_alphas=3)
        assert fits.df.max() == 0


def test_misfits(rng):
    case = Case(rng, "gamma")
    for penalty in (GroupLasso(size=4), SLOPE(), MCP(gamma=6.0)):
        for words, options in (
            ("alpha is 0", {"alphas": [1.0, 0.0]}),
            ("is for a quadratic loss", {"solver": "cd"}),
            ("under convex losses with a derivative", {"loss": InverseGaussian()}),
            ("under convex losses with a derivative", {"loss": Quantile(0.3)}),
            ("of one number per sample", {"loss": "multinomial"}),
        ):
            y = np.arange(60) % 3 if options.get("loss") == "multinomial" else case.y
            with pytest.raises(ValueError, match=words):
                path(case.X, y, penalty=penalty, **(case.options | options))
