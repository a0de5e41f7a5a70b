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
## Compared with other packages

Our time, and the times of other packages as multiples of it, on synthetic and real data.

- **Equal accuracy.** Each package runs with a ladder of tolerances. The loosest tolerance counts
  for which the duality gap is below the target at every alpha. The gap is relative to the objective
  of the intercept and the unpenalised features alone. `bench/harness/judge.py` computes it in NumPy
  from the coefficients, in the same way for every package.
- **Equal conditions.** Each package runs in a process of its own, in an environment that it
  supports, with X in its preferred layout (float64, Fortran order or CSC) and the same number of
  threads. Conversion to that layout and compilation are not timed; checks and centring are. The
  intercept is on; standardisation and early exits are off. *glmnet* is python-glmnet, *rglmnet* is
  glmnet in R. `bench/adaptors/` contains every call.
- **Ratio.** Both packages are timed in turn; times and ratios are medians. A package that is more
  than {no_contest:g} times slower is timed once. *over N s*: the run was stopped after N seconds.
  If no other package met the target, our time is that of a single run.
- **Must and aim** are our own targets for *best / ours*, the time of the best other package divided
  by ours, at the stricter target gap. Missed targets stay in the table. Single fits on tiny data
  consist of the overhead of a call; there the target refers to scikit-learn, which has the same
  interface and checks.

Where the lead is smaller than intended:

- *Tall data*: our path and scikit-learn's both take little more than one BLAS `syrk` (see "Cost of
  our own paths"), so no package can be several times faster.
- *Fits and paths on tiny data* take little arithmetic; most of the time is spent in Python, which
  checks and describes the input. python-glmnet checks less.
- *The looser target*: our solver always continues to rounding level; other packages stop at their
  tolerance.

Commands:

    make bench-peers                                  # Lasso paths; an hour
    make bench-peers ARGS="--settings all"            # all settings; some hours
    make bench-peers ARGS="--only 'riboflavin|golub' --packages celer,glmnet"

Results are stored in `build/peers/results.json` and kept there between runs. Real data are read
from the folder named by `SOFTREG_DATA`; families whose files are missing are left out.
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
                "worst gap along it. The dashed lines are the two targets.",
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
        return [*start, "", "", "", "no other met the target"]
    if ours.target != TARGETS[0]:
        return [*start, shortened(best), "", "", ""]
    verdict = judged(best, ours.must, ours.aim)
    verdict += f" (against {ours.against})" if ours.against else ""
    return [*start, shortened(best), f"{ours.must:g}", f"{ours.aim:g}", verdict]


def panels_of(record, setting):
    """Return {problem: {package: points}} of a setting."""
    prefix = f"{setting}: "
    return {k.removeprefix(prefix): v for k, v in record.curves.items() if k.startswith(prefix)}
