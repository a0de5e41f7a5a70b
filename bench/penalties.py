"""Compare paths under penalties beyond L1: python -m bench.penalties [--only PATTERN].

For every package, find the first tolerance on its ladder whose accuracy, computed outside all
packages, meets the target; then time it and ours in turn, each in its own process, and our own L1
path on as many alphas beside them.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.families.family import selected
from bench.families.penalties import FAMILIES, OMEGAS
from bench.harness.environments import FOLDER, version_of
from bench.harness.machine import environment
from bench.harness.penalties import judge_of, largest_alpha
from bench.harness.problem import save_data, save_setting
from bench.harness.record import Record
from bench.harness.result import Row
from bench.harness.worker import Worker, climb, rounds_of
from bench.reports import penalties as pages
from bench.reports.penalties import OWN_L1

KIND = "penalty path"

# Tolerance of our fits from which lower bounds on objectives are computed.
REFERENCE = 1e-11

# Processor seconds that a run of ours may take.
OWN_SECONDS = 120.0


class Contest:
    """One path under a penalty, our worker with it, and the rows of all packages."""

    def __init__(self, family, problem, options):
        self.family, self.problem, self.options = family, problem, options
        self.omega, self.judge = OMEGAS[problem.omega], judge_of(problem)
        self.rows = []

    def run(self, packages):
        """Measure ours, the packages and our L1 path; return the rows."""
        with tempfile.TemporaryDirectory() as name, self.worker("ours", OWN_SECONDS) as ours:
            folder = Path(name)
            save_data(folder, self.problem)
            save_setting(folder, self.problem)
            if self.problem.loss != "squared":  # good lower bounds before anything is judged
                ours.load(folder)
                exact, _ = ours.solve(REFERENCE, folder)
                if exact is not None:
                    self.judge(self.problem, exact)
            row = self.row("ours")
            found, points, row.note = self.climb(ours, folder)
            if found:
                row.tol, row.gap = found
                row.seconds = points[-1][0]
                self.beside_l1(ours, row.tol)
                for package in packages:
                    self.beside(ours, row.tol, package, folder)
        return self.rows

    def worker(self, package, seconds):
        """Return a worker of a package."""
        return Worker(package, KIND, self.options.threads, seconds, by_processor=True)

    def row(self, package, note=""):
        """Return a new row."""
        wanted = self.family.must, self.family.aim
        self.rows.append(
            Row(
                self.problem.omega,
                self.family.name,
                package,
                self.omega.target,
                self.options.threads,
                *wanted,
                note=note,
                clock="processor",
            )
        )
        return self.rows[-1]

    def climb(self, worker, folder):
        """Return the loosest (tolerance, accuracy) that meets the target, all points, a note."""
        target = self.omega.target

        found, points, note = climb(worker, self.problem, [target], folder, self.judge)
        return found.get(target), points, note

    def beside(self, ours, tol, package, folder):
        """Measure a package beside ours."""
        with self.worker(package, self.options.seconds) as theirs:
            found, _, note = self.climb(theirs, folder)
            row = self.row(package, note)
            if found:
                row.tol, row.gap = found
                row.fill(self.times((ours, tol), (theirs, row.tol)))

    def beside_l1(self, ours, tol):
        """Measure our own L1 path, on as many alphas to the same share of its alpha_max."""
        plain = replace(self.problem, omega="l1", groups=None)
        shares = self.problem.alphas / self.problem.alphas[0]
        plain = replace(plain, alphas=shares * largest_alpha(plain))
        with tempfile.TemporaryDirectory() as name, self.worker("ours", OWN_SECONDS) as other:
            folder = Path(name)
            save_data(folder, plain)
            save_setting(folder, plain)
            other.load(folder)
            self.row(OWN_L1).fill(self.times((ours, tol), (other, 1e-6)))

    def times(self, *contenders):
        """Return pairs of processor seconds."""
        rounds = rounds_of(contenders, self.options.repeat, self.options.seconds)
        return [[each["processor"] for each in one] for one in rounds]


def line(row):
    """Return a result as one printed line."""
    parts = [f"{row.problem:38} {row.package:10}"]
    if row.gap is not None:
        parts.append(f"tol {row.tol:.0e} accuracy {row.gap:.0e}")
    if row.ratio is not None:
        parts.append(f"{row.seconds:9.4f} s, ours {row.ours:8.5f} s, {row.ratio:6.2f}x")
    return "  ".join([*parts, row.note])


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="regular expression on the families' names")
    parser.add_argument("--packages", default="", help="such as skglm,adelie; default: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=5, help="how often both are timed in turn")
    parser.add_argument("--seconds", type=float, default=20.0, help="longest run waited for")
    parser.add_argument("--json", type=Path, default=FOLDER / "penalties.json")
    parser.add_argument("--markdown", type=Path, help="such as docs/benchmarks.md")
    return parser.parse_args()


def main():
    """Measure, print the tables, write JSON and, if requested, the page."""
    options = parsed()
    asked = [name for name in options.packages.split(",") if name]
    every = dict.fromkeys(package for omega in OMEGAS.values() for package in omega.rivals)
    about = environment("make bench-penalties", [options.threads])
    about |= {package: version_of(package) for package in asked or every}
    record = Record(options.json, about)
    for family in selected(FAMILIES, options.only):
        rivals = OMEGAS[family.kind].rivals
        packages = [package for package in rivals if package in (asked or every)]
        rows = Contest(family, family.make(), options).run(packages)
        record.add(rows)
        for row in rows:
            print(line(row), flush=True)
    pages.show(record)
    if options.markdown:
        pages.write(options.markdown, record)


if __name__ == "__main__":
    main()
