"""Training in Keras as it is usually done; saving and loading."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
BACKEND = os.environ["KERAS_BACKEND"]
pytest.importorskip(BACKEND)
keras = pytest.importorskip("keras")

from keras_networks import (  # noqa: E402
    REGULARIZERS,
    array,
    data,
    network,
    pytestmark,  # noqa: F401
    tensor,
    variable_of,
    weights_of,
)
from numpy.testing import assert_allclose, assert_array_equal  # noqa: E402

from softreg_fast.nn.keras import (  # noqa: E402
    L1,
    GroupLasso,
    NonNegative,
    ProxAdam,
    ProxAdamW,
    ProxSGD,
    SparseGroupLasso,
)

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
