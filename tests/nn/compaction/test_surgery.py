"""Weights, optimiser states and penalties of cut networks go on as if nothing had been cut."""

import copy
import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dead_units import (  # noqa: E402
    NETWORKS,
    Residual,
    ResidualConv,
    as_tuple,
    cast,
    dense,
    distance,
    step,
    zero_some,
)
from torch import nn  # noqa: E402

from softreg_fast.nn import (  # noqa: E402
    L1,
    GroupLasso,
    ProxAdamW,
    SparseGroupLasso,
    attach,
    compact,
    compact_like,
    param_groups,
)

# -- training goes on ------------------------------------------------------------------------------


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "foreach": lambda p: torch.optim.Adam(p, lr=0.01, foreach=True),
    "fused": lambda p: torch.optim.Adam(p, lr=0.01, fused=True),
    "amsgrad": lambda p: torch.optim.AdamW(p, lr=0.01, amsgrad=True, weight_decay=0.0),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01),
    "asgd": lambda p: torch.optim.ASGD(p, lr=0.01, lambd=0.0),
    "ours": lambda p: ProxAdamW(p, lr=0.01, amsgrad=True),
}


@torch.no_grad()
def hold(model, optimizer, plan):
    """Keep the weights that the plan cuts at their current values from now on."""
    named = dict(model.named_parameters())
    for name, kept in plan["kept"].items():
        if name not in named:
            continue
        p = named[name]
        mask = torch.ones_like(p)
        for axis, indices in enumerate(kept):
            if indices is not None:
                here = torch.zeros(p.shape[axis], dtype=p.dtype)
                here[indices] = 1.0
                mask *= here.reshape([-1 if k == axis else 1 for k in range(p.dim())])
        p.register_hook(lambda gradient, mask=mask: gradient * mask)
        for x in optimizer.state[p].values():
            if isinstance(x, torch.Tensor) and x.shape == p.shape:
                x.mul_(mask)


TRAINED = [
    *("dense", "sigmoid", "lenet", "residual", "residual conv", "joined", "excited"),
    *("series", "tied", "LSTM output ", "GRU state batch_first bidirectional"),
]


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_training_goes_on_as_if_the_dead_were_held(name, optimizer):
    compare_trainings(name, OPTIMIZERS[optimizer])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_state_is_cut(optimizer):
    compare_trainings("residual", OPTIMIZERS[optimizer])


def compare_trainings(name, make_optimizer):
    make, inputs = NETWORKS[name]
    model = make().double()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    x = [cast(inputs(), torch.float64) for _ in range(9)]
    data = [(each, torch.randn_like(model(*each).detach())) for each in x]
    optimizer = make_optimizer(model.parameters())
    for each in data[:3]:  # so that the optimiser has state
        step(model, optimizer, each)
    zero_some(model)
    twin = copy.deepcopy(model)
    its_optimizer = make_optimizer(twin.parameters())
    its_optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    report = compact(model, x[0], optimizer)
    assert report.n_after < report.n_before
    hold(twin, its_optimizer, report.plan)
    for each in data[3:]:
        a = step(model, optimizer, each)
        b = step(twin, its_optimizer, each)
        assert distance(a, b) < 1e-6  # Adam divides rounding by what is nearly zero
    assert distance(model(*x[0]), twin(*x[0])) < 1e-8


def test_momentum_of_what_was_cut_is_gone():
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    data = (torch.randn(8, 3),), torch.randn(8, 1)
    step(model, optimizer, data)
    with torch.no_grad():
        model[2].weight[:, 4:] = 0.0
    compact(model, data[0], optimizer)
    assert optimizer.state[model[0].weight]["momentum_buffer"].shape == (4, 3)
    for _ in range(3):
        step(model, optimizer, data)
    assert model[2].weight.shape == (1, 4)


def test_the_graph_of_the_last_step_may_be_alive():
    model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 1))
    optimizer = torch.optim.Adam(model.parameters())
    data = (torch.randn(8, 3),), torch.randn(8, 1)
    loss = step(model, optimizer, data)
    with torch.no_grad():
        model[2].weight[:, 4:] = 0.0
    compact(model, data[0], optimizer)
    assert model[0].weight.grad.shape == (4, 3)
    new = ((model(*data[0]) - data[1]) ** 2).mean()  # no zero_grad: gradients add up
    new.backward()
    assert loss.grad_fn is not None
    optimizer.step()
    assert model[0].weight.grad.shape == (4, 3)


