"""The commands fit and predict: files in, files and lines of text out."""

from __future__ import annotations

import dataclasses
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import Design, __version__, path
from softreg_fast.files import (
    InputError,
    Model,
    check_writable,
    csv_lines,
    model_text,
    read_model,
    write_whole,
)
from softreg_fast.report import certificate_lines, coefficient_lines, well_explained
from softreg_fast.result import Path
from softreg_fast.tables import Roles, Table, read_penalty_weights, read_table

PROGRAM = "softreg_fast"

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class FitRequest:
    """What `fit` is asked for.

    Attributes
    ----------
    file, roles, file_format, delimiter
        As for `read_table`.
    alphas : list of float or None
        None: `n_alphas` of them, down to the largest times `eps`.
    settings : dict
        The arguments of `path` that a model file records.
    penalty_weights : str or None
        Name of a file.
    n_threads : int or None
    select : (str, float) or None
        ("dev", fraction), ("alpha", strength) or ("index", number): the model shown and written.
    rows : int
        Lines of the path to show.
    coefficients, model : str or None
        Names of the files to write.
    """

    file: str
    roles: Roles
    file_format: str | None
    delimiter: str | None
    alphas: list[float] | None
    n_alphas: int
    eps: float
    settings: dict[str, Any]
    penalty_weights: str | None
    n_threads: int | None
    select: tuple[str, float] | None
    rows: int
    coefficients: str | None
    model: str | None


def fit(request: FitRequest) -> list[str]:
    """Fit what the file holds, write what is asked for, and say what came out.

    Raises
    ------
    InputError
    """
    _check_outputs(request)
    table = read_table(request.file, request.roles, request.file_format, request.delimiter)
    weights = _penalty_weights(request, table)
    design, fits = _fit_path(table, weights, request)
    k = _selected(fits, request.select)
    settings = {
        "data": os.path.basename(request.file),
        "n_samples": design.n_samples,
        "sample_weights": request.roles.weights,
        **request.settings,
        **_described(weights, table),
    }
    kept = fits if request.select is None else only(fits, k)
    written = _write(request, Model(kept, request.roles.target, table.first_index, settings))
    deviation = design.norm / np.sqrt(design.n_samples)
    return [
        f"{request.file}: {design.n_samples} rows, {design.n_features} features",
        fits.table(rows=request.rows),
        "",
        *_headline(fits, k, request),
        *coefficient_lines(fits, k, deviation, table.label),
        "",
        *certificate_lines(fits),
        *written,
    ]


def predict(
    model_file: str,
    file: str,
    *,
    alpha: float | None = None,
    output: str | None = None,
    file_format: str | None = None,
    delimiter: str | None = None,
) -> Iterator[str]:
    """Apply a model file to a table; the lines for standard output.

    Raises
    ------
    InputError
    """
    if output is not None:
        check_writable(output, [model_file, file])
    model = read_model(model_file)
    roles = Roles(features=model.names, n_features=model.n_features, first_index=model.first_index)
    table = read_table(file, roles, file_format, delimiter)
    lines = csv_lines(_prediction_rows(model.path, table.X, alpha))
    if output is None:
        return lines
    write_whole(output, lines)
    return iter([f"{table.X.shape[0]} predictions written to {output}\n"])


def _prediction_rows(fits: Path, X: Any, alpha: float | None) -> Iterator[Sequence[object]]:
    if alpha is not None and not fits.alphas[-1] <= alpha <= fits.alphas[0]:
        low, high = float(fits.alphas[-1]), float(fits.alphas[0])
        held = f"{low!r} to {high!r}" if low < high else f"{low!r} alone"
        raise InputError(f"--alpha {alpha!r}: the model file holds {held}; give one of these")
    predicted = fits.predict(X, alpha)
    if alpha is not None or len(fits) == 1:
        header = ["prediction"]
    else:
        header = [f"alpha={a!r}" for a in fits.alphas.tolist()]
    yield header
    yield from predicted.reshape(len(predicted), -1).tolist()


# ---------------------------------------------------------------------------------------------
# The steps of fit.


def _check_outputs(request: FitRequest) -> None:
    read = [request.file, request.roles.target, request.roles.weights, request.penalty_weights]
    outputs = [name for name in (request.coefficients, request.model) if name is not None]
    for name in outputs:
        check_writable(name, read)
    if len({os.path.realpath(name) for name in outputs}) < len(outputs):
        raise InputError("--coefficients and --model name the same file; give two names")


