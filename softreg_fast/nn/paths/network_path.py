"""NetworkPath: networks along rising strengths, and the choice of one of them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

RULES = ("best", "sparsest")


@dataclass(frozen=True, eq=False, repr=False)
class NetworkPath:
    """Networks trained at rising strengths.

    Attributes
    ----------
    strengths : ndarray (n_strengths,), rising
    scores : ndarray (n_strengths,)
        Scores that `train` returned; NaN where it returned none.
    standard_errors : ndarray (n_strengths,)
        Standard errors of the scores that `train` returned; else NaN.
    nonzeros : ndarray (n_strengths,) of int
        Number of nonzero parameters, biases included.
    n_parameters : int
    seconds : ndarray (n_strengths,)
        Wall time of each training.
    greater_is_better : bool
    rule : {"best", "sparsest"}
    tolerance : float or None

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import path
    >>> def train(model, strength):
    ...     with torch.no_grad():
    ...         model.weight.mul_(model.weight.abs() > strength)  # stands for a training
    ...     return -strength
    >>> model = torch.nn.Linear(2, 1, bias=False)
    >>> model.weight.data = torch.tensor([[1.0, 0.1]])
    >>> found = path(train, model, [0.0, 0.5])
    >>> found.nonzeros
    array([2, 1])
    >>> found.model(1).weight.tolist()
    [[1.0, 0.0]]
    """

    strengths: Vector
    scores: Vector
    standard_errors: Vector
    nonzeros: NDArray[np.int64]
    n_parameters: int
    seconds: Vector
    greater_is_better: bool
    rule: str
    tolerance: float | None
    _template: Any
    _weights: Callable[[int], dict[str, Any]]

    def __len__(self) -> int:
        return len(self.strengths)

    @property
    def density(self) -> Vector:
        """Fraction of nonzero parameters, (n_strengths,)."""
        return self.nonzeros / max(self.n_parameters, 1)

    @property
    def index_best(self) -> int:
        """Index of the strength with the best score; of ties, the sparsest network."""
        return self._sparsest_of(self._losses() <= self._losses().min())

    @property
    def index_sparsest(self) -> int:
        """Index of the sparsest network whose score is within the tolerance of the best."""
        losses = self._losses()
        k = self.index_best
        spread = self.standard_errors[k] if self.tolerance is None else self.tolerance
        return self._sparsest_of(losses <= losses[k] + np.nan_to_num(spread))

    @property
    def index(self) -> int:
        """Index of the strength that the rule chooses."""
        return self.index_best if self.rule == "best" else self.index_sparsest

    @property
    def strength(self) -> float:
        """Strength that the rule chooses."""
        return float(self.strengths[self.index])

    def weights(self, k: int | None = None) -> dict[str, Any]:
        """Return the state_dict after the k-th strength, in main memory; None: the chosen one."""
        return self._weights(self.index if k is None else range(len(self))[k])

    def model(self, k: int | None = None) -> Any:
        """Return a copy of the k-th model in evaluation mode; None: the chosen one."""
        found = copy.deepcopy(self._template)
        found.load_state_dict(self.weights(k))
        return found.eval()

    def plot(self, ax: Any = None) -> Any:
        """Plot score and nonzeros against strength, as a `NetworkPathDisplay`."""
        from softreg_fast.nn.displays.network_path import NetworkPathDisplay

        return NetworkPathDisplay(self).plot(ax)

    def _losses(self) -> Vector:
        # smaller is better; networks without a score are never chosen
        losses = -self.scores if self.greater_is_better else self.scores
        if not np.isfinite(losses).any():
            raise ValueError(
                "There is no score to choose by; let train return one, or name the network, as in "
                "model(k)."
            )
        return np.where(np.isnan(losses), np.inf, losses)

    def _sparsest_of(self, eligible: NDArray[np.bool_]) -> int:
        # the fewest nonzeros; of ties the best score, then the largest strength
        losses, places = self._losses(), np.arange(len(self))
        order = np.lexsort((-places, losses, self.nonzeros))
        return int(order[eligible[order]][0])

    def __repr__(self) -> str:
        span = f" {self.strengths[0]:.4g} to {self.strengths[-1]:.4g}" if len(self) else ""
        choice = ""
        if np.isfinite(self.scores).any():
            k = self.index
            choice = (
                f", {self.strength:.4g} by rule {self.rule!r}: score {self.scores[k]:.5g}, "
                f"{100 * self.density[k]:.3g} % nonzero"
            )
        return f"NetworkPath({len(self)} strengths{span}{choice}, {self.seconds.sum():.3g} s)"

    def __str__(self) -> str:
        lines = [
            repr(self),
            f"{'':>4} {'strength':>12} {'score':>12} {'SE':>10} {'nonzero':>10} {'%':>7} {'s':>8}",
        ]
        chosen: dict[int, list[str]] = {}
        if np.isfinite(self.scores).any():
            for name, k in (("best", self.index_best), ("sparsest", self.index_sparsest)):
                chosen.setdefault(k, []).append(name)
        for k in range(len(self)):
            score, spread = self.scores[k], self.standard_errors[k]
            lines.append(
                f"{k:>4} {self.strengths[k]:>12.6g} {_number(score, '.6g'):>12} "
                f"{_number(spread, '.4g'):>10} {self.nonzeros[k]:>10} "
                f"{100 * self.density[k]:>7.3g} {self.seconds[k]:>8.3g}"
                f"{'  ' if k in chosen else ''}{', '.join(chosen.get(k, []))}"
            )
        return "\n".join(lines)


def _number(value: float, form: str) -> str:
    return "" if math.isnan(value) else format(value, form)