def test_parameters_stay_the_same_objects():
    model = ResidualConv()
    zero_some(model)
    before = {name: id(p) for name, p in model.named_parameters()}
    buffers = {name: id(p) for name, p in model.named_buffers()}
    version = copy.deepcopy(model)
    x = torch.randn(2, 2, 6, 6)
    state = torch.random.get_rng_state()
    compact(model, x)
    assert before == {name: id(p) for name, p in model.named_parameters()}
    assert buffers == {name: id(p) for name, p in model.named_buffers()}
    assert torch.equal(state, torch.random.get_rng_state())
    assert int(model.norm.num_batches_tracked) == int(version.norm.num_batches_tracked)
    assert vars(model).keys() - vars(version).keys() == {"_softreg_fast_plan"}


# -- penalties -------------------------------------------------------------------------------------


def penalties():
    numbers = np.arange(12 * 6).reshape(12, 6) // 9  # some groups across rows
    numbers[5] = -1
    rng = np.random.default_rng(3)
    return {
        "columns": {"first.weight": GroupLasso(strength=0.02, groups=1)},
        "rows": {
            "first.weight": GroupLasso(strength=0.002, groups=0),
            "outer.weight": GroupLasso(strength=0.002, groups=0),
        },
        "heads": {"first.weight": SparseGroupLasso(strength=0.02, groups=0, size=3)},
        "numbers": {"first.weight": GroupLasso(strength=0.02, groups=numbers)},
        "weights": {
            "first.weight": L1(strength=0.01, weights=rng.random((12, 6))),
            "inner.weight": L1(strength=0.01, weights=rng.random((9, 1))),
            "outer.weight": L1(strength=0.01, weights=rng.random(9)),
        },
        "group weights": {
            "outer.weight": GroupLasso(strength=0.02, groups=1, group_weights=rng.random(9))
        },
    }


@pytest.mark.parametrize("fused", [False, True], ids=["attach", "ProxAdamW"])
@pytest.mark.parametrize("name", penalties())
def test_penalties_go_on_as_well(name, fused):
    rules = penalties()[name]

    def optimizer_of(model):
        if fused:
            return ProxAdamW(param_groups(model, rules), lr=0.01), None
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        return optimizer, attach(model, optimizer, rules)

    model = Residual().double()
    optimizer, proximal = optimizer_of(model)
    data = [((torch.randn(16, 6).double(),), torch.randn(16, 3).double()) for _ in range(12)]
    for each in data[:4]:
        step(model, optimizer, each)
    with torch.no_grad():
        for dead in (model.first, model.outer):
            dead.weight[[1, 2, 7]] = 0.0
            dead.bias[[1, 2, 7]] = 0.0
        model.inner.weight[[0, 5]] = 0.0
        model.inner.bias[[0, 5]] = 0.0
        for reader in (model.inner, model.last):
            reader.weight[:, [1, 2, 7]] = 0.0
        model.outer.weight[:, [0, 5]] = 0.0
    twin = copy.deepcopy(model)
    its_optimizer, its_proximal = optimizer_of(twin)
    its_optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    report = compact(model, data[0][0], optimizer)
    assert model.first.out_features <= 9
    assert model.inner.out_features <= 7
    hold(twin, its_optimizer, report.plan)
    for each in data[4:]:
        a = step(model, optimizer, each)
        b = step(twin, its_optimizer, each)
        assert distance(a, b) < 1e-6  # Adam divides rounding by what is nearly zero
    if not fused:
        assert abs(proximal.value() - its_proximal.value()) < 1e-9
        assert abs(proximal.sparsity - its_proximal.sparsity) < 1e-12
        states = [{**each.state, "given": None} for each in (proximal, its_proximal)]
        assert states[0] == states[1]


