"""Predictions as lines of CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.cli.baselines import survival_rows
from softreg_fast.cli.files import csv_lines
from softreg_fast.cli.models import Model
from softreg_fast.cli.tables.roles import Roles, Table
from softreg_fast.options.errors import InputError


def roles_for(
    model: Model,
    model_file: str,
    offset: str | None,
    strata: str | None = None,
    kind: str | None = None,
) -> Roles:
    """Return the columns that a model needs, with offset and strata in the columns named, if any.

    Raises
    ------
    InputError
        For an offset or strata that the predictions do not need, or an offset that no column of a
        table holds.
    """
    fitted = None if model.strata is None else model.strata.column
    if strata is not None and (fitted is None or kind != "survival"):
        why = "other predictions need none" if fitted else f"{model_file} was fitted without"
        raise InputError(f"--strata {strata} is for --kind survival, and {why}; leave it out")
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
        strata=(strata or fitted) if kind == "survival" else None,
        features=model.names,
        n_features=model.n_features,
        first_index=model.first_index,
    )


def prediction_lines(
    model: Model,
    table: Table,
    alpha: float | None,
    kind: str | None = None,
    times: Sequence[float] | None = None,
) -> Iterator[str]:
    """Yield the header, then the predictions for each row: at alpha, or at every alpha.

    Without a kind they are the response or, for the classes of one model, the more probable class
    and its probability, if the loss has probabilities. `times` are those of survival.
    """
    if kind == "survival":
        return csv_lines(survival_rows(model, table, alpha, times))
    if times is not None:
        raise InputError("--times is for --kind survival; leave it out")
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
        if model.n_outputs > 1 and predicted.ndim == 3:  # classes last, as in the header
            predicted = np.moveaxis(predicted, 1, 2)
        columns += _columns(model, each, predicted.reshape(len(predicted), -1))
        header += _header(model, each, of_one)
    if kind is None and len(kinds) == 2:  # the class, and the probability of that class
        header = ["class", "probability"]
        columns = [columns[0], np.max(np.array(columns[1:]), axis=0).tolist()]
    yield header
    yield from zip(*columns, strict=True)


def _kinds(model: Model, of_one: bool) -> list[str]:
    if model.classes is None or not of_one:
        return ["response"]
    return ["class", "proba"] if hasattr(model.path.loss, "probabilities") else ["class"]


def _columns(model: Model, kind: str, predicted: NDArray[Any]) -> list[Sequence[object]]:
    if kind == "class" and model.classes is not None:
        loss: Any = model.path.loss
        codes = predicted if model.n_outputs > 1 else predicted == loss.labels[1]
        return [[model.classes[int(k)] for k in column] for column in codes.T.tolist()]
    return list(predicted.T.tolist())


def _header(model: Model, kind: str, of_one: bool) -> list[str]:
    alphas = [""] if of_one else [f"alpha={a!r}" for a in model.path.alphas.tolist()]
    each_class = kind == "proba" or (model.n_outputs > 1 and kind != "class")
    if each_class and model.classes is not None:
        what = {"link": "predictor"}.get(kind, "probability")
        return [
            " ".join(filter(None, [alpha, f"{what} of {name}"]))
            for alpha in alphas
            for name in model.classes
        ]
    return [alpha or {"response": "prediction"}.get(kind, kind) for alpha in alphas]
