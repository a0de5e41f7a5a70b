"""No silent errors: checkpoints, copies, certificates, weight decay, dead layers."""

import copy
import io
import pickle
import warnings
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from numpy.testing import assert_allclose  # noqa: E402

from softreg_fast import solve  # noqa: E402
from softreg_fast.nn import (  # noqa: E402
    L1,
    GroupLasso,
    NonNegative,
    ProxAdamW,
    attach,
    compact,
    compact_like,
    param_groups,
    path,
    plan,
    report,
)

RULES = {torch.nn.Linear: L1(strength=0.01)}


@pytest.fixture(autouse=True)
def seeded(seed):
    """Seed PyTorch's generator."""
    torch.manual_seed(seed)


def network():
    return torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 1))


def descend(model, optimizer, n_steps):
    for _ in range(n_steps):
        optimizer.zero_grad()
        X = torch.randn(16, 8)
        (model(X) - X[:, :1]).pow(2).mean().backward()
        optimizer.step()


def saved(optimizer):
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def of_ours(optimizer):
    group = optimizer.param_groups[0]
    return {name: group[name] for name in ("freeze", "refit", "min_keep")}


# -- checkpoints -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ours", [False, True])
def test_a_checkpoint_of_a_dense_run_leaves_the_options_as_they_are(ours):
    model = network()
    dense = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    descend(model, dense, 3)
    state = saved(dense)
    if ours:
        # the groups of one penalty for all are those of AdamW
        optimizer = ProxAdamW(
            model.parameters(), penalty=L1(strength=0.01), freeze=4, refit=5, min_keep=2
        )
        optimizer.load_state_dict(state)
        assert of_ours(optimizer) == {"freeze": 4, "refit": 5, "min_keep": 2}
        return
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    proximal = attach(model, optimizer, RULES, freeze=1, refit=2)
    optimizer.load_state_dict(state)
    assert (proximal.state["n_steps"], proximal.state["freeze"]) == (0, 1)
    for n_steps, scale in ((1, 1.0), (2, 1.0), (3, 0.0)):
        descend(model, optimizer, 1)
        assert (proximal.state["n_steps"], proximal.scale) == (n_steps, scale)


def test_a_checkpoint_from_before_a_refit_was_asked_for():
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    attach(model, optimizer, RULES)
    descend(model, optimizer, 3)
    state = saved(optimizer)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    proximal = attach(model, optimizer, RULES, refit=5)
    with pytest.warns(UserWarning, match="other options: refit was None, here it is 5. What att"):
        optimizer.load_state_dict(state)
    assert (proximal.state["n_steps"], proximal.state["refit"]) == (3, 5)
    del state["param_groups"][0]["softreg_fast"]["given"]  # the format of older versions
    optimizer.load_state_dict(state)
    assert (proximal.state["n_steps"], proximal.state["refit"]) == (3, 5)


@pytest.mark.parametrize("ours", [False, True])
def test_what_freeze_and_thaw_did_comes_from_the_checkpoint(ours):
    def make():
        model = network()
        if ours:
            optimizer = ProxAdamW(param_groups(model, RULES), refit=100)
            return model, optimizer, optimizer
        optimizer = torch.optim.Adam(model.parameters())
        return model, optimizer, attach(model, optimizer, RULES, refit=100)

    model, optimizer, steps = make()
    descend(model, optimizer, 2)
    steps.thaw()
    state = saved(optimizer)
    _, again, its_steps = make()
    again.load_state_dict(state)
    assert (of_ours(again) if ours else its_steps.state)["refit"] is None


