"""The report of `fit`: a page with the facts of its command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from softreg_fast.cli.fit import Fit, target_of
from softreg_fast.display.outcomes import Outcomes
from softreg_fast.losses.classes import TwoClasses
from softreg_fast.options.choices import PENALTIES
from softreg_fast.report.page import Report, page

MISSING_IN_WORDS = {
    "error": "none: a file with any is refused",
    "drop": "rows with any are left out",
    "indicator": "filled in with the mean, and marked by a feature",
}


def fit_page(fit: Fit, settings: dict[str, Any]) -> Iterator[str]:
    """Yield the pieces of the page that describes a fit; `settings` as the model file has them."""
    return page(
        Report(
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
            loss=fit.request.settings["loss"],
            outcomes=_outcomes(fit),
            n_rows=fit.design.n_samples,
            n_dropped=_n_dropped(fit),
        )
    )


def _n_dropped(fit: Fit) -> int:
    # a table says which rows it kept, unless it kept all
    kept = getattr(fit.table, "kept", None)
    return 0 if kept is None else int(np.count_nonzero(~kept))


def _outcomes(fit: Fit) -> Outcomes:
    target, table = fit.design.described_target, fit.table
    y, loss = target_of(table) if table.event is not None else target.observed, target.loss
    if isinstance(loss, TwoClasses):
        y = loss.share(y)
    elif loss.n_outputs != 1:
        y = np.argmax(y, axis=1)
    if fit.search is not None:
        predicted = fit.search.predictions
    else:
        predicted = fit.path[fit.k].predict(table.X, offset=table.offset)
    left_out = fit.search is not None
    return Outcomes.checked(loss, y, predicted, table.weights, fit.classes, left_out)


def _data_in_words(fit: Fit) -> dict[str, str]:
    X, roles = fit.table.X, fit.request.roles
    form = f"sparse, {X.nnz} entries" if sp.issparse(X) else "dense"
    return {
        "file": fit.request.file.shown,
        "rows": str(fit.design.n_samples),
        **_told_in_words(fit),
        "features": f"{fit.design.n_features}, {form}, {X.dtype}",
        **_target_in_words(fit),
        **({} if fit.classes is None else {"classes": ", ".join(fit.classes)}),
        "sample weights": roles.weights or "none",
        "offset": roles.offset or "none",
        "left out": ", ".join(roles.ignore) or "no column",
        "missing values": MISSING_IN_WORDS[roles.missing],
    }


def _told_in_words(fit: Fit) -> dict[str, str]:
    # what became of rows and of columns of text
    told = "; ".join(fit.table.told)
    return {"rows and columns": told} if told else {}


def _target_in_words(fit: Fit) -> dict[str, str]:
    roles = fit.request.roles
    if roles.event is None or fit.table.event is None:
        return {"target": roles.target or "as the file has it"}
    columns = {"time": roles.target, "event": roles.event}
    columns |= {"start": roles.start, "strata": roles.strata}
    events = int(np.count_nonzero(fit.table.event))
    named = {name: column for name, column in columns.items() if column is not None}
    return {**named, "events": f"{events} of {fit.design.n_samples} rows"}


def _settings_in_words(fit: Fit, settings: dict[str, Any]) -> dict[str, str]:
    request, alphas = fit.request, fit.path.alphas
    said = {"alphas": f"{len(alphas)}, {alphas[0]:.6g} to {alphas[-1]:.6g}"}
    if len(alphas) == 1:
        said = {"alpha": repr(float(alphas[0]))}
    for name in [key for key in settings if key in request.settings or key in PENALTIES.values()]:
        value = settings[name]
        if name == "fit_intercept" and fit.path.loss.kind == "cox":  # it has none
            continue
        said[name] = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    for name in ("l1_weights", "l2_weights"):
        if name in settings:
            said[name] = f"{request.penalty_weights}: {len(settings[name])} other than 1"
    if (folds := request.folds) is not None:
        dealt = "in the order of the rows" if folds.seed is None else f"shuffled, seed {folds.seed}"
        said["folds"] = f"{folds.n_folds}, {dealt}"
        said["rule"] = folds.rule
    if len(alphas) > 1:
        said["chosen"] = f"index {fit.k} of the path, {request.choice}"
    said["threads"] = str(fit.design.n_threads)
    return said
