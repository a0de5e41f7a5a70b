"""Which parameters of a PyTorch model get which penalty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import torch
from torch import nn

from softreg_fast.nn.penalties import Penalty

Rules = Mapping[Any, Penalty]

NORMS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)


class Target(NamedTuple):
    """A parameter and its penalty; `seen_only`: leave alone what never had a gradient."""

    name: str
    parameter: torch.nn.Parameter
    penalty: Penalty
    seen_only: bool


def targets_of(model: nn.Module, rules: Rules) -> list[Target]:
    """The penalised parameters of a model, each once also where layers share it.

    Parameters
    ----------
    model : torch.nn.Module
    rules : dict
        From a parameter's name, with shell wildcards ("encoder.*.weight"), or a class of modules
        to a Penalty. The first that fits counts. Biases, other parameters with one axis, and those
        of normalisation layers are meant only by their full names.

    Raises
    ------
    TypeError, ValueError
        For rules that are none, or that fit no parameter.
    """
    for key, penalty in rules.items():
        if not isinstance(penalty, Penalty):
            raise TypeError(f"rules[{key!r}] is {penalty!r}; wanted is a penalty, such as L1(...).")
        if not isinstance(key, str) and not (isinstance(key, type) and issubclass(key, nn.Module)):
            raise TypeError(
                f"{key!r} is no rule; wanted is a parameter's name, * and ? allowed, or a class of "
                "modules."
            )
    unused = dict(rules)
    found = []
    for name, parameter, module in parameters_of(model):
        for key, penalty in rules.items():
            if _fits(key, name, parameter, module):
                unused.pop(key, None)
                found.append(Target(name, parameter, penalty, isinstance(module, nn.Embedding)))
                break
    if unused:
        names = ", ".join(name for name, _, _ in parameters_of(model))
        raise ValueError(
            f"No parameter fits {', '.join(map(repr, unused))}. There are: {names}. Biases and "
            "normalisation layers must be named in full."
        )
    return found


def parameters_of(model: nn.Module) -> Iterator[tuple[str, torch.nn.Parameter, nn.Module]]:
    """(name, parameter, the module that holds it), each parameter once."""
    known: set[int] = set()
    for module_name, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            if id(parameter) not in known:
                known.add(id(parameter))
                yield f"{module_name}.{name}" if module_name else name, parameter, module


def _fits(key: Any, name: str, parameter: torch.nn.Parameter, module: nn.Module) -> bool:
    if key == name:
        return True
    if parameter.ndim < 2 or isinstance(module, NORMS):
        return False
    return fnmatchcase(name, key) if isinstance(key, str) else isinstance(module, key)
