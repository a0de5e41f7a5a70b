"""patch_sklearn(): programs that import from scikit-learn get our classes."""

import multiprocessing
import pickle
import subprocess
import sys
import warnings
import zipfile
from concurrent.futures import ProcessPoolExecutor
from types import ModuleType

import joblib
import numpy as np
import problems
import pytest
import sklearn.linear_model
import sklearn.svm
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import linear_model
from sklearn.base import clone

import softreg_fast
from softreg_fast import patch_sklearn, unpatch_sklearn
from softreg_fast.estimators.drop_in import OURS, THEIRS
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
        assert in_scikit_learn(name) is value


def in_scikit_learn(name):
    """Return what a name of the patch refers to in scikit-learn."""
    return getattr(sklearn.svm if name == "LinearSVC" else sklearn.linear_model, name)


@pytest.fixture
def program(monkeypatch):
    """Return a module that has already imported names from scikit-learn, and one of ours."""
    module = ModuleType("program")
    module.Lasso, module.Net = sklearn.linear_model.Lasso, sklearn.linear_model.ElasticNet
    module.Ours, module.Other = softreg_fast.Lasso, sklearn.linear_model.LinearRegression
    monkeypatch.setitem(sys.modules, "program", module)
    return module


def test_names_are_ours_and_theirs_again(program):
    assert patch_sklearn() == sorted(OURS)
    for name, value in OURS.items():
        assert in_scikit_learn(name) is value is getattr(softreg_fast, name)
    assert (program.Lasso, program.Net) == (softreg_fast.Lasso, softreg_fast.ElasticNet)
    unpatch_sklearn()
    assert (program.Lasso, program.Net) == (THEIRS["Lasso"], THEIRS["ElasticNet"])
    assert program.Ours is softreg_fast.Lasso  # the program imported ours explicitly
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


def test_modules_that_are_asked_later():
    patch_sklearn()
    assert linear_model.Lasso is softreg_fast.Lasso  # from sklearn import linear_model
    everything = {}
    exec("from sklearn.linear_model import *", everything)
    assert everything["RidgeCV"] is softreg_fast.RidgeCV
    assert everything["LinearRegression"] is linear_model.LinearRegression


def test_models_know_what_they_are(rng):
    X, y = problems.make_data(rng, 30, 4)
    before = linear_model.Lasso(0.1).fit(X, y)
    patch_sklearn()
    under = linear_model.Lasso(0.1).fit(X, y)
    assert isinstance(under, linear_model.Lasso)
    assert not isinstance(before, linear_model.Lasso)  # as documented in patch_sklearn
    copies = [[copy(model) for copy in (clone, there_and_back)] for model in (before, under)]
    unpatch_sklearn()
    copies += [[there_and_back(before)], [there_and_back(under)]]
    for model, same in zip([before, under] * 2, copies, strict=True):
        assert all(type(copy) is type(model) for copy in same)
        assert_array_equal(same[-1].coef_, model.coef_)
    assert not isinstance(under, linear_model.Lasso)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_programs_that_classify_get_ours(rng, n_classes):
    X, y = problems.make_data(rng, 90, 4)
    y = np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
    program = """
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import GridSearchCV
one = LogisticRegression(C=0.5, tol=1e-8, max_iter=1000).fit(X, y)
search = LogisticRegressionCV(Cs=3, cv=3, scoring="accuracy").fit(X, y)
grid = GridSearchCV(LogisticRegression(tol=1e-8, max_iter=1000), {"C": [0.01, 1.0]}).fit(X, y)
"""
    theirs, ours = {"X": X, "y": y}, {"X": X, "y": y}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of defaults that will change
        exec(program, theirs)
        patch_sklearn()
        exec(program, ours)
    assert type(ours["one"]) is softreg_fast.LogisticRegression
    assert type(ours["search"]) is softreg_fast.LogisticRegressionCV
    assert type(theirs["search"]) is THEIRS["LogisticRegressionCV"]
    assert_allclose(ours["one"].coef_, theirs["one"].coef_, atol=1e-4)
    assert_allclose(ours["one"].predict_proba(X), theirs["one"].predict_proba(X), atol=1e-4)
    assert ours["grid"].best_params_ == theirs["grid"].best_params_
    assert_allclose(ours["search"].C_, theirs["search"].C_)
    scores = (np.asarray(each["search"].predict_proba(X)) for each in (ours, theirs))
    assert_allclose(*scores, atol=1e-2)


def there_and_back(model):
    return pickle.loads(pickle.dumps(model))


def test_pickles_need_no_patch(tmp_path, rng):
    X, y = problems.make_data(rng, 30, 4)
    patch_sklearn()
    joblib.dump(linear_model.ElasticNetCV(cv=3).fit(X, y), tmp_path / "model")
    code = "import joblib; print(type(joblib.load('model')).__module__)"
    assert run(tmp_path, "-c", code).stdout.strip() == "softreg_fast.estimators.elastic_net_cv"


