"""Subsamples as weight vectors: the samples of each, and the Design with weight on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from softreg_fast.data.design import Design
from softreg_fast.options.scalars import check_count, check_flag, check_number
from softreg_fast.options.types import Index


def subsamples(
    design: Design, n_subsamples: int, fraction: float, complementary: bool, random_state: Any
) -> Iterator[Index]:
    """Draw the samples of each subsample from those with positive weight.

    Raises
    ------
    ValueError
        For an odd number of subsamples in pairs, for paired subsamples of more than half of the
        samples, and for subsamples of fewer than two.
    """
    check_count("n_subsamples", n_subsamples)
    check_number("fraction", fraction, low=0.0, high=1.0, low_open=True)
    n_parts = 2 if check_flag("complementary", complementary) else 1
    if n_subsamples % n_parts:
        raise ValueError(
            f"n_subsamples is {n_subsamples}, but complementary pairs are asked for; give an even "
            "number, or complementary=False."
        )
    if n_parts * fraction > 1.0:
        raise ValueError(
            f"fraction is {fraction!r}, but complementary pairs are asked for; give at most 0.5, "
            "or complementary=False."
        )
    weight = design.weight
    samples = np.arange(design.n_samples) if weight is None else np.flatnonzero(weight)
    size = int(round(fraction * len(samples), 6))  # 0.57 of 100 is 57, whatever float64 says
    if size < 2:
        raise ValueError(
            f"A fraction of {fraction!r} of n_samples={len(samples)} with weight is {size}; every "
            "subsample wants at least 2, so give more samples or a larger fraction."
        )
    rng = check_random_state(random_state)
    orders = (rng.permutation(samples) for _ in range(n_subsamples // n_parts))
    return (order[k * size : (k + 1) * size] for order in orders for k in range(n_parts))


def part_of(design: Design, rows: Index) -> Design:
    """Return the Design with weight on these samples only."""
    weight = np.zeros(design.n_samples)
    weight[rows] = 1.0 if design.weight is None else design.weight[rows]
    return design.with_weight(weight)
