"""Proximal steps in PyTorch solve the declared objective, in every metric that is called exact."""

import copy
import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from numpy.testing import assert_allclose  # noqa: E402

from softreg_fast import solve  # noqa: E402
from softreg_fast.nn import (  # noqa: E402
    L1,
    L2,
    MCP,
    SCAD,
    ElasticNet,
    GroupLasso,
    LHalf,
    ProxAdamW,
    SparseGroupLasso,
    attach,
    param_groups,
)

PENALTIES = {
    "l1": L1(strength=0.02),
    "elastic net": ElasticNet(strength=0.02, l1_ratio=0.5),
    "mcp": MCP(strength=0.02),
    "scad": SCAD(strength=0.02),
    "l_half": LHalf(strength=0.005),
    "groups": GroupLasso(strength=0.05),
    "sparse groups": SparseGroupLasso(strength=0.02, groups=1),
}

OPTIMIZERS = {
    "sgd": lambda p, lr: torch.optim.SGD(p, lr=30 * lr),
    "momentum": lambda p, lr: torch.optim.SGD(p, lr=3 * lr, momentum=0.9),
    "dampening": lambda p, lr: torch.optim.SGD(p, lr=20 * lr, momentum=0.9, dampening=0.5),
    "nesterov": lambda p, lr: torch.optim.SGD(p, lr=3 * lr, momentum=0.9, nesterov=True),
    "adam": lambda p, lr: torch.optim.Adam(p, lr=lr),
    "foreach": lambda p, lr: torch.optim.Adam(p, lr=lr, foreach=True),
    "fused": lambda p, lr: torch.optim.Adam(p, lr=lr, fused=True),
    "amsgrad": lambda p, lr: torch.optim.Adam(p, lr=lr, amsgrad=True),
    "adamw": lambda p, lr: torch.optim.AdamW(p, lr=lr, weight_decay=0.0),
    "nadam": lambda p, lr: torch.optim.NAdam(p, lr=lr),
}


