"""Penalties that are sums over single weights: L1, L2, elastic net, MCP, SCAD, L1/2, bounds."""

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
    root,
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
            weights = np.asarray(self.weights, np.float64)
            if not (np.isfinite(weights).all() and (weights >= 0.0).all()):
                raise ValueError("weights of a penalty must be finite numbers >= 0.")

    def check_fits(self, shape: tuple[int, ...]) -> None:
        if self.weights is not None:
            check_broadcast("weights of the penalty", np.shape(as_numpy(self.weights)), shape)

    @property
    def shape(self) -> float:
        """Shape parameter of this penalty (l1_ratio, gamma or a), 0 if it has none."""
        return 0.0

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
    strength : float >= 0
        The factor lambda, in units of the loss. Given by name, like all settings.
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
    strength : float >= 0
        The factor lambda, in units of the loss. Given by name, like all settings.
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
    strength : float >= 0
        The factor lambda, in units of the loss. Given by name, like all settings.
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
        The factor lambda, in units of the loss. Given by name, like all settings.
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


@dataclass(frozen=True, kw_only=True, eq=False)
class MCP(Elementwise):
    """The minimax concave penalty, strength |w| - w^2 / (2 gamma) up to |w| = gamma * strength.

    Weights above gamma * strength are not shrunk at all. Where the step length is >= gamma, the
    proximal problem is concave, and the step is hard thresholding. With `weights`, the strength of
    weight j is strength * weights_j.

    Parameters
    ----------
    strength : float >= 0
        The factor lambda, in units of the loss. Given by name, like all settings.
    weights : array or tensor, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength for single weights. None: all 1.
    positive : bool, default=False
        Allow only w >= 0: the value is infinite elsewhere.
    gamma : float > 0, default=3.0
        Where the penalty becomes constant, in units of the strength. The default is Zhang's (2010).

    Raises
    ------
    ValueError
        For settings out of range; of shapes that do not fit the weights, from the methods.

    References
    ----------
    Zhang (2010), "Nearly unbiased variable selection under minimax concave penalty", Annals of
    Statistics 38(2).

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.penalties import MCP
    >>> MCP(strength=0.5).prox(np.array([3.0, -0.2, 0.8]), 1.0)
    array([3.  , 0.  , 0.45])
    """

    gamma: float = 3.0

    kind: ClassVar[str] = "mcp"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_in("gamma", self.gamma, 0.0, open_below=True)

    @property
    def shape(self) -> float:
        return self.gamma

    def _omega(self, xp: Any, size: Array, s: Array) -> Array:
        curved = s * size - size * size / (2.0 * self.gamma)
        return xp.where(size <= self.gamma * s, curved, 0.5 * self.gamma * s * s)

    def _slope(self, xp: Any, size: Array, s: Array) -> Array:
        return xp.clip(s - size / self.gamma, 0, np.inf)

    def _prox(self, xp: Any, z: Array, t: Array, s: Array) -> Array:
        size, nothing = xp.abs(z), xp.zeros_like(z)
        rest = xp.where(t < self.gamma, 1.0 - t / self.gamma, nothing + 1.0)
        convex = xp.where(size <= self.gamma * s, soft(xp, z, t * s) / rest, z)
        jump = xp.where(size <= s * xp.sqrt(t * self.gamma), nothing, z)
        return xp.where(t < self.gamma, convex, jump)


