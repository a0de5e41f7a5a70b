"""Optimizers for Keras solve the declared objective, on the current backend."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
BACKEND = os.environ["KERAS_BACKEND"]
pytest.importorskip(BACKEND)
keras = pytest.importorskip("keras")

from keras import ops  # noqa: E402
from keras_networks import (  # noqa: E402
    OPTIMIZERS,
    array,
    data,
    gradient_of,
    network,
    pytestmark,  # noqa: F401
    tensor,
    variable_of,
    weights_of,
)
from numpy.testing import assert_allclose, assert_array_equal  # noqa: E402

from softreg_fast import solve  # noqa: E402
from softreg_fast.nn.keras import (  # noqa: E402
    L1,
    GroupLasso,
    ProxAdam,
    ProxAdamW,
    ProxSGD,
    SparsityMonitor,
)

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
