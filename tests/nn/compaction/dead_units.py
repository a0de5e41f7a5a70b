"""Networks with units that are dead, of every kind that is cut."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

DTYPES = {torch.float64: 1e-12, torch.float32: 1e-5}


class Residual(nn.Module):
    """Sum of two branches, one of them with a skip connection."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 12)
        self.inner = nn.Linear(12, 9)
        self.outer = nn.Linear(9, 12)
        self.last = nn.Linear(12, 3)

    def forward(self, x):
        h = torch.relu(self.first(x))
        h = h + self.outer(F.gelu(self.inner(h)))
        return self.last(h)


class ResidualConv(nn.Module):
    """A residual network of images, with a bottleneck and global pooling."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.reduce = nn.Conv2d(8, 5, 1)
        self.depthwise = nn.Conv2d(5, 5, 3, padding=1, groups=5)
        self.expand = nn.Conv2d(5, 8, 1)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        h = F.relu(self.norm(self.stem(x)), inplace=True)
        h = h + self.expand(F.relu(self.depthwise(self.reduce(h).relu())))
        return self.head(F.adaptive_avg_pool2d(h, 1).flatten(1))


class Joined(nn.Module):
    """Concatenation of two branches of different width, and a gate."""

    def __init__(self):
        super().__init__()
        self.left = nn.Linear(6, 7)
        self.right = nn.Linear(6, 5)
        self.gate = nn.Linear(6, 12)
        self.last = nn.Linear(12, 3)

    def forward(self, x):
        h = torch.cat([self.left(x).tanh(), F.silu(self.right(x))], dim=1)
        return self.last(h * torch.sigmoid(self.gate(x)))


class Excited(nn.Module):
    """Squeeze and excitation: channels times the output of a small network on their means."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 6, 3)
        self.down = nn.Linear(6, 4)
        self.up = nn.Linear(4, 6)
        self.scale = nn.Parameter(torch.randn(1, 6, 1, 1))
        self.last = nn.Conv2d(6, 3, 1)

    def forward(self, x):
        h = torch.relu(self.conv(x))
        s = torch.sigmoid(self.up(torch.relu(self.down(h.mean((2, 3))))))
        h = h * s.view(x.size(0), -1, 1, 1) * self.scale
        return self.last(h).amax((2, 3))


class Words(nn.Module):
    """Embedded words through a recurrent layer, its last output or state through a linear one."""

    def __init__(self, cell, consumer, **options):
        super().__init__()
        self.embedding = nn.Embedding(11, 7)
        self.cell = cell(7, 6, **options)
        self.consumer = consumer
        width = 6 * (2 if options.get("bidirectional") else 1)
        self.last = nn.Linear(width, 3)

    def forward(self, words):
        output, state = self.cell(self.embedding(words))
        hidden = state[0] if isinstance(self.cell, nn.LSTM) else state
        if self.consumer == "output":
            found = output[:, -1] if self.cell.batch_first else output[-1]
        elif self.consumer == "mean":
            found = output.mean(1 if self.cell.batch_first else 0)
        elif self.consumer == "max":
            found = output.max(1 if self.cell.batch_first else 0)[0]
        elif self.cell.bidirectional:
            found = torch.cat([hidden[-2], hidden[-1]], dim=-1)
        else:
            found = hidden[-1]
        return self.last(found)


class Lengths(nn.Module):
    """The output at the end of each sequence, whose length is given."""

    def __init__(self):
        super().__init__()
        self.cell = nn.LSTM(4, 6, batch_first=True)
        self.last = nn.Linear(6, 3)

    def forward(self, x, lengths, scale=None):
        output, _ = self.cell(x)
        rows = torch.arange(x.shape[0])
        found = self.last(output[rows, lengths - 1])
        return found if scale is None else found * scale


class Series(nn.Module):
    """A convolution over time, a recurrent layer on it, twice the same linear layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(3, 8, 3, padding=1)
        self.cell = nn.GRU(8, 6, batch_first=True)
        self.twice = nn.Linear(6, 6)
        self.last = nn.Linear(6, 2)

    def forward(self, x):
        h = self.cell(F.leaky_relu(self.conv(x)).transpose(1, 2))[0]
        h = torch.relu(self.twice(torch.relu(self.twice(h))))
        return self.last(h).mean(dim=1)


class Tied(nn.Module):
    """A decoder that shares the weights of the embedding."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 6)
        self.inner = nn.Linear(6, 6)
        self.decoder = nn.Linear(6, 9)
        self.decoder.weight = self.embedding.weight

    def forward(self, words):
        return self.decoder(torch.relu(self.inner(self.embedding(words))))


def dense(activation=nn.ReLU, width=10):
    return nn.Sequential(
        nn.Linear(5, width), activation(), nn.Dropout(0.5), nn.Linear(width, 8), nn.ReLU(),
        nn.Linear(8, 3),
    )  # fmt: skip


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(32, 10), nn.BatchNorm1d(10), nn.PReLU(10), nn.Linear(10, 4),
    )  # fmt: skip


