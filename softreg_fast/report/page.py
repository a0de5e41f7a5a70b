"""A fit as one self-contained HTML page: the model, its certificate, and how to reproduce it.

The same fit gives the same page, byte for byte.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.options.spelling import printable
from softreg_fast.paths.result import Path, Solution
from softreg_fast.report.pictures import errors_picture, path_picture
from softreg_fast.report.summary import largest_first
from softreg_fast.solvers.protocol import Status
from softreg_fast.system.config import config

Vector = NDArray[np.float64]

MOST_ROWS = 100  # of the table of coefficients

ROUNDING = 1e-15  # a gap below this share of P0 is dominated by rounding and proves no more

HOW_IT_ENDED = {
    Status.CONVERGED: "converged",
    Status.MAX_ITER: "not converged: the epochs allowed were used up before the gap was small",
    Status.STALLED: "not converged: float64 allows no further progress",
    Status.PRECISION: "as exact as float64 allows, which cannot prove more",
}


@dataclass(frozen=True)
class Report:
    """Contents of a report page.

    Attributes
    ----------
    path : Path
    k : int
        Index of the reported model on the path.
    search : CVPath or None
        Cross-validation that chose the model, if any.
    deviation : ndarray (n_features,)
        Standard deviations of the features.
    label : callable
        Function that returns the name of the j-th feature.
    l1_ratio : float
    source, target : str
        Origin of the data, and name of the predicted quantity.
    data, settings : mapping of str to str
        Facts to list.
    command : str
        Command that reproduces the page.
    """

    path: Path
    k: int
    search: CVPath | None
    deviation: Vector
    label: Callable[[int], str]
    l1_ratio: float
    source: str
    target: str
    data: Mapping[str, str]
    settings: Mapping[str, str]
    command: str

    @property
    def model(self) -> Solution:
        """The reported model."""
        return self.path[self.k]

    @property
    def kind(self) -> str:
        """Name of this kind of model."""
        if self.l1_ratio in (0.0, 1.0):
            return "Lasso" if self.l1_ratio else "Ridge"
        return "Elastic net"


def page(report: Report) -> Iterator[str]:
    """Yield the pieces of the page."""
    for piece in _pieces(report):  # file names may not be valid UTF-8
        yield piece.encode("utf-8", "backslashreplace").decode()


def _pieces(report: Report) -> Iterator[str]:
    title = f"{report.kind} for {report.target}"
    yield _HEAD.format(title=escape(title), style=_STYLE)
    yield f"<h1>{escape(title)}</h1>\n<p>{escape(_in_words(report))}</p>\n"
    yield _figures(report)
    yield from _choice(report)
    yield '<div class="pair">\n<section>\n'
    yield from _coefficients(report)
    yield "</section>\n<section>\n"
    yield from _certificate(report)
    yield "</section>\n</div>\n"
    yield from _origin(report)
    yield "</main>\n</body>\n</html>\n"


# ---------------------------------------------------------------------------------------------
# The model in a sentence and in a few numbers.


def _in_words(report: Report) -> str:
    model, search = report.model, report.search
    n_features = len(model.coef)
    words = (
        f"This {report.kind} with alpha = {model.alpha:.6g} predicts {report.target} from "
        f"{model.df} of the {n_features} features of {report.source}. It explains "
        f"{100 * model.dev_ratio:.1f} % of the variance in the data that it was fitted to."
    )
    if search is None:
        return words
    n_folds = search.errors.shape[-1]
    error, spread = _error_at(search, report.k)
    why = {
        "min": "no other alpha of the path had a smaller error there",
        "1se": "it is the largest alpha whose error there is within one standard error of the "
        "smallest",
    }
    return words + (
        f" On rows left out, by {n_folds}-fold cross-validation, its mean squared error is "
        f"{_give_or_take(error, spread)}; without features it is {2 * model.null_loss:.4g}. This "
        f"alpha was chosen because {why[search.rule]}."
    )


def _error_at(search: CVPath, k: int) -> tuple[float, float]:
    ratio = search.best_ratio
    return float(search.mean_errors[ratio, k]), float(search.standard_errors[ratio, k])


def _give_or_take(value: float, spread: float) -> str:
    # the value to the precision of its standard error, which is shown with three digits
    if not spread or not 1e-4 <= abs(value) < 1e7:
        return f"{value:.4g} ± {spread:.3g}"
    decimals = max(2 - math.floor(math.log10(spread)), 0)
    return f"{value:.{decimals}f} ± {spread:.{decimals}f}"


def _figures(report: Report) -> str:
    model = report.model
    figures = [
        ("alpha", f"{model.alpha:.6g}"),
        ("features", f"{model.df} of {len(model.coef)}"),
        ("variance explained", f"{100 * model.dev_ratio:.1f} %"),
    ]
    if report.search is not None:
        error, spread = _error_at(report.search, report.k)
        figures.append(("error on rows left out", _give_or_take(error, spread)))
    figures.append(("proven within", f"{_proven(model):.1e} P0"))
    tiles = "".join(
        f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>\n" for name, value in figures
    )
    return f'<dl class="figures">\n{tiles}</dl>\n'


# ---------------------------------------------------------------------------------------------
# Sections.


def _choice(report: Report) -> Iterator[str]:
    pictures = []
    if report.search is not None:
        pictures.append((errors_picture(report.search), _ABOUT_ERRORS))
    if len(report.path) > 1:
        drawn = path_picture(report.path, report.k, report.label, report.deviation)
        pictures.append((drawn, _ABOUT_PATH))
    if pictures:
        yield f"<h2>{'The choice of alpha' if report.search else 'The path'}</h2>\n"
        yield '<div class="pair">\n'
        for svg, caption in pictures:
            yield f"<figure>\n{svg}<figcaption>{caption}</figcaption>\n</figure>\n"
        yield "</div>\n"
    if report.search is not None:
        yield _rules(report.search)
        if report.search.note:
            yield f"<p>{escape(report.search.note)}</p>\n"


def _rules(search: CVPath) -> str:
    rows = []
    for rule, k in (("min", search.index_min), ("1se", search.index_1se)):
        error, spread = _error_at(search, k)
        rows.append(
            [
                f"{rule} (chosen)" if rule == search.rule else rule,
                f"{search.path.alphas[k]:.6g}",
                f"{error:.6g}",
                f"{spread:.4g}",
                f"{search.path.df[k]}",
            ]
        )
    return _table(["rule", "alpha", search.measure, "standard error", "features"], rows)


def _coefficients(report: Report) -> Iterator[str]:
    model = report.model
    effect = model.coef * report.deviation
    order = largest_first(model.coef, effect)
    longest = float(np.abs(effect[order]).max(initial=0.0)) or 1.0
    rows = [
        [
            report.label(j),
            f"{model.coef[j]:.6g}",
            f"{effect[j]:.5g}",
            _bar(effect[j] / longest),
        ]
        for j in order[:MOST_ROWS].tolist()
    ]
    rows.append(["(intercept)", f"{model.intercept:.6g}", "", ""])
    yield "<h2>Coefficients</h2>\n"
    yield (
        "<p>Largest effect first: the change of the prediction when the feature grows by one "
        "standard deviation. Coefficients alone depend on the units of the columns.</p>\n"
    )
    yield _table(["feature", "coefficient", "per st.dev.", ""], rows, with_bars=True)
    if len(order) > MOST_ROWS:
        yield (
            f"<p>And {len(order) - MOST_ROWS} more; fit --coefficients OUT.csv writes all of "
            "them.</p>\n"
        )


def _bar(share: float) -> str:
    side = "less" if share < 0.0 else "more"
    return f'<i class="{side}" style="width:{50 * abs(share):.1f}%"></i>'


def _certificate(report: Report) -> Iterator[str]:
    model = report.model
    yield "<h2>Certificate</h2>\n"
    if model.loss.convex:
        yield (
            f"<p>The objective of this model is within {_proven(model):.1e} P0 of its minimum; P0 "
            "is the loss without features. That is proven, not estimated: no other coefficients "
            "make the objective smaller by more. The proof is the duality gap, computed afresh at "
            "the end of the fit. It says that the fit is exact, not that the model is right.</p>\n"
        )
    else:
        yield (
            f"<p>This loss is not convex. The {model.certificate} is {_proven(model):.1e} P0, with "
            "P0 the loss without features: no small change of the coefficients makes the objective "
            "smaller by more, but other minima may be lower.</p>\n"
        )
    facts = {
        model.certificate: f"{model.gap:.3e}",
        "gap asked for": f"{model.tol:.3e}",
        "P0": f"{model.null_loss:.6g}",
        "gap / P0": f"{model.relative_gap:.1e}",
        "end of the fit": HOW_IT_ENDED[model.status],
    }
    if len(report.path) > 1:
        facts["largest on the path"] = _worst([report.path])
    if report.search is not None:
        facts["largest on the folds"] = _worst(report.search.fold_paths)
    yield _facts(facts)


def _proven(model: Solution) -> float:
    return max(model.relative_gap, ROUNDING)


def _worst(paths: Iterable[Path]) -> str:
    gaps = np.concatenate([path.relative_gaps for path in paths])
    return f"{gaps.max():.1e}, {len(gaps)} fits"


def _origin(report: Report) -> Iterator[str]:
    known = config()
    software = ("softreg_fast", "python", "numpy", "scipy", "scikit-learn")
    versions = {
        **{name: str(known[name]) for name in software},
        "platform": str(known["platform"]),
        "OpenMP": "yes" if known["openmp"] else "no",
        "vector level": str(known["vector level"]),
    }
    yield "<h2>To repeat it</h2>\n"
    yield f"<pre><code>{escape(report.command)}</code></pre>\n"
    yield '<div class="columns">\n'
    for title, facts in (
        ("Data", report.data),
        ("Settings", report.settings),
        ("Software", versions),
    ):
        yield f"<section>\n<h3>{title}</h3>\n{_facts(facts)}</section>\n"
    yield "</div>\n"


# ---------------------------------------------------------------------------------------------
# HTML.


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{escape(value)}</td></tr>\n"
        for name, value in facts.items()
    )
    return f'<table class="facts">\n{rows}</table>\n'


def _table(header: list[str], rows: Iterable[list[str]], with_bars: bool = False) -> str:
    """Format a table with names in the first column and optionally HTML bars in the last one."""
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in header)
    lines = [f"<tr>{_cells(row, with_bars)}</tr>\n" for row in rows]
    return (
        f'<table class="numbers">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{''.join(lines)}</tbody>\n</table>\n"
    )


def _cells(row: list[str], with_bars: bool) -> str:
    name, *numbers = row
    bar = f'<td class="bar">{numbers.pop()}</td>' if with_bars else ""
    cells = "".join(f"<td>{escape(number)}</td>" for number in numbers)
    return f"<th scope=row>{escape(name)}</th>{cells}{bar}"


def escape(text: str) -> str:
    """Return text escaped as HTML, so that a browser displays every character of it."""
    return html.escape(printable(text, keep=""))


_ABOUT_ERRORS = (
    "Error on the rows left out, its mean over the folds with the standard error, for every alpha. "
    "Models become larger from left to right."
)

_ABOUT_PATH = (
    "Every line is a feature: its coefficient times its standard deviation, for every alpha. The "
    "broken line marks the model of this page; the largest there have their names."
)

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
"""