@dataclass(frozen=True, kw_only=True, eq=False)
class SCAD(Elementwise):
    """Smoothly clipped absolute deviation.

    Its slope is strength up to |w| = strength, then falls linearly to 0 at |w| = a * strength. With
    `weights`, the strength of weight j is strength * weights_j.

    Parameters
    ----------
    strength : float >= 0
        The factor lambda, in units of the loss. Given by name, like all settings.
    weights : array or tensor, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength for single weights. None: all 1.
    positive : bool, default=False
        Allow only w >= 0: the value is infinite elsewhere.
    a : float > 2, default=3.7
        Where the penalty becomes constant, in units of the strength. The default is Fan and Li's
        (2001).

    Raises
    ------
    ValueError
        For settings out of range; of shapes that do not fit the weights, from the methods.

    References
    ----------
    Fan, Li (2001), "Variable selection via nonconcave penalized likelihood and its oracle
    properties", JASA 96.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.penalties import SCAD
    >>> SCAD(strength=0.5).prox(np.array([3.0, -0.2, 0.8]), 1.0)
    array([3. , 0. , 0.3])
    """

    a: float = 3.7

    kind: ClassVar[str] = "scad"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_in("a", self.a, 2.0, open_below=True)

    @property
    def shape(self) -> float:
        return self.a

    def _omega(self, xp: Any, size: Array, s: Array) -> Array:
        a = self.a
        curved = (2.0 * a * s * size - size * size - s * s) / (2.0 * (a - 1.0))
        flat = 0.5 * s * s * (a + 1.0)
        return xp.where(size <= s, s * size, xp.where(size <= a * s, curved, flat))

    def _slope(self, xp: Any, size: Array, s: Array) -> Array:
        return xp.where(size <= s, s, xp.clip(self.a * s - size, 0, np.inf) / (self.a - 1.0))

    def _prox(self, xp: Any, z: Array, t: Array, s: Array) -> Array:
        a, size, nothing = self.a, xp.abs(z), xp.zeros_like(z)
        thin = soft(xp, z, t * s)
        rest = xp.where(t < a - 1.0, a - 1.0 - t, nothing + 1.0)
        middle = z + t * (z - xp.sign(z) * a * s) / rest  # z itself, to the bit, for t = 0
        convex = xp.where(size <= s * (1.0 + t), thin, xp.where(size <= a * s, middle, z))
        half = xp.where(size <= s * (a + 1.0 + t) / 2.0, thin, z)
        jump = xp.where(size <= s * xp.sqrt(t * (a + 1.0)), nothing, z)
        return xp.where(t < a - 1.0, convex, xp.where(t <= a + 1.0, half, jump))


@dataclass(frozen=True, kw_only=True, eq=False)
class LHalf(Elementwise):
    """strength * sum_j weights_j sqrt|w_j|: fewer and less shrunken weights than L1.

    Parameters
    ----------
    strength : float >= 0
        The factor lambda, in units of the loss. Given by name, like all settings.
    weights : array or tensor, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength for single weights. None: all 1.
    positive : bool, default=False
        Allow only w >= 0: the value is infinite elsewhere.

    Raises
    ------
    ValueError
        For settings out of range; of shapes that do not fit the weights, from the methods.

    References
    ----------
    Xu, Chang, Xu, Zhang (2012), "L1/2 regularization: a thresholding representation theory and a
    fast solver", IEEE Transactions on Neural Networks and Learning Systems 23(7).

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.penalties import LHalf
    >>> LHalf(strength=0.5).prox(np.array([0.9, -0.2]), 1.0)
    array([0., 0.])
    """

    kind: ClassVar[str] = "l_half"

    def _omega(self, xp: Any, size: Array, s: Array) -> Array:
        return s * root(xp, size)

    def _slope(self, xp: Any, size: Array, s: Array) -> Array:
        # infinite at 0: there any gradient is stationary, unless the strength is 0
        steep = s / (2.0 * xp.sqrt(xp.where(size > 0, size, xp.ones_like(size))))
        return xp.where((size > 0) | (s == 0), steep, xp.full_like(size, float("inf")))

    def _prox(self, xp: Any, z: Array, t: Array, s: Array) -> Array:
        u, size = t * s, xp.abs(z)
        bent = u ** (2.0 / 3.0)
        small = size <= 1.5 * bent
        safe = xp.where(small | (size == 0), xp.ones_like(z), size)
        cosine = xp.where(small, xp.zeros_like(z), 3.0 / 4.0 ** (2.0 / 3.0) * bent / safe) ** 1.5
        angle = xp.arccos(xp.clip(cosine, -1.0, 1.0))
        root = 2.0 / 3.0 * z * (1.0 + xp.cos(2.0 / 3.0 * (np.pi - angle)))
        return xp.where(small, xp.zeros_like(z), xp.where(u == 0, z, root))
