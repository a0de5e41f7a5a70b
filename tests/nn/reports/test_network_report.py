"""Reports of networks: counts compared with hand counts for every kind of layer."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from numpy.testing import assert_allclose  # noqa: E402
from torch import nn  # noqa: E402

from softreg_fast.nn import NetworkReport, NetworkReportDisplay, report  # noqa: E402


@pytest.fixture(autouse=True)
def seeded(seed):
    """Seed PyTorch's generator."""
    torch.manual_seed(seed)


def only(model, example_inputs=None):
    """Return the report of the only layer."""
    (layer,) = report(model, example_inputs).layers
    return layer


def counted_by_tracing(model, *inputs):
    """Count multiply-adds by running a layer of ones on inputs of ones.

    Each product is 1, so the output is the number of products.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.fill_(0.0 if "bias" in name else 1.0)
        return int(model(*inputs).sum().round())


# -- multiply-adds ---------------------------------------------------------------------------------


LAYERS = {
    "linear": (nn.Linear(7, 5), (3, 7)),
    "linear on sequences": (nn.Linear(7, 5), (3, 4, 7)),
    "linear on one": (nn.Linear(7, 5), (7,)),
    "conv1d": (nn.Conv1d(4, 6, 3, stride=2), (2, 4, 17)),
    "conv2d": (nn.Conv2d(4, 6, (3, 2)), (2, 4, 9, 8)),
    "conv2d on one": (nn.Conv2d(4, 6, (3, 2)), (4, 9, 8)),
    "conv2d, groups": (nn.Conv2d(4, 6, 3, groups=2, dilation=2), (2, 4, 9, 8)),
    "depthwise": (nn.Conv2d(4, 4, 3, groups=4, bias=False), (2, 4, 9, 8)),
    "conv3d": (nn.Conv3d(2, 3, 2), (1, 2, 4, 5, 6)),
    "transposed": (nn.ConvTranspose2d(4, 6, 3, stride=2), (2, 4, 5, 5)),
    "transposed, groups": (nn.ConvTranspose1d(4, 6, 3, groups=2), (2, 4, 5)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_multiply_adds_are_products_that_are_made(name):
    model, shape = LAYERS[name]
    X = torch.ones(shape)
    layer = only(model, X)
    assert layer.multiply_adds == layer.multiply_adds_left == counted_by_tracing(model, X)
    with torch.no_grad():
        model.weight[1] = 0.0
        model.weight.view(-1)[::3] = 0.0
        wanted = int(model(X).sum().round())
    assert only(model, X).multiply_adds_left == wanted
    assert only(model, X).multiply_adds == layer.multiply_adds


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        # per step: gates * hidden * (inputs + hidden), per layer and direction
        (nn.LSTM(3, 4), 4 * 4 * (3 + 4)),
        (nn.GRU(3, 4), 3 * 4 * (3 + 4)),
        (nn.RNN(3, 4), 4 * (3 + 4)),
        (nn.LSTM(3, 4, num_layers=2), 4 * 4 * (3 + 4) + 4 * 4 * (4 + 4)),
        (nn.LSTM(3, 4, bidirectional=True), 2 * 4 * 4 * (3 + 4)),
        (nn.LSTM(3, 4, proj_size=2), 4 * 4 * (3 + 2) + 4 * 2),
        (nn.GRU(3, 4, batch_first=True), 3 * 4 * (3 + 4)),
    ],
)
@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
def test_recurrent_layers(model, wanted):
    steps, batch = 5, 2
    assert only(model, torch.zeros(steps, batch, 3)).multiply_adds == steps * batch * wanted
    assert only(model, torch.zeros(steps, 3)).multiply_adds == steps * wanted
    if not model.batch_first:
        packed = nn.utils.rnn.pack_sequence([torch.zeros(4, 3), torch.zeros(2, 3)])
        assert only(model, packed).multiply_adds == 6 * wanted


def test_cells():
    assert only(nn.LSTMCell(3, 4), torch.zeros(2, 3)).multiply_adds == 2 * 4 * 4 * 7
    assert only(nn.GRUCell(3, 4), torch.zeros(2, 3)).multiply_adds == 2 * 3 * 4 * 7


def test_a_small_language_model():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(20, 3)
            self.memory = nn.LSTM(3, 4, batch_first=True)
            self.norm = nn.LayerNorm(4)
            self.out = nn.Linear(4, 5)

        def forward(self, words, scale=1.0):
            return self.out(self.norm(self.memory(self.words(words))[0][:, -1])) * scale

    model = Model()
    words = torch.zeros(2, 7, dtype=torch.long)
    for given in (words, (words, 2.0), {"words": words, "scale": 2.0}):
        found = report(model, given)
        assert [layer.multiply_adds for layer in found.layers] == [0, 14 * 112, 0, 2 * 20]
    assert found.multiply_adds == 14 * 112 + 40
    assert found.uncounted == []
    assert [(layer.rows, layer.columns) for layer in found.layers] == [
        (20, 3), (4, 3), (0, 0), (5, 4)
    ]  # fmt: skip
    assert report(model).multiply_adds is None
    assert report(model).uncounted == []


def test_layers_that_run_twice_or_share():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(4, 4, bias=False)
            self.b = nn.Linear(4, 4, bias=False)
            self.b.weight = self.a.weight
            self.unused = nn.Linear(4, 4)

        def forward(self, x):
            return self.b(self.a(input=self.a(x)))

    found = report(Model(), torch.zeros(1, 4))
    assert [layer.multiply_adds for layer in found.layers] == [32, 16, None]
    assert [layer.parameters for layer in found.layers] == [16, 0, 20]
    assert found.parameters == 36
    assert found.uncounted == ["unused"]
    assert "not counted: unused" in str(found)
    found.plot()


def test_what_is_not_known_is_said():
    found = report(nn.Sequential(nn.Bilinear(2, 3, 4)), None)
    assert found.multiply_adds is None
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    found = report(model, torch.zeros(1, 5, 8))
    assert found.uncounted == ["self_attn", "self_attn.out_proj"]
    assert found.multiply_adds == 5 * (8 * 16 + 16 * 8)
    assert "not counted: self_attn, self_attn.out_proj" in str(found)


def test_computed_weights():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
    found = report(nn.Sequential(layer), torch.zeros(2, 4))
    assert found.layers[0].multiply_adds == 24
    assert found.parameters == 3 + 3 + 12


def test_the_model_stays_as_it_is():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 1))
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state()
    report(model, torch.randn(8, 3, generator=torch.Generator().manual_seed(0)))
    assert (
        [module.training for module in model.modules()]
        == modes
        == [True] * 2 + [False] + [True] * 2
    )
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        report(model, torch.zeros(8, 5))
    assert [module.training for module in model.modules()] == modes
    assert not any(module._forward_hooks for module in model.modules())


# -- zeros, groups, bytes --------------------------------------------------------------------------


def test_groups_by_hand():
    linear = nn.Linear(6, 5)
    conv = nn.Conv2d(4, 6, 3, groups=2)
    transposed = nn.ConvTranspose2d(4, 6, 3, groups=2)
    with torch.no_grad():
        linear.weight[[0, 3]] = 0.0
        linear.weight[:, 2] = 0.0
        conv.weight[1] = 0.0
        conv.weight[:3, 0] = 0.0  # input channel 0, used by the first three filters alone
        transposed.weight[3] = 0.0
        transposed.weight[:2, 2] = 0.0  # output channel 2, made from the first two inputs alone
    for layer, rows, columns in (
        (only(linear), (3, 5), (5, 6)),
        (only(conv), (5, 6), (3, 4)),
        (only(transposed), (5, 6), (3, 4)),
    ):
        assert (layer.rows_left, layer.rows) == rows
        assert (layer.columns_left, layer.columns) == columns


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_units_of_recurrent_layers(kind, gates):
    model = kind(3, 5, num_layers=2, bidirectional=True)
    with torch.no_grad():
        for gate in range(gates):
            for name in ("weight_ih_l0", "weight_hh_l0"):
                getattr(model, name)[gate * 5 + 2] = 0.0  # all gates of unit 2
        model.weight_ih_l1[:5] = 0.0  # one gate of all units
        model.weight_ih_l0[:, 1] = 0.0  # an input, in one direction
    layer = only(model)
    assert (layer.rows_left, layer.rows) == (19, 20)
    assert (layer.columns_left, layer.columns) == (3, 3)
    with torch.no_grad():
        model.weight_ih_l0_reverse[:, 1] = 0.0
    assert only(model).columns_left == 2


@pytest.mark.parametrize(
    ("left", "wanted"),
    [
        (1000, 4000),  # stored dense
        (500, 500 * 4 + 125),  # a bit for every weight
        (10, 10 * 8),  # a position for every nonzero
        (0, 0),
    ],
)
def test_bytes_are_those_of_the_smallest_form(left, wanted):
    model = nn.Linear(100, 10, bias=False)
    with torch.no_grad():
        model.weight.fill_(1.0)
        model.weight.view(-1)[left:] = 0.0
    layer = only(model)
    assert (layer.nonzeros, layer.parameters) == (left, 1000)
    assert (layer.bytes_left, layer.bytes) == (wanted, 4000)
    assert only(model.half()).bytes == 2000


def test_totals():
    model = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 1))
    with torch.no_grad():
        model[0].weight[5:] = 0.0
        model[0].bias.fill_(1.0)
    found = report(model, torch.zeros(1, 10))
    assert isinstance(found, NetworkReport)
    assert found.parameters == 220 + 21
    assert found.nonzeros == 50 + 20 + 21
    assert found.density == 91 / 241
    assert found.layers[0].weights == 200
    assert found.layers[0].weight_nonzeros == 50
    assert (found.multiply_adds, found.multiply_adds_left) == (220, 70)
    # the first weights with a bit for each, all else as it is
    assert (found.bytes, found.bytes_left) == (964, 50 * 4 + 25 + 4 * 41)
    assert found.compression == 964 / 389
    lines = str(found).splitlines()
    head = "layer kind nonzero of % rows columns bytes of multiply-adds of"
    assert " ".join(lines[0].split()) == head
    assert " ".join(lines[2].split()) == "0 Linear 70 220 31.8 5/20 10/10 305 880 50 200"
    assert lines[-2].split()[:3] == ["all", "91", "241"]
    assert lines[-1] == (
        "2.65 times fewer weights, 2.48 times fewer bytes, 3.14 times fewer multiply-adds"
    )
    assert max(map(len, lines)) <= 100
    assert "2.48 times smaller" in repr(found)


def test_nothing_is_left_and_nothing_was_there():
    model = nn.Linear(3, 2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    found = report(model, torch.zeros(1, 3))
    assert found.compression == np.inf
    assert "infinitely many times fewer weights" in str(found)
    assert "(model)" in str(found)
    empty = report(nn.ReLU(), torch.zeros(1))
    assert empty.layers == ()
    assert "all" in str(empty)
    with pytest.raises(TypeError, match=r"must be a torch.nn.Module, got list"):
        report([model])


# -- the picture -----------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_the_picture(style):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    layers = [nn.Linear(10, 10) for _ in range(30)]
    with torch.no_grad():
        for k, layer in enumerate(layers):
            layer.bias.fill_(1.0)
            layer.weight.fill_(1.0)
            layer.weight.view(-1)[: 3 * k] = 0.0
    found = report(nn.Sequential(*layers))
    with pyplot.style.context(style):
        shown = found.plot()
        assert isinstance(shown, NetworkReportDisplay)
        widths = [bar.get_width() for bar in shown.bars_]
        assert_allclose(widths, [100.0 * (110 - 3 * k) / 110 for k in range(30)])
        assert shown.text_[4].get_text() == "98 of 110"
        shown.figure_.canvas.draw()
        boxes = [text.get_window_extent() for text in shown.text_]
        assert all(a.y0 >= b.y1 for a, b in itertools.pairwise(boxes))  # none overlap
        assert max(box.x1 for box in boxes) <= shown.figure_.bbox.x1
        pyplot.close("all")
        _, ax = pyplot.subplots()
        assert NetworkReportDisplay.from_report(found, ax=ax).ax_ is ax
        pyplot.close("all")
    with pytest.raises(TypeError, match="must be a NetworkReport, got str"):
        NetworkReportDisplay.from_report("all")
