"""Tests of the solver in examples/benchopt: alone, and by benchopt if that is installed."""

import runpy
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import oracles
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import aslinearoperator

BENCHMARK = Path(__file__).parents[2] / "examples" / "benchopt"


@pytest.fixture
def load(monkeypatch):
    """Return the class in a file of the benchmark, with base classes that do nothing."""
    bases = ("BaseSolver", "BaseObjective", "BaseDataset")
    monkeypatch.setitem(sys.modules, "benchopt", SimpleNamespace(**dict.fromkeys(bases, object)))

    def load_class(name, kind, **parameters):
        thing = runpy.run_path(str(BENCHMARK / name))[kind]()
        vars(thing).update(parameters)
        return thing

    return load_class


@pytest.mark.parametrize("fit_intercept", [False, True], ids=["through 0", "intercept"])
@pytest.mark.parametrize("density", [1.0, 0.2], ids=["dense", "sparse"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_solves_the_problem_that_it_is_given(load, fit_intercept, density):
    sizes = {"n_samples": 30, "n_features": 60, "density": density, "rho": 0.6}
    data = load("datasets/simulated.py", "Dataset", **sizes).get_data()
    assert sp.issparse(data["X"]) == (density < 1)
    objective = load("objective.py", "Objective", fit_intercept=fit_intercept, reg=0.1)
    objective.set_data(**data)
    at_zero = objective.evaluate_result(**objective.get_one_result())
    solver = load("solvers/softreg_fast.py", "Solver")
    assert solver.skip(**objective.get_objective()) == (False, None)
    solver.set_objective(**objective.get_objective())
    tol = 3e38
    for _ in range(5):
        solver.run(tol)
        found = objective.evaluate_result(**solver.get_result())
        assert found["duality_gap"] <= 2 * np.clip(tol, 1e-12, 1.0) * at_zero["value"]
        tol = solver.get_next(tol)
    assert 0 < found["support_size"] < 30
    # the same minimum in its units: the objective is n times that of softreg_fast
    penalty = {"alpha": objective.lmbd / 30, "fit_intercept": fit_intercept}
    problem = oracles.problem_of(**data, **penalty)
    beta = solver.get_result()["beta"]
    value = problem.objective(beta[:60], beta[60] if fit_intercept else 0.0)
    assert found["value"] == pytest.approx(30 * value, rel=1e-12)


def test_objective_is_no_better_at_a_wrong_intercept(load):
    sizes = {"n_samples": 30, "n_features": 20, "density": 1.0, "rho": 0.6}
    data = load("datasets/simulated.py", "Dataset", **sizes).get_data()
    objective = load("objective.py", "Objective", fit_intercept=True, reg=0.5)
    objective.set_data(**data)
    at_zero = objective.evaluate_result(np.zeros(21))
    at_mean = objective.evaluate_result(np.append(np.zeros(20), data["y"].mean()))
    assert at_mean["value"] < at_zero["value"]
    assert 0.0 <= at_mean["duality_gap"] < at_zero["duality_gap"]


def test_operators_are_left_out(load):
    skipped, reason = load("solvers/softreg_fast.py", "Solver").skip(
        aslinearoperator(np.eye(3)), np.ones(3), 1.0, False
    )
    assert skipped
    assert "matrix" in reason


@pytest.mark.skipif(find_spec("benchopt") is None, reason="benchopt is not installed")
def test_benchopt_runs_it(tmp_path):
    import pandas as pd

    folder = shutil.copytree(BENCHMARK, tmp_path / "benchmark")
    options = ["--max-runs", "20", "--n-repetitions", "1", "--no-plot", "--output", "found"]
    subprocess.run([sys.executable, "-m", "benchopt", "run", folder, *options], check=True)
    found = pd.read_parquet(folder / "outputs" / "found.parquet")
    names = ["dataset_name", "objective_name"]
    last = found.sort_values("stop_val", ascending=False).groupby(names).last()
    assert len(last) == 8
    assert (last["objective_duality_gap"] <= 1e-9 * last["objective_value"]).all()
