"""Subsamples as weight vectors: the samples of each, and the Design with weight on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from softreg_fast.data.design import Design
from softreg_fast.losses.classes import shown
from softreg_fast.options.scalars import check_count, check_flag, check_number
from softreg_fast.options.types import Index


def subsamples(
    design: Design, n_subsamples: int, fraction: float, complementary: bool, random_state: Any
) -> Iterator[Index]:
    """Draw the samples of each subsample from those with positive weight, the same share of both
    classes where there are two.

    Raises
    ------
    ValueError
        For an odd number of subsamples in pairs, for paired subsamples of more than half of the
        samples, and for subsamples of fewer than two or without one
        of the classes.
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
    strata = _strata(design)
    sizes = [int(round(fraction * len(samples), 6)) for _, samples in strata]  # 0.57 of 100 is 57
    _check_sizes(strata, sizes, fraction)
    rng = check_random_state(random_state)

    def draw() -> Iterator[Index]:
        for _ in range(n_subsamples // n_parts):
            orders = [rng.permutation(samples) for _, samples in strata]
            for k in range(n_parts):
                parts = [
                    order[k * size : (k + 1) * size]
                    for order, size in zip(orders, sizes, strict=True)
                ]
                yield np.concatenate(parts)

    return draw()


def _strata(design: Design) -> list[tuple[str, Index]]:
    # samples with weight: those of each class, if there are classes, or all of them
    weight, target = design.weight, design.described_target
    samples = np.arange(design.n_samples) if weight is None else np.flatnonzero(weight)
    strata = target.loss.strata(target.observed[samples])
    if strata is None or target.classes is None:
        return [("", samples)]
    values = np.array(target.loss.labels or range(len(target.classes)))
    each = zip(target.classes.tolist(), values, strict=True)
    return [
        (f" of class {shown(name)}", samples[strata == k])
        for name, k in each
        if (strata == k).any()
    ]


def _check_sizes(strata: list[tuple[str, Index]], sizes: list[int], fraction: float) -> None:
    least = 2 if len(strata) == 1 else 1
    for (name, samples), size in zip(strata, sizes, strict=True):
        if size < least:
            raise ValueError(
                f"A fraction of {fraction!r} of n_samples={len(samples)}{name} with weight is "
                f"{size}; every subsample needs at least {least}, so give more samples or a larger "
                "fraction."
            )


def part_of(design: Design, rows: Index) -> Design:
    """Return the Design with weight on these samples only."""
    weight = np.zeros(design.n_samples)
    weight[rows] = 1.0 if design.weight is None else design.weight[rows]
    return design.reweighted(weight)
