"""Interplay with other threaded libraries, other packages' workers, and system limits."""

import ctypes
import importlib.util
import json
import os
import platform
import sys
import threading
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
from children import digest, in_child, main, make, run_script
from sklearn.metrics import mean_squared_error

from softreg_fast import cv_path, effective_n_threads, solve, stability_path
from softreg_fast.kernels._runtime import build_info

OPENMP = build_info()["openmp"]
needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) < 2, reason="one core only"
)

# --- torch, which brings an OpenMP library of its own -----------------------------------------


def fit_ours():
    X, y = make(6000, 150)
    return solve(X, y, alpha=1e-3, precompute=False, n_threads=2)


def fit_theirs(torch):
    X, y = (torch.from_numpy(np.ascontiguousarray(part)) for part in make(6000, 150))
    torch.set_num_threads(2)
    return torch.linalg.lstsq(X.relu(), y[:, None]).solution.numpy()


def script_torch():
    """Return whether both libraries fit, in turn and after a fork."""
    import torch

    ours, theirs = digest(fit_ours()), fit_theirs(torch)
    found = {
        "ours": digest(fit_ours()) == ours,
        "theirs": bool(np.allclose(fit_theirs(torch), theirs)),
        "ours again": digest(fit_ours()) == ours,
        "forked": in_child(lambda: digest(fit_ours()) == ours) is True,
    }
    print(json.dumps(found))


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("first", ["torch", "ours"])
def test_torch(first, tmp_path):
    program = __file__
    if first == "torch":  # imported before anything of ours
        program = tmp_path / "torch_first.py"
        program.write_text(
            f"import sys\nimport torch\nsys.path.insert(0, {os.path.dirname(__file__)!r})\n"
            "import test_neighbours\ntest_neighbours.main(vars(test_neighbours))\n"
        )
    found = run_script(str(program), "torch", timeout=110)
    assert len(found) == 4
    assert all(found.values()), found


# --- limits -----------------------------------------------------------------------------------


@contextmanager
def counting_threads():
    """Yield a list of samples of the number of threads of this process that run at once."""
    counts, stop = [], threading.Event()

    def watch():
        me = threading.get_native_id()
        while not stop.wait(0.002):
            tasks = [task for task in os.listdir("/proc/self/task") if int(task) != me]
            counts.append(sum(map(running, tasks)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield counts
    finally:
        stop.set()
        watcher.join()


def running(task):
    """Return whether a thread of this process runs or is runnable."""
    try:
        with open(f"/proc/self/task/{task}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "R"
    except OSError:
        return False


def several_fits():
    """Run fits with threads in kernels, for folds and for subsamples."""
    X, y = make(3000, 300, correlation=0.5)
    cv_path(X, y, cv=4, n_alphas=20, eps=1e-2)
    stability_path(X, y, n_alphas=10, n_subsamples=6, random_state=0)
    solve(X, y, alpha=1e-3)


def script_one_core():
    """Return the threads of a fit in a process limited to one core, and those that ran."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with counting_threads() as counts:
        several_fits()
    print(json.dumps([effective_n_threads(), effective_n_threads(-1), max(counts)]))


@needs_affinity
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_affinity_is_obeyed():
    by_default, all_cores, ran = run_script(__file__, "one_core", OPENBLAS_NUM_THREADS="1")
    assert by_default == all_cores == 1
    assert ran == 1


@needs_affinity
def test_affinity_is_read_again(monkeypatch):
    # a batch system may narrow it after the import
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert effective_n_threads() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert effective_n_threads() == (min(len(allowed), joblib.cpu_count()) if OPENMP else 1)


@pytest.mark.parametrize(("quota", "cores"), [("100000 100000", 1), ("max 100000", None)])
def test_quota_of_a_cgroup_is_obeyed(monkeypatch, quota, cores):
    # joblib reads /sys/fs/cgroup/cpu.max; here it is given another text
    from joblib.externals.loky.backend import context

    from softreg_fast import threads

    real_open, real_exists = open, os.path.exists

    def opened(place, *arguments, **options):
        if place == "/sys/fs/cgroup/cpu.max":
            import io

            return io.StringIO(quota)
        return real_open(place, *arguments, **options)

    monkeypatch.setattr(context, "open", opened, raising=False)
    monkeypatch.setattr(
        os.path, "exists", lambda p: p == "/sys/fs/cgroup/cpu.max" or real_exists(p)
    )
    monkeypatch.setattr(threads, "_counted_cores", {})
    expected = len(os.sched_getaffinity(0)) if cores is None else cores
    assert effective_n_threads() == (min(expected, build_info()["max_threads"]) if OPENMP else 1)


# --- workers in workers -----------------------------------------------------------------------


def script_nested(backend):
    """Return the most threads that run at once in fits with folds inside joblib.Parallel."""
    X, y = make(3000, 300, correlation=0.5)
    cores = joblib.cpu_count()
    with counting_threads() as counts:
        fits = joblib.Parallel(n_jobs=cores, backend=backend)(
            joblib.delayed(nested_fit)(X, y) for _ in range(2 * cores)
        )
    asked = max(threads for _, threads in fits)
    print(json.dumps({"cores": cores, "running": max(counts), "threads of each": asked}))


def nested_fit(X, y):
    found = cv_path(X, y, cv=4, n_alphas=15, eps=0.05)
    return found.alpha, effective_n_threads()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_no_more_threads_than_cores(backend):
    found = run_script(__file__, "nested", backend, timeout=110, OPENBLAS_NUM_THREADS="1")
    assert found["threads of each"] == 1
    # the calling thread waits, or briefly dispatches work
    assert found["running"] <= found["cores"] + 1, found


# --- the floating-point unit ------------------------------------------------------------------


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
        "a = bytes(e[:2]), bytes(e[28:32]); import softreg_fast; ctypes.CDLL(None).fegetenv(e); "
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


if __name__ == "__main__":
    main(globals())
