"""Options in checkpoints of an optimiser, compared with those given when it is loaded."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import torch

from softreg_fast.options.scalars import is_real
from softreg_fast.penalties import Penalty


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
    return repr(float(value)).removesuffix(".0") if is_real(value) else repr(value)


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
