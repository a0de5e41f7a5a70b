"""The calls of a traced network, each with its operation, and a walk through them in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import fx, nn

from softreg_fast.nn.graphs.operations import (
    MODULES,
    UNKNOWN,
    Family,
    Operation,
    name_of,
    of_function,
    of_module,
)


@dataclass(eq=False)
class Call:
    """One node of a graph: a call, an input ("placeholder"), a weight ("get_attr") or "output".

    Parameters
    ----------
    node : torch.fx.Node
    operation : Operation
        What is known of the call.
    module : torch.nn.Module or None
        The module that is called; None for functions and methods.
    args, kwargs : tuple and dict
        Arguments, with values in place of the nodes that they came from.
    result : any
        Result for an example, where the call was performed on one.
    """

    node: fx.Node
    operation: Operation
    module: nn.Module | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any = None

    @property
    def name(self) -> str:
        """Name for messages: that of the module, or of the call in the model's code."""
        return str(self.node.target) if self.module is not None else self.node.name

    @property
    def kind(self) -> str:
        """Class of the module, or name of the function."""
        return name_of(self.node) if self.module is None else type(self.module).__name__

    @property
    def family(self) -> Family:
        """Family of the operation."""
        return self.operation.family

    @property
    def is_plain(self) -> bool:
        """Return whether its module, if any, is of the very class whose operation is known."""
        return self.module is None or type(self.module) in MODULES

    def option(self, name: str, default: Any = None) -> Any:
        """Return an option: a module's attribute, or an argument by name or by its place.

        `default` is for operations without such an option.
        """
        options = self.operation.options
        default = options.get(name, default)
        if self.module is not None:
            return getattr(self.module, name, default)
        place = 1 + list(options).index(name) if name in options else len(self.args)
        given = self.args[place] if len(self.args) > place else default
        return self.kwargs.get(name, given)

    def perform(self, pick: Callable[[Any], Any]) -> Any:
        """Perform the call on pick(argument) for each argument, also within tuples and lists."""
        args: Any = fx.node.map_aggregate(self.args, pick)
        kwargs: Any = fx.node.map_aggregate(self.kwargs, pick)
        if self.module is not None:
            return self.module(*args, **kwargs)
        if self.node.op == "call_method":
            return getattr(args[0], str(self.node.target))(*args[1:], **kwargs)
        function: Any = self.node.target
        return function(*args, **kwargs)


def walk(graph: fx.Graph, model: nn.Module, visit: Callable[[Call], Any]) -> None:
    """Visit the calls of a graph in order.

    Parameters
    ----------
    graph : torch.fx.Graph
    model : torch.nn.Module
        The model that was traced.
    visit : callable
        visit(call) returns the value that stands for the call's result in the arguments of later
        ones. Values are dropped after their last use.
    """
    last = {used: node for node in graph.nodes for used in node.all_input_nodes}
    values: dict[fx.Node, Any] = {}
    for node in graph.nodes:
        values[node] = visit(_call(node, model, values))
        for used in node.all_input_nodes:
            if last[used] is node:
                del values[used]


def _call(node: fx.Node, model: nn.Module, values: dict[fx.Node, Any]) -> Call:
    args: Any = fx.node.map_arg(node.args, values.__getitem__)
    kwargs: Any = fx.node.map_arg(node.kwargs, values.__getitem__)
    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        return Call(node, of_module(module), module, args, kwargs)
    known = of_function(node) if node.op.startswith("call_") else UNKNOWN
    return Call(node, known, None, args, kwargs)