@pytest.fixture(autouse=True)
def seeded(seed):
    """PyTorch's generator, seeded, and one thread as in small trainings."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)


def network(dtype=torch.float32):
    return torch.nn.Sequential(
        torch.nn.Linear(10, 16), torch.nn.ReLU(), torch.nn.BatchNorm1d(16), torch.nn.Linear(16, 2)
    ).to(dtype)


def batches(n, dtype=torch.float32):
    for _ in range(n):
        X = torch.randn(32, 10, dtype=dtype)
        yield X, torch.stack([X[:, 0] - X[:, 1], X[:, 2] * X[:, 0]], 1)


def train(model, optimizer, data):
    for X, y in data:
        optimizer.zero_grad()
        ((model(X) - y) ** 2).mean().backward()
        optimizer.step()


# -- the declared objective ------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("fused", [False, True])
def test_one_dimension_under_noise(noise, fused):
    # 1/2 (x - 1)^2 + 0.3 |x| has its minimum at 0.7, whatever the noise of the gradient
    w = torch.nn.Parameter(torch.full((1000, 1), 0.7, dtype=torch.float64))
    model = torch.nn.Module()
    model.w = w
    if fused:
        optimizer = ProxAdamW(param_groups(model, {"w": L1(strength=0.3)}), lr=1e-3)
    else:
        optimizer = torch.optim.Adam([w], lr=1e-3)
        attach(model, optimizer, {"w": L1(strength=0.3)})
    total = torch.zeros_like(w)
    for k in range(6000):
        w.grad = (w.detach() - 1.0) + noise * torch.randn_like(w)
        optimizer.step()
        if k >= 4000:
            total += w.detach()
    assert abs(float(total.mean()) / 2000 - 0.7) < 0.01


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_linear_layer_is_a_lasso(rng, name):
    X = rng.standard_normal((60, 8))
    y = X[:, :3] @ [1.0, -0.7, 0.4] + 0.1 * rng.standard_normal(60)
    wanted = solve(X, y, alpha=0.1, fit_intercept=False)
    model = torch.nn.Linear(8, 1, bias=False).double()
    optimizer = OPTIMIZERS[name](model.parameters(), 1e-2)
    proximal = attach(model, optimizer, {"weight": L1(strength=0.1)})
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.998)
    A, b = torch.tensor(X), torch.tensor(y)[:, None]
    for _ in range(3000):
        optimizer.zero_grad()
        loss = 0.5 * ((model(A) - b) ** 2).mean()
        loss.backward()
        optimizer.step()
        schedule.step()
    found = model.weight.detach().numpy()[0]
    assert_allclose(found, wanted.coef, atol=2e-4)
    assert np.array_equal(found != 0.0, wanted.coef != 0.0)
    assert proximal.violation() < 5e-3
    objective = 0.5 * np.mean((y - X @ wanted.coef) ** 2) + 0.1 * np.abs(wanted.coef).sum()
    assert_allclose(float(loss.detach()) + proximal.value(), objective, rtol=1e-3)


def test_weighted_l2_is_ridge(rng):
    X, y = rng.standard_normal((50, 4)), rng.standard_normal(50)
    weights = np.array([[0.0, 1.0, 2.0, 5.0]])
    wanted = solve(X, y, alpha=0.3, l1_ratio=0.0, l2_weights=weights[0], fit_intercept=False)
    model = torch.nn.Linear(4, 1, bias=False).double()
    optimizer = ProxAdamW(
        param_groups(model, {"weight": L2(strength=0.3, weights=weights)}), lr=0.01
    )
    A, b = torch.tensor(X), torch.tensor(y)[:, None]
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.998)
    for _ in range(3000):
        optimizer.zero_grad()
        (0.5 * ((model(A) - b) ** 2).mean()).backward()
        optimizer.step()
        schedule.step()
    assert_allclose(model.weight.detach().numpy()[0], wanted.coef, atol=2e-4)


def test_truth_of_three_features():
    X = torch.randn(1000, 10)
    y = (X[:, :3] @ torch.tensor([1.0, -2.0, 0.5]))[:, None]
    model = torch.nn.Sequential(torch.nn.Linear(10, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    attach(
        model,
        optimizer,
        {"0.weight": SparseGroupLasso(strength=3e-3, groups=1), "2.weight": L1(strength=3e-3)},
        start=50,
    )
    for _ in range(800):
        optimizer.zero_grad()
        ((model(X) - y) ** 2).mean().backward()
        optimizer.step()
    used = (model[0].weight != 0).any(0)
    assert used.tolist() == [True] * 3 + [False] * 7


# -- the same steps by other ways ------------------------------------------------------------------


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_penalty_it_is_adamw(dtype, amsgrad):
    model = network(dtype)
    twin = copy.deepcopy(model)
    data = list(batches(30, dtype))
    options = {"lr": 1e-2, "weight_decay": 0.1, "amsgrad": amsgrad}
    train(model, ProxAdamW(model.parameters(), **options), data)
    train(twin, torch.optim.AdamW(twin.parameters(), **options), data)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-4
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("amsgrad", [False, True])
def test_one_pass_and_two(name, amsgrad):
    model = network(torch.float64)
    twin, third = copy.deepcopy(model), copy.deepcopy(model)
    data = list(batches(40, torch.float64))
    rules = {torch.nn.Linear: PENALTIES[name]}
    options = {"lr": 1e-2, "weight_decay": 0.1, "amsgrad": amsgrad}
    train(model, ProxAdamW(param_groups(model, rules), **options), data)
    optimizer = torch.optim.AdamW(twin.parameters(), **options)
    attach(twin, optimizer, rules)
    train(twin, optimizer, data)
    vectorised = ProxAdamW(param_groups(third, rules), **options)
    third[0].weight.data = third[0].weight.data.T.contiguous().T  # a layout that the kernel refuses
    third[3].weight.data = third[3].weight.data.T.contiguous().T
    train(third, vectorised, data)
    for a, b, c in zip(model.parameters(), twin.parameters(), third.parameters(), strict=True):
        assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-12)
        assert_allclose(a.detach().numpy(), c.detach().numpy(), rtol=1e-9, atol=1e-12)
    assert (model[0].weight == 0).any()


# -- checkpoints -----------------------------------------------------------------------------------


def saved(*objects):
    file = io.BytesIO()
    torch.save([each.state_dict() for each in objects], file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("fused", [False, True])
def test_training_goes_on_bit_for_bit(fused):
    rules = {torch.nn.Linear: L1(strength=0.01)}

    def make():
        model = network()
        if fused:
            return model, ProxAdamW(param_groups(model, rules), lr=1e-2), None
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        options = {"start": 5, "ramp": 30, "target_sparsity": 0.7}
        return model, optimizer, attach(model, optimizer, rules, **options)

    model, optimizer, proximal = make()
    data = list(batches(60))
    train(model, optimizer, data[:30])
    states = saved(model, optimizer)
    train(model, optimizer, data[30:])
    again, its_optimizer, its_proximal = make()
    again.load_state_dict(states[0])
    its_optimizer.load_state_dict(states[1])
    train(again, its_optimizer, data[30:])
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    if proximal is not None:
        assert proximal.state == its_proximal.state
        assert proximal.state["n_steps"] == 60


def test_checkpoints_of_adamw_fit():
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    data = list(batches(20))
    train(model, optimizer, data)
    twin = copy.deepcopy(model)
    ours = ProxAdamW(twin.parameters(), lr=1e-2, penalty=L1(strength=0.0))
    ours.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(model, optimizer, data)
    train(twin, ours, data)
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-3, atol=1e-5)


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
    train(model, optimizer, batches(800))
    assert abs(proximal.sparsity - 0.6) < 0.1


def test_parameters_without_gradient_stay():
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    attach(model, optimizer, {torch.nn.Linear: L1(strength=10.0)})
    model[0].weight.requires_grad_(False)
    before = model[0].weight.clone()
    train(model, optimizer, batches(3))
    assert torch.equal(model[0].weight, before)
    assert not model[3].weight.any()


def test_rows_of_unseen_words_stay():
    model = torch.nn.Embedding(6, 3)
    before = model.weight.detach().clone()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    attach(model, optimizer, {torch.nn.Embedding: L1(strength=1.0)})
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.tensor([0, 2])).pow(2).sum().backward()
        optimizer.step()
    assert torch.equal(model.weight[[1, 3, 4, 5]], before[[1, 3, 4, 5]])
    assert not torch.equal(model.weight[[0, 2]], before[[0, 2]])


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
    """An optimiser that nobody knows."""

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
        ({"0.weight": 0.1}, {}, "wanted is a penalty"),
        ({3: L1(strength=1.0)}, {}, "3 is no rule"),
        ({"*": L1(strength=1.0)}, {"metric": "adam"}, "metric must be"),
        ({"*": L1(strength=1.0)}, {"start": -1}, "start must be an integer >= 0"),
        ({"*": L1(strength=1.0)}, {"ramp": 0.5}, "ramp must be an integer >= 0"),
        ({"*": L1(strength=1.0)}, {"target_sparsity": 1.0}, "between 0 and 1"),
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
    with pytest.raises(ValueError, match="lr must be"):
        ProxAdamW(model.parameters(), lr=-1.0)


def test_sparse_gradients():
    model = torch.nn.Embedding(6, 3, sparse=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    attach(model, optimizer, {"weight": L1(strength=1.0)})
    model(torch.tensor([1])).sum().backward()
    with pytest.raises(ValueError, match="sparse gradients"):
        optimizer.step()
