"""Regularizers for Keras: proximal steps on the current backend, settings, messages."""

import importlib
import os
import sys

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
BACKEND = os.environ["KERAS_BACKEND"]
pytest.importorskip(BACKEND)
keras = pytest.importorskip("keras")

from keras import ops  # noqa: E402
from keras_networks import (  # noqa: E402
    ELEMENTWISE,
    GROUPED,
    REGULARIZERS,
    STEPS,
    array,
    compiled,
    gradient_of,
    pytestmark,  # noqa: F401
    tensor,
)
from numpy.testing import assert_allclose  # noqa: E402

from softreg_fast import nn  # noqa: E402
from softreg_fast.nn.keras import (  # noqa: E402
    L1,
    MCP,
    GroupLasso,
    ProxAdam,
    ProximalRegularizer,
    ProxSGD,
)

# -- proximal steps on this backend ----------------------------------------------------------------


@pytest.fixture(params=["eager", "keras.ops"] if BACKEND == "torch" else ["eager", "compiled"])
def way(request, monkeypatch):
    """Select how a step is computed: eagerly, in a graph, or by keras.ops instead of torch."""
    if request.param == "keras.ops":
        for module in ("arrays", "elementwise", "groups"):
            monkeypatch.setattr(f"softreg_fast.penalties.{module}.namespace", names)
    return compiled if request.param == "compiled" else lambda function: function


def names(x):
    return np if isinstance(x, np.ndarray) else ops


def tolerance(name):
    # Keras's arccos and cos in JAX and its segment_sum in PyTorch use single precision
    if (BACKEND, name) in {("jax", "l_half"), ("torch", "labels"), ("torch", "sparse labels")}:
        return 2e-6
    return 1e-10 if name in GROUPED else 1e-12


@pytest.mark.parametrize("name", REGULARIZERS)
def test_proximal_steps_are_those_of_numpy(rng, name, way):
    penalty = REGULARIZERS[name].penalty
    step = way(lambda z, t, scale: penalty.prox(z, t, scale))
    for t in STEPS:
        for spread in (0.0, 1.0):
            z = rng.standard_normal((6, 4, 2)) * rng.choice([0.5, 2.0, 8.0], (6, 4, 2))
            z[0, 0] = [0.0, -0.0]
            steps = t * np.exp(spread * rng.standard_normal(z.shape))
            x = array(step(tensor(z), tensor(steps), tensor(0.5)))
            assert_allclose(x, penalty.prox(z, steps, 0.5), rtol=tolerance(name), atol=1e-12)
            assert not np.signbit(x[x == 0.0]).any()


@pytest.mark.parametrize("name", REGULARIZERS)
def test_single_precision(rng, name, way):
    penalty = REGULARIZERS[name].penalty
    z = rng.standard_normal((6, 4, 2)).astype(np.float32)
    t = rng.uniform(0.1, 1.5, z.shape).astype(np.float32)
    x = way(lambda z, t: penalty.prox(z, t))(tensor(z, "float32"), tensor(t, "float32"))
    assert keras.backend.standardize_dtype(x.dtype) == "float32"
    assert_allclose(array(x), penalty.prox(z.astype(float), t.astype(float)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", REGULARIZERS)
def test_values_slopes_and_violations(rng, name):
    regularizer = REGULARIZERS[name]
    w = np.abs(rng.standard_normal((6, 4, 2))) + 0.1
    w[rng.random(w.shape) < 0.3] = 0.0
    w[1] = w[:, 2] = 0.0
    assert_allclose(float(regularizer(tensor(w))), regularizer.penalty.value(w), rtol=1e-12)
    assert_allclose(regularizer.value(tensor(w)), regularizer.penalty.value(w), rtol=1e-12)
    slope = gradient_of(regularizer, tensor(w))
    assert not slope[w == 0.0].any()
    wanted = regularizer.penalty.violation(w, -slope)
    used = np.any(w != 0) if np.size(wanted) == 1 else regularizer.penalty.violation(w, 0.0 * w) > 0
    assert_allclose(wanted * (used & (wanted < 1e-3)), 0.0, atol=1e-12)
    gradient = rng.standard_normal(w.shape)
    assert_allclose(
        array(regularizer.penalty.violation(tensor(w), tensor(gradient))),
        regularizer.violation(w, gradient),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_slopes_by_differences(rng, name):
    regularizer = ELEMENTWISE[name]
    w = rng.uniform(0.1, 4.0, (6, 4, 2))
    numeric = np.empty_like(w)
    for k in np.ndindex(w.shape):
        high, low = w.copy(), w.copy()
        high[k] += 1e-6
        low[k] -= 1e-6
        numeric[k] = (regularizer.value(high) - regularizer.value(low)) / 2e-6
    assert_allclose(gradient_of(regularizer, tensor(w)), numeric, atol=1e-6)


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: L1(strength=-1.0), "strength must be a number >= 0"),
        (lambda: L1(0.1), r"by name: L1\(strength=0\.1\)"),
        (lambda: L1(strength=0.1, gamma=2.0), "gamma"),
        (lambda: GroupLasso(strength=0.1, groups="rows"), "'inputs', 'units', 'filters'"),
        (lambda: GroupLasso(strength=0.1, groups=3)(np.ones((2, 3))), "names no axis"),
        (lambda: ProxAdam(start=-1), "start must be an integer >= 0"),
        (lambda: ProxSGD(ramp=0.5), "ramp must be an integer >= 0"),
        (lambda: ProxSGD(momentum=1.0), "momentum must be < 1"),
        (lambda: ProxAdam(beta=0.1), "beta"),
    ],
)
def test_bad_settings(make, wanted):
    with pytest.raises((ValueError, TypeError), match=wanted):
        make()


def test_signatures_are_those_of_the_penalties():
    import inspect

    assert "gamma" in inspect.signature(MCP).parameters
    assert issubclass(MCP, ProximalRegularizer)
    assert MCP.make is nn.MCP


def test_without_keras(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("softreg_fast.nn.keras")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ModuleNotFoundError, match=r"needs Keras 3: pip install 'softreg_fast\[k"):
        importlib.import_module("softreg_fast.nn.keras")
