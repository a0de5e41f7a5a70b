"""Fitted models as JSON files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from softreg_fast.cli.files import brief, check_readable, reason
from softreg_fast.losses.by_name import loss_of_text
from softreg_fast.options.choices import PENALTIES, SHAPES
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import composed
from softreg_fast.options.types import Vector
from softreg_fast.paths.result import MultiTaskPath, Path
from softreg_fast.paths.user_units import columns_of_tasks
from softreg_fast.penalties.nonconvex import NONCONVEX
from softreg_fast.solvers.protocol import Status

MODEL_FORMAT = "softreg_fast model"
MODEL_VERSION = 1
OFFSET_VERSION = 2  # of models with an offset, which readers of version 1 would pass over
LOSS_VERSION = 3  # of models with another loss than squared error
PENALTY_VERSION = 4  # of models whose gaps are distances to stationarity
CODING_VERSION = 5  # of models with columns of text or dates, and of penalties of groups and SLOPE
VERSIONS = (MODEL_VERSION, OFFSET_VERSION, LOSS_VERSION, PENALTY_VERSION, CODING_VERSION)


@dataclass(frozen=True)
class Strata:
    """Baseline hazards of survival models, as steps in each stratum.

    Attributes
    ----------
    column : str or None
        Name of the column of the strata; None: there is one, without a name.
    labels : list of str or None
        Names of the strata.
    times : list of ndarray, one for each stratum
        Times at which the hazard rises.
    centers : list of float, one for each model
        Linear predictor of which the hazards are.
    cumulative : list of lists of ndarray, for each model and stratum
        Cumulative hazards at these times.
    """

    column: str | None
    labels: list[str] | None
    times: list[Vector]
    centers: list[float]
    cumulative: list[list[Vector]]


@dataclass(frozen=True)
class Model:
    """Fitted models as stored in a file.

    Attributes
    ----------
    path : Path
        Fits at one alpha or many.
    target : str or None
        Name of the predicted column.
    offset : str or None
        Name of the column that held the offset; None: there was none.
    first_index : int or None
        Index of the first feature in a svmlight file; None for other files.
    settings : dict
        Settings that reproduce the fit.
    loss : str
        Loss of the fit, as `losses.by_name.loss_of_text` reads it.
    classes : tuple of str or None
        Names of the classes, of a loss of classes.
    strata : Strata or None
        Baseline hazards, of survival times.
    coding : Coding or None
        How columns of text, dates and missing values become features; None: there are none.
    """

    path: Path
    target: str | None
    offset: str | None
    first_index: int | None
    settings: dict[str, Any]
    loss: str = "squared"
    classes: tuple[str, ...] | None = None
    strata: Strata | None = None
    coding: Any = None

    @property
    def n_outputs(self) -> int:
        """Number of coefficients of each feature: several classes have their own."""
        return int(np.size(self.path.intercepts[0]))

    @property
    def version(self) -> int:
        """The oldest version of the format that holds this model."""
        kind = self.path.penalty_kind
        if self.coding is not None or kind not in ("elastic_net", *SHAPES):
            return CODING_VERSION
        if kind in SHAPES:
            return PENALTY_VERSION
        if self.loss != "squared":
            return LOSS_VERSION
        return MODEL_VERSION if self.offset is None else OFFSET_VERSION

    @property
    def names(self) -> list[str] | None:
        """Names of the features, or None."""
        names = self.path.feature_names
        return None if names is None else [str(name) for name in names]

    @property
    def columns(self) -> list[str] | None:
        """Names of the columns of a table that become the features, or None."""
        return self.names if self.coding is None else [str(each) for each in self.coding.columns]

    @property
    def n_features(self) -> int:
        """Number of features, including those with coefficient 0."""
        return int(self.path.coefs.shape[0])

    @property
    def missing(self) -> str:
        """Return what becomes of missing values: "error", "drop" or "indicator"."""
        marked = [getattr(part, "indicator", False) for part in getattr(self.coding, "parts", ())]
        filled = [getattr(part, "mean", None) for part in getattr(self.coding, "parts", ())]
        if any(marked) or any(mean is not None for mean in filled):
            return "indicator"
        return "drop" if self.settings.get("missing") == "drop" else "error"

    def label(self, j: int) -> str:
        """Return the name of feature j, or its number in the file."""
        names = self.path.feature_names
        return str(j + (self.first_index or 0)) if names is None else str(names[j])


def model_text(model: Model, package_version: str) -> Iterator[str]:
    """Yield the pieces of a model's JSON file; `read_model` restores it to the last digit."""
    path = model.path
    head = {
        "format": MODEL_FORMAT,
        "format_version": model.version,
        "softreg_fast": package_version,
        "target": model.target,
        **({} if model.offset is None else {"offset": model.offset}),
        **({} if model.loss == "squared" else {"loss": model.loss}),
        **({} if path.penalty_kind == "elastic_net" else {"penalty": path.penalty_kind}),
        **({} if model.classes is None else {"classes": model.classes}),
        **_strata_head(model.strata),
        "n_features": model.n_features,
        "feature_names": model.names,
        **({} if model.coding is None else {"coding": model.coding.to_dict()}),
        "first_index": model.first_index,
        "settings": model.settings,
        "null_loss": path.null_loss,
        "strategy": path.strategy,
        "seconds": path.seconds,
    }
    yield "{\n"
    for key, value in head.items():
        yield f" {json.dumps(key)}: {json.dumps(value, allow_nan=False)},\n"
    yield ' "models": [\n'
    for k in range(len(path)):
        end = "," if k + 1 < len(path) else ""
        yield f"  {json.dumps(_entry(model, k), allow_nan=False)}{end}\n"
    yield " ]\n}\n"