@pytest.mark.parametrize(
    ("options", "rules", "message"),
    [
        ({"start": 7}, RULES, "start was 0, here it is 7"),
        ({"target_sparsity": 0.5}, RULES, "target_sparsity was None, here it is 0.5"),
        ({"min_keep": 1}, RULES, "min_keep was 0, here it is 1"),
        ({"metric": "decoupled"}, RULES, "metric was 'adaptive', here it is 'decoupled'"),
        ({}, {torch.nn.Linear: L1(strength=0.5)}, r"0\.weight had .*strength=0\.01.*strength=0\.5"),
        ({}, {"0.weight": L1(strength=0.01)}, r"2\.weight had the penalty L1\(.*, here none"),
        ({}, {"*": GroupLasso(strength=0.01)}, r"0\.weight had the penalty L1.*here GroupLasso"),
    ],
)
@pytest.mark.parametrize("first", ["attach", "load"])
def test_a_checkpoint_of_another_run_warns(options, rules, message, first):
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    attach(model, optimizer, RULES)
    descend(model, optimizer, 2)
    state = saved(optimizer)
    optimizer = torch.optim.Adam(model.parameters())
    if first == "load":
        optimizer.load_state_dict(state)
        with pytest.warns(UserWarning, match=message):
            proximal = attach(model, optimizer, rules, **options)
    else:
        proximal = attach(model, optimizer, rules, **options)
        with pytest.warns(UserWarning, match=message):
            optimizer.load_state_dict(state)
    assert proximal.state["n_steps"] == 2
    optimizer.load_state_dict(saved(optimizer))  # its own checkpoint is accepted
    optimizer.load_state_dict({**optimizer.state_dict()})


def test_another_strength_for_our_optimizer_warns():
    model = network()
    optimizer = ProxAdamW(param_groups(model, RULES), refit=3)
    state = saved(optimizer)
    other = ProxAdamW(param_groups(model, {torch.nn.Linear: L1(strength=1.0)}), min_keep=2)
    with pytest.warns(UserWarning, match=r"min_keep was 0, here it is 2; penalty was 'L1\(stre"):
        other.load_state_dict(state)
    assert of_ours(other) == {"freeze": None, "refit": None, "min_keep": 2}


@pytest.mark.parametrize("dense", [False, True])
def test_a_checkpoint_of_another_model_is_refused(dense):
    wide = torch.nn.Sequential(torch.nn.Linear(8, 9), torch.nn.ReLU(), torch.nn.Linear(9, 1))
    theirs = torch.optim.Adam(wide.parameters(), lr=0.5)
    if not dense:
        attach(wide, theirs, RULES)
    descend(wide, theirs, 2)
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    attach(model, optimizer, RULES)
    with pytest.raises(ValueError, match=r"0\.weight has the shape \(9, 8\), in this model \(6"):
        optimizer.load_state_dict(saved(theirs))
    assert optimizer.param_groups[0]["lr"] == 0.1
    descend(model, optimizer, 1)


@pytest.mark.parametrize("shape", [(9, 8), (8, 6)])  # of these, one with as many weights
@pytest.mark.parametrize("first", ["ours", "load"])
def test_a_checkpoint_of_another_model_is_refused_wherever_it_is_read(shape, first):
    n_outputs, n_inputs = shape
    other, model = torch.nn.Linear(n_inputs, n_outputs), torch.nn.Linear(8, 6)
    if first == "ours":
        theirs = ProxAdamW(param_groups(other, RULES), lr=0.5)
        optimizer = ProxAdamW(param_groups(model, RULES))
    else:
        theirs = torch.optim.SGD(other.parameters(), lr=0.1)
        attach(other, theirs, RULES)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    other(torch.ones(2, n_inputs)).sum().backward()
    theirs.step()
    refused = partial(attach, model, optimizer, RULES)
    if first == "ours":
        refused = partial(optimizer.load_state_dict, saved(theirs))
    else:
        optimizer.load_state_dict(saved(theirs))
    with pytest.raises(ValueError, match=rf"weight has the shape \({n_outputs}, {n_inputs}\), in"):
        refused()
    if first == "ours":
        assert optimizer.param_groups[0]["lr"] == 1e-3


def test_other_groups_are_no_other_model():
    model = network()
    dense = torch.optim.AdamW(model.parameters())
    descend(model, dense, 1)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        ProxAdamW(param_groups(model, RULES)).load_state_dict(saved(dense))


