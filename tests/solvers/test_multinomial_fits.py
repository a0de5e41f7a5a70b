"""Fits of the multinomial loss, with penalties of single coefficients and of rows.

Objective and lower bound are computed here from their definitions, from the coefficients and the
dual point of the solver.
"""

import warnings
from typing import NamedTuple

import numpy as np
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from problems import INF
from scipy.special import logsumexp, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from softreg_fast import Design, cv_path, path, solve, stability_path
from softreg_fast.data.given import as_design
from softreg_fast.losses import Multinomial
from softreg_fast.paths.path import PathRun
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.multinomial import MultinomialEngine
from softreg_fast.solvers.problem import Options, Problem

LOSSES = {"single": Multinomial(), "rows": Multinomial(grouped=True)}
each_penalty = pytest.mark.parametrize("kind", LOSSES)

PENALTIES = {
    "lasso": {"alpha": 0.1},
    "weak": {"alpha": 1e-3},
    "elastic net": {"alpha": 0.1, "l1_ratio": 0.5},
    "ridge": {"alpha": 0.1, "l1_ratio": 0.0},
    "weighted": {"alpha": 0.1, "l1_weights": np.array([0, 0, 1, 2, INF, 0.5, 1, 1, 1, 1])},
    "ridge in part": {
        "alpha": 0.1,
        "l1_ratio": 0.6,
        "l1_weights": np.array([0, 1, 1, 2, 0, 0.5, 1, 1, 1, 1]),
        "l2_weights": np.array([1, 1, 0, 2, 0, 0.5, INF, 1, 1, 1]),
    },
}


class Data(NamedTuple):
    """Features, labels, sample weights with zeros, offset."""

    X: np.ndarray
    y: np.ndarray
    s: np.ndarray
    offset: np.ndarray


def make(rng, n=80, p=10, n_classes=3, density=1.0):
    """Return data of which a few features tell the classes."""
    X = rng.standard_normal((n, p)) + 0.5 * rng.standard_normal((n, 1))
    X *= rng.random((n, p)) < density
    X = X.astype(np.float32).astype(np.float64)  # the same numbers in single precision
    eta = X[:, :3] @ (1.5 * rng.standard_normal((3, n_classes)))
    y = np.argmax(eta + rng.gumbel(size=eta.shape), axis=1)
    y[:n_classes] = np.arange(n_classes)
    s = problems.sample_weights(rng, n)
    s[:n_classes] = 1.0
    return Data(X, np.array(list("abcdefgh"))[y], s, 0.4 * rng.standard_normal(eta.shape))


def alpha_max(data, loss, **options):
    """Return the largest alpha that matters without weights of features."""
    return path(data.X, data.y, loss=loss, n_alphas=1, **options).alphas[0]


