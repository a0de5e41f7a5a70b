"""Distillation loss for training a sparse network on the outputs of larger ones."""

from __future__ import annotations

import torch
from torch.nn import functional

from softreg_fast.nn.checks import check_real


def distillation_loss(
    scores: torch.Tensor,
    teacher_scores: torch.Tensor,
    target: torch.Tensor,
    *,
    temperature: float = 3.0,
    share: float = 0.9,
) -> torch.Tensor:
    """Combine cross-entropy with the divergence from a teacher's predictions.

    With z the scores, v those of the teacher, T the temperature and a the share:

        (1 - a) cross_entropy(z, target) + a T^2 KL(softmax(v / T) || softmax(z / T))

    (Hinton, Vinyals, Dean 2015, "Distilling the knowledge in a neural network", section 2.) A label
    names only the right class; the teacher's probabilities also rank the others for every sample,
    which carries more information and reduces overfitting. The factor T^2 keeps gradients about as
    large as with T = 1, so that strengths of penalties keep their meaning.

    Parameters
    ----------
    scores : tensor (n_samples, n_classes) or (n_samples, n_classes, ...)
        Outputs before softmax of the network in training.
    teacher_scores : tensor like scores
        Those of the teacher for the same inputs; the mean for several teachers. They get no
        gradient.
    target : tensor of int (n_samples,), or of probabilities like scores
        As for `torch.nn.functional.cross_entropy`.
    temperature : float > 0, default=3.0
        Larger values give more weight to classes that the teacher finds improbable.
    share : float in [0, 1], default=0.9
        0 is plain cross-entropy, 1 ignores the labels.

    Returns
    -------
    tensor ()
        The mean over the samples.

    Raises
    ------
    ValueError
        If the scores differ in shape, or temperature or share are out of range.
    TypeError
        If scores are no tensors of floating-point numbers.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import distillation_loss
    >>> scores = torch.zeros(1, 2)
    >>> round(float(distillation_loss(scores, scores, torch.tensor([0]))), 4)  # 0.1 log 2
    0.0693
    """
    for name, value in (("scores", scores), ("teacher_scores", teacher_scores)):
        if not torch.is_tensor(value) or not value.is_floating_point():
            kind = value.dtype if torch.is_tensor(value) else type(value).__name__
            raise TypeError(f"{name} must be a tensor of floating-point numbers, got {kind}.")
    if scores.shape != teacher_scores.shape:
        raise ValueError(
            f"scores have the shape {tuple(scores.shape)}, but teacher_scores "
            f"{tuple(teacher_scores.shape)}; give those of both networks for the same inputs."
        )
    if scores.ndim < 2:
        raise ValueError(
            f"scores must have the shape (n_samples, n_classes, ...), got {tuple(scores.shape)}."
        )
    check_real("temperature", temperature, above=True)
    check_real("share", share, most=1.0)
    wanted = functional.softmax(teacher_scores.detach() / temperature, 1)
    found = functional.log_softmax(scores / temperature, 1)
    divergence = functional.kl_div(found, wanted, reduction="none").sum(1).mean()
    error = functional.cross_entropy(scores, target)
    return (1.0 - share) * error + share * temperature**2 * divergence
