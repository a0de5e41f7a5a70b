"""Penalties that are sums over single weights, and the convex ones: L1, L2, elastic net, bounds."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from softreg_fast.kernels import _prox
from softreg_fast.penalties.arrays import (
    Array,
    absolute,
    as_numpy,
    check_broadcast,
    check_steps,
    flat_as,
    flat_copy,
    is_in_memory,
    like,
    n_threads_for,
    namespace,
    no_minus_zero,
    soft,
)
from softreg_fast.penalties.base import Kept, Penalty, check_in, take_entries


@dataclass(frozen=True, kw_only=True, eq=False)
class Elementwise(Penalty):
    """A sum over weights, strength * sum_j weights_j omega(w_j).

    Parameters
    ----------
    strength : float >= 0
    weights : array, broadcast to the shape of w, or None
        Factors >= 0 of the strength; None: all 1.
    positive : bool, default=False
        Allow only weights >= 0.
    """

    weights: Array = None
    positive: bool = False

    kind: ClassVar[str] = "nothing"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights is not None:
            try:
                weights = np.asarray(self.weights, np.float64)
            except (TypeError, ValueError):
                raise TypeError(
                    "weights of a penalty must be an array of numbers >= 0, in the order of what "
                    f"they weigh, got {self.weights!r}."
                ) from None
            wrong = weights[~(np.isfinite(weights) & (weights >= 0.0))]
            if wrong.size:
                also = "; exclude a feature of a regression by bounds" if wrong[0] > 0.0 else ""
                raise ValueError(
                    f"weights of a penalty must be finite numbers >= 0, got {wrong[0]:g}{also}."
                )

    def check_fits(self, shape: tuple[int, ...]) -> None:
        if self.weights is not None:
            check_broadcast("weights of the penalty", np.shape(as_numpy(self.weights)), shape)

    @property
    def shape(self) -> float:
        """Shape parameter of this penalty (l1_ratio, gamma, a or eps), 0 if it has none."""
        return 0.0

    @property
    def steepness(self) -> float:
        """Slope at 0 for strength 1, where it is finite: near 0 the penalty is so much L1."""
        return 1.0

    def value(self, w: Array) -> float:
        if self.positive and bool(namespace(w).any(w < 0)):
            return float("inf")
        return super().value(w)

    def term(self, w: Array) -> Array:
        xp = namespace(w)
        return xp.sum(self._omega(xp, absolute(xp, w), self._strengths(w, 1.0)))

    def prox(self, z: Array, t: Array, scale: float = 1.0) -> Array:
        if is_in_memory(z):
            check_steps(t, z)
            return self._prox_compiled(z, t, float(scale))
        xp = namespace(z)
        if self.positive:
            z = xp.where(z < 0, xp.zeros_like(z), z)
        t = xp.zeros_like(z) + t
        return no_minus_zero(xp, self._prox(xp, z, t, self._strengths(z, scale)))

    def _prox_compiled(self, z: Array, t: Array, scale: float) -> Array:
        out, x = flat_copy(z)
        _prox.prox(
            x,
            flat_as(t, z),
            self.rule(scale),
            self.weights_as(z),
            n_threads_for(x.size),
        )
        return out

    def take(self, shape: tuple[int, ...], kept: Kept) -> Elementwise:
        if self.weights is None:
            return self
        return replace(self, weights=take_entries(as_numpy(self.weights), kept))

    def rule(self, scale: float = 1.0) -> tuple[str, float, float, bool]:
        """Return (kind, strength, shape, positive) for the compiled kernels."""
        return self.kind, self.strength * scale, self.shape, self.positive

    def weights_as(self, w: Array) -> Any:
        """Return the weights as a vector for the compiled kernels, None if all are 1."""
        if self.weights is None:
            return None
        self.check_fits(tuple(w.shape))
        return flat_as(self.weights, w, whole=True)

    def violation(self, w: Array, gradient: Array, scale: float = 1.0) -> Array:
        xp = namespace(w)
        strengths = self._strengths(w, scale)
        slope = self._slope(xp, xp.abs(w), strengths)
        inside = xp.abs(gradient + xp.sign(w) * xp.where(w == 0, xp.zeros_like(w), slope))
        at_zero = xp.where(gradient > 0, gradient * float(not self.positive), -gradient) - slope
        return xp.where(w == 0, xp.clip(at_zero, 0, np.inf), inside)

    def _strengths(self, w: Array, scale: float) -> Array:
        xp = namespace(w)
        self.check_fits(tuple(w.shape))
        one = xp.ones_like(w)
        return (
            one * (self.strength * scale) * (1.0 if self.weights is None else like(self.weights, w))
        )

    @abstractmethod
    def _omega(self, xp: Any, size: Array, s: Array) -> Array:
        """Compute the penalty of weights of absolute value `size`, with strengths s."""

    @abstractmethod
    def _slope(self, xp: Any, size: Array, s: Array) -> Array:
        """Compute the derivative of `_omega` by `size`; at 0 the limit from above."""

    @abstractmethod
    def _prox(self, xp: Any, z: Array, t: Array, s: Array) -> Array:
        """Compute the proximal point of z for steps t and strengths s."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ElasticNet(Elementwise):
    """strength * sum_j weights_j [l1_ratio |w_j| + (1 - l1_ratio) / 2 w_j^2].

    Parameters
    ----------
    strength : float >= 0, default=1.0
        The factor lambda, in units of the loss. Given by name, like all settings. In regression
        alpha multiplies it, to which the default leaves it.
    weights : array or tensor, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength for single weights. None: all 1.
    positive : bool, default=False
        Allow only w >= 0: the value is infinite elsewhere.
    l1_ratio : float in [0, 1], default=0.5
        Share of the L1 part. The default treats both parts alike.

    Raises
    ------
    ValueError
        For settings out of range; of shapes that do not fit the weights, from the methods.

    References
    ----------
    Zou, Hastie (2005), "Regularization and variable selection via the elastic net", JRSS B 67(2);
    Parikh, Boyd (2014), "Proximal algorithms", Foundations and Trends in Optimization 1(3), for the
    step; docs/neural.md derives it.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.penalties import ElasticNet
    >>> ElasticNet(strength=1.0).prox(np.array([3.5, -0.2]), 1.0)
    array([2., 0.])
    """

    l1_ratio: float = 0.5

    kind: ClassVar[str] = "elastic_net"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_in("l1_ratio", self.l1_ratio, 0.0, 1.0)

    @property
    def shape(self) -> float:
        return self.l1_ratio

    def _omega(self, xp: Any, size: Array, s: Array) -> Array:
        return s * (self.l1_ratio * size + 0.5 * (1.0 - self.l1_ratio) * size * size)

    def _slope(self, xp: Any, size: Array, s: Array) -> Array:
        return s * (self.l1_ratio + (1.0 - self.l1_ratio) * size)

    def _prox(self, xp: Any, z: Array, t: Array, s: Array) -> Array:
        thin = soft(xp, z, t * s * self.l1_ratio) if self.l1_ratio else z
        return thin / (1.0 + t * s * (1.0 - self.l1_ratio)) if self.l1_ratio < 1.0 else thin


