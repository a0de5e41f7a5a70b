"""Proximal steps in PyTorch solve the declared objective, in every exact metric."""

import copy
import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from numpy.testing import assert_allclose  # noqa: E402
from small_trainings import OPTIMIZERS, PENALTIES, batches, network, train  # noqa: E402

from softreg_fast import solve  # noqa: E402
from softreg_fast.nn import (  # noqa: E402
    L1,
    L2,
    GroupLasso,
    ProxAdamW,
    SparseGroupLasso,
    attach,
    param_groups,
)

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


# -- the same steps computed otherwise -------------------------------------------------------------


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


@pytest.mark.filterwarnings("ignore:.* has a decoupled weight decay")  # only the same steps count
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
    third[0].weight.data = third[0].weight.data.T.contiguous().T  # a layout the kernel refuses
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


@pytest.mark.parametrize("kind", ["attach", "ours"])
@pytest.mark.parametrize("penalty", [L1(strength=0.02), GroupLasso(strength=0.02, groups=1)])
def test_memory_formats(kind, penalty):
    # the same training, also if a checkpoint has moments in the other format
    def make(memory_format):
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten())
        model = model.double().to(memory_format=memory_format)
        if kind == "ours":
            return model, ProxAdamW(param_groups(model, {"0.weight": penalty}), lr=0.01)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        attach(model, optimizer, {"0.weight": penalty})
        return model, optimizer

    def run(model, optimizer, images):
        for X in images:
            optimizer.zero_grad()
            (model(X)[:, 0] - X[:, 0, 0, 0]).pow(2).mean().backward()
            optimizer.step()

    images = torch.randn(20, 8, 3, 5, 5, dtype=torch.float64)
    plain, optimizer = make(torch.contiguous_format)
    other, its_optimizer = make(torch.channels_last)
    other.load_state_dict(plain.state_dict())
    run(plain, optimizer, images[:10])
    run(other, its_optimizer, images[:10])
    third, moved = make(torch.contiguous_format)
    third.load_state_dict(other.state_dict())
    moved.load_state_dict(copy.deepcopy(its_optimizer.state_dict()))  # or they share moments
    run(plain, optimizer, images[10:])
    run(other, its_optimizer, images[10:])
    run(third, moved, images[10:])
    for model in (other, third):
        for a, b in zip(plain.parameters(), model.parameters(), strict=True):
            assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-9, atol=1e-14)


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
