"""Fits in forked, spawned and pooled processes: the same results, and no process hangs."""

import json
import multiprocessing
import os
import warnings
from concurrent.futures import ProcessPoolExecutor

import joblib
import numpy as np
import pytest
from children import PARALLEL_SHAPE, in_child, main, make, run_script, several_fits

from softreg_fast import effective_n_threads, solve

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork() here")


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


if __name__ == "__main__":
    main(globals())
