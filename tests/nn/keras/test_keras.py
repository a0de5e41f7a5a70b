"""Regularizers and optimizers for Keras solve the declared objective, on the current backend.

KERAS_BACKEND=torch (the default here), tensorflow or jax.
"""

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
from numpy.testing import assert_allclose, assert_array_equal  # noqa: E402

from softreg_fast import nn, solve  # noqa: E402
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
    ProximalRegularizer,
    ProxSGD,
    SparseGroupLasso,
    SparsityMonitor,
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


@pytest.fixture(autouse=True)
def seeded(seed):
    """Seed Keras's generators, and use one thread, as in small trainings."""
    keras.utils.set_random_seed(seed)
    if BACKEND == "torch":
        import torch

        torch.set_num_threads(1)


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


# -- the declared objective ------------------------------------------------------------------------


def test_one_dimension_under_noise(rng):
    # 1/2 (x - 1)^2 + 0.3 |x| has its minimum at 0.7, whatever the noise of the gradient
    noise = np.array([[0.1], [1.0], [10.0]])
    w = variable_of(np.full((3, 1000), 0.7), L1(strength=0.3))
    optimizer = ProxAdam(1e-3)
    optimizer.build([w])
    total = np.zeros((3, 1000))
    for k in range(5000):
        now = array(w)
        optimizer.apply([tensor(now - 1.0 + noise * rng.standard_normal((3, 1000)))])
        if k >= 3000:
            total += now
    assert_allclose(total.mean(1) / 2000, 0.7, rtol=0.0, atol=0.01)