def test_units_without_any_group_left():
    labels = np.array([[0, 0, 1], [1, 2, 2], [-1, -1, 4]])
    penalty = GroupLasso(strength=1.0, groups=labels)
    w = np.arange(1.0, 10.0).reshape(3, 3)
    less = penalty.take((3, 3), [[0, 2], [0, 2]])
    assert less.groups.tolist() == [[0, 1], [-1, 2]]
    assert np.allclose(less.group_weights, np.sqrt([2.0, 2.0, 1.0]))
    only = w * np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
    assert np.isclose(less.value(w[np.ix_([0, 2], [0, 2])]), penalty.value(only))


# -- checkpoints -----------------------------------------------------------------------------------


def saved(checkpoint):
    file = io.BytesIO()
    torch.save(checkpoint, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("fused", [False, True], ids=["attach", "ProxAdamW"])
def test_checkpoints_load_and_training_goes_on_bit_for_bit(fused):
    rules = {
        "first.weight": GroupLasso(strength=0.05, groups=1),
        "outer.weight": GroupLasso(strength=0.05, groups=0),
        "inner.weight": GroupLasso(strength=0.05, groups=0),
    }

    def make():
        model = Residual()
        if fused:
            return model, ProxAdamW(param_groups(model, rules), lr=0.02)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        attach(model, optimizer, rules, start=3, ramp=5, target_sparsity=0.8)
        return model, optimizer

    data = [((torch.randn(16, 6),), torch.randn(16, 3)) for _ in range(12)]
    model, optimizer = make()
    for k in range(2):  # cut twice: the plan holds both cuts
        for each in data[4 * k : 4 * k + 4]:
            step(model, optimizer, each)
        with torch.no_grad():
            model.inner.weight[k : k + 2] = 0.0
            model.inner.bias[k : k + 2] = 0.0
            model.last.weight[:, k] = 0.0
            model.first.weight[k] = 0.0
            model.first.bias[k] = 0.0
            model.outer.weight[k] = 0.0
            model.outer.bias[k] = 0.0
        report = compact(model, data[0][0], optimizer)
        assert report.layers
    assert model.inner.out_features < 7
    states = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    checkpoint = saved({**states, "plan": report.plan})
    again, its_optimizer = make()
    compact_like(again, checkpoint["plan"], its_optimizer)
    again.load_state_dict(checkpoint["model"])
    its_optimizer.load_state_dict(checkpoint["optimizer"])
    for each in data[8:]:
        step(model, optimizer, each)
        step(again, its_optimizer, each)
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert repr(model) == repr(again)


@pytest.mark.parametrize("name", NETWORKS)
def test_plans_fit_all_networks(name):
    make, inputs = NETWORKS[name]
    model = make().eval()
    zero_some(model)
    x = inputs()
    report = compact(model, x)
    fresh = make().eval()
    again = compact_like(fresh, saved(report.plan))
    fresh.load_state_dict(saved(model.state_dict()))
    assert torch.equal(fresh(*as_tuple(x)), model(*as_tuple(x)))
    assert again.plan == report.plan
    assert repr(fresh) == repr(model)
    assert [str(row) for row in again.layers] == [str(row) for row in report.layers]
    assert not compact_like(fresh, report.plan).layers  # nothing is left to do


def test_plans_that_do_not_fit():
    model = dense()
    with torch.no_grad():
        model[3].weight[:, 4:] = 0.0
    plan = compact(model, torch.zeros(1, 5)).plan
    with pytest.raises(TypeError, match="plan of a report"):
        compact_like(dense(), {"0.weight": [1]})
    with pytest.raises(ValueError, match=r"cuts 0\.weight"):
        compact_like(nn.Sequential(nn.ReLU()), plan)
    with pytest.raises(ValueError, match="does not have"):
        compact_like(dense(width=3), plan)
    with pytest.raises(ValueError, match="does not have"):
        compact_like(model, compact(dense_without_first(), torch.zeros(1, 5)).plan)
    odd = {"kept": {}, "sizes": {"0": {"forward": 3}}}
    with pytest.raises(ValueError, match="cannot be"):
        compact_like(dense(), odd)


def dense_without_first():
    model = dense()
    with torch.no_grad():
        model[3].weight[:, :6] = 0.0
    return model
