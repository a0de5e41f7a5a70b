"""Removal of units from weights, gradients, optimiser state and penalties.

A plan is plain data that `torch.load(weights_only=True)` reads: {"kept": {name of a parameter or
buffer: for each axis the remaining indices among the original ones, None for all}, "sizes": {name
of a module: {attribute: its number of units}}}.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.optim import LBFGS, Optimizer

from softreg_fast.nn.compaction.compact_report import CutPlan
from softreg_fast.nn.torch.prox_adamw import ProxAdamW
from softreg_fast.nn.torch.proximal import attached_to

# Attribute of a model that holds the plan of what has been cut out of it.
KEY = "_softreg_fast_plan"

SIZES = (
    *("in_features", "out_features", "in_channels", "out_channels", "groups", "num_features"),
    *("num_parameters", "embedding_dim", "input_size", "hidden_size"),
)


def tensors_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return parameters and buffers by name, shared ones once under their first name."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def plan_of(model: nn.Module) -> CutPlan:
    """Return the plan of what has been cut out of a model so far."""
    plan: CutPlan = vars(model).get(KEY, {"kept": {}, "sizes": {}})
    return plan


class Surgery:
    """Reversible cut of the present model.

    `kept` and `sizes` are as in a plan, with indices among the present ones.
    """

    def __init__(self, model: nn.Module, kept: dict[str, Any], sizes: dict[str, Any]) -> None:
        self.model = model
        self.kept = kept
        self.sizes = sizes
        self._before: list[tuple[torch.Tensor, Any, Any]] = []
        self._old_sizes: list[tuple[nn.Module, str, int]] = []

    def cut(self) -> None:
        """Cut the weights and their gradients, and set the size attributes of their modules."""
        tensors = tensors_of(self.model)
        for name, kept in self.kept.items():
            tensor = tensors[name]
            self._before.append((tensor, tensor.data, tensor.grad))
            gradient = None if tensor.grad is None else left_of(tensor.grad, kept)
            _put(tensor, left_of(tensor.data, kept), gradient)
        for name, sizes in self.sizes.items():
            module = self.model.get_submodule(name)
            for attribute, size in sizes.items():
                self._old_sizes.append((module, attribute, getattr(module, attribute)))
                setattr(module, attribute, size)
        self._flatten()

    def undo(self) -> None:
        """Restore the model to its state before `cut`."""
        for tensor, data, gradient in self._before:
            _put(tensor, data, gradient)
        for module, attribute, size in self._old_sizes:
            setattr(module, attribute, size)
        self._flatten()

    def cut_optimizer(self, optimizer: Optimizer) -> None:
        """Cut the optimiser's state and its penalties, after `cut`; this cannot be undone."""
        tensors = tensors_of(self.model)
        for (name, kept), (_, data, _) in zip(self.kept.items(), self._before, strict=True):
            parameter, shape = tensors[name], tuple(data.shape)
            state = optimizer.state.get(parameter, {})
            for key, x in state.items():
                if isinstance(x, torch.Tensor) and tuple(x.shape) == shape:
                    state[key] = left_of(x, kept)
            proximal = attached_to(optimizer)
            if proximal is not None:
                proximal.take(parameter, shape, kept)
            if isinstance(optimizer, ProxAdamW):
                optimizer.take(parameter, shape, kept)

    def note(self) -> CutPlan:
        """Store on the model the plan of all cuts so far, and return it."""
        known = plan_of(self.model)
        plan: CutPlan = {"kept": dict(known["kept"]), "sizes": {**known["sizes"]}}
        for name, kept in self.kept.items():
            earlier = known["kept"].get(name, [None] * len(kept))
            plan["kept"][name] = [
                first if now is None else [int(k) if first is None else first[k] for k in now]
                for first, now in zip(earlier, kept, strict=True)
            ]
        for name, sizes in self.sizes.items():
            plan["sizes"][name] = {**plan["sizes"].get(name, {}), **sizes}
        if self.kept:
            setattr(self.model, KEY, plan)
        return plan

    def _flatten(self) -> None:
        for module in self.model.modules():
            if isinstance(module, nn.RNNBase):
                module.flatten_parameters()


