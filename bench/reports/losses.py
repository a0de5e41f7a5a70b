"""Tables of paths, fits and cross-validation under losses beyond the squared one."""

from itertools import groupby

import numpy as np

from bench.families.losses import FAMILIES, SETTINGS, TARGET, TARGETS
from bench.harness import tables
from bench.harness.bounds import JUDGED
from bench.harness.machine import machine
from bench.harness.page import write_part
from bench.harness.tables import gap_text, judged, multiple, seconds, shortened
from bench.harness.worker import NO_CONTEST

# Rivals, each the name of a package and what its kind of problem ends with.
RIVALS = {
    "rglmnet": ("rglmnet", ""),
    "adelie": ("adelie", ""),
    "sksurv": ("sksurv", ""),
    "glum": ("glum", ""),
    "skglm": ("skglm", ""),
    "liblinear": ("sklearn", ", liblinear"),
    "saga": ("sklearn", ", saga"),
}

# Settings for some rivals alone: those with a cross-validation of their own on the same folds, and
# those with a LogisticRegressionCV.  skglm compiles for a quarter of a minute in every process.
ABLE = {
    "cv": ("rglmnet",),
    "auc": ("rglmnet",),
    "search": ("liblinear", "saga"),
    "fit": ("rglmnet", "adelie", "sksurv", "glum", "liblinear", "saga"),
    "enet": ("rglmnet", "adelie", "glum", "saga"),
    "weighted": ("rglmnet", "adelie", "glum"),
}

# Losses of rivals that have not all of them.
LOSSES = {
    "adelie": ("logistic", "poisson", "cox", "grouped multinomial"),
    "sksurv": ("cox",),
    "glum": ("logistic", "poisson"),
    "skglm": ("logistic", "poisson", "cox"),
    "liblinear": ("logistic",),
    "saga": ("logistic", "multinomial"),
}

# The gaps that ours certifies, of the null deviance.
CERTIFIED = (1e-6, 1e-4)

# A rival is stopped after so many times the best rival's time, but not before so many seconds.
PATIENCE, LEAST_PATIENCE = 3.0, 0.5

# Clocks, each with the worker's name of its times.
CLOCKS = {"processor": "processor", "wall": "seconds"}

INTRODUCTION = """\
## Logistic, Poisson, Cox and multinomial losses

Our time, and the times of other packages as multiples of it, on real and simulated data.

- **Equal problems.** All packages get the same 100 alphas, from alpha_max to alpha_max/100. The
  intercept is on and not penalised; standardisation and early exits are off, and columns are used
  as they are. Single fits start from nothing. Cox's loss is Breslow's. Several classes have a
  coefficient each, penalised one by one, or, *grouped*, by the length of those of a feature.
- **Equal accuracy.** Each package runs with a ladder of tolerances, and the loosest counts whose
  suboptimality is at most {target:g} of the null deviance at {judged} of the alphas.
  `bench/harness/bounds.py` computes it in NumPy: the objective, with the best intercept, less the
  largest dual value of all points of all packages at that alpha. No package's own claim enters.
  For Cox's loss a dual point is a distribution over those at risk at every event, for several
  classes one over the classes for every sample (`bench/harness/joint_losses.py`).
- **Our certificate.** Ours runs at two tolerances of its certified duality gap, {certified} of the
  null deviance (the first is the default), and the table has a ratio for each. *Our gap* is the
  neutral one, at both tolerances: where the second is above {target:g}, the second ratio compares
  answers of different accuracy, and does not count.
- **Equal conditions.** One process for each package, in an environment that it supports, with X in
  its preferred layout and the same number of threads. Conversion to that layout and compilation are
  not timed. `bench/adaptors/` contains every call.
- **Ratio.** A package and ours, at both tolerances, are timed in turn; times and ratios are
  medians, in brackets the quartiles of the best ratio. Where other programs share the machine,
  processor time is the figure to trust. A package that is more than {no_contest:g} times slower is
  timed once. *over N s*: the run was stopped after N seconds, which are enough to see the must
  met, or {patience:g} times the best package's. Where all were stopped, *> N* is how many times
  slower they are at least.
- **Must and aim** are our own targets for *best / ours*, the best other package's time divided by
  ours at the looser tolerance whose neutral gap is at most {target:g}. Missed targets stay in the
  table.
- **Cross-validation** is R's `cv.glmnet` with the same ten folds, and the fit to all samples; the
  model that it chooses is judged. For areas under the curve it wants ten samples in each fold.
- **Left out.** *celer* fits no intercept under the logistic loss, which is another problem, and
  *glum* no path of more than ten thousand features. *sksurv* ends some paths early. *skglm* is run
  on paths only, since it compiles for a quarter of a minute in every process, untimed.
  *liblinear* penalises the intercept, but hardly with an `intercept_scaling` of a hundred times the
  largest entry of X.
- **LogisticRegressionCV** is the same call of both packages, with the Lasso, five folds, ten values
  of C that cover the paths' range, and scoring="neg_log_loss". scikit-learn's only has to reach a
  suboptimality of {looser:g}, at the C that it chooses.

Commands:

    make bench-losses                                  # paths
    make bench-losses ARGS="--settings all"            # fits, elastic nets, folds: half an hour
    make bench-losses ARGS="--only 'golub|alon' --packages rglmnet,adelie --threads 2"

Results are stored in `build/losses` and kept there between runs. Real data are read from the folder
named by `SOFTREG_DATA`.
"""


