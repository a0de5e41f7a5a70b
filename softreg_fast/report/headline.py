"""The model in a sentence and in a few numbers."""

from __future__ import annotations

import math
from typing import NamedTuple

from softreg_fast.display.cv_path_display import SQUARES, in_words
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.report.certificate import verdict
from softreg_fast.report.contents import Report
from softreg_fast.report.markup import escape
from softreg_fast.report.measures import EXPLAINED, OFF_BY, measures_of, shown
from softreg_fast.report.numbers import give_or_take, number, percent

# Measures of classes and survival times that most people know, the first of them.
KNOWN = ("AUC", "concordance", "accuracy")


class Tile(NamedTuple):
    """A number of the headline.

    name, value : str
    more : str, in small type below
    kind : str, class of the value
    """

    name: str
    value: str
    more: str = ""
    kind: str = ""


def error_at(search: CVPath, k: int) -> tuple[float, float]:
    """Return the mean of the measure over the folds at an alpha, and its standard error."""
    ratio, (_, sign) = search.best_ratio, search.shown
    return sign * float(search.mean_errors[ratio, k]), float(search.standard_errors[ratio, k])


def root_of(error: float, spread: float) -> tuple[float, float]:
    """Return the root of a mean of squares, and its standard error to the first order."""
    root = math.sqrt(max(error, 0.0))
    return root, spread / (2.0 * root) if root else 0.0


def origin_of(report: Report) -> str:
    """Say where the data are from, how many rows they have, and the date."""
    rows = []
    if report.n_rows is not None:
        dropped = f", {report.n_dropped} dropped" if report.n_dropped else ""
        rows = [f"{report.n_rows} rows used{dropped}"]
    parts = [report.source, *rows, f"{report.n_features} features", f"made on {report.made}"]
    return f'<p class="origin">{escape(" · ".join(parts))}</p>\n'


def sentence_of(report: Report) -> str:
    """Describe the model, its errors and its choice."""
    model, search = report.model, report.search
    words = (
        f"This {report.kind} with alpha = {model.alpha:.6g} predicts {report.target} from "
        f"{model.df} of the {report.n_features} features of {report.source}."
    )
    fitted = (
        f"It explains {percent(model.dev_ratio)} of the {report.explained} in the data that it "
        "was fitted to."
    )
    if search is None:
        return f"{words} {fitted}"
    return f"{words} {_left_out(report, search)} {fitted} {_choice(report, search)}"


def _left_out(report: Report, search: CVPath) -> str:
    if not report.n_folds:
        return ""
    where = f"On rows left out, by {report.n_folds}-fold cross-validation,"
    found, explained = _headline(report), _explained(report)
    says = [] if explained is None else [f"explains {percent(explained)} of the {report.explained}"]
    if explained is not None and explained < 0.0:
        says = [f"explains nothing of the {report.explained} ({percent(explained)})"]
    if report.is_squared and OFF_BY in found:
        said = f"its {OFF_BY} is {number(found[OFF_BY], 4)}"
    else:
        said = f"its {in_words(search.shown[0])} is {give_or_take(*error_at(search, report.k))}"
    return f"{where} {', and '.join([f'it {each}' for each in says] + [said])}."


def _explained(report: Report) -> float | None:
    # the share of variance or deviance that is explained on rows left out: of the deviance compared
    # with that of the first model, if it has no features
    if report.is_squared:
        return _headline(report).get(EXPLAINED)
    search = report.search
    if search is None or search.measure != report.model.loss.measure or report.path.df[0]:
        return None
    without = error_at(search, 0)[0]
    return 1.0 - error_at(search, report.k)[0] / without if without > 0.0 else None


def _choice(report: Report, search: CVPath) -> str:
    measure, best = in_words(search.shown[0]), "smallest" if search.shown[1] > 0.0 else "largest"
    if not report.n_folds:
        return f"No other alpha of the path had a {best[:-2]}r {measure}."
    why = {
        "min": f"no other alpha of the path had a {best[:-2]}r {measure} on the rows left out",
        "1se": f"it is the largest alpha whose {measure} there is within one standard error of the "
        f"{best}",
    }
    return f"This alpha was chosen because {why[search.rule]}."


def _headline(report: Report) -> dict[str, float]:
    if report.outcomes is None or not report.outcomes.left_out:
        return {}
    return measures_of(report.outcomes)


def figures_of(report: Report) -> str:
    """Return the tiles of numbers."""
    model = report.model
    tiles = [Tile("features", f"{model.df} of {report.n_features}", "with a coefficient")]
    tiles += _tiles_of_rows_left_out(report)
    name = f"{report.explained} explained"
    if all(tile.name != name for tile in tiles):
        tiles.append(Tile(name, percent(model.dev_ratio), "in the rows fitted to"))
    by = f"rule {report.search.rule}" if report.search is not None and report.n_folds else ""
    tiles.append(Tile("alpha", number(model.alpha, 4), by))
    words, figure, kind = verdict(model)
    tiles.append(Tile("optimisation", words, figure, kind))
    return f'<dl class="figures">\n{"".join(map(_formatted, tiles))}</dl>\n'


def _tiles_of_rows_left_out(report: Report) -> list[Tile]:
    search, found = report.search, _headline(report)
    if search is None or not report.n_folds:
        return []
    where, tiles = "on rows left out", []
    if (explained := _explained(report)) is not None:
        fitted = percent(report.model.dev_ratio)
        more = f"{where}; {fitted} in the rows fitted to"
        tiles.append(Tile(f"{report.explained} explained", percent(explained), more))
    measure, (error, spread) = search.shown[0], error_at(search, report.k)
    if report.is_squared and OFF_BY in found:
        off = f", ± {number(root_of(error, spread)[1], 2)}" if measure == SQUARES else ""
        tiles.append(Tile(OFF_BY, number(found[OFF_BY], 4), where + off))
    if not tiles or measure != report.model.loss.measure:
        tiles.append(Tile(in_words(measure), give_or_take(error, spread), where))
    known = [name for name in KNOWN if name in found]
    tiles += [Tile(name, shown(name, found[name]), where) for name in known[:1]]
    return list({tile.name: tile for tile in reversed(tiles)}.values())[::-1]


def _formatted(tile: Tile) -> str:
    kind = f' class="{tile.kind}"' if tile.kind else ""
    more = f'<dd class="more">{escape(tile.more)}</dd>' if tile.more else ""
    return f"<div><dt>{escape(tile.name)}</dt><dd{kind}>{escape(tile.value)}</dd>{more}</div>\n"
