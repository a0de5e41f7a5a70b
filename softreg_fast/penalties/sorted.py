"""SLOPE, the sorted L1 penalty, which makes coefficients zero, or equal in size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy.special import ndtri

from softreg_fast.kernels._prox import pool_falling
from softreg_fast.options.types import Vector
from softreg_fast.penalties.arrays import (
    Array,
    absolute,
    as_numpy,
    check_steps,
    is_in_memory,
    like,
    namespace,
)
from softreg_fast.penalties.base import Kept, Penalty

# Weights that are named; others are given as arrays.
NAMED = ("bh", "oscar")

# A step of 0 is taken for this share of the largest: its weight stays where it is.
NO_STEP = 1e-12


@dataclass(frozen=True, kw_only=True, eq=False)
class SLOPE(Penalty):
    """strength * sum_k lambda_k |w|_(k), with |w|_(1) >= |w|_(2) >= ... the sorted sizes.

    The weights lambda_k fall: the larger a coefficient's rank, the more it is shrunk. Coefficients
    that would change places become exactly equal in size instead: a cluster. With equal weights
    it is the Lasso.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        The factor lambda, in units of the loss. Given by name, like all settings. In regression
        alpha multiplies it, to which the default leaves it.
    weights : {"bh", "oscar"} or array-like (n_weights,), default="bh"
        The lambda_k of the p coefficients, by their rank. "bh": Phi^-1(1 - k q / (2 p)), Phi the
        normal distribution's, which for orthogonal features bounds the false discovery rate by q
        (Benjamini and Hochberg); "oscar": 1 + q (p - k), the L1 norm plus q times the larger size
        of each pair. An array has numbers >= 0 that do not rise, not all 0.
    q : float in (0, 1), default=0.1
        The false discovery rate of "bh", the slope of "oscar"; of no effect beside an array.

    Raises
    ------
    ValueError
        For settings out of range; of shapes that do not fit the weights, from the methods.

    References
    ----------
    Bogdan, van den Berg, Sabatti, Su, Candes (2015), "SLOPE: adaptive variable selection via convex
    optimization", Annals of Applied Statistics 9(3). Bondell, Reich (2008), "Simultaneous
    regression shrinkage, variable selection, and supervised clustering of predictors with OSCAR",
    Biometrics 64(1).

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.penalties import SLOPE
    >>> SLOPE(weights=[1.0, 0.7, 0.5, 0.4]).prox(np.array([3.0, -2.9, 1.0, 0.2]), 1.0)
    array([ 2.1, -2.1,  0.5,  0. ])
    """

    weights: Any = "bh"
    q: float = 0.1

    kind: ClassVar[str] = "slope"

    def __post_init__(self) -> None:
        super().__post_init__()
        q: Any = self.q
        real = isinstance(q, int | float | np.number) and not isinstance(q, bool)
        if not real or not 0.0 < q < 1.0:
            raise ValueError(f"q must be a number > 0 and < 1, got {q!r}.")
        if isinstance(self.weights, str):
            if self.weights not in NAMED:
                raise ValueError(
                    f"weights must be 'bh', 'oscar' or an array, got {self.weights!r}."
                )
            return
        _check_weights(np.asarray(as_numpy(self.weights)))

    def check_fits(self, shape: tuple[int, ...]) -> None:
        self.lambdas(int(np.prod(shape)))

    def lambdas(self, n_weights: int) -> Vector:
        """Return the falling lambda_k for this number of weights.

        Parameters
        ----------
        n_weights : int
            Number of weights.

        Returns
        -------
        ndarray (n_weights,)
        """
        ranks = np.arange(1, n_weights + 1)
        if not isinstance(self.weights, str):
            given = np.array(as_numpy(self.weights), np.float64)
            if given.shape != ranks.shape:
                raise ValueError(
                    f"weights of SLOPE has {given.size} entries; expected {n_weights}, one for "
                    "each rank of a coefficient."
                )
            return given
        if self.weights == "bh":
            return np.asarray(-ndtri(ranks * (0.5 * self.q / max(n_weights, 1))))
        return np.asarray(1.0 + self.q * (n_weights - ranks), np.float64)

    def term(self, w: Array) -> Array:
        xp = namespace(w)
        sizes = xp.reshape(absolute(xp, w), (-1,))
        order = np.argsort(-as_numpy(sizes), kind="stable")
        lambdas = np.empty(len(order))
        lambdas[order] = self.lambdas(len(order))
        return self.strength * xp.sum(sizes * like(lambdas, w))

    def prox(self, z: Array, t: Array, scale: float = 1.0) -> Array:
        if is_in_memory(z):
            check_steps(t, z)
        shape = tuple(z.shape)
        given = np.asarray(as_numpy(z), np.float64).reshape(-1)
        steps = np.broadcast_to(np.asarray(as_numpy(t), np.float64), shape).reshape(-1)
        lambdas = self.lambdas(given.size) * (self.strength * float(scale))
        sizes = np.abs(given)
        order = np.argsort(-sizes, kind="stable")
        shrunk = np.empty(given.size)
        if np.ptp(steps) == 0.0 if steps.size else True:
            shrunk[order] = falling(sizes[order] - steps * lambdas)
        else:
            floor = np.maximum(steps, NO_STEP * steps.max())
            _decompose(sizes, floor, lambdas, np.arange(given.size), shrunk)
            shrunk = np.where(steps == 0.0, sizes, shrunk)
        x = np.where(shrunk > 0.0, np.copysign(shrunk, given), 0.0)
        return like(np.where(np.isnan(given), given, x).reshape(shape), z)

    def violation(self, w: Array, gradient: Array, scale: float = 1.0) -> Array:
        # In a cluster the slopes toward larger sizes, sorted, may not have partial sums above those
        # of the lambdas; the nearest point of the subdifferential is that for the proximal step.
        shape = tuple(w.shape)
        x = np.asarray(as_numpy(w), np.float64).reshape(-1)
        g = np.asarray(as_numpy(gradient), np.float64).reshape(-1)
        lambdas = self.lambdas(x.size) * (self.strength * float(scale))
        slopes = np.where(x == 0.0, np.abs(g), -np.sign(x) * g)
        order = np.lexsort((-slopes, -np.abs(x)))
        sizes = np.abs(x[order])
        ends = np.flatnonzero(np.diff(sizes, append=-1.0)) + 1
        away = np.empty(x.size)
        start = 0
        for end in ends.tolist():
            excess = falling(slopes[order[start:end]] - lambdas[start:end])
            away[order[start:end]] = excess if sizes[start] > 0.0 else np.maximum(excess, 0.0)
            start = end
        return like(np.abs(away).reshape(shape), w)

    def take(self, shape: tuple[int, ...], kept: Kept) -> SLOPE:
        # weights that are cut were zero, of the last ranks
        left = np.array([n if k is None else len(k) for n, k in zip(shape, kept, strict=True)])
        return replace(self, weights=self.lambdas(int(np.prod(shape)))[: int(left.prod())])


def falling(numbers: Vector) -> Vector:
    """Return the falling numbers nearest to these by least squares (pool adjacent violators)."""
    sums, counts = np.array(numbers, np.float64), np.ones(len(numbers))
    stop = np.empty(len(numbers), np.intp)
    n_blocks = pool_falling(sums, counts, stop)
    return np.repeat(sums[:n_blocks] / counts[:n_blocks], np.diff(stop[:n_blocks], prepend=0))


def _check_weights(given: Any) -> None:
    if given.ndim != 1 or given.dtype.kind not in "fiu" or not given.size:
        raise ValueError(
            f"weights must be 'bh', 'oscar' or a vector of numbers, got {given.dtype} of shape "
            f"{given.shape}."
        )
    bad = ~np.isfinite(given) | (given < 0)
    if bad.any():
        k = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"weights[{k}] is {given[k]}; the weights of SLOPE must be finite and >= 0."
        )
    rises = np.flatnonzero(np.diff(given) > 0)
    if rises.size:
        k = int(rises[0])
        raise ValueError(
            f"The weights of SLOPE must not rise, and weights[{k + 1}] = {given[k + 1]} is larger "
            f"than weights[{k}] = {given[k]}; sort them, the largest first."
        )
    if not given.any():
        raise ValueError(
            "The weights of SLOPE are all 0, which penalises nothing; give positive ones."
        )


def _decompose(sizes: Vector, steps: Vector, lambdas: Vector, members: Any, out: Vector) -> None:
    # The proximal point for steps of each weight: were all members equal, they would be `level`;
    # those whose sum exceeds that of the lambdas by most are larger, the others smaller.
    todo = [(members, 0)]
    while todo:
        part, first = todo.pop()
        if not part.size:
            continue
        last = first + part.size
        pull = 1.0 / steps[part]
        level = (pull @ sizes[part] - lambdas[first:last].sum()) / pull.sum()
        force = pull * (sizes[part] - level)
        order = np.argsort(-force, kind="stable")
        excess = np.cumsum(force[order] - lambdas[first:last])
        cut = int(np.argmax(excess)) + 1
        if cut == part.size or excess[cut - 1] <= 1e-14 * np.abs(force).max(initial=0.0):
            out[part] = level
            continue
        todo += [(part[order[:cut]], first), (part[order[cut:]], first + cut)]
