"""The demonstration: one Lasso path and one weighted ridge on scikit-learn's diabetes data."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge as ScikitRidge
from sklearn.linear_model import lasso_path as scikit_lasso_path
from sklearn.model_selection import KFold
from sklearn.preprocessing import PolynomialFeatures

from softreg_fast.cli.files import check_writable, reason, save
from softreg_fast.display.outcomes import Outcomes
from softreg_fast.model_selection.cv import cv_path
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import aligned
from softreg_fast.paths.path import path
from softreg_fast.paths.result import Path
from softreg_fast.paths.solve import solve
from softreg_fast.report.page import Report, page
from softreg_fast.report.pictures import check_pictures
from softreg_fast.report.summary import certificate_lines, coefficient_lines, well_explained

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# Accuracy that every solver has to reach: gap/P0 at every alpha, as measured by `relative_gap`.
WORST_GAP = 1e-6

# The path goes from the largest alpha down to this fraction of it.
EPS = 0.01

# Plain NumPy takes seconds for all 100 alphas; it gets every tenth.
EVERY = 10

# Strength of the ridge, and the weight of a measurement relative to 1 for a square or a product.
RIDGE_ALPHA = 1.0
LIGHT = 0.01

# Folds of the cross-validation that the report shows, and the seed of their shuffle.
FOLDS = 10
SEED = 0

# The blood measurements, which scikit-learn calls s1 to s6.
BLOOD = {"s1": "tc", "s2": "ldl", "s3": "hdl", "s4": "tch", "s5": "ltg", "s6": "glucose"}


class Problem(NamedTuple):
    """The data as loaded, and centred with unit variance for the solvers that need it."""

    X: Matrix
    y: Vector
    names: list[str]
    n_measurements: int
    deviation: Vector
    Z: Matrix
    target: Vector


# Function that returns coefficients (n_features, n_alphas) at some alphas, to a tolerance of
# gap/P0.
Solver: TypeAlias = Callable[[Problem, Vector, float], Matrix]


class Timing(NamedTuple):
    """One solver's best time on one task, and its largest gap/P0."""

    task: str
    solver: str
    seconds: float
    gap: float


def load_problem() -> Problem:
    """Load the data: 442 patients; ten measurements, their squares and their products."""
    bunch = load_diabetes(scaled=False)  # not as a frame, which needs pandas
    powers = PolynomialFeatures(degree=2, include_bias=False)
    everything = powers.fit_transform(bunch.data)
    measured = [BLOOD.get(name, name) for name in bunch.feature_names]
    names = [_name(exponents, measured) for exponents in powers.powers_]
    kept = [j for j, name in enumerate(names) if name != "sex^2"]  # sex has two values
    X, y = np.asfortranarray(everything[:, kept]), bunch.target
    deviation = X.std(axis=0)
    Z = np.asfortranarray((X - X.mean(axis=0)) / deviation)
    names = [names[j] for j in kept]
    return Problem(X, y, names, len(measured), deviation, Z, y - y.mean())


def _name(exponents: NDArray[np.int64], measured: list[str]) -> str:
    factors = [
        measured[j] + (f"^{exponents[j]}" if exponents[j] > 1 else "")
        for j in np.flatnonzero(exponents)
    ]
    return " * ".join(factors)


# ---------------------------------------------------------------------------------------------
# The reference gap and the rival solvers, all on centred columns of unit variance.


def relative_gap(problem: Problem, w: Vector, l1: Vector | float, l2: Vector | float) -> float:
    """Return the duality gap over P0 of w for `1/(2n) ||y - Zw||^2 + l1 |w| + l2/2 w^2`.

    The dual point is the residual, scaled down until it is feasible where there is no l2.
    """
    Z, y = problem.Z, problem.target
    n = len(y)
    r = y - Z @ w
    c = np.abs(Z.T @ r) / n
    l1, l2 = np.broadcast_to(l1, w.shape), np.broadcast_to(l2, w.shape)
    hard = (l2 == 0.0) & (c > l1)
    shrink = np.min(l1[hard] / c[hard], initial=1.0)
    excess = np.maximum(shrink * c - l1, 0.0)[l2 > 0.0]
    primal = r @ r / (2 * n) + l1 @ np.abs(w) + l2 @ (w * w) / 2
    dual = (y @ y - np.sum((y - shrink * r) ** 2)) / (2 * n)
    dual -= np.sum(excess**2 / (2 * l2[l2 > 0.0]))
    return float((primal - dual) / (y @ y / (2 * n)))


def numpy_path(problem: Problem, alphas: Vector, tol: float) -> Matrix:
    """Run coordinate descent on the Gram matrix in plain NumPy, to gap/P0 <= tol."""
    Z, y = problem.Z, problem.target
    n, p = Z.shape
    gram = Z.T @ Z / n
    gradient = Z.T @ y / n
    w = np.zeros(p)
    coefs = np.zeros((p, len(alphas)))
    for k, alpha in enumerate(alphas):
        epoch = 0
        while epoch % 10 or relative_gap(problem, w, alpha, 0.0) > tol:
            for j in range(p):
                old = w[j]
                z = old + gradient[j]
                new = np.sign(z) * max(abs(z) - alpha, 0.0)
                if new != old:
                    gradient -= (new - old) * gram[j]
                    w[j] = new
            epoch += 1
        coefs[:, k] = w
    return coefs


