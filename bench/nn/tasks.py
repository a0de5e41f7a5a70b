"""Training tasks and recipes: a net, a data set, a number of epochs, dense or sparse."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise

import torch
from torch import nn

from bench.nn.data import load
from softreg_fast.nn import L1, MCP, SCAD, ElasticNet, LHalf, SparseGroupLasso


@dataclass(frozen=True)
class Task:
    """A task, with equal epochs, batches and first learning rate for dense and sparse nets."""

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


@dataclass(frozen=True)
class Recipe:
    """Training recipe of a net; without a strength the net is dense.

    The learning rate falls linearly to 0 over the last `decay` of the steps. With a penalty this
    fall ends before the last `freeze` of the steps, which are a refit: zeros stay zero, and the
    rest is trained without penalty, with a rate that falls once more. `momentum` is Adam's first
    beta. The proximal steps begin after `start` of all steps and ramp up over `ramp`. With `keep`,
    the strength is the initial one and is adapted until that fraction of the weights is left. With
    `teachers`, the net also learns from the mean scores of that number of dense nets.
    """

    penalty: str = "none"
    strength: float = 0.0
    shape: float = 0.0
    weight_decay: float = 0.0
    start: float = 0.05
    ramp: float = 0.3
    freeze: float = 0.3
    decay: float = 0.5
    momentum: float = 0.9
    keep: float = 0.0
    teachers: int = 0

    @property
    def label(self):
        """File name."""
        plain = asdict(Recipe())
        given = {key: value for key, value in asdict(self).items() if value != plain[key]}
        return "_".join(f"{key}={value}" for key, value in given.items()) or "dense"

    @classmethod
    def of(cls, fields):
        """Return the Recipe of fields such as ["strength=0.001", ...]."""
        pairs = (field.split("=") for field in fields)
        return cls(**{key: type(getattr(cls, key))(text) for key, text in pairs})

    def rules(self):
        """Return the rules for `attach`: all weights with two axes or more, no biases."""
        if not self.strength:
            return {}
        return {"*": PENALTIES[self.penalty](self.strength, self.shape)}


PENALTIES = {
    "l1": lambda strength, _: L1(strength=strength),
    "elastic_net": lambda strength, l1_ratio: ElasticNet(strength=strength, l1_ratio=l1_ratio),
    "mcp": lambda strength, gamma: MCP(strength=strength, gamma=gamma),
    "scad": lambda strength, a: SCAD(strength=strength, a=a),
    "l_half": lambda strength, _: LHalf(strength=strength),
    "sparse_group": lambda strength, l1_ratio: SparseGroupLasso(
        strength=strength, l1_ratio=l1_ratio, groups=1
    ),
}


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


TASKS = {
    task.name: task
    for task in (
        Task("digits", "digits", digits, 120, 32, teacher_decay=1.0, is_mlp=True),
        Task("LeNet-300-100", "mnist", lenet300, 80, 64, teacher_decay=0.5, is_mlp=True),
        Task("LeNet-5", "mnist", lenet5, 30, 64, teacher_decay=1.0),
        Task("LSTM", "words", language, 24, 64, 8e-3, teacher_decay=0.1),
        Task("GRU", "vowels", speaker, 120, 32, 3e-3),
    )
}


def weights_of(model):
    """Return the tensors whose zeros are counted: all with two axes or more."""
    return [p for p in model.parameters() if p.ndim > 1]


def count_of(model):
    """Return the numbers of nonzero weights and of all weights."""
    weights = weights_of(model)
    return sum(int(torch.count_nonzero(w)) for w in weights), sum(w.numel() for w in weights)
