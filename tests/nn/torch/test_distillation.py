"""Distillation: the loss, its gradient, and refused input."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402
from torch.testing import assert_close  # noqa: E402

from softreg_fast.nn import distillation_loss  # noqa: E402


def scores_and_target(seed, n=7, n_classes=4):
    generator = torch.Generator().manual_seed(seed)
    scores, teacher = torch.randn(2, n, n_classes, generator=generator, dtype=torch.float64) * 3
    target = torch.randint(n_classes, (n,), generator=generator)
    return scores.requires_grad_(), teacher.requires_grad_(), target


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.0, 0.3, 1])
@pytest.mark.parametrize("temperature", [0.5, 1, 3.0])
def test_the_gradient_is_that_of_the_formula_and_none_reaches_the_teacher(seed, share, temperature):
    scores, teacher, target = scores_and_target(seed)
    loss = distillation_loss(scores, teacher, target, temperature=temperature, share=share)
    loss.backward()
    right = functional.one_hot(target, 4).double()
    found, wanted = ((each / temperature).softmax(1).detach() for each in (scores, teacher))
    slope = (1 - share) * (scores.softmax(1) - right) + share * temperature * (found - wanted)
    assert_close(scores.grad, slope.detach() / len(target))
    assert teacher.grad is None


def test_without_a_share_it_is_cross_entropy_and_alone_it_vanishes_at_the_teacher():
    scores, teacher, target = scores_and_target(0)
    plain = functional.cross_entropy(scores, target)
    assert_close(distillation_loss(scores, teacher, target, share=0.0), plain)
    shifted = teacher + torch.arange(7.0, dtype=torch.float64)[:, None]  # the same probabilities
    nothing = distillation_loss(shifted, teacher, target, share=1.0)
    assert abs(float(nothing.detach())) < 1e-12
    assert distillation_loss(scores, teacher, target, share=1.0) > 0.01


def test_positions_count_like_samples_and_targets_may_be_probabilities():
    scores, teacher, target = scores_and_target(1, n=6)
    flat = distillation_loss(scores, teacher, target)
    folded = [each.reshape(2, 3, 4).transpose(1, 2) for each in (scores, teacher)]
    assert_close(distillation_loss(*folded, target.reshape(2, 3)), flat)
    soft = functional.one_hot(target, 4).double()
    assert_close(distillation_loss(scores, teacher, soft), flat)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 0.0}, "temperature must be a number > 0, got 0.0"),
        ({"temperature": float("nan")}, "temperature must be a number > 0"),
        ({"temperature": float("inf")}, "temperature must be a number > 0"),
        ({"temperature": True}, "temperature must be a number > 0, got True"),
        ({"share": 1.5}, "share must be a number >= 0 and <= 1, got 1.5"),
        ({"share": "all"}, "share must be a number >= 0 and <= 1, got 'all'"),
        ({"teacher_scores": torch.zeros(1, 4)}, r"shape \(7, 4\), but teacher_scores \(1, 4\)"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes, message):
    scores, teacher, target = scores_and_target(0)
    given = {"teacher_scores": teacher, "target": target} | changes
    with pytest.raises(ValueError, match=message):
        distillation_loss(scores, **given)


@pytest.mark.parametrize(
    ("teacher_scores", "given"),
    [
        ([[0.0] * 4] * 7, "list"),
        (torch.zeros(7, 4).numpy(), "ndarray"),
        (torch.zeros(7, 4, dtype=torch.int64), "torch.int64"),
    ],
)
def test_scores_are_tensors_of_floating_point_numbers(teacher_scores, given):
    scores, _, target = scores_and_target(0)
    message = f"teacher_scores must be a tensor of floating-point numbers, got {given}"
    with pytest.raises(TypeError, match=message):
        distillation_loss(scores, teacher_scores, target)


def test_a_class_that_the_teacher_rules_out_is_no_nan():
    scores, teacher, target = scores_and_target(0)
    teacher = teacher.detach().clone()
    teacher[:, 0] = -torch.inf
    loss = distillation_loss(scores, teacher, target, share=1.0, temperature=1.0)
    loss.backward()
    assert_close(scores.grad, (scores.softmax(1) - teacher.softmax(1)).detach() / len(target))


def test_scores_need_an_axis_of_classes():
    with pytest.raises(ValueError, match=r"\(n_samples, n_classes, ...\), got \(3,\)"):
        distillation_loss(torch.zeros(3), torch.zeros(3), torch.zeros(3))
