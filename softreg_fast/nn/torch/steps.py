"""Proximal steps in the metric of PyTorch's optimisers, with the step length of each weight.

A proximal step minimises the declared objective only in the metric of the gradient step before it.
Step lengths t_j that differ from those of the gradient step change the effective strength, with
Adam by another factor for every weight.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch.optim import (
    ASGD,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
)

from softreg_fast.kernels import _prox
from softreg_fast.nn.torch.prox_adamw import ProxAdamW, flat
from softreg_fast.nn.torch.rules import Target
from softreg_fast.nn.torch.support import prox_with_floor
from softreg_fast.nn.training import STEPS_TO_BE_SEEN
from softreg_fast.penalties.arrays import n_threads_for
from softreg_fast.penalties.elementwise import Elementwise


class Moment(NamedTuple):
    """Step lengths lr / (sqrt(v) / c2 + eps) of Adam, AdamW and NAdam.

    seen_only: steps are 0 for weights that never had a gradient.
    """

    v: torch.Tensor
    lr: float
    eps: float
    c2: float
    seen_only: bool

    def steps(self) -> torch.Tensor:
        """Return the step length of each weight."""
        v = self.v if self.v.dtype in (torch.float32, torch.float64) else self.v.float()
        t = self.lr / (v.sqrt() / self.c2 + self.eps)
        return t.masked_fill(v == 0, 0.0) if self.seen_only else t


EXACT: tuple[type[Optimizer], ...] = (SGD, Adam, AdamW, NAdam)

# Optimisers that add weight_decay * w to the gradient.
COUPLED: tuple[type[Optimizer], ...] = (
    *(SGD, Adam, NAdam),
    *(RMSprop, Adagrad, Adadelta, Adamax, RAdam, ASGD),
)


def check_metric(optimizer: Optimizer, metric: str) -> None:
    """Raise an error unless the metric of this optimiser is known.

    Raises
    ------
    ValueError, TypeError
    """
    if metric not in ("adaptive", "decoupled"):
        raise ValueError(f"metric must be 'adaptive' or 'decoupled', got {metric!r}.")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be a torch.optim.Optimizer, got {optimizer!r}.")
    if isinstance(optimizer, ProxAdamW):
        raise ValueError(
            "ProxAdamW takes proximal steps itself: give it param_groups(model, rules)."
        )
    if metric == "adaptive" and not isinstance(optimizer, EXACT):
        names = ", ".join(cls.__name__ for cls in EXACT)
        raise ValueError(
            f"The metric of {type(optimizer).__name__} is not known; exact are {names}. With "
            "metric='decoupled' the steps are the learning rate for every weight, which solves "
            "another problem than the declared one."
        )
    if any(group.get("maximize") for group in optimizer.param_groups):
        raise ValueError("maximize=True and a penalty contradict each other; minimise the loss.")


def is_decoupled(optimizer: Optimizer, group: dict[str, Any]) -> bool:
    """Return whether the weight decay of a group is not added to the gradient, as in AdamW."""
    return isinstance(optimizer, AdamW) or bool(group.get("decoupled_weight_decay"))


def decay_of(optimizer: Optimizer, group: dict[str, Any]) -> float:
    """Return the decay that belongs to the objective, as decay / 2 * sum w^2; else 0."""
    if not isinstance(optimizer, COUPLED) or is_decoupled(optimizer, group):
        return 0.0
    return float(group.get("weight_decay", 0.0))


def step_of(
    optimizer: Optimizer, group: dict[str, Any], target: Target, metric: str
) -> float | Moment | None:
    """Return the step lengths of the update just made, or None if there was none."""
    if group.get("maximize"):  # in a group added later, or from a checkpoint
        raise ValueError("maximize=True and a penalty contradict each other; minimise the loss.")
    lr = float(group["lr"])
    if metric == "decoupled":
        return lr
    if isinstance(optimizer, SGD):
        momentum, dampening = float(group["momentum"]), float(group["dampening"])
        # for a constant gradient the buffer converges to (1 - dampening) / (1 - momentum) times it
        return lr * (1.0 - dampening) / (1.0 - momentum) if momentum else lr
    state = optimizer.state.get(target.parameter)
    if not state:
        return None
    v = state["max_exp_avg_sq" if group.get("amsgrad") else "exp_avg_sq"]
    n_steps = float(state["step"])
    c2 = (1.0 - group["betas"][1] ** n_steps) ** 0.5
    seen_only = target.seen_only or n_steps <= STEPS_TO_BE_SEEN
    return Moment(v, lr, float(group["eps"]), c2, seen_only)


def check_gradient(target: Target) -> None:
    """Raise ValueError for sparse gradients and for complex parameters."""
    parameter = target.parameter
    if parameter.grad is not None and parameter.grad.is_sparse:
        raise ValueError(
            f"{target.name} has sparse gradients, which say nothing about the steps of other rows; "
            "make the embedding with sparse=False."
        )
    if parameter.is_complex():
        raise ValueError(f"{target.name} is complex; penalties are for real weights.")


def take_step(target: Target, step: float | Moment, scale: float, min_keep: int = 0) -> None:
    """Take the proximal step of one parameter, in place."""
    parameter, penalty = target.parameter, target.penalty
    check_gradient(target)
    if _fits_kernel(target, step) and not min_keep:
        assert isinstance(penalty, Elementwise)
        assert isinstance(step, Moment)
        _prox.prox_by_moment(
            flat(parameter),
            flat(step.v),
            (step.lr, step.eps, step.c2, step.seen_only),
            penalty.rule(scale),
            penalty.weights_as(parameter),
            n_threads_for(parameter.numel()),
        )
        return
    t: float | torch.Tensor = step if isinstance(step, float) else step.steps()
    z = parameter.detach()
    if z.dtype not in (torch.float32, torch.float64):
        z = z.float()  # steps much smaller than the weight would be rounded away
    if target.padding is not None and isinstance(step, float):
        t = torch.full_like(z, step)
        t[target.padding] = 0.0
    if min_keep:
        parameter.copy_(prox_with_floor(penalty, z, t, scale, min_keep))
    else:
        parameter.copy_(penalty.prox(z, t, scale))


def _fits_kernel(target: Target, step: float | Moment) -> bool:
    parameter = target.parameter
    return (
        isinstance(step, Moment)
        and isinstance(target.penalty, Elementwise)
        and parameter.device.type == "cpu"
        and parameter.dtype in (torch.float32, torch.float64)
        and parameter.is_contiguous()
        and step.v.is_contiguous()
        and step.v.dtype == parameter.dtype
    )
