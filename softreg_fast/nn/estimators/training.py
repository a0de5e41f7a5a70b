"""Training of a multilayer perceptron in PyTorch, by Adam with proximal steps.

All random numbers come from the given NumPy generator; PyTorch's generator, threads and modes are
left unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from softreg_fast.nn.estimators.dense_layers import DenseLayer, Layers
from softreg_fast.nn.torch.dead_layers import deaths_expected
from softreg_fast.nn.torch.prox_adamw import ProxAdamW
from softreg_fast.penalties import Penalty

if TYPE_CHECKING:
    from softreg_fast.nn.estimators.fitting import Part

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "identity": lambda x: x,
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
}

# Loss of each sample, from outputs and targets of shape (samples, outputs).
LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "identity": lambda f, y: 0.5 * (f - y).square().mean(1),
    "logistic": lambda f, y: functional.binary_cross_entropy_with_logits(
        f, y, reduction="none"
    ).sum(1),
    "softmax": lambda f, y: -(y * functional.log_softmax(f, 1)).sum(1),
}

# Number, and fraction of all steps, before the first proximal step (the smaller of both): at first
# Adam's second moment is small and noisy, and its steps are long.
LONGEST_START = 100
START = 0.1


def train(
    layers: Layers,
    batches: Callable[[], Any],
    n_steps: int,
    part: Part,
    after: Callable[[float, float | None, list[DenseLayer]], bool],
    *,
    activation: str,
    out_activation: str,
) -> list[DenseLayer]:
    """Train layers for the passes of a part over the data, or until `after` returns true.

    Parameters
    ----------
    layers : list of DenseLayer
        Initial layers.
    batches : callable
        Returns the batches (X, y, sample_weight) of one pass, weights of mean 1 over all samples.
    n_steps : int
        Number of batches in a pass.
    part : Part
        Passes, penalties, learning rate.
    after : callable
        Called after each pass with the mean loss, loss + penalties (None before the first proximal
        step), and layers that share their memory with those in training. A true return value ends
        the training.
    """
    with torch.inference_mode(False), torch.enable_grad(), deaths_expected():
        weights = [_parameter(layer.coef.T) for layer in layers]
        intercepts = [_parameter(layer.intercept) for layer in layers]
        if part.frozen:
            for weight in weights:
                _freeze_zeros(weight)
        optimizer = ProxAdamW(
            [
                *(
                    {"params": [w], "penalty": p, "seen_only": False}
                    for w, p in zip(weights, part.penalties, strict=True)
                ),
                {"params": intercepts},
            ],
            lr=part.learning_rate(0.0),
        )
        start = 0 if part.frozen else min(LONGEST_START, int(START * part.n_epochs * n_steps))
        step = 0
        now = [
            DenseLayer(w.detach().numpy().T, b.detach().numpy())
            for w, b in zip(weights, intercepts, strict=True)
        ]
        for _ in range(part.n_epochs):
            total, n_samples = 0.0, 0
            for X, y, sample_weight in batches():
                rate = part.learning_rate(step / (part.n_epochs * n_steps))
                for group in optimizer.param_groups:
                    group["lr"] = rate
                    group["strength_scale"] = part.strength if step >= start else 0.0
                optimizer.zero_grad()
                x = torch.from_numpy(X)
                for weight, intercept in zip(weights[:-1], intercepts, strict=False):
                    x = ACTIVATIONS[activation](functional.linear(x, weight, intercept))
                x = functional.linear(x, weights[-1], intercepts[-1])
                each = LOSSES[out_activation](x, torch.from_numpy(y))
                loss = (each * torch.from_numpy(sample_weight)).sum() / len(X)
                loss.backward()
                optimizer.step()
                total += float(loss.detach()) * len(X)
                n_samples += len(X)
                step += 1
            loss_now = total / n_samples
            objective = None
            if step > start:
                objective = loss_now + part.strength * _value(weights, part.penalties)
            if after(loss_now, objective, now):
                break
    return [DenseLayer(np.array(coef), np.array(intercept)) for coef, intercept in now]


def _value(weights: list[torch.nn.Parameter], penalties: Sequence[Penalty | None]) -> float:
    pairs = zip(weights, penalties, strict=True)
    return sum(p.value(w.detach()) for w, p in pairs if p is not None)


def _parameter(values: Any) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.from_numpy(np.array(values, order="C")))


def _freeze_zeros(weight: torch.nn.Parameter) -> None:
    mask = (weight != 0).to(weight.dtype).detach()
    weight.register_hook(lambda gradient: gradient * mask)