def _strata_head(strata: Strata | None) -> dict[str, Any]:
    if strata is None:
        return {}
    times = [each.tolist() for each in strata.times]
    return {"strata": strata.column, "strata_labels": strata.labels, "times": times}


def _entry(model: Model, k: int) -> dict[str, Any]:
    path, strata = model.path, model.strata
    features, values = (each.tolist() for each in path.support_of(k))
    gap = float(path.gaps[k])
    return {
        "alpha": float(path.alphas[k]),
        "intercept": path.intercepts[k].tolist(),
        "dev_ratio": float(path.dev_ratio[k]),
        "gap": gap if np.isfinite(gap) else None,
        "tol": float(path.tols[k]),
        "n_epochs": int(path.n_epochs[k]),
        "status": Status(int(path.status[k])).name.lower(),
        "coefficients": {model.label(j): value for j, value in zip(features, values, strict=True)},
        **({} if strata is None else {"baseline": _baseline(strata, k)}),
        **({} if path.locally_convex is None else {"locally_convex": bool(path.locally_convex[k])}),
    }


def _baseline(strata: Strata, k: int) -> dict[str, Any]:
    steps = [each.tolist() for each in strata.cumulative[k]]
    return {"center": strata.centers[k], "cumulative": steps}


def read_model(name: str) -> Model:
    """Read the model in a JSON file.

    Raises
    ------
    InputError
        If the file cannot be read, or is not a model file.
    """
    check_readable(name)
    try:
        with open(name, encoding="utf-8-sig") as file:
            held = json.load(file)
    except OSError as error:
        raise InputError(f"cannot read {name}: {reason(error)}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{name} is not a model, for it is no JSON ({brief(error)}); give a file written by: "
            "softreg_fast fit ... --model FILE.json"
        ) from None
    if not isinstance(held, dict) or held.get("format") != MODEL_FORMAT:
        raise InputError(
            f"{name} is JSON, but not a model of softreg_fast; give a file written by: "
            "softreg_fast fit ... --model FILE.json"
        )
    if held.get("format_version") not in VERSIONS:
        raise InputError(
            f"{name} has format version {held.get('format_version')!r}, this softreg_fast reads "
            f"{VERSIONS[0]} to {VERSIONS[-1]}; fit the model again, or use the version that "
            f"wrote it ({held.get('softreg_fast')})"
        )
    try:
        return _model(held)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{name} is a damaged model ({type(error).__name__}: {brief(error)}); fit it again"
        ) from None


