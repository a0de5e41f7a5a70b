"""The commands fit and predict: files as input, files and lines of text as output."""

from __future__ import annotations

import dataclasses
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold

from softreg_fast import CVPath, Design, EndOfGridWarning, __version__, cv_path, path
from softreg_fast.cli.files import (
    InputError,
    Model,
    check_writable,
    csv_lines,
    model_text,
    read_model,
    same_file,
    save,
)
from softreg_fast.cli.summary import certificate_lines, coefficient_lines, well_explained
from softreg_fast.cli.tables import Roles, Table, read_penalty_weights, read_table
from softreg_fast.options.spelling import printable
from softreg_fast.paths.result import Path
from softreg_fast.report.page import Report, page
from softreg_fast.report.pictures import check_pictures
from softreg_fast.system.writing import is_device

PROGRAM = "softreg_fast"

# File name endings allowed for each output; messages suggest the first.
TABLE_ENDINGS = (".csv", ".txt", ".dat")
MODEL_ENDINGS = (".json", ".txt")
REPORT_ENDINGS = (".html", ".htm")

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Folds:
    """Cross-validation settings for the choice of alpha.

    Attributes
    ----------
    n_folds : int
    rule : {"min", "1se"}
    seed : int or None
        Seed of the shuffle; None: contiguous blocks of rows in their order.
    """

    n_folds: int
    rule: str
    seed: int | None

    @property
    def splitter(self) -> KFold:
        """Return the scikit-learn splitter that makes the folds."""
        return KFold(self.n_folds, shuffle=self.seed is not None, random_state=self.seed)


@dataclass(frozen=True)
class FitRequest:
    """Arguments of the command `fit`.

    Attributes
    ----------
    file, roles, file_format, delimiter, decimal
        As for `read_table`.
    alphas : list of float or None
        None: a grid of `n_alphas`, down to the largest times `eps`, which may be "auto" with folds.
    settings : dict
        Arguments of `path` that a model file records.
    penalty_weights : str or None
        File name.
    n_threads : int or None
    folds : Folds or None
        Cross-validation that chooses the model shown and written.
    select : (str, float) or None
        ("dev", fraction), ("alpha", strength) or ("index", number): the choice without folds.
    rows : int
        Number of lines of the path to show.
    coefficients, model, report : str or None
        Names of the output files.
    command : str
        The command line.
    """

    file: str
    roles: Roles
    file_format: str | None
    delimiter: str | None
    decimal: str | None
    alphas: list[float] | None
    n_alphas: int
    eps: float | str
    settings: dict[str, Any]
    penalty_weights: str | None
    n_threads: int | None
    folds: Folds | None
    select: tuple[str, float] | None
    rows: int
    coefficients: str | None
    model: str | None
    report: str | None
    command: str

    @property
    def chooses(self) -> bool:
        """Return whether a single model of the path is chosen."""
        return self.select is not None or self.folds is not None


def fit(request: FitRequest) -> list[str]:
    """Fit a path to the input file, write the requested files and return the summary lines.

    Raises
    ------
    InputError
    """
    _check_outputs(request)
    table = read_table(
        request.file, request.roles, request.file_format, request.delimiter, request.decimal
    )
    _note_all(table.notes)
    weights = _penalty_weights(request, table)
    found = _found(table, weights, request)
    written = _write(request, found, _settings(request, found, weights))
    fits, k = found.path, found.k
    return [
        f"{request.file}: {found.design.n_samples} rows, {found.design.n_features} features",
        fits.table(rows=request.rows),
        "",
        *([str(found.search), ""] if found.search else []),
        *_headline(fits, k, request),
        *coefficient_lines(fits, k, found.deviation, table.label),
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
    decimal: str | None = None,
) -> Iterator[str]:
    """Apply a model file to a table and return the lines for standard output.

    Raises
    ------
    InputError
    """
    if output is not None:
        check_writable(output, [model_file, file], TABLE_ENDINGS)
    model = read_model(model_file)
    roles = Roles(features=model.names, n_features=model.n_features, first_index=model.first_index)
    table = read_table(file, roles, file_format, delimiter, decimal)
    _note_all(table.notes)
    lines = csv_lines(_prediction_rows(model.path, table.X, alpha))
    if output is None:
        return lines
    save(output, lines)
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
    columns = [name for name in (request.roles.target, request.roles.weights) if name]
    arrays = [name for name in columns if name.endswith(".npy")]
    outputs = {
        "--coefficients": (request.coefficients, TABLE_ENDINGS),
        "--model": (request.model, MODEL_ENDINGS),
        "--report": (request.report, REPORT_ENDINGS),
    }
    taken: dict[str, str] = {}
    for option, (name, endings) in outputs.items():
        if name is None:
            continue
        check_writable(name, [request.file, request.penalty_weights, *arrays], endings)
        for first, other in taken.items():
            if same_file(name, other) and not is_device(name):
                raise InputError(f"{first} and {option} name the same file; give two names")
        taken[option] = name
    if request.report is not None:
        check_pictures()


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
    # weights other than 1 by feature; infinite ones as the string "inf", since JSON has no infinity
    return {
        name: {
            table.label(j): float(vector[j]) if np.isfinite(vector[j]) else "inf"
            for j in np.flatnonzero(vector != 1.0).tolist()
        }
        for name, vector in weights.items()
        if vector is not None
    }