class Fit(NamedTuple):
    """A Solution, the problem's numbers, and the dual point without weights."""

    solution: object
    X: np.ndarray
    Y: np.ndarray
    s: np.ndarray
    offset: np.ndarray
    l1: np.ndarray
    l2: np.ndarray
    theta: np.ndarray
    intercept: bool

    @property
    def by_rows(self):
        return self.solution.loss.grouped

    def primal(self):
        """Return the objective."""
        w = self.solution.coef.T
        eta = self.offset + self.X @ w + self.solution.intercept
        loss = self.s @ (logsumexp(eta, axis=1) - (self.Y * eta).sum(axis=1)) / self.s.sum()
        some = w.any(axis=1)
        size = np.sqrt((w**2).sum(axis=1)) if self.by_rows else np.abs(w).sum(axis=1)
        return loss + self.l1[some] @ size[some] + 0.5 * self.l2[some] @ (w**2).sum(axis=1)[some]

    def slopes(self, theta):
        """Return X'(s theta) / S."""
        return self.X.T @ (self.s[:, None] * theta) / self.s.sum()

    def size(self, z):
        """Return what is limited by l1: absolute values, or the lengths of rows."""
        return np.sqrt((z**2).sum(axis=1))[:, None] if self.by_rows else np.abs(z)

    def dual(self):
        """Return the lower bound of the better of two multiples of the dual point."""
        z, ridge = self.slopes(self.theta), self.l2[:, None]
        multiples = [1.0]
        for beyond in (z, z - ridge * np.where(self.solution.coef.T, self.solution.coef.T, 0.0)):
            hard = self.l1 > 0.0
            hard &= (self.l2 == 0.0) if beyond is z else True
            size = self.size(beyond)[hard]
            with np.errstate(divide="ignore"):
                multiples.append(np.minimum(self.l1[hard, None] / size, 1.0).min(initial=1.0))
        return max(self.dual_at(k * (1.0 - 1e-12)) for k in multiples[1:])

    def dual_at(self, k):
        """Return the lower bound of a multiple of the dual point, which has to be feasible."""
        theta = k * self.theta
        z, t, counted = self.slopes(theta), self.Y - theta, self.s > 0
        assert np.all(t[counted] >= -1e-12)
        assert_allclose(theta[counted].sum(axis=1), 0.0, atol=1e-12)
        if self.intercept:
            assert_allclose(self.s @ theta, 0.0, atol=1e-9)
        with np.errstate(divide="ignore", invalid="ignore"):
            entropy = np.where(t > 0, t * np.log(t), 0.0).sum(axis=1)
        first = -(self.s @ ((theta * self.offset).sum(axis=1) + entropy)) / self.s.sum()
        beyond = np.maximum(self.size(z) - self.l1[:, None], 0.0)
        loose = beyond[self.l2 == 0.0]
        assert loose.max(initial=0.0) <= 1e-9 * np.abs(z).max()
        ridge = self.l2 > 0.0
        return first - (beyond[ridge] ** 2 / (2 * self.l2[ridge, None])).sum()

    def distance(self):
        """Return the largest distance of the slopes from stationarity."""
        w = self.solution.coef.T
        eta = self.offset + self.X @ w + self.solution.intercept
        rest = self.slopes(self.Y - softmax(eta, axis=1)) - self.l2[:, None] * np.where(w, w, 0)
        l1 = np.where(np.isinf(self.l1), 1e300, self.l1)[:, None]
        if self.by_rows:
            size = np.sqrt((w**2).sum(axis=1))[:, None]
            pull = l1 * np.divide(w, size, out=np.zeros_like(w), where=size > 0)
            at = np.sqrt(((rest - pull) ** 2).sum(axis=1))
            none = np.maximum(np.sqrt((rest**2).sum(axis=1)) - l1[:, 0], 0.0)
            return np.where(size[:, 0] > 0, at, none).max()
        return np.where(w, np.abs(rest - l1 * np.sign(w)), np.maximum(np.abs(rest) - l1, 0)).max()


def fit_with_dual(data, loss, *, alpha, tol=1e-6, gram_memory=2**30, **options):
    """Return the Fit."""
    names = ("l1_ratio", "l1_weights", "l2_weights", "positive", "bounds")
    penalty = Penalty(1.0, **{name: options.pop(name) for name in names if name in options})
    order = ("sample_weight", "fit_intercept", "standardize", "n_threads")
    given = [options.pop(name, None) for name in order]
    offset = options.pop("offset", None)
    assert not options
    design = as_design(data.X, data.y, *given, loss, offset)
    problem = Problem(design, penalty, Options("auto", "auto", tol, 100_000, gram_memory))
    run = PathRun(problem, np.array([alpha]))
    assert isinstance(run.engine, MultinomialEngine)
    run.advance(1)
    s = np.ones(len(data.y)) if design.weight is None else design.weight
    theta = np.divide(run.engine.dual_point, s, out=np.zeros((design.n_tasks, len(s))), where=s > 0)
    vectors = problem.vectors
    excluded = (vectors.lower == 0.0) & (vectors.upper == 0.0)
    l1 = np.where(excluded, np.inf, vectors.l1 * alpha * penalty.l1_ratio)
    l2 = np.where(excluded, 0.0, vectors.l2 * alpha * (1.0 - penalty.l1_ratio))
    if design.standardize:
        scale = design.norm / np.sqrt(len(s))
        l1, l2 = l1 * scale, l2 * scale**2
    X = data.X.toarray() if sp.issparse(data.X) else np.asarray(data.X, np.float64)
    fixed = np.zeros(theta.T.shape) if offset is None else offset
    intercept = design.fit_intercept
    return Fit(run.path()[0], X, design.y, s, fixed, l1, l2, theta.T, intercept)


