"""A fit as one self-contained HTML page: the model, its certificate, and how to reproduce it.

The same fit gives the same page, byte for byte.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softreg_fast.display.cv_path_display import in_words
from softreg_fast.display.outcomes import Outcomes
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.paths.result import Path, Solution
from softreg_fast.report.markup import escape, facts_table, figures, table
from softreg_fast.report.meaning import meaning_of
from softreg_fast.report.pictures import errors_picture, path_picture
from softreg_fast.report.predictions import came_true
from softreg_fast.report.style import HEAD, STYLE
from softreg_fast.report.summary import largest_first
from softreg_fast.solvers.protocol import Status
from softreg_fast.system.config import config

Vector = NDArray[np.float64]

MOST_ROWS = 100  # of the table of coefficients
MOST_COLUMNS = 6  # of it, for classes
MOST_PATHS = 12  # pictures, one for each class

ROUNDING = 1e-15  # a gap below this share of P0 is dominated by rounding and proves no more

HOW_IT_ENDED = {
    Status.CONVERGED: "converged",
    Status.MAX_ITER: "not converged: the epochs allowed were used up before the gap was small",
    Status.STALLED: "not converged: float64 allows no further progress",
    Status.NO_ROOM: "not converged: no room for more Gram columns",
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
    loss : str
        Name of the loss, "squared" for squared error.
    outcomes : Outcomes or None
        Targets and predictions, to be compared.
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
    loss: str = "squared"
    outcomes: Outcomes | None = None

    @property
    def model(self) -> Solution:
        """The reported model."""
        return self.path[self.k]

    @property
    def kind(self) -> str:
        """Name of this kind of model."""
        name = "Elastic net"
        if self.l1_ratio in (0.0, 1.0):
            name = "Lasso" if self.l1_ratio else "Ridge"
        if self.path.penalty_kind != "elastic_net":
            name = self.path.bent
        if self.is_squared:
            return name
        words = self.loss.replace("_", " ").replace(":", " ")
        return f"{words[:1].upper()}{words[1:]} {name.replace('E', 'e')}"

    @property
    def n_features(self) -> int:
        """Number of features."""
        return int(self.path.coefs.shape[0])

    @property
    def outputs(self) -> list[str]:
        """Names of the classes with coefficients of their own; one of "" if there is one set."""
        n_outputs = np.atleast_2d(self.model.coef).shape[0]
        if n_outputs == 1:
            return [""]
        classes = self.outcomes.classes if self.outcomes is not None else None
        return [str(k) for k in range(n_outputs)] if classes is None else [*classes]

    @property
    def is_squared(self) -> bool:
        """Return whether the loss is squared error."""
        return self.loss == "squared"

    @property
    def explained(self) -> str:
        """Name of the quantity of which the model explains a part."""
        return "variance" if self.is_squared else "deviance"


def page(report: Report) -> Iterator[str]:
    """Yield the pieces of the page."""
    for piece in _pieces(report):  # file names may not be valid UTF-8
        yield piece.encode("utf-8", "backslashreplace").decode()


def _pieces(report: Report) -> Iterator[str]:
    title = f"{report.kind} for {report.target}"
    yield HEAD.format(title=escape(title), style=STYLE)
    yield f"<h1>{escape(title)}</h1>\n<p>{escape(_in_words(report))}</p>\n"
    yield _figures(report)
    yield from _choice(report)
    if report.outcomes is not None:
        yield from came_true(report.outcomes)
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
    words = (
        f"This {report.kind} with alpha = {model.alpha:.6g} predicts {report.target} from "
        f"{model.df} of the {report.n_features} features of {report.source}. It explains "
        f"{100 * model.dev_ratio:.1f} % of the {report.explained} in the data that it was fitted "
        "to."
    )
    if search is None:
        return words
    n_folds, measure = search.errors.shape[-1], in_words(search.shown[0])
    (error, spread), sign = _error_at(search, report.k), search.shown[1]
    best = "smallest" if sign > 0.0 else "largest"
    why = {
        "min": f"no other alpha of the path had a {best[:-2]}r one there",
        "1se": f"it is the largest alpha whose {measure} there is within one standard error of the "
        f"{best}",
    }
    plain = ""
    if search.measure == model.loss.measure and not report.path.df[0]:
        plain = f"; with the first alpha, without features, it is {_error_at(search, 0)[0]:.4g}"
    return words + (
        f" On rows left out, by {n_folds}-fold cross-validation, its {measure} is "
        f"{_give_or_take(error, spread)}{plain}. This alpha was chosen because {why[search.rule]}."
    )


def _error_at(search: CVPath, k: int) -> tuple[float, float]:
    ratio, (_, sign) = search.best_ratio, search.shown
    return sign * float(search.mean_errors[ratio, k]), float(search.standard_errors[ratio, k])


def _give_or_take(value: float, spread: float) -> str:
    # the value to the precision of its standard error, which is shown with three digits
    if not spread or not 1e-4 <= abs(value) < 1e7:
        return f"{value:.4g} ± {spread:.3g}"
    decimals = max(2 - math.floor(math.log10(spread)), 0)
    return f"{value:.{decimals}f} ± {spread:.{decimals}f}"


def _figures(report: Report) -> str:
    model = report.model
    told = [
        ("alpha", f"{model.alpha:.6g}"),
        ("features", f"{model.df} of {report.n_features}"),
        (f"{report.explained} explained", f"{100 * model.dev_ratio:.1f} %"),
    ]
    if report.search is not None:
        error, spread = _error_at(report.search, report.k)
        name = "error" if report.is_squared else in_words(report.search.shown[0])
        told.append((f"{name} on rows left out", _give_or_take(error, spread)))
    told.append(("proven within", f"{_proven(model):.1e} P0"))
    tiles = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>\n" for name, value in told
    )
    return f'<dl class="figures">\n{tiles}</dl>\n'


# ---------------------------------------------------------------------------------------------
# Sections.


def _choice(report: Report) -> Iterator[str]:
    pictures = []
    if report.search is not None:
        pictures.append((errors_picture(report.search), _ABOUT_ERRORS))
    if len(report.path) > 1:
        given = report.path, report.k, report.label, report.deviation
        for output, name in enumerate(report.outputs[:MOST_PATHS]):
            about = f"{escape(name)}. {_ABOUT_PATH}" if name else _ABOUT_PATH
            pictures.append((path_picture(*given, output), about))
    if pictures:
        yield f"<h2>{'The choice of alpha' if report.search else 'The path'}</h2>\n"
        yield figures(pictures)
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
    return table(["rule", "alpha", in_words(search.shown[0]), "standard error", "features"], rows)


def _coefficients(report: Report) -> Iterator[str]:
    model = report.model
    classes = report.outcomes.classes if report.outcomes is not None else None
    changed, factor = meaning_of(model.loss, classes)
    effect = np.atleast_2d(model.coef * report.deviation)  # (n_outputs, n_features)
    order = largest_first(model.coef, effect)
    yield "<h2>Coefficients</h2>\n"
    yield (
        f"<p>Largest effect first: the change of {escape(changed)} when the feature grows by one "
        "standard deviation. Coefficients alone depend on the units of the columns.</p>\n"
    )
    if len(effect) == 1:
        yield _table_of_one(report, effect[0], order[:MOST_ROWS], factor)
    else:
        yield _table_of_classes(report, effect, order[:MOST_ROWS])
    if len(order) > MOST_ROWS:
        yield (
            f"<p>And {len(order) - MOST_ROWS} more; fit --coefficients OUT.csv writes all of "
            "them.</p>\n"
        )


def _table_of_one(report: Report, effect: Vector, order: NDArray[np.intp], factor: str) -> str:
    model, rows = report.model, []
    longest = float(np.abs(effect).max(initial=0.0)) or 1.0
    for j in order.tolist():
        factors = [f"{np.exp(effect[j]):.4g}"] if factor else []
        numbers = [f"{model.coef[j]:.6g}", f"{effect[j]:.5g}", *factors]
        rows.append([report.label(j), *numbers, _bar(effect[j] / longest)])
    header = ["feature", "coefficient", "per st.dev.", *([factor] if factor else []), ""]
    if model.loss.kind != "cox":  # its baseline hazard has the place of an intercept
        rows.append(["(intercept)", f"{model.intercept:.6g}", *[""] * (len(header) - 2)])
    return table(header, rows, with_bars=True)


def _table_of_classes(report: Report, effect: Vector, order: NDArray[np.intp]) -> str:
    # a column for each class or, of many, the class with the largest effect
    intercepts = np.atleast_1d(report.model.intercept)
    if len(effect) <= MOST_COLUMNS:
        rows = [[report.label(j), *(f"{x:.5g}" for x in effect[:, j])] for j in order.tolist()]
        rows.append(["(intercept)", *(f"{x:.5g}" for x in intercepts)])
        return table(["per st.dev.", *report.outputs], rows)
    largest = np.abs(effect).argmax(axis=0)
    rows = [
        [report.label(j), report.outputs[largest[j]], f"{effect[largest[j], j]:.5g}"]
        for j in order.tolist()
    ]
    return table(["feature", "largest for", "per st.dev."], rows)


def _bar(share: float) -> str:
    side = "less" if share < 0.0 else "more"
    return f'<i class="{side}" style="width:{50 * abs(share):.1f}%"></i>'


def _certificate(report: Report) -> Iterator[str]:
    model = report.model
    yield "<h2>Certificate</h2>\n"
    if model.is_convex:
        yield (
            f"<p>The objective of this model is within {_proven(model):.1e} P0 of its minimum; P0 "
            "is the loss without features. That is proven, not estimated: no other coefficients "
            "make the objective smaller by more. The proof is the duality gap, computed afresh at "
            "the end of the fit. It says that the fit is exact, not that the model is right.</p>\n"
        )
    else:
        yield (
            f"<p>The objective is not convex. The {model.certificate} is {_proven(model):.1e} "
            f"{model.gap_unit}; P0 is the loss without features. No small change of the "
            "coefficients makes the objective smaller by more, but other minima may be lower.</p>\n"
        )
    facts = {
        model.certificate: f"{model.gap:.3e}",
        "gap asked for": f"{model.tol:.3e}",
        "P0": f"{model.null_loss:.6g}",
        f"gap / {model.gap_unit}": f"{model.relative_gap:.1e}",
        "end of the fit": HOW_IT_ENDED[model.status],
    }
    if len(report.path) > 1:
        facts["largest on the path"] = _worst([report.path])
    if report.search is not None:
        facts["largest on the folds"] = _worst(report.search.fold_paths)
    yield facts_table(facts)


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
        yield f"<section>\n<h3>{title}</h3>\n{facts_table(facts)}</section>\n"
    yield "</div>\n"


_ABOUT_ERRORS = (
    "What the folds compare on the rows left out, its mean with the standard error, for every "
    "alpha. Models become larger from left to right."
)

_ABOUT_PATH = (
    "Every line is a feature: its coefficient times its standard deviation, for every alpha. The "
    "broken line marks the model of this page; the largest there have their names."
)