def able(rival, setting, loss):
    """Return whether a rival solves problems of a setting under a loss."""
    return rival in ABLE.get(setting, RIVALS) and loss in LOSSES.get(rival, (loss,))


def show(record):
    """Print all tables."""
    tables.show_all(all_tables(record))
    print(f"\nwritten: {record.path}")


def write(path, record):
    """Write this part of the page."""
    words = {"target": TARGET, "judged": JUDGED, "no_contest": NO_CONTEST}
    words["patience"] = PATIENCE
    words["looser"] = TARGETS["search"]
    words["certified"] = " and ".join(f"{tol:g}" for tol in CERTIFIED)
    lines = [INTRODUCTION.format(**words), *machine(record.about), ""]
    for title, rows in all_tables(record):
        lines += [f"### {title}", "", *rows, ""]
    write_part(path, "losses", "\n".join(lines))


def all_tables(record):
    """Return (title, lines of Markdown) for every setting, number of threads and clock."""

    def kind(row):
        clock = list(CLOCKS).index(row.clock)
        return list(SETTINGS).index(row.setting), row.n_threads, clock

    in_order = sorted(record.rows.values(), key=lambda row: (kind(row), place(row.problem)))
    for (k, threads, clock), rows in groupby(in_order, key=kind):
        title = list(SETTINGS.values())[k].title
        yield f"{title}: {list(CLOCKS)[clock]} time, {threads} thread(s)", table(list(rows))


def place(problem):
    """Return the position of a problem's family."""
    names = [family.name for family in FAMILIES]
    name = problem.partition(", alpha_max")[0]
    return names.index(name) if name in names else len(names)


def table(rows):
    """Return lines: our time and gap, the others' times as multiples of ours, the verdicts."""
    names = [name for name in RIVALS if any(row.package == name for row in rows)]
    ratios = [f"best / ours at {tol:g}" for tol in CERTIFIED]
    heads = ["problem", "ours", "our gap", *names, *ratios, "must", "aim", "verdict"]
    lines = []
    for problem in dict.fromkeys(row.problem for row in rows):
        found = {(row.package, row.target): row for row in rows if row.problem == problem}
        lines.append(cells(problem, found, names))
    return tables.markdown(heads, lines, left=(0, -1))


def cells(problem, found, names):
    """Return the cells of one row; `found` is {(package, our tolerance): Row}."""
    ours = found["ours", CERTIFIED[0]]
    compared = [row for row in found.values() if row.ratio or row.least]
    times = [row.ours for row in compared if row.ours and row.target == CERTIFIED[0]]
    times = times or [ours.seconds]
    time = "-" if times[0] is None else seconds(float(np.median(times)))
    gaps = (gap_text(found["ours", tol].gap) for tol in CERTIFIED)
    start = [problem, ours.note or time, "; ".join(gaps)]
    start += [multiple(found.get((name, CERTIFIED[0]))) for name in names]
    best = [fastest(row for row in compared if row.target == tol) for tol in CERTIFIED]
    accurate = [row for tol, row in zip(CERTIFIED, best, strict=True) if meets(found["ours", tol])]
    limits = f"{ours.must:g}", f"{ours.aim:g}"
    return [*start, *map(best_text, best), *limits, verdict(accurate, ours)]


def meets(ours):
    """Return whether an answer of ours meets the stricter target by the neutral measure."""
    return ours.gap is not None and ours.gap <= TARGET


def verdict(accurate, ours):
    """Return the verdict on the best packages beside ours, at the tolerances where ours is as
    accurate as all must be."""
    if not accurate:
        return "missed: our gap"
    if not any(accurate):
        return "no other met the target"
    best = max(filter(None, accurate), key=slowness)
    found = judged(slowness(best), ours.must, ours.aim)
    stopped = best.ratio is None and found == "missed"
    return "open: the others were stopped" if stopped else found


def slowness(row):
    """Return how many times slower than ours a package is, at least if it was stopped."""
    return row.ratio or row.least


def fastest(rows):
    """Return the row of the fastest package, or None."""
    return min(rows, key=slowness, default=None)


def best_text(row):
    """Format the smallest ratio, with its quartiles if the package was not stopped."""
    if row is None:
        return "-"
    if row.ratio is None:
        return f"> {shortened(row.least)}"
    low, high = map(shortened, row.quartiles)
    return f"{shortened(row.ratio)} ({low} to {high})"
