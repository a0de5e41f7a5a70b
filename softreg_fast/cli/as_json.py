"""Results of the commands as JSON objects, whose keys are described in docs/command-line.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from softreg_fast.cli.fit import Fit
from softreg_fast.cli.messages import PROGRAM
from softreg_fast.cli.models import Model
from softreg_fast.cli.requests import ModelRequest
from softreg_fast.solvers.protocol import Status


def text_of(found: dict[str, Any]) -> str:
    """Return an object as JSON, in which null stands for numbers that are not finite."""
    return json.dumps(_plain(found), indent=1, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not np.isfinite(value) else value


def of_fit(fit: Fit, measured: dict[str, Any] | None, written: dict[str, str]) -> dict[str, Any]:
    """Return what the command `fit` tells.

    Parameters
    ----------
    fit : Fit
    measured : dict or None
        Measures of the chosen model on a second table.
    written : dict of str to str
        Names of the files that were written, by what they hold.
    """
    fits, k, request = fit.path, fit.k, fit.request
    test = (
        None
        if measured is None or request.test is None
        else {"file": request.test.shown, **measured}
    )
    return {
        "command": "fit",
        "softreg_fast": version(PROGRAM),
        "file": request.file.shown,
        "n_samples": fit.design.n_samples,
        "n_features": fit.design.n_features,
        "columns": _columns(fit),
        "rows_left_out": 0 if fit.table.kept is None else int((~fit.table.kept).sum()),
        "target": request.roles.target,
        "loss": request.settings["loss"],
        "classes": fit.classes,
        "settings": {name: value for name, value in request.settings.items() if name != "loss"},
        "choice": request.choice if len(fits) > 1 else "the only one",
        "model": _model(fit, k),
        "cross_validation": _search(fit),
        "certificate": {
            "kind": fits.certificate,
            "largest": fits.relative_gaps.max(),
            "unit": fits.gap_unit,
        },
        "path": [_entry(fit, index) for index in range(len(fits))],
        "test": test,
        "written": written,
    }


def _columns(fit: Fit) -> list[dict[str, Any]]:
    """Return the columns that became other features than themselves."""
    coding = fit.table.coding
    if coding is None:
        return []
    names = list(map(str, coding.feature_names))
    labels = coding.labels
    found = []
    for k, (name, part) in enumerate(zip(coding.columns, coding.parts, strict=True)):
        features = [names[j] for j in np.flatnonzero(labels == k).tolist()]
        if features != [str(name)]:
            found.append(
                {"column": str(name), "kind": part.to_dict()["kind"], "features": features}
            )
    return found


def _entry(fit: Fit, k: int) -> dict[str, Any]:
    fits = fit.path
    return {
        "alpha": fits.alphas[k],
        "nonzero": fits.df[k],
        "deviance_ratio": fits.dev_ratio[k],
        "gap": fits.relative_gaps[k],
        "status": Status(int(fits.status[k])).name.lower(),
    }


def _model(fit: Fit, k: int) -> dict[str, Any]:
    """Return the chosen model, with the effects of its features by their names."""
    fits = fit.path
    coef = fits[k].coef
    effect = coef * fit.deviation
    support = np.flatnonzero(np.atleast_2d(coef).any(axis=0)).tolist()
    return {
        "index": k,
        **_entry(fit, k),
        "intercept": fits.intercepts[k],
        "coefficients": {fit.table.label(j): coef[..., j] for j in support},
        "effects_per_standard_deviation": {fit.table.label(j): effect[..., j] for j in support},
    }


def _search(fit: Fit) -> dict[str, Any] | None:
    search, folds = fit.search, fit.request.folds
    if search is None or folds is None:
        return None
    mean, error = search.curve
    return {
        "folds": folds.n_folds,
        "rule": folds.rule,
        "seed": folds.seed,
        "measure": search.measure,
        "mean": mean[search.index],
        "standard_error": error[search.index],
        "index_min": search.index_min,
        "index_1se": search.index_1se,
    }


def of_predictions(
    request: ModelRequest, n_rows: int, rows: Iterable[Sequence[object]]
) -> dict[str, Any]:
    """Return what the command `predict` tells: the columns of predictions, or their file."""
    head = {
        "command": "predict",
        "model": request.model,
        "file": request.file.shown,
        "n_rows": n_rows,
    }
    if request.output is not None:
        return {**head, "predictions": None, "written": {"predictions": request.output}}
    header, *body = rows
    columns = zip(*body, strict=True)
    held = {
        str(name): [None if cell == "" else cell for cell in column]
        for name, column in zip(header, columns, strict=True)
    }
    return {**head, "predictions": held, "written": {}}


def of_evaluation(
    request: ModelRequest, model: Model, n_samples: int, found: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what the command `evaluate` tells."""
    return {
        "command": "evaluate",
        "model": request.model,
        "file": request.file.shown,
        "n_samples": n_samples,
        "target": model.target,
        "loss": model.loss,
        "classes": model.classes,
        "models": found,
    }
