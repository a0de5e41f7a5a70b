"""The block of `info --bug-report`: complete, the same on each run, and without names."""

import getpass
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

from softreg_fast.cli import bug_report
from softreg_fast.paths import path as paths

SELF_TEST = ("lasso, dense", "lasso, sparse", "logistic")


def rows(out):
    """Return {name: text} of the block."""
    return dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines() if line[0] != " ")


@pytest.fixture
def report(call):
    def printed():
        code, out, err = call("info", "--bug-report")
        assert (code, err) == (0, "")
        return out

    return printed


def test_it_has_versions_build_machine_and_certificates(report):
    found = rows(report())
    assert found["numpy"] == np.__version__
    assert found["python"].startswith(platform.python_version())
    assert {"scipy", "scikit-learn", "openmp", "vector level", "threads of a fit"} <= set(found)
    assert {"system", "processor", "cores", "variables", "blas library"} <= set(found)
    for name in SELF_TEST:
        gap = re.match(r"converged, gap/P0 ([\d.e+-]+), \d+ of 40 features", found[name])
        assert float(gap[1]) < 1e-6


def test_the_self_test_is_the_same_on_each_run(report):
    def without_times(found):
        return [re.sub(r"[\d.]+ ms", "", found[name]) for name in SELF_TEST]

    assert without_times(rows(report())) == without_times(rows(report()))


def test_it_names_no_user_and_no_folder(report, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/jane_roe")
    monkeypatch.setenv("USERPROFILE", r"C:\Users\jane_roe")
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", "/home/jane_roe/secret/tmp")
    monkeypatch.setenv("LD_PRELOAD", "/home/jane_roe/libone.so:/opt/other/libtwo.so")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("KMP_SETTINGS", "by jane_roe\x1b[31m")
    monkeypatch.setenv("API_TOKEN", "s3cr3t")
    out = report()
    shown = set(re.findall(r"\b(?:JOBLIB|LD|OMP|KMP)_\w+=.*$", out, re.MULTILINE))
    assert "JOBLIB_TEMP_FOLDER=.../tmp" in shown
    assert f"LD_PRELOAD={os.pathsep.join(['.../libone.so', '.../libtwo.so'])}" in shown
    assert "OMP_NUM_THREADS=1" in shown
    assert r"KMP_SETTINGS=by USER\x1b[31m" in shown
    private = [
        "jane_roe",
        "secret",
        "s3cr3t",
        "API_TOKEN",
        str(tmp_path),
        os.path.dirname(__file__),
    ]
    names = [platform.node(), getpass.getuser()]
    private += [name for name in names if len(name) > 4 and name not in ("localhost",)]
    assert [each for each in private if each in out] == []


def test_a_fit_that_fails_leaves_the_rest(report, monkeypatch):
    monkeypatch.setenv("HOME", "/home/jane_roe")

    def broken(*arguments, **options):
        raise RuntimeError("cannot read /home/jane_roe/data.csv,\nnor /Users/someone/x")

    monkeypatch.setattr(paths, "path", broken)
    found = rows(report())
    for name in SELF_TEST:
        assert found[name].startswith("FAILED: RuntimeError: cannot read ~/data.csv, nor ~/x")
        assert "test_bug_report.py" in found[name]
    assert found["numpy"] == np.__version__


def test_kernels_that_cannot_be_loaded_leave_the_rest(monkeypatch, call):
    # as with a wheel for another system
    program = (
        "import sys; sys.modules['softreg_fast.kernels._runtime'] = None\n"
        "from softreg_fast.__main__ import main; sys.exit(main(['info', '--bug-report']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    found = rows(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert found["build"].startswith("FAILED: ModuleNotFoundError")
    assert found["numpy"] == np.__version__
    assert "system" in found


def test_a_package_that_was_not_installed(monkeypatch):
    def unknown(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(bug_report, "version", unknown)
    monkeypatch.setattr(bug_report, "distribution", unknown)
    found = rows(bug_report.bug_report())
    assert found["softreg_fast"] == "not installed, from a folder"
    assert "FAILED" not in str(found)


def test_variables_without_folders():
    given = {"OMP_PLACES": "{0:4},{4:4}", "PATH": "/usr/bin", "PYTHONWARNINGS": "error"}
    assert bug_report.variables_of(given) == ["OMP_PLACES={0:4},{4:4}", "PYTHONWARNINGS=error"]
    assert len(bug_report.variables_of({"OMP_X": "a" * 1000})[0]) < 200
