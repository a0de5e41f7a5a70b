"""Tests of the benchmarks of losses beyond the squared one: the judge, packages side by side."""

import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import minimize, minimize_scalar

import softreg_fast
from bench import losses
from bench.adaptors import solver_of
from bench.adaptors.with_softreg_fast import certified
from bench.families.family import Family
from bench.families.losses import (
    FAMILIES,
    FOLDED,
    PENALISED,
    RANKED,
    SEARCHED,
    SETTINGS,
    levels,
    with_loss,
)
from bench.harness import judge, timing
from bench.harness.bounds import Bounds
from bench.harness.losses import FORMULAS, minimiser, with_nuisance
from bench.harness.problem import Problem, load, save_data, save_setting
from bench.harness.result import Row
from bench.reports import losses as pages


@pytest.fixture(autouse=True)
def _short_samples(monkeypatch):
    # One call per sample: the clock is not tested here.
    monkeypatch.setattr(timing, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(timing, "REST_SECONDS", 0.0)


TARGETS = {
    "logistic": lambda eta, rng: (rng.random(len(eta)) < 1.0 / (1.0 + np.exp(-eta))) * 1.0,
    "poisson": lambda eta, rng: rng.poisson(np.exp(0.5 * eta)) * 1.0,
}

PENALTIES = {
    "lasso": {},
    "elastic net": {"l1_ratio": 0.5},
    "weights": {"l1_weights": np.linspace(0.5, 2.0, 12)},
    "some free": {"l1_weights": np.where(np.arange(12) < 2, 0.0, 1.0)},
}

EACH = [(loss, penalty) for loss in TARGETS for penalty in PENALTIES]


def small_problem(loss, penalty="lasso", layout=np.asfortranarray, n_alphas=6):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 12)) * (rng.random((80, 12)) < 0.7)
    y = TARGETS[loss](X[:, :4] @ [1.0, -1.0, 0.5, 0.5] + 0.3, rng)
    bare = Problem(layout(X), y, loss=loss, **PENALTIES[penalty])
    return replace(bare, alphas=judge.largest_alpha(bare) * np.geomspace(1.0, 0.05, n_alphas))


def plain_value(loss, y, eta):
    """Return the loss written in the plainest way."""
    if loss == "logistic":
        return np.mean(np.log(1.0 + np.exp(eta)) - y * eta)
    return np.mean(np.exp(eta) - y * eta)


def objective(problem, alpha, w, b):
    X = problem.X.toarray() if problem.is_sparse else problem.X
    c = np.ones(len(w)) if problem.l1_weights is None else problem.l1_weights
    penalty = problem.l1_ratio * c @ np.abs(w) + 0.5 * (1.0 - problem.l1_ratio) * w @ w
    return plain_value(problem.loss, problem.y, X @ w + b) + alpha * penalty


def optimum(problem, alpha):
    """Return the smallest objective, found by L-BFGS-B over the two parts of every coefficient."""
    p = problem.shape[1]

    def split(v):
        return objective(problem, alpha, v[:p] - v[p:-1], v[-1])

    def slopes(v):
        X, y = problem.X, problem.y
        eta = X @ (v[:p] - v[p:-1]) + v[-1]
        mean = 1.0 / (1.0 + np.exp(-eta)) if problem.loss == "logistic" else np.exp(eta)
        c = np.ones(p) if problem.l1_weights is None else problem.l1_weights
        smooth = X.T @ (mean - y) / len(y) + alpha * (1.0 - problem.l1_ratio) * (v[:p] - v[p:-1])
        l1 = alpha * problem.l1_ratio * c
        return np.concatenate([smooth + l1, -smooth + l1, [np.mean(mean - y)]])

    limits = [(0.0, None)] * (2 * p) + [(None, None)]
    options = {"maxiter": 100_000, "maxfun": 1_000_000, "ftol": 1e-16, "gtol": 1e-10}
    found = minimize(split, np.zeros(2 * p + 1), jac=slopes, bounds=limits, options=options)
    w = found.x[:p] - found.x[p:-1]
    return min(found.fun, objective(problem, alpha, w, found.x[-1]))


