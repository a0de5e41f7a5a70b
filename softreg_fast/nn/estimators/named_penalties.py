"""Penalties of the estimators by name, one for each layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from softreg_fast.nn.checks import check_real
from softreg_fast.penalties import (
    L1,
    L2,
    MCP,
    SCAD,
    ElasticNet,
    GroupLasso,
    LHalf,
    NonNegative,
    Penalty,
    SparseGroupLasso,
)

# Penalties by name, for weights of the shape (outputs, inputs), as in PyTorch.
PENALTIES: dict[str, Callable[[float], Penalty]] = {
    "group": lambda l1_ratio: GroupLasso(strength=1.0, groups=1),
    "sparse_group": lambda l1_ratio: SparseGroupLasso(strength=1.0, groups=1, l1_ratio=l1_ratio),
    "l1": lambda l1_ratio: L1(strength=1.0),
    "l2": lambda l1_ratio: L2(strength=1.0),
    "elasticnet": lambda l1_ratio: ElasticNet(strength=1.0, l1_ratio=l1_ratio),
    "mcp": lambda l1_ratio: MCP(strength=1.0),
    "scad": lambda l1_ratio: SCAD(strength=1.0),
    "l_half": lambda l1_ratio: LHalf(strength=1.0),
}


def penalties_of(given: Any, l1_ratio: float, n_layers: int) -> list[Penalty | None]:
    """Return one penalty, or None, for each layer."""
    if isinstance(given, str) and given in PENALTIES:
        check_real("l1_ratio", l1_ratio, most=1.0)
        return [PENALTIES[given](l1_ratio)] * n_layers
    if given is None or isinstance(given, Penalty):
        return [given] * n_layers
    listed = isinstance(given, list | tuple)
    if not listed or not all(each is None or isinstance(each, Penalty) for each in given):
        names = ", ".join(map(repr, PENALTIES))
        raise ValueError(
            f"penalty must be one of {names}, None, a penalty of softreg_fast.nn, or a list of one "
            f"for each layer, got {given!r}."
        )
    if len(given) != n_layers:
        raise ValueError(f"penalty has {len(given)} entries for {n_layers} layers of weights.")
    return list(given)


def in_refit(penalty: Penalty | None) -> Penalty | None:
    """Return what stays of a penalty in the refit: penalties without zeros, signs."""
    if isinstance(penalty, ElasticNet) and (penalty.l1_ratio == 0.0 or penalty.strength == 0.0):
        return penalty
    return NonNegative() if getattr(penalty, "positive", False) else None
