"""Regularizers, optimizers and networks of Keras on the current backend.

KERAS_BACKEND=torch (the default here), tensorflow or jax.
"""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
BACKEND = os.environ["KERAS_BACKEND"]
pytest.importorskip(BACKEND)
keras = pytest.importorskip("keras")

from keras import ops  # noqa: E402

from softreg_fast.nn.keras import (  # noqa: E402
    L1,
    L2,
    MCP,
    SCAD,
    ElasticNet,
    GroupLasso,
    LHalf,
    NonNegative,
    ProxAdam,
    ProxAdamW,
    ProxSGD,
    SparseGroupLasso,
)

# from PyTorch's tensors, which Keras passes to NumPy
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


if BACKEND == "jax":
    import jax

    jax.config.update("jax_enable_x64", True)

ELEMENTWISE = {
    "l1": L1(strength=0.7),
    "weighted l1": L1(strength=0.7, weights=np.linspace(0.0, 2.0, 48).reshape(6, 4, 2)),
    "l2": L2(strength=0.7),
    "elastic net": ElasticNet(strength=0.7, l1_ratio=0.3),
    "mcp": MCP(strength=0.7, gamma=1.8),
    "scad": SCAD(strength=0.7, a=2.9),
    "l_half": LHalf(strength=0.7),
    "positive": MCP(strength=0.7, positive=True),
    "nonnegative": NonNegative(),
}


LABELS = np.arange(48).reshape(6, 4, 2) % 7 - 1


GROUPED = {
    "units": GroupLasso(strength=0.3),
    "inputs": GroupLasso(strength=0.3, groups="inputs"),
    "heads": GroupLasso(strength=0.3, groups=0, size=3),
    "labels": GroupLasso(strength=0.3, groups=LABELS, group_weights=[1.0, 0.0, 2.0, 1.0, 0.5, 1.0]),
    "no groups": GroupLasso(strength=0.3, groups=np.full((6, 4, 2), -1)),
    "sparse inputs": SparseGroupLasso(strength=0.3, groups="inputs", l1_ratio=0.4),
    "sparse labels": SparseGroupLasso(strength=0.3, groups=LABELS),
}


REGULARIZERS = {**ELEMENTWISE, **GROUPED}


STEPS = [0.0, 1e-3, 0.3, 1.0, 1.8, 1.9, 2.5, 3.9, 4.5, 30.0]


OPTIMIZERS = {
    "sgd": lambda lr: ProxSGD(scaled(lr, 30.0)),
    "momentum": lambda lr: ProxSGD(scaled(lr, 3.0), momentum=0.9),
    "nesterov": lambda lr: ProxSGD(scaled(lr, 3.0), momentum=0.9, nesterov=True),
    "adam": lambda lr: ProxAdam(scaled(lr, 3.0)),
    "amsgrad": lambda lr: ProxAdam(scaled(lr, 3.0), amsgrad=True),
    "adamw": lambda lr: ProxAdamW(scaled(lr, 3.0), weight_decay=0.0),
    "clipped": lambda lr: ProxAdam(scaled(lr, 3.0), global_clipnorm=100.0),
    "scaled loss": lambda lr: keras.optimizers.LossScaleOptimizer(ProxAdam(scaled(lr, 3.0)), 8.0),
}


def scaled(schedule, factor):
    """Multiply a learning rate, or a schedule of one, by a factor."""
    if isinstance(schedule, float):
        return factor * schedule
    config = schedule.get_config()
    config["initial_learning_rate"] *= factor
    return type(schedule)(**config)


def tensor(x, dtype="float64"):
    return ops.convert_to_tensor(np.asarray(x), dtype=dtype)


def array(x):
    return ops.convert_to_numpy(x)


def compiled(function):
    """Return the function compiled to a graph of JAX or TensorFlow."""
    if BACKEND == "jax":
        return jax.jit(function)
    import tensorflow

    return tensorflow.function(function)


def gradient_of(function, x):
    """Return the gradient by automatic differentiation."""
    if BACKEND == "jax":
        return np.asarray(jax.grad(function)(x))
    if BACKEND == "tensorflow":
        import tensorflow

        with tensorflow.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return np.asarray(tape.gradient(y, x))
    x = x.clone().requires_grad_()
    function(x).backward()
    return x.grad.numpy()


def variable_of(w, regularizer=None, dtype="float64", name="kernel"):
    made = keras.Variable(np.asarray(w), dtype=dtype, name=name)
    made.regularizer = regularizer
    return made


def network(regularizer=None, dtype=None, **options):
    options = {"kernel_regularizer": regularizer, "dtype": dtype, **options}
    return keras.Sequential(
        [
            keras.Input((10,)),
            keras.layers.Dense(16, activation="relu", name="first", **options),
            keras.layers.Dense(2, name="second", **options),
        ]
    )


def data(rng, n=320):
    X = rng.standard_normal((n, 10)).astype(np.float32)
    return X, np.stack([X[:, 0] - X[:, 1], X[:, 2] * X[:, 0]], 1)


def weights_of(model):
    return [array(w) for w in model.trainable_variables]