def test_the_type_of_a_number_is_no_other_option():
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    attach(model, optimizer, {torch.nn.Linear: L1(strength=1)})
    for strength in (1.0, np.float64(1.0)):
        again = torch.optim.Adam(model.parameters())
        attach(model, again, {torch.nn.Linear: L1(strength=strength)})
        again.load_state_dict(saved(optimizer))  # without a warning
    again = torch.optim.Adam(model.parameters())
    attach(model, again, {torch.nn.Linear: L1(strength=1.5)})
    with pytest.warns(UserWarning, match=r"L1\(strength=1, .*here L1\(strength=1\.5,"):
        again.load_state_dict(saved(optimizer))


def test_several_groups_and_names_of_wrappers():
    model = network()

    def make(model):
        groups = [{"params": layer.parameters()} for layer in (model[2], model[0])]
        optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
        return optimizer, attach(torch.nn.DataParallel(model), optimizer, RULES, refit=9)

    optimizer, _ = make(model)
    descend(model, optimizer, 3)
    again, proximal = make(copy.deepcopy(model))
    again.load_state_dict(saved(optimizer))
    assert (proximal.state["n_steps"], proximal.state["refit"]) == (3, 9)
    optimizer = torch.optim.SGD(
        [{"params": layer.parameters()} for layer in (model[2], model[0])], lr=0.1
    )
    attach(model, optimizer, RULES, refit=9)  # no wrapper here
    optimizer.load_state_dict(saved(again))


# -- copies ----------------------------------------------------------------------------------------


def twice_by_deepcopy(*objects):
    return copy.deepcopy(objects)


def twice_by_pickle(*objects):
    return pickle.loads(pickle.dumps(objects))


@pytest.mark.parametrize("twice", [twice_by_deepcopy, twice_by_pickle])
@pytest.mark.parametrize("kind", ["sgd", "adam", "ours"])
def test_copies_of_an_optimizer_take_the_same_steps(twice, kind):
    model, rules = network(), {torch.nn.Linear: L1(strength=0.1)}
    if kind == "ours":
        optimizer = ProxAdamW(param_groups(model, rules), lr=1e-2, refit=30)
    else:
        make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[kind]
        optimizer = make(model.parameters(), lr=1e-2)
        attach(model, optimizer, rules, start=2, refit=30)
    descend(model, optimizer, 10)
    again, its_optimizer = twice(model, optimizer)
    assert its_optimizer.param_groups[0]["params"][0] is next(
        p for p in again.parameters() if p is its_optimizer.param_groups[0]["params"][0]
    )
    for each, by in ((model, optimizer), (again, its_optimizer)):
        torch.manual_seed(1)
        descend(each, by, 30)
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert (model[0].weight == 0).any()


