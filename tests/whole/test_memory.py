"""Memory: the peak of fits beyond X, leaks, and behaviour when memory runs out."""

import json
import resource
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
from children import (
    forget_the_peak,
    main,
    make,
    make_sparse,
    peak_resident,
    resident,
    run_script,
    several_fits,
)
from numpy.testing import assert_allclose

from softreg_fast import (
    ElasticNet,
    Lasso,
    LassoCV,
    Ridge,
    RidgeCV,
    cv_path,
    path,
    relaxed_path,
    solve,
    stability_path,
)

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
    pytest.mark.stress,
]

FITS = {
    "solve": lambda X, y: solve(X, y, alpha=0.05),
    "path": lambda X, y: path(X, y, eps=0.03),
    "cv_path": lambda X, y: cv_path(X, y, cv=5, eps=0.1),
    "Lasso": lambda X, y: Lasso(alpha=0.05).fit(X, y),
    "ElasticNet": lambda X, y: ElasticNet(alpha=0.05).fit(X, y),
    "Ridge": lambda X, y: Ridge().fit(X, y),
    "LassoCV": lambda X, y: LassoCV(cv=5, eps=0.1).fit(X, y),
    "RidgeCV": lambda X, y: RidgeCV(np.geomspace(1e-3, 1e3, 10)).fit(X, y),
    "relaxed_path": lambda X, y: relaxed_path(X, y, eps=0.1),
    "stability_path": lambda X, y: stability_path(X, y, n_subsamples=10, random_state=0),
}

# --- the peak ---------------------------------------------------------------------------------

N, P = 16_000, 400  # 49 MiB


def sparse_data():
    """Return 60 MiB of columns of unit variance, and a target that depends on 30."""
    X, _ = make_sparse(20_000, 4000, 1000)
    X *= np.sqrt(20.0)
    noise = np.random.default_rng(1).standard_normal(20_000)
    return X, np.asarray(X[:, :30].sum(axis=1)).ravel() + noise


LAYOUTS = {
    "F order": lambda: make(N, P),
    "C order": lambda: (lambda X, y: (np.ascontiguousarray(X), y))(*make(N, P)),
    "float32": lambda: (lambda X, y: (X.astype(np.float32), y))(*make(2 * N, P)),
    "csc": sparse_data,
    "csr": lambda: (lambda X, y: (X.tocsr(), y))(*sparse_data()),
}
# Allowed copies of X: another format is copied once as CSC, and folds need a sparse X by rows as
# well.
COPIES = {"F order": 0.0, "C order": 1.0, "float32": 0.0, "csc": 0.0, "csr": 1.0}
BY_ROWS = {"cv_path", "LassoCV"}
# For dense X: matrices of n_features^2 for the Gram matrix, its factor and LAPACK's workspace.
SQUARES = {"path": 3, "cv_path": 3, "LassoCV": 3, "Ridge": 4, "RidgeCV": 6}
# Independent of X: stacks of threads, buffers of BLAS, panels of 8 MiB, vectors.
REST = 40.0


def script_peak(layout, fit):
    """Return (MiB added by a fit to resident memory, MiB of X, MiB of n_features^2 numbers)."""
    warnings.simplefilter("ignore")
    FITS[fit](*make(300, 60))
    X, y = LAYOUTS[layout]()
    held = X.data.nbytes + X.indices.nbytes if sp.issparse(X) else X.nbytes
    before = forget_the_peak()
    FITS[fit](X, y)
    print(json.dumps([peak_resident() - before, held / 2**20, 8 * X.shape[1] ** 2 / 2**20]))


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_peak(layout, fit):
    if fit == "RidgeCV" and layout in ("csc", "csr"):
        pytest.skip("one factorisation of 4000 features takes half a minute")
    squares = 0 if layout in ("csc", "csr") else SQUARES.get(fit, 0)
    added, held, square = run_script(__file__, "peak", layout, fit, timeout=110)
    copies = COPIES[layout] + (1.0 if fit in BY_ROWS and layout in ("csc", "csr") else 0.0)
    limit = 1.05 * copies * held + squares * square + REST
    print(f"{layout}, {fit}: X {held:.0f} MiB, added {added:.1f}, limit {limit:.1f}")
    assert added < limit


# --- over time --------------------------------------------------------------------------------


def script_repeated(fit, sparse):
    """Return the growth of the process in 300 fits after a warm-up, in MiB."""
    warnings.simplefilter("ignore")
    X, y = make_sparse(300, 40) if sparse == "True" else make(300, 40)
    # results with reference cycles need the garbage collector: run it in between
    import gc

    for _ in range(60):
        FITS[fit](X, y)
    gc.collect()
    before = resident()
    for _ in range(300):
        FITS[fit](X, y)
    gc.collect()
    print(json.dumps(resident() - before))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("fit", FITS)
