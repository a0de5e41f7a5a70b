"""report(): what is left of a network, layer by layer: weights, groups, bytes, multiply-adds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from softreg_fast.nn.rules import parameters_of
from softreg_fast.summary import aligned

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
STEPPED = (nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell)
PACKED = nn.utils.rnn.PackedSequence  # a tuple, but one argument
LOOKUPS = (nn.Embedding, nn.EmbeddingBag)

# Modules whose multiply-adds are positions times weights.
COUNTED = (nn.Linear, *CONVOLUTIONS, *TRANSPOSED, *STEPPED)

# Bytes of a position in a list of nonzeros.
INDEX_BYTES = 4


@dataclass(frozen=True)
class LayerReport:
    """What is left of one module with parameters of its own.

    Attributes
    ----------
    name, kind : str
        Where the module is, and its class.
    parameters, nonzeros : int
        Biases included.
    weights, weight_nonzeros : int
        Of those with two axes or more.
    rows, rows_left : int
        Neurons, filters, words; hidden units of recurrent layers; those with a weight that is not
        zero. 0 of 0 where there are no weights.
    columns, columns_left : int
        Inputs, input channels, dimensions of an embedding.
    bytes, bytes_left : int
        As they are, and in the smallest of three forms: as they are, the nonzeros and one bit for
        every weight, or the nonzeros and 4 bytes for the position of each.
    multiply_adds, multiply_adds_left : int or None
        For the example inputs: all, and those with weights that are not zero. None: not counted.
    """

    name: str
    kind: str
    parameters: int
    nonzeros: int
    weights: int
    weight_nonzeros: int
    rows: int
    rows_left: int
    columns: int
    columns_left: int
    bytes: int
    bytes_left: int
    multiply_adds: int | None
    multiply_adds_left: int | None

    @property
    def density(self) -> float:
        """Which part of the parameters is not zero."""
        return self.nonzeros / max(self.parameters, 1)


@dataclass(frozen=True, repr=False)
class NetworkReport:
    """What is left of a network; `str` makes a table of it.

    Attributes
    ----------
    layers : tuple of LayerReport
    """

    layers: tuple[LayerReport, ...]

    def _sum(self, name: str) -> int:
        return sum(getattr(layer, name) or 0 for layer in self.layers)

    @property
    def parameters(self) -> int:
        """All of them, shared ones once."""
        return self._sum("parameters")

    @property
    def nonzeros(self) -> int:
        """Those that are not zero."""
        return self._sum("nonzeros")

    @property
    def density(self) -> float:
        """Which part is not zero."""
        return self.nonzeros / max(self.parameters, 1)

    @property
    def bytes(self) -> int:
        """As they are."""
        return self._sum("bytes")

    @property
    def bytes_left(self) -> int:
        """Each layer in its smallest form."""
        return self._sum("bytes_left")

    @property
    def multiply_adds(self) -> int | None:
        """For the example inputs, of the layers that were counted; None without inputs."""
        return self._sum("multiply_adds") if self._counted else None

    @property
    def multiply_adds_left(self) -> int | None:
        """Those with weights that are not zero."""
        return self._sum("multiply_adds_left") if self._counted else None

    @property
    def _counted(self) -> bool:
        return any(layer.multiply_adds is not None for layer in self.layers)

    @property
    def uncounted(self) -> list[str]:
        """Layers whose multiply-adds are not known, though example inputs were given."""
        if not self._counted:
            return []
        return [layer.name for layer in self.layers if layer.multiply_adds is None]

    @property
    def dead(self) -> list[str]:
        """Layers whose weights are all zero, so that nothing passes them."""
        return [x.name for x in self.layers if x.weights and not x.weight_nonzeros]

    @property
    def compression(self) -> float:
        """Bytes as they are over bytes left."""
        return self.bytes / self.bytes_left if self.bytes_left else math.inf

    def plot(self, ax: Any = None) -> Any:
        """The share of nonzeros of every layer; a `NetworkReportDisplay`."""
        from softreg_fast.nn.display import NetworkReportDisplay

        return NetworkReportDisplay(self).plot(ax)

    def __repr__(self) -> str:
        return (
            f"NetworkReport({len(self.layers)} layers, {self.nonzeros:,} of {self.parameters:,} "
            f"parameters left, {self.compression:.3g} times smaller)"
        )

    def __str__(self) -> str:
        counted = self._counted
        head = ["layer", "kind", "nonzero", "of", "%", "rows", "columns", "bytes", "of"]
        rows = [[*head, "multiply-adds", "of"] if counted else head]
        for layer in (*self.layers, None):
            rows.append(_cells(self, layer, counted))
        first, *lines, last = aligned(rows, left=2)
        rule = "-" * max(map(len, (first, *lines, last)))
        text = [first, rule, *lines, rule, last, self._summary()]
        if self.uncounted:
            text.append(f"Multiply-adds not counted: {', '.join(self.uncounted)}")
        if self.dead:
            names = ", ".join(name or "(model)" for name in self.dead)
            text.append(f"All zero, so that nothing passes: {names}")
        return "\n".join(text)

    def _summary(self) -> str:
        text = f"{_ratio(self.parameters, self.nonzeros)} times fewer weights, "
        text += f"{_ratio(self.bytes, self.bytes_left)} times fewer bytes"
        if self.multiply_adds is not None and self.multiply_adds_left is not None:
            text += f", {_ratio(self.multiply_adds, self.multiply_adds_left)} times fewer"
            text += " multiply-adds"
        return text


def _ratio(whole: int, left: int) -> str:
    return f"{whole / left:.3g}" if left else "infinitely many"


def _cells(report: NetworkReport, layer: LayerReport | None, counted: bool) -> list[str]:
    # a line of the table; of all layers together where there is none
    of = report if layer is None else layer
    names = ["all", ""] if layer is None else [layer.name or "(model)", layer.kind]
    groups = ["", ""]
    if layer is not None and layer.weights:
        groups = [
            f"{layer.rows_left}/{layer.rows}",
            f"{layer.columns_left}/{layer.columns}",
        ]
    cells = [
        *names,
        f"{of.nonzeros:,}",
        f"{of.parameters:,}",
        f"{100.0 * of.density:.3g}",
        *groups,
        f"{of.bytes_left:,}",
        f"{of.bytes:,}",
    ]
    if counted:
        for number in (of.multiply_adds_left, of.multiply_adds):
            cells.append("?" if number is None else f"{number:,}")
    return cells


def report(model: nn.Module, example_inputs: Any = None) -> NetworkReport:
    """What is left of a network, layer by layer.

    Parameters
    ----------
    model : torch.nn.Module
        Parameters that layers share count once, at the first of them.
    example_inputs : tensor, tuple of arguments, or dict of named ones; or None
        Sent through the network once, in evaluation mode and without gradients, to count
        multiply-adds: for these inputs, so give a batch of one to count them for one sample. None:
        they are not counted.

    Returns
    -------
    NetworkReport

    Raises
    ------
    TypeError
        If model is no torch.nn.Module.

    Notes
    -----
    A weight of a Linear, a convolution, an LSTM, a GRU or an RNN meets one number for each position
    of the output (of the input, where the convolution is transposed) or each step of a sequence, so
    that multiply-adds are positions times weights; padding counts as numbers do. Looking up rows of
    an embedding takes none. Those of biases, norms and activations are not counted, nor products of
    activations, such as attention scores. Other modules with weights, and modules that are not
    called as such, are listed in `uncounted`.

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
    """What the inputs of a module are multiplied with; as it is used, also where it is computed."""
    names = [name for name, p in module._parameters.items() if p is not None and p.ndim >= 2]
    if isinstance(module, COUNTED) and not isinstance(module, STEPPED):
        names = ["weight"]
    return [getattr(module, name).detach() for name in names]


def groups_of(module: nn.Module, weights: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Which rows and which columns of a module have a weight that is not zero."""
    if isinstance(module, STEPPED):
        return _units_of(module)
    rows, columns = [], []
    for weight in weights:
        # (groups, outputs of each, inputs of each, the rest)
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
    # hidden units with a weight in any gate, of all layers and directions; inputs of the first
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


# -- multiply-adds ---------------------------------------------------------------------------------


def positions_of(model: nn.Module, example_inputs: Any) -> dict[nn.Module, int]:
    """How many numbers each weight of a module meets, for modules that were called."""
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
