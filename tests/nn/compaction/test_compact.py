"""Cutting units out of networks changes neither their output nor their further training."""

import copy
import doctest
import importlib
import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.nn.utils import prune  # noqa: E402

from softreg_fast.nn import (  # noqa: E402
    L1,
    GroupLasso,
    ProxAdamW,
    SparseGroupLasso,
    attach,
    compact,
    compact_like,
    param_groups,
)
from softreg_fast.nn.compaction.surgery import Surgery  # noqa: E402
from softreg_fast.nn.compaction.units import Sink  # noqa: E402

DTYPES = {torch.float64: 1e-12, torch.float32: 1e-5}


@pytest.fixture(autouse=True)
def seeded(seed, request):
    """Seed PyTorch's generator for each test, and use one thread, as in small trainings."""
    torch.manual_seed(seed + sum(request.node.name.encode()))
    torch.set_num_threads(1)


UNDO = Surgery.undo


@pytest.fixture(autouse=True)
def never_put_back(monkeypatch):
    """Fail if `compact` has to restore the network: that is a fallback for unforeseen cases."""

    def undo(self):
        raise AssertionError("the outputs of the cut network differ")

    monkeypatch.setattr(Surgery, "undo", undo)


# -- networks --------------------------------------------------------------------------------------


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


# -- the function stays --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_stay(name, dtype):
    make, inputs = NETWORKS[name]
    n_cut = 0
    for _ in range(4):
        model = make().to(dtype)
        zero_some(model)
        model.eval()
        x, other = cast(inputs(), dtype), cast(inputs(), dtype)
        before = model(*x).detach(), model(*other).detach()
        report = compact(model, x)
        assert "" not in report.left, report
        for data, wanted in zip((x, other), before, strict=True):
            assert distance(model(*data), wanted) < DTYPES[dtype]
        n_cut += report.n_before - report.n_after
        assert report.n_after == sum(p.numel() for p in model.parameters())
    assert n_cut > 0


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_stay_in_training_too(name):
    make, inputs = NETWORKS[name]
    for _ in range(4):
        model = make().double()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0  # it would draw other random numbers
        zero_some(model)
        x, other = cast(inputs(), torch.float64), cast(inputs(), torch.float64)
        twin = copy.deepcopy(model)
        assert "" not in compact(model, x).left
        assert all(module.training for module in model.modules())
        for data in (x, other):
            assert distance(model(*data), twin(*data)) < 1e-12
        model.eval(), twin.eval()
        for data in (x, other):
            assert distance(model(*data), twin(*data)) < 1e-12


@pytest.mark.parametrize("name", set(NETWORKS) - {"grouped"})  # a single group is no group
def test_nothing_is_left_to_cut(name):
    # a second call cuts nothing, nor does the first one without zeros
    make, inputs = NETWORKS[name]
    model = make().eval()
    assert not compact(model, inputs()).layers
    zero_some(model)
    x = inputs()
    compact(model, x)
    report = compact(model, x)
    assert not report.layers
    assert report.n_before == report.n_after


# -- what is cut -----------------------------------------------------------------------------------


def sizes(model, *names):
    return [getattr(model.get_submodule(name), key) for name, key in names]


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.ELU])
@torch.no_grad()
def test_nothing_in_or_nothing_out(activation):
    model = dense(activation)
    model[0].weight[[1, 4]] = 0.0
    model[0].bias[1] = 0.0
    model[3].weight[:, [4, 7]] = 0.0
    model[5].weight[:, 2] = 0.0
    model.eval()
    report = compact(model, torch.randn(2, 5))
    assert sizes(model, ("0", "out_features"), ("3", "in_features")) == [7, 7]
    assert sizes(model, ("3", "out_features"), ("5", "in_features")) == [7, 7]
    assert [(r.name, r.before["out_features"], r.after["out_features"]) for r in report.layers] == [
        ("0", 10, 7),
        ("3", 8, 7),
        ("5", 3, 3),
    ]
    assert report.plan["kept"]["0.weight"] == [[0, 2, 3, 5, 6, 8, 9], None]
    assert report.plan["kept"]["3.weight"] == [[0, 1, 3, 4, 5, 6, 7], [0, 2, 3, 5, 6, 8, 9]]
    assert not report.left


@torch.no_grad()
def test_what_only_dead_units_read_is_dead():
    # from the outputs backwards; a unit read only by itself is not needed
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2))
    model[4].weight[:, 2:] = 0.0
    model[2].weight[:2, 3:] = 0.0
    compact(model, torch.zeros(1, 3))
    assert sizes(model, ("0", "out_features"), ("2", "out_features")) == [3, 2]
    model = Words(nn.RNN, "state")
    model.last.weight[:, 3:] = 0.0
    model.cell.weight_hh_l0[:3, 3:] = 0.0
    compact(model, torch.zeros(2, 2, dtype=torch.int64))
    assert sizes(model, ("cell", "hidden_size"), ("last", "in_features")) == [3, 3]


