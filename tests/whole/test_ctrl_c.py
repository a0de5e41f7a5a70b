"""Ctrl-C ends every kind of work within a quarter of a second and leaves nothing half done.

Signals are sent to a separate process (children.py).
"""

import json
import signal
import warnings

import numpy as np
import pytest
from children import digest, latency_of, main, make, make_sparse, run_script
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import (
    Design,
    ElasticNet,
    Lasso,
    LassoCV,
    Ridge,
    RidgeCV,
    cv_path,
    gradient_descent,
    path,
    relaxed_path,
    solve,
    stability_path,
)
from softreg_fast.data.multi_task_design import MultiTaskDesign

# The promised latency. A busy machine may take longer to schedule a thread at all: late results are
# repeated at the same moment, and fail if they are always late.
LONGEST_LATENCY = 0.25
TRIES = 8


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

    def classes():
        X, y = slow(500, 4000)
        return lambda: path(
            X, 1.0 * (y > np.median(y)), loss="logistic", n_alphas=10**5, eps=1e-6, tol=1e-12
        )

    def classes_of_many_samples():
        X, y = make(20_000, 1500)
        return lambda: solve(X, 1.0 * (y > np.median(y)), loss="logistic", alpha=1e-5, tol=1e-10)

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
        "path of classes": classes,
        "classes of many samples": classes_of_many_samples,
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
    found = run_script(__file__, "interrupt", 3, timeout=590)
    longest = {name: max(latencies) for name, latencies in found["latencies"].items()}
    print({name: f"{1000 * latency:.0f} ms" for name, latency in longest.items()})
    late = {name: latency for name, latency in longest.items() if latency > LONGEST_LATENCY}
    assert not late
    assert all(found["right"].values())


def test_objects_survive_ctrl_c(interrupted):
    assert interrupted["objects"] == "as they were"


if __name__ == "__main__":
    main(globals())
