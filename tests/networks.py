"""Networks with every kind of layer and some zero weights. Needs PyTorch."""

import torch
from torch import nn


def prune(model, share=0.7):
    """Set random weights and some whole rows to zero."""
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.mul_(torch.rand_like(p) > share)
                p[torch.rand(len(p)) < 0.2] = 0.0
    return model


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.second = nn.Conv2d(6, 6, 3, padding=1, groups=2)
        self.down = nn.Conv2d(6, 7, 3, stride=2)
        self.out = nn.Linear(7, 4)

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x)))
        x = torch.relu(x + self.second(x))
        x = nn.functional.adaptive_avg_pool2d(self.down(x), 1)
        return nn.functional.log_softmax(self.out(x.view(x.size(0), -1)), dim=1)


class Language(nn.Module):
    def __init__(self, kind=nn.LSTM, layers=1, states=False):
        super().__init__()
        self.table = nn.Embedding(30, 6, padding_idx=0)
        self.cell = kind(6, 9, num_layers=layers, batch_first=True)
        self.out = nn.Linear(9, 5)
        self.states, self.pair = states, kind is nn.LSTM

    def forward(self, ids):
        y, state = self.cell(self.table(ids))
        if self.states:
            h = state[0] if self.pair else state
            return self.out(h[-1])
        return self.out(y[:, -1])


class EveryStep(nn.Module):
    """Linear layer at every position, permuted, summed with another branch."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 6), nn.Linear(4, 6)

    def forward(self, x):
        return (self.a(x) + torch.tanh(self.b(x))).permute(0, 2, 1).flatten(1)


def norm(features):
    """Return a BatchNorm with non-trivial running statistics."""
    made = nn.BatchNorm1d(features)
    made.running_mean.uniform_(-1.0, 1.0)
    made.running_var.uniform_(0.5, 2.0)
    nn.init.uniform_(made.weight, 0.5, 2.0)
    nn.init.uniform_(made.bias)
    return made


MODELS = {
    "mlp": (
        lambda: nn.Sequential(
            nn.Linear(37, 21), nn.ReLU(), nn.Dropout(), nn.Linear(21, 9), nn.Tanh(), nn.Linear(9, 3)
        ),
        (37,),
    ),
    "norms": (
        lambda: nn.Sequential(norm(7), nn.Linear(7, 5), norm(5), nn.SiLU(), nn.Linear(5, 2)),
        (7,),
    ),
    "lenet": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 6, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 9, 5),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(9 * 4 * 4, 10),
            nn.Softmax(dim=1),
        ),
        (1, 28, 28),
    ),
    "strides": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 5, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(5, 5, (3, 2), dilation=(2, 1), groups=5),
            nn.LeakyReLU(0.1),
            nn.MaxPool2d(3, stride=1, padding=1),
            nn.AvgPool2d(2, padding=1, count_include_pad=False),
        ),
        (2, 17, 14),
    ),
    "series": (
        lambda: nn.Sequential(
            nn.Conv1d(3, 8, 5, stride=2, padding=2),
            nn.BatchNorm1d(8),
            nn.ELU(),
            nn.AvgPool1d(2),
            nn.Conv1d(8, 4, 3),
            nn.Sigmoid(),
            nn.MaxPool1d(2),
            nn.Flatten(),
            nn.Linear(4 * 6, 2),
        ),
        (3, 60),
    ),
    "residual": (Residual, (3, 9, 8)),
    "steps": (EveryStep, (5, 4)),
    "nothing": (nn.Identity, (6,)),
    "single": (lambda: nn.Linear(3, 1), (3,)),
    "clip": (lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU6(), nn.Hardtanh()), (4,)),
}


def made_of(name, dtype):
    make, shape = MODELS[name]
    model = prune(make().to(dtype))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-1.0, 1.0)
            module.running_var.uniform_(0.5, 2.0)
    return model, shape
