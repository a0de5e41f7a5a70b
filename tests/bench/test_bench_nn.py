"""Tests of the benchmark of sparse training: splits, refit, polish, and the choice."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bench.families import recipes as plans  # noqa: E402
from bench.families.net_data import load  # noqa: E402
from bench.families.nets import TRAININGS, Training, mlp  # noqa: E402
from bench.families.recipes import Recipe  # noqa: E402
from bench.harness.nets import accuracy, adam, count_of, n_steps_of, packed  # noqa: E402
from bench.nn import choice, polish, train  # noqa: E402
from bench.reports import nets as report  # noqa: E402
from bench.reports.nets_plot import beaten  # noqa: E402
from softreg_fast.nn import ElasticNet  # noqa: E402

SHORT = Training(
    "short", "digits", lambda: mlp(64, 16, 10), epochs=6, batch=64, lr=3e-3, is_mlp=True
)
SPARSE = Recipe(penalty="l1", strength=5e-3, start=0.0, ramp=0.0, freeze=0.5)


def rows(part):
    return {row.tobytes() for row in part[0].numpy()}


def test_no_sample_is_in_two_parts_and_the_test_set_is_the_same_for_all_seeds():
    first, second = load("digits", 0), load("digits", 1)
    for data in (first, second):
        assert len(data.train[1]) + len(data.validation[1]) + len(data.test[1]) == 1797
        assert not rows(data.train) & rows(data.test)
        assert not rows(data.train) & rows(data.validation)
        assert not rows(data.validation) & rows(data.test)
    assert torch.equal(first.test[0], second.test[0])
    assert not torch.equal(first.validation[0], second.validation[0])


def test_zeros_stay_zero_in_the_refit(monkeypatch):
    samples = SHORT.load(0).train
    refit_from = int(0.5 * n_steps_of(samples, SHORT))
    taken, zeros = [], []
    plain = train.descend

    def noting(model, optimizer, x, y):
        if len(taken) == refit_from:
            zeros.extend(p == 0 for p in model.parameters() if p.ndim > 1)
        taken.append(1)
        plain(model, optimizer, x, y)

    monkeypatch.setattr(train, "descend", noting)
    model, result = train.fit(SHORT, SPARSE, seed=0)
    for zero, weight in zip(zeros, [p for p in model.parameters() if p.ndim > 1], strict=True):
        assert zero.any()
        assert torch.equal(weight == 0, zero)
    assert result["nonzeros"] == count_of(model)[0] < result["n_weights"] == 64 * 16 + 16 * 10


def test_a_taught_net_nears_the_mean_of_its_teachers(monkeypatch, tmp_path):
    monkeypatch.setattr(train, "NETS", tmp_path)
    data = SHORT.load(0)
    scores = train.taught(SHORT, 2, seed=0)
    nets = []
    for again in (0, 1):
        torch.manual_seed(again * train.AGAIN)
        nets.append(SHORT.net())
    assert not torch.equal(nets[0][0].weight, nets[1][0].weight)
    for k, net in enumerate(nets):
        (file,) = tmp_path.glob(f"teachers/*/*/seed0_{k}.pt")
        net.load_state_dict(torch.load(file, weights_only=True))
    mean = (nets[0](data.train[0]) + nets[1](data.train[0])) / 2
    assert torch.allclose(scores, mean.detach(), atol=1e-5)
    recipes = (Recipe(), Recipe(teachers=2))
    far = [(train.fit(SHORT, r, 0)[0](data.train[0]) - mean).square().mean() for r in recipes]
    assert far[1] < 0.8 * far[0]


def test_recipes_are_read_from_words_and_have_a_name_of_their_own():
    words = ["penalty=l_half", "strength=2e-4", "teachers=4"]
    assert Recipe.of(words) == Recipe(penalty="l_half", strength=2e-4, teachers=4)
    assert Recipe.of(words).label != Recipe.of(words[:2]).label
    assert Recipe().label == "dense"


def test_zeros_are_cut_out_on_the_way_and_training_goes_on():
    samples = SHORT.load(0).train
    counts, hits = [], []
    for cut_every in (0, 1):
        torch.manual_seed(0)
        model = SHORT.net()
        optimizer = adam(model, SHORT, SPARSE, fused=False)
        train.train(model, optimizer, samples, SHORT, SPARSE, cut_every)
        counts.append(count_of(model))
        hits.append(accuracy(model, samples))
    (_, whole), (nonzeros, n_weights) = counts
    assert 0 < nonzeros <= n_weights < whole
    assert abs(hits[0] - hits[1]) < 0.1


@pytest.mark.parametrize("width", [1e-1, 1e-3])
def test_relu_is_rounded_off_within_a_width_only_and_has_no_kink(width):
    module = polish.Rounded()
    module.width = width
    z = torch.linspace(-3.0, 3.0, 2001, dtype=torch.float64) * width
    z.requires_grad_()
    out = module(z)
    (slope,) = torch.autograd.grad(out.sum(), z)
    outside = z.detach().abs() > width
    assert torch.allclose(out[outside], torch.relu(z)[outside], rtol=0, atol=1e-15)
    assert (out - torch.relu(z)).abs().max() <= width / 4 * (1 + 1e-12)
    assert slope.diff().max() <= 1.01 * 3.0 / 2000  # slopes rise from 0 to 1 over two widths


def test_the_file_holds_a_bit_for_each_weight_and_the_nonzero_ones():
    model = mlp(8, 4)
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].weight[1, 2] = 3.0
    content = gzip.decompress(packed(model))
    assert len(content) == 8 * 4 // 8 + 4 + 4 * 4
    bits = np.unpackbits(np.frombuffer(content[:4], np.uint8))
    assert np.flatnonzero(bits).tolist() == [8 + 2]


def test_a_net_without_idle_inputs_and_units_has_the_same_loss():
    torch.manual_seed(0)
    model = mlp(64, 16, 12, 10)
    with torch.no_grad():
        model[0].weight[:, 5:40] = 0.0
        model[2].weight[:, [3, 7]] = 0.0  # no weight reads these units
        model[4].weight[:, 1] = 0.0
        model[2].weight[2] = 0.0  # a constant unit, which is read
    objective = polish.Objective(model, SHORT.load(0).train)
    w = objective.start()
    small, kept = objective.without_idle((w != 0.0) | ~objective.penalised)
    assert [p.shape for p in small.parameters[::2]] == [(14, 29), (11, 14), (10, 11)]
    rest = np.setdiff1d(np.arange(len(w)), kept)
    assert w[rest].any()
    value, gradient = small(w[kept])
    w[rest] = 0.0
    whole, slope = objective(w)
    assert np.isclose(value, whole, rtol=1e-12)
    assert np.allclose(gradient, slope[kept], rtol=0, atol=1e-12)
    assert not slope[np.setdiff1d(rest, np.flatnonzero(objective.penalised))].any()


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.timeout(600)  # no test of speed
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("l2", [0.0, 1e-3])
def test_a_polish_ends_at_a_stationary_point_of_the_declared_objective(l2):
    model, _ = train.fit(SHORT, SPARSE, seed=0)
    samples = SHORT.load(0).train
    penalty = ElasticNet(strength=5e-3 + l2, l1_ratio=5e-3 / (5e-3 + l2))
    result = polish.polish(model, samples, penalty, seconds=500.0)
    assert result["before"] > 0.05
    assert result["after"] < result["before"] / 50
    # by hand: minus the gradient is in the subdifferential of 5e-3 |w| + l2 / 2 w^2
    model.zero_grad()
    torch.nn.functional.cross_entropy(model(samples[0].double()), samples[1]).backward()
    for p in model.parameters():
        slope = p.grad if p.ndim == 1 else p.grad + 5e-3 * torch.sign(p) + l2 * p
        away = torch.where((p == 0) & (p.ndim > 1), (p.grad.abs() - 5e-3).clamp(min=0), slope)
        assert away.abs().max() <= 5e-3 * result["after"] * (1 + 1e-6)


def test_validation_chooses_and_the_test_set_does_not(monkeypatch, tmp_path):
    monkeypatch.setattr(train, "NETS", tmp_path)
    dense, mild, strong = Recipe(), replace(SPARSE, strength=1e-3), replace(SPARSE, strength=1e-2)
    monkeypatch.setitem(TRAININGS, "short", SHORT)
    monkeypatch.setitem(plans.PLANS, "short", plans.Plan((dense,), (mild, strong)))
    made = ((dense, 0.90, 0.1, 100), (mild, 0.897, 0.2, 20), (strong, 0.80, 0.99, 2))
    for recipe, validation, test, nonzeros in made:
        for seed in plans.SEEDS:
            file = train.file_of(SHORT, recipe, seed)
            file.parent.mkdir(parents=True, exist_ok=True)
            result = {"validation": validation, "test": test, "nonzeros": nonzeros}
            file.write_text(json.dumps(result | {"n_weights": 100, "bytes": nonzeros}))
    assert choice.chosen("short") == choice.Choice(dense, sparsest=mild, best=mild, with_l1=mild)
    cells = report.line("short")
    assert cells[1:5] == ["10.0 %", "+10.0 (+10.0 to +10.0)", "20.0 %", "5 times smaller"]


def test_a_point_is_beaten_by_one_with_no_more_weights_and_no_less_accuracy():
    assert beaten([(0.1, 0.9), (0.2, 0.95)], [(0.1, 0.9), (0.2, 0.94)]) == (1, 2)
