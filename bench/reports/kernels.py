"""Benchmark results as text, JSON, a plot and Markdown."""

import json
from dataclasses import asdict
from itertools import groupby

from bench.families.comparisons import HEADINGS
from bench.harness import tables
from bench.harness.machine import machine
from bench.harness.page import write_part
from bench.harness.tables import seconds, shortened
from bench.harness.task import EPOCHS, GAP_TARGETS

COLUMNS = (
    "problem",
    "against",
    "threads",
    "ours",
    "theirs",
    "ratio",
    "quartiles",
    "expected",
    "verdict",
    "accuracy",
)

TEXTS = ("problem", "against", "verdict", "accuracy")

# The unit of work that each time refers to.
UNITS = {
    "cd epoch": "an epoch",
    "cd epoch, centred": "an epoch",
    "cd epoch, Gram": "an epoch",
    "gradient step": "a step",
    "lasso path": "a path",
}

INTRODUCTION = """\
## Kernels and solvers

softreg_fast against NumPy, and against SciPy and scikit-learn where they offer the same operation:
first kernels, each against the same algorithm, then complete solutions.

### Method

- **Ratio** is the other package's time divided by ours; above 1 ours is faster. Both are timed in
  turn (A B A B ...), {pairs} times or until the time limit of a row, each sample at least 20 ms
  long. Ratio and times are medians; the quartiles of the ratio show the spread.
- **Equal accuracy.** Kernels are timed only after their answers agree to 1e-10 of the largest
  entry. Solvers run with the loosest tolerance on a ladder for which the duality gap, relative to
  the objective at w = 0, is below the target; `bench/harness/judge.py` computes the gap in NumPy,
  in the same way for every package. The column *accuracy* contains the difference of the answers,
  or our gap and theirs.
- **float32.** Our kernels read float32 and accumulate in float64, so the other package gets a
  float64 copy of X, made beforehand and not timed. In rows "in float32" it computes in float32,
  with about seven digits; these rows are not counted.
- **Threads.** BLAS and our kernels have the same limit; ours use one thread if the package's own
  rule finds the work too small for more. OpenBLAS lets idle threads spin for a tenth of a second,
  so with several threads there is a pause before each sample.
- **Epochs** of coordinate descent all start at w = 0; the time of {few} of them is subtracted from
  that of {many}, so that set-up does not count. Screening is off in scikit-learn's kernels.
- **Data preparation counts** for complete solutions: checks, norms, Gram matrices, scaling.
- **Expected** is our own target, 1 by default. Missed targets stay in the table.

### Where ours is not faster

- **A gradient step on an X that stays in cache** (small, and each step of gradient descent): our
  kernel reads X once where NumPy reads it twice, which gains nothing if the second read comes from
  the cache. Both then run at the speed of the second-level cache.
- **One gradient step on text, one thread**: SciPy's two products gather and scatter like ours,
  which takes most of the time; ours saves one of two reads of the stored entries.
- **A descent epoch on large dense X, r - Xw of tall X**: both are limited by memory bandwidth.
  Which of two equal programs is faster by a tenth depends on the memory pages of its arrays and
  changes from run to run.
- **Weighted ridge on one thread**: nearly all of SciPy's time is one BLAS product, which ours needs
  too; in addition ours checks for NaN, centres without losing digits, and computes the certificate.

### Commands

    make bench                                      # everything: some minutes
    make bench ARGS="--quick"                       # small problems
    make bench ARGS="--only 'gradient step'"        # comparisons that match a regular expression
    make bench ARGS="--markdown docs/benchmarks.md" # write this part of the page

`--threads 1,4` and `--repeat 20` set numbers of threads and of pairs; `--json FILE` and
`--plot FILE` name the output files, by default in `build/bench/`. Nothing else should run on the
machine at the same time.
"""


