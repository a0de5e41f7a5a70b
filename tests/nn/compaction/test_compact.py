"""Cutting units out of networks does not change their outputs; bad input is named."""

import copy
import doctest
import importlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dead_units import DTYPES, NETWORKS, cast, dead_pair, dense, distance, zero_some  # noqa: E402
from torch import nn  # noqa: E402

from softreg_fast.nn import (  # noqa: E402
    compact,
)
from softreg_fast.nn.compaction.surgery import Surgery  # noqa: E402
from softreg_fast.nn.compaction.units import Sink  # noqa: E402

UNDO = Surgery.undo

# -- the function stays --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_stay(name, dtype):
    make, inputs = NETWORKS[name]
    n_cut = 0
    for _ in range(4):
        model = make().to(dtype)
        zero_some(model)
        model.eval()
        x, other = cast(inputs(), dtype), cast(inputs(), dtype)
        before = model(*x).detach(), model(*other).detach()
        report = compact(model, x)
        assert "" not in report.left, report
        for data, wanted in zip((x, other), before, strict=True):
            assert distance(model(*data), wanted) < DTYPES[dtype]
        n_cut += report.n_before - report.n_after
        assert report.n_after == sum(p.numel() for p in model.parameters())
    assert n_cut > 0


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_stay_in_training_too(name):
    make, inputs = NETWORKS[name]
    for _ in range(4):
        model = make().double()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0  # it would draw other random numbers
        zero_some(model)
        x, other = cast(inputs(), torch.float64), cast(inputs(), torch.float64)
        twin = copy.deepcopy(model)
        assert "" not in compact(model, x).left
        assert all(module.training for module in model.modules())
        for data in (x, other):
            assert distance(model(*data), twin(*data)) < 1e-12
        model.eval(), twin.eval()
        for data in (x, other):
            assert distance(model(*data), twin(*data)) < 1e-12


@pytest.mark.parametrize("name", set(NETWORKS) - {"grouped"})  # a single group is no group
def test_nothing_is_left_to_cut(name):
    # a second call cuts nothing, nor does the first one without zeros
    make, inputs = NETWORKS[name]
    model = make().eval()
    assert not compact(model, inputs()).layers
    zero_some(model)
    x = inputs()
    compact(model, x)
    report = compact(model, x)
    assert not report.layers
    assert report.n_before == report.n_after


# -- bad input -------------------------------------------------------------------------------------


def test_bad_input():
    model = dense()
    x = torch.zeros(1, 5)
    with pytest.raises(TypeError, match=r"torch\.nn\.Module"):
        compact("model", x)
    with pytest.raises(TypeError, match="Optimizer"):
        compact(model, x, "adam")
    with pytest.raises(TypeError, match="do not fit forward"):
        compact(model, (x, x))
    with pytest.raises(TypeError, match="do not fit forward"):
        compact(model, {"y": x})
    with pytest.raises(TypeError, match="give that model itself"):
        compact(nn.DataParallel(model), x)
    with pytest.raises(ValueError, match="lazy"):
        compact(nn.Sequential(nn.LazyLinear(3)), x)
    with pytest.raises(ValueError, match="one sample"):
        compact(model, torch.zeros(0, 5))
    with pytest.raises(RuntimeError):
        compact(model, torch.zeros(1, 4))
    assert compact(model, {"input": x}).n_after == compact(model, [x]).n_after
    assert model.training


@torch.no_grad()
def test_should_the_outputs_differ_all_is_put_back(monkeypatch):
    model = dead_pair(nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters())
    twin = copy.deepcopy(model)
    monkeypatch.setattr(Surgery, "undo", UNDO)
    monkeypatch.setattr(Sink, "spare", lambda self: np.arange(len(self.inputs)) % 2 == 0)
    report = compact(model, torch.randn(4, 3), optimizer)
    assert "outputs would change" in report.left[""]
    for (name, a), (_, b) in zip(
        model.state_dict().items(), twin.state_dict().items(), strict=True
    ):
        assert torch.equal(a, b), name
    assert repr(model) == repr(twin)
    assert "_softreg_fast_plan" not in vars(model)


def test_examples_in_the_documentation(capsys):
    module = importlib.import_module("softreg_fast.nn.compaction.compact")
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 8
