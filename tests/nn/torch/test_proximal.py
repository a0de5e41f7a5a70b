"""Certificates, weight decay, cuts and plans of networks with attached penalties."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from checkpointed import RULES, descend, made, network, saved  # noqa: E402
from numpy.testing import assert_allclose  # noqa: E402

from softreg_fast import solve  # noqa: E402
from softreg_fast.nn import (  # noqa: E402
    L1,
    NonNegative,
    ProxAdamW,
    attach,
    compact,
    compact_like,
    param_groups,
    plan,
)

# -- the certificate -------------------------------------------------------------------------------

COUPLED = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.5),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=0.5),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.5),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.01, weight_decay=0.5),
}


@pytest.mark.parametrize("name", COUPLED)
def test_coupled_weight_decay_is_an_elastic_net(rng, name):
    X = rng.standard_normal((60, 8))
    y = X[:, :3] @ [1.0, -0.7, 0.4] + 0.1 * rng.standard_normal(60)
    # 0.1 |w| + 0.5 / 2 w^2 = 0.6 (1/6 |w| + 5/6 / 2 w^2)
    wanted = solve(X, y, alpha=0.6, l1_ratio=1.0 / 6.0, fit_intercept=False).coef
    model = torch.nn.Linear(8, 1, bias=False).double()
    optimizer = COUPLED[name](model.parameters())
    proximal = attach(model, optimizer, {"weight": L1(strength=0.1)})
    A, b = torch.tensor(X), torch.tensor(y)[:, None]

    def backward():
        optimizer.zero_grad()
        (0.5 * ((model(A) - b) ** 2).mean()).backward()

    for _ in range(3000):
        backward()
        optimizer.step()
        optimizer.param_groups[0]["lr"] *= 0.998
    assert_allclose(model.weight.detach().numpy()[0], wanted, atol=1e-3)
    with torch.no_grad():
        model.weight.copy_(torch.tensor(wanted)[None])
    backward()
    assert proximal.violation() < 1e-7
    with torch.no_grad():
        model.weight[0, 0] += 0.01
    backward()
    curvature = float((A[:, 0] ** 2).mean()) + 0.5
    others = np.abs(0.01 * (X[:, 1:].T @ X[:, 0]) / 60)[wanted[1:] != 0]
    expected = max(0.01 * curvature, *others) / 0.1
    assert_allclose(proximal.violation(), expected, rtol=1e-4)


def test_a_certificate_needs_gradients():
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    proximal = attach(model, optimizer, {"weight": NonNegative()})
    with pytest.raises(ValueError, match="No penalised parameter holds a gradient"):
        proximal.violation()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]]))
    model.weight.grad = torch.tensor([[0.0, 3.0, 0.25], [0.0, 0.0, 0.0]])
    assert proximal.violation() == 0.25  # 3.0 would push a weight of 0 below it


def test_sparse_gradients_certify_nothing():
    model = torch.nn.Embedding(5, 3, sparse=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    proximal = attach(model, optimizer, {"*": L1(strength=0.1)})
    model(torch.tensor([1, 1])).sum().backward()
    with pytest.raises(ValueError, match="weight has sparse gradients"):
        proximal.violation()


def test_a_parameter_without_gradient_counts():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    proximal = attach(model, torch.optim.SGD(model.parameters(), lr=0.1), RULES)
    model[0].weight.grad = -0.01 * torch.sign(model[0].weight.detach())
    assert_allclose(proximal.violation(), 1.0)  # the other one should shrink
    model[1].weight.requires_grad_(False)
    assert_allclose(proximal.violation(), 0.0, atol=1e-6)


# -- decoupled weight decay ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["adamw", "nadam", "ours"])
def test_decoupled_weight_decay_beside_a_penalty_warns(kind):
    model = network()

    def make(rules, decay):
        if kind == "ours":
            return ProxAdamW(param_groups(model, rules), weight_decay=decay)
        if kind == "adamw":
            optimizer = torch.optim.AdamW(model.parameters(), weight_decay=decay)
        else:
            optimizer = torch.optim.NAdam(
                model.parameters(), weight_decay=decay, decoupled_weight_decay=True
            )
        attach(model, optimizer, rules)
        return optimizer

    with pytest.warns(UserWarning, match=r"decoupled weight decay .* Set weight_decay=0") as told:
        make(RULES, 0.01)
    assert len(told) == 1
    make(RULES, 0.0)
    make({torch.nn.Linear: L1(strength=0.0)}, 0.01)


def test_where_weight_decay_is_no_contradiction():
    model = network()
    groups = [
        {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim == 2], "weight_decay": 0.0},
    ]
    attach(model, torch.optim.AdamW(groups), RULES)
    attach(model, torch.optim.Adam(model.parameters(), weight_decay=0.1), RULES)
    attach(model, torch.optim.SGD(model.parameters(), weight_decay=0.1), RULES)
    attach(model, torch.optim.AdamW(model.parameters()), RULES, metric="decoupled")
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.0)
    attach(model, optimizer, RULES)
    decayed = torch.optim.AdamW(model.parameters(), weight_decay=0.1).state_dict()
    with pytest.warns(UserWarning, match="decoupled weight decay"):
        optimizer.load_state_dict(decayed)


# -- cuts and plans --------------------------------------------------------------------------------


def test_the_optimizer_of_another_model_is_refused():
    model, other = network(), network()
    with torch.no_grad():
        model[2].weight[:, 2:] = 0.0
    theirs = torch.optim.Adam(other.parameters())
    before = [p.shape for p in model.parameters()]
    with pytest.raises(ValueError, match="none of the model's parameters"):
        compact(model, torch.zeros(2, 8), theirs)
    with pytest.raises(ValueError, match="none of the model's parameters"):
        compact_like(model, {"kept": {}, "sizes": {}}, theirs)
    assert [p.shape for p in model.parameters()] == before
    both = torch.optim.Adam([*model.parameters(), *other.parameters()])  # of two models at once
    compact(model, torch.zeros(2, 8), both)
    assert model[0].out_features == 2


def test_plans_look_through_wrappers():
    model, x = network(), torch.randn(4, 8)

    class Wrapper(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self._orig_mod = model

        def __call__(self, x):
            raise AssertionError("this would compile")

    with torch.no_grad():
        expected = model(x).numpy()
    for wrapped in (Wrapper(), torch.nn.DataParallel(model)):
        assert_allclose(plan(wrapped, x, formats="dense")(x), expected, rtol=1e-5, atol=1e-6)


def test_nothing_of_this_is_heard_in_an_ordinary_run():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = network()
        optimizer = made("attach", model, RULES, refit=60)
        descend(model, optimizer, 100)
        optimizer.load_state_dict(saved(optimizer))
