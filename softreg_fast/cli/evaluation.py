"""Measures of models on a table: their predictions beside its targets."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from softreg_fast.cli.fit import in_words_of_options
from softreg_fast.cli.models import Model
from softreg_fast.cli.tables.roles import Table
from softreg_fast.data.survival import as_survival, survival
from softreg_fast.losses.classes import TwoClasses
from softreg_fast.model_selection.measures import aucs
from softreg_fast.model_selection.survival_measures import c_index
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import aligned, printable
from softreg_fast.options.types import Vector

# Names of the measures in the output, by their keys in JSON.
NAMES = {
    "deviance_ratio": "deviance ratio",
    "mean_deviance": "mean deviance",
    "r2": "R2",
    "rmse": "RMSE",
    "mae": "MAE",
    "auc": "AUC",
    "accuracy": "accuracy",
    "brier": "Brier score",
    "log_loss": "log loss",
    "concordance": "C-index",
}


class Samples(NamedTuple):
    """Targets of a table beside linear predictors of one model.

    Attributes
    ----------
    loss : Loss
    y : ndarray (n_samples, ...)
        As the loss takes them.
    eta : ndarray (n_samples, ...)
        Offset included.
    weight : ndarray (n_samples,)
        Of mean one.
    offset : ndarray (n_samples,) or None
    """

    loss: Any
    y: Vector
    eta: Vector
    weight: Vector
    offset: Vector | None

    def mean(self, each: Vector) -> float:
        """Return the weighted mean over samples."""
        return float(np.average(each, weights=self.weight))


def evaluation(model: Model, table: Table, alpha: float | None = None) -> list[dict[str, Any]]:
    """Return the measures of each model of a file, or of the one at alpha, on a table.

    Parameters
    ----------
    model : Model
    table : Table
        Read with its target.
    alpha : float or None, default=None
        None: all alphas of the model.

    Returns
    -------
    list of dict
        Of each model "alpha", "nonzero" and the measures that its loss has; None for one that these
        targets do not define.
    """
    fits = model.path
    if alpha is not None and not fits.alphas[-1] <= alpha <= fits.alphas[0]:
        low, high = float(fits.alphas[-1]), float(fits.alphas[0])
        held = f"{low!r} to {high!r}" if low < high else f"{low!r} alone"
        raise InputError(f"--alpha {alpha!r}: the model file holds {held}; give one of these")
    alphas = fits.alphas.tolist() if alpha is None else [alpha]
    y, weight = _targets(model, table)
    found = []
    for each in alphas:
        eta = fits.predict(table.X, each, offset=table.offset, kind="link")
        coef = np.atleast_2d(fits.coef_at(each))
        samples = Samples(fits.loss, y, eta, weight, table.offset)
        nonzero = int(np.count_nonzero(coef.any(axis=0)))
        found.append({"alpha": each, "nonzero": nonzero, **_measures(samples, model)})
    return found


def _targets(model: Model, table: Table) -> tuple[Vector, Vector]:
    loss: Any = model.path.loss
    n = table.X.shape[0]
    weight = np.ones(n) if table.weights is None else table.weights
    if not (weight >= 0.0).all() or not weight.sum() > 0.0:
        raise InputError("the weights must be >= 0, and not all 0; correct the column of --weights")
    weight = weight * (n / weight.sum())
    assert table.y is not None
    try:
        if loss.kind == "cox":
            assert table.event is not None
            times = survival(table.y, table.event, table.start, table.strata)
            return as_survival(times, n).y, weight
        if isinstance(loss, TwoClasses):
            first, second = loss.labels
            return loss.check(first + (second - first) * table.y), weight
        if loss.n_outputs != 1:
            shares = np.zeros((n, len(model.classes or ())))
            shares[np.arange(n), table.y.astype(np.intp)] = 1.0
            return shares, weight
        return loss.check(table.y), weight
    except (ValueError, TypeError) as error:
        raise InputError(in_words_of_options(error)) from None


def _measures(samples: Samples, model: Model) -> dict[str, Any]:
    loss, y, eta = samples.loss, samples.y, samples.eta
    if loss.kind == "cox":
        return _of_survival(samples)
    deviance = samples.mean(loss.deviance(y, eta).reshape(len(y), -1).sum(axis=1))
    found: dict[str, Any] = {"deviance_ratio": _ratio(deviance, _null_deviance(samples))}
    found["mean_deviance"] = deviance
    if model.classes is not None:
        return {**found, **_of_classes(samples, model.classes)}
    residual = y - loss.mean(eta)
    mean = samples.mean(y)
    squares = samples.mean(np.square(residual))
    found["r2"] = _ratio(squares, samples.mean(np.square(y - mean)))
    return {
        **found,
        "rmse": float(np.sqrt(squares)),
        "mae": samples.mean(np.abs(residual)),
    }


def _ratio(left: float, whole: float) -> float | None:
    """Return the share of a deviance that is explained."""
    return 1.0 - left / whole if whole > 0.0 else None


def _null_deviance(samples: Samples) -> float:
    """Return the mean deviance of the best constant, 0 if there is none."""
    loss, y, weight, offset = samples.loss, samples.y, samples.weight, samples.offset
    try:
        intercept = loss.null(y, weight, offset)
    except ValueError:  # such as targets of one class
        return 0.0
    eta = np.zeros(samples.eta.shape) + intercept
    eta = eta if offset is None else eta + offset
    each = loss.deviance(y, eta).reshape(len(y), -1).sum(axis=1)
    return samples.mean(np.maximum(each, 0.0))


def _of_survival(samples: Samples) -> dict[str, Any]:
    loss, y, eta, weight = samples.loss, samples.y, samples.eta, samples.weight
    null = np.zeros(len(y)) if samples.offset is None else samples.offset
    concordance = c_index(y, eta, weight)
    if not (weight @ y[:, 2]) > 0.0:
        return {"deviance_ratio": None, "concordance": None}
    both = loss.deviance_of(y, np.column_stack([eta, null]), weight)
    return {
        "deviance_ratio": _ratio(float(both[0]), float(both[1])),
        "concordance": None if np.isnan(concordance) else concordance,
    }


def _of_classes(samples: Samples, classes: tuple[str, ...]) -> dict[str, Any]:
    loss, y, eta = samples.loss, samples.y, samples.eta
    found: dict[str, Any] = {
        "auc": _auc(samples, classes),
        "accuracy": samples.mean(loss.hits(y, eta)),
    }
    if hasattr(loss, "brier"):
        found["brier"] = samples.mean(loss.brier(y, eta))
        found["log_loss"] = samples.mean(loss.value(y, eta))
    taken = loss.classes(eta) if loss.n_outputs != 1 else loss.codes(eta)
    taken = np.asarray(taken, np.intp)
    shares = y if loss.n_outputs != 1 else np.column_stack([1.0 - loss.share(y), loss.share(y)])
    table = np.zeros((len(classes), len(classes)))
    for k in range(len(classes)):
        np.add.at(table[k], taken, shares[:, k] * samples.weight)
    return {**found, "confusion": {"classes": list(classes), "counts": table.tolist()}}


def _auc(samples: Samples, classes: tuple[str, ...]) -> float | None:
    """Return the area under the ROC curve, of several classes the mean; None if one is missing."""
    found = []
    for _, _, share, scores in samples.loss.contests(list(classes), samples.y, samples.eta):
        try:
            found.append(float(aucs(share, scores[:, np.newaxis], samples.weight)[0]))
        except ValueError:
            return None
    return float(np.mean(found))


def evaluation_lines(found: list[dict[str, Any]]) -> list[str]:
    """Return lines that show the measures, a row for each model if there are several."""
    keys = [key for key in NAMES if key in found[0]]
    if len(found) > 1:
        head = ["alpha", "nonzero", *(NAMES[key] for key in keys)]
        rows = [
            [f"{each['alpha']:.6g}", str(each["nonzero"]), *(_shown(each[key]) for key in keys)]
            for each in found
        ]
        return [f"  {line}" for line in aligned([head, *rows], left=0)]
    one = found[0]
    rows = [[NAMES[key], _shown(one[key])] for key in keys]
    return [*(f"  {line}" for line in aligned(rows)), *_confusion_lines(one.get("confusion"))]


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.6g}"


def _confusion_lines(confusion: dict[str, Any] | None) -> list[str]:
    if confusion is None:
        return []
    names = [printable(name, keep="") for name in confusion["classes"]]
    names = [name if len(name) <= 16 else f"{name[:13]}..." for name in names]
    rows: list[list[str]] = [["truth \\ predicted", *names]]
    rows += [
        [name, *(f"{count:.6g}" for count in row)]
        for name, row in zip(names, confusion["counts"], strict=True)
    ]
    return ["", *(f"  {line}" for line in aligned(rows))]
