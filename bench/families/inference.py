"""Networks whose inference is timed: dense, compacted, and with zeros for a plan."""

import torch
from torch import nn

from bench.families.nets import mlp


def lenet5(first=20, second=50, hidden=500):
    """Return LeNet-5 for images of 28 x 28."""
    return nn.Sequential(
        nn.Conv2d(1, first, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * second, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 10),
    )


class Language(nn.Module):
    """An embedding of letters, an LSTM, and a linear layer on its last state."""

    def __init__(self, width=64, units=256):
        super().__init__()
        self.table = nn.Embedding(60, width)
        self.cell = nn.LSTM(width, units, batch_first=True)
        self.out = nn.Linear(units, 20)

    def forward(self, ids):
        return self.out(self.cell(self.table(ids))[0][:, -1])


def with_zeros(model, share, seed=0):
    """Return the model with a random `share` of each weight matrix kept, the rest zero."""
    chosen = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.mul_(torch.rand(p.shape, generator=chosen) < share)
    return model


def digits(n):
    """Return images with a fifth of the pixels nonzero, as in MNIST."""
    x = torch.rand(n, 784)
    return x * (x > 0.8)


def cases():
    """Return tuples (name, dense network, compacted network or None, network to plan, samples)."""
    dense = mlp(784, 300, 100, 10)
    yield "784-300-100-10, 3 % left", dense, None, with_zeros(mlp(784, 300, 100, 10), 0.03), digits
    small = mlp(784, 60, 40, 10)
    yield "784-60-40-10, all left", dense, small, small, digits
    sparse = with_zeros(mlp(784, 60, 40, 10), 0.15)
    yield "784-60-40-10, 15 % left", dense, sparse, sparse, digits
    images = lambda n: digits(n).reshape(n, 1, 28, 28)  # noqa: E731
    small = with_zeros(lenet5(6, 16, 80), 0.2)
    yield "LeNet-5 6-16-80, 20 % left", lenet5(), small, small, images
    letters = lambda n: torch.randint(0, 60, (n, 12))  # noqa: E731
    small = with_zeros(Language(24, 64), 0.3)
    yield "LSTM 24-64, 30 % left", Language(), small, small, letters
