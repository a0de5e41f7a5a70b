"""Tables of the cross-validation results, and plots of gap against time."""

import numpy as np

from bench.harness import tables
from bench.harness.machine import machine
from bench.harness.page import write_part
from bench.harness.plots import draw
from bench.harness.problem import SEED
from bench.harness.tables import gap_text, judged, multiple, seconds, shortened
from bench.harness.worker import NO_CONTEST

# Rivals, each the name of a package and its kind of problem.
RIVALS = {
    "sklearn": ("sklearn", "cv"),
    "sklearn_jobs": ("sklearn", "cv, jobs"),
    "glmnet": ("glmnet", "cv"),
    "glmnet_jobs": ("glmnet", "cv, jobs"),
    "adelie": ("adelie", "cv"),
    "rglmnet": ("rglmnet", "cv"),
}

ORDER = ["ours", *RIVALS]

N_RATIOS = 10

# Our targets for the best rival's time divided by ours (must, aim), for the better of
# scikit-learn's (must, aim), and for the gap of all our paths (maximum).
BEST = 2.0, 5.0
SKLEARN = 10.0, 30.0
MOST = 1e-6

INTRODUCTION = """\
## Cross-validation

The alpha of the Lasso is chosen among 100, from alpha_max to alpha_max/100, by the mean squared
error on five folds; then the model is fitted to all samples.

- **Equal problems.** All packages get the same alphas and folds: those of scikit-learn's
  `KFold(5, shuffle=True, random_state={seed})`, which are also the folds that *adelie* draws with
  that seed. The intercept is on; standardisation and early exits are off.
- **Default tolerances.** Other packages run with their default tolerance; our solver continues to
  rounding level. The gap, relative to the objective of the intercept alone, shows how accurate a
  default is: ours is the worst on the paths of all samples and of all folds and must be at most
  {most:g}; that of another package is the gap of the model that it chose. `bench/harness/judge.py`
  computes it, in the same way for every package.
- **Equal conditions.** As for the paths above: one process for each package, in an environment that
  it supports, with X in its preferred layout and the same number of threads. *sklearn_jobs* and
  *glmnet_jobs* are scikit-learn and python-glmnet with `n_jobs` set to the number of threads,
  *sklearn* and *glmnet* with one job; *rglmnet* is R's `cv.glmnet`, *adelie* its `cv_grpnet` and
  the fit to all samples, which it leaves to the user. `bench/adaptors/` contains every call.
- **Ratio.** Both packages are timed in turn; times and ratios are medians. A package that is more
  than {no_contest:g} times slower is timed once. *over N s*: the run was stopped after N seconds.
- **Must and aim** are our own targets: {best} for the time of the best other package divided by
  ours, {sklearn} for the better time of scikit-learn. Missed targets stay in the table.

Commands:

    make bench-cv
    make bench-cv ARGS="--only 'factors|golub' --packages sklearn,adelie"
    make bench-cv ARGS="--parts own"                  # only in units of our own operations

Results are stored in `build/cv` and kept there between runs.
"""

UNITS = f"""\
With two threads unless stated otherwise. The {N_RATIOS} l1_ratios are spread from 0.1 to 1, each
with its own 100 alphas. Memory is the growth of the largest resident set of a process, all results
included.
"""


def show(rows, quotients):
    """Print all tables."""
    tables.show_all(all_tables(rows, quotients))


def write(path, rows, quotients):
    """Write this part of the page and its picture; rows and quotients are records."""
    levels = (f"{must:g} and {aim:g}" for must, aim in (BEST, SKLEARN))
    words = dict(zip(("best", "sklearn"), levels, strict=True))
    start = INTRODUCTION.format(seed=SEED, most=MOST, no_contest=NO_CONTEST, **words)
    lines = [start, *machine(rows.about), ""]
    for title, table_ in all_tables(rows, quotients):
        lines += [f"### {title}", "", *table_, ""]
    picture = path.parent / "images" / "cv.png"
    if draw(picture, rows.curves, ORDER, [MOST]):
        lines += [
            "### Time and gap: cross-validation",
            "",
            "One point for each package: time and gap. The dashed line is our target.",
            "",
            f"![Gap against time]({picture.relative_to(path.parent)})",
        ]
    write_part(path, "cv", "\n".join(lines))


def all_tables(rows, quotients):
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
    if quotients.rows:
        title = "Cross-validation in units of our own operations"
        yield title, [UNITS, *units(quotients.rows.values())]


def times(problems):
    """Return lines: our time and gap, the others' times as multiples of ours, both verdicts."""
    names = packages(problems)
    heads = ["problem", "ours", "our gap", *names, "best / ours", "scikit-learn / ours"]
    lines = []
    for problem, found in problems.items():
        ours, compared = found["ours"], [row for row in found.values() if row.ratio is not None]
        times_ = [row.ours for row in compared]
        time = seconds(float(np.median(times_))) if compared else "-"
        cells = [problem, ours.note or time, gap_text(ours.gap)]
        cells += [multiple(found.get(name)) for name in names]
        exact = ours.gap is not None and ours.gap <= MOST
        rivals = [row for row in found.values() if row is not ours]
        sklearn = [row for row in rivals if row.package.startswith("sklearn")]
        lines.append([*cells, best_of(rivals, BEST, exact), best_of(sklearn, SKLEARN, exact)])
    return tables.markdown(heads, lines)


def inside(problems, field):
    """Return lines with one field of all rivals."""
    names = packages(problems)
    lines = []
    for problem, found in problems.items():
        values = (getattr(found.get(name), field, None) for name in names)
        lines.append([problem, *map(gap_text, values)])
    return tables.markdown(["problem", *names], lines)


def units(quotients):
    """Return lines with one quotient each."""
    heads = ["quotient", "problem", "value", "of", "must", "aim", "verdict"]
    lines = []
    for row in sorted(quotients, key=lambda row: row.setting):
        ends = ["", "", ""]
        if row.must is not None:
            verdict = judged(row.must / row.ratio, 1.0, row.must / row.aim)
            ends = [f"{row.must:g}", f"{row.aim:g}", verdict]
        lines.append([row.setting, row.problem, shortened(row.ratio), row.note, *ends])
    return tables.markdown(heads, lines)


def packages(problems):
    """Return the rivals that occur in any problem, in order."""
    return [name for name in RIVALS if any(name in found for found in problems.values())]


def best_of(rows, levels, exact):
    """Return the smallest ratio and its verdict; a lower bound if that package was stopped."""
    ratios = [(row.ratio or row.least, row.ratio is None) for row in rows if row.ratio or row.least]
    if not ratios:
        return "-"
    best, given_up = min(ratios)
    verdict = judged(best, *levels) if exact else "missed: our gap"
    if given_up and verdict == "missed":
        verdict = "not known"
    return f"{'over ' if given_up else ''}{shortened(best)}, {verdict}"