@each_penalty
@pytest.mark.parametrize("name", PENALTIES)
def test_the_gap_is_that_of_the_dual_point(rng, kind, name):
    data, loss = make(rng), LOSSES[kind]
    unit = alpha_max(data, loss)
    for more in (
        {},
        {"sample_weight": data.s},
        {"offset": data.offset, "standardize": True},
        {"fit_intercept": False},
        {"sample_weight": data.s, "offset": data.offset},
    ):
        options = PENALTIES[name] | {"alpha": unit * PENALTIES[name]["alpha"]} | more
        for tol in (1e-6, 1e-10):
            found = fit_with_dual(data, loss, tol=tol, **options)
            fit = found.solution
            assert fit.converged
            primal = found.primal()
            rounding = 1e-11 * (abs(primal) + fit.null_loss)
            assert primal - found.dual() <= fit.gap * (1 + 1e-6) + rounding
            assert fit.gap <= fit.tol
        assert found.distance() <= 1e-4
        assert abs(np.sum(fit.intercept)) < 1e-10
        unpenalised = (found.l1 == 0) & (found.l2 == 0)
        assert_allclose(fit.coef[:, unpenalised].sum(axis=0), 0.0, atol=1e-9)


def test_the_same_as_glmnet():
    # R's glmnet(X, factor(y), family="multinomial", type.multinomial=, lambda=c(0.2, 0.1, 0.05),
    # standardize=FALSE, thresh=1e-14), a row of intercept and coefficients for each class
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)
    X[:, 0] += y
    expected = (
        [
            [0.5702094920, -0.5026686664, 0.0, 0.0, 0.0],
            [0.1256990350, 0.0, 0.0, -0.417789431, -0.2422742852],
            [-0.6959085271, 0.8930568520, 0.0, 0.0, 0.0],
        ],
        [
            [0.6198282525, -0.6941544326, 0.0, 0.1205775164, 0.09687704947],
            [0.1527441719, -0.1277365796, 0.0, -0.3182200270, -0.20165964337],
            [-0.7725724244, 0.8218910122, 0.0, 0.1976425105, 0.10478259389],
        ],
    )
    for loss, right in zip(LOSSES.values(), expected, strict=True):
        fit = solve(X, y, alpha=0.05, loss=loss, tol=1e-13)
        assert_allclose(np.column_stack([fit.intercept, fit.coef]), right, atol=2e-6)


@each_penalty
def test_ridge_is_that_of_scikit_learn(rng, kind):
    # the fits have no L1 part, so that both kinds are the same
    data, alpha = make(rng), 0.01
    fit = solve(data.X, data.y, alpha=alpha, l1_ratio=0.0, loss=LOSSES[kind], tol=1e-13)
    peer = LogisticRegression(C=1 / (alpha * len(data.y)), tol=1e-10, max_iter=10_000)
    peer.fit(data.X, data.y)
    assert_allclose(fit.coef, peer.coef_, atol=1e-6)
    assert_allclose(fit.intercept, peer.intercept_ - peer.intercept_.mean(), atol=1e-6)
    assert_allclose(fit.predict(data.X, kind="proba"), peer.predict_proba(data.X), atol=1e-6)
    assert_array_equal(fit.predict(data.X, kind="class"), peer.predict(data.X))


def test_two_classes_are_the_logistic_loss(rng):
    data = make(rng, n_classes=2)
    y, alpha = (data.y == "b") * 1.0, 0.03
    for loss, share, l1_ratio in (("single", 0.5, 0.0), ("rows", 0.5**0.5, 1.0)):
        both = solve(data.X, data.y, alpha=alpha, l1_ratio=l1_ratio, loss=LOSSES[loss], tol=1e-12)
        one = solve(data.X, y, alpha=alpha * share, l1_ratio=l1_ratio, loss="logistic", tol=1e-12)
        assert_allclose(both.coef, np.outer([-0.5, 0.5], one.coef), atol=1e-5)
        assert_allclose(both.intercept, [-0.5 * one.intercept, 0.5 * one.intercept], atol=1e-5)
    both = solve(data.X, data.y, alpha=alpha, loss="multinomial", tol=1e-12)
    one = solve(data.X, y, alpha=alpha, loss="logistic", tol=1e-12)
    assert_allclose(both.coef[1] - both.coef[0], one.coef, atol=1e-5)