def grouped():
    return nn.Sequential(
        nn.Conv1d(2, 8, 1), nn.ReLU(), nn.Conv1d(8, 12, 3, groups=4), nn.ReLU(),
        nn.Conv1d(12, 4, 1), nn.Flatten(), nn.Linear(4 * 6, 2),
    )  # fmt: skip


def rows(n):
    return lambda: torch.randn(4, n)


def words(first=2):
    return lambda: torch.randint(0, 9, (first, 5))


NETWORKS = {
    "dense": (dense, rows(5)),
    "sigmoid": (lambda: dense(nn.Sigmoid), rows(5)),
    "softplus": (lambda: dense(nn.Softplus), rows(5)),
    "lenet": (lenet, lambda: torch.randn(3, 1, 10, 10)),
    "grouped": (grouped, lambda: torch.randn(3, 2, 8)),
    "residual": (Residual, rows(6)),
    "residual conv": (ResidualConv, lambda: torch.randn(2, 2, 6, 6)),
    "joined": (Joined, rows(6)),
    "excited": (Excited, lambda: torch.randn(3, 2, 5, 5)),
    "series": (Series, lambda: torch.randn(2, 3, 7)),
    "tied": (Tied, words()),
    "lengths": (Lengths, lambda: (torch.randn(3, 5, 4), torch.tensor([5, 2, 3]))),
}
for cell in (nn.RNN, nn.LSTM, nn.GRU):
    for consumer in ("output", "state", "mean", "max"):
        for options in (
            {},
            {"batch_first": True, "bidirectional": True},
            {"num_layers": 2, "batch_first": True},
            {"num_layers": 2, "bidirectional": True, "bias": False},
        ):
            NETWORKS[f"{cell.__name__} {consumer} {' '.join(options)}"] = (
                lambda c=cell, r=consumer, o=options: Words(c, r, **o),
                words(),
            )


def gates(module):
    return {nn.LSTM: 4, nn.GRU: 3}.get(type(module), 1)


def some(n, part):
    return torch.rand(n) < part


@torch.no_grad()
def zero_some(model, part=0.3):
    """Set random rows with their biases, columns, and single weights of all layers to zero."""
    for module in model.modules():
        own = dict(module.named_parameters(recurse=False))
        if isinstance(module, nn.RNNBase):
            n = module.hidden_size
            for suffix in sorted({name.split("_", 2)[2] for name in own}):
                # the candidate's rows (an LSTM's and a GRU's third block), or what reads them
                dead = some(n, part)
                for name, p in own.items():
                    if name.endswith(suffix) and name.split("_", 2)[2] == suffix:
                        block = p.view(gates(module), n, -1)[2 if gates(module) > 1 else 0]
                        block[dead] = 0.0
                own[f"weight_hh_{suffix}"][:, some(n, part)] = 0.0
                own[f"weight_ih_{suffix}"][:, some(own[f"weight_ih_{suffix}"].shape[1], part)] = 0.0
        elif isinstance(module, nn.Embedding):
            module.weight[:, some(module.embedding_dim, part)] = 0.0
        elif isinstance(module, nn.modules.batchnorm._NormBase):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
            module.weight.uniform_(-1.0, 2.0)
            module.bias.normal_()
            module.weight[some(len(module.weight), 0.2)] = 0.0
            module.bias[some(len(module.weight), 0.5)] = 0.0
        elif "weight" in own and own["weight"].dim() > 1:
            dead = some(len(module.weight), part)
            module.weight[dead] = 0.0
            if module.bias is not None:
                module.bias[dead & some(len(dead), 0.7)] = 0.0
            module.weight[:, some(module.weight.shape[1], part)] = 0.0
            module.weight[torch.rand_like(module.weight) < 0.2] = 0.0


def as_tuple(x):
    return x if isinstance(x, tuple) else (x,)


def cast(x, dtype):
    return tuple(t.to(dtype) if t.is_floating_point() else t for t in as_tuple(x))


def distance(a, b):
    a, b = a.detach(), b.detach()
    scale = float(b.abs().max())
    return float((a - b).abs().max()) / (scale if scale > 0.0 else 1.0)


def sizes(model, *names):
    return [getattr(model.get_submodule(name), key) for name, key in names]


def step(model, optimizer, data):
    x, y = data
    optimizer.zero_grad()
    loss = ((model(*x) - y) ** 2).mean()
    loss.backward()
    optimizer.step()
    return loss


def dead_pair(middle, width=8):
    model = nn.Sequential(nn.Linear(3, width), middle, nn.Linear(width, width), nn.ReLU(),
                          nn.Linear(width, 2))  # fmt: skip
    with torch.no_grad():
        model[0].weight[3] = 0.0
        model[0].bias[3] = 0.0
        model[2].weight[:, 5] = 0.0
        model[4].weight[:, 1] = 0.0
    return model
