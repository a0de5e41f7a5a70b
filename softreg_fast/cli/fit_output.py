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
from softreg_fast.options.choices import PENALTIES
from softreg_fast.report.summary import certificate_lines, coefficient_lines


def summary(fit: Fit, measured: dict[str, Any] | None = None) -> list[str]:
    """Return the lines that describe a fit: its path, the chosen model and the certificate.

    Parameters
    ----------
    fit : Fit
    measured : dict or None, default=None
        Measures of the chosen model on a second table.
    """
    fits, design = fit.path, fit.design
    return [
        f"{fit.request.file.shown}: {design.n_samples} rows, {design.n_features} features",
        *fit.table.told,
        *_classes(fit),
        fits.table(rows=fit.request.rows),
        "",
        *([str(fit.search), ""] if fit.search else []),
        *_headline(fit),
        *coefficient_lines(fits, fit.k, fit.deviation, fit.table.label, classes=fit.classes),
        "",
        *certificate_lines(fits),
        *_measured_lines(fit, measured),
    ]


def _measured_lines(fit: Fit, measured: dict[str, Any] | None) -> list[str]:
    if measured is None or fit.request.test is None:
        return []
    from softreg_fast.cli.evaluation import evaluation_lines

    head = f"on {fit.request.test.shown} ({measured['n_samples']} rows)"
    return ["", f"This model {head}:", *evaluation_lines([measured])]


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


def model_of(fit: Fit, k: int | None = None) -> Model:
    """Return the models of a fit as a file has them: all of the path, or the k-th."""
    request, roles = fit.request, fit.request.roles
    kept = fit.path if k is None else fit.path.part(slice(k, k + 1))
    return Model(
        kept,
        roles.target,
        roles.offset,
        fit.table.first_index,
        recorded_settings(fit),
        request.settings["loss"],
        fit.classes,
        steps_of(kept, roles.strata) if request.outputs.model is not None else None,
        fit.table.coding,
    )


def write_files(fit: Fit) -> dict[str, str]:
    """Write the requested files and return their names, by what they hold.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    outputs = fit.request.outputs
    model = model_of(fit, fit.k if fit.request.chooses else None)
    written = {}
    if outputs.coefficients is not None:
        save(outputs.coefficients, csv_lines(_coefficient_rows(model)))
        written["coefficients"] = outputs.coefficients
    if outputs.model is not None:
        save(outputs.model, model_text(model, version(PROGRAM)))
        written["model"] = outputs.model
    if outputs.report is not None:
        from softreg_fast.cli.fit_report import fit_page  # it imports the plots

        save(outputs.report, fit_page(fit, model.settings))
        written["report"] = outputs.report
    return written


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


def recorded_settings(fit: Fit) -> dict[str, Any]:
    """Return the settings that reproduce a fit, as a model file records them."""
    request, roles = fit.request, fit.request.roles
    of_times = {"event": roles.event, "start": roles.start}
    return {
        "data": os.path.basename(request.file.shown),
        "n_samples": fit.design.n_samples,
        "sample_weights": roles.weights,
        **{name: column for name, column in of_times.items() if column is not None},
        **({} if roles.missing == "error" else {"missing": roles.missing}),
        **request.settings,
        **_shape(fit),
        **({} if request.groups is None else {"groups": request.groups}),
        **({"cross_validation": dataclasses.asdict(request.folds)} if request.folds else {}),
        **_weights_by_feature(fit),
    }


def _shape(fit: Fit) -> dict[str, Any]:
    shape = None if fit.penalty is None else PENALTIES[fit.penalty.kind]
    return {} if shape is None else {shape: float(getattr(fit.penalty, shape))}


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