@pytest.mark.parametrize("cell", [nn.RNN, nn.LSTM, nn.GRU])
@torch.no_grad()
def test_the_candidate_alone_kills_a_recurrent_unit(cell):
    # units 0, 1, 2 read only each other: a cycle that stays at zero; 3 reads 4, which is live
    model = Words(cell, "output").double()
    n = model.cell.hidden_size
    first = 2 * n if cell is not nn.RNN else 0
    model.cell.weight_ih_l0[first : first + 4] = 0.0
    model.cell.bias_ih_l0[first : first + 4] = 0.0
    model.cell.bias_hh_l0[first : first + 4] = 0.0
    model.cell.weight_hh_l0[first : first + 3, 3:] = 0.0
    x = torch.randint(0, 9, (4, 3))
    before = model(x)
    compact(model, x)
    assert model.cell.hidden_size == 3
    assert distance(model(x), before) < 1e-12


@torch.no_grad()
def test_biases_that_cancel():
    # an LSTM adds its two biases, a GRU multiplies one by a gate first
    for cell, left in ((nn.LSTM, 5), (nn.RNN, 5), (nn.GRU, 6)):
        model = Words(cell, "output")
        first = 12 if cell is not nn.RNN else 0
        model.cell.weight_ih_l0[first] = 0.0
        model.cell.weight_hh_l0[first] = 0.0
        model.cell.bias_hh_l0[first] = -model.cell.bias_ih_l0[first]
        compact(model, torch.zeros(2, 2, dtype=torch.int64))
        assert model.cell.hidden_size == left


@torch.no_grad()
def test_layers_of_one_recurrent_module_keep_one_width():
    model = Words(nn.LSTM, "output", num_layers=2, bidirectional=True)
    model.cell.weight_hh_l1[:] = 0.0
    model.last.weight[:, :4] = 0.0
    model.last.weight[:, 6:8] = 0.0
    x = torch.randint(0, 9, (3, 2))
    before = model(x)
    report = compact(model, x)
    assert model.cell.hidden_size == 6
    assert "one width" in report.left["cell"]
    for suffix in ("l0", "l0_reverse"):
        getattr(model.cell, f"weight_hh_{suffix}")[:, 3:] = 0.0
    for suffix in ("l1", "l1_reverse"):
        getattr(model.cell, f"weight_ih_{suffix}")[:, 3:6] = 0.0
        getattr(model.cell, f"weight_ih_{suffix}")[:, 9:] = 0.0
        getattr(model.cell, f"weight_hh_{suffix}")[:] = 0.0
    before = model(x)
    report = compact(model, x)
    assert model.cell.hidden_size == 4  # three units in the first layer are not needed; two stay
    assert distance(model(x), before) < 1e-6
    assert repr(model.cell).startswith("LSTM(7, 4")


@torch.no_grad()
def test_dimensions_of_embeddings():
    model = Words(nn.GRU, "mean")
    model.embedding.weight[:, [0, 3]] = 0.0
    model.cell.weight_ih_l0[:, 5] = 0.0
    compact(model, torch.zeros(2, 2, dtype=torch.int64))
    assert sizes(model, ("embedding", "embedding_dim"), ("cell", "input_size")) == [4, 4]
    assert model.embedding.weight.shape == (11, 4)


@torch.no_grad()
def test_supports_of_branches_are_united():
    model = Residual()
    model.first.weight[[0, 1, 2]] = 0.0
    model.first.bias[[0, 1, 2]] = 0.0
    model.outer.weight[[1, 2, 3]] = 0.0
    model.outer.bias[[1, 2, 3]] = 0.0
    compact(model, torch.zeros(1, 6))
    assert sizes(model, ("first", "out_features"), ("outer", "out_features")) == [10, 10]
    assert sizes(model, ("inner", "in_features"), ("last", "in_features")) == [10, 10]


@torch.no_grad()
def test_convolutions_by_channel():
    model = ResidualConv()
    model.reduce.weight[2] = 0.0
    model.reduce.bias[2] = -1.0  # below zero, so that the output is zero
    model.depthwise.weight[3] = 0.0
    model.depthwise.bias[3] = 0.0
    compact(model, torch.zeros(1, 2, 5, 5))
    assert sizes(model, ("reduce", "out_channels"), ("expand", "in_channels")) == [3, 3]
    assert sizes(model, ("depthwise", "groups"), ("depthwise", "in_channels")) == [3, 3]
    assert model.depthwise.weight.shape == (3, 1, 3, 3)


@torch.no_grad()
def test_groups_go_as_a_whole_or_by_equal_parts():
    model = grouped()
    model[4].weight[:, [0, 3, 4, 5, 6, 7, 8, 10, 11]] = 0.0  # of four groups of three filters
    model[2].weight[0] = 0.0
    x = torch.randn(2, 2, 8)
    before = model(x)
    compact(model, x)
    assert sizes(model, ("2", "groups"), ("2", "in_channels"), ("0", "out_channels")) == [2, 4, 4]
    assert model[2].out_channels == 4
    assert distance(model(x), before) < 1e-6


@torch.no_grad()
def test_constants_go_into_the_next_bias():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Sigmoid(), nn.Conv2d(4, 3, 3), nn.Flatten())
    model[0].weight[1] = 0.0
    x = torch.randn(2, 1, 6, 6)
    before, bias = model(x), model[2].bias.clone()
    expected = bias + torch.sigmoid(model[0].bias[1]) * model[2].weight[:, 1].sum((1, 2))
    compact(model, x)
    assert model[0].out_channels == 3
    assert distance(model[2].bias, expected) < 1e-6
    assert distance(model(x), before) < 1e-5


