"""Reliability around a fit: signals, forks, threads, memory.

Tests that could hang, crash or disturb others run in a separate process (children.py).
"""

import json
import mmap
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from children import (
    digest,
    forget_the_peak,
    in_child,
    latency_of,
    main,
    make,
    make_sparse,
    peak_resident,
    resident,
    run_script,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from softreg_fast import (
    Design,
    ElasticNet,
    Lasso,
    LassoCV,
    Ridge,
    RidgeCV,
    cv_path,
    effective_n_threads,
    enet_path,
    gradient_descent,
    path,
    relaxed_path,
    solve,
    stability_path,
)
from softreg_fast.design import MultiTaskDesign
from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._runtime import build_info
from softreg_fast.threads import SMALLEST_PARALLEL_WORK

OPENMP = build_info()["openmp"]
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork() here")

# The promised latency. A busy machine may take longer to schedule a thread at all: late results are
# repeated at the same moment, and fail if they are always late.
LONGEST_LATENCY = 0.25
TRIES = 4


# --- Ctrl-C -----------------------------------------------------------------------------------


def endless_fits():
    """Return {name: (call that never ends or takes long, its data)}."""

    def slow(n=1500, p=1500):
        return make(n, p, correlation=0.97)

    endless = {"tol": 0.0, "max_iter": 10**9}

    def descent(n_threads):
        X, y = slow()
        return lambda: solve(X, y, alpha=1e-9, solver="cd", n_threads=n_threads, **endless)

    def sparse_descent():
        X, y = make_sparse(40_000, 20_000, 100)
        return lambda: solve(X, y, alpha=1e-9, solver="cd", **endless)

    def gram_descent():
        design = Design(*slow())
        assert design.gram.shape == (1500, 1500)
        return lambda: solve(design, alpha=1e-9, solver="cd", precompute=True, **endless)

    def warm_working_set():
        X, y = slow(2000, 2500)
        return lambda: solve(X, y, alpha=1e-7, **endless)

    def warm_gram():
        # a factor of 1800 members at once
        design = Design(*make(2500, 2000))
        assert design.gram.shape == (2000, 2000)
        free = np.arange(2000) > 1800
        return lambda: solve(design, alpha=1e-3, l1_weights=free, precompute=True)

    def warm_sparse_path():
        X, y = make_sparse(5000, 8000, 60)
        return lambda: path(X, y, eps=1e-3)

    def elastic_net_path():
        X, y = make(2000, 1500)
        return lambda: path(X, y, l1_ratio=0.01)

    def along_a_path():
        X, y = slow(500, 4000)
        return lambda: path(X, y, n_alphas=10**5, eps=1e-6, tol=1e-12)

    def tasks(X, y, **options):
        design = MultiTaskDesign(X, y[:, np.newaxis] + np.random.default_rng(0).random((len(y), 4)))
        return lambda: path(design, eps=1e-5, n_alphas=10**5, tol=1e-12, **options)

    def tasks_on_the_residuals():
        return tasks(*slow(500, 4000), precompute=False, gram_memory=16.0, max_iter=10**9)

    def folds():
        X, y = slow(500, 4000)
        return lambda: cv_path(X, y, n_alphas=10**5, eps=1e-6, tol=1e-12)

    def endless_folds():
        X, y = slow()
        return lambda: cv_path(X, y, alphas=[1e-9], solver="cd", **endless)

    def subsamples():
        X, y = slow(500, 4000)
        return lambda: stability_path(X, y, n_subsamples=1000)

    def ridge_of_all_alphas():
        X, y = make(8000, 1000)
        return lambda: RidgeCV(np.geomspace(1e-3, 1e3, 50), cv=5).fit(X, y)

    def eigenvalues():
        X, y = make(2500, 2000)
        return lambda: RidgeCV(np.geomspace(1e-3, 1e3, 50)).fit(X, y)

    def eigenvalues_of_samples():
        X, y = make(2000, 3000)
        return lambda: RidgeCV(np.geomspace(1e-3, 1e3, 50)).fit(X, y)

    def relaxed():
        X, y = slow(500, 4000)
        return lambda: relaxed_path(X, y, n_alphas=1000, eps=1e-3, tol=1e-10)

    def estimator():
        X, y = slow(500, 4000)
        return lambda: LassoCV(alphas=10**4, eps=1e-5, tol=1e-12).fit(X, y)

    def accelerated():
        X, y = slow()
        return lambda: solve(X, y, alpha=1e-9, solver="gradient", **endless)

    def plain_gradient():
        X, y = slow()
        return lambda: gradient_descent(X, y, learning_rate=1e-3, n_iter=10**9)

    def conjugate_gradients():
        X, y = slow()
        return lambda: solve(X, y, l2=1e-12, solver="cg", **endless)

    def dense_gram():
        X, y = make(8000, 2500)
        return lambda: solve(X, y, precompute=True)

    def sparse_gram():
        X, y = make_sparse(20_000, 3000, 300)
        return lambda: solve(X, y, precompute=True)

    def factorisation():
        design = Design(*make(3200, 3000))
        assert design.gram.shape == (3000, 3000)  # cached, so that the time is spent in LAPACK
        return lambda: solve(design, l2=1e-3, solver="cholesky")

    def dual_factorisation():
        X, y = make(2500, 4000)
        return lambda: solve(X, y, l2=1e-3, solver="cholesky")

    def least_norm():
        X, y = make(1600, 1500)
        X[:, 1] = X[:, 0]
        return lambda: solve(X, y, l2=0.0, solver="cholesky")

    def unpenalised_block():
        X, y = make(3000, 1500)
        return lambda: solve(X, y, l1_weights=np.arange(1500) > 1200)

    def conversion():
        X, y = make(20_000, 1500)
        X = np.ascontiguousarray(X)
        return lambda: solve(X, y, alpha=1.0)

    return {
        "descent, 1 thread": lambda: descent(1),
        "descent": lambda: descent(None),
        "sparse descent": sparse_descent,
        "descent on the Gram matrix": gram_descent,
        "warm engine": warm_working_set,
        "warm engine on the Gram matrix": warm_gram,
        "warm sparse path": warm_sparse_path,
        "elastic-net path": elastic_net_path,
        "path": along_a_path,
        "several tasks": lambda: tasks(*slow(500, 4000)),
        "several tasks on the Gram matrix": lambda: tasks(*make(4000, 1200), precompute=True),
        "several tasks on the residuals": tasks_on_the_residuals,
        "folds": folds,
        "endless folds": endless_folds,
        "subsamples": subsamples,
        "ridge of all alphas": ridge_of_all_alphas,
        "eigenvalues, p = 2000": eigenvalues,
        "eigenvalues, n = 2000 < p": eigenvalues_of_samples,
        "relaxed path": relaxed,
        "LassoCV": estimator,
        "accelerated gradient": accelerated,
        "gradient descent": plain_gradient,
        "conjugate gradients": conjugate_gradients,
        "dense Gram matrix": dense_gram,
        "sparse Gram matrix": sparse_gram,
        "Cholesky, p = 3000": factorisation,
        "Cholesky, n = 2500 < p": dual_factorisation,
        "least norm, p = 1500": least_norm,
        "unpenalised features": unpenalised_block,
        "conversion from C order": conversion,
    }


INTERRUPTED = list(endless_fits())


def reuse_after_interrupts():
    """Interrupt estimators and a Design and use them again."""
    X, y = make(400, 60)
    large, target = make(800, 600, correlation=0.97)
    for model in (Lasso(alpha=1e-3), ElasticNet(alpha=1e-3), Ridge(solver="cd")):
        expected = model.fit(X, y).predict(X)
        easy = {"alpha": model.alpha, "tol": model.tol, "max_iter": model.max_iter}
        model.set_params(alpha=1e-9, tol=0.0, max_iter=10**9)
        latency_of(lambda model=model: model.fit(large, target), 0.1)
        assert model.coef_.shape == (60,)
        assert model.n_features_in_ == 60
        assert np.array_equal(model.predict(X), expected)
        assert np.array_equal(model.set_params(**easy).fit(X, y).predict(X), expected)
    design = Design(large, target)
    latency_of(lambda: solve(design, alpha=1e-9, tol=0.0, max_iter=10**9), 0.1)
    latency_of(lambda: (design.__dict__.pop("gram", None), design.gram), 0.1)
    for precompute in (False, True):
        options = {"alpha": 3e-2, "precompute": precompute}
        assert digest(solve(design, **options)) == digest(solve(large, target, **options))
    return "as they were"


def shortest_latency(call, delay):
    """Return `latency_of`, the shortest of a few tries unless the first is short enough."""
    latency = latency_of(call, delay)
    for _ in range(TRIES - 1):
        if latency <= LONGEST_LATENCY:
            break
        latency = min(latency, latency_of(call, delay))
    return latency


def script_interrupt(n_moments=None):
    """Return the latencies of every case, in seconds, and whether later fits are correct.

    Signals come at two moments, or at `n_moments`, evenly spread over 1.2 seconds.
    """
    delays = (0.1, 0.35) if n_moments is None else np.linspace(0.02, 1.2, int(n_moments))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # nohup and & disable SIGINT
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = make(3000, 300, seed=1)
    expected = digest(solve(X, y, alpha=1e-3))
    latencies, right = {}, {}
    for name, case in endless_fits().items():
        call = case()
        latencies[name] = [shortest_latency(call, delay) for delay in delays]
        right[name] = digest(solve(X, y, alpha=1e-3)) == expected
        del call
        print(name, [f"{1000 * latency:.1f} ms" for latency in latencies[name]], flush=True)
    objects = reuse_after_interrupts()
    print(json.dumps({"latencies": latencies, "right": right, "objects": objects}))


@pytest.fixture(scope="module")
def interrupted():
    return run_script(__file__, "interrupt", timeout=110)


@pytest.mark.parametrize("name", INTERRUPTED)
def test_ctrl_c_ends_a_fit(interrupted, name):
    latencies = interrupted["latencies"][name]
    print(name, [f"{1000 * latency:.1f} ms" for latency in latencies])
    assert max(latencies) < LONGEST_LATENCY
    assert interrupted["right"][name]


@pytest.mark.stress
@pytest.mark.timeout(600)
def test_ctrl_c_at_any_moment():
    found = run_script(__file__, "interrupt", 6, timeout=590)
    longest = {name: max(latencies) for name, latencies in found["latencies"].items()}
    print({name: f"{1000 * latency:.0f} ms" for name, latency in longest.items()})
    late = {name: latency for name, latency in longest.items() if latency > LONGEST_LATENCY}
    assert not late
    assert all(found["right"].values())


def test_objects_survive_ctrl_c(interrupted):
    assert interrupted["objects"] == "as they were"


# --- fork, spawn, processes, threads ----------------------------------------------------------

# Large enough for two threads, small enough to be quick.
PARALLEL_SHAPE = 6000, 150


def several_fits(n_threads=2):
    """Return the digests of several solvers' results."""
    X, y = make(*PARALLEL_SHAPE)
    S, z = make_sparse(4000, 4500, 200)
    return [
        digest(solve(X, y, alpha=1e-3, precompute=False, n_threads=n_threads)),
        digest(solve(X, y, alpha=1e-3, precompute=True, n_threads=n_threads)),
        digest(solve(S, z, alpha=0.3, tol=1e-3, n_threads=n_threads)),
        digest(solve(X, y, l2=1e-3, solver="cg", n_threads=n_threads)),
        digest(solve(X, y, l2=1e-3, solver="cholesky", n_threads=n_threads)),
        digest(Lasso(alpha=1e-3, n_threads=n_threads).fit(X, y).coef_),
    ]


def script_fork():
    """Fork after a parallel fit: a child, its child, a pool, and the parent again."""
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: threads and fork
    threads = effective_n_threads(2)
    expected = several_fits()

    def fits():
        alone = effective_n_threads(2) == effective_n_threads() == effective_n_threads(-1) == 1
        return alone and several_fits() == expected

    found = {"child": in_child(fits), "grandchild": in_child(lambda: in_child(fits) is True)}
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found["pool"] = pool.map_async(several_fits, [1, 2]).get(10) == [expected, expected]
    found["parent"] = several_fits() == expected and effective_n_threads(2) == threads
    print(json.dumps(found))


@needs_fork
def test_fork_after_a_parallel_fit():
    found = run_script(__file__, "fork")
    assert found == dict.fromkeys(("child", "grandchild", "pool", "parent"), True)


def script_processes():
    """Fit in new processes of every kind, after a fit in this process."""
    expected = several_fits()
    found = {}
    for method in {"spawn", "forkserver"} & set(multiprocessing.get_all_start_methods()):
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            found[method] = list(pool.map(several_fits, [1, 2], timeout=30)) == [expected] * 2
    X, y = make(*PARALLEL_SHAPE)
    assert X.nbytes > 1_000_000  # so that loky's processes share it, read-only
    alphas = [1e-2, 1e-3, 1e-4]
    pool = joblib.Parallel(n_jobs=2, timeout=30)
    fits = pool(joblib.delayed(solve)(X, y, alpha=alpha, n_threads=2) for alpha in alphas)
    # BLAS, which makes the Gram matrix, has other numbers of threads there: equal to rounding
    found["loky"] = all(
        np.allclose(fit.coef, solve(X, y, alpha=alpha).coef, rtol=1e-10, atol=1e-12)
        for fit, alpha in zip(fits, alphas, strict=True)
    )
    found["here"] = several_fits() == expected
    print(json.dumps(found))


def test_fits_in_other_processes():
    found = run_script(__file__, "processes", timeout=110)
    assert {"spawn", "loky", "here"} <= found.keys()
    assert all(found.values()), found


@pytest.mark.parametrize("n_threads", [1, 2])
def test_threads_share_one_matrix(n_threads):
    X, y = make(2000, 250)
    X.flags.writeable = False
    design = Design(X, y, n_threads=n_threads)
    work = [
        *(lambda a=a: solve(X, y, alpha=a, n_threads=n_threads) for a in (1e-2, 1e-3, 1e-4)),
        *(lambda a=a: solve(design, alpha=a, precompute=True) for a in (1e-2, 1e-3)),
        *(lambda a=a: solve(design, alpha=a, solver="gradient") for a in (1e-2, 1e-3)),
        lambda: solve(design, l2=1e-3),
        lambda: solve(design.with_target(-y), alpha=1e-3),
    ]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda call: call(), 3 * work))
    # not bit by bit: BLAS may have had another number of threads meanwhile
    for fit, alone in zip(found, 3 * [call() for call in work], strict=True):
        assert_allclose(fit.coef, alone.coef, rtol=1e-11, atol=1e-13)
        assert_allclose(fit.intercept, alone.intercept, rtol=1e-11, atol=1e-13)