def heading(work):
    """Return a heading such as "X'r, seconds a call", with the target if there is one."""
    text = f"{HEADINGS[work]} (time of {UNITS.get(work, 'a call')}"
    target = GAP_TARGETS.get(work)
    return text + (f", gap at most {target:.0e})" if target else ")")


def met(row):
    """Return whether the median ratio reaches the expected one, None without an expectation."""
    if row.note:
        return False
    return None if row.must is None else row.ratio >= row.must


def cells(row):
    """Return the cells of one row, in the order of COLUMNS."""
    expected = "" if row.must is None else f"{row.must:g}"
    start = (f"{row.problem} ({row.layout})", row.package, str(row.n_threads))
    if row.note:
        return (*start, "", "", "", "", expected, f"not timed: {row.note}", accuracy(row))
    quartiles = " to ".join(map(shortened, row.quartiles))
    times = seconds(row.ours), seconds(row.seconds), shortened(row.ratio)
    return (*start, *times, quartiles, expected, verdict(row), accuracy(row))


def verdict(row):
    """Return "met", "missed", or why it is neither."""
    if not row.counted:
        return "not counted"
    if row.must is None:
        return ""
    if met(row):
        return "met"
    return "missed" if row.quartiles[1] < row.must else "missed, within the spread"


def accuracy(row):
    """Return both gaps, or the difference of the answers."""
    if row.gap is not None:
        ours, theirs = (
            f"{gap:.0e}" if gap >= 1e-15 else "<1e-15" for gap in (row.our_gap, row.gap)
        )
        return f"{ours}, {theirs}"
    return "equal" if row.difference == 0.0 else f"{row.difference:.0e}"


class Table:
    """Printer of rows as they are measured, with a heading before each kind of work."""

    WIDTHS = (-46, -17, 7, 8, 8, 6, 14, 8, -11, -16)

    def __init__(self):
        self.work = None

    def add(self, row):
        if row.setting != self.work:
            self.work = row.setting
            print(f"\n{heading(row.setting)}")
            self.print(COLUMNS)
        self.print(cells(row))

    def print(self, texts):
        aligned = (
            f"{text:<{-width}}" if width < 0 else f"{text:>{width}}"
            for text, width in zip(texts, self.WIDTHS, strict=True)
        )
        print("  ".join(aligned).rstrip(), flush=True)


def summary(rows):
    """Return lines: the number of expectations met, those missed, and what was not timed."""
    judged = [row for row in rows if row.must is not None and not row.note]
    missed = [row for row in judged if not met(row)]
    yield f"{len(judged) - len(missed)} of {len(judged)} expectations met."
    for row in missed:
        spread = " to ".join(map(shortened, row.quartiles))
        yield (
            f"Missed: {row.setting}, {row.problem}, against {row.package}, "
            f"{row.n_threads} thread(s): {shortened(row.ratio)} [{spread}], expected {row.must:g}."
        )
    for row in rows:
        if row.note:
            yield f"Not timed: {row.setting}, {row.problem}, against {row.package}: {row.note}."


def print_summary(about, rows):
    print()
    for line in summary(rows):
        print(line)
    print(f"{about['seconds']} s in all.")


def write_json(path, about, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"environment": about, "rows": [asdict(row) | {"met": met(row)} for row in rows]}
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


def write_markdown(path, about, rows):
    """Write the kernels' part of the page: the method, the machine, and every row."""
    few, many = EPOCHS
    pairs = max((row.pairs for row in rows), default=0)
    start = INTRODUCTION.format(pairs=pairs, few=few, many=many)
    lines = [start, "### Machine", "", *machine(about), "", "### Summary", ""]
    lines += [f"- {line}" for line in summary(rows)]
    texts = [k for k, name in enumerate(COLUMNS) if name in TEXTS]
    for work, group in groupby(rows, key=lambda row: row.setting):
        table = tables.markdown(COLUMNS, map(cells, group), texts)
        lines += ["", f"### {heading(work)}", "", *table]
    write_part(path, "kernels", "\n".join(lines))
