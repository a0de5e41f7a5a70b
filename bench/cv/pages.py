"""Tables of the cross-validation results, and plots of gap against time."""

import numpy as np

from bench import report
from bench.cv.own import N_RATIOS
from bench.cv.peers import RIVALS
from bench.page import write_part
from bench.peers.contest import NO_CONTEST
from bench.peers.pages import draw
from bench.peers.problem import SEED

ORDER = ["ours", *RIVALS]

# Our targets for the best rival's time divided by ours (must, aim), for the better of
# scikit-learn's (must, aim), and for the gap of all our paths (maximum).
BEST = 2.0, 5.0
SKLEARN = 10.0, 30.0
MOST = 1e-6

INTRODUCTION = """\
## Cross-validation

The Lasso's alpha chosen among 100, from alpha_max to alpha_max/100, by the mean squared error on
five folds; then the model on all samples.

- **The same question.** Everybody gets the same alphas and folds: those of scikit-learn's
  `KFold(5, shuffle=True, random_state={seed})`, which are also the ones that *adelie* draws with
  that seed. The intercept is on, standardisation and early exits are off.
- **Everybody's own tolerance.** Other packages run with their default tolerance; we go on to
  rounding level. The gap, relative to the objective of the intercept alone, says what a default is
  worth: ours is the worst on the paths of all samples and of all folds and must be at most
  {most:g}, the others' is that of the model that they chose. `bench/peers/judge.py` computes it,
  the same for everybody.
- **Fair settings.** As for the paths above: a process for every package in an environment where it
  works, X in the layout it likes best, as many threads as we. *sklearn_jobs* and *glmnet_jobs* are
  scikit-learn and python-glmnet with `n_jobs` set to the number of threads, *sklearn* and *glmnet*
  with one job, *rglmnet* is R's `cv.glmnet`, *adelie* its `cv_grpnet` and the fit that it leaves to
  be done. `bench/peers/adaptors/cv/` shows every call.
- **Ratio.** We and the other package are timed in turn; times and ratios are medians. A package
  that is {no_contest:g} times slower is timed once. *over N s*: it was not waited for any longer.
- **Must and aim** are what we set ourselves: for the best other package's time divided by ours
  {best}, for scikit-learn's better one {sklearn}. A miss stays in the table.

Repeat it with

    make bench-cv
    make bench-cv ARGS="--only 'factors|golub' --packages sklearn,adelie"
    make bench-cv ARGS="--parts own"                  # only in units of our own work

What is measured goes to `build/cv`, and is kept there from one run to the next.
"""

UNITS = f"""\
With two threads, where nothing else is said. {N_RATIOS} l1_ratios are spread from 0.1 to 1, each
with 100 alphas of its own. Memory is the growth of a process's largest resident set, all results
included.
"""


def show(rows, figures):
    """Print all tables."""
    for title, lines in tables(rows, figures):
        print(f"\n{title}\n")
        print("\n".join(lines))


def write(path, rows, figures):
    """Write this part of the page and its picture; rows and figures are records."""
    levels = (f"{must:g} and {aim:g}" for must, aim in (BEST, SKLEARN))
    words = dict(zip(("best", "sklearn"), levels, strict=True))
    start = INTRODUCTION.format(seed=SEED, most=MOST, no_contest=NO_CONTEST, **words)
    lines = [start, *report.machine(rows.about), ""]
    for title, table_ in tables(rows, figures):
        lines += [f"### {title}", "", *table_, ""]
    picture = path.parent / "images" / "cv.png"
    if draw(picture, rows.curves, ORDER, [MOST]):
        lines += [
            "### Time and gap: cross-validation",
            "",
            "One point for each package: its time, and its gap. The dashed line is our target.",
            "",
            f"![Gap against time]({picture.relative_to(path.parent)})",
        ]
    write_part(path, "cv", "\n".join(lines))


def tables(rows, figures):
    """Return (title, lines of Markdown) for all measurements."""
    for n_threads in sorted({row.n_threads for row in rows.rows.values()}, reverse=True):
        problems = {}
        for row in rows.rows.values():
            if row.n_threads == n_threads:
                problems.setdefault(row.problem, {})[row.package] = row
        end = f"{n_threads} thread(s)"
        yield f"Five folds and the final fit: time in multiples of ours, {end}", times(problems)
        yield f"Gap of the model chosen, {end}", inside(problems, "gap")
        title = f"Mean errors: largest relative difference from ours, {end}"
        yield title, inside(problems, "difference")
    if figures.rows:
        yield "Cross-validation in units of our own work", [UNITS, *units(figures.rows.values())]


def times(problems):
    """Return lines: our time and gap, the others' times as multiples of ours, both verdicts."""
    names = packages(problems)
    heads = ["problem", "ours", "our gap", *names, "best / ours", "scikit-learn / ours"]
    lines = []
    for problem, found in problems.items():
        ours, compared = found["ours"], [row for row in found.values() if row.ratio is not None]
        time = report.seconds(float(np.median([row.ours for row in compared]))) if compared else "-"
        cells = [problem, ours.note or time, gap_text(ours.gap)]
        cells += [multiple(found.get(name)) for name in names]
        exact = ours.gap is not None and ours.gap <= MOST
        rivals = [row for row in found.values() if row is not ours]
        sklearn = [row for row in rivals if row.package.startswith("sklearn")]
        lines.append([*cells, best_of(rivals, BEST, exact), best_of(sklearn, SKLEARN, exact)])
    return table(heads, lines)


def inside(problems, field):
    """Return lines with one field of all rivals."""
    names = packages(problems)
    lines = []
    for problem, found in problems.items():
        values = (getattr(found.get(name), field, None) for name in names)
        lines.append([problem, *map(gap_text, values)])
    return table(["problem", *names], lines)


def units(figures):
    """Return lines with one Figure each."""
    heads = ["quotient", "problem", "value", "of", "must", "aim", "verdict"]
    lines = []
    for figure in sorted(figures, key=lambda figure: figure.name):
        ends = ["", "", ""]
        if figure.must is not None:
            verdict = judged(figure.must / figure.value, 1.0, figure.must / figure.aim)
            ends = [f"{figure.must:g}", f"{figure.aim:g}", verdict]
        value = report.shortened(figure.value)
        lines.append([figure.name, figure.problem, value, figure.text, *ends])
    return table(heads, lines)


def packages(problems):
    """Return the rivals that occur in any problem, in order."""
    return [name for name in RIVALS if any(name in found for found in problems.values())]


def multiple(row):
    """Return a rival's time as a multiple of ours."""
    if row is None:
        return ""
    return row.note or "-" if row.ratio is None else report.shortened(row.ratio)


def best_of(rows, levels, exact):
    """Return the smallest ratio and its verdict; a lower bound if that package was given up."""
    ratios = [(row.ratio or row.least, row.ratio is None) for row in rows if row.ratio or row.least]
    if not ratios:
        return "-"
    best, given_up = min(ratios)
    verdict = judged(best, *levels) if exact else "missed: our gap"
    if given_up and verdict == "missed":
        verdict = "not known"
    return f"{'over ' if given_up else ''}{report.shortened(best)}, {verdict}"


def judged(value, must, aim):
    """Return the verdict on a value of which larger is better."""
    return "aim met" if value >= aim else "met" if value >= must else "missed"


def gap_text(value):
    """Format a gap with one digit, as in all tables."""
    return "-" if value is None else f"{max(value, 0.0):.0e}"


def table(heads, lines):
    """Return a table as lines of Markdown."""
    start = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    return start + ["| " + " | ".join(cells) + " |" for cells in lines]