def ours(problem, tol=1e-10):
    solver = solver_of("ours", "loss path")
    return sp.csc_matrix(solver.solve(solver.prepare(problem, 1), tol))


def loss_of(problem, w):
    """Return the objective at w with the best intercept and unpenalised coefficients."""
    X = problem.X.toarray() if problem.is_sparse else problem.X
    c = np.ones(len(w)) if problem.l1_weights is None else problem.l1_weights
    free = np.flatnonzero(c == 0.0)
    held = np.where(c == 0.0, 0.0, w)

    def at(v):
        full = held.copy()
        full[free] = v[1:]
        return plain_value(problem.loss, problem.y, X @ full + v[0])

    found = minimize(at, np.zeros(1 + len(free)), method="BFGS", options={"gtol": 1e-9})
    alpha = problem.alphas[0]
    penalty = c @ np.abs(held) * problem.l1_ratio + 0.5 * (1.0 - problem.l1_ratio) * held @ held
    return found.fun + alpha * penalty


# ---------------------------------------------------------------------------------------------
# Formulas


@pytest.mark.parametrize("loss", TARGETS)
def test_formulas_are_derivatives_and_conjugates(loss):
    formula, eta, step = FORMULAS[loss], np.linspace(-3.0, 3.0, 13), 1e-5
    for y in (0.0, 1.0) if loss == "logistic" else (0.0, 1.0, 5.0):
        low, high = (formula.value(y, eta + sign * step) for sign in (-1, 1))
        assert np.allclose((high - low) / (2 * step), formula.mean(eta) - y, atol=1e-8)
        low, high = (formula.mean(eta + sign * step) for sign in (-1, 1))
        curvature = formula.curvature(formula.mean(eta))
        assert np.allclose((high - low) / (2 * step), curvature, atol=1e-8)
        assert np.allclose(formula.link(formula.mean(eta)), eta)
        # f*(-theta) is the largest of -theta eta - f(y, eta)
        for t in (0.1, 0.5, 0.9):
            theta = y - t
            found = minimize_scalar(lambda at: theta * at + formula.value(y, at))  # noqa: B023
            assert float(formula.conjugate(np.array(t))) == pytest.approx(-found.fun, abs=1e-8)
    assert np.isposinf(formula.conjugate(np.array(-1e-9)))
    assert np.isposinf(FORMULAS["logistic"].conjugate(np.array(1.0 + 1e-9)))


@pytest.mark.parametrize("loss", TARGETS)
def test_the_nuisance_is_optimal(loss):
    given = small_problem(loss)
    eta = given.X @ np.linspace(-1.0, 1.0, 12)
    basis = judge.nuisance(given, np.arange(12) < 2)
    fitted = with_nuisance(FORMULAS[loss], given.y, eta, basis)
    slopes = basis.T @ (given.y - FORMULAS[loss].mean(fitted))
    assert np.abs(slopes).max() < 1e-11
    moved = fitted - eta
    assert np.allclose(moved, basis @ (basis.T @ moved))


def test_newton_steps_survive_columns_that_depend_on_each_other():
    given = small_problem("logistic")
    columns = np.column_stack([np.ones(80), given.X[:, 0], given.X[:, 0]])
    c = minimiser(FORMULAS["logistic"], given.y, np.zeros(80), columns, np.zeros(3))
    slopes = columns.T @ (given.y - FORMULAS["logistic"].mean(columns @ c))
    assert np.abs(slopes).max() < 1e-10


# ---------------------------------------------------------------------------------------------
# The judge