SOLVERS = {
    "warm engine": (make, lambda X, y, k: solve(X, y, alpha=1e-3, precompute=False, n_threads=k)),
    "descent": (make, lambda X, y, k: solve(X, y, alpha=1e-3, solver="cd", n_threads=k)),
    "Gram matrix": (make, lambda X, y, k: solve(X, y, alpha=1e-3, precompute=True, n_threads=k)),
    "sparse warm engine": (make_sparse, lambda X, y, k: solve(X, y, alpha=0.1, n_threads=k)),
    "sparse descent": (
        make_sparse,
        lambda X, y, k: solve(X, y, alpha=0.3, solver="cd", tol=1e-3, n_threads=k),
    ),
    "sparse Gram matrix": (
        make_sparse,
        lambda X, y, k: solve(X, y, alpha=0.1, precompute=True, n_threads=k),
    ),
    "path": (make, lambda X, y, k: path(X, y, n_alphas=20, n_threads=k).coefs.toarray()),
    "unpenalised": (
        make,
        lambda X, y, k: solve(X, y, alpha=1e-3, l1_weights=np.arange(150) > 70, n_threads=k),
    ),
    "accelerated gradient": (
        make,
        lambda X, y, k: solve(X, y, alpha=1e-3, solver="gradient", n_threads=k),
    ),
    "sparse accelerated gradient": (
        make_sparse,
        lambda X, y, k: solve(X, y, alpha=0.5, solver="gradient", tol=1e-3, n_threads=k),
    ),
    "gradient descent": (
        make,
        lambda X, y, k: gradient_descent(X, y, learning_rate=0.1, n_iter=30, n_threads=k),
    ),
    "conjugate gradients": (make, lambda X, y, k: solve(X, y, l2=1e-3, solver="cg", n_threads=k)),
    "Cholesky": (make, lambda X, y, k: solve(X, y, l2=1e-3, solver="cholesky", n_threads=k)),
    "dual Cholesky": (
        lambda n, p: make(400, 2200),
        lambda X, y, k: solve(X, y, l2=1e-3, solver="cholesky", n_threads=k),
    ),
}


