"""Compare losses beyond the squared one: python -m bench.losses [--only PATTERN] [--settings cv].

For every package, find the first tolerance on its ladder whose suboptimality, computed outside all
packages, meets the target; then time it and ours, at two tolerances of our certificate, in turn,
each in its own process.
"""

import argparse
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.families.family import selected
from bench.families.losses import FAMILIES, SETTINGS, TARGETS, levels
from bench.harness.bounds import bounds_of
from bench.harness.environments import ROOT, available, python_of, version_of
from bench.harness.machine import environment
from bench.harness.problem import Choice, save_data, save_setting
from bench.harness.record import Record
from bench.harness.result import Row
from bench.harness.worker import Worker, climb, rounds_of
from bench.reports import losses as pages
from bench.reports.losses import CERTIFIED, CLOCKS, LEAST_PATIENCE, PATIENCE, RIVALS

# Processor seconds that a run of ours may take; the one for lower bounds may take long.
OWN_SECONDS = 120.0

# Tolerance at which ours only gives lower bounds of the optima, untimed.
REFERENCE = 1e-10


def judge_of(problem):
    """Return a function judge(problem, answer) of coefficients or a Choice: the suboptimality."""
    if not problem.n_folds:
        bounds = bounds_of(problem)
        return lambda _, W: bounds.gap(W)
    at = {}

    def of_choice(_, choice):
        chosen = replace(problem, alphas=np.array([choice.alpha]))
        if choice.alpha not in at:
            at[choice.alpha] = bounds_of(chosen)
        return at[choice.alpha].gap(choice.coef.reshape(problem.shape[1], -1))

    return of_choice


class Staff:
    """Workers of all packages, each with as many threads as all others, used again and again."""

    def __init__(self, options):
        self.options, self.workers = options, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for worker in self.workers.values():
            worker.close()

    def worker(self, package, kind, seconds):
        """Return the worker of a package; a new one if it has ended."""
        worker = self.workers.get(package)
        if worker is None or worker.process.poll() is not None:
            worker = Worker(package, kind, self.options.threads, seconds, by_processor=True)
            self.workers[package] = worker
        worker.kind, worker.seconds = kind, seconds
        return worker


class Contest:
    """One problem, our worker with it, and the rows of all packages."""

    def __init__(self, setting, name, problem, folder, wanted, staff):
        self.staff, self.options = staff, staff.options
        self.setting, self.name, self.wanted = setting, name, wanted
        self.problem, self.folder = problem, folder
        self.kind, self.target = SETTINGS[setting].kind, TARGETS[setting]
        self.suboptimality = judge_of(problem)
        self.rows, self.answer, self.best = [], None, np.inf

    def judge(self, problem, answer):
        """Return the suboptimality of an answer, and remember the answer."""
        self.answer = answer
        return self.suboptimality(problem, answer)

    def add(self, package, note=""):
        """Return the new rows of a package, {(clock, tolerance of ours): Row}."""
        n_threads, wanted = self.options.threads, self.wanted
        rows = {
            (clock, tol): Row(
                self.setting, self.name, package, tol, n_threads, *wanted, note=note, clock=clock
            )
            for clock in CLOCKS
            for tol in CERTIFIED
        }
        self.rows += rows.values()
        return rows

    def patience(self):
        """Return the processor seconds that a rival may take: enough to see the must met, but no
        more than by a factor above the best rival so far, whose time is what counts."""
        enough = 1.1 * self.wanted[0] * self.times[CERTIFIED[0]]["processor"]
        most = max(self.options.seconds, enough)
        return min(most, max(LEAST_PATIENCE, PATIENCE * self.best))

    def run(self, rivals):
        """Measure ours and the rivals; return all rows."""
        ours = self.staff.worker("ours", self.kind, OWN_SECONDS)
        if self.own(ours):
            for rival, missing in rivals.items():
                if missing:
                    self.add(rival, missing)
                else:
                    self.beside(ours, rival)
        return self.rows

    def own(self, ours):
        """Fill our rows with gap and times; return whether there are answers at all tolerances."""
        rows, answer = self.add("ours"), ours.load(self.folder)
        found = {tol: ours.solve(tol, self.folder) for tol in (REFERENCE, *CERTIFIED)}
        gaps = {tol: self.judge(None, W) for tol, (W, _) in found.items() if W is not None}
        self.choice = found[CERTIFIED[0]][0]
        # a second run, since the first one of a process is slower
        self.times = {tol: ours.ask(tol=tol) for tol in CERTIFIED}
        for (clock, tol), row in rows.items():
            row.tol, row.gap = tol, gaps.get(tol)
            row.note = answer.get("error", "") or ("" if tol in gaps else str(found[tol][1]))
            row.seconds = self.times[tol].get(CLOCKS[clock])
        return all(tol in gaps and "seconds" in self.times[tol] for tol in CERTIFIED)

    def beside(self, ours, rival):
        """Fill the rows of a rival, at the loosest tolerance that meets the target."""
        package, suffix = RIVALS[rival]
        theirs = self.staff.worker(package, self.kind + suffix, self.patience())
        targets = [self.target]
        found, points, note = climb(theirs, self.problem, targets, self.folder, self.judge)
        rows = self.add(rival, note.removeprefix("RuntimeError: "))
        if not found:
            self.stopped(rows, theirs.stopped)
            return
        tol, gap = found[self.target]
        contenders = *((ours, own) for own in CERTIFIED), (theirs, tol)
        once = [self.times[own]["seconds"] for own in CERTIFIED] + [points[-1][0]]
        hopeless = points[-1][0] > 2.0 * PATIENCE * self.best
        repeat = 1 if hopeless else self.options.repeat
        rounds = rounds_of(contenders, repeat, self.options.seconds, once)
        difference = self.difference()
        for (clock, own), row in rows.items():
            row.tol, row.gap, row.difference = tol, gap, difference
            at = CERTIFIED.index(own)
            row.fill([(times[at][CLOCKS[clock]], times[-1][CLOCKS[clock]]) for times in rounds])
        if not rounds:
            self.stopped(rows, theirs.stopped)
        else:
            self.best = min(self.best, rows["processor", CERTIFIED[0]].seconds)

    def stopped(self, rows, spent):
        """Fill the rows of a rival that was stopped with how many times slower it is at least."""
        for (clock, own), row in rows.items():
            if seconds := spent.get(CLOCKS[clock]):
                row.note = f"over {seconds:.2g} s"
                row.least = seconds / self.times[own][CLOCKS[clock]]

    def difference(self):
        """Return the largest relative difference of a rival's errors in the folds from ours."""
        if not isinstance(self.choice, Choice):
            return None
        return float(np.max(np.abs(self.answer.errors / self.choice.errors - 1.0)))


