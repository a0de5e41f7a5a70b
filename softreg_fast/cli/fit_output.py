"""What `fit` prints and writes: a summary, coefficients, a model and a report."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from softreg_fast import __version__
from softreg_fast.cli.files import csv_lines, save
from softreg_fast.cli.fit import Fit
from softreg_fast.cli.models import Model, model_text
from softreg_fast.cli.requests import FitRequest
from softreg_fast.report.page import Report, page
from softreg_fast.report.summary import certificate_lines, coefficient_lines


def summary(fit: Fit) -> list[str]:
    """Return the lines that describe a fit: its path, the chosen model and the certificate."""
    fits, design = fit.path, fit.design
    return [
        f"{fit.request.file.name}: {design.n_samples} rows, {design.n_features} features",
        fits.table(rows=fit.request.rows),
        "",
        *([str(fit.search), ""] if fit.search else []),
        *_headline(fit),
        *coefficient_lines(fits, fit.k, fit.deviation, fit.table.label),
        "",
        *certificate_lines(fits),
    ]


def _headline(fit: Fit) -> list[str]:
    fits, k = fit.path, fit.k
    lines = [
        f"alpha = {fits.alphas[k]:.6g}: {fits.df[k]} of {fits.coefs.shape[0]} features, "
        f"{100 * fits.dev_ratio[k]:.2f} % of the deviance explained"
    ]
    if len(fits) > 1:
        lines.append(f"(index {k} of the path, {_reason(fit.request)})")
    return lines


def _reason(request: FitRequest) -> str:
    if request.folds is not None:
        return f"by {request.folds.n_folds}-fold cross-validation, rule {request.folds.rule}"
    if request.select is not None:
        return "as selected"
    return "the first to reach 90 % of what the path explains; --select chooses another"


def write_files(fit: Fit) -> list[str]:
    """Write the requested files and return lines that say so.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    request, outputs = fit.request, fit.request.outputs
    settings = _recorded_settings(fit)
    kept = fit.path.part(slice(fit.k, fit.k + 1)) if request.chooses else fit.path
    model = Model(kept, request.roles.target, fit.table.first_index, settings)
    lines = []
    if outputs.coefficients is not None:
        save(outputs.coefficients, csv_lines(_coefficient_rows(model)))
        lines.append(f"coefficients written to {outputs.coefficients}")
    if outputs.model is not None:
        save(outputs.model, model_text(model, __version__))
        lines.append(f"model written to {outputs.model}")
    if outputs.report is not None:
        save(outputs.report, page(_report(fit, settings)))
        lines.append(f"report written to {outputs.report}")
    return ["", *lines] if lines else []


def _coefficient_rows(model: Model) -> Iterator[Sequence[object]]:
    """Yield the intercept, then every feature that is ever nonzero, the earliest to enter first."""
    fits = model.path
    one = len(fits) == 1
    yield ["feature", *(["coefficient"] if one else fits.alphas.tolist())]
    yield ["(intercept)", *fits.intercepts.tolist()]
    rows = fits.coefs.tocsr()
    ever = np.flatnonzero(np.diff(rows.indptr))
    entry = [rows.indices[rows.indptr[j] : rows.indptr[j + 1]].min() for j in ever]
    for j in ever[np.argsort(entry, kind="stable")].tolist():
        chosen = slice(rows.indptr[j], rows.indptr[j + 1])
        row = np.zeros(len(fits))
        row[rows.indices[chosen]] = rows.data[chosen]
        yield [model.label(j), *row.tolist()]


def _recorded_settings(fit: Fit) -> dict[str, Any]:
    """Return the settings that reproduce a fit, as a model file records them."""
    request = fit.request
    return {
        "data": os.path.basename(request.file.name),
        "n_samples": fit.design.n_samples,
        "sample_weights": request.roles.weights,
        **request.settings,
        **({"cross_validation": dataclasses.asdict(request.folds)} if request.folds else {}),
        **_weights_by_feature(fit),
    }


def _weights_by_feature(fit: Fit) -> dict[str, Any]:
    # those other than 1; infinite ones as the string "inf", since JSON has no infinity
    return {
        name: {
            fit.table.label(j): float(vector[j]) if np.isfinite(vector[j]) else "inf"
            for j in np.flatnonzero(vector != 1.0).tolist()
        }
        for name, vector in fit.weights.items()
        if vector is not None
    }


# ---------------------------------------------------------------------------------------------
# The report.


def _report(fit: Fit, settings: dict[str, Any]) -> Report:
    return Report(
        path=fit.path,
        k=fit.k,
        search=fit.search,
        deviation=fit.deviation,
        label=fit.table.label,
        l1_ratio=fit.request.settings["l1_ratio"],
        source=settings["data"],
        target=fit.request.roles.target or "y",
        data=_data_in_words(fit),
        settings=_settings_in_words(fit, settings),
        command=fit.request.command,
    )


def _data_in_words(fit: Fit) -> dict[str, str]:
    X, roles = fit.table.X, fit.request.roles
    form = f"sparse, {X.nnz} entries" if sp.issparse(X) else "dense"
    return {
        "file": fit.request.file.name,
        "rows": str(fit.design.n_samples),
        "features": f"{fit.design.n_features}, {form}, {X.dtype}",
        "target": roles.target or "as the file has it",
        "sample weights": roles.weights or "none",
        "left out": ", ".join(roles.ignore) or "no column",
        "missing values": "none: a file with any is refused",
    }


def _settings_in_words(fit: Fit, settings: dict[str, Any]) -> dict[str, str]:
    request, alphas = fit.request, fit.path.alphas
    said = {"alphas": f"{len(alphas)}, {alphas[0]:.6g} to {alphas[-1]:.6g}"}
    if len(alphas) == 1:
        said = {"alpha": repr(float(alphas[0]))}
    for name, value in request.settings.items():
        said[name] = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    for name in ("l1_weights", "l2_weights"):
        if name in settings:
            said[name] = f"{request.penalty_weights}: {len(settings[name])} other than 1"
    if (folds := request.folds) is not None:
        dealt = "in the order of the rows" if folds.seed is None else f"shuffled, seed {folds.seed}"
        said["folds"] = f"{folds.n_folds}, {dealt}"
        said["rule"] = folds.rule
    if len(alphas) > 1:
        said["chosen"] = f"index {fit.k} of the path, {_reason(request)}"
    said["threads"] = str(fit.design.n_threads)
    return said