_STYLE = """\
:root {
  --ink: #1c2128; --quiet: #59636e; --faint: #999999; --paper: #ffffff; --panel: #f3f5f7;
  --rule: #d5dae0;
  --line-1: #0b63b5; --line-2: #b8480a; --line-3: #0a7d4f; --line-4: #a0308f;
  --line-5: #6b5bd2; --line-6: #8a6500; --line-7: #007c89; --line-8: #b3203a;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ink: #e4e8ec; --quiet: #9da7b1; --faint: #7d8590; --paper: #14181d; --panel: #1f252c;
    --rule: #363d46;
    --line-1: #6cb6ff; --line-2: #ffa066; --line-3: #5fd6a0; --line-4: #ef8fe0;
    --line-5: #b3a8ff; --line-6: #e3c04f; --line-7: #56cfdd; --line-8: #ff8a96;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 { font-size: 1.25rem; margin: 2.25rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
p { max-width: 46rem; margin: .5rem 0 1rem; }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0 0; }
.figures div {
  background: var(--panel); border-radius: .5rem; padding: .6rem .9rem; flex: 1 1 9rem;
}
dt { color: var(--quiet); font-size: .875rem; }
dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.pair, .columns {
  display: grid; gap: 1rem 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, var(--least)), 1fr));
}
.pair { --least: 26rem; }
.columns { --least: 18rem; }
figure { margin: 0; break-inside: avoid; max-width: 42rem; }
figcaption { color: var(--quiet); font-size: .875rem; }
svg { display: block; width: 100%; height: auto; stroke-linejoin: round; stroke-linecap: butt; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0 1rem; }
th, td { padding: .25rem .75rem .25rem 0; text-align: right; border-bottom: 1px solid var(--rule); }
th { font-weight: 400; }
thead th { color: var(--quiet); font-size: .875rem; vertical-align: bottom; }
th:first-child { text-align: left; }
tr { break-inside: avoid; }
.numbers td, .numbers thead th { overflow-wrap: normal; }
.numbers th:first-child { min-width: 6.5rem; }
.bar { width: 12rem; min-width: 5rem; padding-right: 0; }
.bar i { display: block; height: .7rem; margin-left: 50%; background: var(--line-1); }
.bar i.less { margin-left: auto; margin-right: 50%; background: var(--line-2); }
.facts th, .facts td { text-align: left; vertical-align: top; }
.facts th { color: var(--quiet); white-space: nowrap; }
pre {
  background: var(--panel); border-radius: .5rem; padding: .75rem 1rem; margin: .5rem 0 1rem;
  white-space: pre-wrap;
}
code { font: .9rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
@media (max-width: 36rem) {
  .numbers { width: 100%; font-size: .875rem; }
  .numbers th, .numbers td { padding-right: .4rem; }
  .numbers th:first-child { min-width: 5.5rem; }
  .bar { width: 25%; min-width: 3rem; }
}
@media print {
  html { font-size: 80%; }
  main { max-width: none; padding: 0; }
  .pair { grid-template-columns: 1fr 1fr; }
  .figures div, .bar i { print-color-adjust: exact; }
}
"""
