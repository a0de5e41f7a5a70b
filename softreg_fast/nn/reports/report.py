"""report(): counts of nonzero weights, rows and columns, bytes and multiply-adds of each layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from softreg_fast.nn.reports.network_report import LayerReport, NetworkReport
from softreg_fast.nn.torch.parameters import parameters_of

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)

STEPPED = (nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell)

PACKED = nn.utils.rnn.PackedSequence  # a tuple, but a single argument

LOOKUPS = (nn.Embedding, nn.EmbeddingBag)

# Modules whose multiply-adds are positions times weights.
COUNTED = (nn.Linear, *CONVOLUTIONS, *TRANSPOSED, *STEPPED)

# Bytes of an index in a list of nonzeros.
INDEX_BYTES = 4


def report(model: nn.Module, example_inputs: Any = None) -> NetworkReport:
    """Count the nonzero weights, rows, columns, bytes and multiply-adds of every layer.

    Parameters
    ----------
    model : torch.nn.Module
        Parameters that layers share count once, at the first of them.
    example_inputs : tensor, tuple of arguments, or dict of named ones; or None, default=None
        Run through the network once, in evaluation mode and without gradients, to count the
        multiply-adds for these inputs; a batch of one gives those of one sample. None: they are not
        counted.

    Returns
    -------
    NetworkReport

    Raises
    ------
    TypeError
        If model is no torch.nn.Module.

    Notes
    -----
    A weight of a Linear, convolution, LSTM, GRU or RNN is used once for each position of the output
    (of the input for transposed convolutions) or each step of a sequence, so that multiply-adds are
    positions times weights; padding is counted. Looking up rows of an embedding takes none. Those
    of biases, norms and activations are not counted, nor products of activations, such as attention
    scores. Other modules with weights, and modules whose forward is not called, are listed in
    `uncounted`.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import report
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    >>> with torch.no_grad():
    ...     _ = model[0].weight[1].zero_()
    >>> found = report(model, torch.zeros(1, 4))
    >>> found.multiply_adds, found.multiply_adds_left
    (10, 6)
    >>> found.layers[0].rows_left
    1
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}.")
    met = None if example_inputs is None else positions_of(model, example_inputs)
    own: dict[nn.Module, list[torch.nn.Parameter]] = {}
    for _, parameter, module in parameters_of(model):
        own.setdefault(module, []).append(parameter)
    return NetworkReport(
        tuple(
            _layer(name, module, own.get(module, []), met)
            for name, module in model.named_modules()
            if any(parameter is not None for parameter in module._parameters.values())
        )
    )


def _layer(
    name: str,
    module: nn.Module,
    own: list[torch.nn.Parameter],
    met: dict[nn.Module, int] | None,
) -> LayerReport:
    weights = weights_of(module)
    own_weights = [w for w in own if w.ndim >= 2]
    rows, columns = groups_of(module, weights)
    n_multiply = n_multiply_left = None
    if met is not None and (module in met or not weights or isinstance(module, LOOKUPS)):
        positions = met.get(module, 0)
        n_multiply = positions * sum(w.numel() for w in weights)
        n_multiply_left = positions * sum(map(_count, weights))
    return LayerReport(
        name=name,
        kind=type(module).__name__,
        parameters=sum(p.numel() for p in own),
        nonzeros=sum(map(_count, own)),
        weights=sum(w.numel() for w in own_weights),
        weight_nonzeros=sum(map(_count, own_weights)),
        rows=rows.numel(),
        rows_left=_count(rows),
        columns=columns.numel(),
        columns_left=_count(columns),
        bytes=sum(p.numel() * p.element_size() for p in own),
        bytes_left=sum(map(_smallest_form, own)),
        multiply_adds=n_multiply,
        multiply_adds_left=n_multiply_left,
    )


def weights_of(module: nn.Module) -> list[torch.Tensor]:
    """Return the weights of a module as it uses them, also if computed from other parameters."""
    names = [name for name, p in module._parameters.items() if p is not None and p.ndim >= 2]
    if isinstance(module, COUNTED) and not isinstance(module, STEPPED):
        names = ["weight"]
    return [getattr(module, name).detach() for name in names]


def groups_of(module: nn.Module, weights: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the masks of rows and of columns of a module that have a nonzero weight."""
    if isinstance(module, STEPPED):
        return _units_of(module)
    rows, columns = [], []
    for weight in weights:
        # (groups, outputs of each, inputs of each, spatial axes)
        outs, ins = weight.shape[:2]
        n = int(getattr(module, "groups", 1))
        nonzero = weight != 0
        if isinstance(module, TRANSPOSED):
            nonzero = nonzero.reshape(n, outs // n, ins, -1).transpose(1, 2)
        else:
            nonzero = nonzero.reshape(n, outs // n, ins, -1)
        rows.append(nonzero.any(3).any(2).reshape(-1))
        columns.append(nonzero.any(3).any(1).reshape(-1))
    nothing = torch.zeros(0, dtype=torch.bool)
    return torch.cat(rows or [nothing]), torch.cat(columns or [nothing])


def _units_of(module: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    # hidden units with a nonzero weight in any gate, of all layers and directions, and inputs of
    # the first layer
    size = int(module.hidden_size)
    units, inputs = [], []
    for name, weight in module._parameters.items():
        if name.startswith("weight_ih") and weight is not None:
            recurrent = getattr(module, name.replace("_ih", "_hh"))
            both = torch.cat([weight.detach(), recurrent.detach()], 1) != 0
            units.append(both.reshape(-1, size, both.shape[1]).any(2).any(0))
            if "_l" not in name or "_l0" in name:
                inputs.append((weight != 0).any(0))
    return torch.cat(units), torch.stack(inputs).any(0)


def _count(x: torch.Tensor) -> int:
    return int(torch.count_nonzero(x))


def _smallest_form(x: torch.Tensor) -> int:
    n, left, size = int(x.numel()), _count(x), int(x.element_size())
    return min(n * size, left * size + (n + 7) // 8, left * (size + INDEX_BYTES))


def positions_of(model: nn.Module, example_inputs: Any) -> dict[nn.Module, int]:
    """Count how often each weight of a module is used, for modules that were called."""
    met: dict[nn.Module, int] = {}

    def count(module: nn.Module, arguments: Any, named: Any, output: Any) -> None:
        given = arguments[0] if arguments else next(iter(named.values()))
        met[module] = met.get(module, 0) + _positions(module, given, output)

    handles = [
        module.register_forward_hook(count, with_kwargs=True)
        for module in model.modules()
        if isinstance(module, COUNTED)
    ]
    try:
        with _evaluation(model), torch.no_grad():
            if isinstance(example_inputs, dict):
                model(**example_inputs)
            elif isinstance(example_inputs, tuple) and not isinstance(example_inputs, PACKED):
                model(*example_inputs)
            else:
                model(example_inputs)
    finally:
        for handle in handles:
            handle.remove()
    return met


def _positions(module: nn.Module, given: Any, output: Any) -> int:
    if isinstance(module, TRANSPOSED):
        return int(given.numel()) // int(module.in_channels)
    while not torch.is_tensor(output):  # (output, states), or a PackedSequence
        output = output[0]
    if isinstance(module, CONVOLUTIONS):
        return int(output.numel()) // int(module.out_channels)
    return math.prod(output.shape[:-1])


@contextmanager
def _evaluation(model: nn.Module) -> Iterator[None]:
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
