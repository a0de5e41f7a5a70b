"""Predictions as lines of CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from softreg_fast.cli.files import csv_lines
from softreg_fast.cli.models import Model
from softreg_fast.cli.tables.roles import Roles, Table
from softreg_fast.options.errors import InputError
from softreg_fast.paths.result import Path


def roles_for(model: Model, model_file: str, offset: str | None) -> Roles:
    """Return the columns that a model needs, with its offset in the column named, if one is.

    Raises
    ------
    InputError
        For an offset that the model does not need, or one that no column of a table holds.
    """
    if offset is not None and model.offset is None:
        raise InputError(
            f"--offset {offset}: {model_file} was fitted without an offset; leave --offset out"
        )
    if offset is None and model.offset is not None and model.offset.endswith(".npy"):
        raise InputError(
            f"{model_file} was fitted with the offset in {model.offset}, a file for the rows of "
            "the fit; give --offset one for these rows"
        )
    return Roles(
        offset=offset or model.offset,
        features=model.names,
        n_features=model.n_features,
        first_index=model.first_index,
    )


def prediction_lines(fits: Path, table: Table, alpha: float | None) -> Iterator[str]:
    """Yield the header, then the predictions for each row: at alpha, or at every alpha."""
    return csv_lines(_rows(fits, table, alpha))


def _rows(fits: Path, table: Table, alpha: float | None) -> Iterator[Sequence[object]]:
    if alpha is not None and not fits.alphas[-1] <= alpha <= fits.alphas[0]:
        low, high = float(fits.alphas[-1]), float(fits.alphas[0])
        held = f"{low!r} to {high!r}" if low < high else f"{low!r} alone"
        raise InputError(f"--alpha {alpha!r}: the model file holds {held}; give one of these")
    predicted = fits.predict(table.X, alpha, offset=table.offset)
    if alpha is not None or len(fits) == 1:
        header = ["prediction"]
    else:
        header = [f"alpha={a!r}" for a in fits.alphas.tolist()]
    yield header
    yield from predicted.reshape(len(predicted), -1).tolist()
