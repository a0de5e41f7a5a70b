"""Penalties, optimisers and a small training."""

import pytest

torch = pytest.importorskip("torch")


from softreg_fast.nn import (  # noqa: E402
    L1,
    MCP,
    SCAD,
    ElasticNet,
    GroupLasso,
    LHalf,
    SparseGroupLasso,
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