@pytest.mark.parametrize("layout", [np.asfortranarray, sp.csc_matrix])
@pytest.mark.parametrize(("loss", "penalty"), EACH)
def test_suboptimality_is_the_distance_from_the_optimum(loss, penalty, layout):
    given = small_problem(loss, penalty, layout)
    bounds = Bounds(given)
    W = ours(given)
    assert bounds.gap(W) < 1e-9
    dense = replace(given, X=given.X.toarray() if given.is_sparse else given.X)
    best = [optimum(dense, alpha) for alpha in given.alphas]
    unit = bounds.null_deviance
    # never above the optimum, and close to it
    assert np.all(bounds.lower <= np.array(best) + 1e-9)
    assert np.allclose(bounds.lower, best, atol=1e-6)
    # an answer that is wrong at one alpha
    wrong = W.toarray()
    wrong[:, 4] *= 1.05
    at = replace(dense, alphas=given.alphas[4:5])
    exact = (loss_of(at, wrong[:, 4]) - bounds.lower[4]) / unit
    assert bounds.gap(wrong) == pytest.approx(exact, rel=1e-3)
    assert exact > 1e-6


@pytest.mark.parametrize("loss", TARGETS)
def test_wrong_answers_are_refused_even_if_they_come_first(loss):
    given = small_problem(loss)
    right = ours(given).toarray()
    other = np.roll(right, 1, axis=1)
    for wrong in (np.zeros_like(right), -right, other, right + 0.01, 1.02 * right):
        assert Bounds(given).gap(wrong) > pages.TARGET
        bounds = Bounds(given)
        bounds.gap(right)
        assert bounds.gap(wrong) > pages.TARGET
        # and they do no harm to the right one
        bounds = Bounds(given)
        bounds.gap(wrong)
        assert bounds.gap(right) < pages.TARGET


@pytest.mark.parametrize(("loss", "penalty"), EACH)
def test_dual_points_are_not_believed(loss, penalty):
    given, rng = small_problem(loss, penalty), np.random.default_rng(1)
    bounds = Bounds(given)
    bounds.gap(ours(given))
    best = bounds.lower.copy()
    residual = given.y[:, None] - given.y.mean() + np.zeros(6)
    for points in (
        residual,
        100.0 * residual,  # slopes and values outside the domain
        rng.standard_normal((80, 6)),
        np.zeros((80, 6)),
        np.full((80, 6), np.nan),
        residual + 0.3,  # does not sum to zero
    ):
        bounds.learn(points)
        assert np.all(bounds.lower <= best + 1e-12)
        assert np.all(bounds.lower >= best)


def test_a_dual_point_from_outside_is_a_bound_of_its_own():
    given = small_problem("logistic")
    found = FORMULAS["logistic"]
    bounds = Bounds(given)
    eta = np.full((80, 6), found.link(given.y.mean()))
    bounds.learn(given.y[:, None] - found.mean(eta))
    # at alpha_max the residual of the null model is optimal
    null = plain_value("logistic", given.y, eta[:, 0])
    assert bounds.lower[0] == pytest.approx(null, rel=1e-12)
    assert np.all(bounds.lower[1:] < null)


@pytest.mark.parametrize("loss", TARGETS)
def test_alpha_max_is_where_the_first_coefficient_enters(loss):
    given = small_problem(loss)
    alphas = given.alphas[0] * np.array([1.001, 0.99])
    W = ours(replace(given, alphas=alphas)).toarray()
    assert np.count_nonzero(W, axis=0).tolist() == [0, 1]


def test_a_long_path_is_judged_at_some_alphas():
    given = small_problem("logistic", n_alphas=100)
    bounds = Bounds(given)
    assert len(bounds.picked) == 16
    assert bounds.picked[[0, -1]].tolist() == [0, 99]
    W = ours(given)
    assert bounds.gap(W) < 1e-9
    W = W.toarray()
    W[:, bounds.picked[7]] *= 1.1
    assert bounds.gap(W) > 1e-6


# ---------------------------------------------------------------------------------------------
# Packages


@pytest.mark.parametrize("kind", ["liblinear", "saga"])
def test_solvers_of_scikit_learn_solve_the_same_problem(kind):
    given = small_problem("logistic")
    solver = solver_of("sklearn", f"loss path, {kind}")
    found = solver.solve(solver.prepare(given, 1), 1e-8)
    bounds = Bounds(given)
    bounds.gap(ours(given))
    assert bounds.gap(found) < 1e-5
    with pytest.raises(NotImplementedError, match="classes only"):
        solver.prepare(small_problem("poisson"), 1)
    with pytest.raises(NotImplementedError, match="no weights"):
        solver.prepare(small_problem("logistic", "weights"), 1)


