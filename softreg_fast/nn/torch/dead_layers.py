"""Warnings of layers whose weights have all become zero."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

from softreg_fast.penalties import Penalty

# Steps between checks whether all weights of a parameter are zero; each is a pass over them.
STEPS_BETWEEN_DEATHS = 50

_expected: ContextVar[bool] = ContextVar("deaths are expected", default=False)


@contextmanager
def deaths_expected() -> Iterator[None]:
    """Suppress warnings of all-zero layers, which are normal at the end of paths."""
    token = _expected.set(True)
    try:
        yield
    finally:
        _expected.reset(token)


class Watch:
    """Warning, once for each parameter, that its penalty has made all of it zero.

    Biases are exempt: a layer with zero bias still passes its input on.
    """

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._alive: set[int] = set()

    def knows(self, parameter: torch.Tensor) -> bool:
        """Return whether the parameter has been checked before."""
        return id(parameter) in self._known

    def look(self, parameter: torch.Tensor, name: str, penalty: Penalty, scale: float) -> None:
        """Warn if the parameter is all zero, but was not when first checked."""
        key, alive = id(parameter), bool(parameter.detach().any())
        if key not in self._known and alive and "bias" not in name.rpartition(".")[2]:
            self._alive.add(key)
        self._known.add(key)
        if not alive and key in self._alive:
            self._alive.discard(key)
            if not _expected.get():
                warnings.warn(
                    f"The penalty has made all weights of {name} zero: "
                    f"{type(penalty).__name__} with strength {penalty.strength * scale:.4g}. "
                    "Nothing passes that layer any more, and zero gradients keep it so. Lower the "
                    "strength, let it rise more slowly (ramp=), or keep some weights (min_keep=).",
                    stacklevel=2,
                )
