"""Roots of decreasing functions, of many at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from softreg_fast.options.types import Vector

EPS = float(np.finfo(np.float64).eps)
MOST_STEPS = 200

# Steps this small, relative to 1 + |x|, that do not shrink any more are rounding errors.
NOISE = 1e-11


def root(function: Callable[[Vector], tuple[Vector, Vector]], low: Any, high: Any) -> Any:
    """Return the x between low and high where a decreasing function is 0, entry by entry.

    Newton's method; where its step leaves the interval in which the sign changes, or is not half
    the one before, the interval is halved (Press et al. 2007, Numerical Recipes, section 9.4).

    Parameters
    ----------
    function : callable
        (x) -> (value, minus the derivative), of the shape of x.
    low, high : float or ndarray
        The value is >= 0 at low and <= 0 at high.

    Returns
    -------
    float or ndarray
    """
    low, high = (np.array(end, np.float64) for end in np.broadcast_arrays(low, high))
    x, last = 0.5 * (low + high), high - low
    found = np.zeros(x.shape, bool)
    for _ in range(MOST_STEPS):
        value, slope = function(x)
        low = np.where(value >= 0.0, x, low)
        high = np.where(value <= 0.0, x, high)
        with np.errstate(all="ignore"):
            step = value / slope
            inside = (x + step >= low) & (x + step <= high)
        size, shrinks = np.abs(step), np.abs(step) <= 0.5 * last
        noise = inside & ~shrinks & (size <= NOISE * (1.0 + np.abs(x)))
        newton = inside & (shrinks | noise)
        new = np.where(found, x, np.where(newton, x + step, 0.5 * (low + high)))
        last = np.abs(new - x)
        found = found | noise | (last <= EPS * np.abs(new))
        x = new
        if found.all():
            break
    return x[()]
