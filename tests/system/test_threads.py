"""Numbers of threads: requests, limits of other libraries and of the system, workers in workers."""

import io
import json
import os
import sys
import threading
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
from children import PARALLEL_SHAPE, main, make, run_script
from threadpoolctl import threadpool_limits

from softreg_fast import Lasso, cv_path, effective_n_threads, solve, stability_path
from softreg_fast.kernels._runtime import build_info
from softreg_fast.system import threads
from softreg_fast.system.threads import SMALLEST_PARALLEL_WORK

OPENMP = build_info()["openmp"]
needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) < 2, reason="one core only"
)
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_number_of_threads():
    cores = joblib.cpu_count()
    available = min(cores, build_info()["max_threads"]) if OPENMP else 1
    assert (
        effective_n_threads() == effective_n_threads(None) == effective_n_threads(-1) == available
    )
    assert effective_n_threads(1) == 1
    assert effective_n_threads(3) == (3 if OPENMP else 1)
    assert effective_n_threads(np.int64(3)) == (3 if OPENMP else 1)
    assert effective_n_threads(-cores) == 1
    assert effective_n_threads(-1000) == 1
    if cores > 1 and OPENMP:
        assert effective_n_threads(-2) == cores - 1
    # small work is not worth a second thread
    assert effective_n_threads(8, 0) == effective_n_threads(8, 1) == 1
    assert effective_n_threads(8, 2 * SMALLEST_PARALLEL_WORK - 1) == 1
    assert effective_n_threads(8, 2 * SMALLEST_PARALLEL_WORK) == (2 if OPENMP else 1)
    assert effective_n_threads(2, 10**15) == (2 if OPENMP else 1)
    for bad in (True, False, 1.0, "2", 1j):
        with pytest.raises(TypeError, match="n_threads must be an integer or None"):
            effective_n_threads(bad)
    with pytest.raises(ValueError, match="n_threads=0"):
        effective_n_threads(0)


def test_limits_of_others_are_respected():
    with threadpool_limits(limits=1, user_api="openmp"):
        assert effective_n_threads() == 1
    assert run_script(__file__, "threads", OMP_NUM_THREADS="1") == [1, 1, 3 if OPENMP else 1]


def script_threads():
    """Return the numbers of threads for None, -1 and 3, after a fit."""
    Lasso(alpha=1e-3).fit(*make(*PARALLEL_SHAPE))
    print(json.dumps([effective_n_threads(k) for k in (None, -1, 3)]))


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_inside_joblib_no_more_threads_than_cores(backend):
    cores = joblib.cpu_count()
    parallel = joblib.Parallel(n_jobs=cores, backend=backend)
    found = parallel(joblib.delayed(effective_n_threads)() for _ in range(2 * cores))
    assert cores * max(found) <= cores
    asked = parallel(joblib.delayed(effective_n_threads)(2) for _ in range(2))
    assert asked == [2 if OPENMP else 1] * 2  # an explicit number is respected
    assert effective_n_threads() == effective_n_threads(-1)


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


def parallel_fits():
    """Run fits with threads in kernels, for folds and for subsamples."""
    X, y = make(3000, 300, correlation=0.5)
    cv_path(X, y, cv=4, n_alphas=20, eps=1e-2)
    stability_path(X, y, n_alphas=10, n_subsamples=6, random_state=0)
    solve(X, y, alpha=1e-3)


def script_one_core():
    """Return the threads of a fit in a process limited to one core, and those that ran."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with counting_threads() as counts:
        parallel_fits()
    print(json.dumps([effective_n_threads(), effective_n_threads(-1), max(counts)]))


@needs_affinity
@linux_only
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

    real_open, real_exists = open, os.path.exists

    def opened(place, *arguments, **options):
        if place == "/sys/fs/cgroup/cpu.max":
            return io.StringIO(quota)
        return real_open(place, *arguments, **options)

    monkeypatch.setattr(context, "open", opened, raising=False)
    monkeypatch.setattr(
        os.path, "exists", lambda p: p == "/sys/fs/cgroup/cpu.max" or real_exists(p)
    )
    monkeypatch.setattr(threads, "_counted_cores", {})
    expected = len(os.sched_getaffinity(0)) if cores is None else cores
    assert effective_n_threads() == (min(expected, build_info()["max_threads"]) if OPENMP else 1)


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


@linux_only
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_no_more_threads_than_cores(backend):
    found = run_script(__file__, "nested", backend, timeout=110, OPENBLAS_NUM_THREADS="1")
    assert found["threads of each"] == 1
    # the calling thread waits, or briefly dispatches work
    assert found["running"] <= found["cores"] + 1, found


if __name__ == "__main__":
    main(globals())
