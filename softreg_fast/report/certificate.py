"""The certificate of the optimisation: in words, with the figures below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from softreg_fast.paths.result import Path, Solution
from softreg_fast.report.contents import Report
from softreg_fast.report.markup import escape, facts_table, folded
from softreg_fast.report.numbers import number
from softreg_fast.solvers.protocol import Status

ROUNDING = 1e-15  # a gap below this share of P0 is dominated by rounding and proves no more

EXACT = 1e-12  # a gap up to this share of P0 is one of rounding

HOW_IT_ENDED = {
    Status.CONVERGED: "converged",
    Status.MAX_ITER: "not converged: the epochs allowed were used up before the gap was small",
    Status.STALLED: "not converged: float64 allows no further progress",
    Status.NO_ROOM: "not converged: no room for more Gram columns",
    Status.PRECISION: "as exact as float64 allows, which cannot prove more",
}


def verdict(model: Solution) -> tuple[str, str, str]:
    """Return how the fit ended in a few words, its figure, and "good" or "bad"."""
    figure = f"{model.certificate.removeprefix('duality ')} {proven(model):.1e} {model.gap_unit}"
    if model.status == Status.PRECISION:
        return "as exact as float64 allows", figure, "good"
    if model.status != Status.CONVERGED:
        return "not converged", figure, "bad"
    if not model.is_convex:
        return "converged to a stationary point", figure, "good"
    exact = ", exact to rounding" if model.relative_gap <= EXACT else ""
    return f"converged{exact}", figure, "good"


def proven(model: Solution) -> float:
    """Return the relative gap, or rounding if that is larger."""
    return max(model.relative_gap, ROUNDING)


def certificate(report: Report) -> Iterator[str]:
    """Yield the pieces of the section."""
    model = report.model
    words, _, kind = verdict(model)
    yield f'<h2>Certificate</h2>\n<p><strong class="{kind}">{escape(_capital(words))}.</strong> '
    if model.is_convex:
        yield (
            f"The objective of this model is within {proven(model):.1e} P0 of its minimum; P0 "
            "is the loss without features. That is proven, not estimated: no other coefficients "
            "make the objective smaller by more. The proof is the duality gap, computed afresh at "
            "the end of the fit. It says that the optimisation is exact, not that the model is "
            "right.</p>\n"
        )
    else:
        yield (
            f"The objective is not convex. The {model.certificate} is {proven(model):.1e} "
            f"{model.gap_unit}; P0 is the loss without features. No small change of the "
            "coefficients makes the objective smaller by more, but other minima may be lower.</p>\n"
        )
    facts = {
        model.certificate: f"{model.gap:.3e}",
        "gap asked for": f"{model.tol:.3e}",
        "P0": number(model.null_loss, 6),
        f"gap / {model.gap_unit}": f"{model.relative_gap:.1e}",
        "end of the fit": HOW_IT_ENDED[model.status],
    }
    if len(report.path) > 1:
        facts["largest on the path"] = _worst([report.path])
    if report.n_folds and report.search is not None:
        facts["largest on the folds"] = _worst(report.search.fold_paths)
    yield folded("The figures", facts_table(facts))


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _worst(paths: Iterable[Path]) -> str:
    gaps = np.concatenate([path.relative_gaps for path in paths])
    return f"{gaps.max():.1e}, {len(gaps)} fits"
