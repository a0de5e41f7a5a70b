"""Compare the speed of two builds of softreg_fast: python -m bench.compare_builds OLD NEW ...

    python -m bench.compare_builds ../before . --family 'tiny|golub' --settings path,fit,cv

OLD and NEW are checkouts, each with its compiled modules.  Both are timed in turn, each in its own
processes, on the same problems, through the public names of the package only.  Printed are medians,
the ratio new / old with its quartiles, and the largest difference of the coefficients relative to
the largest of them.  Where times are too close, --instructions counts instructions by valgrind.
The exit status is 1 if a median ratio is above --most, or a build failed.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from bench.families import multi_task
from bench.families.family import selected
from bench.families.paths import FAMILIES
from bench.families.settings import FOLDED, SETTINGS, folded
from bench.harness import tables
from bench.harness.instructions import instructions_of
from bench.harness.judge import difference
from bench.harness.problem import Choice, save_data, save_setting
from bench.harness.result import Row
from bench.harness.tables import seconds
from bench.harness.worker import Worker, pairs_of

MULTI_TASK = "multi-task"
HEADS = ["problem", "setting", "old", "new", "new / old", "quartiles", "difference", "verdict"]


def problems(setting, pattern):
    """Yield (name, kind in the adaptors' tables, Problem) of all families that match."""
    if setting == MULTI_TASK:
        for family in selected(multi_task.FAMILIES, pattern):
            yield family.name, family.kind, family.make()
    elif setting == "cv":
        for family in selected(FOLDED, pattern):
            for name, problem in folded(family, family.make()):
                yield name, "cv", problem
    else:
        for family in selected(FAMILIES, pattern):
            for name, problem in SETTINGS[setting].problems(family, family.make()):
                yield name, SETTINGS[setting].kind, problem


def measure(setting, name, kind, problem, options):
    """Return the Row of one problem: the time of the new build as `seconds`, of the old as `ours`,
    or their numbers of instructions."""
    row = Row(setting, name, "new", n_threads=options.threads, must=options.most)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        save_data(folder, problem)
        save_setting(folder, problem)
        try:
            row.difference, tol = compared(kind, folder, options)
            if options.instructions:
                builds = options.old, options.new
                pairs = [[instructions_of(build, kind, folder, tol) for build in builds]]
            else:
                pairs = timed(kind, folder, options)
        except RuntimeError as error:
            row.note = str(error)
            return row
    return row.fill(pairs)


def compared(kind, folder, options):
    """Return the difference of the builds' answers, and the tolerance of both."""
    answers = []
    for build in (options.old, options.new):
        with Worker("ours", kind, options.threads, options.seconds, build) as worker:
            tol, answer = started(worker, build, folder)
            answers.append(answer)
    return apart(*answers[::-1]), tol


def timed(kind, folder, options):
    """Return pairs of seconds (old, new), measured in turn.

    The runs are spread over several pairs of processes, which differ by chance in the memory that
    they are given.  In every second pair the new build is the first.
    """
    pairs = []
    for k in range(options.processes):
        n_runs = len(range(k, options.runs, options.processes))
        order = slice(None, None, -1 if k % 2 else 1)
        builds = [options.old, options.new][order]
        found = one_pair(kind, folder, n_runs, builds, options)
        pairs += [pair[order] for pair in found]
    return pairs


def one_pair(kind, folder, n_runs, builds, options):
    """Return pairs of seconds from a fresh process for each build."""
    with ExitStack() as stack:
        contenders = []
        for build in builds:
            worker = Worker("ours", kind, options.threads, options.seconds, build)
            stack.callback(worker.close)
            contenders.append((worker, started(worker, build, folder)[0]))
        found = pairs_of(contenders, n_runs, np.inf)
    if len(found) < n_runs:
        raise RuntimeError(worker.too_slow)
    return found


def started(worker, build, folder):
    """Return the strictest tolerance of a worker that has read its problem, and its answer."""
    ready = worker.load(folder)
    if "error" in ready:
        raise RuntimeError(ready["error"])
    if not Path(ready["softreg_fast"]).is_relative_to(build):
        raise RuntimeError(f"expected a build in {build}, got {ready['softreg_fast']}")
    tol = ready["ladder"][-1]
    answer, error = worker.solve(tol, folder)
    if answer is None:
        raise RuntimeError(error)
    return tol, answer


def apart(a, b):
    """Return the difference of two answers."""
    if isinstance(a, Choice):
        return difference((a.coef, a.errors), (b.coef, b.errors))
    if sp.issparse(a):
        return float(abs(a - b).max() / abs(b).max())
    return difference(a, b)


def millions(count):
    """Format a number of instructions."""
    return f"{count / 1e6:,.2f} M"


def cells(row, text_of=seconds):
    """Return the cells of a row, its times formatted by `text_of`."""
    start = [row.problem, row.setting]
    if row.note:
        return [*start, "", "", "", "", "", f"not timed: {row.note}"]
    spread = " to ".join(f"{ratio:.3f}" for ratio in row.quartiles)
    same = "equal" if row.difference == 0.0 else f"{row.difference:.0e}"
    times = [text_of(row.ours), text_of(row.seconds), f"{row.ratio:.3f}", spread]
    return [*start, *times, same, "slower" if row.ratio > row.must else ""]


def parsed(argv):
    every = [*SETTINGS, "cv", MULTI_TASK]
    parser = argparse.ArgumentParser(
        prog="python -m bench.compare_builds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("old", type=Path, metavar="OLD")
    parser.add_argument("new", type=Path, metavar="NEW")
    parser.add_argument("--family", default="", help="regular expression on the families' names")
    parser.add_argument("--settings", default="path,fit,cv", help=f"some of {','.join(every)}")
    parser.add_argument("--runs", type=int, default=10, help="how often both are timed in turn")
    parser.add_argument("--processes", type=int, default=2, help="pairs of processes for the runs")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--instructions", action="store_true", help="count them by valgrind, with one thread"
    )
    parser.add_argument("--most", type=float, default=1.05, help="largest ratio new / old allowed")
    parser.add_argument("--seconds", type=float, default=60.0, help="longest run waited for")
    options = parser.parse_args(argv)
    options.old, options.new = options.old.resolve(), options.new.resolve()
    options.settings = options.settings.split(",")
    for setting in options.settings:
        if setting not in every:
            parser.error(f"--settings: expected some of {','.join(every)}, got {setting!r}")
    return options


def main(argv=None):
    """Measure and print a table."""
    options = parsed(argv)
    rows = []

    def lines():
        for setting in options.settings:
            for found in problems(setting, options.family):
                rows.append(measure(setting, *found, options))
                yield cells(rows[-1], millions if options.instructions else seconds)

    tables.show(HEADS, lines(), left=(0, 1, -1))
    ratios = [row.ratio for row in rows if row.ratio is not None]
    if ratios:
        print(f"\nnew / old: median {np.median(ratios):.3f}, largest {max(ratios):.3f}")
    return int(any(row.note or row.ratio > row.must for row in rows))


if __name__ == "__main__":
    sys.exit(main())
