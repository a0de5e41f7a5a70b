"""A fit in words: its coefficients as lines of text, and what its certificate proves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from softreg_fast.options.spelling import printable
from softreg_fast.paths.result import Path

MOST_CLASSES = 6  # columns of a table of coefficients


def well_explained(path: Path, share: float = 0.9) -> int:
    """Return the index of the first alpha that explains this share of the path's best dev_ratio."""
    return int(np.argmax(path.dev_ratio >= share * path.dev_ratio.max()))


def coefficient_lines(
    path: Path,
    k: int,
    deviation: NDArray[np.float64],
    label: Callable[[int], str],
    most: int = 15,
    classes: Sequence[str] | None = None,
) -> list[str]:
    """Format the k-th model as a table, the features with the largest effect first.

    The effect is the change of the linear predictor when the feature grows by one standard
    deviation. Of several classes, whose names are `classes`, each has a column of effects.
    """
    coef = path[k].coef
    effect = coef * deviation
    if coef.ndim > 1:
        return _lines_of_classes(path, k, effect, label, most, classes or ())
    support = largest_first(coef, effect)
    shown = support[:most]
    names = [printable(label(int(j)), keep="") for j in shown]
    width = min(max(map(len, ["(intercept)", "feature", *names])), 48)
    lines = [f"  {'feature':<{width}} {'coefficient':>12} {'per st.dev.':>12}"]
    lines += [
        f"  {name if len(name) <= width else name[: width - 3] + '...':<{width}} "
        f"{coef[j]:>12.5g} {effect[j]:>12.5g}"
        for name, j in zip(names, shown, strict=True)
    ]
    if len(support) > most:
        lines.append(f"  and {len(support) - most} more")
    if path.loss.kind == "cox":  # its baseline hazard has the place of an intercept
        return lines
    return [*lines, f"  {'(intercept)':<{width}} {path.intercepts[k]:>12.5g}"]


def _lines_of_classes(
    path: Path,
    k: int,
    effect: NDArray[np.float64],
    label: Callable[[int], str],
    most: int,
    classes: Sequence[str],
) -> list[str]:
    support = largest_first(path[k].coef, effect)
    heads = [printable(name, keep="") for name in classes[:MOST_CLASSES]]
    heads = [name if len(name) <= 12 else f"{name[:9]}..." for name in heads]
    names = [printable(label(int(j)), keep="") for j in support[:most]]
    width = min(max(map(len, ["per st.dev.", "(intercept)", *names])), 48)

    def line(name: str, cells: Sequence[object]) -> str:
        name = name if len(name) <= width else name[: width - 3] + "..."
        return f"  {name:<{width}} " + " ".join(f"{cell:>12}" for cell in cells)

    lines = [line("per st.dev.", heads)]
    columns = [*effect[: len(heads), support[:most]].T, path.intercepts[k][: len(heads)]]
    for name, column in zip([*names, "(intercept)"], columns, strict=True):
        lines.append(line(name, [f"{each:.5g}" for each in column]))
    if len(support) > most:
        lines.insert(-1, f"  and {len(support) - most} more")
    if len(classes) > len(heads):
        lines.append(f"  and {len(classes) - len(heads)} more classes")
    return lines


def largest_first(coef: NDArray[np.float64], effect: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the features with a nonzero coefficient, those with the largest effect first.

    Of several classes, coef and effect are (n_classes, n_features), and the largest effect counts.
    """
    support = np.flatnonzero(np.atleast_2d(coef).any(axis=0))
    size = np.abs(np.atleast_2d(effect)).max(axis=0)
    return support[np.argsort(-size[support], kind="stable")]


def certificate_lines(path: Path) -> list[str]:
    """Describe in plain words what the duality gaps of a path prove."""
    worst = float(path.relative_gaps.max())
    where = f"at each of the {len(path)} alphas" if len(path) > 1 else "here"
    if not path.is_convex:
        lines = [
            f"Certificate: {where} the {path.certificate} is at most {worst:.1e} {path.gap_unit}.",
            f"{path.bent} is not convex: no small change helps, but other minima may be lower.",
        ]
        if path.gap_unit == "P0":
            lines.append("P0 is the loss of the model without features.")
        return lines
    return [
        f"Certificate: {where} the objective is within {worst:.1e} P0 of its minimum.",
        "This is proven (gap/P0), not estimated: no other coefficients make it smaller by more.",
        "P0 is the loss of the model without features.",
    ]
