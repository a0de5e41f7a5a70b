"""Relative entropy, from which Bregman terms are made without cancellation."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from softreg_fast.options.types import Vector

# Terms of the series of 2 (exp(u) - 1 - u) / u^2, from the last: enough for |u| <= 1.
SERIES = [2.0 / factorial(k) for k in range(18, 1, -1)]


def relative_entropy(t: Any, m: Any, u: Any) -> Vector:
    """Return t log(t / m) - t + m >= 0 for t, m >= 0 and u = log(m / t).

    That is t (exp(u) - 1 - u), whose second factor is its own series for small u.
    """
    near = np.abs(u) <= 1.0
    x = np.where(near, u, 0.0)
    series = np.full_like(x, SERIES[0])
    for term in SERIES[1:]:
        series *= x
        series += term
    with np.errstate(invalid="ignore"):
        far = m - t - np.where(t == 0.0, 0.0, t * u)
    return np.asarray(np.where(near, 0.5 * t * x * x * series, np.maximum(far, 0.0)))


def relative_entropy_near(t: Any, m: Any, log_m: Any, away: Any) -> Vector:
    """Return t log(t / m) - t + m, accurate for t near m too; away = t - m.

    `log_m` is needed where m is too small for float64. Infinite for t < 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = log_m - np.log(t)
    t, m, apart, away = np.broadcast_arrays(t, m, apart, away)
    near = np.abs(away) < 0.5 * m
    ratio = np.divide(away, m, out=np.zeros(t.shape), where=near)
    u = np.where(near, -np.log1p(ratio), apart)
    u = np.where(away == 0.0, 0.0, u)
    return np.where(t < 0.0, np.inf, relative_entropy(t, m, u))
