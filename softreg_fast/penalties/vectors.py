"""Penalty: conversion of the user's arguments to the vectors l1, l2, lower, upper."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from softreg_fast.data.contents import check_unmasked
from softreg_fast.data.names import Names, PerFeature, entries_by_name, is_by_name, name_of
from softreg_fast.options.cells import Cell, shortened
from softreg_fast.options.scalars import check_flag, check_number, is_real
from softreg_fast.options.types import Vector
from softreg_fast.penalties.excluded import features_of
from softreg_fast.penalties.grouping import GROUPED, weights_by_feature

# Kinds of penalties whose coefficients are coupled.
COUPLED = (*GROUPED, "slope", "tikhonov")


class PenaltyVectors(NamedTuple):
    """sum_j l1_j |w_j| + l2_j / 2 w_j^2 with lower_j <= w_j <= upper_j; each (n_features,).

    A vector with the same value for all features may be one number in memory (`uniform`).
    """

    l1: Vector
    l2: Vector
    lower: Vector
    upper: Vector

    @property
    def is_ridge(self) -> bool:
        """Return whether there is neither an L1 part nor a bound other than exclusion."""
        if self.l1.any():
            return False
        free = np.isneginf(self.lower) & np.isposinf(self.upper)
        excluded = (self.lower == 0.0) & (self.upper == 0.0)
        return bool(np.all(free | excluded))


@dataclass(frozen=True, eq=False)
class Penalty:
    """The elastic net's penalty with weights per feature, and bounds of the coefficients.

        alpha * sum_j [ l1_ratio * a_j |w_j| + (1 - l1_ratio) / 2 * o_j w_j^2 ],
        lower_j <= w_j <= upper_j

    `solve`, `path` and the estimators make one from their arguments.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
        Strength of the penalty; 0 is none. The default and the meaning are scikit-learn's.
    l1_ratio : float in [0, 1], default=1.0
        Share of the L1 penalty: 1, the default, is the Lasso, 0 is ridge.
    l1_weights : float, array-like (n_features,), dict, Series or None, default=None
        The a_j, relative strength of the L1 penalty on each feature, >= 0. 0: not penalised; inf:
        excluded, w_j = 0; None: all 1. A dict or a pandas Series is matched by feature name (by
        feature number if X has no names); features not named in it have 1.
    l2_weights : float, array-like (n_features,), dict, Series or None, default=None
        The o_j, relative strength of the L2 penalty on each feature, as l1_weights.
    positive : bool, default=False
        Constrain every coefficient to be >= 0.
    bounds : (lower, upper), scipy.optimize.Bounds, dict or None, default=None
        Bounds of the coefficients, in the units of X. Lower and upper are numbers, arrays
        (n_features,), dicts or Series by feature name, or None for no bound. A single dict has
        pairs (lower, upper) by feature name; other features are unbounded.
    l1 : float, array-like (n_features,), dict, Series or None, default=None
        The vector l1_j = alpha * l1_ratio * a_j itself: l1 and l2 replace alpha, l1_ratio and the
        weights. An omitted vector, and features not named, are 0; inf excludes.
    l2 : float, array-like (n_features,), dict, Series or None, default=None
        The vector l2_j = alpha * (1 - l1_ratio) * o_j itself, as l1.
    omega : an object of softreg_fast.penalties or None, default=None
        The penalty as `penalty=` of the functions that fit gives it, whose strength and weights a_j
        and o_j hold; such as MCP it may take the place of sum_j a_j |w_j|. None: the elastic net.
    exclude : name, number, list of them, mask or None, default=None
        Features to leave out, by name or by number from 0: their coefficients are 0, as with
        infinite weights. The name of a column of a frame stands for all of its features. For
        penalties of single coefficients. None: none.

    Raises
    ------
    TypeError, ValueError
        From the constructor for numbers out of range; from `vectors` for arrays that do not fit.

    References
    ----------
    Zou, Hastie (2005), "Regularization and variable selection via the elastic net", JRSS B 67(2),
    for the penalty; Zou (2006), "The adaptive lasso and its oracle properties", JASA 101, for the
    weights.

    Examples
    --------
    >>> from softreg_fast import Penalty
    >>> penalty = Penalty(alpha=0.5, l1_weights={1: 2.0})
    >>> penalty.vectors(n_features=3).l1
    array([1., 2., 1.])
    """

    alpha: float = 1.0
    l1_ratio: float = 1.0
    l1_weights: PerFeature | None = None
    l2_weights: PerFeature | None = None
    positive: bool = False
    bounds: Any = None
    l1: PerFeature | None = None
    l2: PerFeature | None = None
    omega: Any = None
    exclude: Any = None

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, low=0.0)
        check_number("l1_ratio", self.l1_ratio, low=0.0, high=1.0)
        check_flag("positive", self.positive)
        if self.l1 is not None or self.l2 is not None:
            spoken = {"alpha": 1.0, "l1_ratio": 1.0, "l1_weights": None, "l2_weights": None}
            clash = [
                name
                for name, default in spoken.items()
                if getattr(self, name) is not default
                and (default is None or getattr(self, name) != default)
            ]
            if clash:
                raise ValueError(
                    f"l1 and l2 give the penalty outright, but {' and '.join(clash)} was given "
                    "too; use either the vectors or alpha with l1_ratio and weights."
                )

    def _repr_html_(self) -> str:
        usual = Penalty.__dataclass_fields__
        given = {name: getattr(self, name) for name in usual}
        facts = [
            (name, shortened(value))
            for name, value in given.items()
            if name == "alpha" or value is not usual[name].default
        ]
        return Cell("Penalty", facts).html()

    @property
    def kind(self) -> str:
        """Kind of the penalty, "elastic_net" without `omega`."""
        return "elastic_net" if self.omega is None else str(self.omega.kind)

    @property
    def strengths(self) -> tuple[float, float]:
        """Factors by which l1 and l2 of `vectors` are to be multiplied."""
        if self.l1 is not None or self.l2 is not None:
            return 1.0, 1.0
        return self.alpha * self.l1_ratio, self.alpha * (1.0 - self.l1_ratio)

    def vectors(self, n_features: int, names: Names | None = None) -> PenaltyVectors:
        """Return the penalty at unit strengths; excluded features have the box [0, 0].

        Without an L2 part l2 is 0, whatever its weights: for columns of 1e-160 they would leave the
        range of float64 in the engine's units, although they are multiplied by 0.

        Parameters
        ----------
        n_features : int
            Number of features.
        names : ndarray (n_features,) of object or None, default=None
            Feature names, by which arguments given by name are matched. None: their numbers.

        Returns
        -------
        PenaltyVectors
            Named tuple (l1, l2, lower, upper), each (n_features,).

        Raises
        ------
        ValueError, TypeError
            For arrays of another length, unknown names, weights below 0 and empty bounds.
        """
        if self.omega is not None and self.kind not in GROUPED:  # whose groups may be by name
            self.omega.check_fits((n_features,))
        if self.l1 is not None or self.l2 is not None:
            l1 = nonnegative_vector("l1", self.l1, n_features, 0.0, names)
            l2 = nonnegative_vector("l2", self.l2, n_features, 0.0, names)
        else:
            l1_weights = self.l1_weights
            if self.kind in GROUPED:
                l1_weights = weights_by_feature(self.omega, n_features, names)
            l1 = nonnegative_vector("l1_weights", l1_weights, n_features, 1.0, names)
            l2 = nonnegative_vector("l2_weights", self.l2_weights, n_features, 1.0, names)
        if self.exclude is not None:
            self._refuse_exclusion()
            l1 = np.array(l1)
            l1[features_of(self.exclude, n_features, names)] = np.inf
        vectors = _excluding(PenaltyVectors(l1, l2, *self._box(n_features, names)), names)
        if self.strengths[1] == 0.0:
            return vectors._replace(l2=uniform(0.0, n_features))
        return vectors

    def _refuse_exclusion(self) -> None:
        # penalties that couple coefficients have no bounds
        if self.kind in COUPLED:
            raise ValueError(
                f"exclude is for penalties of single coefficients, and {type(self.omega).__name__} "
                "couples them; leave these columns out of X."
            )

    def _box(self, n_features: int, names: Names | None) -> tuple[Vector, Vector]:
        if self.bounds is None:
            low = uniform(0.0 if self.positive else -np.inf, n_features)
            return low, uniform(np.inf, n_features)
        lower, upper = _as_pair(self.bounds)
        low = bound_vector("lower", lower, n_features, -np.inf, names)
        high = bound_vector("upper", upper, n_features, np.inf, names)
        if self.positive:
            low = np.maximum(low, 0.0)
        empty = (low > high) | np.isposinf(low) | np.isneginf(high)
        if empty.any():
            j = int(np.flatnonzero(empty)[0])
            also = " (positive=True asks for w >= 0)" if self.positive else ""
            raise ValueError(
                f"The bounds of feature {name_of(j, names)} are [{low[j]:g}, {high[j]:g}]{also}, "
                "which holds no number; give lower <= upper."
            )
        return low, high


def _excluding(vectors: PenaltyVectors, names: Names | None) -> PenaltyVectors:
    # convert infinite weights to the bounds [0, 0]
    l1, l2, lower, upper = vectors
    if np.isfinite(l1.max()) and np.isfinite(l2.max()):
        return vectors
    excluded = np.isinf(l1) | np.isinf(l2)
    misfit = excluded & ((lower > 0.0) | (upper < 0.0))
    if misfit.any():
        j = int(np.flatnonzero(misfit)[0])
        raise ValueError(
            f"Feature {name_of(j, names)} is excluded by an infinite weight or exclude, but its "
            f"bounds [{lower[j]:g}, {upper[j]:g}] leave out 0; widen the bounds or lower the "
            "weight."
        )
    return PenaltyVectors(*(np.where(excluded, 0.0, a) for a in vectors))


@functools.lru_cache(maxsize=64)  # called five times by a fit of a tenth of a millisecond
def uniform(value: float, n_features: int) -> Vector:
    """Return a read-only constant vector that uses no memory (stride 0)."""
    return np.ndarray(n_features, np.float64, np.float64(value).tobytes(), strides=(0,))


def nonnegative_vector(
    what: str, value: Any, n_features: int, default: float, names: Names | None = None
) -> Vector:
    """Return numbers >= 0, inf allowed, from a number, an array, a dict, a Series or None."""
    if value is None:
        return uniform(default, n_features)
    vector = _per_feature(what, value, n_features, default, names)
    if np.isnan(vector).any() or (vector < 0.0).any():
        j = int(np.flatnonzero(np.isnan(vector) | (vector < 0.0))[0])
        raise ValueError(
            f"{what}[{name_of(j, names)}] is {vector[j]}; every entry must be >= 0 "
            "(0: not penalised, inf: excluded)."
        )
    return vector


def bound_vector(
    what: str, value: Any, n_features: int, default: float, names: Names | None = None
) -> Vector:
    """Return a vector of bounds, infinite ones allowed."""
    given = default if value is None else value
    vector = _per_feature(f"{what} bounds", given, n_features, default, names)
    if np.isnan(vector).any():
        j = int(np.flatnonzero(np.isnan(vector))[0])
        raise ValueError(
            f"The {what} bound of feature {name_of(j, names)} is NaN; use a number or an infinity."
        )
    return vector


def _per_feature(
    what: str, value: Any, n_features: int, default: float, names: Names | None
) -> Vector:
    if is_by_name(value, names):
        entries = entries_by_name(what, value, n_features, names)
        vector = np.full(n_features, default)
        for j, entry in entries.items():
            vector[j] = _entry(what, name_of(j, names), entry)
        return vector
    check_unmasked(what, value)
    given = np.asarray(value)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"{what} must hold real numbers, got dtype {given.dtype}.")
    if given.shape not in ((), (1,), (n_features,)):
        raise ValueError(
            f"{what} has shape {given.shape}; expected one number, or one for each of the "
            f"{n_features} features, shape ({n_features},), or a dict by their names."
        )
    return np.array(np.broadcast_to(given, (n_features,)), dtype=np.float64)


def _entry(what: str, name: str, entry: Any) -> float:
    if not is_real(entry):
        raise TypeError(f"{what}[{name}] must be a real number, got {entry!r}.")
    return float(entry)


def _as_pair(bounds: Any) -> tuple[Any, Any]:
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):  # scipy.optimize.Bounds
        return bounds.lb, bounds.ub
    if isinstance(bounds, Mapping):
        pairs = {name: _two(f"bounds[{name!r}]", pair) for name, pair in bounds.items()}
        return (
            {name: -np.inf if low is None else low for name, (low, _) in pairs.items()},
            {name: np.inf if high is None else high for name, (_, high) in pairs.items()},
        )
    return _two("bounds", bounds)


def _two(what: str, pair: Any) -> tuple[Any, Any]:
    if hasattr(pair, "columns"):
        raise TypeError(
            f"{what} must be a pair (lower, upper), not a frame; give two of its columns, such as "
            "(frame['lower'], frame['upper'])."
        )
    try:
        if isinstance(pair, str | bytes | Set):  # unordered, or not numbers
            raise TypeError
        lower, upper = pair
    except (TypeError, ValueError):
        raise ValueError(
            f"{what} must be a pair (lower, upper), got {pair!r}; each a number or None for no "
            "bound, and for all features at once an array with one entry per feature."
        ) from None
    return lower, upper
