"""Rounding, traps and denormals are those of the process, before and after fits."""

import ctypes
import json
import platform
import sys
import threading
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from children import main, make, run_script, several_fits
from sklearn.metrics import mean_squared_error

from softreg_fast import cv_path, solve
from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._runtime import build_info

OPENMP = build_info()["openmp"]


def fit_ours():
    X, y = make(6000, 150)
    return solve(X, y, alpha=1e-3, precompute=False, n_threads=2)


def control_words():
    """Return this thread's rounding, traps and denormal modes, without the sticky flags."""
    environment = (ctypes.c_ubyte * 64)()
    ctypes.CDLL(None).fegetenv(environment)
    x87 = int.from_bytes(bytes(environment[:2]), "little")
    mxcsr = int.from_bytes(bytes(environment[28:32]), "little")
    return x87, mxcsr & ~0x3F


def script_control_words():
    """Return changes by a fit: in this thread, in those of folds, in later ones."""
    before, inside, later = control_words(), {}, []
    X, y = make(3000, 300)
    both_work = threading.Barrier(2 if OPENMP else 1)

    def scoring(estimator, X, y):
        worker = threading.get_native_id()
        if worker not in inside:
            both_work.wait(30)  # otherwise one may take all folds before the other has started
        inside.setdefault(worker, set()).add(control_words())
        return -mean_squared_error(y, estimator.predict(X))

    cv_path(X, y, cv=4, n_alphas=10, n_threads=2, scoring=scoring)
    fit_ours()
    thread = threading.Thread(target=lambda: later.append(control_words()))
    thread.start()
    thread.join()
    words = {control_words(), *later}.union(*inside.values())
    print(json.dumps({"same": words == {before}, "threads": len(inside)}))


def before_import():
    """Return the control words of a process that has imported nothing of ours."""
    import subprocess

    code = (
        "import ctypes; e = (ctypes.c_ubyte * 64)(); ctypes.CDLL(None).fegetenv(e); "
        "a = bytes(e[:2]), bytes(e[28:32]); from softreg_fast import *; "
        "ctypes.CDLL(None).fegetenv(e); "
        "b = bytes(e[:2]), bytes(e[28:32]); m = lambda w: int.from_bytes(w, 'little') & ~0x3F; "
        "print(a[0] == b[0] and m(a[1]) == m(b[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    return done.stdout.strip() == "True"


@pytest.mark.skipif(
    platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc", reason="reads MXCSR"
)
def test_the_floating_point_unit_stays_as_it_is():
    assert before_import()
    found = run_script(__file__, "control_words")
    assert found["same"]
    assert found["threads"] == (2 if OPENMP else 1)


def script_denormals():
    """Return whether denormals are kept: here, in the kernels' threads, in a later thread."""
    tiny = np.full(8, 5e-324)

    def alive():
        return bool((tiny * 1.0 > 0.0).all() and 2.3e-308 / 4 > 0.0 and tiny.sum() > 0.0)

    found = {"after import": alive()}
    several_fits()
    found["after fits"] = alive()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy warns where denormals are flushed
        found["NumPy"] = bool(np.finfo(np.float64).smallest_subnormal > 0)
    later = []
    thread = threading.Thread(target=lambda: later.append(alive()))
    thread.start()
    thread.join()
    found["later thread"] = later[0]
    # products of 1e-320 in every column, so that all of the kernels' threads meet them
    X = np.full((1000, 1000), 1e-160, order="F")
    slopes = np.zeros(1000)
    Columns(X).slopes(np.full(1001, 1e-160), slopes, None, 2)
    found["threads of kernels"] = bool((slopes > 0.5e-317).all())
    values = np.full(1_000_000, 1e-160)
    rows = np.tile(np.arange(1000, dtype=np.int32), 1000)
    csc = sp.csc_array((values, rows, np.arange(0, 1_000_001, 1000)), shape=(1000, 1000))
    Columns(csc_buffers(csc)).slopes(np.full(1001, 1e-160), slopes, None, 2)
    found["threads of sparse kernels"] = bool((slopes > 0.5e-317).all())
    print(json.dumps(found))


def csc_buffers(X):
    """Return the parts of a CSC matrix that Columns takes."""

    class Buffers:
        data, indices, indptr, shape = X.data, X.indices, X.indptr.astype(np.int64), X.shape

    return Buffers()


def test_denormals_live():
    found = run_script(__file__, "denormals")
    assert len(found) == 6
    assert all(found.values()), found


if __name__ == "__main__":
    main(globals())
