"""save() and load(): results as JSON files, which hold numbers and names, and no samples."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np

import softreg_fast.losses
import softreg_fast.penalties
from softreg_fast.data.coding import Coding
from softreg_fast.data.formula_tables import FormulaCoding
from softreg_fast.losses import SQUARED, Loss
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.model_selection.stability import StabilityPath
from softreg_fast.paths.relaxed import RelaxedPath
from softreg_fast.paths.result import MultiTaskPath, Path
from softreg_fast.paths.solution import Solution
from softreg_fast.paths.survival import KnownBaselines
from softreg_fast.penalties.by_column import NamedGroups
from softreg_fast.solvers.protocol import Status
from softreg_fast.system.plain import plain, restored
from softreg_fast.system.writing import write_whole

FORMAT = "softreg_fast result"
VERSION = 1
MODEL_FORMAT = "softreg_fast model"  # of the command line

Result = Solution | Path | RelaxedPath | CVPath | StabilityPath
RESULTS = (Solution, MultiTaskPath, Path, RelaxedPath, CVPath, StabilityPath)

# Errors of the constructors of results, and of what reads their parts, for a damaged file.
DAMAGE = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, MemoryError)


class LossRecord(NamedTuple):
    """A loss by the name of its class, with its settings."""

    name: str
    settings: tuple[Any, ...]


class BaselinesRecord(NamedTuple):
    """The arguments of KnownBaselines."""

    coefs: Any
    times: Any
    centers: Any
    cumulative: Any
    labels: Any


class CodingRecord(NamedTuple):
    """A coding in its own form for JSON."""

    held: Any


def save(result: Result, path: str | os.PathLike[str]) -> None:
    """Write a result to a file, whole or not at all, which `load` reads.

    Parameters
    ----------
    result : Solution, Path, RelaxedPath, CVPath or StabilityPath
    path : str or path

    Raises
    ------
    OSError
        If the file cannot be written.
    TypeError
        For names that are neither text, numbers nor booleans, and for other objects.
    ValueError
        For a model of a formula, which is code.
    """
    if not isinstance(result, RESULTS):
        raise TypeError(
            f"result must be a Solution, Path, RelaxedPath, CVPath or StabilityPath, got "
            f"{type(result).__name__}; estimators are pickled."
        )
    held = {
        "format": FORMAT,
        "format_version": VERSION,
        "softreg_fast": version("softreg_fast"),
        "result": plain(_without_samples(result), type(result).__name__, WRITTEN),
    }
    write_whole(path, json.dumps(held, allow_nan=False) + "\n")


def load(path: str | os.PathLike[str]) -> Any:
    """Return a result that `save` has written, or the models in a file of the command line.

    The file is JSON; nothing in it is executed.

    Parameters
    ----------
    path : str or path
        Name of a file that the method `save` of a result has written, or
        `softreg_fast fit ... --model FILE`.

    Returns
    -------
    Solution, Path, RelaxedPath, CVPath or StabilityPath
        The result; of a file of the command line a Path.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        For a file of something else, of a later version, or a damaged one.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import load, path
    >>> fits = path(*load_diabetes(return_X_y=True), n_alphas=3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fits.save(os.path.join(folder, "fits.json"))
    ...     again = load(os.path.join(folder, "fits.json"))
    >>> bool((again.coefs != fits.coefs).sum() == 0)
    True
    """
    name = os.fspath(path)
    try:
        with open(path, encoding="utf-8-sig") as file:
            held = json.load(file)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{name} is no file of a result, for it is no JSON ({_brief(error)}); give one that "
            "save() of a result has written."
        ) from None
    said = held.get("format") if isinstance(held, dict) else None
    if said == MODEL_FORMAT:
        return _of_command_line(name)
    if said != FORMAT:
        raise ValueError(
            f"{name} is JSON, but no result of softreg_fast; give a file that save() of a result "
            "has written."
        )
    if held.get("format_version") != VERSION:
        raise ValueError(
            f"{name} has format version {held.get('format_version')!r}, and this softreg_fast reads"
            f" {VERSION}; use the version that wrote it ({held.get('softreg_fast')})."
        )
    try:
        result = restored(held["result"], _records())
        _check(result)
    except (*DAMAGE, RecursionError) as error:
        raise ValueError(
            f"{name} is damaged ({type(error).__name__}: {_brief(error)}); fit or save it again."
        ) from None
    return result


def _of_command_line(name: str) -> Any:
    # imported here, for the command line stands above this module
    from softreg_fast.cli.models import read_model
    from softreg_fast.options.errors import InputError

    try:
        model = read_model(name)
    except InputError as error:
        raise ValueError(f"{error}.") from None
    path, strata, coding = model.path, model.strata, getattr(model, "coding", None)
    if coding is not None:
        path = dataclasses.replace(path, coding=coding, feature_names=coding.feature_names)
    if model.classes is not None:
        path = dataclasses.replace(path, classes=np.array(model.classes, dtype=object))
    if strata is None:
        return path
    labels = None if strata.labels is None else np.array(strata.labels)
    coefs = path.coefs.T.toarray()
    centers = np.array(strata.centers)
    known = KnownBaselines(coefs, strata.times, centers, strata.cumulative, labels)
    return dataclasses.replace(path, baselines=known)


def _without_samples(result: Any) -> Any:
    # the same result without references to samples; hazards become numbers
    if isinstance(result, RelaxedPath):
        parts = {name: _without_samples(getattr(result, name)) for name in ("path", "refits")}
        return dataclasses.replace(result, design=None, **parts)
    if isinstance(result, CVPath):
        folds = [dataclasses.replace(fits, baselines=None) for fits in result.fold_paths]
        return dataclasses.replace(
            result,
            path=_without_samples(result.path),
            fold_paths=[_without_samples(fits) for fits in folds],
        )
    if isinstance(result, StabilityPath):
        return result
    known = result.baselines
    if known is not None:
        coefs = result.coefs.T.toarray() if isinstance(result, Path) else result.coef[np.newaxis]
        known = KnownBaselines.from_samples(known, coefs)
    return dataclasses.replace(result, recipe=None, baselines=known)


def _loss_record(loss: Any) -> LossRecord:
    if getattr(softreg_fast.losses, type(loss).__name__, None) is not type(loss):
        raise TypeError(f"The loss {loss!r} is none of softreg_fast.losses; pickle the result.")
    return LossRecord(type(loss).__name__, loss._given())


def _baselines_record(known: KnownBaselines) -> BaselinesRecord:
    return BaselinesRecord(known.coefs, known.times, known.centers, known.cumulative, known.labels)


WRITTEN: dict[type, Callable[[Any], Any]] = {
    Loss: _loss_record,
    KnownBaselines: _baselines_record,
    Coding: lambda coding: CodingRecord(coding.to_dict()),
    FormulaCoding: lambda coding: coding.to_dict(),  # which refuses
    Status: lambda status: int(status.value),
}


def _loss(name: str, settings: tuple[Any, ...]) -> Loss:
    found: Loss = _classes_of(softreg_fast.losses)[name](*settings)
    return SQUARED if found == SQUARED else found  # which is compared by identity elsewhere


def _classes_of(package: Any) -> dict[str, Callable[..., Any]]:
    # a file names classes among these, and nothing else
    things = ((name, getattr(package, name)) for name in package.__all__)
    return {name: thing for name, thing in things if isinstance(thing, type)}


def _solution(**fields: Any) -> Solution:
    return Solution(**{**fields, "status": Status(fields["status"])})


def _records() -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {kind.__name__: kind for kind in RESULTS}
    found |= _classes_of(softreg_fast.penalties)
    return found | {
        "Solution": _solution,
        "LossRecord": _loss,
        "BaselinesRecord": KnownBaselines,
        "CodingRecord": Coding.from_dict,
        "NamedGroups": NamedGroups,
    }


def _check(result: Any) -> None:
    # whether the parts of a result fit each other
    if isinstance(result, Path):
        _check_path(result)
    elif isinstance(result, Solution):
        n = result.coef.shape[-1]
        if not np.isfinite(result.coef).all() or not np.isfinite(result.intercept).all():
            raise ValueError("coefficients are not finite")
        _check_names(result.feature_names, n)
    elif isinstance(result, RelaxedPath):
        _check_path(result.path)
        _check_path(result.refits)
        if len(result.path) != len(result.refits):
            raise ValueError("path and refits have other lengths")
    elif isinstance(result, CVPath):
        for fits in (result.path, *result.fold_paths):
            _check_path(fits)
        ratios, alphas = result.alphas.shape
        if result.errors_by_gamma.shape[:3] != (len(result.gammas), ratios, alphas):
            raise ValueError("errors and alphas have other shapes")
        if not 0 <= result.index < len(result.path):
            raise ValueError("the choice is not on the path")
    elif isinstance(result, StabilityPath):
        n_features, n_alphas = result.frequencies.shape
        if result.alphas.shape != (n_alphas,):
            raise ValueError("frequencies and alphas have other lengths")
        _check_names(result.feature_names, n_features)
    else:
        raise TypeError(f"a {type(result).__name__} is no result")


def _check_path(path: Any) -> None:
    if not isinstance(path, Path):
        raise TypeError(f"a {type(path).__name__} is no Path")
    n = len(path.alphas)
    by_alpha = ("intercepts", "gaps", "tols", "n_epochs", "status", "dev_ratio", "df")
    for name in by_alpha:
        if len(getattr(path, name)) != n:
            raise ValueError(f"{name} and alphas have other lengths")
    n_outputs = path.intercepts.shape[1] if isinstance(path, MultiTaskPath) else 1
    if path.coefs.shape[1] != n * n_outputs:
        raise ValueError("coefs and alphas have other lengths")
    if (np.diff(path.alphas) > 0.0).any() or np.isnan(path.alphas).any():
        raise ValueError("the alphas do not fall")
    if not (np.isfinite(path.coefs.data).all() and np.isfinite(path.intercepts).all()):
        raise ValueError("coefficients are not finite")
    _check_names(path.feature_names, path.coefs.shape[0])


def _check_names(names: Any, n_features: int) -> None:
    if names is not None and np.shape(names) != (n_features,):
        raise ValueError(f"{np.size(names)} names for {n_features} features")


def _brief(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) < 120 else f"{text[:117]}..."
