"""SparsityMonitor writes what is left to the logs."""

import os

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
BACKEND = os.environ["KERAS_BACKEND"]
pytest.importorskip(BACKEND)
keras = pytest.importorskip("keras")

from keras_networks import (  # noqa: E402
    array,
    data,
    network,
    pytestmark,  # noqa: F401
)
from numpy.testing import assert_allclose  # noqa: E402

from softreg_fast.nn.keras import (  # noqa: E402
    L1,
    GroupLasso,
    ProxAdam,
    ProxSGD,
    SparsityMonitor,
)

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
