"""Nets to be trained: a net, a data set, and a number of epochs."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from bench.families.net_data import load


@dataclass(frozen=True)
class Training:
    """A net, its data, and the epochs, batches and first learning rate of all its trainings."""

    name: str
    data: str
    net: Callable[[], nn.Module]
    epochs: int
    batch: int
    lr: float = 1e-3
    teacher_decay: float = 0.0  # weight decay of dense teachers
    is_mlp: bool = False

    @property
    def label(self):
        """Folder name."""
        return f"{self.name}, {self.epochs} epochs, batch {self.batch}, lr {self.lr:g}"

    def load(self, seed):
        """Return the data, split by a seed."""
        return load(self.data, seed)


def mlp(*sizes):
    """Return linear layers with relu between them."""
    layers = [nn.Linear(*pair) for pair in pairwise(sizes)]
    between = [layer for linear in layers[:-1] for layer in (linear, nn.ReLU())]
    return nn.Sequential(*between, layers[-1])


def digits():
    """Return a net from 8 x 8 pixels to digits."""
    return mlp(64, 256, 128, 10)


def lenet300():
    """Return LeNet-300-100: two hidden layers (LeCun 1998)."""
    return mlp(784, 300, 100, 10)


def lenet5():
    """Return LeNet-5 (LeCun 1998), two convolutions and two linear layers, as in pruning papers."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(800, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
    )


class Recurrent(nn.Module):
    """An LSTM or a GRU, and a linear layer on its last state."""

    def __init__(self, first, cell, n_classes):
        super().__init__()
        self.first = first
        self.cell = cell
        self.last = nn.Linear(cell.hidden_size, n_classes)

    def forward(self, x):
        out, _ = self.cell(self.first(x))
        return self.last(out[:, -1])


def language():
    """Return a net from letters to languages."""
    embedding = nn.Embedding(61, 32, padding_idx=0)
    return Recurrent(embedding, nn.LSTM(32, 128, batch_first=True), 10)


def speaker():
    """Return a net from coefficients to speakers."""
    return Recurrent(nn.Identity(), nn.GRU(12, 64, batch_first=True), 9)


TRAININGS = {
    training.name: training
    for training in (
        Training("digits", "digits", digits, 120, 32, teacher_decay=1.0, is_mlp=True),
        Training("LeNet-300-100", "mnist", lenet300, 80, 64, teacher_decay=0.5, is_mlp=True),
        Training("LeNet-5", "mnist", lenet5, 30, 64, teacher_decay=1.0),
        Training("LSTM", "words", language, 24, 64, 8e-3, teacher_decay=0.1),
        Training("GRU", "vowels", speaker, 120, 32, 3e-3),
    )
}
