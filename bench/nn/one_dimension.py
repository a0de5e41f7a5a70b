"""A check of sparse training in one dimension, where the minimiser is known."""

import torch

from softreg_fast.nn import L1, attach


def one_dimension(noise):
    """Return mean x for 1/2 (x - 1)^2 + 0.3 |x| under Adam with noisy gradients; minimiser: 0.7.

    A thousand copies start at 0. Long steps bring them close, short ones leave little bias.
    """
    torch.manual_seed(0)
    model = torch.nn.Linear(1000, 1, bias=False).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    attach(model, optimizer, {"weight": L1(strength=0.3)})
    x = model.weight
    total = torch.zeros(())
    with torch.no_grad():
        x.zero_()
        for k in range(12_000):
            optimizer.param_groups[0]["lr"] = 1e-2 if k < 6_000 else 1e-3
            x.grad = x - 1.0 + noise * torch.randn_like(x)
            optimizer.step()
            total += x.mean() * (k >= 9_000)
    return float(total) / 3_000
