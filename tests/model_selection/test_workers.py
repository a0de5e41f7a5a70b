"""Fits in several Python threads: equal results, propagated errors, and interruption."""

import threading

import joblib
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_info

from softreg_fast import Design, cv_path, solve, stability_path
from softreg_fast.kernels._runtime import build_info, end_when
from softreg_fast.model_selection.workers import SMALLEST_PATH, Workers, workers_for
from softreg_fast.system.threads import blas_threads_for

needs_threads = pytest.mark.skipif(not build_info()["openmp"], reason="one thread only")


@pytest.fixture
def many_workers(monkeypatch):
    monkeypatch.setattr("softreg_fast.model_selection.workers.SMALLEST_PATH", 1)


def test_how_many(rng):
    small = Design(rng.standard_normal((10, 3)), n_threads=2)
    assert workers_for(5, small.n_entries, small.most_threads) == 1
    large = Design(rng.standard_normal((SMALLEST_PATH // 100, 100)), n_threads=2)
    threads = 2 if build_info()["openmp"] else 1
    assert workers_for(5, large.n_entries, large.most_threads) == threads
    assert workers_for(1, large.n_entries, large.most_threads) == 1


@pytest.mark.usefixtures("many_workers")
@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")
@pytest.mark.parametrize("options", [{}, {"relax": True}, {"patience": 3}, {"l1_ratio": [0.5, 1]}])
@pytest.mark.parametrize("shape", [(80, 6), (30, 60)])
def test_folds_are_the_same(rng, shape, options):
    X, y = problems.make_data(rng, *shape)
    one, two = (cv_path(X, y, cv=5, n_alphas=20, eps=0.01, n_threads=k, **options) for k in (1, 2))
    assert_allclose(one.errors_by_gamma, two.errors_by_gamma, rtol=1e-9)
    assert_allclose(one.predictions, two.predictions, rtol=1e-9)
    assert_array_equal(one.path.df, two.path.df)


@pytest.mark.usefixtures("many_workers")
def test_subsamples_are_the_same(rng):
    X, y = problems.make_data(rng, 40, 30)
    one, two = (stability_path(X, y, n_subsamples=20, random_state=0, n_threads=k) for k in (1, 2))
    assert_array_equal(one.frequencies.toarray(), two.frequencies.toarray())


@pytest.mark.usefixtures("many_workers")
@needs_threads
def test_a_watcher_is_told_of_one_fit_at_a_time(rng):
    X, y = problems.make_data(rng, 60, 40)
    inside, seen = threading.Semaphore(1), []

    def watcher(name, step):
        assert inside.acquire(blocking=False)
        seen.append((name, step.position))
        inside.release()

    cv_path(X, y, cv=5, n_alphas=10, n_threads=2, watcher=watcher)
    names = [*(f"fold {k}" for k in range(5)), "all samples"]
    assert sorted(seen) == sorted((name, k) for name in names for k in range(10))


@pytest.mark.usefixtures("many_workers")
def test_an_error_in_a_fold_reaches_the_caller(rng):
    X, y = problems.make_data(rng, 60, 40)

    def watcher(name, step):
        if name == "fold 2" and step.position == 3:
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        cv_path(X, y, cv=5, n_alphas=10, n_threads=2, watcher=watcher)
    cv_path(X, y, cv=5, n_alphas=10, n_threads=2)


def test_an_error_ends_the_other_tasks(rng):
    X, y = problems.make_data(rng, 300, 300)
    crew, started, ended = Workers(2), threading.Event(), threading.Event()

    def task(k):
        if k == 0:
            started.wait(10.0)
            raise ValueError("no more")
        started.set()
        try:
            solve(X, y, alpha=1e-9, solver="cd", tol=0.0, max_iter=10**9)
        except KeyboardInterrupt:
            ended.set()

    with pytest.raises(ValueError, match="no more"):
        crew.map(task, range(2))
    assert ended.wait(10.0)
    solve(X, y, alpha=1.0, solver="cd")  # here nothing is to end


def test_blas_gets_its_threads_back(rng):
    def threads():
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

    before = threads()
    X, y = problems.make_data(rng, 300, 40)
    fit = joblib.delayed(lambda n: cv_path(X[:n], y[:n], n_alphas=5))
    joblib.Parallel(3, prefer="threads")(fit(n) for n in range(100, 300, 10))
    assert threads() == before

    def task(k):
        with blas_threads_for(0):
            if k == 0:
                raise ValueError("no more")
            solve(X, y, alpha=1e-9, solver="cd", tol=0.0, max_iter=10**9)

    for _ in range(5):
        with pytest.raises(ValueError, match="no more"):
            Workers(2).map(task, range(2))
        assert threads() == before


def test_ctrl_c_between_two_steps_leaves_no_note(rng, monkeypatch):
    X, y = problems.make_data(rng, 300, 300)
    for position in (1, 2):
        calls = []

        def interrupted(reasons, position=position, calls=calls):
            found = end_when(reasons)
            if threading.current_thread() is threading.main_thread():
                calls.append(reasons)
                if len(calls) == position:
                    raise KeyboardInterrupt
            return found

        monkeypatch.setattr("softreg_fast.model_selection.workers.end_when", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Workers(2).map(lambda k: k, range(4))
        solve(X, y, alpha=1.0, solver="cd")  # here nothing is to end


def test_workers_among_workers(rng):
    X, y = problems.make_data(rng, 300, 300)
    started, ended = threading.Event(), threading.Event()

    def task(k):
        if k == 0:
            started.wait(10.0)
            raise ValueError("no more")
        Workers(2).map(lambda k: k, range(3))
        started.set()
        try:
            solve(X, y, alpha=1e-9, solver="cd", tol=0.0, max_iter=10**9)
        except KeyboardInterrupt:
            ended.set()

    with pytest.raises(ValueError, match="no more"):
        Workers(2).map(task, range(2))
    assert ended.is_set()  # waits for the others


@pytest.mark.usefixtures("many_workers")
@needs_threads
def test_nobody_is_told_of_a_fit_that_has_failed(rng):
    X, y = problems.make_data(rng, 200, 100)
    told = []

    def watcher(name, step):
        told.append(name)
        if len(told) == 7:
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        cv_path(X, y, cv=4, n_threads=2, watcher=watcher)
    count = len(told)
    solve(X, y, alpha=1.0)
    assert len(told) == count <= 20
