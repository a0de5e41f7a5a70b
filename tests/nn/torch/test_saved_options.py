"""Checkpoints and copies of optimisers with penalties."""

import copy
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from checkpointed import RULES, descend, network, of_ours, saved, twice_by_deepcopy, twice_by_pickle  # noqa: E402
from numpy.testing import assert_allclose  # noqa: E402

from softreg_fast.nn import (  # noqa: E402
    L1,
    GroupLasso,
    ProxAdamW,
    attach,
    compact,
    param_groups,
)

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
