"""The warm engine in difficult states: supports that change and return, singular Gram matrices,
lack of memory, very different scales.  Checked by the independent certificate."""

import warnings

import numpy as np
import oracles
import problems
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from oracles import assert_certified, problem_of
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import Design, Penalty, path, solve
from softreg_fast.solvers.choice import make_engine
from softreg_fast.solvers.problem import Options, Problem
from softreg_fast.solvers.warm import WarmEngine

ROUNDING = 1e-12


def exact(X, y, fits, **options):
    """Check every alpha of a path: the package's and the oracle's gap are at rounding level."""
    for fit in fits:
        found = assert_certified(problem_of(X, y, alpha=fit.alpha, **options), fit)
        assert fit.relative_gap <= ROUNDING
        assert found.gap <= ROUNDING * fit.null_loss


class Warm:
    """A warm engine, fitted at a sequence of alphas in any order."""

    def __init__(self, X, y, penalty=None, **options):
        penalty = penalty or Penalty()
        self.X, self.y, self.l1_ratio = X, y, penalty.l1_ratio
        self.design = Design(X, y)
        problem = Problem(self.design, penalty, Options(**{"precompute": False, **options}))
        self.vectors = problem.vectors
        self.engine = make_engine(problem, None, 2)

    def gap_at(self, alpha):
        """Return the oracle's gap after a fit at alpha, relative to the null loss."""
        status = self.engine.solve(alpha * self.l1_ratio, alpha * (1 - self.l1_ratio), 1e-8, 10_000)
        assert status == 0
        p = self.X.shape[1]
        self.engine.keep(status)
        features, u, df = self.engine.kept()[:3]
        ends = np.append(0, np.cumsum(df).astype(int))
        features, u = features[ends[-2] :], u[ends[-2] :]
        w = np.zeros(p)
        box = self.vectors.lower, self.vectors.upper
        w[features], _ = self.design.to_user(features, u, np.array([0, len(u)]), *box)
        problem = problem_of(self.X, self.y, alpha=alpha, l1_ratio=self.l1_ratio)
        b = float(problem.best_intercept(w))
        return float(problem.certificate(w, b).gap / problem.null_loss), w


@pytest.mark.parametrize("precompute", [False, True], ids=["working set", "gram"])
@pytest.mark.parametrize("order", ["rising", "shuffled", "to and fro", "repeated"])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.6])
@pytest.mark.parametrize("shape", ["wide", "tall", "degenerate"])
def test_storms_of_alphas(rng, shape, order, l1_ratio, precompute):
    X, y = problems.SHAPES[shape](rng)
    falling = problem_of(X, y).alpha_max() / l1_ratio * np.geomspace(1.2, 1e-3, 12)
    alphas = {
        "rising": falling[::-1],
        "shuffled": rng.permutation(np.tile(falling, 2)),
        "to and fro": np.ravel(np.column_stack([falling, falling[::-1]])),
        "repeated": np.repeat(falling, 3),
    }[order]
    warm = Warm(X, y, Penalty(l1_ratio=l1_ratio), precompute=precompute)
    for alpha in alphas:
        gap, w = warm.gap_at(alpha)
        assert gap <= ROUNDING
        if alpha > falling[0] / 1.1:
            assert not w.any()


@pytest.mark.parametrize("shape", ["wide", "tall", "degenerate"])
def test_a_start_from_another_path(rng, shape):
    X, y = problems.SHAPES[shape](rng)
    other = path(X, y[::-1], n_alphas=10, eps=1e-2)
    for k in (0, 4, 9):
        fits = path(X, y, n_alphas=10, eps=1e-2, coef_init=other[k].coef)
        exact(X, y, fits)


@pytest.mark.parametrize("gram_memory", [0.0, 100.0, 3000.0, 1e300])
@pytest.mark.parametrize("l1_weights", [None, "some free"])
@pytest.mark.parametrize("shape", ["wide", "tall"])
def test_without_memory_the_residual_form_takes_over(rng, shape, l1_weights, gram_memory):
    X, y = problems.SHAPES[shape](rng)
    p = X.shape[1]
    options = {} if l1_weights is None else {"l1_weights": np.where(np.arange(p) == 1, 0.0, 1.0)}
    grid = {"n_alphas": 12, "eps": 1e-2, "tol": 1e-10}
    plenty = path(X, y, **grid, **options)
    scarce = path(X, y, **grid, **options, gram_memory=gram_memory)
    if gram_memory < 1000.0:
        assert scarce.strategy == "residual"
    for fit in scarce:
        assert_certified(problem_of(X, y, alpha=fit.alpha, **options), fit)
    assert_allclose(scarce.coefs.toarray(), plenty.coefs.toarray(), atol=1e-3)


def test_the_change_of_form_comes_in_the_middle_of_a_path(rng):
    X, y = problems.make_data(rng, 40, 100)
    seen = []

    class Watched(WarmEngine):
        def solve(self, *args):
            status = super().solve(*args)
            seen.append(self.strategy)
            return status

    design = Design(X, y)
    engine = Watched(Problem(design, Penalty(), Options(gram_memory=16 * 30**2)))
    for alpha in problem_of(X, y).alpha_max() * np.geomspace(1, 1e-2, 20):
        assert engine.solve(alpha, 0.0, 1e-8, 100_000) == 0
    assert seen[0] == "working set"
    assert seen[-1] == "residual"


