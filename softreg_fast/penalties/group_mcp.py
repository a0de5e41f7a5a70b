"""GroupMCP: MCP of the length of each group, which does not shrink long groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from softreg_fast.penalties.arrays import Array, check_steps, is_in_memory, namespace, no_minus_zero
from softreg_fast.penalties.base import check_in
from softreg_fast.penalties.groups import GroupLasso, Layout


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupMCP(GroupLasso):
    """MCP of the length of each group, of slope strength * c_g - ||w_g|| / gamma, at least 0.

    Groups longer than gamma * strength * c_g are not shrunk at all. Its proximal step is exact
    where all step lengths of a group are < gamma; elsewhere it is the better of 0 and no change,
    which is exact where they are equal. With an l2_ratio the strength is (1 - l2_ratio) times as
    large, and strength * l2_ratio / 2 * sum_g c_g ||w_g||_2^2 is added.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        The factor lambda, in units of the loss. Given by name, like all settings. In regression
        alpha multiplies it, to which the default leaves it.
    groups : int or integer array of the shape of w, default=0
        An int is an axis, with one group for each index along it. In PyTorch, 0 is the axis of
        neurons, filters and gates (in Keras it is the last, -1), and 1 that of inputs. An array
        gives the group number of every weight, -1 for none. In regression also a list of lists of
        features, by number or name, or a dict of labels by name; labels need not be consecutive
        there, and features labelled -1 have no penalty. "columns", in regression: each column of a
        frame is a group; one of categories or text is coded as a sparse feature of 0 and 1 for each
        level that occurs, without a level dropped, and one of numbers or booleans is a group by
        itself. Coefficients are those of the 0-1 features; with standardize their norms are those
        of features of unit variance, under which rare levels are shrunk less.
    size : int >= 1, default=1
        Number of neighbouring indices along the axis that form one group, such as the rows of an
        attention head. In regression groups=0 with size=5 are blocks of five features.
    group_weights : array (n_groups,) or None, default=None
        Factors c_g >= 0. None: the square root of the number of weights, so that groups of
        different sizes are treated alike (Yuan and Lin 2006). In regression in the order of the
        labels, and inf excludes a group; with groups="columns" also a dict by the names of columns.
    unknown : {"error", "zero"}, default="error"
        With groups="columns", what a level means in `predict` that the fit has not seen: an error
        that names it, or zeros, so that its column has no effect.
    overlap : bool, default=False
        In regression, whether features may be in several groups, which are then lists of features.
        The coefficient of a feature is the sum of one for each of its groups, so that the nonzero
        features are a union of groups (Jacob, Obozinski, Vert 2009).
    l2_ratio : float in [0, 1), default=0.0
        Share of the L2 part, which shrinks groups that are alike towards each other, as that of the
        elastic net does. c_g multiplies it, too.
    gamma : float > 0, default=3.0
        Where the penalty of a group becomes constant, in units of its strength. In regression it is
        in units of the loss's curvature along the longest column of the group. The default is that
        of MCP.

    Raises
    ------
    ValueError
        For settings out of range; of shapes that do not fit the weights, from the methods.

    References
    ----------
    Breheny, Huang (2015), "Group descent algorithms for nonconvex penalized linear and logistic
    regression models with grouped predictors", Statistics and Computing 25(2).

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.penalties import GroupMCP
    >>> rows = np.array([[3.0, 4.0], [0.9, 1.2]])
    >>> GroupMCP(group_weights=[1.0, 1.0]).prox(rows, 1.0)
    array([[3.  , 4.  ],
           [0.45, 0.6 ]])
    """

    gamma: float = 3.0

    kind: ClassVar[str] = "group_mcp"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_in("gamma", self.gamma, 0.0, open_below=True)

    def _of_lengths(self, xp: Any, lengths: Array, strengths: Array) -> Array:
        curved = strengths * lengths - lengths * lengths / (2.0 * self.gamma)
        flat = 0.5 * self.gamma * strengths * strengths
        return xp.where(lengths <= self.gamma * strengths, curved, flat)

    def _pulls(self, xp: Any, lengths: Array, strengths: Array) -> Array:
        return xp.clip(strengths - lengths / self.gamma, 0, np.inf)

    def prox(self, z: Array, t: Array, scale: float = 1.0) -> Array:
        if is_in_memory(z):
            check_steps(t, z)
        xp, layout = namespace(z), Layout(self, z)
        member, one = layout.member(z), xp.ones_like(z)
        z, t = self._without_l2(xp, layout, z, xp.zeros_like(z) + t, scale)
        # up to the length at which the penalty becomes flat it is that of a group lasso minus
        # w^2 / (2 gamma), which the step takes as it takes an L2 part
        bends = member & (t < self.gamma)
        rest = xp.where(bends, 1.0 - t / self.gamma, one)
        curved = layout.prox(xp, z / rest, t / rest, scale)
        inside, strengths = layout.grouped(z), layout.strengths(scale)
        jumps = layout.sums(xp.where(bends, 0.0 * one, one)) > 0
        some = xp.where(t > 0, t, one)
        at_zero = 0.5 * layout.sums(inside * inside / some)
        pays = at_zero > 0.5 * self.gamma * strengths * strengths
        long = xp.sqrt(layout.sums(inside * inside)) >= self.gamma * strengths
        nothing, whole = 0.0 * strengths, 0.0 * strengths + 1.0
        stays = layout.spread(xp.where(xp.where(jumps, pays, long), whole, nothing)) > 0
        vanishes = layout.spread(xp.where(jumps, whole, nothing)) > 0
        x = xp.where(vanishes, 0.0 * one, curved)
        return no_minus_zero(xp, xp.where(stays | ~member, z, x))