def measure_family(family, rivals, staff, record):
    """Measure all settings of one family, add them to the record, and print them."""
    base = family.make()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_data(folder, base)
        for key in staff.options.settings:
            able = {r: m for r, m in rivals.items() if pages.able(r, key, base.loss)}
            for label, problem in SETTINGS[key].problems(family, base):
                save_setting(folder, problem)
                wanted = levels(key, family)
                rows = Contest(key, label, problem, folder, wanted, staff).run(able)
                record.add(rows)
                for row in rows:
                    if row.clock == "processor":
                        print(line(row), flush=True)


def line(row):
    """Return a result as one printed line."""
    start = f"{row.setting:8} {row.problem:32} {row.package:9}"
    parts = [f"{start} ours certified {row.target:.0e}"]
    if row.gap is not None and row.tol is not None:
        parts.append(f"tol {row.tol:.0e} gap {row.gap:.0e}")
    if row.ratio is not None:
        parts.append(f"{row.seconds:9.4f} s, ours {row.ours:8.5f} s, {row.ratio:6.2f}x")
    return "  ".join([*parts, row.note])


def missing(package):
    """Return why there is no such package, or nothing."""
    if package == "rglmnet":
        return "" if package in available() else "not installed"
    try:
        python_of(package)
    except (OSError, subprocess.CalledProcessError):
        return "cannot be installed"
    return ""


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="regular expression on the families' names")
    parser.add_argument("--settings", default="path", help=f"some of {','.join(SETTINGS)}, or all")
    parser.add_argument("--packages", default="", help=f"some of {','.join(RIVALS)}; default: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=5, help="how often all are timed in turn")
    parser.add_argument("--seconds", type=float, default=20.0, help="longest run waited for")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "losses" / "results.json")
    parser.add_argument("--markdown", type=Path, help="such as docs/benchmarks.md")
    options = parser.parse_args()
    everything = options.settings == "all"
    options.settings = list(SETTINGS) if everything else options.settings.split(",")
    options.packages = [name for name in options.packages.split(",") if name] or list(RIVALS)
    return options


def main():
    """Measure, print the tables, write JSON and, if requested, the page."""
    options = parsed()
    about = environment("make bench-losses", [options.threads])
    reasons = {package: missing(package) for package in dict(RIVALS.values())}
    about |= {package: why or version_of(package) for package, why in reasons.items()}
    rivals = {name: reasons[RIVALS[name][0]] for name in options.packages}
    record = Record(options.json, about)
    with Staff(options) as staff:
        for family in selected(FAMILIES, options.only):
            measure_family(family, rivals, staff, record)
    pages.show(record)
    if options.markdown:
        pages.write(options.markdown, record)


if __name__ == "__main__":
    main()