def test_a_copy_of_the_optimizer_alone_acts_on_its_own_parameters():
    model = torch.nn.Linear(3, 2, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    proximal = attach(model, optimizer, {"weight": L1(strength=0.5)})
    before = model.weight.detach().clone()
    its_proximal, alone = copy.deepcopy((proximal, optimizer))
    (parameter,) = alone.param_groups[0]["params"]
    parameter.grad = torch.zeros(2, 3)
    alone.step()
    shrunk = torch.sign(before) * torch.clamp(before.abs() - 0.05, min=0)
    assert_allclose(parameter.detach(), shrunk, atol=1e-7)
    assert torch.equal(model.weight, before)
    assert its_proximal.optimizer is alone
    assert (its_proximal.state["n_steps"], proximal.state["n_steps"]) == (1, 0)
    its_proximal.remove()
    alone.step()
    assert_allclose(parameter.detach(), shrunk, atol=1e-7)
    copy.deepcopy(alone).step()


def test_copies_of_our_optimizer_after_a_cut():
    model = network()
    rules = {torch.nn.Linear: GroupLasso(strength=0.01, group_weights=None)}
    optimizer = ProxAdamW(param_groups(model, rules), lr=1e-2)
    descend(model, optimizer, 2)
    with torch.no_grad():
        model[2].weight[:, 3:] = 0.0
    compact(model, torch.zeros(2, 8), optimizer)
    assert model[0].weight.shape == (3, 8)
    again, its_optimizer = copy.deepcopy((model, optimizer))
    for each, by in ((model, optimizer), (again, its_optimizer)):
        torch.manual_seed(1)
        descend(each, by, 3)
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


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


# -- dead layers -----------------------------------------------------------------------------------


def made(kind, model, rules, **options):
    if kind == "ours":
        return ProxAdamW(param_groups(model, rules), lr=1e-2, **options)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    attach(model, optimizer, rules, **options)
    return optimizer


DEADLY = {"0.weight": L1(strength=9.0), "2.weight": L1(strength=1e-6)}


@pytest.mark.parametrize("kind", ["attach", "ours"])
def test_a_layer_that_dies_is_told_once(kind):
    model = network()
    optimizer = made(kind, model, DEADLY)
    with pytest.warns(UserWarning, match=r"0\.weight zero: L1 with strength 9\..*min_keep") as told:
        descend(model, optimizer, 200)
    assert len(told) == 1
    assert report(model).dead == ["0"]
    assert "All zero, so that nothing passes: 0" in str(report(model))
    assert report(network()).dead == []
    assert "All zero" not in str(report(network()))


@pytest.mark.parametrize("kind", ["attach", "ours"])
def test_layers_that_are_zero_on_purpose(kind):
    model = network()
    descend(model, made(kind, model, DEADLY, min_keep=1), 100)
    model = network()
    optimizer = made(kind, model, RULES, freeze=0)
    with torch.no_grad():
        model[0].weight.zero_()
    descend(model, optimizer, 100)
    model = torch.nn.Linear(8, 1)
    torch.nn.init.zeros_(model.weight)  # it was zero before
    descend(model, made(kind, model, {"weight": L1(strength=99.0)}), 100)


@pytest.mark.parametrize("kind", ["attach", "ours", "ours without names"])
def test_a_bias_of_zeros_is_no_death(kind):
    model = network()
    if kind == "ours without names":
        deadly = [{"params": [model[0].bias], "penalty": L1(strength=9.0)}]
        optimizer = ProxAdamW([*deadly, {"params": model[2].parameters()}], lr=1e-2)
    else:
        optimizer = made(kind, model, {"0.bias": L1(strength=9.0)})
    descend(model, optimizer, 100)
    assert not model[0].bias.any()


@pytest.mark.parametrize("twice", [twice_by_deepcopy, twice_by_pickle])
@pytest.mark.parametrize("kind", ["attach", "ours"])
def test_copies_tell_of_deaths_too(kind, twice):
    model = network()
    optimizer = made(kind, model, {"0.weight": L1(strength=1e-9)})
    descend(model, optimizer, 40)
    model, optimizer = twice(model, optimizer)
    descend(model, optimizer, 5)
    optimizer.param_groups[0]["lr"] = 0.0
    torch.nn.init.zeros_(model[0].weight)
    with pytest.warns(UserWarning, match=r"0\.weight zero"):
        descend(model, optimizer, 5)


def test_a_layer_that_dies_again_is_not_told_again():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    attach(model, optimizer, DEADLY)
    with pytest.warns(UserWarning, match=r"0\.weight zero"):
        descend(model, optimizer, 50)
    for lr in (1e-9, 0.05):
        optimizer.param_groups[0]["lr"] = lr
        torch.nn.init.normal_(model[0].weight)
        descend(model, optimizer, 50)
    assert not model[0].weight.any()


def test_paths_end_in_death():
    def train(model, strength):
        descend(model, made("attach", model, {torch.nn.Linear: L1(strength=strength)}), 100)
        descend(model, made("ours", model, {torch.nn.Linear: L1(strength=strength)}), 100)

    found = path(train, network(), [1e-3, 9.0])
    assert found.nonzeros[1] < 8


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