@each_penalty
def test_a_path_is_that_of_its_fits(rng, kind):
    data, loss = make(rng), LOSSES[kind]
    fits = path(data.X, data.y, loss=loss, n_alphas=12, tol=1e-11)
    assert fits.converged
    assert fits.df[0] == 0 < fits.df[1]
    assert np.all(np.diff(fits.dev_ratio) > 0)
    for k in (1, 5, 11):
        fit = solve(data.X, data.y, alpha=fits.alphas[k], loss=loss, tol=1e-11)
        assert_allclose(fits[k].coef, fit.coef, atol=1e-4)
        assert fits[k].coef.shape == (3, 10)
    assert fits.coef_at(fits.alphas[3]).shape == (3, 10)
    assert_array_equal(fits.classes_, ["a", "b", "c"])


@each_penalty
def test_layouts(rng, kind):
    data = make(rng, density=0.4)
    alpha, loss = 0.1 * alpha_max(data, LOSSES[kind]), LOSSES[kind]
    for options in ({}, {"fit_intercept": False}, {"sample_weight": data.s}):
        plain = solve(data.X, data.y, alpha=alpha, loss=loss, tol=1e-12, **options)
        for X in (
            sp.csc_array(data.X),
            problems.int64_indices(sp.csc_array(data.X)),
            np.asfortranarray(data.X, np.float32),
            sp.csc_array(data.X.astype(np.float32)),
            np.ascontiguousarray(data.X),
        ):
            other = solve(X, data.y, alpha=alpha, loss=loss, tol=1e-12, **options)
            assert_allclose(other.coef, plain.coef, atol=1e-5)
            assert_allclose(other.intercept, plain.intercept, atol=1e-5)


@each_penalty
@pytest.mark.parametrize("sparse", [False, True])
def test_more_features_than_samples(rng, kind, sparse):
    data = make(rng, n=40, p=300, n_classes=4, density=0.3)
    if sparse:
        data = data._replace(X=sp.csc_array(data.X))
    loss = LOSSES[kind]
    fits = path(data.X, data.y, loss=loss, n_alphas=20, eps=1e-3)
    assert fits.converged
    found = fit_with_dual(data, loss, alpha=fits.alphas[15])
    assert found.solution.converged
    assert found.primal() - found.dual() <= found.solution.gap * (1 + 1e-6) + 1e-12
    found = fit_with_dual(data, loss, alpha=1e-4 * fits.alphas[0], l1_ratio=0.9, tol=1e-8)
    assert found.solution.converged


@each_penalty
def test_large_models_are_rebuilt_in_parts(rng, kind):
    # more than few slots, so that Gram matrices are kept from step to step, and rows appended
    data = make(rng, n=2_000, p=40, n_classes=5)
    fits = path(data.X, data.y, loss=LOSSES[kind], n_alphas=30, tol=1e-9, eps=1e-3)
    assert fits.converged
    found = fit_with_dual(data, LOSSES[kind], alpha=fits.alphas[-1], tol=1e-9)
    assert_allclose(found.solution.coef, fits[29].coef, atol=1e-3)
    assert found.primal() - found.dual() <= found.solution.gap * (1 + 1e-6) + 1e-12


@each_penalty
def test_without_memory_for_all_slots(rng, kind):
    data = make(rng, n=60, p=30)
    found = fit_with_dual(data, LOSSES[kind], alpha=1e-4, gram_memory=16 * 20**2)
    assert not found.solution.converged
    assert found.solution.gap > found.solution.tol


@each_penalty
def test_weights_are_repetitions(rng, kind):
    data, loss = make(rng), LOSSES[kind]
    options = {"alpha": 0.02, "loss": loss, "tol": 1e-12}
    times = rng.integers(0, 3, len(data.y))
    times[:3] = 1
    weighted = solve(data.X, data.y, sample_weight=times, **options)
    rows = np.repeat(np.arange(len(data.y)), times)
    repeated = solve(data.X[rows], data.y[rows], **options)
    assert_allclose(weighted.coef, repeated.coef, atol=1e-5)
    assert_allclose(weighted.intercept, repeated.intercept, atol=1e-5)
    assert_allclose(weighted.null_loss, repeated.null_loss, rtol=1e-12)


