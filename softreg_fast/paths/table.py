"""The printed table of a path."""

from __future__ import annotations

from typing import Any

import numpy as np

from softreg_fast.solvers.protocol import Status

# Remarks on the end of a fit in the table of a path.
MARKS: dict[int, str] = {Status.CONVERGED: "", Status.PRECISION: "  as exact as float64 allows"}


def table_of(path: Any, rows: int | None) -> str:
    """Return the table of a Path as text, as `Path.table` does."""
    shown = list(range(len(path)))
    if rows is not None and rows < len(path):
        shown = sorted({round(k) for k in np.linspace(0, len(path) - 1, rows)})
    gap = f"gap/{path.gap_unit}"
    lines = [repr(path), f"{'':>4} {'Df':>6} {'%Dev':>7} {'alpha':>12} {gap:>9}"]
    if not path.is_convex:
        lines.insert(1, f"gap: {path.certificate}, since {path.bent} is not convex")
    for k, relative in zip(shown, path.relative_gaps[shown], strict=True):
        mark = MARKS.get(int(path.status[k]), "  not converged")
        lines.append(
            f"{k:>4} {path.df[k]:>6} {round(100 * path.dev_ratio[k], 2) + 0.0:>7.2f} "
            f"{path.alphas[k]:>12.6g} {relative:>9.1e}{mark}"
        )
    return "\n".join(lines)
