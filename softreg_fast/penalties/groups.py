"""Group penalties, which make neurons, filters, heads or other groups of weights zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from softreg_fast.data.coding import check_unknown
from softreg_fast.kernels import _prox
from softreg_fast.options.choices import Unknown
from softreg_fast.options.scalars import check_flag, is_integer
from softreg_fast.penalties.arrays import (
    Array,
    absolute,
    as_numpy,
    check_steps,
    is_in_memory,
    like,
    n_threads_for,
    namespace,
    no_minus_zero,
    repeat,
    root,
    soft,
    sums_of,
    take,
)
from softreg_fast.penalties.base import Kept, Penalty, check_in, take_entries
from softreg_fast.penalties.grouping import are_lists

# Settings that only regression has a use for.
OF_REGRESSION = ("unknown", "overlap")

# Maximum number of Newton steps on the norms of groups in the vectorised form.
MOST_STEPS = 60


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupLasso(Penalty):
    """strength * sum_g c_g ||w_g||_2: whole groups of weights become zero together.

    With an l2_ratio it is the group elastic net, strength * sum_g c_g [(1 - l2_ratio) ||w_g||_2 +
    l2_ratio / 2 ||w_g||_2^2]. In regression y may have several columns, the tasks, in `path`,
    `solve` and `cv_path`: w_g are then the coefficients of the features of g for all tasks.

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

    Raises
    ------
    ValueError
        For settings out of range; of shapes that do not fit the weights, from the methods.

    References
    ----------
    Yuan, Lin (2006), "Model selection and estimation in regression with grouped variables", JRSS B
    68(1).

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.penalties import GroupLasso
    >>> rows = np.array([[3.0, 4.0], [0.3, 0.4]])
    >>> GroupLasso(strength=1.0, group_weights=[1.0, 1.0]).prox(rows, 1.0)
    array([[2.4, 3.2],
           [0. , 0. ]])
    """

    kind: ClassVar[str] = "group_lasso"

    groups: Any = 0
    size: int = 1
    group_weights: Array = None
    unknown: Unknown = "error"
    overlap: bool = False
    l2_ratio: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_unknown(self.unknown)
        check_flag("overlap", self.overlap)
        check_in("l2_ratio", self.l2_ratio, 0.0, 1.0)
        if self.l2_ratio == 1.0:
            raise ValueError(
                "l2_ratio must be < 1, got 1.0: without the part that makes groups zero use L2."
            )
        for name, value in (("size", self.size), ("groups", self.groups)):
            if name == "groups" and isinstance(value, str) and value == "columns":
                continue
            if not _has_entries(value) and not is_integer(value):
                raise ValueError(f"{name} must be an integer, got {value!r}.")
        check_in("size", self.size, 1)
        if (_has_entries(self.groups) or self.groups == "columns") and self.size != 1:
            raise ValueError(
                f"size={self.size} is for groups along an axis; groups by number are what the "
                "array says."
            )

    def check_fits(self, shape: tuple[int, ...]) -> None:
        Layout(self, np.broadcast_to(np.float64(0.0), shape)).weights()

    @property
    def l1_ratio(self) -> float:
        """Share of the strength that acts on single weights."""
        return 0.0

    def term(self, w: Array) -> Array:
        xp, layout = namespace(w), Layout(self, w)
        squares = layout.sums(w * w)
        whole = xp.sum(self._of_lengths(xp, root(xp, squares), layout.strengths(1.0)))
        if self.l2_ratio:
            whole = whole + 0.5 * xp.sum(layout.l2(1.0) * squares)
        return whole + self._thin(1.0) * xp.sum(absolute(xp, layout.grouped(w)))

    def _of_lengths(self, xp: Any, lengths: Array, strengths: Array) -> Array:
        # the penalty of groups of these lengths, without the other parts
        return strengths * lengths

    def _pulls(self, xp: Any, lengths: Array, strengths: Array) -> Array:
        # its derivative by the lengths, at 0 the limit from above
        return strengths

    def _thin(self, scale: float) -> float:
        # the strength of the L1 part
        return self.strength * self.l1_ratio * (1.0 - self.l2_ratio) * scale

    def prox(self, z: Array, t: Array, scale: float = 1.0) -> Array:
        if is_in_memory(z):
            check_steps(t, z)
            if not _has_entries(self.groups):
                return self._prox_compiled(z, t, float(scale))
        xp, layout = namespace(z), Layout(self, z)
        t = xp.zeros_like(z) + t
        z, t = self._without_l2(xp, layout, z, t, scale)
        if self.l1_ratio:
            z = xp.where(layout.member(z), soft(xp, z, t * self._thin(scale)), z)
        return no_minus_zero(xp, layout.prox(xp, z, t, scale))

    def _without_l2(self, xp: Any, layout: Layout, z: Array, t: Array, scale: float) -> Any:
        # the step of the other parts is from a nearer point, and shorter
        if not self.l2_ratio:
            return z, t
        rest = 1.0 + t * xp.where(layout.member(z), layout.spread(layout.l2(scale)), 0.0 * t)
        return z / rest, t / rest

    def take(self, shape: tuple[int, ...], kept: Kept) -> GroupLasso:
        # the strengths of groups stay those of their original sizes
        layout = Layout(self, np.broadcast_to(np.float64(0.0), shape))
        weights = layout.weights()
        if layout.labels is None and (self.size == 1 or kept[layout.axis] is None):
            indices = kept[layout.axis]
            left = weights if indices is None else weights[np.asarray(indices)]
            return replace(self, group_weights=left)
        labels = take_entries(layout.numbers(), kept)
        found, numbers = np.unique(labels, return_inverse=True)
        first = int(np.searchsorted(found, 0))  # after -1, no group
        return replace(
            self,
            groups=numbers.reshape(labels.shape) - first,
            size=1,
            group_weights=weights[found[first:]],
        )

    def _prox_compiled(self, z: Array, t: Array, scale: float) -> Array:
        layout = Layout(self, z)
        x = np.ascontiguousarray(layout.rows(as_numpy(z)))
        x = x.copy() if np.shares_memory(x, as_numpy(z)) else x
        steps = np.broadcast_to(as_numpy(t), z.shape) if np.ndim(t) else t
        if np.ndim(t):
            steps = np.ascontiguousarray(layout.rows(steps), dtype=x.dtype).ravel()
        else:
            steps = np.array([float(t)], x.dtype)
        thin = self._thin(scale)
        n_threads = n_threads_for(x.size)
        if self.l2_ratio:
            l2 = np.asarray(as_numpy(layout.l2(scale)), x.dtype)[:, np.newaxis]
            every = np.broadcast_to(steps, x.size).reshape(x.shape)
            x, steps = x / (1.0 + every * l2), (every / (1.0 + every * l2)).ravel()
        if thin:
            _prox.prox(x.ravel(), steps, ("elastic_net", thin, 1.0, False), None, n_threads)
        starts = np.arange(layout.n_groups + 1, dtype=np.int64) * x.shape[1]
        strengths = np.asarray(as_numpy(layout.strengths(scale)), np.float64)
        _prox.group_prox(x.ravel(), steps, starts, strengths, n_threads)
        x += 0.0  # no -0.0
        return like(layout.from_rows(x), z)

    def violation(self, w: Array, gradient: Array, scale: float = 1.0) -> Array:
        xp, layout = namespace(w), Layout(self, w)
        thin = self._thin(scale)
        norms, strengths = xp.sqrt(layout.sums(w * w)), layout.strengths(scale)
        safe = xp.where(norms > 0, norms, xp.ones_like(norms))
        slopes = gradient + w * layout.spread(self._pulls(xp, norms, strengths) / safe)
        slopes = slopes + thin * xp.sign(w)
        if self.l2_ratio:
            slopes = slopes + w * layout.spread(layout.l2(scale))
        slopes = xp.where(w == 0, soft(xp, gradient, thin), slopes)
        inside = xp.sqrt(layout.sums(slopes * slopes))
        outer = soft(xp, gradient, thin)
        at_zero = xp.clip(xp.sqrt(layout.sums(outer * outer)) - strengths, 0, np.inf)
        return xp.where(norms > 0, inside, at_zero)

    def unit_sums(self, x: Array) -> Array:
        return Layout(self, x).sums(x)

    def to_units(self, values: Array, w: Array) -> Array:
        return Layout(self, w).spread(values)


@dataclass(frozen=True, kw_only=True, eq=False)
class SparseGroupLasso(GroupLasso):
    """strength * [(1 - l1_ratio) sum_g c_g ||w_g||_2 + l1_ratio sum_j |w_j|].

    With an l2_ratio it is (1 - l2_ratio) times that, plus strength * l2_ratio / 2 * sum_g c_g
    ||w_g||_2^2.

    Whole groups become zero, and single weights within the remaining groups. The proximal step is
    soft-thresholding followed by the group step.

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
    l1_ratio : float in [0, 1], default=0.5
        Share of the L1 part. The default treats both parts alike.

    Raises
    ------
    ValueError
        For settings out of range; of shapes that do not fit the weights, from the methods.

    References
    ----------
    Simon, Friedman, Hastie, Tibshirani (2013), "A sparse-group lasso", J. Comput. Graph. Statist.
    22(2).

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.penalties import SparseGroupLasso
    >>> rows = np.array([[3.0, 0.4], [0.3, 0.4]])
    >>> SparseGroupLasso(strength=1.0).prox(rows, 1.0)
    array([[1.79289322, 0.        ],
           [0.        , 0.        ]])
    """

    kind: ClassVar[str] = "sparse_group_lasso"

    l1_ratio: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_in("l1_ratio", self.l1_ratio, 0.0, 1.0)


def _has_entries(groups: Any) -> bool:
    # whether it is an array, or what only regression takes: a list of lists, or a dict
    return isinstance(groups, Mapping) or are_lists(groups) or bool(np.ndim(groups))


class Layout:
    """The groups of a penalty for weights of a given shape."""

    def __init__(self, penalty: GroupLasso, w: Array) -> None:
        self.penalty = penalty
        self.like = w
        self.xp = namespace(w)
        self.labels = None
        if penalty.overlap:
            raise ValueError(
                "overlap=True is for regression, where a feature may be in several groups."
            )
        if _has_entries(penalty.groups):
            ragged = are_lists(penalty.groups) and len({np.size(g) for g in penalty.groups}) > 1
            labels = np.asarray(as_numpy(penalty.groups), object if ragged else None)
            if labels.shape != tuple(w.shape) or labels.dtype.kind not in "iu":
                raise ValueError(
                    f"groups is {labels.dtype} of shape {labels.shape}; expected integers of the "
                    f"shape of the weights, {tuple(w.shape)}."
                )
            self.n_groups = int(labels.max(initial=-1)) + 1
            self.labels = labels.ravel()
            counts = np.bincount(self.labels[self.labels >= 0], minlength=self.n_groups)
            self.counts = counts.astype(np.float64)
            return
        if isinstance(penalty.groups, str):
            raise ValueError(
                f"groups={penalty.groups!r} is for the columns of a frame, in regression; give an "
                "axis, or the group number of each weight."
            )
        axis = int(penalty.groups)
        if not -len(w.shape) <= axis < len(w.shape):
            raise ValueError(f"groups={axis} names no axis of weights with shape {tuple(w.shape)}.")
        self.axis = axis
        self.n_groups, rest = divmod(w.shape[axis], penalty.size)
        if rest:
            raise ValueError(
                f"size={penalty.size} does not divide the {w.shape[axis]} indices of axis {axis}."
            )
        entries = int(np.prod(w.shape))
        self.counts = np.full(self.n_groups, entries / max(self.n_groups, 1))

    def weights(self) -> Any:
        """Return c_g of all groups."""
        given = self.penalty.group_weights
        weights = np.sqrt(self.counts) if given is None else np.asarray(as_numpy(given), np.float64)
        fits = weights.shape == (self.n_groups,) and (weights >= 0.0).all()
        if not fits or not np.isfinite(weights).all():
            raise ValueError(
                f"group_weights has shape {weights.shape}; expected {self.n_groups} finite "
                "numbers >= 0."
            )
        return weights

    def numbers(self) -> Any:
        """Return the group number of every weight, -1 for no group."""
        shape = tuple(self.like.shape)
        if self.labels is not None:
            return self.labels.reshape(shape)
        n = shape[self.axis]
        wide = [n if k == self.axis % len(shape) else 1 for k in range(len(shape))]
        return np.broadcast_to((np.arange(n) // self.penalty.size).reshape(wide), shape)

    def strengths(self, scale: float) -> Array:
        """Return the strengths of all groups."""
        weights, penalty = self.weights(), self.penalty
        ratio = (1.0 - penalty.l1_ratio) * (1.0 - penalty.l2_ratio)
        return like(weights * (penalty.strength * ratio), self.like) * scale

    def l2(self, scale: float) -> Array:
        """Return the strengths of the L2 part of all groups."""
        strength = self.penalty.strength * self.penalty.l2_ratio
        return like(self.weights() * strength, self.like) * scale

    def rows(self, x: Array) -> Array:
        """Reshape x to (n_groups, weights in each), for groups along an axis."""
        xp, in_each = namespace(x), int(self.counts[0]) if self.n_groups else 0
        return xp.reshape(xp.moveaxis(x, self.axis, 0), (self.n_groups, in_each))

    def from_rows(self, rows: Any) -> Any:
        """Reshape the result of `rows` back to the shape of the weights."""
        shape = tuple(self.like.shape)
        axis = self.axis % len(shape)
        moved = (shape[axis], *shape[:axis], *shape[axis + 1 :])
        return np.ascontiguousarray(np.moveaxis(rows.reshape(moved), 0, axis))

    def member(self, x: Array) -> Array:
        """Return the mask of the weights that belong to a group."""
        if self.labels is None:
            return self.xp.ones_like(x) > 0
        return like((self.labels >= 0).reshape(x.shape).astype(np.float64), x) > 0

    def grouped(self, x: Array) -> Array:
        """Return x with 0 for weights without a group."""
        return self.xp.where(self.member(x), x, self.xp.zeros_like(x))

    def sums(self, x: Array) -> Array:
        """Sum x over each group."""
        xp = namespace(x)
        if self.labels is None:
            return xp.sum(self.rows(x), 1)
        if not self.n_groups:
            return xp.reshape(x, (-1,))[:0]
        (inside,) = np.nonzero(self.labels >= 0)
        return sums_of(take(xp.reshape(x, (-1,)), inside), self.labels[inside], self.n_groups)

    def spread(self, values: Array) -> Array:
        """Return for every weight the value of its group; arbitrary for weights without one."""
        xp, shape = namespace(values), tuple(self.like.shape)
        if not self.n_groups:
            return xp.ones_like(self.like)
        if self.labels is not None:
            return xp.reshape(take(values, np.maximum(self.labels, 0)), shape)
        axis = self.axis % len(shape)
        column = xp.reshape(values, (-1, 1))
        repeated = xp.broadcast_to(column, (self.n_groups, self.penalty.size))
        return xp.reshape(repeated, tuple(-1 if k == axis else 1 for k in range(len(shape))))

    def prox(self, xp: Any, z: Array, t: Array, scale: float) -> Array:
        """Compute the proximal point of z for steps t and group strengths s.

        x_j = z_j r_g / (r_g + s_g t_j), r_g = ||x_g||; 0 where ||z_g / t_g|| <= s_g.
        """
        s = self.strengths(scale)
        member = self.member(z)
        wanted = self.grouped(z)
        safe_t = xp.where(t > 0, t, xp.ones_like(t))
        far = xp.full_like(z, float("inf"))
        ratio = xp.where(wanted == 0, xp.zeros_like(z), xp.where(t > 0, wanted / safe_t, far))
        zero = xp.sqrt(self.sums(ratio * ratio)) <= s
        size = xp.sqrt(self.sums(wanted * wanted))
        zero = zero & (size > 0) | (size == 0)
        r = self._norms(xp, wanted, t, s, xp.where(zero, xp.ones_like(size), size))
        spread = self.spread(r)
        x = wanted * (spread / (spread + self.spread(s) * t))
        kept = xp.where(zero, xp.zeros_like(size), xp.ones_like(size))  # NaN stays visible
        x = xp.where(self.spread(kept) > 0, x, xp.zeros_like(x))
        return xp.where(member, x, z)

    def _norms(self, xp: Any, z: Array, t: Array, s: Array, size: Array) -> Array:
        # Newton's method on 1 / sqrt(sum_j (z_j / (r + s t_j))^2) - 1, safeguarded by bisection
        shift = self.spread(s) * t
        precise = 4.5e-16 if "64" in str(z.dtype) else 2.4e-7

        def unfinished(r: Array, low: Array, high: Array, change: Array) -> Array:
            return xp.any(change > precise * r)

        def step(r: Array, low: Array, high: Array, change: Array) -> tuple[Array, ...]:
            a = self.spread(r) + shift
            safe_a = xp.where(a > 0, a, xp.ones_like(a))
            q = z / safe_a
            total, slope = self.sums(q * q), self.sums(q * q / safe_a)
            low, high = xp.where(total > 1, r, low), xp.where(total > 1, high, r)
            safe = xp.where(slope > 0, slope, xp.ones_like(slope))
            new = r + (xp.sqrt(total) - 1) * total / safe
            new = xp.where((new >= low) & (new <= high), new, 0.5 * (low + high))
            return new, low, high, xp.abs(new - r)

        return repeat(xp, unfinished, step, (size, size * 0, size, size), MOST_STEPS)[0]