def _penalty_weights(request: FitRequest, table: Table) -> dict[str, Any]:
    if request.penalty_weights is None:
        return {}
    l1, l2 = read_penalty_weights(request.penalty_weights, table.labels())
    ratio = request.settings["l1_ratio"]
    for name, vector, idle in (("l1", l1, ratio == 0.0), ("l2", l2, ratio == 1.0)):
        if idle and vector is not None and ((vector != 1.0) & np.isfinite(vector)).any():
            _note(f"the {name} weights have no effect with --l1-ratio {ratio:g}")
    return {"l1_weights": l1, "l2_weights": l2}


def _described(weights: dict[str, Any], table: Table) -> dict[str, Any]:
    # weights other than 1 by feature; infinite ones as a word, for JSON has none
    return {
        name: {
            table.label(j): float(vector[j]) if np.isfinite(vector[j]) else "inf"
            for j in np.flatnonzero(vector != 1.0).tolist()
        }
        for name, vector in weights.items()
        if vector is not None
    }


def _fit_path(table: Table, weights: dict[str, Any], request: FitRequest) -> tuple[Design, Path]:
    options = dict(request.settings)
    how = {name: options.pop(name) for name in ("fit_intercept", "standardize")}
    if request.alphas is None:
        options |= {"n_alphas": request.n_alphas, "eps": request.eps}
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            design = Design(table.X, table.y, table.weights, n_threads=request.n_threads, **how)
            fits = path(design, alphas=request.alphas, **weights, **options)
    except (ValueError, TypeError) as error:
        raise InputError(f"{request.file}: {error}") from error
    for warning in caught:
        _note(str(warning.message))
    names = None if table.names is None else np.array(table.names, dtype=object)
    return design, dataclasses.replace(fits, feature_names=names)


def _note(text: str) -> None:
    print(f"{PROGRAM}: warning: {' '.join(text.split())}", file=sys.stderr)


def only(fits: Path, k: int) -> Path:
    """The path of the k-th alpha alone."""
    columns = slice(k, k + 1)
    per_alpha = ("alphas", "intercepts", "gaps", "tols", "n_epochs", "status", "dev_ratio", "df")
    parts = {name: getattr(fits, name)[columns] for name in per_alpha}
    return dataclasses.replace(fits, coefs=fits.coefs[:, [k]].tocsc(), **parts)


def _selected(fits: Path, select: tuple[str, float] | None) -> int:
    if select is None:
        return well_explained(fits)
    kind, value = select
    if kind == "dev":
        enough = np.flatnonzero(fits.dev_ratio >= value)
        if not enough.size:
            raise InputError(
                f"--select dev={value:g}: the path explains at most {fits.dev_ratio.max():.4g} of "
                "the deviance; ask for less, or let it go further with a smaller --eps"
            )
        return int(enough[0])
    if kind == "alpha":
        if not fits.alphas[-1] <= value <= fits.alphas[0]:
            raise InputError(
                f"--select alpha={value:g} lies outside the path, {fits.alphas[-1]:.6g} to "
                f"{fits.alphas[0]:.6g}; use --alpha to fit exactly that one"
            )
        return int(np.argmin(np.abs(fits.alphas - value)))
    if not -len(fits) <= value < len(fits):
        raise InputError(f"--select index={value:g}: the path has the indices 0 to {len(fits) - 1}")
    return range(len(fits))[int(value)]


def _headline(fits: Path, k: int, request: FitRequest) -> list[str]:
    lines = [
        f"alpha = {fits.alphas[k]:.6g}: {fits.df[k]} of {fits.coefs.shape[0]} features, "
        f"{100 * fits.dev_ratio[k]:.2f} % of the deviance explained"
    ]
    if len(fits) > 1:
        why = (
            "as selected"
            if request.select
            else ("the first to reach 90 % of what the path explains; --select chooses another")
        )
        lines.append(f"(index {k} of the path, {why})")
    return lines


def _write(request: FitRequest, model: Model) -> list[str]:
    lines = []
    if request.coefficients is not None:
        write_whole(request.coefficients, csv_lines(_coefficient_rows(model)))
        lines.append(f"coefficients written to {request.coefficients}")
    if request.model is not None:
        write_whole(request.model, model_text(model, __version__))
        lines.append(f"model written to {request.model}")
    return ["", *lines] if lines else []


def _coefficient_rows(model: Model) -> Iterator[Sequence[object]]:
    """The intercept, then every feature that is ever chosen, the earliest first."""
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
