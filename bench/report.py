"""Benchmark results as text, JSON, a plot and Markdown."""

import datetime
import json
import os
import platform
import subprocess
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import joblib
from threadpoolctl import threadpool_info

from bench.cases import GAP_TARGETS, HEADINGS
from bench.page import write_part
from bench.solvers import EPOCHS
from softreg_fast.system.config import config

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

# The unit of work that each time refers to.
UNITS = {
    "cd epoch": "an epoch",
    "cd epoch, centred": "an epoch",
    "cd epoch, Gram": "an epoch",
    "gradient step": "a step",
    "lasso path": "a path",
}

# A load above this before the first measurement is due to other processes.
BUSY = 0.7

MET, MISSED, SHOWN = "#1b7837", "#b2182b", "#878787"

INTRODUCTION = """\
## Kernel by kernel

softreg_fast against NumPy, and against SciPy and scikit-learn where they have the same. Kernel by
kernel first, against the same algorithm; then whole solutions.

### What is counted

- **Ratio** is their time divided by ours: above 1 we are faster. Both are timed in turn (A B A B
  ...), {pairs} times or for as long as a row may take, each sample at least 20 ms long. Ratio and
  times are medians; the quartiles of the ratio show the spread.
- **Equal accuracy.** Kernels are timed only after their answers agree to 1e-10 of the largest
  entry. Solvers get the loosest tolerance on a ladder with which the duality gap, relative to the
  objective at w = 0, falls below the target; the gap is computed in plain NumPy by
  `bench/certificate.py`, the same for everybody. The column *accuracy* holds the difference of the
  answers, or our gap and theirs.
- **float32.** Our kernels read float32 and add in float64. So a rival gets a float64 copy of X,
  made beforehand and not timed. Rows "in float32" show the rival computing in float32, with some
  seven digits; they are not counted.
- **Threads.** BLAS may use as many threads as we may; we take one where the package's own rule
  finds the work too small for more. OpenBLAS lets idle threads spin for a tenth of a second, so
  with several threads everybody rests before each sample.
- **Epochs** of coordinate descent all start at w = 0; the time of {few} of them is taken off that
  of {many}, so that nobody's set-up counts. Screening is switched off in scikit-learn's kernels.
- **Data preparation counts** for whole solutions: checks, norms, Gram matrices, scaling.
- **Expected** is what we set ourselves; 1 where no figure was set. A miss stays in the table.

### Where we are not ahead, and why

- **A gradient step on an X that stays in cache** (small, and each step of gradient descent): our
  gain is to read X once where NumPy reads it twice, which is worth nothing where the second
  reading comes from the cache. Both then run at the speed of the second-level cache.
- **One gradient step on text, one thread**: SciPy's two products gather and scatter as we do, which
  takes most of the time; what we save is one of two readings of the stored entries.
- **A descent epoch on large dense X, r - Xw of tall X**: both wait for memory. Which of two equal
  programs is ahead by a tenth depends on the pages that its arrays were given, and changes from
  run to run.
- **Weighted ridge on one thread**: nearly all of SciPy's time is one BLAS product, which we need
  too; on top of it come the check for NaN, centring that loses no digits, and the certificate.

### Repeat it

    make bench                                      # all of it: some minutes
    make bench ARGS="--quick"                       # small problems
    make bench ARGS="--only 'gradient step'"        # what matches a regular expression
    make bench ARGS="--markdown docs/benchmarks.md" # write this part of the page

`--threads 1,4`, `--repeat 20`, `--json FILE` and `--plot FILE` do what they say; without them the
JSON and the plot go to `build/bench/`. Nothing else should run on the machine meanwhile.
"""


def environment(command, threads):
    """Return machine, versions and command: what the figures depend on besides the code."""
    ours = config()
    blas = [
        f"{info['internal_api']} {info['version']} ({info.get('architecture', 'unknown')}, "
        f"{info['num_threads']} threads, {Path(info['filepath']).parent.name})"
        for info in threadpool_info()
        if info["user_api"] == "blas"
    ]
    return {
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": cpu_model(),
        "cores": joblib.cpu_count(),
        "system": system(),
        "python": platform.python_version(),
        "blas": blas,
        **{name: ours[name] for name in ("numpy", "scipy", "scikit-learn", "softreg_fast")},
        "vector level": ours["vector level"],
        "openmp": ours["openmp"],
        "threads": list(threads),
        "load at the start": load(),
    }


