"""Predictions as lines of CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from softreg_fast.cli.files import csv_lines
from softreg_fast.options.errors import InputError
from softreg_fast.paths.result import Path


def prediction_lines(fits: Path, X: Any, alpha: float | None) -> Iterator[str]:
    """Yield the header, then the predictions for each row of X: at alpha, or at every alpha."""
    return csv_lines(_rows(fits, X, alpha))


def _rows(fits: Path, X: Any, alpha: float | None) -> Iterator[Sequence[object]]:
    if alpha is not None and not fits.alphas[-1] <= alpha <= fits.alphas[0]:
        low, high = float(fits.alphas[-1]), float(fits.alphas[0])
        held = f"{low!r} to {high!r}" if low < high else f"{low!r} alone"
        raise InputError(f"--alpha {alpha!r}: the model file holds {held}; give one of these")
    predicted = fits.predict(X, alpha)
    if alpha is not None or len(fits) == 1:
        header = ["prediction"]
    else:
        header = [f"alpha={a!r}" for a in fits.alphas.tolist()]
    yield header
    yield from predicted.reshape(len(predicted), -1).tolist()