def test_the_loss_survives_its_way_to_the_worker(tmp_path):
    given = small_problem("poisson")
    save_data(tmp_path, given)
    save_setting(tmp_path, given)
    assert load(tmp_path).loss == "poisson"


def test_a_fit_that_is_not_certified_is_an_error():
    given = small_problem("logistic")
    options = {"solver": "cd", "tol": 1e-12, "max_iter": 1}
    with pytest.warns(Warning, match="gap"):
        fits = softreg_fast.path(given.X, given.y, alphas=given.alphas, **options)
    with pytest.raises(RuntimeError, match="not certified"):
        certified(fits)


def little_family(name="little"):
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.standard_normal((60, 5)))
    y = TARGETS["logistic"](X[:, 0] - 0.5, rng)
    return Family(name, "logistic", with_loss(lambda: Problem(X, y), "logistic"), 1, 2)


def run(monkeypatch, tmp_path, *arguments):
    monkeypatch.setattr(losses, "FAMILIES", [little_family("alon")])
    monkeypatch.setattr(losses, "version_of", lambda package: "1")
    page, results = tmp_path / "page.md", tmp_path / "results.json"
    command = ["run", "--repeat", "1", "--json", str(results), "--markdown", str(page)]
    monkeypatch.setattr("sys.argv", [*command, *arguments])
    losses.main()
    return json.loads(results.read_text())["rows"], page.read_text()


def test_packages_beside_each_other(tmp_path, monkeypatch, capsys):
    def missing(package):
        return "cannot be installed" if package == "glum" else ""

    monkeypatch.setattr(losses, "missing", missing)
    chosen = ["--packages", "glum,liblinear", "--settings", "path,enet"]
    rows, text = run(monkeypatch, tmp_path, *chosen)
    assert {row["setting"] for row in rows} == {"path", "enet"}
    assert {row["clock"] for row in rows} == {"processor", "wall"}
    for row in rows:
        if row["package"] == "ours":
            assert row["gap"] <= (1e-6 if row["target"] == 1e-6 else 1e-4)
        elif row["package"] == "glum":
            assert row["note"] == "cannot be installed"
        elif row["ratio"] is None:
            assert row["note"]
        else:
            assert row["gap"] <= 1e-6
            assert row["ratio"] > 0
    for word in ("make bench-losses", "cannot be installed", "processor time, 1 thread"):
        assert word in text
    assert "best / ours" in capsys.readouterr().out


def test_a_package_that_cannot_be_installed_has_a_reason(monkeypatch):
    def fails(package):
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(losses, "python_of", fails)
    assert losses.missing("adelie") == "cannot be installed"
    monkeypatch.setattr(losses, "available", dict)
    assert losses.missing("rglmnet") == "not installed"


def test_cross_validation_is_judged_by_the_model_chosen():
    given = replace(small_problem("logistic"), n_folds=5)
    solver = solver_of("ours", "loss cv")
    choice = solver.solve(solver.prepare(given, 1), 1e-10)
    judged = losses.judge_of(given)
    assert judged(given, choice) < 1e-9
    assert judged(given, choice._replace(coef=1.1 * choice.coef)) > 1e-6


def test_searches_are_the_same_call_of_both_packages():
    given = replace(small_problem("logistic"), n_folds=3)
    judged, choices = losses.judge_of(given), []
    for package, kind in (("ours", ""), ("sklearn", ", liblinear"), ("sklearn", ", saga")):
        solver = solver_of(package, f"loss search{kind}")
        choices.append(solver.solve(solver.prepare(given, 1), 1e-8))
        assert judged(given, choices[-1]) < 1e-5
    ours, *theirs = choices
    for choice in theirs:
        assert choice.alpha == ours.alpha
        np.testing.assert_allclose(choice.errors, ours.errors, rtol=1e-3)


