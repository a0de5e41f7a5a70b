"""Relative entropy, from which Bregman terms are made without cancellation."""

from __future__ import annotations

from typing import Any

import numpy as np

from softreg_fast.options.types import Vector

TERMS = 18  # of the series of exp, enough for |u| <= 1


def relative_entropy(t: Any, m: Any, u: Any) -> Vector:
    """Return t log(t / m) - t + m >= 0 for t, m >= 0 and u = log(m / t).

    That is t (exp(u) - 1 - u), whose second factor is its own series for small u.
    """
    near = np.abs(u) <= 1.0
    x = np.where(near, u, 0.0)
    series = np.ones_like(x)
    for k in range(TERMS, 2, -1):
        series = 1.0 + series * x / k
    with np.errstate(invalid="ignore"):
        far = m - t - np.where(t == 0.0, 0.0, t * u)
    return np.asarray(np.where(near, 0.5 * t * x * x * series, np.maximum(far, 0.0)))


def relative_entropy_near(t: Any, m: Any, log_m: Any, away: Any) -> Vector:
    """Return t log(t / m) - t + m, accurate for t near m too; away = t - m.

    `log_m` is needed where m is too small for float64. Infinite for t < 0.
    """
    t, m, log_m, away = np.broadcast_arrays(t, m, log_m, away)
    ratio = np.divide(away, m, out=np.zeros(t.shape), where=np.abs(away) < 0.5 * m)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = log_m - np.log(t)
        u = np.where(np.abs(away) < 0.5 * m, -np.log1p(ratio), apart)
    u = np.where(away == 0.0, 0.0, u)
    return np.where(t < 0.0, np.inf, relative_entropy(t, m, u))
