"""Penalties of single weights that are not convex: MCP, SCAD, L1/2, log-sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from softreg_fast.penalties.arrays import Array, root, soft
from softreg_fast.penalties.base import check_in
from softreg_fast.penalties.elementwise import Elementwise
from softreg_fast.penalties.group_mcp import GroupMCP


@dataclass(frozen=True, kw_only=True, eq=False)
class MCP(Elementwise):
    """The minimax concave penalty, strength |w| - w^2 / (2 gamma) up to |w| = gamma * strength.

    Weights above gamma * strength are not shrunk at all. Where the step length is >= gamma, the
    proximal problem is concave, and the step is hard thresholding. With `weights`, the strength of
    weight j is strength * weights_j.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        The factor lambda, in units of the loss. Given by name, like all settings. In regression
        alpha multiplies it, to which the default leaves it.
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
    strength : float >= 0, default=1.0
        The factor lambda, in units of the loss. Given by name, like all settings. In regression
        alpha multiplies it, to which the default leaves it.
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
    strength : float >= 0, default=1.0
        The factor lambda, in units of the loss. Given by name, like all settings. In regression
        alpha multiplies it, to which the default leaves it.
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


@dataclass(frozen=True, kw_only=True, eq=False)
class LogSum(Elementwise):
    """strength * sum_j weights_j log(1 + |w_j| / eps), whose slope falls as 1 / (eps + |w|).

    Its slope at 0 is strength / eps. The larger eps, the more it is like L1; the smaller, the more
    like a count of the weights that are not 0.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        The factor lambda, in units of the loss. Given by name, like all settings. In regression
        alpha multiplies it, to which the default leaves it.
    weights : array or tensor, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength for single weights. None: all 1.
    positive : bool, default=False
        Allow only w >= 0: the value is infinite elsewhere.
    eps : float > 0, default=1.0
        Size of the weights that are shrunk half as much as small ones.

    Raises
    ------
    ValueError
        For settings out of range; of shapes that do not fit the weights, from the methods.

    References
    ----------
    Candes, Wakin, Boyd (2008), "Enhancing sparsity by reweighted l1 minimization", Journal of
    Fourier Analysis and Applications 14.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.penalties import LogSum
    >>> LogSum(strength=0.5).prox(np.array([3.0, -0.2, 0.5]), 1.0)
    array([2.87082869, 0.        , 0.        ])
    """

    eps: float = 1.0

    kind: ClassVar[str] = "log_sum"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_in("eps", self.eps, 0.0, open_below=True)

    @property
    def shape(self) -> float:
        return self.eps

    @property
    def steepness(self) -> float:
        return 1.0 / self.eps

    def _omega(self, xp: Any, size: Array, s: Array) -> Array:
        return s * xp.log1p(size / self.eps)

    def _slope(self, xp: Any, size: Array, s: Array) -> Array:
        return s / (self.eps + size)

    def _prox(self, xp: Any, z: Array, t: Array, s: Array) -> Array:
        # in lengths relative to the larger of |z| and eps; a root of a quadratic equation, or 0
        u, size, nothing = t * s, xp.abs(z), xp.zeros_like(z)
        unit = xp.clip(size, self.eps, np.inf)
        a, e, v = size / unit, self.eps / unit, u / unit / unit
        rise, far = a * e - v, a > e
        square = (a - e) ** 2 + 4.0 * rise
        below = xp.where(far, nothing + 1.0, e - a + root(xp, square))
        x = xp.where(far, 0.5 * (a - e + root(xp, square)), 2.0 * rise / below)
        out = xp.where(far, x, nothing)
        lower = (square > 0) & (v * xp.log1p(out / e) < out * (a - 0.5 * out))
        found = xp.where(rise <= 0, xp.where(far & lower, x, nothing), x)
        return xp.where(u == 0, z, xp.sign(z) * found * unit)


# Kinds of those that solvers of regression fit.
NONCONVEX = (MCP.kind, SCAD.kind, LogSum.kind, LHalf.kind, GroupMCP.kind)