def _settings(request: FitRequest, found: _Found, weights: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": os.path.basename(request.file),
        "n_samples": found.design.n_samples,
        "sample_weights": request.roles.weights,
        **request.settings,
        **({"cross_validation": dataclasses.asdict(request.folds)} if request.folds else {}),
        **_described(weights, found.table),
    }


class _Found(NamedTuple):
    """A path, its cross-validation result if any, and the index of the model to show."""

    table: Table
    design: Design
    path: Path
    search: CVPath | None
    k: int

    @property
    def deviation(self) -> Vector:
        deviation: Vector = self.design.norm / np.sqrt(self.design.n_samples)
        return deviation


def _found(table: Table, weights: dict[str, Any], request: FitRequest) -> _Found:
    options = {**request.settings, **weights, "alphas": request.alphas}
    how = {name: options.pop(name) for name in ("fit_intercept", "standardize")}
    if request.alphas is None:
        options |= {"n_alphas": request.n_alphas, "eps": request.eps}
    _check_folds(request, table)
    search = None
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            warnings.simplefilter("always", EndOfGridWarning)
            design = Design(table.X, table.y, table.weights, n_threads=request.n_threads, **how)
            if request.folds is None:
                fits = path(design, **options)
            else:
                folds = {"cv": request.folds.splitter, "rule": request.folds.rule}
                search = cv_path(design, **folds, **options)
                fits = search.path
    except (ValueError, TypeError) as error:
        raise InputError(f"{request.file}: {error}") from error
    _note_all(dict.fromkeys(str(warning.message) for warning in caught))
    names = None if table.names is None else np.array(table.names, dtype=object)
    fits = dataclasses.replace(fits, feature_names=names)
    return _Found(table, design, fits, search, _selected(fits, search, request.select))


def _check_folds(request: FitRequest, table: Table) -> None:
    n = table.X.shape[0]
    if request.folds is not None and request.folds.n_folds > n:
        raise InputError(
            f"--cv {request.folds.n_folds}: {request.file} has {n} rows; expected a number of "
            f"folds from 2 to {n}"
        )


def _note(text: str) -> None:
    print(printable(f"{PROGRAM}: warning: {' '.join(text.split())}"), file=sys.stderr)


def _note_all(texts: Iterable[str]) -> None:
    for text in texts:
        _note(text)


def _selected(fits: Path, search: CVPath | None, select: tuple[str, float] | None) -> int:
    if search is not None:
        return search.index
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
        lines.append(f"(index {k} of the path, {_why(request)})")
    return lines


def _why(request: FitRequest) -> str:
    if request.folds is not None:
        return f"by {request.folds.n_folds}-fold cross-validation, rule {request.folds.rule}"
    if request.select is not None:
        return "as selected"
    return "the first to reach 90 % of what the path explains; --select chooses another"


def _write(request: FitRequest, found: _Found, settings: dict[str, Any]) -> list[str]:
    lines = []
    kept = found.path.part(slice(found.k, found.k + 1)) if request.chooses else found.path
    model = Model(kept, request.roles.target, found.table.first_index, settings)
    if request.coefficients is not None:
        save(request.coefficients, csv_lines(_coefficient_rows(model)))
        lines.append(f"coefficients written to {request.coefficients}")
    if request.model is not None:
        save(request.model, model_text(model, __version__))
        lines.append(f"model written to {request.model}")
    if request.report is not None:
        save(request.report, page(_report(request, found, settings)))
        lines.append(f"report written to {request.report}")
    return ["", *lines] if lines else []


def _report(request: FitRequest, found: _Found, settings: dict[str, Any]) -> Report:
    return Report(
        path=found.path,
        k=found.k,
        search=found.search,
        deviation=found.deviation,
        label=found.table.label,
        l1_ratio=request.settings["l1_ratio"],
        source=settings["data"],
        target=request.roles.target or "y",
        data=_data_facts(request, found),
        settings=_setting_facts(request, found, settings),
        command=request.command,
    )


def _data_facts(request: FitRequest, found: _Found) -> dict[str, str]:
    X = found.table.X
    form = f"sparse, {X.nnz} entries" if sp.issparse(X) else "dense"
    return {
        "file": request.file,
        "rows": str(found.design.n_samples),
        "features": f"{found.design.n_features}, {form}, {X.dtype}",
        "target": request.roles.target or "as the file has it",
        "sample weights": request.roles.weights or "none",
        "left out": ", ".join(request.roles.ignore) or "no column",
        "missing values": "none: a file with any is refused",
    }


def _setting_facts(request: FitRequest, found: _Found, settings: dict[str, Any]) -> dict[str, str]:
    alphas = found.path.alphas
    facts = {"alphas": f"{len(alphas)}, {alphas[0]:.6g} to {alphas[-1]:.6g}"}
    if len(alphas) == 1:
        facts = {"alpha": repr(float(alphas[0]))}
    for name, value in request.settings.items():
        facts[name] = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    for name in ("l1_weights", "l2_weights"):
        if name in settings:
            facts[name] = f"{request.penalty_weights}: {len(settings[name])} other than 1"
    if (folds := request.folds) is not None:
        dealt = "in the order of the rows" if folds.seed is None else f"shuffled, seed {folds.seed}"
        facts["folds"] = f"{folds.n_folds}, {dealt}"
        facts["rule"] = folds.rule
    if len(alphas) > 1:
        facts["chosen"] = f"index {found.k} of the path, {_why(request)}"
    facts["threads"] = str(found.design.n_threads)
    return facts


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
