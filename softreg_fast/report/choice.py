"""The section about the path and the choice of alpha on it."""

from __future__ import annotations

from collections.abc import Iterator

from softreg_fast.display.cv_path_display import SQUARES, choices_of, in_words
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.report.contents import Report
from softreg_fast.report.headline import error_at, root_of
from softreg_fast.report.markup import escape, figures, table
from softreg_fast.report.numbers import number
from softreg_fast.report.pictures import errors_picture, path_picture
from softreg_fast.report.svg import SHADE

MOST_PATHS = 12  # pictures, one for each class


def choice(report: Report) -> Iterator[str]:
    """Yield the pieces of the section; nothing if there is a single alpha."""
    pictures = []
    if report.search is not None:
        pictures.append((errors_picture(report.search), _ABOUT_ERRORS))
    if len(report.path) > 1:
        for output, name in enumerate(report.outputs[:MOST_PATHS]):
            about = f"{escape(name)}. {_ABOUT_PATH}" if name else _ABOUT_PATH
            picture = path_picture(report, output)
            about += _ABOUT_SHADE if f'class="{SHADE}"' in picture else ""
            pictures.append((picture, about))
    if pictures:
        yield f"<h2>{'The choice of alpha' if report.search else 'The path'}</h2>\n"
        yield figures(pictures)
    if report.search is not None:
        yield _rules(report.search)
        if report.n_folds and report.is_squared:
            yield _ABOUT_MEANS
        if report.search.note:
            yield f"<p>{escape(report.search.note)}</p>\n"


def _rules(search: CVPath) -> str:
    rows, measure = [], in_words(search.shown[0])
    roots = measure == SQUARES
    for rule, k in choices_of(search).items():
        error, spread = error_at(search, k)
        chosen = f"{rule} (chosen)" if rule == search.rule else rule
        of_path = f"{search.path.alphas[k]:.6g}", f"{search.path.df[k]}"
        if roots:
            error, spread = root_of(error, spread)
        rows.append([chosen, *of_path, number(error), number(spread, 3)])
    measure = f"root {measure}" if roots else measure
    return table(["rule", "alpha", "features", measure, "standard error"], rows)


_ABOUT_ERRORS = (
    "What the folds compare on the rows left out, its mean with a band of one standard error, for "
    "every alpha. Models become larger from left to right."
)

_ABOUT_MEANS = (
    '<p class="origin">Errors in this table and its plot are means over the folds; the figures '
    "above are of all rows together.</p>\n"
)

_ABOUT_SHADE = (
    " Smaller ones are a shade between their extremes, darker where 98&nbsp;% and 80&nbsp;% are."
)

_ABOUT_PATH = (
    "Every line is a feature: its coefficient times its standard deviation, for every alpha. The "
    "broken line marks the model of this page; the largest there have their names."
)
