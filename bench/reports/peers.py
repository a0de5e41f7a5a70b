"""Tables of the peers' results, and plots of gap against time."""

from itertools import groupby

import numpy as np

from bench.families.settings import SETTINGS, TARGETS
from bench.harness import tables
from bench.harness.environments import HOME, R_HOME
from bench.harness.machine import machine
from bench.harness.page import write_part
from bench.harness.plots import draw
from bench.harness.tables import gap_text, judged, multiple, seconds, shortened
from bench.harness.worker import NO_CONTEST

ORDER = [*HOME, *R_HOME]

INTRODUCTION = """\
## Beside other packages

Our time, and other packages' as multiples of it, on synthetic and real data.

- **Equal accuracy.** Every package has a ladder of tolerances. What counts is the loosest with
  which the duality gap, relative to the objective of the intercept and the unpenalised features
  alone, stays below the target at every alpha. `bench/peers/judge.py` computes it in NumPy from the
  coefficients, the same for everybody.
- **Fair settings.** Every package runs in a process of its own, in an environment where it works,
  gets X in the layout it likes best (float64, Fortran order or CSC) and as many threads as we.
  Conversion to that layout and compilation are not timed; checks and centring are. The intercept
  is on, standardisation and early exits are off. *glmnet* is python-glmnet, *rglmnet* that of R.
  `bench/peers/adaptors/` shows every call.
- **Ratio.** We and the other package are timed in turn; times and ratios are medians. A package
  that is {no_contest:g} times slower is timed once. *over N s*: it was not waited for any longer.
  Where no other package got there, our time is that of one run.
- **Must and aim** are what we set ourselves for *best / ours*, the best other package's time
  divided by ours, for the stricter target. A miss stays in the table. Single fits on tiny data,
  where the overhead of a call is all there is, are held against scikit-learn, which has the same
  interface and checks.

Where we are not as far ahead as we want, and why:

- *Tall data*: our path and scikit-learn's both are little more than one BLAS `syrk` (see "Our paths
  from inside"), from which no package can be several times faster.
- *Fits and paths on tiny data* are little arithmetic and much Python that checks and describes the
  input. python-glmnet checks less.
- *The looser target*: we always go on to rounding level, others stop where they are told to.

Repeat it with

    make bench-peers                                  # Lasso paths; an hour
    make bench-peers ARGS="--settings all"            # and all the rest; some hours
    make bench-peers ARGS="--only 'riboflavin|golub' --packages celer,glmnet"

What is measured goes to `build/peers/results.json`, and is kept there from one run to the next.
Real data are taken from the folder that `SOFTREG_DATA` names; what is not there is left out.
"""


def show(record):
    """Print all tables."""
    tables.show_all(all_tables(record))
    print(f"\nwritten: {record.path}")


def write(path, record):
    """Write the peers' part of the page, and its pictures."""
    lines = [INTRODUCTION.format(no_contest=NO_CONTEST), *machine(record.about), ""]
    for title, rows in all_tables(record):
        lines += [f"### {title}", "", *rows, ""]
    for setting in SETTINGS:
        picture = path.parent / "images" / f"gap-{setting}.png"
        if draw(picture, panels_of(record, setting), ORDER, TARGETS):
            lines += [
                f"### Time and gap: {SETTINGS[setting].title}",
                "",
                "One point for each tolerance on a package's ladder: time of the whole path, and "
                "the worst gap that it left. The dashed lines are the two targets.",
                "",
                f"![Gap against time]({picture.relative_to(path.parent)})",
                "",
            ]
    write_part(path, "peers", "\n".join(lines))


def all_tables(record):
    """Return (title, lines of Markdown) for every setting, target and number of threads."""

    def kind(row):
        return (list(SETTINGS).index(row.setting), -row.n_threads, row.target)

    for (k, threads, target), rows in groupby(sorted(record.rows.values(), key=kind), key=kind):
        title = list(SETTINGS.values())[k].title
        yield (
            f"{title}: gap <= {target:g}, {-threads} thread(s)",
            table(list(rows), record.curves),
        )


def table(rows, curves):
    """Return lines: our time and gap, the others' times as multiples of ours, the verdict."""
    packages = [name for name in ORDER if any(row.package == name for row in rows)]
    others = [name for name in packages if name != "ours"]
    heads = ["problem", "ours", "our gap", *others, "best / ours", "must", "aim", "verdict"]
    lines = []
    for problem in dict.fromkeys(row.problem for row in rows):
        found = {row.package: row for row in rows if row.problem == problem}
        points = curves.get(f"{rows[0].setting}: {problem}", {}).get("ours", [])
        lines.append(cells(problem, found, others, points))
    return tables.markdown(heads, lines, left=(0, -1))


def cells(problem, found, others, points=()):
    """Return the cells of one row; `points` are (seconds, gap) of ours alone."""
    ours = found["ours"]
    alone = [time for time, gap in points if gap <= ours.target]
    compared = [row for row in found.values() if row.ratio is not None]
    rivals = [row for row in compared if ours.against in ("", row.package)]
    best = min((row.ratio for row in rivals), default=None)
    ours_seconds = [row.ours for row in compared] or alone[:1]
    time = seconds(float(np.median(ours_seconds))) if ours_seconds else ours.note
    theirs = [multiple(found.get(name)) for name in others]
    start = [problem, time or "-", gap_text(ours.gap), *theirs]
    if best is None:
        return [*start, "", "", "", "no other got there"]
    if ours.target != TARGETS[0]:
        return [*start, shortened(best), "", "", ""]
    verdict = judged(best, ours.must, ours.aim)
    verdict += f" (against {ours.against})" if ours.against else ""
    return [*start, shortened(best), f"{ours.must:g}", f"{ours.aim:g}", verdict]


def panels_of(record, setting):
    """Return {problem: {package: points}} of a setting."""
    prefix = f"{setting}: "
    return {k.removeprefix(prefix): v for k, v in record.curves.items() if k.startswith(prefix)}
