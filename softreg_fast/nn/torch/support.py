"""Support of penalised weights: freezing, minimum size, warnings, transfer to averages."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from softreg_fast.penalties import Penalty


def check_count(name: str, value: Any) -> None:
    """Raise ValueError unless value is an integer >= 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} must be an integer >= 0, got {value!r}.")


def check_schedule(freeze: Any, refit: Any, min_keep: Any, start: int = 0) -> None:
    """Raise ValueError unless start < freeze <= refit, where given, and min_keep is a count."""
    for name, value in (("freeze", freeze), ("refit", refit)):
        if value is None:
            continue
        check_count(name, value)
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
    check_count("min_keep", min_keep)


def summary_of(penalty: Penalty) -> str:
    """Describe a penalty and its settings as plain text, for checkpoints."""
    settings = []
    for field in fields(penalty):
        value = getattr(penalty, field.name)
        if np.ndim(value):
            settings.append(f"{field.name} of shape {tuple(np.shape(value))}")
        elif value is not None and value is not False:
            settings.append(f"{field.name}={_written(value)}")
    return f"{type(penalty).__name__}({', '.join(settings)})"


def _written(value: Any) -> str:
    # the same text for equal numbers of any type: 1, 1.0 and np.float64(1.0)
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return repr(float(value)).removesuffix(".0") if is_number else repr(value)


def check_loaded(
    name: str, parameter: torch.Tensor, held: Mapping[str, Any], *known: tuple[int, ...]
) -> None:
    """Raise ValueError if a parameter has another shape in a checkpoint.

    Parameters
    ----------
    name : str
    parameter : torch.Tensor
    held : dict
        Its state in the checkpoint; tensors without axes, such as step counts, are ignored.
    *known : tuple
        Shapes of the parameter that are stored in the checkpoint.
    """
    own = tuple(parameter.shape)
    tensors = [x for x in held.values() if torch.is_tensor(x) and x.ndim]
    other = {*known, *(tuple(x.shape) for x in tensors)} - {own}
    if other:
        raise ValueError(
            f"In the checkpoint {name} has the shape {max(other)}, in this model {own}: it belongs "
            "to another model, or to one that compact() has cut (then compact_like() comes first)."
        )


def settled(saved: dict[str, Any], given: dict[str, Any], where: str) -> dict[str, Any]:
    """Merge the state of a schedule from a checkpoint with the options given here.

    Entries that the checkpoint lacks are those given here. For options that differ from those of
    the checkpoint, there is a warning, and those given here are used. For equal options the state
    of the checkpoint is used, such as the effect of `freeze()`.

    Parameters
    ----------
    saved : dict
        {"freeze": ..., "refit": ..., "given": the options that it was written with}; {} if the
        checkpoint has no schedule.
    given : dict
        The options given here; of these, "freeze" and "refit" are also states.
    where : str
        Name of the function or class that got the options, for the warning.
    """
    states = {name: given[name] for name in ("freeze", "refit")}
    known = saved.get("given")
    if known is None:
        saved = {name: value for name, value in saved.items() if value is not None}
        return {**states, **saved, "given": given}
    other = {name for name in given if name in known and known[name] != given[name]}
    if other:
        changes = [change for name in sorted(other) for change in _changes(name, known, given)]
        more = f"; and {len(changes) - 5} more" if len(changes) > 5 else ""
        warnings.warn(
            f"The checkpoint was written with other options: {'; '.join(changes[:5])}{more}. What "
            f"{where} was given here holds.",
            stacklevel=4,
        )
    return {**states, **{k: v for k, v in saved.items() if k not in other}, "given": given}


def _changes(name: str, known: dict[str, Any], given: dict[str, Any]) -> list[str]:
    before, now = known[name], given[name]
    if not isinstance(before, dict) or not isinstance(now, dict):
        return [f"{name} was {before!r}, here it is {now!r}"]
    return [
        f"{each} had the penalty {before.get(each, 'none')}, here {now.get(each, 'none')}"
        for each in sorted({*before, *now})
        if before.get(each) != now.get(each)
    ]


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

# Steps between checks whether all weights of a parameter are zero; each is a pass over them.
STEPS_BETWEEN_DEATHS = 50

_expected: ContextVar[bool] = ContextVar("deaths are expected", default=False)


@contextmanager
def deaths_expected() -> Iterator[None]:
    """Suppress warnings of all-zero layers, which are normal at the end of paths."""
    token = _expected.set(True)
    try:
        yield
    finally:
        _expected.reset(token)


class Watch:
    """Warning, once for each parameter, that its penalty has made all of it zero.

    Biases are exempt: a layer with zero bias still passes its input on.
    """

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._alive: set[int] = set()

    def knows(self, parameter: torch.Tensor) -> bool:
        """Return whether the parameter has been checked before."""
        return id(parameter) in self._known

    def look(self, parameter: torch.Tensor, name: str, penalty: Penalty, scale: float) -> None:
        """Warn if the parameter is all zero, but was not when first checked."""
        key, alive = id(parameter), bool(parameter.detach().any())
        if key not in self._known and alive and "bias" not in name.rpartition(".")[2]:
            self._alive.add(key)
        self._known.add(key)
        if not alive and key in self._alive:
            self._alive.discard(key)
            if not _expected.get():
                warnings.warn(
                    f"The penalty has made all weights of {name} zero: "
                    f"{type(penalty).__name__} with strength {penalty.strength * scale:.4g}. "
                    "Nothing passes that layer any more, and zero gradients keep it so. Lower the "
                    "strength, let it rise more slowly (ramp=), or keep some weights (min_keep=).",
                    stacklevel=2,
                )


def copy_zeros(model: nn.Module, averaged: nn.Module) -> int:
    """Set averaged weights to zero wherever the trained weights are zero.

    Averages (EMA, SWA) are nonzero where any averaged weight was: weights that became zero long ago
    reappear as small numbers. Call this before the average is used or saved, and before
    `torch.optim.swa_utils.update_bn`, which must run on the final network.

    Parameters
    ----------
    model : torch.nn.Module
        The trained model.
    averaged : torch.nn.Module
        `torch.optim.swa_utils.AveragedModel`, or any model with the same parameters. Changed in
        place.

    Returns
    -------
    int
        Number of weights that were set to zero.

    Raises
    ------
    ValueError
        If the two have different parameters.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import copy_zeros
    >>> model = torch.nn.Linear(2, 1)
    >>> average = torch.optim.swa_utils.AveragedModel(model)
    >>> with torch.no_grad():
    ...     _ = model.weight.zero_()
    >>> copy_zeros(model, average)
    2
    """
    inner = averaged.module if isinstance(averaged, AveragedModel) else averaged
    own, its = dict(model.named_parameters()), dict(inner.named_parameters())
    shapes = [{name: tuple(p.shape) for name, p in each.items()} for each in (own, its)]
    if shapes[0] != shapes[1]:
        odd = sorted(set(shapes[0].items()) ^ set(shapes[1].items()))[0][0]
        raise ValueError(
            f"The two models have different parameters, such as {odd}; give the model whose "
            "weights were averaged."
        )
    n_changed = 0
    with torch.no_grad():
        for name, parameter in own.items():
            zero = parameter.eq(0).to(its[name].device)
            n_changed += int((zero & its[name].ne(0)).sum())
            its[name].masked_fill_(zero, 0.0)
    return n_changed
