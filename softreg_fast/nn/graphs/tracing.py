"""Tracing of a network's forward by torch.fx."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx, nn


class Untraceable(Exception):
    """torch.fx cannot trace the network; `reason` is all that it says."""

    def __init__(self, error: Exception) -> None:
        super().__init__(first_line(error))
        self.reason = str(error)


class _Tracer(fx.Tracer):
    # modules that cannot be traced become one opaque node each
    def __init__(self) -> None:
        super().__init__()
        self.opaque: dict[str, Exception] = {}

    def call_module(self, m: Any, forward: Any, args: Any, kwargs: Any) -> Any:
        n_known, stack = len(self.graph.nodes), dict(self.module_stack)
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception as error:
            for node in reversed(list(self.graph.nodes)[n_known:]):
                self.graph.erase_node(node)
            self.module_stack.clear()
            self.module_stack.update(stack)
            path = self.path_of_module(m)
            self.opaque[path] = error
            return self.create_proxy("call_module", path, args, kwargs)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, shortened."""
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:120]


def bind(model: nn.Module, example_inputs: Any) -> dict[str, Any]:
    """Return {argument of forward: its example}, with the defaults of arguments not given."""
    args: tuple[Any, ...] = (example_inputs,)
    kwargs: dict[str, Any] = {}
    if isinstance(example_inputs, tuple | list):
        args = tuple(example_inputs)
    elif isinstance(example_inputs, dict):
        args, kwargs = (), example_inputs
    try:
        bound = inspect.signature(model.forward).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(
            f"example_inputs do not fit forward: {error}. Give a tensor, a tuple of the positional "
            "arguments or a dict of arguments by name."
        ) from error
    bound.apply_defaults()
    return dict(bound.arguments)


def trace(model: nn.Module, arguments: dict[str, Any]) -> tuple[fx.Graph, dict[str, Exception]]:
    """Trace forward; return its graph and {opaque module: why it could not be traced}.

    Raises
    ------
    Untraceable
    """
    tracer = _Tracer()
    plain = (bool, int, float, str, type(None))
    concrete = {k: v for k, v in arguments.items() if isinstance(v, plain)}
    try:
        return tracer.trace(model, concrete_args=concrete or None), tracer.opaque
    except Exception as error:
        raise Untraceable(error) from error


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Switch the model to eval mode; restore modes, buffers, attributes and random state after."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    attributes = set(vars(model))
    devices = {p.device.index for p in model.parameters() if p.device.type == "cuda"}
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=sorted(devices)):
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        for buffer, saved in buffers:
            buffer.copy_(saved)
        for name in set(vars(model)) - attributes:  # constants that tracing has added
            delattr(model, name)