def load():
    """Return the load average over the last minute, where the system provides it."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def cpu_model():
    """Return the model name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    try:
        found = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=True
        )
        return found.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return platform.processor() or platform.machine()


def system():
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        name = platform.platform()
    return f"{name}, {platform.system()} {platform.release()}, {platform.machine()}"


def described(about):
    """Return (name, text) for each entry of the environment."""
    for name, value in about.items():
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        yield name, {True: "yes", False: "no"}.get(value, str(value))


def busy(about):
    """Return whether other processes were running."""
    return (about["load at the start"] or 0.0) > BUSY


def print_environment(about):
    width = max(map(len, about))
    for name, text in described(about):
        print(f"{name:<{width}}  {text}")
    if busy(about):
        print("\nOther programs are running: figures with several threads mean little.")


def heading(work):
    """Return a heading such as "X'r, seconds a call", with the target if there is one."""
    text = f"{HEADINGS[work]} (time of {UNITS.get(work, 'a call')}"
    target = GAP_TARGETS.get(work)
    return text + (f", gap at most {target:.0e})" if target else ")")


def cells(row):
    """Return the cells of one row, in the order of COLUMNS."""
    expected = "" if row.expected is None else f"{row.expected:g}"
    start = (f"{row.problem} ({row.layout})", row.rival, str(row.n_threads))
    if row.refusal:
        return (*start, "", "", "", "", expected, f"not timed: {row.refusal}", accuracy(row))
    duel = row.duel
    quartiles = f"{shortened(duel.low)} to {shortened(duel.high)}"
    times = seconds(duel.ours), seconds(duel.rival)
    ratio = shortened(duel.ratio)
    return (*start, *times, ratio, quartiles, expected, verdict(row), accuracy(row))


def verdict(row):
    """Return "met", "missed", or why it is neither."""
    if not row.counted:
        return "not counted"
    if row.met is None:
        return ""
    if row.met:
        return "met"
    return "missed" if row.duel.high < row.expected else "missed, within the spread"


def accuracy(row):
    if row.gaps is not None:
        ours, theirs = (f"{gap:.0e}" if gap >= 1e-15 else "<1e-15" for gap in row.gaps)
        return f"{ours}, {theirs}"
    return "equal" if row.difference == 0.0 else f"{row.difference:.0e}"


def seconds(value):
    """Format a time with three digits and a suitable unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{shortened(value / size)} {unit}"
    return f"{shortened(value / 1e-6)} us"


def shortened(value):
    """Format a number with three digits, without an exponent."""
    return f"{value:.0f}" if value >= 99.95 else f"{value:.3g}"


class Table:
    """Printer of rows as they are measured, with a heading before each kind of work."""

    WIDTHS = (-46, -17, 7, 8, 8, 6, 14, 8, -11, -16)

    def __init__(self):
        self.work = None

    def add(self, row):
        if row.work != self.work:
            self.work = row.work
            print(f"\n{heading(row.work)}")
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
    judged = [row for row in rows if row.expected is not None and not row.refusal]
    missed = [row for row in judged if not row.met]
    yield f"{len(judged) - len(missed)} of {len(judged)} expectations met."
    for row in missed:
        yield (
            f"Missed: {row.work}, {row.problem}, against {row.rival}, {row.n_threads} thread(s): "
            f"{shortened(row.duel.ratio)} [{shortened(row.duel.low)} to "
            f"{shortened(row.duel.high)}], expected {row.expected:g}."
        )
    for row in rows:
        if row.refusal:
            yield f"Not timed: {row.work}, {row.problem}, against {row.rival}: {row.refusal}."


def print_summary(about, rows):
    print()
    for line in summary(rows):
        print(line)
    print(f"{about['seconds']} s in all.")


def write_json(path, about, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"environment": about, "rows": [asdict(row) | {"met": row.met} for row in rows]}
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


def write_markdown(path, about, rows):
    """Write the kernels' part of the page: the method, the machine, and every row."""
    few, many = EPOCHS
    pairs = max((row.duel.pairs for row in rows if row.duel), default=0)
    start = INTRODUCTION.format(pairs=pairs, few=few, many=many)
    lines = [start, "### Machine", "", *machine(about), "", "### Summary", ""]
    lines += [f"- {line}" for line in summary(rows)]
    for work, group in groupby(rows, key=lambda row: row.work):
        lines += ["", f"### {heading(work)}", "", "| " + " | ".join(COLUMNS) + " |"]
        numbers = {"threads", "ours", "theirs", "ratio", "quartiles", "expected"}
        rules = ("---:" if name in numbers else "---" for name in COLUMNS)
        lines.append("| " + " | ".join(rules) + " |")
        lines += ["| " + " | ".join(cells(row)) + " |" for row in group]
    write_part(path, "kernels", "\n".join(lines))


