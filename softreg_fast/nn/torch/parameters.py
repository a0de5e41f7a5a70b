"""The parameters of a PyTorch model, each with the modules that hold it, also inside wrappers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

NORMS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)

# Parameters of an attention that are linear maps (beside out_proj, which is a Linear), or biases.
PROJECTIONS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")

BIASES = ("bias_k", "bias_v")

WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


class Place(NamedTuple):
    """Place of a parameter in a model: its names with and without wrappers, and its module.

    `attribute` is its name in the module, `within` the MultiheadAttention that contains the module,
    or None. Weights that are computed from parameters have a place too, for messages.
    """

    name: str
    short: str
    module: nn.Module
    attribute: str
    within: nn.Module | None = None

    def is_named(self, key: Any) -> bool:
        """Return whether the key is the full name."""
        return key in (self.name, self.short)

    def fits(self, key: Any) -> bool:
        """Return whether the key is a class of the module or a name or pattern of the parameter."""
        if isinstance(key, str):
            return any(name == key or fnmatchcase(name, key) for name in (self.name, self.short))
        if key is nn.Linear and isinstance(self.module, nn.MultiheadAttention):
            return self.attribute in PROJECTIONS
        return isinstance(self.module, key) or isinstance(self.within, key)

    def is_weight(self, parameter: torch.Tensor) -> bool:
        """Return whether rules apply to the parameter without giving its full name."""
        if isinstance(self.module, nn.MultiheadAttention) and self.attribute in BIASES:
            return False
        return parameter.ndim >= 2 and not isinstance(self.module, NORMS)


def parameters_of(model: nn.Module) -> Iterator[tuple[str, torch.nn.Parameter, nn.Module]]:
    """Yield (name, parameter, the module that holds it), each parameter once."""
    for parameter, places in places_of(model):
        yield places[0].name, parameter, places[0].module


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside wrappers such as DistributedDataParallel and torch.compile."""
    while True:
        inner = _inner_of(model)
        if inner is None:
            return model
        model = getattr(model, inner)


def _inner_of(module: nn.Module) -> str | None:
    # the attribute in which a wrapper holds its module, or None
    if "_orig_mod" in module._modules:
        return "_orig_mod"
    return "module" if isinstance(module, WRAPPERS) else None


def places_of(model: nn.Module) -> list[tuple[torch.nn.Parameter, list[Place]]]:
    # every parameter once, with all modules that hold it
    found: dict[int, tuple[torch.nn.Parameter, list[Place]]] = {}
    modules = dict(model.named_modules(remove_duplicate=False))
    for module_name, module in modules.items():
        prefix, short = _prefixes(module_name, modules)
        above = modules[module_name.rpartition(".")[0]] if module_name else None
        within = above if isinstance(above, nn.MultiheadAttention) else None
        for name, parameter in module.named_parameters(recurse=False):
            place = Place(prefix + name, short + name, module, name, within)
            found.setdefault(id(parameter), (parameter, []))[1].append(place)
    return list(found.values())


def _prefixes(module_name: str, modules: Mapping[str, nn.Module]) -> tuple[str, str]:
    # the prefixes of the names of a module's parameters, with wrappers and without
    if not module_name:
        return "", ""
    kept, path = [], ""
    for part in module_name.split("."):
        if _inner_of(modules[path]) != part:
            kept.append(part)
        path = f"{path}.{part}" if path else part
    return f"{module_name}.", "".join(f"{part}." for part in kept)


def computed_of(model: nn.Module) -> Iterator[tuple[Place, list[torch.nn.Parameter]]]:
    # weights that are computed from parameters, each with these parameters
    modules = dict(model.named_modules())
    for module_name, module in modules.items():
        prefix, short = _prefixes(module_name, modules)
        if parametrize.is_parametrized(module):
            for name, own in module.parametrizations.items():
                yield Place(prefix + name, short + name, module, name), list(own.parameters())
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm | SpectralNorm):
                names = [f"{hook.name}_{end}" for end in ("g", "v", "orig")]
                parts = [getattr(module, name) for name in names if hasattr(module, name)]
                yield Place(prefix + hook.name, short + hook.name, module, hook.name), parts