def test_repeated_fits_leave_nothing(fit, sparse):
    grown = run_script(__file__, "repeated", fit, sparse, timeout=110, OPENBLAS_NUM_THREADS="1")
    # a leak of one vector of 300 numbers per fit would be 0.7 MiB
    print(f"{fit}, {'sparse' if sparse else 'dense'}: {grown:.2f} MiB")
    assert grown < 0.5


# --- none left --------------------------------------------------------------------------------

WANTING = {
    **FITS,
    "solve, C order": lambda X, y: solve(np.ascontiguousarray(X), y, alpha=0.05),
    "solve, Gram matrix": lambda X, y: solve(X, y, alpha=0.05, precompute=True),
    "solve, unpenalised": lambda X, y: solve(X, y, alpha=0.05, l1_weights=np.arange(600) > 99),
    "gradient": lambda X, y: solve(X, y, alpha=0.05, solver="gradient"),
    "Ridge, cg": lambda X, y: Ridge(solver="cg").fit(X, y),
    "Ridge, more features": lambda X, y: Ridge(solver="cholesky").fit(X[:500], y[:500]),
    "RidgeCV, folds": lambda X, y: RidgeCV(cv=3).fit(X, y),
    "sparse": lambda X, y: solve(sp.csr_array(np.where(X > 0.4, X, 0.0)), y, alpha=0.01),
    "sparse cv_path": lambda X, y: cv_path(
        sp.csr_array(np.where(X > 0.4, X, 0.0)), y, cv=3, n_alphas=5, eps=0.3
    ),
}


def numbers_of(found):
    for name in ("coef", "coef_", "coefs", "frequencies"):
        if hasattr(found, name) and not callable(getattr(found, name)):
            values = getattr(found, name)
            return values.toarray() if hasattr(values, "toarray") else np.asarray(values)
    return numbers_of(found.path)


def address_space():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def script_none_left(fit):
    """Count fits that end with MemoryError and with the right result as memory is reduced."""
    # A thread has its whole stack from the start; the main stack grows, and without memory for
    # that the process dies.
    with ThreadPoolExecutor(1) as pool:
        print(json.dumps(pool.submit(outcomes_without_memory, fit).result()))


def outcomes_without_memory(fit):
    # NumPy raises the MemoryError of its buffers without holding the GIL, which ends the process
    # (2.4.6, npyiter_allocate_buffers): make the buffers too small for that.
    np.setbufsize(16)
    warnings.simplefilter("ignore")
    X, y = make(2500, 600)
    call, unlimited = WANTING[fit], (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    expected = numbers_of(call(X, y))
    outcomes = {"MemoryError": 0, "right": 0}
    before = resident()
    for room in [0, *(2**k for k in range(14, 27)), *(3 * 2**k for k in range(19, 24))]:
        resource.setrlimit(resource.RLIMIT_AS, (address_space() + room, unlimited[1]))
        found = None
        try:
            found = numbers_of(call(X, y))
        except MemoryError:
            outcomes["MemoryError"] += 1
        finally:
            resource.setrlimit(resource.RLIMIT_AS, unlimited)
        if found is not None:
            assert_allclose(found, expected, rtol=1e-8, atol=1e-10)
            outcomes["right"] += 1
    assert_allclose(numbers_of(call(X, y)), expected, rtol=1e-10, atol=1e-12)
    return {**outcomes, "grown": resident() - before}


@pytest.mark.parametrize("fit", WANTING)
def test_memory_error(fit):
    # one thread: neither libgomp nor Python's Thread.start survives a lack of memory for another;
    # no malloc arena and no BLAS buffer is kept for later
    found = run_script(
        __file__,
        "none_left",
        fit,
        timeout=110,
        OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
        MALLOC_TRIM_THRESHOLD_="0",
        MALLOC_MMAP_THRESHOLD_="4096",
        MALLOC_MMAP_MAX_="1000000",
        MALLOC_ARENA_MAX="1",
    )
    print(fit, found)
    assert found["MemoryError"] > 0
    assert found["right"] > 0
    assert found["grown"] < 4.0


linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


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


def script_fractions():
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
        X.sum(), S.sum()  # the system may have taken pages back, which would be counted as added
        before = forget_the_peak()
        call()
        added[name] = (peak_resident() - before) / unit
    print(json.dumps(added))


@linux_only
def test_columns_are_not_copied():
    added = run_script(__file__, "fractions")
    assert max(added.values()) < 0.2, added


if __name__ == "__main__":
    main(globals())
