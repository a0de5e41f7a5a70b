"""Many Python threads in the package at the same time, as on a Python without the GIL."""

import json
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from children import at_once, main, make, make_sparse, run_script
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info

from softreg_fast import (
    Design,
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
from softreg_fast.system.threads import blas_threads_for

ROUNDS = 6
N_THREADS = 8


def numbers_of(found):
    for name in ("coef", "coef_", "coefs", "frequencies"):
        if hasattr(found, name) and not callable(getattr(found, name)):
            values = getattr(found, name)
            return values.toarray() if hasattr(values, "toarray") else np.asarray(values)
    return numbers_of(found.path)


CALLS = {
    "solve": lambda X, y: solve(X, y, alpha=1e-3, n_threads=2),
    "Gram matrix": lambda X, y: solve(X, y, alpha=1e-3, precompute=True),
    "gradient": lambda X, y: solve(X, y, alpha=1e-2, solver="gradient"),
    "path": lambda X, y: path(X, y, n_alphas=10, eps=0.03),
    "cv_path": lambda X, y: cv_path(X, y, cv=3, n_alphas=8, n_threads=2),
    "relaxed_path": lambda X, y: relaxed_path(X, y, n_alphas=5, eps=0.1),
    "stability_path": lambda X, y: stability_path(
        X, y, n_alphas=8, n_subsamples=6, random_state=0, n_threads=2
    ),
    "Lasso": lambda X, y: Lasso(alpha=1e-2).fit(X, y),
    "LassoCV": lambda X, y: LassoCV(alphas=8, eps=0.1, cv=3).fit(X, y),
    "Ridge": lambda X, y: Ridge().fit(X, y),
    "RidgeCV": lambda X, y: RidgeCV([0.1, 1.0]).fit(X, y),
}


@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_every_entry_point_at_once(layout, monkeypatch):
    monkeypatch.setattr("softreg_fast.model_selection.workers.SMALLEST_PATH", 1)
    X, y = make(600, 60) if layout == "dense" else make_sparse(600, 60, 100)
    before = X.copy()
    alone = [numbers_of(call(X, y)) for call in CALLS.values()]
    for _ in range(ROUNDS):
        found = at_once([lambda call=call: call(X, y) for call in CALLS.values()])
        for one, expected in zip(found, alone, strict=True):
            assert_allclose(numbers_of(one), expected, rtol=1e-9, atol=1e-11)
    assert_array_equal(*(Z if layout == "dense" else Z.toarray() for Z in (X, before)), strict=True)


def test_one_design_for_all():
    # its Gram matrix and gradient are computed on first use, here by many threads at once
    X, y = make(400, 120)
    expected = solve(X, y, alpha=1e-3, precompute=True).coef
    for _ in range(ROUNDS):
        design = Design(X, y)
        calls = [lambda d=design: solve(d, alpha=1e-3, precompute=True).coef] * N_THREADS
        for found in at_once(calls):
            assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_one_fitted_model_for_all():
    X, y = make(400, 50)
    model = Lasso(alpha=1e-3).fit(X, y)
    expected = model.predict(X)
    for found in at_once([lambda: model.predict(X)] * N_THREADS):
        assert_array_equal(found, expected)


def test_errors_stay_with_their_thread():
    X, y = make(100, 20)
    bad = X.copy(order="F")
    bad[3, 4] = np.nan

    def refused():
        with pytest.raises(ValueError, match="feature 4"):
            solve(bad, y)

    def fitted():
        return solve(X, y, alpha=1e-2).coef

    expected = fitted()
    for _ in range(ROUNDS):
        found = at_once([refused, fitted] * (N_THREADS // 2))
        for coef in found[1::2]:
            assert_allclose(coef, expected, rtol=1e-12)


def test_warnings_do_not_end_other_fits():
    X, y = make(50, 80)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        calls = [
            lambda: solve(X, y, alpha=1e-4, max_iter=1).converged,
            lambda: solve(X, y, alpha=1e-2).converged,
        ]
        assert at_once(calls * (N_THREADS // 2)) == [False, True] * (N_THREADS // 2)


@pytest.mark.skipif(
    not hasattr(sys, "_is_gil_enabled") or sys.flags.dev_mode, reason="Python before 3.13"
)
def test_the_package_does_not_bring_the_gil_back():
    import sysconfig

    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("this Python has a GIL")

    assert run_script(__file__, "gil") is False


def script_gil():
    """Return whether importing our compiled modules enables the GIL."""

    import scipy.linalg  # noqa: F401
    import sklearn.linear_model  # noqa: F401

    if sys._is_gil_enabled():
        print("false")  # another package has enabled it
        return
    import softreg_fast  # noqa: F401

    print(json.dumps(sys._is_gil_enabled()))


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


def test_the_threads_of_blas_are_counted():
    def threads():
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

    before = threads()

    def enter_and_leave():
        for _ in range(50):
            with blas_threads_for(0):
                pass

    at_once([enter_and_leave] * N_THREADS)
    assert threads() == before


if __name__ == "__main__":
    main(globals())