def left_of(tensor: torch.Tensor, kept: Any) -> torch.Tensor:
    """Select the remaining entries of a tensor."""
    for axis, indices in enumerate(kept):
        if indices is not None:
            index = torch.as_tensor(indices, dtype=torch.int64, device=tensor.device)
            tensor = tensor.index_select(axis, index)
    return tensor


def _put(tensor: torch.Tensor, data: torch.Tensor, gradient: Any) -> None:
    # If the autograd graph of the last step is still alive, it holds the old shape, and the next
    # backward pass would fail; a temporary change of dtype makes PyTorch drop that.
    tensor.grad = None
    other = torch.float64 if data.dtype == torch.float32 else torch.float32
    tensor.data = torch.empty(0, dtype=other, device=data.device)
    tensor.data = data
    tensor.grad = gradient


def rest_of(model: nn.Module, plan: CutPlan) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what remains to be cut from a model to follow the plan, as kept and sizes.

    Raises
    ------
    TypeError, ValueError
    """
    if not isinstance(plan, dict) or set(plan) != {"kept", "sizes"}:
        raise TypeError(f"plan must be the plan of a report of compact(), got {plan!r:.80}.")
    tensors, known = tensors_of(model), plan_of(model)["kept"]
    rest = {}
    for name, kept in plan["kept"].items():
        if name not in tensors or len(kept) != tensors[name].dim():
            raise ValueError(f"The plan cuts {name}, which this model does not have like that.")
        earlier = known.get(name, [None] * len(kept))
        rest[name] = [
            _within(name, positions, first, size)
            for positions, first, size in zip(kept, earlier, tensors[name].shape, strict=True)
        ]
    sizes: dict[str, dict[str, int]] = {}
    for name, wished in plan["sizes"].items():
        module = dict(model.named_modules()).get(name)
        for attribute, size in wished.items():
            if attribute not in SIZES or not hasattr(module, attribute) or int(size) < 1:
                raise ValueError(f"The plan makes {name}.{attribute} {size}, which cannot be.")
            if getattr(module, attribute) != size:
                sizes.setdefault(name, {})[attribute] = int(size)
    return {k: kept for k, kept in rest.items() if any(x is not None for x in kept)}, sizes


def _within(name: str, positions: Any, first: Any, size: int) -> Any:
    # positions of the given indices among those that remain; None to cut nothing
    if positions is None or positions == first:
        if positions is None and first is not None:
            raise ValueError(f"The model has lost units of {name} that the plan keeps.")
        return None
    places = {k: place for place, k in enumerate(range(size) if first is None else first)}
    if not positions or any(k not in places for k in positions):
        raise ValueError(f"The plan keeps units of {name} that this model does not have.")
    return [places[k] for k in positions]


def odd_state(optimizer: Optimizer | None) -> Iterator[tuple[torch.Tensor, str]]:
    """Yield (parameter, reason) where state of another shape in the optimiser prevents a cut."""
    if optimizer is None:
        return
    name = type(optimizer).__name__
    for parameter in (p for group in optimizer.param_groups for p in group["params"]):
        state = optimizer.state.get(parameter, {})
        plain = all(
            not isinstance(x, list | tuple | dict)
            and (not isinstance(x, torch.Tensor) or x.dim() == 0 or x.shape == parameter.shape)
            for x in state.values()
        )
        if not plain or (isinstance(optimizer, LBFGS) and any(optimizer.state.values())):
            yield parameter, f"{name} keeps state of another shape than its weights"


def twins(model: nn.Module) -> Iterator[torch.Tensor]:
    """Yield distinct parameters and buffers that share memory."""
    places: dict[tuple[Any, int], torch.Tensor] = {}
    for tensor in tensors_of(model).values():
        if tensor.numel() > 0:
            other = places.setdefault((tensor.device, tensor.data_ptr()), tensor)
            if other is not tensor:
                yield from (other, tensor)
