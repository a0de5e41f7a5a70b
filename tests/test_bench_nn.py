"""The benchmark of sparse training on real data: splits, refit, polish, and what is chosen."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bench.nn import plan, polish, report, train  # noqa: E402
from bench.nn.data import load  # noqa: E402
from bench.nn.tasks import TASKS, Recipe, Task, count_of, mlp  # noqa: E402

SHORT = Task("short", "digits", lambda: mlp(64, 16, 10), epochs=6, batch=64, lr=3e-3, is_mlp=True)
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
    counts = []
    plain = train.refit

    def noting(proximal, optimizer):
        model_weights = [target.parameter for target in proximal.targets]
        counts.append([w == 0 for w in map(torch.clone, model_weights)])
        plain(proximal, optimizer)

    monkeypatch.setattr(train, "refit", noting)
    model, result = train.fit(SHORT, SPARSE, seed=0)
    (zeros,) = counts
    for zero, weight in zip(zeros, [p for p in model.parameters() if p.ndim > 1], strict=True):
        assert zero.any()
        assert (weight[zero] == 0).all()
    assert result["nonzeros"] == count_of(model)[0] < result["n_weights"] == 64 * 16 + 16 * 10


def test_the_file_holds_a_bit_for_each_weight_and_the_nonzero_ones():
    model = mlp(8, 4)
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].weight[1, 2] = 3.0
    content = gzip.decompress(train.packed(model))
    assert len(content) == 8 * 4 // 8 + 4 + 4 * 4
    bits = np.unpackbits(np.frombuffer(content[:4], np.uint8))
    assert np.flatnonzero(bits).tolist() == [8 + 2]


def test_a_polish_ends_at_a_stationary_point_of_the_declared_objective():
    model, _ = train.fit(SHORT, SPARSE, seed=0)
    samples = SHORT.load(0).train
    result = polish.polish(model, samples, 5e-3, seconds=60.0)
    assert result["before"] > 0.05
    assert result["after"] < result["before"] / 50
    # by hand: minus the gradient is in the subdifferential of strength * |w|
    model.zero_grad()
    torch.nn.functional.cross_entropy(model(samples[0].double()), samples[1]).backward()
    for p in model.parameters():
        slope = p.grad if p.ndim == 1 else p.grad + 5e-3 * torch.sign(p)
        away = torch.where((p == 0) & (p.ndim > 1), (p.grad.abs() - 5e-3).clamp(min=0), slope)
        assert away.abs().max() <= 5e-3 * result["after"] * (1 + 1e-6)


def test_validation_chooses_and_the_test_set_does_not(monkeypatch, tmp_path):
    monkeypatch.setattr(train, "FOLDER", tmp_path)
    dense, mild, strong = Recipe(), replace(SPARSE, strength=1e-3), replace(SPARSE, strength=1e-2)
    monkeypatch.setitem(TASKS, "short", SHORT)
    monkeypatch.setitem(plan.PLANS, "short", plan.Plan((dense,), (mild, strong)))
    made = ((dense, 0.90, 0.1, 100), (mild, 0.897, 0.2, 20), (strong, 0.80, 0.99, 2))
    for recipe, validation, test, nonzeros in made:
        for seed in plan.SEEDS:
            file = train.file_of(SHORT, recipe, seed)
            file.parent.mkdir(parents=True, exist_ok=True)
            result = {"validation": validation, "test": test, "nonzeros": nonzeros}
            file.write_text(json.dumps(result | {"n_weights": 100, "bytes": nonzeros}))
    assert plan.chosen("short") == plan.Choice(dense, sparsest=mild, best=mild)
    cells = report.line("short")
    assert cells[1:5] == ["10.0 %", "+10.0 (+10.0 to +10.0)", "20.0 %", "5 times smaller"]


def test_a_point_is_beaten_by_one_with_no_more_weights_and_no_less_accuracy():
    assert report.beaten([(0.1, 0.9), (0.2, 0.95)], [(0.1, 0.9), (0.2, 0.94)]) == (1, 2)