@torch.no_grad()
def test_constants_stay_where_a_border_would_show():
    for padding, mode, left in ((1, "zeros", 4), ("same", "zeros", 4), (1, "circular", 3)):
        conv = nn.Conv2d(4, 3, 3, padding=padding, padding_mode=mode)
        model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Sigmoid(), conv)
        model[0].weight[1] = 0.0
        x = torch.randn(2, 1, 6, 6)
        before = model(x)
        report = compact(model, x)
        assert model[0].out_channels == left
        assert ("zero padding" in report.left.get("2", "")) == (left == 4)
        assert distance(model(x), before) < 1e-5
    model[2] = nn.Conv2d(3, 2, 1, bias=False)
    model[0].weight[1] = 0.0
    assert "no bias" in compact(model, x).left["2"]


@torch.no_grad()
def test_constants_through_a_border_are_none():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.Sigmoid(), nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 1, 1)
    )
    model[0].weight[0] = 0.0
    model[2].weight[0, 1] = 0.0  # reads only the constant, which differs at the border
    x = torch.randn(2, 1, 6, 6)
    before = model(x)
    compact(model, x)
    assert model[2].out_channels == 2
    assert distance(model(x), before) < 1e-5


@torch.no_grad()
def test_a_shared_bias_takes_nothing_in():
    model = nn.Sequential(
        nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 4)
    )
    model[4].bias = model[2].bias
    model[0].weight[1] = 0.0
    x = torch.randn(5, 3)
    before = model(x)
    report = compact(model, x)
    assert model[0].out_features == 4
    assert "shared" in report.left["2"]
    assert torch.equal(model(x), before)


@torch.no_grad()
def test_a_unit_that_fills_up_stays_the_constant_that_it_was():
    # both middle units are constant; the one that stays keeps its own inputs
    model = nn.Sequential(
        nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2, bias=False), nn.Linear(2, 1)
    )
    model[0].weight[[0, 3]] = 0.0
    model[2].weight[:, :3] = 0.0
    x = torch.randn(5, 3)
    before = model(x)
    report = compact(model, x)
    assert report.plan["kept"]["0.weight"] == [[3], None]
    assert sizes(model, ("0", "out_features"), ("2", "out_features")) == [1, 1]
    assert distance(model(x), before) < 1e-6


@torch.no_grad()
def test_averages_that_count_a_border():
    for pool, left in ((nn.AvgPool2d(2, padding=1), 4), (nn.MaxPool2d(2, padding=1), 3)):
        model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Sigmoid(), pool, nn.Conv2d(4, 2, 1))
        model[0].weight[1] = 0.0
        x = torch.randn(2, 1, 6, 6)
        before = model(x)
        compact(model, x)
        assert model[0].out_channels == left or isinstance(pool, nn.MaxPool2d)
        assert distance(model(x), before) < 1e-5


@torch.no_grad()
def test_filters_before_a_batch_norm():
    def make(beta, mean):
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 2, 3, padding=1),
        )
        model[0].weight[2] = 0.0
        model[1].bias[2], model[1].running_mean[2] = beta, mean
        return model

    x = torch.randn(3, 1, 6, 6)
    for beta, mean, training, left in (
        (0.0, 0.0, True, 3),
        (-0.5, 0.0, True, 3),  # the rectifier makes it zero
        (0.5, 0.0, True, 4),  # would differ at the border
        (0.0, -1.0, True, 4),  # zero in training, not in evaluation
        (0.0, -1.0, False, 4),
        (0.0, 1.0, False, 3),
        (0.0, 1e-20, True, 3),  # a running mean that has nearly converged
        (-0.5, -1.0, True, 4),
    ):
        model = make(beta, mean)
        model.train(training)
        twin = copy.deepcopy(model)
        compact(model, x)
        assert model[0].out_channels == left
        assert model[1].num_features == left
        assert distance(model(x), twin(x)) < 1e-5
        assert distance(model.eval()(x), twin.eval()(x)) < 1e-5


@torch.no_grad()
def test_a_layer_keeps_one_unit():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    model[2].weight[:] = 0.0
    model[2].bias[:] = 0.0
    x = torch.randn(5, 3)
    before = model(x)
    report = compact(model, x)
    assert sizes(model, ("0", "out_features"), ("2", "out_features")) == [1, 1]
    assert torch.equal(model(x), before)
    assert "keeps one unit" in report.left["2"]
    for cell in (nn.LSTM, nn.GRU):
        model = Words(cell, "output", num_layers=2)
        model.last.weight[:] = 0.0
        compact(model, torch.zeros(2, 2, dtype=torch.int64))
        assert model.cell.hidden_size == 1


@torch.no_grad()
def test_unused_inputs_are_told():
    model = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1))
    model[0].weight[:, [1, 3]] = 0.0
    model[0].weight[2, 4] = 1.0
    model[0].weight[[0, 1, 3], 4] = 0.0
    model[2].weight[:, 2] = 0.0  # the only unit that reads input 4
    report = compact(model, torch.zeros(2, 5))
    assert report.unused_inputs == {"input": (1, [1, 3, 4])}
    assert "unused inputs of input (axis 1): 1, 3, 4" in str(report)
    assert model[0].in_features == 5
    model = Lengths()
    model.cell.weight_ih_l0[:, 2] = 0.0
    report = compact(model, (torch.zeros(2, 3, 4), torch.tensor([2, 3])))
    assert report.unused_inputs == {"x": (2, [2])}
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(8, 1))
    model[0].weight[:, 1] = 0.0
    assert compact(model, torch.zeros(1, 3, 4, 4)).unused_inputs == {"input": (1, [1])}
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 1))
    model[1].weight[:, [1, 3]] = 0.0
    assert compact(model, torch.zeros(1, 2, 3)).unused_inputs == {"input": (0, [1, 3])}