def machine(about):
    """Return the lines of a table of what the figures depend on besides the code."""
    lines = ["| | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in described(about))]
    if busy(about):
        lines += ["", "Other programs were running: figures with several threads mean little."]
    return lines


def write_plot(path, about, rows):
    """Plot each comparison's ratios on a log axis; return False without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    lines = []  # a heading, or the rows of one comparison
    for work, group in groupby(rows, key=lambda row: row.work):
        lines.append(HEADINGS[work])
        for _, same in groupby(group, key=lambda row: (row.problem, row.rival)):
            lines.append(list(same))
    figure = Figure(figsize=(9.5, 1.6 + 0.2 * len(lines)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.axvline(1.0, color="black", linewidth=0.8, zorder=1)
    labels = []
    for y, line in enumerate(lines):
        if isinstance(line, str):
            labels.append(line)
            continue
        labels.append(f"{line[0].problem}, {line[0].rival}")
        for k, row in enumerate(line):
            if row.duel is not None:
                draw_row(axes, y + 0.3 * (k - 0.5 * (len(line) - 1)), row)
    axes.set_yticks(range(len(lines)), labels, fontsize=8)
    for tick, line in zip(axes.get_yticklabels(), lines, strict=True):
        if isinstance(line, str):
            tick.set_fontweight("bold")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(lines) - 0.4, -0.8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(axis="x", which="major", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("their time / ours: we are faster to the right of 1")
    axes.secondary_xaxis("top").xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    figure.legend(handles=legend(rows), loc="outside lower center", ncols=4, fontsize=8)
    about_machine = f"{about['cpu']}, {about['cores']} cores, {about['date']}"
    figure.suptitle(f"softreg_fast {about['softreg_fast']} on {about_machine}", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")
    return True


def draw_row(axes, y, row):
    """Draw a marker with whiskers at the quartiles, and a bar at the expectation."""
    colour = SHOWN if row.met is None else MET if row.met else MISSED
    marker = "o" if row.n_threads == 1 else "D"
    duel = row.duel
    axes.plot([duel.low, duel.high], [y, y], color=colour, linewidth=1.2, zorder=2)
    axes.plot(duel.ratio, y, marker, color=colour, markersize=4, zorder=3)
    if row.expected is not None:
        axes.plot(row.expected, y, "|", color="black", markersize=7, markeredgewidth=1.4, zorder=4)


def legend(rows):
    from matplotlib.lines import Line2D

    plain = {"linestyle": "none", "markersize": 5}
    handles = [Line2D([], [], marker="o", color="black", label="1 thread", **plain)]
    if any(row.n_threads > 1 for row in rows):
        handles.append(Line2D([], [], marker="D", color="black", label="more threads", **plain))
    handles.append(Line2D([], [], marker="|", color="black", label="expected", **plain))
    for colour, label in ((MET, "met"), (MISSED, "missed"), (SHOWN, "nothing expected")):
        handles.append(Line2D([], [], color=colour, label=label))
    return handles