@pytest.fixture
def double_precision():
    """Use float64 for whole models, losses included: TensorFlow does not add mixed dtypes."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_dense_layer_is_a_lasso(rng, name):
    X = rng.standard_normal((60, 8))
    y = X[:, :3] @ [1.0, -0.7, 0.4] + 0.1 * rng.standard_normal(60)
    wanted = solve(X, y, alpha=0.1, fit_intercept=False)
    regularizer = L1(strength=0.1)
    layer = keras.layers.Dense(1, use_bias=False, kernel_regularizer=regularizer, name="only")
    model = keras.Sequential([keras.Input((8,)), layer])
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-2, 1, 0.995)
    model.compile(OPTIMIZERS[name](schedule), loss=half_square)
    whole = np.tile(X, (50, 1)), np.tile(y, 50)[:, np.newaxis]  # each batch is all of the data
    history = model.fit(*whole, batch_size=60, epochs=25, shuffle=False, verbose=0).history
    found = array(layer.kernel)[:, 0]
    assert_allclose(found, wanted.coef, atol=2e-4)
    assert_array_equal(found != 0.0, wanted.coef != 0.0)
    gradient = X.T @ (X @ found - y) / 60
    assert regularizer.violation(found, gradient).max() < 5e-3 * 0.1
    objective = 0.5 * np.mean((y - X @ wanted.coef) ** 2) + 0.1 * np.abs(wanted.coef).sum()
    assert_allclose(history["loss"][-1], objective, rtol=1e-3)


def half_square(true, predicted):
    return 0.5 * ops.square(true - predicted)


@pytest.mark.filterwarnings("ignore:.* has a decoupled weight decay")  # only the formula counts
@pytest.mark.parametrize("regularizer", [L1(strength=0.3), GroupLasso(strength=0.3)])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam_by_its_formula(rng, regularizer, amsgrad):
    # Keras's Adam, whose epsilon is not bias-corrected, and a step in its metric
    w = rng.standard_normal((5, 6))
    variable = variable_of(w, regularizer)
    optimizer = ProxAdam(0.02, beta_2=0.9, epsilon=1e-3, amsgrad=amsgrad, weight_decay=0.1)
    optimizer.build([variable])
    m, v, top = np.zeros((3, 5, 6))
    sizes = np.array([0.01, 1.0] * 3)
    lr, beta_2, epsilon = (float(np.float32(each)) for each in (0.02, 0.9, 1e-3))
    for k in range(1, 30):
        g = sizes * rng.standard_normal((5, 6))
        optimizer.apply([tensor(g)])
        m += 0.1 * (g - m)
        v += 0.1 * (g * g - v)
        top = np.maximum(top, v)
        t = lr * np.sqrt(1.0 - beta_2**k) / (np.sqrt(top if amsgrad else v) + epsilon)
        z = (1.0 - 0.1 * lr) * w - t * m / (1.0 - 0.9**k)
        w = regularizer.penalty.prox(z, t)
    assert (w == 0.0).any()
    assert_allclose(array(variable), w, atol=1e-5)
    assert_array_equal(array(variable) != 0.0, w != 0.0)


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        (ProxAdam, keras.optimizers.Adam, {"amsgrad": True, "clipnorm": 0.5}),
        (ProxAdamW, keras.optimizers.AdamW, {"weight_decay": 0.1}),
        (ProxSGD, keras.optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
    ],
)
def test_without_penalty_it_is_that_of_keras(rng, ours, theirs, options):
    model, (X, y) = network(), data(rng)
    before = weights_of(model)
    found = []
    for kind in (ours, theirs):
        model.set_weights(before)
        optimizer = kind(1e-2, **options)
        assert issubclass(type(optimizer), kind)
        model.compile(optimizer, "mse")
        model.fit(X, y, epochs=3, shuffle=False, verbose=0)
        found.append(weights_of(model))
    for a, b in zip(*found, strict=True):
        assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_the_class_is_kept():
    # Keras replaces its Adam and SGD by the backend's, which have no proximal steps
    for kind in (ProxAdam, ProxAdamW, ProxSGD):
        assert type(kind(0.1)) is kind


# -- which optimizer applies a penalty -------------------------------------------------------------


@pytest.mark.parametrize("kind", [ProxSGD, keras.optimizers.SGD])
def test_penalties_count_once(rng, kind):
    # a step without penalty, and then either its subgradient or its proximal step
    plain, (X, y) = network(use_bias=False), data(rng, 32)
    start = weights_of(plain)
    plain.compile(keras.optimizers.SGD(0.1), "mse")
    error = plain.fit(X, y, verbose=0).history["loss"][0]
    model = network(L1(strength=0.05), use_bias=False)
    model.set_weights(start)
    model.compile(kind(0.1), "mse")
    loss = model.fit(X, y, verbose=0).history["loss"][0]
    assert_allclose(loss, error + 0.05 * sum(np.abs(w).sum() for w in start), rtol=1e-5)
    for before, z, x in zip(start, weights_of(plain), weights_of(model), strict=True):
        step = 0.1 * 0.05
        by_prox = np.sign(z) * np.maximum(np.abs(z) - step, 0.0)
        wanted = by_prox if kind is ProxSGD else z - step * np.sign(before)
        assert_allclose(x, wanted, atol=1e-6)


def test_penalties_are_given_back(rng):
    w = variable_of(np.ones((2, 3)), L1(strength=0.5))
    regularizer, optimizer = w.regularizer, ProxSGD(0.1)
    assert gradient_of(w.regularizer, tensor(np.ones((2, 3)))).any()
    optimizer.build([w])
    assert optimizer.takes(w)
    assert_allclose(float(w.regularizer(w)), 3.0)
    another = ProxAdam(0.1)
    another.build([w])
    assert not optimizer.takes(w)
    optimizer.release()
    assert another.takes(w)
    another.release()
    assert w.regularizer is regularizer
    assert not another.takes(w)
    another.apply([tensor(np.zeros((2, 3)))])
    assert (array(w) == 1.0).all()


def test_shared_layers_take_one_step():
    layer = keras.layers.Dense(4, use_bias=False, kernel_regularizer=L1(strength=0.5))
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layer(layer(inputs)))
    before = array(layer.kernel)
    model.compile(ProxSGD(0.1), "mse")
    model.fit(np.zeros((2, 4)), np.zeros((2, 4)), verbose=0)
    shrunk = np.sign(before) * np.maximum(np.abs(before) - 0.05, 0.0)
    assert_allclose(array(layer.kernel), shrunk, atol=1e-6)


def test_frozen_layers_stay(rng):
    model = network(L1(strength=100.0))
    model.get_layer("first").trainable = False
    before = weights_of(model.get_layer("first")) or [array(model.get_layer("first").kernel)]
    model.compile(ProxAdam(0.1), "mse")
    model.fit(*data(rng), verbose=0)
    assert_array_equal(array(model.get_layer("first").kernel), before[0])
    assert not array(model.get_layer("second").kernel).any()


def test_rows_of_unseen_words_stay():
    layer = keras.layers.Embedding(6, 3, embeddings_regularizer=L1(strength=1.0))
    model = keras.Sequential([keras.Input((2,), dtype="int32"), layer])
    before = array(layer.embeddings)
    model.compile(ProxAdam(1e-2), "mse")
    model.fit(np.array([[0, 2]] * 4), np.zeros((4, 2, 3)), epochs=3, verbose=0)
    after = array(layer.embeddings)
    assert_array_equal(after[[1, 3, 4, 5]], before[[1, 3, 4, 5]])
    assert (after[[0, 2]] != before[[0, 2]]).any()


# -- training as it is done ------------------------------------------------------------------------


def test_truth_of_three_features(rng):
    X = rng.standard_normal((1000, 10))
    y = X[:, :3] @ [[1.0], [-2.0], [0.5]]
    columns = SparseGroupLasso(strength=6e-3, groups="inputs")
    model = keras.Sequential(
        [
            keras.Input((10,)),
            keras.layers.Dense(32, activation="relu", kernel_regularizer=columns),
            keras.layers.Dense(1, kernel_regularizer=L1(strength=3e-3)),
        ]
    )
    model.compile(ProxAdam(1e-2, start=50), "mse")
    model.fit(X, y, batch_size=100, epochs=80, verbose=0)
    used = (array(model.layers[0].kernel) != 0).any(1)
    assert used.tolist() == [True] * 3 + [False] * 7


@pytest.mark.skipif(not hasattr(keras, "distillation"), reason="Keras before 3.12")
def test_what_the_teacher_does_not_read_its_student_loses(rng):
    X = rng.standard_normal((1000, 10))
    teacher = keras.Sequential([keras.Input((10,)), keras.layers.Dense(4, use_bias=False)])
    teacher.set_weights([5.0 * np.eye(10, 4, 1)])
    columns = GroupLasso(strength=5e-2, groups="inputs")
    student = keras.Sequential(
        [keras.Input((10,)), keras.layers.Dense(4, kernel_regularizer=columns)]
    )
    distiller = keras.distillation.Distiller(
        teacher, student, keras.distillation.LogitsDistillation(temperature=3.0)
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # the divergence has enormous gradients where a class has next to no probability
    distiller.compile(ProxSGD(0.1, clipnorm=1.0), loss)
    classes = array(teacher(X)).argmax(1)
    distiller.fit(X, classes, batch_size=1000, epochs=300, verbose=0)
    used = (array(student.layers[0].kernel) != 0).any(1)
    assert used.tolist() == [True] * 3 + [False] * 7


def test_filters_and_recurrent_units(rng):
    filters = GroupLasso(strength=100.0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, kernel_regularizer=filters),
            keras.layers.BatchNormalization(),
            keras.layers.Reshape((6, 24)),
            keras.layers.LSTM(3, kernel_regularizer=filters, recurrent_regularizer=L1(strength=1)),
            keras.layers.Dense(1),
        ]
    )
    model.compile(ProxAdam(1e-2, start=1), "mse")
    model.fit(rng.standard_normal((64, 8, 8, 1)), rng.standard_normal(64), verbose=0)
    assert not array(model.layers[0].kernel).any()
    assert not array(model.layers[3].cell.kernel).any()
    assert array(model.layers[4].kernel).all()


def test_start_ramp_and_accumulation():
    for accumulate in (None, 2):
        w = variable_of(np.full((2, 2), 10.0), L1(strength=1.0))
        optimizer = ProxSGD(1.0, start=2, ramp=4, gradient_accumulation_steps=accumulate)
        optimizer.build([w])
        seen = []
        for _ in range(8 * (accumulate or 1)):
            optimizer.apply([tensor(np.zeros((2, 2)))])
            seen.append(float(array(w)[0, 0]))
        seen = seen[(accumulate or 1) - 1 :: accumulate or 1]
        assert_allclose(seen, [10.0, 10.0, 9.75, 9.25, 8.5, 7.5, 6.5, 5.5])


def test_nothing_happens_before_the_start():
    w = variable_of(np.full((2, 2), -1.0), NonNegative())
    optimizer = ProxSGD(1.0, start=1)
    optimizer.build([w])
    optimizer.apply([tensor(np.zeros((2, 2)))])
    assert (array(w) == -1.0).all()
    optimizer.apply([tensor(np.zeros((2, 2)))])
    assert (array(w) == 0.0).all()


def test_a_step_that_loss_scaling_skips():
    w = variable_of(np.ones((2, 2)), L1(strength=0.1), "float32")
    optimizer = keras.optimizers.LossScaleOptimizer(ProxAdam(1.0))
    optimizer.build([w])
    gradients = [tensor(np.full((2, 2), np.inf), "float32")]
    if BACKEND == "jax":  # where Keras scales losses in functions without state only
        values = [variable.value for variable in optimizer.variables]
        weights, values = optimizer.stateless_apply(values, gradients, [w.value])
        for variable, value in zip([w, *optimizer.variables], [*weights, *values], strict=True):
            variable.assign(value)
    else:
        optimizer.apply(gradients)
    assert (array(w) == 1.0).all()
    assert int(optimizer.iterations) == 0
    assert optimizer.inner_optimizer.takes(w)


def test_mixed_precision(rng):
    X, y = data(rng)
    policy = keras.DTypePolicy("mixed_float16")
    model = network(L1(strength=0.02), dtype=policy)
    model.compile(keras.optimizers.LossScaleOptimizer(ProxAdam(1e-2)), "mse")
    model.fit(X, y, epochs=20, verbose=0)
    kernel = array(model.get_layer("first").kernel)
    assert kernel.dtype == np.float32
    assert (kernel == 0.0).mean() > 0.2
    assert np.isfinite(kernel).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_few_digits(dtype):
    w = variable_of(np.ones((2, 3)), L1(strength=0.2), dtype)
    with pytest.raises(ValueError, match=f"kernel is {dtype}.*float32 or float64.*mixed_float16"):
        ProxAdam(1e-2).build([w])


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_moves_and_shrinks_alike(nesterov):
    # a constant gradient of -strength: the weights stay for any learning-rate schedule
    w = variable_of(np.full((2, 2), 5.0), L1(strength=1.0))
    free = variable_of(np.full((2, 2), 5.0))
    optimizer = ProxSGD(0.1, momentum=0.9, nesterov=nesterov)
    optimizer.build([w, free])
    for k in range(30):
        optimizer.learning_rate = 0.1 * 0.8**k
        optimizer.apply([tensor(np.full((2, 2), -1.0))] * 2)
        assert_allclose(array(w), 5.0, atol=1e-12)
    assert (array(free) > 6.0).all()


@pytest.mark.parametrize("frequency", [None, 4])
def test_averages_keep_zeros(rng, frequency):
    model = network(L1(strength=0.05))
    optimizer = ProxAdam(1e-2, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=frequency)
    model.compile(optimizer, "mse")
    last = {}
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: last.update(zero=array(model.layers[0].kernel) == 0.0)
    )
    model.fit(*data(rng), epochs=20, verbose=0, callbacks=[keep])
    assert not {id(v) for v in optimizer.variables} & {id(w) for w in model.trainable_variables}
    kernel = array(model.get_layer("first").kernel)
    assert last["zero"].mean() > 0.2
    assert (kernel[last["zero"]] == 0.0).all()
    assert (kernel[~last["zero"]] != 0.0).all()
    average = array(optimizer._model_variables_moving_average[0])
    assert_allclose(kernel, np.where(last["zero"], 0.0, average), rtol=1e-6)
    if frequency is None:
        assert (average[last["zero"]] != 0.0).any()


# -- saving and loading ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", REGULARIZERS)
def test_regularizers_by_their_config(rng, name):
    regularizer = REGULARIZERS[name]
    saved = keras.regularizers.serialize(regularizer)
    again = keras.regularizers.deserialize(saved)
    assert type(again) is type(regularizer)
    assert again.get_config() == regularizer.get_config()
    assert repr(again) == repr(type(again)(**again.get_config()))
    z = rng.standard_normal((6, 4, 2))
    assert_array_equal(again.penalty.prox(z, 0.7), regularizer.penalty.prox(z, 0.7))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ProxAdam(1e-2, start=5, ramp=30, amsgrad=True),
        lambda: ProxAdamW(
            keras.optimizers.schedules.ExponentialDecay(1e-2, 10, 0.9), weight_decay=0.0
        ),
        lambda: ProxSGD(1e-2, momentum=0.9, nesterov=True, start=3),
        lambda: keras.optimizers.LossScaleOptimizer(ProxAdam(1e-2)),
    ],
)
def test_training_goes_on_from_a_file(rng, tmp_path, make):
    X, y = data(rng)
    model = network(GroupLasso(strength=0.1, groups="inputs"))
    model.compile(make(), "mse")
    model.fit(X, y, epochs=4, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again.optimizer) is type(model.optimizer)
    assert again.optimizer.get_config() == model.optimizer.get_config()
    for each in (model, again):
        each.fit(X, y, epochs=4, shuffle=False, verbose=0)
    for a, b in zip(weights_of(model), weights_of(again), strict=True):
        assert_array_equal(a, b)
    assert (weights_of(model)[0] == 0.0).any()


def test_clones_have_regularizers(rng):
    model = network(L1(strength=10.0))
    model.compile(ProxAdam(1e-2), "mse")
    model.fit(*data(rng), verbose=0)
    clone = keras.models.clone_model(model)
    clone.compile(keras.optimizers.SGD(0.0), "mse")
    loss = clone.evaluate(*data(rng), verbose=0)
    assert loss > 10.0 * sum(np.abs(array(layer.kernel)).sum() for layer in clone.layers)


# -- the monitor -----------------------------------------------------------------------------------


def test_monitor(rng):
    model = network(GroupLasso(strength=0.06, groups="inputs"))
    model.compile(ProxAdam(1e-2, start=10), "mse")
    history = model.fit(*data(rng), epochs=5, verbose=0, callbacks=[SparsityMonitor()]).history
    first, second = (array(model.get_layer(name).kernel) for name in ("first", "second"))
    zeros = (first == 0.0).sum() + (second == 0.0).sum()
    assert_allclose(history["zeros"][-1], zeros / (first.size + second.size))
    kernel = model.get_layer("first").kernel
    assert history[f"{kernel.path}_inputs"][-1] == (first != 0.0).any(1).sum() < 10
    assert history[f"{kernel.path}_units"][-1] == (first != 0.0).any(0).sum()
    assert_allclose(history[f"{kernel.path}_zeros"][-1], (first == 0.0).mean())
    assert len(history["zeros"]) == 5
    short = model.fit(*data(rng), verbose=0, callbacks=[SparsityMonitor(layers=False)]).history
    assert sorted(short) == ["loss", "zeros"]


def test_the_monitor_shows_in_progress_bars(rng, capsys):
    model = network(L1(strength=0.06))
    model.compile(ProxAdam(1e-2), "mse")
    model.fit(*data(rng), verbose=2, callbacks=[SparsityMonitor(layers=False)])
    assert "zeros:" in capsys.readouterr().out


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: ProxAdam(0.1),
        lambda: keras.optimizers.LossScaleOptimizer(ProxSGD(0.1)),
        lambda: keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(ProxAdam(0.1))),
    ],
)
def test_no_warning_where_all_is_well(rng, optimizer):
    model = network(L1(strength=0.06))
    model.compile(optimizer(), "mse")
    history = model.fit(*data(rng), verbose=0, callbacks=[SparsityMonitor()]).history
    assert history["zeros"][0] > 0.0


def test_optimizers_that_make_no_zeros(rng):
    model = network(L1(strength=0.06))
    X, y = data(rng)
    model.compile(keras.optimizers.Adam(0.1), "mse")
    with pytest.warns(UserWarning, match="Adam takes no proximal steps on .*kernel.*ProxAdam"):
        history = model.fit(X, y, verbose=0, callbacks=[SparsityMonitor()]).history
    assert history["zeros"][0] == 0.0
    model.compile(ProxAdam(0.1), "mse")
    model.fit(X, y, verbose=0, callbacks=[SparsityMonitor()])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    with pytest.warns(UserWarning, match="Adam takes no proximal steps"):
        model.fit(X, y, verbose=0, callbacks=[SparsityMonitor()])


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: L1(strength=-1.0), "strength must be a number >= 0"),
        (lambda: L1(), "strength"),
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


# -- nothing silently lost -------------------------------------------------------------------------


def test_a_bias_of_zeros_is_no_death(rng):
    bias = {"bias_regularizer": L1(strength=99.0), "bias_initializer": "ones"}
    model = keras.Sequential([keras.layers.Dense(3, "tanh", **bias), keras.layers.Dense(1)])
    model.compile(ProxAdam(0.1), loss="mse")
    model.fit(*data(rng), verbose=0, callbacks=[SparsityMonitor()])
    assert not array(model.layers[0].bias).any()


@pytest.mark.parametrize("name", ["embeddings", "table"])
def test_rows_of_a_table_that_were_never_seen_stay(rng, name):
    w = rng.uniform(0.1, 1.0, (6, 3))  # below 0 Adam's step and the penalty's would cancel out
    variable = variable_of(w, L1(strength=1.0), name=name)
    optimizer = ProxAdam(0.01)
    optimizer.build([variable])
    g = np.zeros((6, 3))
    g[[1, 4]] = 1.0
    optimizer.apply([tensor(g)])
    unseen = [0, 2, 3, 5]
    assert_array_equal(array(variable)[unseen], w[unseen])
    assert (array(variable)[[1, 4]] != w[[1, 4]]).all()
    kernel = variable_of(w, L1(strength=1.0))
    optimizer = ProxAdam(0.01)
    optimizer.build([kernel])
    for _ in range(101):
        assert_array_equal(array(kernel)[unseen], w[unseen])  # they may be used later
        optimizer.apply([tensor(g)])
    assert not array(kernel)[unseen].any()  # inputs without any effect


def test_weight_decay_beside_a_penalty_warns(rng):
    for make in (lambda: ProxAdamW(1e-3), lambda: ProxAdam(1e-3, weight_decay=0.1)):
        with pytest.warns(UserWarning, match="decoupled weight decay .* Set weight_decay=0"):
            make().build([variable_of(rng.standard_normal((2, 3)), L1(strength=0.1))])
        make().build([variable_of(rng.standard_normal((2, 3)))])
        optimizer = make()
        kernel = variable_of(rng.standard_normal((2, 3)), L1(strength=0.1))
        optimizer.exclude_from_weight_decay(var_list=[kernel])
        optimizer.build([kernel])


def test_a_layer_that_dies_is_told_once(rng):
    model = network(L1(strength=99.0))
    model.compile(ProxAdam(1e-2), "mse")
    with pytest.warns(UserWarning, match="all weights of .*first/kernel, .*second/kernel zero"):
        model.fit(*data(rng), verbose=0, callbacks=[SparsityMonitor()])
    model.fit(*data(rng), verbose=0, callbacks=[SparsityMonitor()])