@each_penalty
def test_classes_in_another_order(rng, kind):
    data, loss = make(rng), LOSSES[kind]
    names = dict(zip("abc", "zxy", strict=True))
    options = {"alpha": 0.02, "loss": loss, "tol": 1e-12}
    one = solve(data.X, data.y, **options)
    other = solve(data.X, [names[label] for label in data.y], **options)
    assert_array_equal(other.classes_, ["x", "y", "z"])
    assert_allclose(other.coef[[2, 0, 1]], one.coef, atol=1e-5)
    shares = solve(data.X, np.eye(3)[np.searchsorted(["a", "b", "c"], data.y)], **options)
    assert_allclose(shares.coef, one.coef, atol=1e-12)
    assert_array_equal(shares.classes_, [0, 1, 2])


@each_penalty
def test_offsets(rng, kind):
    data, loss = make(rng), LOSSES[kind]
    options = {"alpha": 0.02, "loss": loss, "tol": 1e-12}
    plain = solve(data.X, data.y, **options)
    moved = solve(data.X, data.y, offset=np.tile([1.0, -2.0, 4.0], (80, 1)), **options)
    assert_allclose(moved.coef, plain.coef, atol=1e-5)
    assert_allclose(moved.intercept, plain.intercept - [0.0, -3.0, 3.0], atol=1e-5)
    same = solve(data.X, data.y, offset=np.tile(data.offset[:, :1], 3), **options)
    assert_allclose(same.coef, plain.coef, atol=1e-5)
    fits = path(data.X, data.y, loss=loss, n_alphas=4, offset=data.offset)
    eta = fits.predict(data.X, offset=data.offset, kind="link")
    assert eta.shape == (80, 3, 4)
    assert_allclose(eta[..., 2], data.X @ fits[2].coef.T + fits[2].intercept + data.offset)
    with pytest.raises(ValueError, match="expected one number for each row of X and class"):
        solve(data.X, data.y, offset=data.offset[:, 0], **options)
    with pytest.raises(ValueError, match="offset is missing"):
        fits.predict(data.X)


def test_threads_and_designs(rng):
    data = make(rng, n=6_000, p=30)
    for loss in LOSSES.values():
        one, two = (
            path(data.X, data.y, loss=loss, n_alphas=8, n_threads=n, tol=1e-10) for n in (1, 2)
        )
        assert_allclose(one.coefs.toarray(), two.coefs.toarray(), atol=1e-9)
    design = Design(data.X)
    again = path(design, data.y, loss="multinomial", n_alphas=8, tol=1e-10)
    assert_allclose(again.intercepts.sum(axis=1), 0.0, atol=1e-10)
    solved = solve(design, data.y, alpha=again.alphas[3], loss="multinomial", tol=1e-10)
    assert_allclose(solved.coef, again[3].coef, atol=1e-3)


def test_boxes(rng):
    data = make(rng)
    fit = solve(data.X, data.y, alpha=0.01, loss="multinomial", positive=True, tol=1e-10)
    assert fit.converged
    assert fit.coef.min() == 0.0 < fit.coef.max()
    box = solve(data.X, data.y, alpha=0.01, loss="multinomial", bounds=(-0.1, 0.2), tol=1e-10)
    assert box.converged
    assert (box.coef.min(), box.coef.max()) == (-0.1, 0.2)
    fits = path(data.X, data.y, loss="multinomial", positive=True, n_alphas=3)
    assert fits.df[0] == 0
    with pytest.raises(ValueError, match="length of a row only"):
        solve(data.X, data.y, loss=LOSSES["rows"], positive=True)


@each_penalty
def test_a_start(rng, kind):
    data, loss = make(rng), LOSSES[kind]
    options = {"alpha": 0.01, "loss": loss, "tol": 1e-13}
    cold = solve(data.X, data.y, **options)
    warm = solve(data.X, data.y, coef_init=cold.coef, **options)
    assert_allclose(warm.coef, cold.coef, atol=1e-5)
    bad = solve(data.X, data.y, coef_init=1e3 * (1 + cold.coef), **options)
    assert_allclose(bad.coef, cold.coef, atol=1e-5)


