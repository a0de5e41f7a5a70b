"""Units that are cut, and those that stay with them."""

import copy

import pytest

torch = pytest.importorskip("torch")

from dead_units import Lengths, Residual, ResidualConv, Words, dense, distance, grouped, sizes  # noqa: E402
from torch import nn  # noqa: E402

from softreg_fast.nn import (  # noqa: E402
    compact,
)

# -- what is cut -----------------------------------------------------------------------------------


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
