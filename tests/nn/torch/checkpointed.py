"""A small network, its training, and checkpoints of its optimiser."""

import copy
import io
import pickle

import pytest

torch = pytest.importorskip("torch")


from softreg_fast.nn import (  # noqa: E402
    L1,
    ProxAdamW,
    attach,
    param_groups,
)

RULES = {torch.nn.Linear: L1(strength=0.01)}


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


def twice_by_deepcopy(*objects):
    return copy.deepcopy(objects)


def twice_by_pickle(*objects):
    return pickle.loads(pickle.dumps(objects))


def made(kind, model, rules, **options):
    if kind == "ours":
        return ProxAdamW(param_groups(model, rules), lr=1e-2, **options)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    attach(model, optimizer, rules, **options)
    return optimizer
