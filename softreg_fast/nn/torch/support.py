"""Support of penalised weights: freezing, minimum size, warnings, transfer to averages."""

from __future__ import annotations

from typing import Any

import torch

from softreg_fast.nn.checks import check_integer
from softreg_fast.penalties import Penalty


def check_schedule(freeze: Any, refit: Any, min_keep: Any, start: int = 0) -> None:
    """Raise ValueError unless start < freeze <= refit, where given, and min_keep is a count."""
    for name, value in (("freeze", freeze), ("refit", refit)):
        if value is None:
            continue
        check_integer(name, value, 0, plain=True)
        if value <= start and start:
            raise ValueError(
                f"{name}={value} comes before the first proximal step, start={start}: there would "
                "be no zeros to keep."
            )
    if freeze is not None and refit is not None and freeze > refit:
        raise ValueError(
            f"freeze={freeze} comes after refit={refit}, which freezes zeros as well: leave one of "
            "them out."
        )
    check_integer("min_keep", min_keep, 0, plain=True)


def reached(step: int | None, n_steps: int) -> bool:
    """Return whether step number n_steps comes after `step` steps; False for None."""
    return step is not None and n_steps > step


def is_frozen(schedule: dict[str, Any], n_steps: int) -> bool:
    """Return whether zeros are frozen in step number n_steps, counted from 1."""
    return reached(schedule.get("freeze"), n_steps) or is_refit(schedule, n_steps)


def is_refit(schedule: dict[str, Any], n_steps: int) -> bool:
    """Return whether the penalty is off in step number n_steps, counted from 1."""
    return reached(schedule.get("refit"), n_steps)


def hold(parameter: torch.Tensor, zero: torch.Tensor, state: dict[str, Any]) -> None:
    """Set w[zero] = 0, and also the moments of these weights, which would move them again."""
    parameter.masked_fill_(zero, 0.0)
    for name, value in state.items():
        if name != "step" and torch.is_tensor(value) and value.shape == parameter.shape:
            value.masked_fill_(zero, 0.0)


def prox_with_floor(
    penalty: Penalty, z: torch.Tensor, t: float | torch.Tensor, scale: float, min_keep: int
) -> torch.Tensor:
    """Compute the proximal point of z with at least min_keep nonzero units.

    A unit is a weight, or a group that becomes zero together. If fewer than min_keep would remain,
    those of largest sum z_j^2 / t_j, the cost of setting them to zero in the metric of the step,
    keep the values of the gradient step: the largest units are not penalised, as in the trimmed
    Lasso (Bertsimas, Copenhaver, Mazumder 2017).
    """
    x: torch.Tensor = penalty.prox(z, t, scale)
    alive = penalty.unit_sums((x != 0).to(x.dtype)) > 0
    missing = min(min_keep, alive.numel()) - int(alive.sum())
    if missing <= 0:
        return x
    free = penalty.prox(z, t, 0.0)  # nothing is shrunk, but a sign constraint still holds
    cost = penalty.unit_sums(torch.where(free == 0, free, free * free / t))
    chosen = torch.topk(cost.masked_fill(alive, -1.0), missing).indices
    kept = torch.zeros_like(cost).index_fill_(0, chosen, 1.0)
    return torch.where(penalty.to_units(kept, x) > 0, free, x)


# -- layers that become all zero -------------------------------------------------------------------