def _model(held: dict[str, Any]) -> Model:
    entries, offset = held["models"], held.get("offset")
    loss, classes, coding = held.get("loss", "squared"), None, None
    kind = held.get("penalty", "elastic_net")
    _check_version(held, kind)
    if held.get("coding") is not None:
        from softreg_fast.data.coding import Coding

        coding = Coding.from_dict(held["coding"])
        if coding.n_features != held["n_features"]:
            raise ValueError("the coding has another number of features")
    of_loss = loss_of_text(loss)
    if held.get("classes") is not None:
        classes = tuple(map(str, held["classes"]))
    if (classes is not None and len(classes) < 2) or (of_loss.n_outputs != 1 and classes is None):
        raise ValueError("classes have at least two names")
    n_outputs = 1 if of_loss.n_outputs == 1 or classes is None else len(classes)
    p, names, first = held["n_features"], held["feature_names"], held["first_index"] or 0
    if names is None:
        position = {}
    else:
        names = [composed(name) for name in names]
        position = {name: j for j, name in enumerate(names)}
        if len(position) != p:
            raise ValueError(f"{len(position)} different names for {p} features")
    columns = [entry["coefficients"] for entry in entries]
    indices = [
        position[composed(name)] if names is not None else int(name) - first
        for column in columns
        for name in column
    ]
    values = np.array([value for column in columns for value in column.values()], dtype=float)
    df = np.array([len(column) for column in columns], dtype=np.int64)
    starts, features = np.append(0, np.cumsum(df)), np.array(indices, dtype=np.intp)
    if n_outputs > 1:
        starts, features, values = columns_of_tasks(
            starts, features, values.reshape(len(features), n_outputs)
        )
    coefs = sp.csc_array((values, features, starts), shape=(p, len(starts) - 1))
    coefs.check_format(full_check=True)

    def numbers(key: str, dtype: Any = np.float64) -> Any:
        return np.array([entry[key] for entry in entries], dtype=dtype)

    path = (Path if n_outputs == 1 else MultiTaskPath)(
        alphas=numbers("alpha"),
        coefs=coefs,
        intercepts=numbers("intercept"),
        gaps=np.array([np.inf if entry["gap"] is None else entry["gap"] for entry in entries]),
        tols=numbers("tol"),
        n_epochs=numbers("n_epochs", np.int64),
        status=np.array([Status[entry["status"].upper()] for entry in entries], dtype=np.int8),
        dev_ratio=numbers("dev_ratio"),
        df=df,
        null_loss=float(held["null_loss"]),
        seconds=float(held["seconds"]),
        strategy=str(held["strategy"]),
        feature_names=None if names is None else np.array(names, dtype=object),
        has_offset=offset is not None,
        loss=of_loss,
        penalty_kind=kind,
        locally_convex=numbers("locally_convex", bool) if kind in NONCONVEX else None,
        classes=None if n_outputs == 1 else np.arange(n_outputs),
    )
    if path.intercepts.shape[1:] != (() if n_outputs == 1 else (n_outputs,)):
        raise ValueError("an intercept for each class")
    if not len(path) or not (np.isfinite(values).all() and np.isfinite(path.intercepts).all()):
        raise ValueError("no coefficients, or infinite ones")
    if np.isnan(path.alphas).any() or (np.diff(path.alphas) > 0.0).any():
        raise ValueError("the alphas do not fall")
    settings = dict(held["settings"])
    strata = _strata(held, entries) if "times" in held else None
    first_index = held["first_index"]
    return Model(path, held["target"], offset, first_index, settings, loss, classes, strata, coding)


def _check_version(held: dict[str, Any], kind: str) -> None:
    """Check that a file has what its version says, so that older readers know what they read."""
    version, offset = held["format_version"], held.get("offset")
    if version == CODING_VERSION:
        if kind not in ("elastic_net", *PENALTIES):
            raise ValueError(f"{kind} is no penalty")
        return
    if "coding" in held:
        raise ValueError("a coding belongs to format version 5")
    if (version == PENALTY_VERSION) != (kind in SHAPES):
        raise ValueError(f"{' or '.join(SHAPES)} belongs to format version 4")
    if version != PENALTY_VERSION and (version == LOSS_VERSION) != ("loss" in held):
        raise ValueError("a loss belongs to format version 3")
    if version < LOSS_VERSION and (offset is None) != (version == MODEL_VERSION):
        raise ValueError("an offset belongs to format version 2")


def _strata(held: dict[str, Any], entries: list[Any]) -> Strata:
    labels, times = held["strata_labels"], [np.array(each, float) for each in held["times"]]
    each = [entry["baseline"] for entry in entries]
    cumulative = [[np.array(steps, float) for steps in one["cumulative"]] for one in each]
    for hazards in cumulative:
        if len(hazards) != len(times) or len(times) != (1 if labels is None else len(labels)):
            raise ValueError("a hazard for each stratum")
        for moments, steps in zip(times, hazards, strict=True):
            rising = all((np.diff(part, prepend=-np.inf) > 0.0).all() for part in (moments, steps))
            if moments.shape != steps.shape or not rising:
                raise ValueError("the times and hazards of a stratum do not rise")
    names = None if labels is None else [composed(str(label)) for label in labels]
    centers = [float(one["center"]) for one in each]
    return Strata(held["strata"], names, times, centers, cumulative)
