"""Property tests: the certificates of the package hold for every problem.

Hypothesis draws small integers and puts them at any magnitude that float64 allows, with copies,
constants and zeros among the columns; the certificate is computed in long double, which has the
range to hold their squares.
"""

import warnings
from typing import NamedTuple

import numpy as np
import problems
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose
from oracles import INF, LD, Problem, assert_certified, orthonormal_basis, problem_of
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import Design, path, solve

pytestmark = pytest.mark.skipif(
    np.finfo(LD).maxexp <= 1024, reason="long double has no more range than float64 here"
)

LAYOUTS = ["fortran", "c", "both strides", "csc_array", "csc with zeros", "csr_array"]


class Drawn(NamedTuple):
    """A matrix in some layout, a target, and keyword arguments of solve."""

    X: np.ndarray
    y: np.ndarray
    layout: str
    options: dict

    @property
    def given(self):
        return problems.LAYOUTS[self.layout](np.asfortranarray(self.X))

    @property
    def problem(self):
        return problem_of(self.X, self.y, **self.options)


def exponents(largest):
    """Return a strategy for exponents of ten, mostly 0."""
    return st.just(0) | st.integers(-largest, largest)


def relative(*special):
    """Return a strategy for numbers around 1, with some special values."""
    return st.sampled_from([*special, 0.001, 0.1, 0.3, 1.0, 3.0])


@st.composite
def matrices(draw, largest_exponent=149):
    """Draw columns of small integers, each shifted, scaled or a copy of another."""
    n, p = draw(st.integers(1, 12)), draw(st.integers(1, 8))
    density = draw(st.sampled_from([0.3, 1.0]))
    X = draw(hnp.arrays(np.float64, (n, p), elements=st.integers(-9, 9).map(float)))
    if density < 1:
        X *= draw(hnp.arrays(bool, (n, p)))
    for j in range(p):
        kind = draw(st.sampled_from(["plain"] * 5 + ["copy", "opposite", "constant", "offset"]))
        if kind == "copy":
            X[:, j] = X[:, draw(st.integers(0, p - 1))]
        elif kind == "opposite":
            X[:, j] = -2 * X[:, draw(st.integers(0, p - 1))]
        elif kind == "constant":
            X[:, j] = 3.0
        elif kind == "offset":
            X[:, j] += 1000.0
    common = draw(exponents(largest_exponent - 4))
    for j in range(p):
        shift = draw(exponents(4))
        X[:, j] *= 10.0 ** (common + shift)
    return X


@st.composite
def drawn_problems(draw, largest_exponent=149, box=True):
    X = draw(matrices(largest_exponent))
    n, p = X.shape
    y = draw(hnp.arrays(np.float64, n, elements=st.integers(-9, 9).map(float)))
    y *= 10.0 ** draw(exponents(largest_exponent))
    options = {"fit_intercept": draw(st.booleans()), "standardize": draw(st.booleans())}
    if draw(st.booleans()):
        s = draw(hnp.arrays(np.float64, n, elements=st.integers(0, 3).map(float)))
        assume(s.any())
        options["sample_weight"] = s * 10.0 ** draw(exponents(10))

    # penalties and bounds in the natural units of each feature
    bare = problem_of(X, y, **options)
    S = bare.s.sum()
    y_size = np.sqrt(bare.s @ bare.y_centered**2 / S)
    y_size = y_size if y_size > 0 else LD(1)
    sizes = bare.norms / np.sqrt(S)
    sizes = np.where(sizes > 0, sizes, 1)
    penalised_size = np.ones(p) if options["standardize"] else sizes

    def vector(elements, unit):
        return np.array([draw(elements) for _ in range(p)]) * unit

    options["l1"] = vector(relative(0.0, 1e-4, INF), y_size * penalised_size)
    options["l2"] = vector(relative(0.0, 0.0, 1e-6), penalised_size**2)
    if box and draw(st.booleans()):
        unit = y_size / sizes
        lower = vector(st.sampled_from([-INF, -1.0, -0.1, 0.0, 0.1]), unit)
        upper = lower.clip(-unit) + vector(st.sampled_from([0.0, 0.2, 1.0, INF]), unit)
        lower[np.isinf(options["l1"])] = -INF
        upper[np.isinf(options["l1"])] = INF
        options["bounds"] = lower.astype(np.float64), upper.astype(np.float64)
    for name in ("l1", "l2"):
        options[name] = options[name].astype(np.float64)
    return Drawn(X, y, draw(st.sampled_from(LAYOUTS)), options)


