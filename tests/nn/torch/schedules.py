"""Optimisers with frozen supports, and a least-squares problem."""

import pytest

torch = pytest.importorskip("torch")


from softreg_fast.nn import (  # noqa: E402
    L1,
    MCP,
    SCAD,
    ElasticNet,
    GroupLasso,
    LHalf,
    NonNegative,
    ProxAdamW,
    SparseGroupLasso,
    attach,
    param_groups,
)

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-2),
    "fused": lambda p: torch.optim.Adam(p, lr=1e-2, fused=True),
    "foreach": lambda p: torch.optim.Adam(p, lr=1e-2, foreach=True),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=1e-2, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.0),
    "nadam": lambda p: torch.optim.NAdam(p, lr=1e-2),
}


OURS = {"ours": {}, "ours, amsgrad": {"amsgrad": True}}


PENALTIES = {
    "l1": L1(strength=0.05),
    "elastic net": ElasticNet(strength=0.05),
    "positive": L1(strength=0.02, positive=True),
    "signs alone": NonNegative(),
    "mcp": MCP(strength=0.05),
    "scad": SCAD(strength=0.05),
    "l_half": LHalf(strength=0.02),
    "groups": GroupLasso(strength=0.03, groups=1),
    "sparse groups": SparseGroupLasso(strength=0.05, groups=1),
}


def with_steps(name, model, rules, **schedule):
    """Return the named optimiser and the object with its freeze and refit methods."""
    if name in OURS:
        optimizer = ProxAdamW(param_groups(model, rules), lr=1e-2, **OURS[name], **schedule)
        return optimizer, optimizer
    optimizer = OPTIMIZERS[name](model.parameters())
    return optimizer, attach(model, optimizer, rules, **schedule)


def least_squares(rng):
    X = rng.standard_normal((60, 8))
    y = X[:, :3] @ [1.0, -0.7, 0.4] + 0.1 * rng.standard_normal(60)
    return X, y


def descend(model, optimizer, X, y, n_steps, decay=1.0):
    A, b = torch.tensor(X), torch.tensor(y)[:, None]
    for _ in range(n_steps):
        optimizer.zero_grad()
        (0.5 * ((model(A) - b) ** 2).mean()).backward()
        optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] *= decay
