"""Predictions as lines of CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.cli.files import csv_lines
from softreg_fast.cli.models import Model
from softreg_fast.cli.tables.roles import Roles, Table
from softreg_fast.options.errors import InputError


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


def prediction_lines(
    model: Model, table: Table, alpha: float | None, kind: str | None = None
) -> Iterator[str]:
    """Yield the header, then the predictions for each row: at alpha, or at every alpha.

    Without a kind they are the response or, for the classes of one model, the more probable class
    and its probability, if the loss has probabilities.
    """
    return csv_lines(_rows(model, table, alpha, kind))


def _rows(
    model: Model, table: Table, alpha: float | None, kind: str | None
) -> Iterator[Sequence[object]]:
    fits = model.path
    if alpha is not None and not fits.alphas[-1] <= alpha <= fits.alphas[0]:
        low, high = float(fits.alphas[-1]), float(fits.alphas[0])
        held = f"{low!r} to {high!r}" if low < high else f"{low!r} alone"
        raise InputError(f"--alpha {alpha!r}: the model file holds {held}; give one of these")
    of_one = alpha is not None or len(fits) == 1
    kinds = _kinds(model, of_one) if kind is None else [kind]
    columns: list[Sequence[object]] = []
    header: list[str] = []
    for each in kinds:
        try:
            predicted = fits.predict(table.X, alpha, offset=table.offset, kind=each)
        except ValueError as error:
            raise InputError(str(error)) from None
        columns += _columns(model, each, predicted.reshape(len(predicted), -1))
        header += _header(model, each, of_one)
    if kind is None and len(kinds) == 2:  # the class, and the probability of that class
        header = ["class", "probability"]
        columns = [columns[0], np.maximum(*map(np.asarray, columns[1:])).tolist()]
    yield header
    yield from zip(*columns, strict=True)


def _kinds(model: Model, of_one: bool) -> list[str]:
    if model.classes is None or not of_one:
        return ["response"]
    return ["class", "proba"] if hasattr(model.path.loss, "probabilities") else ["class"]


def _columns(model: Model, kind: str, predicted: NDArray[Any]) -> list[Sequence[object]]:
    if kind == "class" and model.classes is not None:
        first, second = model.classes
        loss: Any = model.path.loss
        positive = predicted == loss.labels[1]
        return [[second if yes else first for yes in column] for column in positive.T.tolist()]
    return list(predicted.T.tolist())


def _header(model: Model, kind: str, of_one: bool) -> list[str]:
    alphas = [""] if of_one else [f"alpha={a!r}" for a in model.path.alphas.tolist()]
    if kind == "proba" and model.classes is not None:
        return [
            " ".join(filter(None, [alpha, f"probability of {name}"]))
            for alpha in alphas
            for name in model.classes
        ]
    return [alpha or {"response": "prediction"}.get(kind, kind) for alpha in alphas]