def _fitted(problem: Problem, alphas: Vector, tol: float) -> Matrix:
    fits = path(problem.X, problem.y, alphas=alphas, standardize=True, tol=tol / 2)
    coefs: Matrix = fits.coefs.toarray() * problem.deviation[:, None]
    return coefs


def _scikit_path(problem: Problem, alphas: Vector, tol: float) -> Matrix:
    coefs: Matrix = scikit_lasso_path(
        problem.Z, problem.target, alphas=alphas, tol=tol / 2, max_iter=1_000_000
    )[1]
    return coefs


def _ridge_weights(problem: Problem) -> Vector:
    weights = np.ones(len(problem.names))
    weights[: problem.n_measurements] = LIGHT
    return weights


def _fitted_ridge(problem: Problem, alphas: Vector, tol: float) -> Matrix:
    fits = path(
        problem.X, problem.y, alphas=alphas, l1_ratio=0.0, l2_weights=_ridge_weights(problem),
        standardize=True, tol=tol / 2,
    )  # fmt: skip
    coefs: Matrix = fits.coefs.toarray() * problem.deviation[:, None]
    return coefs


def _scikit_ridge(problem: Problem, alphas: Vector, tol: float) -> Matrix:
    root = np.sqrt(_ridge_weights(problem))
    scaled = problem.Z / root
    columns = [
        ScikitRidge(alpha=alpha * len(problem.y)).fit(scaled, problem.target).coef_ / root
        for alpha in alphas
    ]
    return np.array(columns).T


# ---------------------------------------------------------------------------------------------
# Timing.


def race(problem: Problem, alphas: Vector) -> list[Timing]:
    """Time every solver on the same task to the same gap, each rival after softreg_fast."""
    few = alphas[EVERY - 1 :: EVERY]
    strengths = RIDGE_ALPHA * np.geomspace(100.0, 0.01, 100)
    lasso, short, ridge = (
        f"Lasso, {len(alphas)} alphas",
        f"Lasso, {len(few)} of these",
        f"ridge, {len(strengths)} alphas",
    )
    return [
        *_duel(problem, lasso, alphas, _fitted, ("scikit-learn", _scikit_path), 5),
        *_duel(problem, short, few, _fitted, ("NumPy", numpy_path), 1),
        *_duel(problem, ridge, strengths, _fitted_ridge, ("scikit-learn", _scikit_ridge), 4),
    ]


def _duel(
    problem: Problem,
    task: str,
    alphas: Vector,
    ours: Solver,
    rival: tuple[str, Solver],
    rounds: int,
) -> list[Timing]:
    """Return the best times of two solvers run in turns, at the first sufficient tolerance."""
    best = []
    for name, run in (("softreg_fast", ours), rival):
        for tol in WORST_GAP * 10.0 ** -np.arange(4):
            seconds, coefs = _clocked(run, problem, alphas, tol)
            gap = _worst_gap(problem, coefs, alphas, task)
            if gap <= WORST_GAP:
                break
        best.append((name, run, tol, gap, [seconds]))
    for _ in range(rounds):
        for _, run, tol, _, times in best:
            times.append(_clocked(run, problem, alphas, tol)[0])
    return [Timing(task, name, min(times), gap) for name, _, _, gap, times in best]


def _clocked(run: Solver, problem: Problem, alphas: Vector, tol: float) -> tuple[float, Matrix]:
    began = time.perf_counter()
    coefs = run(problem, alphas, tol)
    return time.perf_counter() - began, coefs


def _worst_gap(problem: Problem, coefs: Matrix, alphas: Vector, task: str) -> float:
    if task.startswith("ridge"):
        weights = _ridge_weights(problem)
        strengths = [(0.0, alpha * weights) for alpha in alphas]
    else:
        strengths = [(alpha, 0.0) for alpha in alphas]
    return max(relative_gap(problem, coefs[:, k], *pair) for k, pair in enumerate(strengths))


def _race_lines(timings: list[Timing]) -> list[str]:
    rows = [["task", "solver", "gap/P0", "time", "softreg_fast is"]]
    ours = 0.0
    for task, solver, seconds, gap in timings:
        verdict = ""
        if solver == "softreg_fast":
            ours = seconds
        else:
            word = "faster" if seconds >= ours else "slower"
            verdict = f"{max(seconds / ours, ours / seconds):.3g} x {word}"
        rows.append([task, solver, f"{max(gap, 0.0):.0e}", f"{1e3 * seconds:.1f} ms", verdict])
    return [f"  {line}" for line in aligned(rows, left=2)]


