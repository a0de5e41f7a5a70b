"""Output of `fit`: a summary to print, files with coefficients and a model."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from softreg_fast.cli.baselines import steps_of
from softreg_fast.cli.files import csv_lines, save
from softreg_fast.cli.fit import Fit
from softreg_fast.cli.messages import PROGRAM
from softreg_fast.cli.models import Model, model_text
from softreg_fast.options.choices import SHAPES
from softreg_fast.report.summary import certificate_lines, coefficient_lines


def summary(fit: Fit) -> list[str]:
    """Return the lines that describe a fit: its path, the chosen model and the certificate."""
    fits, design = fit.path, fit.design
    return [
        f"{fit.request.file.name}: {design.n_samples} rows, {design.n_features} features",
        *_classes(fit),
        fits.table(rows=fit.request.rows),
        "",
        *([str(fit.search), ""] if fit.search else []),
        *_headline(fit),
        *coefficient_lines(fits, fit.k, fit.deviation, fit.table.label, classes=fit.classes),
        "",
        *certificate_lines(fits),
    ]


def _classes(fit: Fit) -> list[str]:
    if fit.classes is None:
        return []
    if np.ndim(fit.path.intercepts) > 1:
        return [f"classes: {', '.join(fit.classes)}"]
    first, second = fit.classes
    return [f"predictors > 0 speak for {second}, those < 0 for {first}"]


def _headline(fit: Fit) -> list[str]:
    fits, k = fit.path, fit.k
    lines = [
        f"alpha = {fits.alphas[k]:.6g}: {fits.df[k]} of {fits.coefs.shape[0]} features, "
        f"{100 * fits.dev_ratio[k]:.2f} % of the deviance explained"
    ]
    if len(fits) > 1:
        lines.append(f"(index {k} of the path, {fit.request.choice})")
    return lines


def write_files(fit: Fit) -> list[str]:
    """Write the requested files and return lines that say so.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    request, roles, outputs = fit.request, fit.request.roles, fit.request.outputs
    settings = _recorded_settings(fit)
    kept = fit.path.part(slice(fit.k, fit.k + 1)) if request.chooses else fit.path
    model = Model(
        kept,
        roles.target,
        roles.offset,
        fit.table.first_index,
        settings,
        request.settings["loss"],
        fit.classes,
        steps_of(kept, roles.strata) if outputs.model is not None else None,
    )
    lines = []
    if outputs.coefficients is not None:
        save(outputs.coefficients, csv_lines(_coefficient_rows(model)))
        lines.append(f"coefficients written to {outputs.coefficients}")
    if outputs.model is not None:
        save(outputs.model, model_text(model, version(PROGRAM)))
        lines.append(f"model written to {outputs.model}")
    if outputs.report is not None:
        from softreg_fast.cli.fit_report import fit_page  # it imports the plots

        save(outputs.report, fit_page(fit, settings))
        lines.append(f"report written to {outputs.report}")
    return ["", *lines] if lines else []


def _coefficient_rows(model: Model) -> Iterator[Sequence[object]]:
    """Yield the intercept, then every feature that is ever nonzero, the earliest to enter first.

    Of several classes each has a row of its own. Survival times have no intercept.
    """
    fits = model.path
    one, several = len(fits) == 1, model.n_outputs > 1
    classes = [[name] for name in model.classes or ()] if several else [[]]
    of_class = ["class"] if several else []
    yield ["feature", *of_class, *(["coefficient"] if one else fits.alphas.tolist())]
    if fits.loss.kind != "cox":
        intercepts = fits.intercepts.reshape(len(fits), -1).T.tolist()
        for name, row in zip(classes, intercepts, strict=True):
            yield ["(intercept)", *name, *row]
    rows = fits.coefs.tocsr()
    ever = np.flatnonzero(np.diff(rows.indptr))
    entry = [rows.indices[rows.indptr[j] : rows.indptr[j + 1]].min() for j in ever]
    for j in ever[np.argsort(entry, kind="stable")].tolist():
        chosen = slice(rows.indptr[j], rows.indptr[j + 1])
        whole = np.zeros(fits.coefs.shape[1])
        whole[rows.indices[chosen]] = rows.data[chosen]
        for name, row in zip(classes, whole.reshape(len(fits), -1).T.tolist(), strict=True):
            yield [model.label(j), *name, *row]


def _recorded_settings(fit: Fit) -> dict[str, Any]:
    """Return the settings that reproduce a fit, as a model file records them."""
    request = fit.request
    return {
        "data": os.path.basename(request.file.name),
        "n_samples": fit.design.n_samples,
        "sample_weights": request.roles.weights,
        **request.settings,
        **({} if fit.penalty is None else {SHAPES[fit.penalty.kind]: fit.penalty.shape}),
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