def test_liblinear_hardly_penalises_the_intercept_in_any_unit():
    given = small_problem("logistic")
    given = replace(given, X=1e4 * given.X, alphas=1e4 * given.alphas)
    solver = solver_of("sklearn", "loss path, liblinear")
    bounds = Bounds(given)
    bounds.gap(ours(given))
    assert bounds.gap(solver.solve(solver.prepare(given, 1), 1e-8)) < 1e-5


# ---------------------------------------------------------------------------------------------
# Families and tables


def test_what_each_family_must_reach():
    by_name = {family.name: family for family in FAMILIES}
    assert {*PENALISED, *FOLDED, *RANKED, *SEARCHED} <= set(by_name)
    assert levels("path", by_name["arcene"]) == (30, 60)
    assert levels("fit", by_name["arcene"]) == (1.5, 4)
    assert levels("weighted", by_name["bikeshare"]) == (2, 5)
    assert levels("cv", by_name["golub"]) == (5, 15)
    assert levels("auc", by_name["rcv1_small"]) == (5, 15)
    assert levels("path", by_name["simulated 300 x 6,000 Cox"]) == (50, 150)
    assert levels("search", by_name["golub"]) == (20, 100)


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_has_problems(setting):
    name = "glmnet_Binomial"
    made = list(SETTINGS[setting].problems(little_family(name), little_family(name).make()))
    assert len(made) == (2 if setting == "fit" else 1)
    for label, problem in made:
        assert label.startswith(name)
        assert set(problem.y) == {0.0, 1.0}
        assert problem.loss == "logistic"
        assert problem.n_folds == {"cv": 10, "auc": 10, "search": 5}.get(setting, 0)
        assert problem.measure == ("auc" if setting == "auc" else "deviance")
    if setting in ("enet", "weighted", "cv", "auc"):
        assert not list(SETTINGS[setting].problems(little_family(), little_family().make()))


def test_the_verdict_needs_our_gap():
    def row(package, tol, ratio, gap=1e-7):
        times = {"ratio": ratio, "seconds": 1.0, "ours": 1.0, "quartiles": (ratio, ratio)}
        times = times if ratio else {"seconds": 1.0}
        return Row("path", "little", package, tol, 1, 4, 8, gap=gap, **times)

    found = {("ours", tol): row("ours", tol, None) for tol in pages.CERTIFIED}
    found |= {("adelie", tol): row("adelie", tol, 5.0 / tol**0.1) for tol in pages.CERTIFIED}
    found |= {("saga", tol): row("saga", tol, 5.0) for tol in pages.CERTIFIED}
    names = ["adelie", "saga"]
    assert pages.cells("little", found, names)[-1] == "met"
    found["ours", 1e-4].gap = 1e-3
    assert pages.cells("little", found, names)[2] == "1e-07; 1e-03"
    found["ours", 1e-6].gap = 1e-5
    assert pages.cells("little", found, names)[-1] == "missed: our gap"
    found["ours", 1e-6].gap = 1e-7
    # the looser tolerance counts where it is accurate enough
    found["saga", 1e-4].ratio = found["adelie", 1e-4].ratio = 9.0
    assert pages.cells("little", found, names)[-1] == "met"
    found["ours", 1e-4].gap = 1e-6
    assert pages.cells("little", found, names)[-1] == "aim met"
    # a package that was stopped is slower by at least what is known
    stopped = Row("path", "little", "skglm", 1e-6, 1, 4, 8, note="over 3 s", least=5.0, ours=1.0)
    only = {key: value for key, value in found.items() if key[0] == "ours"}
    only["skglm", 1e-6] = stopped
    assert pages.cells("little", only, ["skglm"])[3:5] == ["over 3 s", "> 5"]
    assert pages.cells("little", only, ["skglm"])[-1] == "met"
    stopped.least = 3.0
    assert pages.cells("little", only, ["skglm"])[-1] == "open: the others were stopped"
    assert pages.cells("little", {**found, ("skglm", 1e-6): stopped}, ["skglm"])[4] == "> 3"
    alone = {key: value for key, value in found.items() if key[0] == "ours"}
    assert pages.cells("little", alone, names)[-1] == "no other met the target"
