"""Baseline hazards of survival models: as parts of model files, and predictions from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.cli.models import Model, Strata
from softreg_fast.cli.tables.roles import Table
from softreg_fast.data.baseline import Baseline
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import listed
from softreg_fast.paths.result import Path
from softreg_fast.paths.survival import survival_of


def steps_of(fits: Path, column: str | None) -> Strata | None:
    """Return the baseline hazards of all models of a path; None if it has no survival times.

    Only times at which a hazard rises are kept.

    Parameters
    ----------
    fits : Path
        As it was fitted, with its samples.
    column : str or None
        Name of the column of the strata.
    """
    if fits.baselines is None:
        return None
    found: list[Baseline] = [fits.baselines.of(fits[k].coef) for k in range(len(fits))]
    first = found[0]
    kept = [np.diff(each, prepend=0.0) > 0.0 for each in first.cumulative]
    return Strata(
        column,
        None if first.labels is None else [str(label) for label in first.labels.tolist()],
        [times[part] for times, part in zip(first.times, kept, strict=True)],
        [each.center for each in found],
        [[steps[part] for steps, part in zip(b.cumulative, kept, strict=True)] for b in found],
    )


def survival_rows(
    model: Model, table: Table, alpha: float | None, times: Sequence[float] | None
) -> Iterator[Sequence[object]]:
    """Yield the header, then for each row of a table the probabilities of no event up to each time.

    Parameters
    ----------
    model : Model
    table : Table
    alpha : float or None
        One of the model's; None: it has one.
    times : sequence of float or None
        None: all at which a hazard rises.

    Raises
    ------
    InputError
        For a model of something else, an alpha that it does not hold, and unknown strata.
    """
    parts, fits = model.strata, model.path
    if parts is None:
        raise InputError(
            f"--kind survival is for --loss cox, and this model has the loss {model.loss}"
            if not model.loss.startswith("cox")
            else "the model file has no baseline hazards; fit it again"
        )
    k = _position(fits, alpha)
    baseline = Baseline(parts.times, parts.cumulative[k], None, parts.centers[k])
    asked = baseline.all_times if times is None else np.array(times)
    eta = fits[k].predict(table.X, offset=table.offset, kind="link")
    found = np.empty((len(eta), len(asked)))
    of_sample = _strata_of(parts, table, len(eta))
    for stratum in np.unique(of_sample):
        rows = of_sample == stratum
        found[rows] = survival_of(baseline.hazards(eta[rows], int(stratum), asked))
    yield [f"time={each!r}" for each in asked.tolist()]
    yield from found.tolist()


def _position(fits: Path, alpha: float | None) -> int:
    if alpha is None and len(fits) > 1:
        raise InputError(
            f"--kind survival is for one model, and the file holds {len(fits)}; give --alpha, such "
            f"as {float(fits.alphas[-1])!r}"
        )
    k = 0 if alpha is None else int(np.argmin(np.abs(fits.alphas - alpha)))
    if alpha is not None and fits.alphas[k] != alpha:
        raise InputError(
            f"--kind survival: the file has baseline hazards for its own alphas only; the one next "
            f"to {alpha!r} is {float(fits.alphas[k])!r}"
        )
    return k


def _strata_of(parts: Strata, table: Table, n: int) -> NDArray[np.intp]:
    if parts.labels is None:
        return np.zeros(n, np.intp)
    given: Any = table.strata
    places = {label: k for k, label in enumerate(parts.labels)}
    unknown = [label for label in given.tolist() if label not in places]
    if unknown:
        raise InputError(
            f"the stratum {unknown[0]!r} has no baseline hazard, for it was none of the fit; those "
            f"are {listed(parts.labels)}"
        )
    return np.array([places[label] for label in given.tolist()], np.intp)