def test_the_report_is_a_table():
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 4), nn.ReLU(),
                          nn.Linear(4, 1))  # fmt: skip
    with torch.no_grad():
        model[3].weight[0] = 0.0
    report = compact(model, torch.zeros(2, 3))
    lines = str(report).splitlines()
    assert lines[0].split() == ["layer", "kind", "inputs", "units", "parameters"]
    assert " ".join(lines[1].split()) == "3 Linear 8 4 -> 3 36 -> 27"
    assert " ".join(lines[2].split()) == "5 Linear 4 -> 3 1 5 -> 4"
    assert " ".join(lines[3].split()) == "total 89 -> 79"
    assert lines[4] == "left as it is: 2: LayerNorm mixes units, or is not known"
    assert repr(report) == str(report)


# -- training goes on ------------------------------------------------------------------------------


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "foreach": lambda p: torch.optim.Adam(p, lr=0.01, foreach=True),
    "fused": lambda p: torch.optim.Adam(p, lr=0.01, fused=True),
    "amsgrad": lambda p: torch.optim.AdamW(p, lr=0.01, amsgrad=True, weight_decay=0.0),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01),
    "asgd": lambda p: torch.optim.ASGD(p, lr=0.01, lambd=0.0),
    "ours": lambda p: ProxAdamW(p, lr=0.01, amsgrad=True),
}


def step(model, optimizer, data):
    x, y = data
    optimizer.zero_grad()
    loss = ((model(*x) - y) ** 2).mean()
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def hold(model, optimizer, plan):
    """Keep the weights that the plan cuts at their current values from now on."""
    named = dict(model.named_parameters())
    for name, kept in plan["kept"].items():
        if name not in named:
            continue
        p = named[name]
        mask = torch.ones_like(p)
        for axis, indices in enumerate(kept):
            if indices is not None:
                here = torch.zeros(p.shape[axis], dtype=p.dtype)
                here[indices] = 1.0
                mask *= here.reshape([-1 if k == axis else 1 for k in range(p.dim())])
        p.register_hook(lambda gradient, mask=mask: gradient * mask)
        for x in optimizer.state[p].values():
            if isinstance(x, torch.Tensor) and x.shape == p.shape:
                x.mul_(mask)


TRAINED = [
    *("dense", "sigmoid", "lenet", "residual", "residual conv", "joined", "excited"),
    *("series", "tied", "LSTM output ", "GRU state batch_first bidirectional"),
]


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_training_goes_on_as_if_the_dead_were_held(name, optimizer):
    compare_trainings(name, OPTIMIZERS[optimizer])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_state_is_cut(optimizer):
    compare_trainings("residual", OPTIMIZERS[optimizer])


def compare_trainings(name, make_optimizer):
    make, inputs = NETWORKS[name]
    model = make().double()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    x = [cast(inputs(), torch.float64) for _ in range(9)]
    data = [(each, torch.randn_like(model(*each).detach())) for each in x]
    optimizer = make_optimizer(model.parameters())
    for each in data[:3]:  # so that the optimiser has state
        step(model, optimizer, each)
    zero_some(model)
    twin = copy.deepcopy(model)
    its_optimizer = make_optimizer(twin.parameters())
    its_optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    report = compact(model, x[0], optimizer)
    assert report.n_after < report.n_before
    hold(twin, its_optimizer, report.plan)
    for each in data[3:]:
        a = step(model, optimizer, each)
        b = step(twin, its_optimizer, each)
        assert distance(a, b) < 1e-6  # Adam divides rounding by what is nearly zero
    assert distance(model(*x[0]), twin(*x[0])) < 1e-8


def test_momentum_of_what_was_cut_is_gone():
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    data = (torch.randn(8, 3),), torch.randn(8, 1)
    step(model, optimizer, data)
    with torch.no_grad():
        model[2].weight[:, 4:] = 0.0
    compact(model, data[0], optimizer)
    assert optimizer.state[model[0].weight]["momentum_buffer"].shape == (4, 3)
    for _ in range(3):
        step(model, optimizer, data)
    assert model[2].weight.shape == (1, 4)


def test_the_graph_of_the_last_step_may_be_alive():
    model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 1))
    optimizer = torch.optim.Adam(model.parameters())
    data = (torch.randn(8, 3),), torch.randn(8, 1)
    loss = step(model, optimizer, data)
    with torch.no_grad():
        model[2].weight[:, 4:] = 0.0
    compact(model, data[0], optimizer)
    assert model[0].weight.grad.shape == (4, 3)
    new = ((model(*data[0]) - data[1]) ** 2).mean()  # no zero_grad: gradients add up
    new.backward()
    assert loss.grad_fn is not None
    optimizer.step()
    assert model[0].weight.grad.shape == (4, 3)