# ---------------------------------------------------------------------------------------------
# Printed output.


def run(report: str | None = None) -> None:
    """Print the demonstration and write its report, by default to a temporary folder."""
    file = _place_of_report(report)
    problem = load_problem()
    fits = path(problem.X, problem.y, standardize=True, eps=EPS, tol=WORST_GAP / 2)
    n, p = problem.X.shape
    sections = [
        [
            f"How does diabetes progress within a year? {n} patients, {p} features:",
            f"{problem.n_measurements} measurements, their squares and their products.",
        ],
        ["LASSO", fits.table(rows=13)],
        _chosen_lines(problem, fits),
        certificate_lines(fits),
        _ridge_lines(problem),
        _time_lines(problem, fits.alphas),
        _report_lines(problem, file),
    ]
    print("\n\n".join("\n".join(section) for section in sections))


def _time_lines(problem: Problem, alphas: Vector) -> list[str]:
    return [
        f"TIME, each to gap/P0 <= {WORST_GAP:.0e} at every alpha, measured by the same NumPy code",
        *_race_lines(race(problem, alphas)),
        "Best of a few runs, in turns, on this machine. softreg_fast starts from the",
        "data as they are; for the others they were centred and scaled beforehand.",
    ]


def _chosen_lines(problem: Problem, fits: Path) -> list[str]:
    k = well_explained(fits)
    return [
        f"CHOSEN at alpha = {fits.alphas[k]:.4g} (index {k}): {fits.df[k]} of "
        f"{len(problem.names)} features give {100 * fits.dev_ratio[k]:.1f} % of the deviance",
        *coefficient_lines(fits, k, problem.deviation, problem.names.__getitem__),
    ]


def _ridge_lines(problem: Problem) -> list[str]:
    weights = _ridge_weights(problem)
    rows = [["", "deviance", "measurements", "squares, products"]]
    for name, chosen in (("all weights 1", np.ones(len(weights))), ("weighted", weights)):
        fit = solve(
            problem.X, problem.y, alpha=RIDGE_ALPHA, l1_ratio=0.0, l2_weights=chosen,
            standardize=True,
        )  # fmt: skip
        effect = np.abs(fit.coef * problem.deviation)
        first, rest = effect[: problem.n_measurements].sum(), effect[problem.n_measurements :].sum()
        rows.append([name, f"{100 * fit.dev_ratio:.1f} %", f"{first:.1f}", f"{rest:.1f}"])
    return [
        f"WEIGHTED RIDGE, alpha = {RIDGE_ALPHA:g}: a measurement has {LIGHT:g} of the penalty of a "
        "square or product,",
        "so that it speaks first. Sums of |effect of one standard deviation|:",
        *(f"  {line}" for line in aligned(rows)),
    ]


def _place_of_report(given: str | None) -> str | None:
    """Return where to write the report; None if it was not requested and matplotlib is missing."""
    if given is not None:
        check_writable(given, endings=(".html", ".htm"))
        check_pictures()
        return given
    try:
        check_pictures()
        return os.path.join(tempfile.mkdtemp(prefix="softreg_fast_"), "report.html")
    except InputError:
        return None
    except OSError as error:
        raise InputError(
            f"cannot make a temporary folder: {reason(error)}; say with --report where to write"
        ) from None


def _report_lines(problem: Problem, file: str | None) -> list[str]:
    if file is None:
        return [
            "REPORT of a cross-validation, a page with pictures: left out, for it needs matplotlib",
            "(pip install 'softreg_fast[plot]').",
        ]
    report = cross_validated(problem)
    save(file, page(report))
    return [
        f"REPORT of a cross-validation, which chooses {report.model.df} features by the rule of "
        "one standard error.",
        "Open it in a browser:",
        f"  {file}",
    ]


def cross_validated(problem: Problem) -> Report:
    """Cross-validate alpha on folds of the patients and return the report of the search."""
    folds = KFold(FOLDS, shuffle=True, random_state=SEED)
    search = cv_path(
        problem.X, problem.y, standardize=True, tol=WORST_GAP / 2, cv=folds, rule="1se"
    )
    n, p = problem.X.shape
    return Report(
        path=search.path,
        k=search.index,
        search=search,
        deviation=problem.deviation,
        label=problem.names.__getitem__,
        l1_ratio=1.0,
        source="scikit-learn's diabetes data",
        target="the progress of diabetes within a year",
        data={"rows": f"{n} patients", "features": f"{p}: measurements, squares and products"},
        settings={
            "alphas": f"{len(search.path)}, {search.path.alphas[0]:.6g} to "
            f"{search.path.alphas[-1]:.6g}",
            "standardize": "yes",
            "tol": f"{WORST_GAP / 2:g}",
            "folds": f"{FOLDS}, shuffled, seed {SEED}",
            "rule": search.rule,
        },
        command="softreg_fast demo --report report.html",
        outcomes=Outcomes.from_cv_path(search, problem.y),
        n_rows=n,
    )
