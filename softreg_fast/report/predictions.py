"""The section of a page that compares predictions with what came true."""

from __future__ import annotations

from collections.abc import Iterator

from softreg_fast.display.links import has_log_link
from softreg_fast.display.outcomes import Outcomes
from softreg_fast.report.markup import escape, facts_table, figures, table
from softreg_fast.report.measures import measures_of, shown
from softreg_fast.report.numbers import number, percent
from softreg_fast.report.pictures import outcome_picture

MOST_CLASSES = 4  # with a table of right and wrong instead of a picture


def came_true(outcomes: Outcomes) -> Iterator[str]:
    """Yield the pieces of the section; nothing if a class is missing."""
    if not outcomes.plots:
        return
    whose = "rows left out" if outcomes.left_out else "the rows it was fitted to"
    yield f"<h2>Predictions of {whose}</h2>\n"
    if not outcomes.left_out:
        yield f"<p>{_ABOUT_FITTED}</p>\n"
    names, more = list(outcomes.plots), ""
    if outcomes.classes is None:
        tabled = "observed" in names and has_log_link(outcomes.loss)
        more = _tenths(outcomes) if tabled else ""
    elif len(outcomes.classes) <= MOST_CLASSES:
        names.remove("confusion")
        more = _right_and_wrong(outcomes, outcomes.classes)
    measured = measures_of(outcomes)
    said = facts_table({name: shown(name, value) for name, value in measured.items()})
    pictures = [(outcome_picture(name, outcomes), _caption(name, outcomes)) for name in names]
    yield figures(pictures, f"<div>\n{said}{more}</div>\n")


def _caption(name: str, outcomes: Outcomes) -> str:
    if name == "residuals" and outcomes.loss.quadratic:
        return (
            "Residuals: observed minus predicted. The line joins their means in tenths of the rows."
        )
    return CAPTIONS[name]


def _right_and_wrong(outcomes: Outcomes, classes: tuple[str, ...]) -> str:
    counts = outcomes.confusion()
    rows = [
        [name, *(number(count) for count in row), f"{100 * row[k] / row.sum():.1f}"]
        for k, (name, row) in enumerate(zip(classes, counts, strict=True))
    ]
    said = "The rows of each class, and what they were taken for, the more probable class:"
    if len(classes) == 2:
        said = f"Coefficients > 0 speak for {classes[1]}. {said}"
    right = percent(counts.trace() / counts.sum())
    most = percent(counts.sum(axis=1).max() / counts.sum())
    return (
        f"<p>{escape(said)}</p>\n"
        + table(["class", *(f"taken for {name}" for name in classes), "% right"], rows)
        + f"<p>In all {right} are right; always saying the commonest class is right in {most}."
        "</p>\n"
    )


def _tenths(outcomes: Outcomes) -> str:
    found = outcomes.tenths()
    columns = found.weight, found.predicted, found.observed, found.error
    rows = [[str(k), *map(number, row)] for k, row in enumerate(zip(*columns, strict=True), 1)]
    return table(["tenth", "weight", "predicted", "observed", "standard error"], rows)


_ABOUT_FITTED = (
    "A model predicts the rows that it was fitted to better than others; with --cv K this section "
    "is about rows that models have not seen."
)

_TENTHS = "Rows in tenths by their prediction, with 95&nbsp;% intervals"

CAPTIONS = {
    "roc": "ROC curve: the share of a class that is found, against the share of other rows that "
    "are taken for it, for every threshold of the prediction. The broken line is chance.",
    "precision_recall": "Precision and recall: of the rows taken for a class, how many are of it, "
    "against the share of it that is found. The broken line is chance: the share of the class.",
    "calibration": f"Calibration. {_TENTHS}: how probable a class was said to be, and how often it "
    "came true. On the broken line both are the same.",
    "confusion": "The rows of each class, and the class they were taken for.",
    "observed": f"Observed against predicted. {_TENTHS} of the mean that was observed; points are "
    "rows. On the broken line both are the same.",
    "residuals": "Residuals: the root of each row's deviance, above 0 where more was observed than "
    "predicted. The line joins their means in tenths of the rows.",
    "rootogram": "Rootogram: roots of how often each count was observed, hanging from what the "
    "model expects. Bars that end above 0 are counts observed too seldom, below 0 too often.",
    "coverage": f"Coverage. {_TENTHS}: the share of rows up to the predicted quantile, which "
    "should be on the broken line.",
    "survival": "Survival in thirds of the rows by their predicted risk (Kaplan-Meier), with "
    "95&nbsp;% intervals and the numbers at risk.",
}
