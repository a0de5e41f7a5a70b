"""Predictions of a model for a table, and the columns of a table that a model needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.cli.baselines import survival_rows
from softreg_fast.cli.models import Model
from softreg_fast.cli.requests import OF_SURVIVAL, FitRequest, ModelRequest
from softreg_fast.cli.tables.roles import Roles, Table
from softreg_fast.options.choices import Prediction
from softreg_fast.options.errors import InputError


def roles_for(model: Model, request: ModelRequest) -> Roles:
    """Return the columns that a prediction needs, offset and strata in the columns named, if any.

    Raises
    ------
    InputError
        For an offset or strata that the predictions do not need, or an offset that no column of a
        table holds.
    """
    fitted = None if model.strata is None else model.strata.column
    strata, kind = request.strata, request.kind
    if strata is not None and (fitted is None or kind != "survival"):
        why = "other predictions need none" if fitted else f"{request.model} was fitted without"
        raise InputError(f"--strata {strata} is for --kind survival, and {why}; leave it out")
    return Roles(
        offset=_offset_of(model, request),
        strata=(strata or fitted) if kind == "survival" else None,
        **_features_of(model, request),
    )


def roles_to_evaluate(model: Model, request: ModelRequest) -> Roles:
    """Return the columns that a comparison with the target needs.

    Raises
    ------
    InputError
        For columns that the loss does not have, and for those that are not known.
    """
    survival = model.loss in OF_SURVIVAL
    given = {
        "--time": request.time,
        "--event": request.event,
        "--start": request.start,
        "--strata": request.strata,
    }
    for option, name in given.items():
        if name is not None and not survival:
            raise InputError(
                f"{option} is for survival times, and {request.model} has the loss {model.loss}; "
                "leave it out"
            )
    if survival and request.target is not None:
        raise InputError(
            f"--target: {request.model} predicts survival times; say --time and --event"
        )
    target = (request.time if survival else request.target) or model.target
    event = request.event or model.settings.get("event")
    if survival and event is None:
        raise InputError(
            f"{request.model} does not say which column has the events; name it with --event"
        )
    strata = None if model.strata is None else model.strata.column
    return Roles(
        target=target,
        weights=request.weights,
        offset=_offset_of(model, request),
        event=event if survival else None,
        start=(request.start or model.settings.get("start")) if survival else None,
        strata=(request.strata or strata) if survival else None,
        labels=model.classes is not None,
        several=model.n_outputs > 1,
        known=model.classes,
        evaluates=True,
        **_features_of(model, request),
    )


def roles_of_test(request: FitRequest, table: Table) -> Roles:
    """Return the columns of the second table of a fit, which are those of the first."""
    roles, coding = request.roles, table.coding
    names = table.names if coding is None else [str(each) for each in coding.columns]
    return Roles(
        target=roles.target,
        weights=roles.weights,
        offset=roles.offset,
        features=names,
        n_features=table.X.shape[1] if names is None else len(names),
        first_index=table.first_index,
        labels=roles.labels,
        several=roles.several,
        event=roles.event,
        start=roles.start,
        strata=roles.strata,
        missing=roles.missing,
        coding=coding,
        known=(table.classes or ("0", "1")) if roles.labels else None,
        evaluates=True,
    )


def _offset_of(model: Model, request: ModelRequest) -> str | None:
    offset = request.offset
    if offset is not None and model.offset is None:
        raise InputError(
            f"--offset {offset}: {request.model} was fitted without an offset; leave --offset out"
        )
    if offset is None and model.offset is not None and model.offset.endswith(".npy"):
        raise InputError(
            f"{request.model} was fitted with the offset in {model.offset}, a file for the rows of "
            "the fit; give --offset one for these rows"
        )
    return offset or model.offset


def _features_of(model: Model, request: ModelRequest) -> dict[str, Any]:
    columns = model.columns
    if request.unknown is not None and model.coding is None:
        raise InputError(
            f"--unknown is for columns of text, and {request.model} has none; leave it out"
        )
    return {
        "features": columns,
        "n_features": model.n_features if columns is None else len(columns),
        "first_index": model.first_index,
        "coding": model.coding,
        "missing": model.missing,
        "unknown": request.unknown,
    }


def prediction_rows(
    model: Model, table: Table, request: ModelRequest
) -> Iterator[Sequence[object]]:
    """Yield the header, then the predictions for each row: at alpha, or at every alpha.

    Without a kind they are the response or, for the classes of one model, the more probable class
    and its probability, if the loss has probabilities. `times` are those of survival. Rows that
    lack a value have empty cells.
    """
    kind, alpha = request.kind, request.alpha
    if kind == "survival":
        rows = survival_rows(model, table, alpha, request.times)
    elif request.times is not None:
        raise InputError("--times is for --kind survival; leave it out")
    else:
        rows = _rows(model, table, alpha, kind)
    return rows if table.kept is None else _spread(rows, table.kept.tolist())


def _spread(rows: Iterator[Sequence[object]], kept: list[bool]) -> Iterator[Sequence[object]]:
    # empty cells for the rows that are not kept
    header = next(rows)
    yield header
    empty = [""] * len(header)
    for each in kept:
        yield next(rows) if each else empty


def _rows(
    model: Model, table: Table, alpha: float | None, kind: Prediction | None
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


def _kinds(model: Model, of_one: bool) -> list[Prediction]:
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