def test_parameters_stay_the_same_objects():
    model = ResidualConv()
    zero_some(model)
    before = {name: id(p) for name, p in model.named_parameters()}
    buffers = {name: id(p) for name, p in model.named_buffers()}
    version = copy.deepcopy(model)
    x = torch.randn(2, 2, 6, 6)
    state = torch.random.get_rng_state()
    compact(model, x)
    assert before == {name: id(p) for name, p in model.named_parameters()}
    assert buffers == {name: id(p) for name, p in model.named_buffers()}
    assert torch.equal(state, torch.random.get_rng_state())
    assert int(model.norm.num_batches_tracked) == int(version.norm.num_batches_tracked)
    assert vars(model).keys() - vars(version).keys() == {"_softreg_fast_plan"}


# -- penalties -------------------------------------------------------------------------------------


def penalties():
    numbers = np.arange(12 * 6).reshape(12, 6) // 9  # some groups across rows
    numbers[5] = -1
    rng = np.random.default_rng(3)
    return {
        "columns": {"first.weight": GroupLasso(strength=0.02, groups=1)},
        "rows": {
            "first.weight": GroupLasso(strength=0.002, groups=0),
            "outer.weight": GroupLasso(strength=0.002, groups=0),
        },
        "heads": {"first.weight": SparseGroupLasso(strength=0.02, groups=0, size=3)},
        "numbers": {"first.weight": GroupLasso(strength=0.02, groups=numbers)},
        "weights": {
            "first.weight": L1(strength=0.01, weights=rng.random((12, 6))),
            "inner.weight": L1(strength=0.01, weights=rng.random((9, 1))),
            "outer.weight": L1(strength=0.01, weights=rng.random(9)),
        },
        "group weights": {
            "outer.weight": GroupLasso(strength=0.02, groups=1, group_weights=rng.random(9))
        },
    }


@pytest.mark.parametrize("fused", [False, True], ids=["attach", "ProxAdamW"])
@pytest.mark.parametrize("name", penalties())
def test_penalties_go_on_as_well(name, fused):
    rules = penalties()[name]

    def optimizer_of(model):
        if fused:
            return ProxAdamW(param_groups(model, rules), lr=0.01), None
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        return optimizer, attach(model, optimizer, rules)

    model = Residual().double()
    optimizer, proximal = optimizer_of(model)
    data = [((torch.randn(16, 6).double(),), torch.randn(16, 3).double()) for _ in range(12)]
    for each in data[:4]:
        step(model, optimizer, each)
    with torch.no_grad():
        for dead in (model.first, model.outer):
            dead.weight[[1, 2, 7]] = 0.0
            dead.bias[[1, 2, 7]] = 0.0
        model.inner.weight[[0, 5]] = 0.0
        model.inner.bias[[0, 5]] = 0.0
        for reader in (model.inner, model.last):
            reader.weight[:, [1, 2, 7]] = 0.0
        model.outer.weight[:, [0, 5]] = 0.0
    twin = copy.deepcopy(model)
    its_optimizer, its_proximal = optimizer_of(twin)
    its_optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    report = compact(model, data[0][0], optimizer)
    assert model.first.out_features <= 9
    assert model.inner.out_features <= 7
    hold(twin, its_optimizer, report.plan)
    for each in data[4:]:
        a = step(model, optimizer, each)
        b = step(twin, its_optimizer, each)
        assert distance(a, b) < 1e-6  # Adam divides rounding by what is nearly zero
    if not fused:
        assert abs(proximal.value() - its_proximal.value()) < 1e-9
        assert abs(proximal.sparsity - its_proximal.sparsity) < 1e-12
        states = [{**each.state, "given": None} for each in (proximal, its_proximal)]
        assert states[0] == states[1]


def test_units_without_any_group_left():
    labels = np.array([[0, 0, 1], [1, 2, 2], [-1, -1, 4]])
    penalty = GroupLasso(strength=1.0, groups=labels)
    w = np.arange(1.0, 10.0).reshape(3, 3)
    less = penalty.take((3, 3), [[0, 2], [0, 2]])
    assert less.groups.tolist() == [[0, 1], [-1, 2]]
    assert np.allclose(less.group_weights, np.sqrt([2.0, 2.0, 1.0]))
    only = w * np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
    assert np.isclose(less.value(w[np.ix_([0, 2], [0, 2])]), penalty.value(only))


# -- checkpoints -----------------------------------------------------------------------------------


