"""Assignment of penalties to the parameters of a PyTorch model by rules."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from softreg_fast.nn.torch.parameters import (
    NORMS,
    Place,
    computed_of,
    places_of,
)
from softreg_fast.penalties import Penalty

Rules = Mapping[Any, Penalty | None]

# Modules that use their weights as a lookup table.
LOOKUPS = (nn.Embedding, nn.EmbeddingBag)

# Modules that use all of their weights for every sample: weights that never get a gradient have no
# effect.
DENSE = (
    nn.Linear,
    nn.Bilinear,
    nn.modules.conv._ConvNd,
    nn.RNNBase,
    nn.RNNCellBase,
    nn.MultiheadAttention,
    nn.PReLU,
    *NORMS,
)

# Maximum number of names in a message.
MOST_NAMES = 20


class Target(NamedTuple):
    """A parameter and its penalty.

    seen_only: never change weights that have not had a gradient. padding: the row of a lookup table
    for the padding index, which is not trained, or None.
    """

    name: str
    parameter: torch.nn.Parameter
    penalty: Penalty
    seen_only: bool
    padding: int | None = None


def targets_of(model: nn.Module, rules: Rules) -> list[Target]:
    """Return the penalised parameters of a model, shared ones once.

    Parameters
    ----------
    model : torch.nn.Module
    rules : dict
        {parameter name, with shell wildcards ("encoder.*.weight"), or class of modules: Penalty, or
        None for none}. The first rule that matches applies. Biases, other parameters with one axis,
        and those of normalisation layers are matched only by their full names. The prefixes of
        wrappers ("module.", "_orig_mod.") may be left out. A shared parameter is matched by each of
        its names and modules. `torch.nn.Linear` also matches the projections of a
        MultiheadAttention, which are linear maps, and `torch.nn.MultiheadAttention` all of its
        projections.

    Raises
    ------
    TypeError, ValueError
        For invalid rules, or rules that match no parameter; for a weight that is computed from
        other parameters (weight_norm, spectral_norm, parametrizations), which must be named instead
        to be penalised; for lazy layers without sizes; for a penalty whose settings do not fit the
        shape of a parameter.
    """
    _check_rules(model, rules)
    parameters = list(places_of(model))
    computed = list(computed_of(model))
    parts = {id(part): place for place, own in computed for part in own}
    used, found = set(), []
    for parameter, places in parameters:
        whole = parts.get(id(parameter))
        for key, penalty in rules.items():
            if _means(key, parameter, places, whole):
                used.add(key)
                if penalty is not None:
                    found.append(_target(key, penalty, parameter, places))
                break
    used |= _spared(computed, rules, {id(target.parameter) for target in found})
    unused = [key for key in rules if key not in used]
    if unused:
        raise ValueError(_why_unused(unused[0], rules, parameters))
    return found


def _means(
    key: Any, parameter: torch.nn.Parameter, places: list[Place], whole: Place | None
) -> bool:
    # whether a rule applies to a parameter; whole: the weight that is computed from it, or None
    if any(place.is_named(key) for place in places):
        return True
    if whole is not None and whole.fits(key):
        return False  # the rule applies to the computed weight, not to its parts
    fits = [place for place in places if place.fits(key)]
    if fits and is_lazy(parameter):
        return True  # its shape, and so whether it is a bias, is unknown yet
    return any(place.is_weight(parameter) for place in fits)


def _target(
    key: Any, penalty: Penalty, parameter: torch.nn.Parameter, places: list[Place]
) -> Target:
    name = places[0].name
    if is_lazy(parameter):
        raise ValueError(
            f"{name} belongs to a lazy layer and has no shape yet: run the model once on a batch, "
            "then make the optimizer, then attach."
        )
    try:
        penalty.check_fits(tuple(parameter.shape))
    except ValueError as error:
        raise ValueError(f"The penalty of {_shown(key)} does not fit {name}: {error}") from None
    modules = [place.module for place in places]
    looked_up = any(isinstance(module, LOOKUPS) for module in modules)
    unknown = not any(isinstance(module, DENSE) for module in modules)
    paddings = {getattr(module, "padding_idx", None) for module in modules}
    padding = paddings.pop() if len(paddings) == 1 else None
    return Target(name, parameter, penalty, looked_up or unknown, padding)


# -- invalid and unused rules ----------------------------------------------------------------------


def _check_rules(model: Any, rules: Any) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}.")
    if not isinstance(rules, Mapping):
        raise TypeError(
            f"rules must be a dict, such as {{torch.nn.Linear: L1(strength=1e-3)}}, got "
            f"{type(rules).__name__}."
        )
    if all(penalty is None for penalty in rules.values()):
        raise ValueError(
            "rules have no penalty, so that nothing would be penalised; expected at least one, "
            "such as {torch.nn.Linear: L1(strength=1e-3)}."
        )
    for key, penalty in rules.items():
        if not isinstance(penalty, Penalty | None):
            raise TypeError(
                f"rules[{_shown(key)}] is {penalty!r}; expected a penalty, such as "
                "L1(strength=...), or None."
            )
        if not isinstance(key, str) and not (isinstance(key, type) and issubclass(key, nn.Module)):
            raise TypeError(
                f"{key!r} is no rule; expected a parameter's name, * and ? allowed, or a class of "
                "modules."
            )


def _spared(
    computed: list[tuple[Place, list[torch.nn.Parameter]]], rules: Rules, taken: set[int]
) -> set[Any]:
    # rules with None that match a computed weight; ValueError if a rule penalises one
    spared = set()
    for place, parts in computed:
        if any(id(part) in taken for part in parts) or not any(part.ndim >= 2 for part in parts):
            continue
        key = next((key for key in rules if place.fits(key)), None)
        if key is not None and rules[key] is not None:
            raise ValueError(
                f"The rule {_shown(key)} means {place.name}, which is computed from other "
                "parameters (weight_norm, spectral_norm or another parametrization): proximal "
                "steps on these are no penalty on it. Leave it out by a rule "
                f"{{{place.name!r}: None}} before that one, name the parameters in full that it is "
                "made of, or take the parametrization off "
                "(torch.nn.utils.parametrize.remove_parametrizations)."
            )
        spared.add(key)
    return spared


def _shown(key: Any) -> str:
    return repr(key) if isinstance(key, str) or not isinstance(key, type) else key.__name__


def _why_unused(
    key: Any, rules: Rules, parameters: list[tuple[torch.nn.Parameter, list[Place]]]
) -> str:
    for parameter, places in parameters:
        first = next((each for each in rules if _means(each, parameter, places, None)), key)
        if first != key and _means(key, parameter, places, None):
            return (
                f"All that the rule {_shown(key)} fits, such as {places[0].name}, has its penalty "
                f"by the rule {_shown(first)} before it; put {_shown(key)} first, or leave it out."
            )
    names = [places[0].name for _, places in parameters]
    shown = ", ".join(names[:MOST_NAMES])
    if len(names) > MOST_NAMES:
        shown += f" and {len(names) - MOST_NAMES} more"
    classes = {type(place.module).__name__ for _, places in parameters for place in places}
    known = names if isinstance(key, str) else sorted(classes)
    close = get_close_matches(key if isinstance(key, str) else key.__name__, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    if not isinstance(key, str):
        hint += f" Modules with parameters are: {', '.join(sorted(classes))}."
    return (
        f"No parameter fits {_shown(key)}.{hint} There are: {shown}. Biases and normalisation "
        "layers must be named in full."
    )
