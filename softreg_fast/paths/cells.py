"""Cells of notebooks that show paths and solutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from softreg_fast.options.cells import Bars, Cell, Picture
from softreg_fast.options.types import Vector
from softreg_fast.solvers.protocol import is_alarm

# Lines with a name, and others, of a picture; rows of a table.
MOST_NAMED, MOST_OTHERS, MOST_ROWS = 6, 40, 8


def cell_of_path(path: Any) -> Cell:
    """Return the cell of a Path."""
    shown = spread(len(path))
    header = ["alpha", "nonzero", "explained", f"gap / {path.gap_unit}"]
    relative = path.relative_gaps
    rows = [
        [
            f"{path.alphas[k]:.4g}",
            str(path.df[k]),
            f"{100.0 * path.dev_ratio[k]:.2f} %",
            f"{relative[k]:.1e}",
        ]
        for k in shown
    ]
    return Cell("Path", facts_of(path), header, rows, coefficients_of(path), note_of(path))


def facts_of(path: Any) -> list[tuple[str, str]]:
    """Return what a path is of: its models, its features, its loss."""
    return [
        ("models", f"{len(path)} alphas"),
        ("features", str(path.coefs.shape[0])),
        ("loss", repr(path.loss)),
    ]


def note_of(path: Any) -> str:
    """Return a sentence on fits that did not converge, empty if there are none."""
    missed = int(np.count_nonzero(is_alarm(path.status)))
    return f"{missed} of {len(path)} fits did not converge." if missed else ""


def coefficients_of(path: Any, marks: Sequence[tuple[str, int]] = ()) -> Picture | None:
    """Return a picture of the coefficients along a path; None for one without features."""
    n = len(path)
    if not n or not path.coefs.nnz:
        return None
    kept = np.unique(path.coefs.indices)
    n_outputs = path.coefs.shape[1] // n
    values = path.coefs[kept].toarray().reshape(len(kept), n, n_outputs)
    lines = values[..., 0] if n_outputs == 1 else np.sqrt(np.square(values).sum(axis=2))
    order = np.lexsort((-np.abs(lines).max(axis=1), -np.abs(lines[:, -1])))
    return Picture(
        "Coefficients along the path",
        [(name_of(path.feature_names, kept[j]), lines[j]) for j in order[:MOST_NAMED]],
        [lines[j] for j in order[MOST_NAMED : MOST_NAMED + MOST_OTHERS]],
        ends_of(path.alphas),
        marks=marks,
    )


def cell_of_solution(fit: Any) -> Cell:
    """Return the cell of a Solution."""
    facts = [
        ("alpha", f"{fit.alpha:.6g}"),
        ("nonzero", f"{fit.df} of {fit.coef.shape[-1]} features"),
        ("explained", f"{100.0 * fit.dev_ratio:.2f} % of the deviance"),
        (fit.certificate, f"{fit.relative_gap:.1e} {fit.gap_unit}, {fit.status.name.lower()}"),
    ]
    chosen = fit.selected()
    rows = [[str(name), shown_coefficient(value)] for name, value in chosen[: 2 * MOST_ROWS]]
    more = len(chosen) - len(rows)
    return Cell(
        "Solution",
        facts,
        ["feature", "coefficient"],
        rows,
        bars_of(chosen[: 2 * MOST_ROWS]),
        f"and {more} more" if more > 0 else "",
    )


def shown_coefficient(value: Any) -> str:
    """Return a coefficient, or the first of several, as text."""
    if np.ndim(value) == 0:
        return f"{value:.4g}"
    flat = np.ravel(value)
    return ", ".join(f"{each:.4g}" for each in flat[:4]) + (", \u2026" if flat.size > 4 else "")


def bars_of(chosen: list[tuple[Any, Any]]) -> Bars | None:
    """Return a picture of coefficients, of the sizes of several together; None without any."""
    if not chosen:
        return None
    values = [float(v) if np.ndim(v) == 0 else float(np.linalg.norm(v)) for _, v in chosen]
    names = [str(name) for name, _ in chosen]
    return Bars("Largest coefficients", list(zip(names, values, strict=True)))


def name_of(names: Any, j: Any) -> str:
    """Return the name of feature j, or its number."""
    return str(j if names is None else names[j])


def ends_of(alphas: Vector) -> tuple[str, str]:
    """Return texts for both ends of an axis of alphas."""
    return f"alpha {alphas[0]:.3g}", f"{alphas[-1]:.3g}"


def spread(n: int, most: int = MOST_ROWS) -> list[int]:
    """Return at most so many positions of n, spread evenly, both ends included."""
    return sorted({round(k) for k in np.linspace(0, n - 1, min(most, n))}) if n else []