@each_penalty
def test_separable_classes(rng, kind):
    X = rng.standard_normal((60, 5))
    y = np.argmax(X[:, :3], axis=1)
    fits = path(X, y, loss=LOSSES[kind], n_alphas=30, eps=1e-5)
    assert fits.converged
    assert np.isfinite(fits.coefs.data).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = solve(X, y, alpha=0.0, loss=LOSSES[kind])
    assert np.isfinite(fit.coef).all()
    assert fit.dev_ratio > 0.999


def test_far_columns(rng):
    data = make(rng, n=200)
    alpha = 0.02
    plain = solve(data.X, data.y, alpha=alpha, loss="multinomial", tol=1e-9)
    far = solve(data.X + 1e6, data.y, alpha=alpha, loss="multinomial", tol=1e-9)
    assert far.converged
    assert_allclose(far.coef, plain.coef, atol=1e-4)


def test_what_cannot_be_fitted(rng):
    data = make(rng)
    with pytest.raises(ValueError, match="No sample with weight is of class 'c'"):
        solve(data.X, data.y, loss="multinomial", sample_weight=(data.y != "c") * 1.0)
    with pytest.raises(ValueError, match="solver='auto' only"):
        solve(data.X, data.y, loss="multinomial", solver="cd")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        solve(data.X, data.y[:-1], loss="multinomial")
    with pytest.raises(ValueError, match="y is missing"):
        solve(data.X, None, loss="multinomial")


@each_penalty
@pytest.mark.filterwarnings("ignore:The last alpha of the grid")
def test_cross_validation(rng, kind):
    data, loss = make(rng, n=150), LOSSES[kind]
    fold = np.arange(150) % 3
    cv = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(3)]
    options = {"loss": loss, "alphas": [0.1, 0.03, 0.01], "cv": cv, "tol": 1e-10}
    Y = np.eye(3)[np.searchsorted(["a", "b", "c"], data.y)]
    expected = {"accuracy": [], "deviance": [], "brier": []}
    for train, test in cv:
        fits = path(data.X[train], data.y[train], loss=loss, alphas=[0.1, 0.03, 0.01], tol=1e-10)
        p = np.moveaxis(fits.predict(data.X[test]), 1, 2)
        right = fits.predict(data.X[test], kind="class") == data.y[test][:, None]
        expected["accuracy"].append(-right.mean(axis=0))
        observed = Y[test][:, None]
        expected["deviance"].append(-2 * np.log((p * observed).sum(axis=2)).mean(axis=0))
        expected["brier"].append(((p - observed) ** 2).sum(axis=2).mean(axis=0))
    for measure, errors in expected.items():
        found = cv_path(data.X, data.y, measure=measure, **options)
        assert_allclose(found.mean_errors[0], np.mean(errors, axis=0), rtol=1e-4)
    by_name = cv_path(data.X, data.y, scoring="accuracy", **options)
    assert_allclose(by_name.mean_errors[0], np.mean(expected["accuracy"], axis=0), rtol=1e-12)
    for measure in ("auc", "mse", "mae"):
        assert np.isfinite(cv_path(data.X, data.y, measure=measure, **options).mean_errors).all()
    auc = cv_path(data.X, data.y, measure="auc", **options).mean_errors
    peer = cv_path(data.X, data.y, scoring="roc_auc_ovr", **options).mean_errors
    assert_allclose(auc, peer, rtol=1e-10)


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_folds_of_classes(rng):
    data = make(rng, n=90)
    rare = np.where(np.arange(90) % 9 == 0, "z", np.where(data.X[:, 0] > 0, "a", "b"))
    found = cv_path(data.X, rare, loss="multinomial", n_alphas=5)  # each fold holds every class
    assert np.isfinite(found.mean_errors).all()
    rare = np.where(np.arange(90) == 0, "z", rare)
    rare[rare == "z"] = "a"
    rare[0] = "z"
    with pytest.warns(UserWarning, match="hold no sample of class 'z', whose probability"):
        found = cv_path(data.X, rare, loss="multinomial", n_alphas=5)
    assert np.isfinite(found.mean_errors).all()


def test_stability(rng):
    data = make(rng, n=120)
    found = stability_path(data.X, data.y, loss="multinomial", n_alphas=10, n_subsamples=10)
    assert found.frequencies.shape[0] == 10