def saved(checkpoint):
    file = io.BytesIO()
    torch.save(checkpoint, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("fused", [False, True], ids=["attach", "ProxAdamW"])
def test_checkpoints_load_and_training_goes_on_bit_for_bit(fused):
    rules = {
        "first.weight": GroupLasso(strength=0.05, groups=1),
        "outer.weight": GroupLasso(strength=0.05, groups=0),
        "inner.weight": GroupLasso(strength=0.05, groups=0),
    }

    def make():
        model = Residual()
        if fused:
            return model, ProxAdamW(param_groups(model, rules), lr=0.02)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        attach(model, optimizer, rules, start=3, ramp=5, target_sparsity=0.8)
        return model, optimizer

    data = [((torch.randn(16, 6),), torch.randn(16, 3)) for _ in range(12)]
    model, optimizer = make()
    for k in range(2):  # cut twice: the plan holds both cuts
        for each in data[4 * k : 4 * k + 4]:
            step(model, optimizer, each)
        with torch.no_grad():
            model.inner.weight[k : k + 2] = 0.0
            model.inner.bias[k : k + 2] = 0.0
            model.last.weight[:, k] = 0.0
            model.first.weight[k] = 0.0
            model.first.bias[k] = 0.0
            model.outer.weight[k] = 0.0
            model.outer.bias[k] = 0.0
        report = compact(model, data[0][0], optimizer)
        assert report.layers
    assert model.inner.out_features < 7
    states = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    checkpoint = saved({**states, "plan": report.plan})
    again, its_optimizer = make()
    compact_like(again, checkpoint["plan"], its_optimizer)
    again.load_state_dict(checkpoint["model"])
    its_optimizer.load_state_dict(checkpoint["optimizer"])
    for each in data[8:]:
        step(model, optimizer, each)
        step(again, its_optimizer, each)
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert repr(model) == repr(again)


@pytest.mark.parametrize("name", NETWORKS)
def test_plans_fit_all_networks(name):
    make, inputs = NETWORKS[name]
    model = make().eval()
    zero_some(model)
    x = inputs()
    report = compact(model, x)
    fresh = make().eval()
    again = compact_like(fresh, saved(report.plan))
    fresh.load_state_dict(saved(model.state_dict()))
    assert torch.equal(fresh(*as_tuple(x)), model(*as_tuple(x)))
    assert again.plan == report.plan
    assert repr(fresh) == repr(model)
    assert [str(row) for row in again.layers] == [str(row) for row in report.layers]
    assert not compact_like(fresh, report.plan).layers  # nothing is left to do


def test_plans_that_do_not_fit():
    model = dense()
    with torch.no_grad():
        model[3].weight[:, 4:] = 0.0
    plan = compact(model, torch.zeros(1, 5)).plan
    with pytest.raises(TypeError, match="plan of a report"):
        compact_like(dense(), {"0.weight": [1]})
    with pytest.raises(ValueError, match=r"cuts 0\.weight"):
        compact_like(nn.Sequential(nn.ReLU()), plan)
    with pytest.raises(ValueError, match="does not have"):
        compact_like(dense(width=3), plan)
    with pytest.raises(ValueError, match="does not have"):
        compact_like(model, compact(dense_without_first(), torch.zeros(1, 5)).plan)
    odd = {"kept": {}, "sizes": {"0": {"forward": 3}}}
    with pytest.raises(ValueError, match="cannot be"):
        compact_like(dense(), odd)


def dense_without_first():
    model = dense()
    with torch.no_grad():
        model[3].weight[:, :6] = 0.0
    return model


# -- what is left ----------------------------------------------------------------------------------


class Doubled(torch.autograd.Function):
    """A user-defined module."""

    @staticmethod
    def forward(ctx, x):
        return 2.0 * x

    @staticmethod
    def backward(ctx, g):
        return 2.0 * g


class Sized(nn.Module):
    """Network whose forward contains one given line."""

    def __init__(self, line):
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.last = nn.Linear(6, 2)
        self.line = line

    def forward(self, x):
        return self.last(self.line(torch.relu(self.first(x))))


SIX = torch.zeros(6)

REFUSED = {
    "literal view": (lambda h: h.view(-1, 6), "write -1"),
    "literal reshape": (lambda h: h.reshape(h.shape[0], 2, 3).flatten(1), "write -1"),
    "size of an input": (lambda h: h.view(-1, SIX.shape[0]), "write -1"),
    "divided": (lambda h: h.view(h.shape[0], h.shape[1] // 3, -1).flatten(1), "divides the units"),
    "chunks": (lambda h: torch.cat(h.chunk(2, dim=1), 1), "divides the units by number"),
    "split": (lambda h: torch.cat(h.split(3, dim=1), 1), "divides the units by number"),
    "slices": (lambda h: torch.cat([h[:, :3], h[:, 3:]], 1), "picks units by number"),
    "last unit": (lambda h: h + h[:, -1:], "picks units by number"),
    "softmax": (lambda h: torch.softmax(h, 1), "not known"),
    "mean": (lambda h: h - h.mean(1, keepdim=True), "mean over units"),
    "total": (lambda h: h / h.max(), "max over everything"),
    "norm": (lambda h: F.normalize(h), "not known"),
    "width in numbers": (lambda h: h / h.shape[1], "number of units"),
    "functional layer norm": (lambda h: F.layer_norm(h, (6,)), "not known"),
    "sorted": (lambda h: h.sort(1)[0], "not known"),
    "item": (lambda h: h * h[0, 0].item(), ""),
    "flipped": (lambda h: h.flip(1), "not known"),
    "masked": (lambda h: torch.where(h > 0.5, h, torch.zeros_like(h)), "not known"),
    "squeezed": (lambda h: h.squeeze() if h.dim() == 2 else h, ""),
}


@pytest.mark.parametrize("name", REFUSED)
@torch.no_grad()
def test_what_cannot_be_cut_is_left_and_told(name):
    line, reason = REFUSED[name]
    model = Sized(line).double()
    model.first.weight[[1, 4]] = 0.0
    model.first.bias[[1, 4]] = 0.0
    model.last.weight[:, 2] = 0.0
    x = torch.randn(3, 4).double()
    before = model(x)
    report = compact(model, x)
    assert sizes(model, ("first", "out_features"), ("last", "in_features")) == [6, 6]
    assert torch.equal(model(x), before)
    assert any(reason in why for why in report.left.values()), report
    assert not report.layers


ALLOWED = {
    "sizes of itself": lambda h: h.view(h.size(0), h.size(1)),
    "minus one": lambda h: h.view(h.shape[0], -1),
    "unsqueezed": lambda h: h[:, None, :].squeeze(1),
    "transposed": lambda h: h.t().t(),
    "expanded": lambda h: h.unsqueeze(1).expand(-1, 3, -1).mean(1),
    "repeated": lambda h: h.repeat(1, 1).clamp(min=-1.0) if False else h.clamp(min=-1.0),
    "scaled": lambda h: 3.0 * h - h / 2,
    "squared": lambda h: h**2 + h.pow(3),
    "chunks of rows": lambda h: torch.cat(h.chunk(3, 0), 0),
    "stacked": lambda h: torch.stack([h, 2.0 * h], 1).sum(1),
    "half and back": lambda h: h.float().double(),
    "in place": lambda h: h.mul_(2.0).add_(h),
    "custom": lambda h: Doubled.apply(h),
    "size of another": lambda h: h.view(h.size(0), (2 * h).size(1)),
    "detached": lambda h: h.detach() + h,
}


@pytest.mark.parametrize("name", ALLOWED)
@torch.no_grad()
def test_what_moves_units_about_is_followed(name):
    model = Sized(ALLOWED[name]).double()
    model.first.weight[[1, 4]] = 0.0
    model.first.bias[[1, 4]] = 0.0
    model.last.weight[:, 2] = 0.0
    x = torch.randn(3, 4).double()
    before = model(x)
    compact(model, x)
    assert sizes(model, ("first", "out_features"), ("last", "in_features")) == [3, 3]
    assert distance(model(x), before) < 1e-12


class Branching(nn.Module):
    """Network with data-dependent control flow."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x):
        return self.inner(x) if x.sum() > 0 else -x


def dead_pair(middle, width=8):
    model = nn.Sequential(nn.Linear(3, width), middle, nn.Linear(width, width), nn.ReLU(),
                          nn.Linear(width, 2))  # fmt: skip
    with torch.no_grad():
        model[0].weight[3] = 0.0
        model[0].bias[3] = 0.0
        model[2].weight[:, 5] = 0.0
        model[4].weight[:, 1] = 0.0
    return model


class Mine(nn.Linear):
    """A user-defined layer."""

    def forward(self, x):
        return super().forward(x) / self.out_features


@pytest.mark.parametrize(
    ("middle", "reason"),
    [
        (nn.LayerNorm(8), "LayerNorm mixes"),
        (nn.GroupNorm(2, 8), "GroupNorm mixes"),
        (nn.Softmax(dim=1), "Softmax mixes"),
        (nn.TransformerEncoderLayer(8, 2, 4, batch_first=True), "TransformerEncoderLayer"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)), "computed from others"),
        (Mine(8, 8), "number of units"),
    ],
    ids=lambda x: type(x).__name__,
)
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@torch.no_grad()
def test_unknown_modules_are_left(middle, reason):
    model = dead_pair(middle).double().eval()
    x = torch.randn(4, 3).double()
    before, words = model(x), repr(middle)
    report = compact(model, x)
    assert distance(model(x), before) < 1e-12
    assert model[2].out_features == 7  # later layers are cut
    assert model[0].out_features == 8 or isinstance(middle, Mine)
    assert any(reason in why for why in report.left.values()) or isinstance(middle, Mine)
    assert repr(middle) == words


@torch.no_grad()
def test_masks_and_hooks_are_left():
    model = dead_pair(nn.ReLU())
    prune.l1_unstructured(model[2], "weight", 0.3)
    x = torch.randn(4, 3)
    report = compact(model, x)
    assert report.left["2"] == "has weights that are computed from others"
    assert sizes(model, ("0", "out_features"), ("2", "out_features")) == [8, 8]
    model = dead_pair(nn.ReLU())
    model[2].register_forward_hook(lambda module, args, output: 2.0 * output + 1.0)
    before = model(x)
    report = compact(model, x)
    assert report.left["2"] == "has hooks"
    assert torch.equal(model(x), before)


@torch.no_grad()
def test_branches_on_data():
    model = dead_pair(Branching(), 4 * 2)
    model[1] = nn.Sequential(nn.Linear(8, 4), Branching(), nn.Linear(4, 8), nn.ReLU())
    x = torch.randn(4, 3)
    before = model(x)
    report = compact(model, x)
    assert "cannot be traced" in report.left["1.1"]
    assert model[2].in_features == 7
    assert model[1][1].inner.weight.shape == (4, 4)
    assert distance(model(x), before) < 1e-5
    root = Branching()
    report = compact(root, torch.randn(2, 4))
    assert "graph cannot be had" in report.left[""]
    assert "left as it is: the model" in str(report)
    assert not report.layers


@torch.no_grad()
def test_branches_on_the_mode_count_both():
    class Auxiliary(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(3, 6)
            self.last = nn.Linear(6, 2)
            self.extra = nn.Linear(6, 2)

        def forward(self, x):
            h = torch.relu(self.first(x))
            return (self.last(h), self.extra(h)) if self.training else self.last(h)

    for training, left in ((True, 5), (False, 4)):
        model = Auxiliary().train(training)
        model.last.weight[:, [1, 2]] = 0.0
        model.extra.weight[:, [2, 3]] = 0.0
        x = torch.randn(4, 3)
        before = model(x)
        report = compact(model, x)
        assert model.first.out_features == left
        after = model(x)
        if training:
            assert distance(after[1], before[1]) < 1e-5
        else:
            assert report.left["extra"] == "forward does not use it"
            before, after = (before,), (after,)
        assert distance(after[0], before[0]) < 1e-5


@torch.no_grad()
def test_dropout_lets_no_constant_pass_in_training():
    for dropout, training, left in (
        (nn.Dropout(0.5), True, 8),
        (nn.Dropout(0.5), False, 7),
        (nn.Dropout(0.0), True, 7),
    ):
        model = nn.Sequential(nn.Linear(3, 8), nn.Sigmoid(), dropout, nn.Linear(8, 1))
        model[0].weight[2] = 0.0
        compact(model.train(training), torch.zeros(2, 3))
        assert model[0].out_features == left


@torch.no_grad()
def test_states_that_are_given():
    class Continued(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.GRU(3, 5)
            self.last = nn.Linear(5, 1)

        def forward(self, x, state):
            output, state = self.cell(x, state)
            return self.last(output), state

    model = Continued()
    model.last.weight[:, 2] = 0.0
    report = compact(model, (torch.zeros(4, 2, 3), torch.zeros(1, 2, 5)))
    assert model.cell.hidden_size == 5
    assert "GRU" in report.left["cell"]


@torch.no_grad()
def test_noise_is_no_constant():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(6, 2)
            self.first = nn.Linear(3, 6)

        def forward(self, x):
            noise = torch.rand(x.shape[0], 6)
            return self.last(torch.relu(self.first(x)) + noise)

    model = Noisy()
    model.first.weight[:] = 0.0
    bias = model.last.bias.clone()
    compact(model, torch.randn(2, 3))
    assert model.last.in_features == 6
    assert torch.equal(model.last.bias, bias)


@torch.no_grad()
def test_memory_shared_behind_the_scenes():
    model = Tied()
    model.decoder.weight = nn.Parameter(model.embedding.weight.data)
    model.embedding.weight[:, 2] = 0.0
    model.inner.weight[:, 2] = 0.0
    report = compact(model, torch.zeros(1, 2, dtype=torch.int64))
    assert model.embedding.embedding_dim == 6
    assert "shares its memory" in report.left["embedding.weight"]


@torch.no_grad()
def test_tied_weights_are_cut_once():
    model = Tied().double()
    model.embedding.weight[:, 2] = 0.0  # nothing comes in, nothing goes out: one weight
    model.embedding.weight[:, 4] = 0.0
    model.inner.bias[:] = 0.1
    x = torch.randint(0, 9, (2, 4))
    before = model(x)
    compact(model, x)
    assert model.decoder.weight is model.embedding.weight
    assert sizes(model, ("embedding", "embedding_dim"), ("decoder", "in_features")) == [4, 4]
    assert sizes(model, ("inner", "in_features"), ("inner", "out_features")) == [4, 4]
    assert distance(model(x), before) < 1e-12


def test_optimizers_with_state_of_another_shape():
    model = dead_pair(nn.ReLU())
    optimizer = torch.optim.LBFGS(model.parameters())
    x = torch.randn(4, 3)

    def closure():
        optimizer.zero_grad()
        loss = model(x).pow(2).mean()
        loss.backward()
        return loss

    twin, its_optimizer = copy.deepcopy((model, optimizer))
    assert compact(twin, x, its_optimizer).layers  # no state as yet
    optimizer.step(closure)
    with torch.no_grad():
        model[2].weight[:, 5] = 0.0
    report = compact(model, x, optimizer)
    assert not report.layers
    assert "LBFGS keeps state" in report.left["0.weight"]


# -- bad input -------------------------------------------------------------------------------------


def test_bad_input():
    model = dense()
    x = torch.zeros(1, 5)
    with pytest.raises(TypeError, match=r"torch\.nn\.Module"):
        compact("model", x)
    with pytest.raises(TypeError, match="Optimizer"):
        compact(model, x, "adam")
    with pytest.raises(TypeError, match="do not fit forward"):
        compact(model, (x, x))
    with pytest.raises(TypeError, match="do not fit forward"):
        compact(model, {"y": x})
    with pytest.raises(TypeError, match="give that model itself"):
        compact(nn.DataParallel(model), x)
    with pytest.raises(ValueError, match="lazy"):
        compact(nn.Sequential(nn.LazyLinear(3)), x)
    with pytest.raises(ValueError, match="one sample"):
        compact(model, torch.zeros(0, 5))
    with pytest.raises(RuntimeError):
        compact(model, torch.zeros(1, 4))
    assert compact(model, {"input": x}).n_after == compact(model, [x]).n_after
    assert model.training


@torch.no_grad()
def test_should_the_outputs_differ_all_is_put_back(monkeypatch):
    model = dead_pair(nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters())
    twin = copy.deepcopy(model)
    monkeypatch.setattr(Surgery, "undo", UNDO)
    monkeypatch.setattr(Sink, "spare", lambda self: np.arange(len(self.inputs)) % 2 == 0)
    report = compact(model, torch.randn(4, 3), optimizer)
    assert "outputs would change" in report.left[""]
    for (name, a), (_, b) in zip(
        model.state_dict().items(), twin.state_dict().items(), strict=True
    ):
        assert torch.equal(a, b), name
    assert repr(model) == repr(twin)
    assert "_softreg_fast_plan" not in vars(model)


def test_examples_in_the_documentation(capsys):
    module = importlib.import_module("softreg_fast.nn.compaction.compact")
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 8