@dataclass(frozen=True, kw_only=True, eq=False)
class L1(ElasticNet):
    """strength * sum_j weights_j |w_j|: the Lasso's penalty (soft-thresholding).

    Parameters
    ----------
    strength : float >= 0, default=1.0
        The factor lambda, in units of the loss. Given by name, like all settings. In regression
        alpha multiplies it, to which the default leaves it.
    weights : array or tensor, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength for single weights. None: all 1.
    positive : bool, default=False
        Allow only w >= 0: the value is infinite elsewhere.
    l1_ratio : float in [0, 1], default=1.0
        Share of the L1 part, as in `ElasticNet`; this class is a name for its default.

    Raises
    ------
    ValueError
        For settings out of range; of shapes that do not fit the weights, from the methods.

    References
    ----------
    Tibshirani (1996), "Regression shrinkage and selection via the lasso", JRSS B 58(1);
    Parikh, Boyd (2014), "Proximal algorithms", Foundations and Trends in Optimization 1(3), for the
    step; docs/neural.md derives it.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.penalties import L1
    >>> L1(strength=0.5).prox(np.array([3.0, -0.2]), 1.0)
    array([2.5, 0. ])
    """

    l1_ratio: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class L2(ElasticNet):
    """strength / 2 * sum_j weights_j w_j^2: weighted weight decay, exact for any step length.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        The factor lambda, in units of the loss. Given by name, like all settings. In regression
        alpha multiplies it, to which the default leaves it.
    weights : array or tensor, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength for single weights. None: all 1.
    positive : bool, default=False
        Allow only w >= 0: the value is infinite elsewhere.
    l1_ratio : float in [0, 1], default=0.0
        Share of the L1 part, as in `ElasticNet`; this class is a name for its default.

    Raises
    ------
    ValueError
        For settings out of range; of shapes that do not fit the weights, from the methods.

    References
    ----------
    Hoerl, Kennard (1970), "Ridge regression: biased estimation for nonorthogonal problems",
    Technometrics 12(1); Parikh, Boyd (2014), "Proximal algorithms", Foundations and Trends in
    Optimization 1(3), for the step; docs/neural.md derives it.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.penalties import L2
    >>> L2(strength=1.0).prox(np.array([3.0, -0.2]), 1.0)
    array([ 1.5, -0.1])
    """

    l1_ratio: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class NonNegative(ElasticNet):
    """The constraint w >= 0, without a penalty.

    Parameters
    ----------
    strength : float >= 0, default=0.0
        The factor lambda, in units of the loss. Given by name, like all settings. In regression
        alpha multiplies it, to which the default leaves it.
    weights : array or tensor, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength for single weights. None: all 1.
    positive : bool, default=True
        Allow only w >= 0: the value is infinite elsewhere.
    l1_ratio : float in [0, 1], default=0.5
        Share of the L1 part, as in `ElasticNet`; this class is a name for its default.

    Raises
    ------
    ValueError
        For settings out of range; of shapes that do not fit the weights, from the methods.

    References
    ----------
    Parikh, Boyd (2014), "Proximal algorithms", Foundations and Trends in Optimization 1(3), for the
    step; docs/neural.md derives it.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.penalties import NonNegative
    >>> NonNegative().prox(np.array([3.0, -0.2]), 1.0)
    array([3., 0.])
    """

    strength: float = 0.0
    positive: bool = True
