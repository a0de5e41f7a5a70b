"""CompactReport: what compact() has cut, and why other units stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# What has been cut out of a model, as plain data (surgery.py).
CutPlan = dict[str, Any]

INPUTS = ("in_features", "in_channels", "input_size")


@dataclass(frozen=True)
class CompactedLayer:
    """Sizes of a layer that `compact` has made smaller, before and after.

    Attributes
    ----------
    name, kind : str
        Name of the module and of its class.
    before, after : dict
        Sizes of the module, {"out_features": 64, ...}.
    n_before, n_after : int
        Number of its parameters.
    """

    name: str
    kind: str
    before: dict[str, int]
    after: dict[str, int]
    n_before: int
    n_after: int


@dataclass(frozen=True)
class CompactReport:
    """Result of `compact`; printing it gives a table.

    Attributes
    ----------
    layers : list of CompactedLayer
        The layers that have become smaller.
    n_before : int
        Number of parameters of the whole model.
    n_after : int
        Number of parameters of the whole model.
    left : dict
        {module or operation: reason why it keeps units, although some may be zero}.
    unused_inputs : dict
        {argument of forward: (axis, indices)}: inputs on which the outputs do not depend; the shape
        of inputs stays as it is. Axis 0 stands for the flattened sample.
    plan : dict
        Plain data for `compact_like`: everything that has been cut out of this model so far.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import compact
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> with torch.no_grad():
    ...     model[2].weight[:, 1:] = 0.0
    >>> report = compact(model, torch.zeros(1, 3))
    >>> report.n_before, report.n_after
    (21, 6)
    >>> report.layers[0].after
    {'in_features': 3, 'out_features': 1}
    """

    layers: list[CompactedLayer]
    n_before: int
    n_after: int
    left: dict[str, str] = field(default_factory=dict)
    unused_inputs: dict[str, tuple[int, list[int]]] = field(default_factory=dict)
    plan: CutPlan = field(default_factory=lambda: {"kept": {}, "sizes": {}}, repr=False)

    def __str__(self) -> str:
        head = [("layer", "kind", "inputs", "units", "parameters")]
        rows = [_row(layer) for layer in self.layers]
        total = ("total", "", "", "", _arrow(self.n_before, self.n_after))
        table = [*head, *rows, total]
        widths = [max(len(row[k]) for row in table) for k in range(5)]
        lines = [
            "  ".join(x.ljust(n) for x, n in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
        for name, (axis, indices) in self.unused_inputs.items():
            shown = ", ".join(map(str, indices[:20])) + ", ..." * (len(indices) > 20)
            where = f"axis {axis}" if axis else "flattened"
            lines.append(f"unused inputs of {name} ({where}): {shown}")
        lines += [f"left as it is: {name or 'the model'}: {why}" for name, why in self.left.items()]
        return "\n".join(lines)

    __repr__ = __str__


def _arrow(before: int, after: int) -> str:
    return f"{before:,}" if before == after else f"{before:,} -> {after:,}"


def _row(layer: CompactedLayer) -> tuple[str, str, str, str, str]:
    read = [_arrow(n, layer.after[k]) for k, n in layer.before.items() if k in INPUTS]
    made = [
        _arrow(n, layer.after[k])
        for k, n in layer.before.items()
        if k not in INPUTS and k != "groups"
    ]
    n_parameters = _arrow(layer.n_before, layer.n_after)
    return layer.name, layer.kind, ", ".join(read), ", ".join(made), n_parameters