@pytest.mark.parametrize("layout", ["as it is", "float32", "weighted"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_threads_change_no_bit(solver, layout):
    prepare, fit = SOLVERS[solver]
    X, y = make_sparse(3000, 1100, 900) if prepare is make_sparse else prepare(*PARALLEL_SHAPE)
    assert (X.nnz if sp.issparse(X) else X.size) > 2 * SMALLEST_PARALLEL_WORK
    if layout == "float32":
        X = X.astype(np.float32)
    if layout == "weighted":
        s = np.random.default_rng(1).integers(0, 3, len(y))
        X = Design(X, sample_weight=s, n_threads=1), Design(X, sample_weight=s, n_threads=2)
        if solver == "gradient descent":
            pytest.skip("takes no Design")
        one, two = (digest(fit(design, y, None)) for design in X)
    else:
        one, two = (digest(fit(X, y, k)) for k in (1, 2))
        if OPENMP:
            assert effective_n_threads(2, 2 * SMALLEST_PARALLEL_WORK) == 2
    assert one == two


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


# --- floating point ---------------------------------------------------------------------------


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


# --- memory -----------------------------------------------------------------------------------


def script_leaks():
    """Return the growth of the process in 200 fits of every kind after a warm-up, in MiB."""
    X, y = make(40, 1000)
    T, t = make(400, 40)
    S, z = make_sparse(500, 1000)
    bad = np.where(X > 0.49, np.nan, X)

    def refused():
        try:
            solve(bad, y)
        except ValueError:
            return

    calls = {
        "descent": lambda: solve(X, y, alpha=0.02),
        "weighted": lambda: solve(X, y, alpha=0.02, sample_weight=np.arange(40.0)),
        "sparse": lambda: solve(S, z, alpha=0.2),
        "csr": lambda: solve(S.tocsr(), z, alpha=0.2),
        "gram": lambda: solve(T, t, alpha=1e-3, precompute=True),
        "path": lambda: path(T, t, n_alphas=5),
        "gradient": lambda: solve(T, t, alpha=1e-2, solver="gradient"),
        "cholesky": lambda: solve(X, y, l2=1.0, solver="cholesky"),
        "conjugate gradients": lambda: solve(X, y, l2=1.0, solver="cg"),
        "unpenalised": lambda: solve(T, t, alpha=1e-3, l1_weights=np.arange(40) > 10),
        "estimator": lambda: Lasso(alpha=0.02).fit(X, y),
        "refused": refused,
    }
    grown = {}
    for name, call in calls.items():
        for _ in range(30):
            call()
        before = resident()
        for _ in range(200):
            call()
        grown[name] = resident() - before
    print(json.dumps(grown))


@linux_only
def test_fits_leave_no_memory_behind():
    grown = run_script(__file__, "leaks", OPENBLAS_NUM_THREADS="1")
    # a leak of a vector of 1000 numbers per fit would be 1.5 MiB
    assert max(grown.values()) < 0.5, grown


def script_peak():
    """Return the peak memory added by fits, as a fraction of X."""
    X, y = make(16_000, 400)  # 49 MiB
    S, z = make_sparse(20_000, 10_000, 300)  # 34 MiB
    several_fits()  # code, thread stacks and small objects
    size, sparse_size = X.nbytes / 2**20, 12 * S.nnz / 2**20
    calls = {
        "descent": (lambda: solve(X, y, alpha=1e-3), size),
        "weighted": (lambda: solve(X, y, alpha=1e-3, sample_weight=np.arange(16_000)), size),
        "path": (lambda: path(X, y, n_alphas=3, precompute=False), size),
        "Gram path": (lambda: path(X, y, n_alphas=3), size),
        "gradient": (lambda: solve(X, y, alpha=1e-2, solver="gradient"), size),
        "conjugate gradients": (lambda: solve(X, y, l2=1e-2, solver="cg"), size),
        "cholesky": (lambda: solve(X, y, l2=1e-2, solver="cholesky"), size),
        "Lasso": (lambda: Lasso(alpha=1e-3).fit(X, y), size),
        "Ridge": (lambda: Ridge().fit(X, y).predict(X), size),
        "sparse": (lambda: solve(S, z, alpha=2.0), sparse_size),
        "sparse Lasso": (lambda: Lasso(alpha=2.0).fit(S, z), sparse_size),
    }
    added = {}
    for name, (call, unit) in calls.items():
        before = forget_the_peak()
        call()
        added[name] = (peak_resident() - before) / unit
    print(json.dumps(added))


@linux_only
def test_columns_are_not_copied():
    added = run_script(__file__, "peak")
    assert max(added.values()) < 0.2, added


# --- large indices ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_64_bit_indices(dtype):
    X, y = make_sparse(300, 80)
    X = X.astype(dtype)
    narrow, wide = X.copy(), X.copy()
    for index, Z in ((np.int32, narrow), (np.int64, wide)):
        Z.indptr, Z.indices = X.indptr.astype(index), X.indices.astype(index)
    for options in ({}, {"precompute": True}, {"solver": "gradient"}, {"fit_intercept": False}):
        narrow_fit, wide_fit = (solve(Z, y, alpha=0.1, **options) for Z in (narrow, wide))
        assert digest(narrow_fit) == digest(wide_fit)
    assert (narrow.indices.dtype, wide.indices.dtype) == (np.int32, np.int64)


def columns_that_are_one():
    """Return columns with stride 0 between them: 3e9 entries in a megabyte."""
    n, p = 100_000, 30_000
    column = np.random.default_rng(0).standard_normal(n)
    X = np.broadcast_to(column[:, None], (n, p))
    assert X.size > 2**31
    assert X.strides == (8, 0)
    columns = Columns(X)
    chosen = np.array([p - 1, 0, p // 2])
    slopes = np.zeros(3)
    v = np.append(column, 0.0)
    columns.slopes(v, slopes, chosen, 2)
    assert_allclose(slopes, column @ column)
    u = np.zeros(p)
    u[[0, p - 1]] = 0.25, 0.75
    columns.subtract_product(u, v, 2)
    assert_allclose(v[:-1], 0.0, atol=1e-12)


def reserved(size):
    """Reserve address space whose pages are allocated on first access."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
    return mmap.mmap(-1, size, flags=flags)


def more_entries_than_32_bits_count():
    """Return a float32 matrix of more than 2^31 entries, of which four columns are accessed."""
    n, p = 2**15, 2**16 + 8
    X = np.frombuffer(reserved(4 * n * p), np.float32).reshape(p, n).T
    assert X.size > 2**31
    chosen = np.array([0, 2**15, 2**16 + 1, p - 1])
    rng = np.random.default_rng(0)
    X[:, chosen] = rng.standard_normal((n, 4))
    columns = Columns(X)
    v = np.append(rng.standard_normal(n), 0.0)
    slopes = np.zeros(4)
    columns.slopes(v, slopes, chosen, 2)
    assert_allclose(slopes, X[:, chosen].T.astype(float) @ v[:-1], rtol=1e-10)
    panel = np.zeros((n, 4), order="F")
    columns.gather(0, panel, chosen, 2)
    assert_array_equal(panel, X[:, chosen])
    gram = np.zeros((4, 4), order="F")
    columns.gram_block(chosen, chosen, gram, 2)
    assert_allclose(gram, panel.T @ panel, rtol=1e-10, atol=1e-8)
    u = np.zeros(p)
    u[chosen] = slopes
    rest = v[:-1] - panel @ slopes
    columns.subtract_product(u, v, 2)
    assert_allclose(v[:-1], rest, rtol=1e-9, atol=1e-9)


def more_stored_entries_than_32_bits_count(index):
    """Return a CSC matrix whose second column starts beyond entry 2^31."""
    n, start = 1000, 2**31 + 5
    data = np.frombuffer(reserved(4 * (start + 3)), np.float32)
    rows = np.frombuffer(reserved((start + 3) * np.dtype(index).itemsize), index)
    data[start:], rows[start:] = [1.0, 2.0, 4.0], [3, 500, 999]

    class Buffers:
        indptr, shape = np.array([0, start, start + 3]), (n, 2)

    Buffers.data, Buffers.indices = data, rows
    v = np.append(np.arange(n, dtype=float), 0.0)
    slope = np.zeros(1)
    Columns(Buffers()).slopes(v, slope, np.array([1]))
    assert slope[0] == 3 + 2 * 500 + 4 * 999
    panel = np.zeros((n, 1), order="F")
    Columns(Buffers()).gather(0, panel, np.array([1]))
    assert_array_equal(np.flatnonzero(panel), [3, 500, 999])


def script_offsets():
    """Use offsets beyond 2^31, where a wrong one would crash the process."""
    columns_that_are_one()
    try:
        reserved(2**35).close()
    except OSError:
        print(json.dumps("no address space"))
        return
    more_entries_than_32_bits_count()
    more_stored_entries_than_32_bits_count(np.int32)
    more_stored_entries_than_32_bits_count(np.int64)
    print(json.dumps("right"))


@linux_only
def test_offsets_beyond_32_bits():
    found = run_script(__file__, "offsets")
    if found == "no address space":
        pytest.skip(found)
    assert found == "right"


def script_whole_fits():
    """Fit a float32 matrix of more than 2^31 entries, all 0 except in a few columns."""
    n, p = 2**15, 2**16 + 8
    X = np.frombuffer(reserved(4 * n * p), np.float32).reshape(p, n).T
    assert X.size > 2**31
    chosen = np.array([0, 2**15, 2**16 + 1, p - 1])
    rng = np.random.default_rng(0)
    X[:, chosen] = rng.standard_normal((n, 4))
    y = X[:, chosen] @ [3.0, -2.0, 0.1, 1.0] + rng.standard_normal(n)
    small = np.asfortranarray(X[:, chosen])
    for fit in (
        lambda X: solve(X, y, alpha=0.2, tol=1e-10).coef,
        lambda X: Lasso(alpha=0.2, tol=1e-10).fit(X, y).coef_,
        lambda X: path(X, y, n_alphas=5, eps=0.1, tol=1e-10).coefs.toarray(),
    ):
        found = fit(X)
        assert_allclose(found[chosen], fit(small), rtol=1e-8, atol=1e-10)
        assert np.count_nonzero(found) == np.count_nonzero(found[chosen])
    # pages that were only read map to the shared zero page
    print(json.dumps(resident()))


@linux_only
@pytest.mark.stress
def test_whole_fits_beyond_32_bits():
    assert run_script(__file__, "whole_fits", timeout=110) < 2000.0


# --- warnings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda X, y: solve(X, y, alpha=1e-4, max_iter=1),
        lambda X, y: solve(X, y, alpha=1e-4, solver="gradient", max_iter=1),
        lambda X, y: path(X, y, n_alphas=20, max_iter=1, precompute=False),
        lambda X, y: enet_path(X, y, n_alphas=20, max_iter=1),
        lambda X, y: Lasso(alpha=1e-4, max_iter=1).fit(X, y),
        lambda X, y: Lasso(alpha=1e-4, max_iter=1).fit(X, np.c_[y, y, y]),
        lambda X, y: Ridge(solver="gradient", max_iter=1, tol=1e-9).fit(X, y),
    ],
)
def test_one_warning_for_each_call(call):
    X, y = make(50, 80)
    with pytest.warns(ConvergenceWarning) as caught:
        call(X, y)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "Objective did not converge" in message
    assert "Duality gap" in message
    assert "increase the number of iterations (max_iter, now 1)" in message
    assert caught[0].filename == __file__


def test_a_warning_knows_when_more_iterations_are_no_use():
    X, y = make(50, 80)
    with pytest.warns(ConvergenceWarning, match="Float64 allows no further progress: raise tol"):
        solve(X, y, alpha=1e-3, tol=0.0)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_inside_joblib_no_more_threads_than_cores(backend):
    cores = joblib.cpu_count()
    parallel = joblib.Parallel(n_jobs=cores, backend=backend)
    found = parallel(joblib.delayed(effective_n_threads)() for _ in range(2 * cores))
    assert cores * max(found) <= cores
    asked = parallel(joblib.delayed(effective_n_threads)(2) for _ in range(2))
    assert asked == [2 if OPENMP else 1] * 2  # an explicit number is respected
    assert effective_n_threads() == effective_n_threads(-1)


if __name__ == "__main__":
    main(globals())
