"""Units of a network: which must be cut together, and which are needed by the outputs.

A unit is a neuron, a filter, a dimension of an embedding, a recurrent unit: one index along one
axis of some weights. Every such index has a number. Indices that must be cut together, such as row
k of one layer and column k of the next, are joined; need is then propagated backwards from the
outputs of the network, through nonzero weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ids = Any  # numpy array of int64: numbers of units
Mask = Any  # numpy array of bool

ONE_UNIT = "a layer keeps one unit"


@dataclass
class Sink:
    """Weights that read units: row j of `nonzero` marks the inputs on which output j depends.

    constants: for each use, the values of inputs that are the same for all data, NaN for others.
    no_fold: reason why nonzero constants cannot be folded into the bias, None if they can.
    """

    name: str
    nonzero: Mask
    inputs: Ids
    outputs: Ids
    eps: float
    no_fold: str | None
    fold: Any = None  # (weights, bias, groups), for folding
    constants: list[Any] = field(default_factory=list)

    def constant(self) -> Any:
        """Return the inputs that are constant and the same in all uses; NaN elsewhere."""
        low, high = np.min(self.constants, axis=0), np.max(self.constants, axis=0)
        same = high - low <= 4.0 * self.eps * np.maximum(1.0, np.abs(high))
        return np.where(same, self.constants[0], np.nan)

    def spare(self) -> Mask:
        """Return the mask of inputs that can be cut: zero, or constant that the bias can absorb."""
        constant = self.constant()
        return ~np.isnan(constant) & ((constant == 0.0) | (self.no_fold is None))

    def constant_somewhere(self) -> Mask:
        """Return the mask of inputs that are constant in at least one use."""
        found: Mask = ~np.isnan(np.array(self.constants)).all(0)
        return found

    def why_kept(self, kept: Mask) -> Iterable[str]:
        """Yield the reasons why inputs are kept that do not depend on the data."""
        used = self.nonzero.any(0) & kept & ~self.spare()
        each = ~np.isnan(np.array(self.constants)).any(0)
        agree = ~np.isnan(self.constant())
        if stay := int((used & agree).sum()):
            yield f"{stay} inputs are constant, but not zero: {self.no_fold}"
        if stay := int((used & each & ~agree).sum()):
            yield f"{stay} inputs are constant, but not the same in all uses, training and not"


@dataclass
class Blocks:
    """Blocks of units that must keep equal numbers of units, at least one each.

    Each block has one or more parts: a group of a convolution has inputs and outputs. Blocks that
    keep no unit may be removed as a whole if `droppable`.
    """

    name: str
    parts: list[tuple[Ids, ...]]
    reason: str = ONE_UNIT
    droppable: bool = False
    n_raised: int = 0

    def alive(self, kept: Mask) -> list[int]:
        """Return the indices of the blocks that are kept, at least one."""
        found = [
            k
            for k, block in enumerate(self.parts)
            if not self.droppable or any(kept[part].any() for part in block)
        ]
        return found or [0]

    def missing(self, kept: Mask, costs: Any) -> Ids:
        """Return further units to keep for equal numbers, those with the smallest costs."""
        alive = [self.parts[k] for k in self.alive(kept)]
        found = []
        for same in zip(*alive, strict=True):
            wanted = max(1, *(int(kept[part].sum()) for part in same))
            for part in same:
                spare = part[~kept[part]]
                n_missing = wanted - (len(part) - len(spare))
                found.append(spare[np.argsort(costs[spare], kind="stable")[:n_missing]])
        return np.concatenate(found)


class Units:
    """All units of a network, collected while its graph is followed."""

    def __init__(self) -> None:
        self.positions = np.zeros(0, np.int64)
        self.is_fixed = np.zeros(0, bool)
        self.sinks: dict[str, Sink] = {}
        self.blocks: dict[str, Blocks] = {}
        self.pins: list[tuple[Ids, str, str]] = []
        self.axes: dict[tuple[int, int], Ids] = {}
        self.tensors: dict[int, Any] = {}
        self.inputs: dict[str, Ids] = {}  # of the network, one for each entry of a sample
        self.refused: dict[str, str] = {}  # {module with weights: reason why it is not cut}
        self._links: list[Any] = []

    def new(self, n: int, fixed: bool = False) -> Ids:
        """Create n units and return their numbers; fixed ones are never cut, needed or not."""
        first = len(self.positions)
        places = np.zeros(n, np.int64) if fixed else np.arange(n)
        self.positions = np.concatenate([self.positions, places])
        self.is_fixed = np.concatenate([self.is_fixed, np.full(n, fixed)])
        return np.arange(first, first + n)

    def pinned(self, n: int) -> Ids:
        """Create n units that are fixed and needed, and return their numbers."""
        found = self.new(n, fixed=True)
        self.pins.append((found, "", ""))
        return found

    def join(self, a: Ids, b: Ids) -> None:
        """Join a[k] and b[k], so that they are cut together or not at all."""
        a, b = np.ravel(a), np.ravel(b)
        differ = a != b
        if differ.any():
            self._links.append(np.unique(np.stack([a[differ], b[differ]]), axis=1))

    def pin(self, ids: Ids, name: str, reason: str) -> None:
        """Mark units as needed, by an operation `name` that cannot be analysed, for this reason."""
        self.pins.append((np.unique(ids), name, reason))

    def axis(self, tensor: Any, axis: int, ids: Ids) -> Ids:
        """Register the units along an axis of weights; return those registered first, joined."""
        self.tensors[id(tensor)] = tensor
        known = self.axes.setdefault((id(tensor), axis), ids)
        self.join(known, ids)
        return known

    def read(self, sink: Sink, constant: Any) -> None:
        """Register a use of weights, with the constants of its inputs."""
        known = self.sinks.setdefault(sink.name, sink)
        self.join(known.inputs, sink.inputs)
        known.constants.append(constant)

    def solve(self) -> Solution:
        """Find the units that are needed, and those that must be kept with them."""
        n = len(self.positions)
        a, b = np.concatenate([np.zeros((2, 0), np.int64), *self._links], axis=1)
        links = coo_array((np.ones(len(a)), (a, b)), shape=(n, n))
        n_roots, roots = connected_components(links, directed=False)
        needed, fixed = np.zeros(n_roots, bool), np.zeros(n_roots, bool)
        fixed[roots[self.is_fixed]] = True
        for ids, _, _ in self.pins:
            needed[roots[ids]] = True
        links_of = [
            (roots[s.inputs], roots[s.outputs], depends, depends & s.constant_somewhere())
            for s in self.sinks.values()
            for depends in [s.nonzero & ~s.spare()]
        ]
        costs = np.zeros(n_roots)
        for _, outputs, depends, _ in links_of:
            np.add.at(costs, outputs, depends.sum(1))
        filling = np.zeros(n_roots, bool)
        n_before = -1
        while n_before < filling.sum():
            n_before = int(filling.sum())
            _spread(needed, fixed, filling, links_of)
            for block in reversed(self.blocks.values()):  # added units may need earlier ones
                extra = block.missing((needed | fixed | filling)[roots], costs[roots])
                block.n_raised += len(extra)
                filling[roots[extra]] = True
                if len(extra):
                    break
        return Solution(needed[roots], (needed | fixed | filling)[roots])


@dataclass(frozen=True)
class Solution:
    """Masks of the units on which the outputs depend, and of the units that are kept."""

    needed: Mask
    kept: Mask


def _spread(needed: Mask, fixed: Mask, filling: Mask, links: list[Any]) -> None:
    # Propagate need backwards through the weights to a fixed point; a unit that only itself reads
    # is not needed. Units kept only to fill blocks have no readers, or are constant and must
    # remain so.
    n_before = -1
    while n_before < needed.sum():
        n_before = int(needed.sum())
        for inputs, outputs, depends, on_constants in reversed(links):
            live = (needed | fixed)[outputs]
            needed[inputs[depends[live].any(0)]] = True
            needed[inputs[on_constants[filling[outputs]].any(0)]] = True
