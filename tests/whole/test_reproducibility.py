"""Reproducibility: equal results for any number of threads, any division of work, and every run.

Solvers are compared bit by bit on one and two threads, every entry point on up to four. BLAS, whose
sums depend on its threads, may add rounding to the latter: coefficients are equal to 1e-10.
"""

import numpy as np
import pytest
import scipy.sparse as sp
from children import PARALLEL_SHAPE, digest, make, make_sparse
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import (
    Design,
    Ridge,
    RidgeCV,
    cv_path,
    effective_n_threads,
    gradient_descent,
    path,
    relaxed_path,
    solve,
    stability_path,
)
from softreg_fast.kernels._runtime import build_info
from softreg_fast.system.threads import SMALLEST_PARALLEL_WORK

# the grids are short
pytestmark = pytest.mark.filterwarnings("ignore:The last alpha of the grid")

OPENMP = build_info()["openmp"]
THREADS = (1, 2, 4)


def of_path(found):
    return found.coefs.toarray(), found.intercepts


FITS = {
    "solve": lambda X, y, k: (solve(X, y, alpha=2e-3, n_threads=k).coef,),
    "solve, Gram matrix": lambda X, y, k: (
        solve(X, y, alpha=2e-3, precompute=True, n_threads=k).coef,
    ),
    "solve, ridge": lambda X, y, k: (solve(X, y, l2=1e-3, n_threads=k).coef,),
    "path": lambda X, y, k: of_path(path(X, y, n_alphas=25, eps=1e-2, n_threads=k)),
    "elastic net path": lambda X, y, k: of_path(
        path(X, y, n_alphas=15, eps=0.1, l1_ratio=0.3, n_threads=k)
    ),
    "cv_path": lambda X, y, k: (
        lambda found: (*of_path(found.path), found.errors_by_gamma, found.predictions)
    )(cv_path(X, y, cv=3, n_alphas=10, eps=0.1, n_threads=k)),
    "relaxed_path": lambda X, y, k: of_path(
        relaxed_path(X, y, n_alphas=10, eps=0.1, n_threads=k).path
    ),
    "Ridge": lambda X, y, k: (Ridge(alpha=3.0, n_threads=k).fit(X, y).coef_,),
    "Ridge, conjugate gradients": lambda X, y, k: (
        Ridge(alpha=3.0, solver="cg", tol=1e-12, n_threads=k).fit(X, y).coef_,
    ),
    "RidgeCV": lambda X, y, k: (RidgeCV(n_threads=k).fit(X, y).coef_,),
    "RidgeCV, folds": lambda X, y, k: (RidgeCV(cv=2, n_threads=k).fit(X, y).coef_,),
    "stability_path": lambda X, y, k: (
        stability_path(
            X, y, n_alphas=15, n_subsamples=12, random_state=0, n_threads=k
        ).frequencies.toarray(),
    ),
}
DATA = {
    # more than enough for four threads and for folds with threads of their own
    "dense": lambda: make(10_000, 170, correlation=0.5),
    "wide": lambda: make(400, 4200),
    "float32": lambda: (lambda X, y: (X.astype(np.float32), y))(*make(10_000, 170)),
    "sparse": lambda: make_sparse(4000, 700, 4000),
}


@pytest.fixture(scope="module", params=DATA)
def data(request):
    return DATA[request.param]()


def assert_same(found, expected, rtol, zeros=True):
    for one, other in zip(found, expected, strict=True):
        if zeros:
            assert_array_equal(one != 0.0, other != 0.0)
        assert_allclose(one, other, rtol=rtol, atol=rtol * np.abs(other).max(initial=0.0))


@pytest.mark.stress
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fit", FITS)
def test_number_of_threads_and_run_after_run(data, fit):
    X, y = data
    assert (X.nnz if sp.issparse(X) else X.size) >= 4 * 400_000
    first, second = ([FITS[fit](X, y, k) for k in THREADS] for _ in range(2))
    for k in (1, 2):
        assert_same(first[k], first[0], 1e-10)
    for found, again in zip(first, second, strict=True):
        for one, other in zip(found, again, strict=True):
            assert_array_equal(one, other)


@pytest.fixture(params=[1 << 10, 1 << 13, 1 << 24])
def panels(request, monkeypatch):
    for module in ("data.gram", "solvers.spectrum"):
        monkeypatch.setattr(f"softreg_fast.{module}.PANEL_ENTRIES", request.param)
    monkeypatch.setattr("softreg_fast.data.gram.LARGEST_FOR_ONE_BLAS_THREAD", 64)
    monkeypatch.setattr("softreg_fast.model_selection.workers.SMALLEST_PATH", request.param)
    smallest = max(request.param, 1 << 13)
    monkeypatch.setattr("softreg_fast.system.threads.SMALLEST_PARALLEL_WORK", smallest)
    tile = (request.param >> 8, request.param >> 6)
    monkeypatch.setattr("softreg_fast.data.validation.TILE", tile)


CHUNKED = {
    "dense": lambda: make(1500, 170),
    "C order": lambda: (lambda X, y: (np.ascontiguousarray(X), y))(*make(1500, 170)),
    "wide": lambda: make(170, 1500),
    "sparse": lambda: make_sparse(1500, 170, 400),
}


@pytest.mark.parametrize("layout", CHUNKED)
@pytest.mark.parametrize("fit", FITS)
def test_any_division_of_the_work(layout, fit, panels, monkeypatch):
    X, y = CHUNKED[layout]()
    found = FITS[fit](X, y, 2)
    monkeypatch.undo()
    assert_same(found, FITS[fit](X, y, 2), 1e-10)


def test_there_is_something_to_compare():
    # with OpenMP four threads work even on two cores
    assert effective_n_threads(4, 4 * 400_000) == (4 if OPENMP else 1)


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
