"""Rules, schedules and errors of attach() and ProxAdamW."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from numpy.testing import assert_allclose  # noqa: E402
from small_trainings import PENALTIES, batches, network, train  # noqa: E402

from softreg_fast.nn import (  # noqa: E402
    L1,
    L2,
    GroupLasso,
    LHalf,
    ProxAdamW,
    attach,
    param_groups,
)
from softreg_fast.nn.torch.proximal import LARGEST_FACTOR  # noqa: E402

# -- rules -----------------------------------------------------------------------------------------


def names(model, rules):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return [target.name for target in attach(model, optimizer, rules).targets]


def test_biases_and_norms_are_left_out():
    some = L1(strength=1.0)
    model = network()
    assert names(model, {"*": some}) == ["0.weight", "3.weight"]
    assert names(model, {torch.nn.Linear: some}) == ["0.weight", "3.weight"]
    assert names(model, {"0.*": some, "0.bias": some, "2.weight": some}) == [
        "0.weight",
        "0.bias",
        "2.weight",
    ]
    tables = torch.nn.Sequential(torch.nn.RMSNorm((2, 3)), torch.nn.LayerNorm((2, 3)))
    assert names(torch.nn.Sequential(tables, torch.nn.Linear(2, 2)), {"*": some}) == ["1.weight"]


def test_the_first_rule_counts():
    model, a, b = network(), L1(strength=1.0), L1(strength=2.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    targets = attach(model, optimizer, {"3.*": a, torch.nn.Linear: b}).targets
    assert {t.name: t.penalty for t in targets} == {"0.weight": b, "3.weight": a}


def test_shared_weights_take_one_step():
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 4, bias=False), torch.nn.Linear(4, 4, bias=False)
    )
    model[1].weight = model[0].weight
    before = model[0].weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    attach(model, optimizer, {"*": L1(strength=0.5)})
    model[0].weight.grad = torch.zeros_like(before)
    optimizer.step()
    shrunk = torch.sign(before) * torch.clamp(before.abs() - 0.05, min=0)
    assert_allclose(model[0].weight.detach().numpy(), shrunk.numpy(), atol=1e-7)


def test_start_ramp_and_removal():
    w = torch.nn.Parameter(torch.full((2, 2), 10.0))
    model = torch.nn.Module()
    model.w = w
    optimizer = torch.optim.SGD([w], lr=1.0)
    proximal = attach(model, optimizer, {"w": L1(strength=1.0)}, start=2, ramp=4)
    seen = []
    for _ in range(8):
        w.grad = torch.zeros_like(w)
        optimizer.step()
        seen.append(float(w.detach()[0, 0]))
    assert_allclose(seen, [10.0, 10.0, 9.75, 9.25, 8.5, 7.5, 6.5, 5.5])
    proximal.remove()
    optimizer.step()
    assert float(w.detach()[0, 0]) == 5.5


def test_target_sparsity():
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    rules = {torch.nn.Linear: L1(strength=1e-3)}
    proximal = attach(model, optimizer, rules, target_sparsity=0.6)
    train(model, optimizer, batches(1600))
    assert abs(proximal.sparsity - 0.6) < 0.1


def test_a_target_sparsity_that_cannot_be_reached():
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    rules = {torch.nn.Linear: L1(strength=1e-3)}
    proximal = attach(model, optimizer, rules, target_sparsity=0.9999, min_keep=4)
    train(model, optimizer, batches(2500))
    assert proximal.state["scale"] == LARGEST_FACTOR
    assert all(int(torch.count_nonzero(t.parameter)) == 4 for t in proximal.targets)


@pytest.mark.parametrize("ramp", [0, 1500])
@pytest.mark.parametrize("penalty", [L1(strength=1e-4), LHalf(strength=1e-5)])
def test_target_sparsity_is_not_overshot(penalty, ramp):
    # the zeros of sqrt|w| do not come back, so the strength must fall in time
    model = torch.nn.Sequential(
        torch.nn.Linear(20, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32), torch.nn.ReLU(),
        torch.nn.Linear(32, 1),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    rules = {torch.nn.Linear: penalty}
    proximal = attach(model, optimizer, rules, start=100, ramp=ramp, target_sparsity=0.9)
    X = torch.randn(512, 20)
    y = (X[:, :3] ** 2).sum(1, keepdim=True) + 0.1 * torch.randn(512, 1)
    train(model, optimizer, [(X[rows], y[rows]) for rows in torch.randint(512, (3000, 32))])
    assert 0.075 <= 1.0 - proximal.sparsity <= 0.135


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("cls", [torch.optim.SGD, torch.optim.Adam])
def test_groups_have_learning_rates_of_their_own(cls, as_tensor):
    model = torch.nn.ParameterDict({name: torch.full((2, 2), 10.0) for name in "abc"})
    kind = torch.tensor if as_tensor else float
    optimizer = cls([{"params": [model["a"]], "lr": kind(1e-6)}], lr=kind(0.1))
    optimizer.add_param_group({"params": [model["c"], model["b"]]})
    attach(model, optimizer, {"[ab]": L1(strength=1.0)})
    for _ in range(3):
        for parameter in model.values():
            parameter.grad = torch.full((2, 2), 1e-3)
        optimizer.step()
    moved = {name: float((10.0 - model[name].detach()).mean()) for name in "abc"}
    assert abs(moved["a"]) < 0.01
    assert abs(moved["c"]) < 0.31
    assert moved["b"] > moved["c"] + 0.25


def test_steps_with_a_closure():
    model, rules = network(torch.float64), {torch.nn.Linear: L1(strength=0.01)}
    twin = copy.deepcopy(model)
    optimizers = [torch.optim.Adam(net.parameters(), lr=0.01) for net in (model, twin)]
    for net, optimizer in zip((model, twin), optimizers, strict=True):
        attach(net, optimizer, rules)
    data = list(batches(10, torch.float64))
    train(model, optimizers[0], data)
    for X, y in data:

        def closure(X=X, y=y):
            optimizers[1].zero_grad()
            loss = ((twin(X) - y) ** 2).mean()
            loss.backward()
            return loss

        assert float(optimizers[1].step(closure).detach()) > 0.0
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)


def test_parameters_of_nothing():
    model = torch.nn.ParameterDict({"none": torch.zeros(0, 5), "some": torch.ones(2, 5)})
    for penalty in (L1(strength=0.1), GroupLasso(strength=0.1)):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        proximal = attach(model, optimizer, {"*": penalty})
        for parameter in model.values():
            parameter.grad = torch.full_like(parameter, 3.0)
        optimizer.step()
        ours = ProxAdamW(param_groups(model, {"*": penalty}))
        ours.step()
        assert proximal.violation() > 0.0
        assert proximal.value() > 0.0
        proximal.remove()


@pytest.mark.parametrize("fused", [False, True])
def test_a_gradient_that_is_not_a_number_is_seen(fused):
    for penalty in PENALTIES.values():
        model = torch.nn.Linear(3, 2)
        optimizer = torch.optim.Adam(model.parameters())
        if fused:
            optimizer = ProxAdamW(param_groups(model, {"weight": penalty}))
        else:
            attach(model, optimizer, {"weight": penalty})
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, float("nan"))
        optimizer.step()
        assert model.weight.isnan().all()


def test_parameters_without_gradient_stay():
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    attach(model, optimizer, {torch.nn.Linear: L1(strength=10.0)})
    model[0].weight.requires_grad_(False)
    before = model[0].weight.clone()
    train(model, optimizer, batches(3))
    assert torch.equal(model[0].weight, before)
    assert not model[3].weight.any()


@pytest.mark.parametrize("penalty", [L1(strength=1.0), GroupLasso(strength=0.1, groups=1)])
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("layout", ["fused", "stepwise"])
def test_rows_of_unseen_words_stay(penalty, amsgrad, layout):
    model = torch.nn.Sequential(torch.nn.Embedding(6, 3), torch.nn.Linear(3, 3)).double()
    twin, before = copy.deepcopy(model), model[0].weight.detach().clone()
    options, rules = {"lr": 1e-2, "amsgrad": amsgrad}, {"*": penalty}
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.0, **options)
    attach(model, optimizer, rules)
    if layout == "stepwise":
        twin[0].weight.data = twin[0].weight.data.T.contiguous().T
    ours = ProxAdamW(param_groups(twin, rules), **options)
    ours.load_state_dict(ours.state_dict())
    for _ in range(3):
        for net, each in ((model, optimizer), (twin, ours)):
            each.zero_grad()
            net(torch.tensor([0, 2])).pow(2).sum().backward()
            each.step()
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-9, atol=1e-14)
    weight = twin[0].weight
    assert torch.equal(weight[[1, 3, 4, 5]], before[[1, 3, 4, 5]])
    assert not torch.equal(weight[[0, 2]], before[[0, 2]])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("fused", [False, True])
def test_few_digits(dtype, fused):
    model = torch.nn.Linear(20, 5).to(dtype)
    rules = {"weight": L1(strength=0.1)}
    if fused:
        optimizer = ProxAdamW(param_groups(model, rules), lr=1e-2, eps=1e-4)
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, eps=1e-4)
        attach(model, optimizer, rules)
    for _ in range(300):
        optimizer.zero_grad()
        X = torch.randn(32, 20, dtype=dtype)
        (model(X) - X[:, :5]).pow(2).mean().backward()
        optimizer.step()
    weight = model.weight.detach().float().numpy()
    assert weight.dtype == np.float32
    assert np.isfinite(weight).all()
    assert (weight[:, 5:] == 0.0).mean() > 0.5
    assert (np.diag(weight) > 0.1).all()


def test_a_step_that_a_scaler_skips():
    w = torch.nn.Parameter(torch.ones(2, 2))
    model = torch.nn.Module()
    model.w = w
    optimizer = torch.optim.Adam([w], lr=1.0, fused=True)
    proximal = attach(model, optimizer, {"w": L1(strength=0.1)})
    w.grad = torch.zeros_like(w)
    optimizer.grad_scale, optimizer.found_inf = torch.tensor(1.0), torch.tensor(1.0)
    optimizer.step()
    assert proximal.state["n_steps"] == 0
    assert (w == 1.0).all()


# -- bad input -------------------------------------------------------------------------------------


class Odd(torch.optim.Optimizer):
    """An unknown optimiser."""

    def __init__(self, params):
        super().__init__(params, {"lr": 0.1})

    def step(self, closure=None):
        """Do nothing."""


def test_unknown_optimizers():
    model = network()
    rules = {torch.nn.Linear: L1(strength=0.01)}
    with pytest.raises(
        ValueError, match="The metric of Odd is not known; exact are SGD, Adam, AdamW"
    ):
        attach(model, Odd(model.parameters()), rules)
    optimizer = Odd(model.parameters())
    attach(model, optimizer, rules, metric="decoupled")
    before = model[0].weight.detach().clone()
    train(model, optimizer, batches(1))
    shrunk = torch.sign(before) * torch.clamp(before.abs() - 0.001, min=0)
    assert_allclose(model[0].weight.detach().numpy(), shrunk.numpy(), atol=1e-7)


@pytest.mark.parametrize(
    ("rules", "options", "wanted"),
    [
        ({"nobody": L1(strength=1.0)}, {}, "No parameter fits 'nobody'. There are: 0.weight"),
        ({torch.nn.LSTM: L1(strength=1.0)}, {}, "No parameter fits"),
        ({"0.weight": 0.1}, {}, "expected a penalty"),
        ({3: L1(strength=1.0)}, {}, "3 is no rule"),
        ({"*": L1(strength=1.0)}, {"metric": "adam"}, "metric must be"),
        ({"*": L1(strength=1.0)}, {"start": -1}, "start must be an integer >= 0"),
        ({"*": L1(strength=1.0)}, {"ramp": 0.5}, "ramp must be an integer >= 0"),
        ({"*": L1(strength=1.0)}, {"target_sparsity": 1.0}, "between 0 and 1"),
        ({"*": L1(strength=0.0)}, {"target_sparsity": 0.5}, "makes weights zero, with a strength"),
        ({"*": L2(strength=1.0)}, {"target_sparsity": 0.5}, "none of the rules has one"),
        ({"*": L1(strength=1.0)}, {"target_sparsity": 0.5, "refit": 0}, "frozen from the first"),
        ({"*": L1(strength=1.0)}, {"target_sparsity": "half"}, "a real number, got 'half'"),
    ],
)
def test_bad_rules(rules, options, wanted):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises((ValueError, TypeError), match=wanted):
        attach(model, optimizer, rules, **options)


def test_optimizers_that_do_not_fit():
    model, rules = network(), {torch.nn.Linear: L1(strength=1.0)}
    with pytest.raises(ValueError, match=r"does not have the parameter 0\.weight"):
        attach(model, torch.optim.SGD(network().parameters(), lr=0.1), rules)
    with pytest.raises(ValueError, match="maximize"):
        attach(model, torch.optim.SGD(model.parameters(), lr=0.1, maximize=True), rules)
    with pytest.raises(ValueError, match="proximal steps itself"):
        attach(model, ProxAdamW(model.parameters()), rules)
    with pytest.raises(TypeError, match=r"torch\.optim\.Optimizer"):
        attach(model, "adam", rules)
    with pytest.raises(TypeError, match="Penalty or None"):
        ProxAdamW(model.parameters(), penalty=0.1)
    with pytest.raises(TypeError, match="Penalty or None"):
        ProxAdamW(model[0].parameters()).add_param_group(
            {"params": model[3].parameters(), "penalty": 0.1}
        )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    attach(model, optimizer, rules)
    optimizer.param_groups[0]["maximize"] = True
    with pytest.raises(ValueError, match="maximize"):
        train(model, optimizer, batches(1))
    with pytest.raises(ValueError, match="lr must be"):
        ProxAdamW(model.parameters(), lr=-1.0)


def test_sparse_gradients():
    model = torch.nn.Embedding(6, 3, sparse=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    attach(model, optimizer, {"weight": L1(strength=1.0)})
    model(torch.tensor([1])).sum().backward()
    with pytest.raises(ValueError, match="sparse gradients"):
        optimizer.step()