def test_columns_of_scales_far_apart(rng):
    X, y = problems.make_data(rng, 30, 12)
    X = (X - X.mean(axis=0)) / X.std(axis=0) * 10.0 ** rng.choice([-8, 0, 8], 12)
    weights = X.std(axis=0)  # otherwise the small ones never enter
    for fits, options in (
        (path(X, y, standardize=True, eps=1e-2), {"standardize": True}),
        (path(X, y, l1_weights=weights, eps=1e-2), {"l1_weights": weights}),
        (path(X, y, eps=1e-2), {}),
    ):
        exact(X, y, fits, **options)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("copies", [1, 3])
def test_all_correlations_tied(rng, sign, copies):
    # every feature reaches the threshold at the same alpha
    Q = np.linalg.qr(rng.standard_normal((20, 6)) - 1e-3)[0]
    Q = np.linalg.qr(Q - Q.mean(axis=0))[0]
    X = np.asfortranarray(np.tile(Q, copies) * np.repeat(rng.choice([1, sign], 6), copies))
    y = Q @ np.ones(6)
    fits = path(X, y, n_alphas=15, eps=1e-2)
    exact(X, y, fits)
    if copies == 1:
        assert_array_equal(fits.df[1:], 6)


@pytest.mark.parametrize("n", [8, 40])
def test_alpha_zero_after_a_path(rng, n):
    X, y = problems.make_data(rng, n, 20)
    warm = Warm(X, y)
    largest = problem_of(X, y).alpha_max()
    for alpha in largest * np.array([1.0, 0.3, 0.01]):
        assert warm.gap_at(alpha)[0] <= ROUNDING
    for alpha in (0.0, 0.3 * largest, 0.0):
        gap, w = warm.gap_at(alpha)
        assert gap <= 1e-8
        if alpha == 0.0 and n > 20:
            centred = X - X.mean(axis=0)
            assert_allclose(w, np.linalg.lstsq(centred, y - y.mean(), rcond=None)[0], atol=1e-8)


@pytest.mark.parametrize("layout", ["fortran", "csc_array"])
@pytest.mark.parametrize("shape", [(60, 900), (900, 60), (150, 150)])
def test_one_thread_and_two(rng, layout, shape, monkeypatch):
    monkeypatch.setattr("softreg_fast.system.threads.SMALLEST_PARALLEL_WORK", 1)
    X, y = problems.make_data(rng, *shape, density=1.0 if layout == "fortran" else 0.2)
    X = problems.LAYOUTS[layout](np.asfortranarray(X))
    one, two = (path(X, y, n_alphas=30, eps=1e-2, n_threads=k) for k in (1, 2))
    for k in range(30):
        a, b = one[k].coef, two[k].coef
        assert_array_equal(a != 0, b != 0)
        assert_allclose(a, b, atol=1e-10 * max(np.max(np.abs(a)), 1e-300))


@pytest.mark.parametrize("l1_ratio", [0.9, 0.5, 0.1])
@pytest.mark.parametrize("shape", ["tall", "wide", "square"])
def test_elastic_nets_end_with_their_slopes_right(rng, shape, l1_ratio):
    # with an L2 part the gap is quadratic in the error of the coefficients
    X, y = problems.SHAPES[shape](rng)
    for fit in path(X, y, n_alphas=40, eps=1e-2, l1_ratio=l1_ratio):
        problem = problem_of(X, y, alpha=fit.alpha, l1_ratio=l1_ratio)
        assert problem.kkt(fit.coef, fit.intercept).max() <= 1e-10


def test_a_gap_that_is_met_before_the_slopes_are_right():
    # rare: here an engine that checks only the gap stops with slopes that are off by 3e-7
    rng = np.random.default_rng(0)
    problems.make_data(rng, 60, 300)  # the draw after this one
    X, y = problems.make_data(rng, 40, 200)
    X += 9.0 * rng.standard_normal((40, 1))
    for fit in path(X, y, n_alphas=25, eps=1e-2, l1_ratio=0.1):
        problem = problem_of(X, y, alpha=fit.alpha, l1_ratio=0.1)
        assert problem.kkt(fit.coef, fit.intercept).max() <= 1e-10


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 25),
    p=st.integers(1, 40),
    l1_ratio=st.sampled_from([1.0, 0.9, 0.3]),
    density=st.sampled_from([0.2, 1.0]),
    copies=st.booleans(),
    standardize=st.booleans(),
)
def test_beside_plain_descent(seed, n, p, l1_ratio, density, copies, standardize):
    rng = np.random.default_rng(seed)
    X, y = problems.make_data(rng, n, p, density=density)
    if copies:
        X[:, rng.integers(0, p, p // 2)] = X[:, rng.integers(0, p, p // 2)]
    given_X = sp.csc_array(X) if density < 1 else np.asfortranarray(X)
    options = {"l1_ratio": l1_ratio, "standardize": standardize}
    fits = path(given_X, y, n_alphas=8, eps=1e-2, **options)
    for fit in fits:
        problem = problem_of(X, y, alpha=fit.alpha, **options)
        mine = assert_certified(problem, fit)
        with warnings.catch_warnings():
            # plain descent may be slow among collinear columns; what counts is how close it came
            warnings.simplefilter("ignore", ConvergenceWarning)
            plain = solve(given_X, y, alpha=fit.alpha, solver="cd", tol=1e-8, **options)
        theirs = problem.certificate(plain.coef, plain.intercept)
        assert mine.primal <= theirs.primal + 1e-13 * problem.null_loss
        missing = oracles.LD(max(plain.tol, plain.gap))
        assert theirs.primal <= mine.primal + missing + 1e-13 * problem.null_loss
