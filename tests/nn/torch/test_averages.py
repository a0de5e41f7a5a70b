"""Averages of weights keep the zeros of the trained ones."""

import pytest

torch = pytest.importorskip("torch")

from schedules import with_steps  # noqa: E402
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn  # noqa: E402

from softreg_fast.nn import (  # noqa: E402
    L1,
    copy_zeros,
)

# -- averages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["swa", "ema"])
def test_averages_keep_the_zeros_of_the_trained_weights(kind):
    model = torch.nn.Sequential(
        torch.nn.Linear(10, 12), torch.nn.BatchNorm1d(12), torch.nn.ReLU(), torch.nn.Linear(12, 1)
    )
    average = get_ema_multi_avg_fn(0.99) if kind == "ema" else None
    averaged = AveragedModel(model, multi_avg_fn=average)
    optimizer, _ = with_steps("adam", model, {torch.nn.Linear: L1(strength=0.02)})
    for _ in range(150):
        optimizer.zero_grad()
        X = torch.randn(32, 10)
        (model(X) - X[:, :1]).pow(2).mean().backward()
        optimizer.step()
        averaged.update_parameters(model)
    zero = model[0].weight == 0
    assert zero.any()
    own, its = model[0].weight.detach(), averaged.module[0].weight.detach()
    assert (its[zero] != 0).any()  # this is what averages do
    before = its.clone()
    pairs = zip(model.parameters(), averaged.module.parameters(), strict=True)
    n_changed = sum(int(((p == 0) & (q != 0)).sum()) for p, q in pairs)
    assert copy_zeros(model, averaged) == n_changed > 0
    assert (averaged.module[0].weight[zero] == 0).all()
    assert torch.equal(averaged.module[0].weight[~zero], before[~zero])
    assert not torch.equal(its[~zero], own[~zero])
    update_bn([torch.randn(32, 10)], averaged)
    assert copy_zeros(model, averaged) == 0
    assert copy_zeros(model, averaged.module) == 0


def test_averages_of_something_else():
    with pytest.raises(ValueError, match="different parameters, such as bias"):
        copy_zeros(torch.nn.Linear(3, 2), AveragedModel(torch.nn.Linear(3, 1)))