def quiet_solve(*args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return solve(*args, **options)


def certified(drawn, fit, **judged):
    """Check the certificate; a tiny l1 beside a large one costs the dual point some digits."""
    return assert_certified(drawn.problem, fit, rounding=1e-10, must_converge=False, **judged)


# ---------------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(drawn_problems(), st.sampled_from([False, True]))
def test_what_a_solution_says_is_true(drawn, precompute):
    fit = quiet_solve(drawn.given, drawn.y, precompute=precompute, max_iter=2000, **drawn.options)
    certified(drawn, fit)
    assert fit.converged or fit.n_epochs > 0
    if drawn.problem.null_loss > 0:
        assert_allclose(float(fit.tol), float(2e-6 * drawn.problem.null_loss), rtol=1e-9)


@settings(max_examples=100)
@given(drawn_problems(), st.sampled_from([0.3, 1e-2, 1e-4]), st.sampled_from([1, 3, 2000]))
def test_the_gap_is_never_too_small(drawn, tol, max_iter):
    best = quiet_solve(drawn.given, drawn.y, tol=1e-12, max_iter=2000, **drawn.options)
    reference = certified(drawn, best)
    fit = quiet_solve(drawn.given, drawn.y, tol=tol, max_iter=max_iter, **drawn.options)
    certified(drawn, fit, reference=reference)


@settings(max_examples=100)
@given(drawn_problems(), st.sampled_from(["gradient", "ridge"]))
def test_other_solvers_are_true_too(drawn, solver):
    options = dict(drawn.options)
    if solver == "ridge":
        excluded = np.isinf(options.pop("l1"))
        options["l2"] = np.where(excluded, INF, options["l2"])
        options.pop("bounds", None)
        solver = "cholesky"
    drawn = drawn._replace(options=options)
    certified(drawn, quiet_solve(drawn.given, drawn.y, solver=solver, max_iter=300, **options))


@settings(max_examples=60)
@given(drawn_problems(largest_exponent=70), st.sampled_from([1.0, 0.5]), st.booleans())
def test_what_a_path_says_is_true(drawn, l1_ratio, precompute):
    options = {"l1_ratio": l1_ratio} | drawn.options
    del options["l1"], options["l2"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fits = path(
            drawn.given, drawn.y, n_alphas=4, eps=0.05, max_iter=2000, precompute=precompute,
            **options,
        )  # fmt: skip
    problem = drawn.problem
    unit = np.max(problem.norms) * np.sqrt(2 * problem.null_loss / problem.s.sum())
    assume(fits.alphas[-1] > 1e-6 * unit)  # otherwise y is orthogonal to X up to rounding
    for fit in fits:
        certified(drawn._replace(options=options | {"alpha": fit.alpha}), fit)


@settings(max_examples=100)
@given(drawn_problems())
def test_a_design_describes_its_columns(drawn):
    described = {
        name: drawn.options[name]
        for name in ("sample_weight", "fit_intercept")
        if name in drawn.options
    }
    design = Design(drawn.given, drawn.y, **described)
    problem = problem_of(drawn.X, drawn.y, **described)
    n = len(drawn.y)
    size = np.sqrt(problem.s @ problem.X**2 / problem.s.sum())
    assert np.all(np.abs(design.center - problem.mean(problem.X)) <= 1e-15 * n * size)
    norms = problem.norms * np.sqrt(n / problem.s.sum())
    constant = norms <= 1e-15 * np.sqrt(n) * size
    assert np.all(design.norm[constant] == 0.0)
    error = np.abs(design.norm - norms)[~constant]
    assert np.all(error <= 1e-12 * norms[~constant])


@settings(max_examples=60)
@given(drawn_problems(), st.integers(0, 2**32 - 1))
def test_the_oracle_is_right_itself(drawn, seed):
    # every dual value is below every primal value
    rng = np.random.default_rng(seed)
    problem: Problem = drawn.problem
    unit = np.sqrt(problem.s @ problem.y_centered**2)
    norms = np.where(problem.norms > 0, problem.norms, 1)
    points = []
    for _ in range(3):
        w = np.clip(rng.standard_normal(len(norms)) * unit / norms, problem.lower, problem.upper)
        points.append(problem.certificate(w, problem.best_intercept(w)))
    highest = max(point.dual for point in points)
    lowest = min(point.primal for point in points)
    assert highest <= lowest * (1 + 1e-12)
    assert all(np.isfinite(point.dual) for point in points)
    basis = orthonormal_basis(problem.X_centered, problem.s)
    gram = basis.T @ (problem.s[:, None] * basis)
    assert np.all(np.abs(gram - np.eye(len(gram))) <= 1e-15)
