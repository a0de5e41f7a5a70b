"""Penalty, what all penalties have in common: value, proximal step, violation of stationarity.

Each works on NumPy arrays, PyTorch tensors and tensors of Keras's backends, of any shape, and
returns the same kind. Float64 and float32 in main memory use the compiled kernels; everything else,
such as tensors on a GPU or in a graph, uses a vectorised form, with the same results to rounding.
docs/neural.md derives the formulas.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from softreg_fast.penalties.arrays import Array

# For each axis of weights the remaining indices, None for all.
Kept = Sequence[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Penalty(ABC):
    """strength * Omega(w), for the weights w of one layer.

    The base of the other classes: `value`, proximal step and violation of stationarity.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        The factor lambda, in units of the loss. Given by name, like all settings. In regression
        alpha multiplies it, to which the default leaves it.

    Raises
    ------
    ValueError
        For settings out of range; of shapes that do not fit the weights, from the methods.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.penalties import L1, Penalty
    >>> penalty = L1(strength=0.5)
    >>> isinstance(penalty, Penalty), penalty.value(np.array([3.0, -1.0]))
    (True, 2.0)
    """

    strength: float = 1.0

    def __new__(cls, *given: Any, **settings: Any) -> Self:
        if given:
            raise TypeError(
                f"{cls.__name__} takes its settings by name: {cls.__name__}(strength={given[0]!r})."
            )
        return super().__new__(cls)

    def __post_init__(self) -> None:
        check_in("strength", self.strength, 0.0)

    def check_fits(self, shape: tuple[int, ...]) -> None:  # noqa: B027  # nothing to check here
        """Check that the settings are for weights of this shape.

        Parameters
        ----------
        shape : tuple of int
            Shape of the weights.

        Raises
        ------
        ValueError
            For settings out of range; of shapes that do not fit the weights, from the methods.
        """

    def value(self, w: Array) -> float:
        """Compute strength * Omega(w); infinite where w violates a bound.

        Parameters
        ----------
        w : array or tensor
            Weights, of any shape; NumPy, PyTorch or of a backend of Keras.

        Returns
        -------
        float
        """
        return float(self.term(w))

    @abstractmethod
    def term(self, w: Array) -> Array:
        """Compute strength * Omega(w) as a scalar of the kind of w, for automatic differentiation.

        Its derivative at zeros is 0. Bounds are not included.

        Parameters
        ----------
        w : array or tensor
            Weights, of any shape; NumPy, PyTorch or of a backend of Keras.

        Returns
        -------
        scalar array or tensor
        """

    @abstractmethod
    def prox(self, z: Array, t: Array, scale: float = 1.0) -> Array:
        """Compute argmin_x sum_j (x_j - z_j)^2 / (2 t_j) + scale * strength * Omega(x).

        Parameters
        ----------
        z : array or tensor
            The point, of any shape; NumPy, PyTorch or of a backend of Keras.
        t : float, or array or tensor of the shape of z
            Step lengths >= 0.
        scale : float, or scalar tensor of the type of the weights, default=1.0
            Factor of the strength, for schedules.

        Returns
        -------
        array or tensor
            Of the kind and type of z; every zero is +0.0.

        Raises
        ------
        ValueError
            For a negative step, if z is in main memory. On devices and in graphs steps are not
            checked, since reading a value would force a synchronisation. For settings that do not
            fit the shape.
        """

    @abstractmethod
    def violation(self, w: Array, gradient: Array, scale: float = 1.0) -> Array:
        """Compute the distance of minus the gradient of the loss from the subdifferential at w.

        One distance for each weight, or for each group; all 0 where w is stationary.

        Parameters
        ----------
        w : array or tensor
            Weights, of any shape; NumPy, PyTorch or of a backend of Keras.
        gradient : array or tensor of the shape of w
            Gradient of the loss at w, without the penalty.
        scale : float, or scalar tensor of the type of the weights, default=1.0
            Factor of the strength, for schedules.

        Returns
        -------
        array or tensor of the shape of w, or (n_groups,)
        """

    def unit_sums(self, x: Array) -> Array:
        """Sum x over each unit that becomes zero together: weights or groups, (n_units,).

        Parameters
        ----------
        x : array or tensor of the shape of the weights
            What is summed.

        Returns
        -------
        array or tensor (n_units,)
        """
        return x.reshape(-1)

    def to_units(self, values: Array, w: Array) -> Array:
        """Return for every weight the value of its unit, broadcastable to the shape of w.

        Parameters
        ----------
        values : array or tensor (n_units,)
            One value for each unit.
        w : array or tensor
            Weights, of any shape; NumPy, PyTorch or of a backend of Keras.

        Returns
        -------
        array or tensor
        """
        return values.reshape(w.shape)

    def take(self, shape: tuple[int, ...], kept: Kept) -> Penalty:
        """Return this penalty for the weights that remain after a cut.

        Parameters
        ----------
        shape : tuple of int
            Shape of the weights before the cut.
        kept : list with an index array or None for each axis
            Remaining indices; None: all.

        Returns
        -------
        Penalty
        """
        return self


def take_entries(x: Any, kept: Kept) -> Any:
    """Select the remaining entries of an array that broadcasts to the shape of weights."""
    x = np.asarray(x)
    for axis, indices in zip(range(-1, -x.ndim - 1, -1), reversed(kept), strict=False):
        if indices is not None and x.shape[axis] > 1:
            x = np.take(x, indices, axis=axis)
    return x


def check_in(
    name: str, value: Any, low: float, high: float = np.inf, open_below: bool = False
) -> None:
    fits = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not fits or not low <= value <= high or (open_below and value == low) or value == np.inf:
        wanted = f"a number {'>' if open_below else '>='} {low:g}"
        wanted += f" and <= {high:g}" if high < np.inf else ""
        raise ValueError(f"{name} must be {wanted}, got {value!r}.")
