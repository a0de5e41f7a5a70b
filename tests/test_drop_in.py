"""patch_sklearn(): programs that say scikit-learn and get ours."""

import subprocess
import sys
from types import ModuleType

import problems
import pytest
import sklearn.linear_model
from numpy.testing import assert_allclose, assert_array_equal

import softreg_fast
from softreg_fast import patch_sklearn, unpatch_sklearn
from softreg_fast.drop_in import OURS, THEIRS
from softreg_fast.patch import main

SCRIPT = """
import sys
from sklearn.linear_model import Lasso, LinearRegression
print(Lasso.__module__, LinearRegression.__module__, __name__, *sys.argv[1:])
"""


@pytest.fixture(autouse=True)
def as_before():
    yield
    unpatch_sklearn()
    for name, value in THEIRS.items():
        assert getattr(sklearn.linear_model, name) is value


@pytest.fixture
def program(monkeypatch):
    """A module that has imported names from scikit-learn already, and one of ours."""
    module = ModuleType("program")
    module.Lasso, module.Net = sklearn.linear_model.Lasso, sklearn.linear_model.ElasticNet
    module.Ours, module.Other = softreg_fast.Lasso, sklearn.linear_model.LinearRegression
    monkeypatch.setitem(sys.modules, "program", module)
    return module


def test_names_are_ours_and_theirs_again(program):
    assert patch_sklearn() == sorted(OURS)
    for name, value in OURS.items():
        assert getattr(sklearn.linear_model, name) is value is getattr(softreg_fast, name)
    assert (program.Lasso, program.Net) == (softreg_fast.Lasso, softreg_fast.ElasticNet)
    unpatch_sklearn()
    assert (program.Lasso, program.Net) == (THEIRS["Lasso"], THEIRS["ElasticNet"])
    assert program.Ours is softreg_fast.Lasso  # was ours by its own wish
    assert program.Other is sklearn.linear_model.LinearRegression


def test_twice_is_once(program):
    patch_sklearn()
    patch_sklearn()
    unpatch_sklearn()
    assert program.Lasso is THEIRS["Lasso"]
    unpatch_sklearn()
    assert program.Lasso is THEIRS["Lasso"]


def test_what_is_imported_later_is_reached_by_patching_again(program):
    patch_sklearn()
    program.Late = THEIRS["Ridge"]
    patch_sklearn()
    assert program.Late is softreg_fast.Ridge
    unpatch_sklearn()
    assert program.Late is THEIRS["Ridge"]


def test_what_the_program_has_changed_since_stays(program):
    patch_sklearn()
    program.Lasso = "mine"
    unpatch_sklearn()
    assert program.Lasso == "mine"


def test_scikit_learn_keeps_its_own(program):
    from sklearn.linear_model import _coordinate_descent

    patch_sklearn()
    assert _coordinate_descent.Lasso is THEIRS["Lasso"]
    assert issubclass(_coordinate_descent.MultiTaskLasso, THEIRS["ElasticNet"])


@pytest.mark.parametrize("as_module", [False, True])
def test_scripts_run_unchanged(tmp_path, as_module):
    (tmp_path / "script.py").write_text(SCRIPT)
    target = ["-m", "script"] if as_module else ["script.py"]
    command = [sys.executable, "-W", "error", "-m", "softreg_fast.patch", *target, "one", "-x"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.stderr == ""
    expected = "softreg_fast.linear_model sklearn.linear_model._base __main__ one -x"
    assert ran.stdout.strip() == expected


def test_scripts_find_their_neighbours(tmp_path):
    (tmp_path / "neighbour.py").write_text("print('here')")
    (tmp_path / "script.py").write_text("import neighbour")
    command = [sys.executable, "-m", "softreg_fast.patch", str(tmp_path / "script.py")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == "here"
    missing = subprocess.run([*command[:-1], "no.py"], capture_output=True, text=True, timeout=60)
    assert (missing.returncode, missing.stderr.splitlines()[0]) == (2, "there is no file no.py")


@pytest.mark.parametrize(("arguments", "status"), [([], 2), (["-m"], 2), (["--help"], 0)])
def test_usage(arguments, status, capsys):
    assert main(arguments) == status
    assert "usage: python -m softreg_fast.patch" in capsys.readouterr().out
    assert sklearn.linear_model.Lasso is THEIRS["Lasso"]


def test_words_of_scikit_learn_are_understood(rng):
    X, y = problems.make_data(rng, 40, 6)
    plain = softreg_fast.Ridge(0.5).fit(X, y).coef_
    for solver in ("svd", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"):
        assert_allclose(softreg_fast.Ridge(0.5, solver=solver, tol=1e-12).fit(X, y).coef_, plain)
    unchecked = softreg_fast.Lasso(0.1).fit(X, y, check_input=False)
    assert_array_equal(unchecked.coef_, softreg_fast.Lasso(0.1).fit(X, y).coef_)
    for path in (softreg_fast.lasso_path, softreg_fast.enet_path):
        with pytest.raises(ValueError, match="Unexpected parameters in params: normalize"):
            path(X, y, normalize=True)
        path(X, y, alphas=3, selection="cyclic", random_state=0)