WORK = """
from sklearn.linear_model import Lasso

def module_of_lasso(_):
    return Lasso.__module__
"""
THEIR_MODULE = "sklearn.linear_model._coordinate_descent"
OUR_MODULE = "softreg_fast.estimators.lasso"


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Return a module that worker processes import themselves."""
    (tmp_path / "work_of_lasso.py").write_text(WORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "work_of_lasso", raising=False)
    import work_of_lasso

    yield work_of_lasso.module_of_lasso
    del sys.modules["work_of_lasso"]


@pytest.mark.parametrize("initializer", [None, patch_sklearn])
def test_spawned_workers_are_patched_by_an_initializer(work, initializer):
    patch_sklearn()
    assert work(0) == OUR_MODULE
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=initializer) as pool:
        assert list(pool.map(work, [0])) == [OUR_MODULE if initializer else THEIR_MODULE]


def test_workers_of_loky_are_patched_by_an_initializer(work):
    patch_sklearn()
    with joblib.parallel_config(backend="loky", initializer=patch_sklearn):
        found = joblib.Parallel(n_jobs=2)(joblib.delayed(work)(k) for k in range(4))
    assert found == [OUR_MODULE] * 4


def run(folder, *arguments):
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("as_module", [False, True])
def test_scripts_run_unchanged(tmp_path, as_module):
    (tmp_path / "script.py").write_text(SCRIPT)
    target = ["-m", "script"] if as_module else ["script.py"]
    command = [sys.executable, "-W", "error", "-m", "softreg_fast.patch", *target, "one", "-x"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.stderr == ""
    expected = "softreg_fast.estimators.lasso sklearn.linear_model._base __main__ one -x"
    assert ran.stdout.strip() == expected


def test_scripts_find_their_neighbours(tmp_path):
    (tmp_path / "neighbour.py").write_text("print('here')")
    (tmp_path / "script.py").write_text("import neighbour")
    command = [sys.executable, "-m", "softreg_fast.patch", str(tmp_path / "script.py")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == "here"
    missing = subprocess.run([*command[:-1], "no.py"], capture_output=True, text=True, timeout=60)
    assert (missing.returncode, missing.stderr.splitlines()[0]) == (2, "there is no file no.py")


FAILING = """
import atexit
import sys

def fail(kind):
    raise kind

if __name__ == "__main__":
    atexit.register(lambda: print("the end", fail.__name__))
    fail({"exit": SystemExit(7), "words": SystemExit("no"), "error": KeyError(1)}[sys.argv[1]])
"""


@pytest.mark.parametrize("how", ["exit", "words", "error"])
@pytest.mark.parametrize("as_module", [False, True])
def test_programs_end_as_they_do_without_us(tmp_path, as_module, how):
    (tmp_path / "failing.py").write_text(FAILING)
    program = ["-m", "failing"] if as_module else ["failing.py"]
    ours = run(tmp_path, "-m", "softreg_fast.patch", *program, how)
    alone = run(tmp_path, *program, how)
    assert (ours.returncode, ours.stdout) == (alone.returncode, alone.stdout)
    if not as_module:  # Python shows its own frames there
        shown = alone.stderr.replace(str(tmp_path) + "/", "")
        assert ours.stderr.replace(str(tmp_path) + "/", "") == shown
    assert "runpy" not in ours.stderr
    assert "softreg_fast" not in ours.stderr


def test_a_module_that_is_not_there(tmp_path):
    ran = run(tmp_path, "-m", "softreg_fast.patch", "-m", "no_such_module")
    assert ran.stderr.strip() == "ImportError: No module named no_such_module"
    assert ran.returncode == 1


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_folders_and_zip_files_are_programs(tmp_path, kind):
    program = "import sys, inside; from sklearn.linear_model import Lasso; print(Lasso.__module__)"
    files = {"__main__.py": program, "inside.py": ""}
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "program", "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
    else:
        (tmp_path / "program").mkdir()
        for name, text in files.items():
            (tmp_path / "program" / name).write_text(text)
    ran = run(tmp_path, "-m", "softreg_fast.patch", "program")
    assert (ran.stdout.strip(), ran.stderr) == (OUR_MODULE, "")


@pytest.mark.parametrize("options", [[], ["-P"]])
def test_the_search_path_is_that_of_the_script(tmp_path, options):
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "script.py").write_text("import sys; print(sys.path)")
    (ours, alone) = (
        run(tmp_path, *options, *how, "there/script.py")
        for how in (["-m", "softreg_fast.patch"], [])
    )
    assert ours.stdout == alone.stdout


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
