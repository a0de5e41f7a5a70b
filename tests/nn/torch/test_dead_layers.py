"""Warnings of layers that have become all zero."""

import pytest

torch = pytest.importorskip("torch")

from checkpointed import RULES, descend, made, network, twice_by_deepcopy, twice_by_pickle  # noqa: E402

from softreg_fast.nn import (  # noqa: E402
    L1,
    ProxAdamW,
    attach,
    path,
    report,
)

# -- dead layers -----------------------------------------------------------------------------------


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
