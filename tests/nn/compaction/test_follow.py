"""Units that cannot be followed are left as they are, with the reason."""

import copy

import pytest

torch = pytest.importorskip("torch")

from dead_units import Tied, dead_pair, distance, sizes  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.nn.utils import prune  # noqa: E402

from softreg_fast.nn import (  # noqa: E402
    compact,
)

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
