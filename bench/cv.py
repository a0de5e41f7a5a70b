"""Cross-validation: python -m bench.cv [--only PATTERN] [--packages sklearn,adelie].

Compares with other packages, each in its own process at its default tolerance; then relates our
times to those of our own operations.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench import own_cv
from bench.adaptors import with_softreg_fast as ours
from bench.families.family import selected
from bench.families.settings import FOLDED, folded
from bench.harness.environments import ROOT, available, version_of
from bench.harness.judge import worst_gap
from bench.harness.machine import environment
from bench.harness.problem import save_data, save_setting
from bench.harness.record import Record
from bench.harness.result import Row
from bench.harness.worker import Worker, pairs_of
from bench.reports import cv as pages
from bench.reports.cv import RIVALS

PARTS = ("peers", "own")


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="regular expression on the families' names")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--packages", default="", help=f"some of {','.join(RIVALS)}; default: all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5, help="how often both are timed in turn")
    parser.add_argument("--seconds", type=float, default=12.0, help="longest run waited for")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "cv")
    parser.add_argument("--markdown", type=Path, help="such as docs/benchmarks.md")
    return parser.parse_args()


def measure(name, problem, folder, rivals, options):
    """Return all Rows, ours first, each printed when measured, and the points of their panel."""
    with Worker("ours", "cv", options.threads, options.seconds) as worker:
        mine = Row("cv", name, "ours", n_threads=options.threads)
        choice = first_choice(worker, mine, problem, folder)
        rows = [mine]
        if choice:
            mine.gap = worst_of_all(problem, options.threads)
            # a second run, since the first one of a process is slower
            mine.seconds = worker.ask(tol=mine.tol).get("seconds")
        print(line(mine), flush=True)
        for rival in rivals if choice else ():
            row = Row("cv", name, rival, n_threads=options.threads, ours=mine.seconds)
            beside(worker, choice, row, problem, folder, options)
            rows.append(row)
            print(line(row), flush=True)
    points = {row.package: [(row.seconds, row.gap)] for row in rows if row.seconds}
    return rows, {name: points}


def beside(worker, choice, row, problem, folder, options):
    """Fill a rival's Row: its choice, and its time beside ours."""
    with Worker(*RIVALS[row.package], row.n_threads, options.seconds) as rival:
        its = first_choice(rival, row, problem, folder)
        if its:
            row.difference = float(np.max(np.abs(its.errors / choice.errors - 1.0)))
            once = (row.ours, row.seconds) if row.seconds > 1.0 else None
            contenders = (worker, ours.CV_TOL), (rival, row.tol)
            pairs = pairs_of(contenders, options.repeat, options.seconds, once)
            row.fill(pairs).note = "" if pairs else rival.too_slow
        if row.note == rival.too_slow and row.ours:
            row.least = options.seconds / row.ours


def first_choice(worker, row, problem, folder):
    """Return a package's Choice; store its tolerance, time and gap, or its error, in the row."""
    answer = worker.load(folder)
    if "error" in answer:
        row.note = answer["error"]
        return None
    row.tol = answer["ladder"][0]
    choice, seconds = worker.solve(row.tol, folder)
    if choice is None:
        row.note = seconds
        return None
    chosen = replace(problem, alphas=np.array([choice.alpha]))
    row.seconds, row.alpha = seconds, choice.alpha
    row.gap = worst_gap(chosen, choice.coef[:, np.newaxis])
    return choice


def worst_of_all(problem, n_threads):
    """Return the worst gap of our paths on all samples and on every fold's training samples."""
    found = ours.fit_cv(ours.prepare_cv(problem, n_threads), ours.CV_TOL).cv_path_
    gaps = [worst_gap(problem, found.path.coefs)]
    for k, fits in enumerate(found.fold_paths):
        rows = np.flatnonzero(problem.fold_of != k)
        gaps.append(worst_gap(replace(problem, X=problem.X[rows], y=problem.y[rows]), fits.coefs))
    return max(gaps)


def line(row):
    """Return a Row as one printed line."""
    parts = [f"{row.problem:24} {row.package:12}"]
    if row.gap is not None:
        parts.append(f"tol {row.tol:.0e} gap {max(row.gap, 0.0):.0e} alpha {row.alpha:.4g}")
    if row.ratio is not None:
        parts.append(f"{row.seconds:9.4f} s, ours {row.ours:8.5f} s, {row.ratio:6.2f}x")
    if row.difference is not None:
        parts.append(f"errors differ by {row.difference:.0e}")
    return "  ".join([*parts, row.note])


def measure_family(family, rows, quotients, rivals, options):
    """Measure one family, add it to both records, and print it."""
    ((_, problem),) = folded(family, family.make())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_data(folder, problem)
        save_setting(folder, problem)
        if "peers" in options.parts:
            rows.add(*measure(family.name, problem, folder, rivals, options))
        if "own" in options.parts:
            for row in own_cv.quotients(family, problem, folder):
                quotients.add([row])
                print(own_cv.line(row), flush=True)


def main():
    """Measure, print the tables, write JSON and, if requested, the page."""
    options = parsed()
    there = available()
    rivals = [name for name in options.packages.split(",") if name]
    rivals = rivals or [name for name, (package, _) in RIVALS.items() if package in there]
    about = environment("make bench-cv", [options.threads])
    needed = {package for package, _ in RIVALS.values()} & set(there)
    about |= {package: version_of(package) for package in sorted(needed)}
    rows = Record(options.folder / "peers.json", about)
    quotients = Record(options.folder / "own.json", about)
    for family in selected(FOLDED, options.only):
        measure_family(family, rows, quotients, rivals, options)
    pages.show(rows, quotients)
    print(f"\nwritten: {options.folder}")
    if options.markdown:
        pages.write(options.markdown, rows, quotients)


if __name__ == "__main__":
    main()
