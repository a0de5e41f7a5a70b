"""compact(): remove zero units from a network in place, and from the state of its optimiser."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.optim import Optimizer

from softreg_fast.nn.compaction.compact_report import INPUTS, CompactedLayer, CompactReport, CutPlan
from softreg_fast.nn.compaction.flow import Flow
from softreg_fast.nn.compaction.follow import follow
from softreg_fast.nn.compaction.layer_rules import wide_matrix
from softreg_fast.nn.compaction.surgery import (
    Surgery,
    odd_state,
    plan_of,
    rest_of,
    tensors_of,
    twins,
)
from softreg_fast.nn.compaction.units import Blocks, Solution, Units
from softreg_fast.nn.graphs.tracing import Untraceable, bind, untouched


def compact(
    model: nn.Module, example_inputs: Any, optimizer: Optimizer | None = None
) -> CompactReport:
    """Remove units that are zero from a network in place, without changing its outputs.

    Neurons, filters, dimensions of embeddings and recurrent units are removed if their output is
    zero, or a constant that the next bias takes over, or if all weights that read them are zero.
    Their rows and columns are removed from the weights of all layers concerned, from gradients,
    batch norms and the state of the optimiser, so that training continues with the same objects.
    Units that momentum would have made nonzero again later are lost.

    Parameters
    ----------
    model : torch.nn.Module
        In eval mode, outputs in that mode are preserved; in training mode, outputs in both modes.
    example_inputs : tensor, tuple of positional arguments, or dict of arguments by name
        One or two samples; only shapes matter.
    optimizer : torch.optim.Optimizer or None, default=None
        The optimiser that trains the model. Its state is cut too, and so are the penalties of
        `attach` and `ProxAdamW`: group numbers, weights of single weights, and the strengths of
        groups, which keep the values of the original group sizes.

    Returns
    -------
    CompactReport
        The layers that were cut, and the reasons why others were not. Save its `plan` in
        checkpoints, for `compact_like`.

    Raises
    ------
    TypeError, ValueError
        If model is no module, optimizer is no optimiser or that of another model, or forward does
        not take the example inputs.

    Notes
    -----
    Layers that can be cut are Linear, Conv1d, Conv2d, Conv3d (groups of channels are cut alike or
    as a whole), BatchNorm, PReLU, Embedding, RNN, LSTM and GRU, through additions, products,
    concatenations, pooling, reshaping, slices of other axes, dropout and activations. Inputs and
    outputs of the network, the width of a LayerNorm, attention and unknown modules keep their size.
    So do layers whose size is written as a number in the source of forward, such as view(-1, 64).

    The graph comes from torch.fx, so that forward must not branch on data. The model is run on the
    example before and after; if its outputs differ, all changes are undone.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import compact
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    >>> with torch.no_grad():
    ...     model[2].weight[:, 2:] = 0.0
    >>> compact(model, torch.zeros(1, 3))
    layer  kind    inputs  units   parameters
    0      Linear  3       8 -> 2  32 -> 8
    2      Linear  8 -> 2  1       9 -> 3
    total                          41 -> 11
    """
    _check(model, optimizer)
    arguments = bind(model, example_inputs)
    if any(isinstance(x, torch.Tensor) and x.numel() == 0 for x in arguments.values()):
        raise ValueError("example_inputs are empty; give one sample at least.")
    n_before = _count(model)
    before = _outputs(model, arguments)
    try:
        flow = follow(model, arguments)
    except Untraceable as error:
        left = {"": f"its graph cannot be had: {error}"}
        return CompactReport([], n_before, n_before, left, {}, plan_of(model))
    _pin_states(model, flow.units, optimizer)
    solution = flow.units.solve()
    left = _reasons(model, flow, solution)
    surgery = Surgery(model, *_cuts(model, flow, solution))
    old = _sizes(model, surgery.sizes)
    folded = _fold(flow.units, solution)
    surgery.cut()
    problem = _check_outputs(model, arguments, before)
    if problem:
        surgery.undo()
        for bias, saved in folded:
            bias.data.copy_(saved)
        return CompactReport([], n_before, n_before, {"": problem}, {}, plan_of(model))
    if optimizer is not None:
        surgery.cut_optimizer(optimizer)
    return CompactReport(
        _layers(model, surgery, old),
        n_before,
        _count(model),
        left,
        _unused(flow.units, solution),
        surgery.note(),
    )


def compact_like(
    model: nn.Module, plan: CutPlan, optimizer: Optimizer | None = None
) -> CompactReport:
    """Cut a model to the sizes of a compacted one, so that it can load that model's state_dict.

    Parameters
    ----------
    model : torch.nn.Module
        Newly made, or cut less. Its weights are cut, not copied: load the state_dict afterwards.
    plan : dict
        `plan` of the last `CompactReport`, from the checkpoint.
    optimizer : torch.optim.Optimizer or None, default=None
        Its state and penalties are cut too: call `attach` before.

    Returns
    -------
    CompactReport

    Raises
    ------
    TypeError, ValueError
        If plan is no plan or does not fit the model, or the optimiser is that of another model. The
        model is then unchanged.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import compact, compact_like
    >>> def make():
    ...     return torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Linear(8, 1))
    >>> model = make()
    >>> with torch.no_grad():
    ...     model[1].weight[:, 2:] = 0.0
    >>> report = compact(model, torch.zeros(1, 3))
    >>> checkpoint = {"model": model.state_dict(), "plan": report.plan}
    >>> fresh = make()
    >>> report = compact_like(fresh, checkpoint["plan"])
    >>> fresh.load_state_dict(checkpoint["model"])
    <All keys matched successfully>
    """
    _check(model, optimizer)
    n_before = _count(model)
    surgery = Surgery(model, *rest_of(model, plan))
    old = _sizes(model, surgery.sizes)
    surgery.cut()
    if optimizer is not None:
        surgery.cut_optimizer(optimizer)
    layers = _layers(model, surgery, old)
    return CompactReport(layers, n_before, _count(model), {}, {}, surgery.note())


def _check(model: Any, optimizer: Any) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}.")
    wrappers = (nn.DataParallel, nn.parallel.DistributedDataParallel, torch.jit.ScriptModule)
    if isinstance(model, wrappers) or hasattr(model, "_orig_mod"):
        raise TypeError(
            f"{type(model).__name__} holds a model; give that model itself, and wrap it again."
        )
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be a torch.optim.Optimizer, got {optimizer!r:.80}.")
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in model.parameters()):
        raise ValueError("The model has lazy layers without sizes; run it once before.")
    own = {id(p) for p in model.parameters()}
    trained = [] if optimizer is None else [p for g in optimizer.param_groups for p in g["params"]]
    if own and trained and own.isdisjoint(map(id, trained)):
        raise ValueError(
            "The optimizer has none of the model's parameters: it trains another model, or a copy "
            "of this one. Give the one that was made with this model's parameters()."
        )


def _count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def _outputs(model: nn.Module, arguments: dict[str, Any]) -> list[torch.Tensor]:
    # all output tensors of the model in eval mode, in order
    found: list[torch.Tensor] = []

    def look(x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            found.append(x)
        return x

    def copy(x: Any) -> Any:
        return x.clone() if isinstance(x, torch.Tensor) else x

    given = fx.node.map_aggregate(dict(arguments), copy)
    positional, named = _call_of(model, given)
    with untouched(model):
        fx.node.map_aggregate(model(*positional, **named), look)
    return found


def _call_of(model: nn.Module, arguments: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    # positional and named arguments for forward, including *args and **kwargs
    bound = inspect.signature(model.forward).bind_partial()
    bound.arguments.update(arguments)
    return list(bound.args), dict(bound.kwargs)


def _check_outputs(
    model: nn.Module, arguments: dict[str, Any], before: list[torch.Tensor]
) -> str | None:
    # the problem with the outputs of a cut network, or None; a safety net below the analysis
    try:
        after = _outputs(model, arguments)
    except Exception as error:
        return f"forward would fail, so that nothing was cut: {error}"[:200]
    for a, b in zip(before, after, strict=False):
        if a.shape != b.shape:
            return f"an output would change its shape, {tuple(a.shape)} to {tuple(b.shape)}"
        if not a.dtype.is_floating_point:
            continue
        if not torch.equal(torch.isnan(a), torch.isnan(b)):
            return "an output would be NaN elsewhere"
        known = ~torch.isnan(a) & torch.isfinite(b)
        scale = float(a[known].abs().max()) if bool(known.any()) else 0.0
        change = float((a[known].double() - b[known].double()).abs().max()) if scale else 0.0
        if change > torch.finfo(a.dtype).eps ** 0.5 * scale:
            return f"the outputs would change by {change:.2g}, so that nothing was cut"
    return None


def _pin_states(model: nn.Module, units: Units, optimizer: Optimizer | None) -> None:
    # pin weights that cannot be cut for reasons outside the graph
    names = {id(tensor): name for name, tensor in tensors_of(model).items()}
    reasons = {id(p): why for p, why in odd_state(optimizer)}
    reasons |= {id(t): "shares its memory with another parameter" for t in twins(model)}
    for (key, _), ids in units.axes.items():
        if key in reasons:
            units.pin(ids, names[key], reasons[key])


def _reasons(model: nn.Module, flow: Flow, solution: Solution) -> dict[str, str]:
    # reasons why units stay that could be cut otherwise
    units = flow.units
    left = dict(units.refused)
    for ids, name, reason in units.pins:
        if name and not units.is_fixed[ids].all():
            left.setdefault(name, reason)
    for block in units.blocks.values():
        if block.n_raised:
            left.setdefault(block.name, f"{block.n_raised} units stay, since {block.reason}")
    for sink in units.sinks.values():
        for reason in sink.why_kept(solution.kept[sink.inputs]):
            left.setdefault(sink.name, reason)
    met = {key for key, _ in units.axes}
    for name, module in model.named_modules():
        own = list(module.parameters(recurse=False))
        if own and not any(id(p) in met for p in own) and max(p.numel() for p in own) > 1:
            left.setdefault(name, "forward does not use it")
    return left


def _cuts(
    model: nn.Module, flow: Flow, solution: Solution
) -> tuple[dict[str, Any], dict[str, Any]]:
    # {tensor: remaining indices by axis} and {module: {attribute: size}}, changes only
    kept: dict[str, Any] = {}
    for name, tensor in tensors_of(model).items():
        axes = [flow.units.axes.get((id(tensor), axis)) for axis in range(tensor.dim())]
        left = [
            None if ids is None or solution.kept[ids].all() else np.flatnonzero(solution.kept[ids])
            for ids in axes
        ]
        if any(x is not None for x in left):
            kept[name] = [None if x is None else x.tolist() for x in left]
    sizes: dict[str, Any] = {}
    for name, counted in flow.attributes.items():
        module = model.get_submodule(name)
        for attribute, ids in counted.items():
            if isinstance(ids, Blocks):
                size = len(ids.alive(solution.kept))
            else:
                size = int(solution.kept[ids].sum())
            if size != getattr(module, attribute):
                sizes.setdefault(name, {})[attribute] = size
    return kept, sizes


def _fold(units: Units, solution: Solution) -> list[tuple[Any, Any]]:
    # add the constants of removed units to the biases of the layers that read them
    changed = []
    for sink in units.sinks.values():
        constant = np.where(solution.kept[sink.inputs], 0.0, np.nan_to_num(sink.constant()))
        if sink.no_fold is None and constant.any():
            weight, bias, groups = sink.fold
            changed.append((bias, bias.data.clone()))
            shift = wide_matrix(weight.detach().cpu().double().numpy(), groups) @ constant
            shift = torch.from_numpy(shift).to(bias.device)
            bias.data.copy_((bias.data.double() + shift).to(bias.dtype))
    return changed


def _sizes(model: nn.Module, names: Any) -> dict[str, tuple[dict[str, int], int]]:
    # {module: (sizes, number of parameters)}
    found = {}
    for name in names:
        module = model.get_submodule(name)
        sizes = {
            key: int(getattr(module, key))
            for key in (*INPUTS, *_UNITS)
            if isinstance(getattr(module, key, None), int)
        }
        found[name] = (sizes, sum(p.numel() for p in module.parameters(recurse=False)))
    return found


_UNITS = (
    *("out_features", "out_channels", "hidden_size", "num_features", "embedding_dim"),
    *("num_parameters", "groups"),
)


def _layers(model: nn.Module, surgery: Surgery, old: dict[str, Any]) -> list[CompactedLayer]:
    new = _sizes(model, old)
    return [
        CompactedLayer(name, type(model.get_submodule(name)).__name__, *sizes, n, new[name][1])
        for name, (before, n) in old.items()
        for sizes in [(before, new[name][0])]
    ]


def _unused(units: Units, solution: Solution) -> dict[str, tuple[int, list[int]]]:
    # unused inputs, as indices along one axis if one axis describes them all
    found = {}
    for name, ids in units.inputs.items():
        idle = ~solution.needed[ids]
        if not idle.any():
            continue
        found[name] = (0, np.flatnonzero(idle.ravel()).tolist())
        for axis in range(idle.ndim):
            others = tuple(k for k in range(idle.ndim) if k != axis)
            along = idle.all(axis=others)
            if (along == idle.any(axis=others)).all():
                found[name] = (axis + 1, np.flatnonzero(along).tolist())
                break
    return found
