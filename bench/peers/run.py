"""Compare with other packages: python -m bench.peers.run [--only PATTERN] [--settings path,fit].

For every package, find the first tolerance on its ladder whose worst gap, computed outside all
packages, meets the target; then time it and ours in turn, each in its own process.
"""

import argparse
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from bench.peers import pages
from bench.peers.contest import Worker, duel, fill
from bench.peers.environments import FOLDER, available, version_of
from bench.peers.families import FAMILIES, SETTINGS, TARGETS, levels
from bench.peers.judge import worst_gap
from bench.peers.problem import save_data, save_setting
from bench.peers.record import Record
from bench.report import environment


@dataclass
class Result:
    """Result of one package on one problem, and its times beside ours, in seconds."""

    setting: str
    problem: str
    package: str
    target: float
    n_threads: int
    must: float
    aim: float
    against: str
    tol: float | None = None
    gap: float | None = None
    seconds: float | None = None
    ours: float | None = None
    ratio: float | None = None
    quartiles: tuple = ()
    pairs: int = 0
    note: str = ""

    @property
    def key(self):
        """Key under which a later result replaces this one."""
        return self.setting, self.problem, self.package, self.target, self.n_threads


def climb(worker, problem, targets, folder):
    """Return {target: (tol, gap) of the loosest tolerance that meets it}, all points, a note."""
    answer = worker.ask(load=str(folder), n_threads=worker.n_threads, seconds=300.0)
    if "error" in answer:
        return {}, [], answer["error"]
    # warm up: the first run of a process is slower
    answer |= worker.ask(tol=answer["ladder"][0])
    if "error" in answer:
        return {}, [], answer["error"]
    reached, points = {}, []
    for tol in answer["ladder"]:
        saved = folder / f"{worker.package}.npz"
        ran = worker.ask(tol=tol, save=str(saved))
        if "error" in ran:
            return reached, points, ran["error"]
        gap = worst_gap(problem, sp.load_npz(saved))
        points.append((ran["seconds"], gap))
        for target in targets:
            if gap <= target and target not in reached:
                reached[target] = tol, gap
        if len(reached) == len(targets):
            break
    return reached, points, "" if reached else f"gap {points[-1][1]:.0e} at the strictest tolerance"


def measure(setting, name, problem, folder, wanted, packages, options):
    """Return the Results on one problem, and its panel {package: [(seconds, gap), ...]}."""
    save_setting(folder, problem)
    ours = Worker("ours", options.threads, options.seconds)
    mine, points, note = climb(ours, problem, options.targets, folder)
    results, curves = [], {"ours": points}

    def result(package, target, **found):
        results.append(Result(setting, name, package, target, options.threads, *wanted, **found))
        return results[-1]

    for target in options.targets:
        tol, gap = mine.get(target, (None, None))
        result("ours", target, tol=tol, gap=gap, note=note)
    for package in packages:
        rival = Worker(package, options.threads, options.seconds)
        its, curves[package], note = climb(rival, problem, options.targets, folder)
        for target in options.targets:
            row = result(package, target, note=note)
            if target in its and target in mine:
                row.tol, row.gap = its[target]
                contenders = (ours, mine[target][0]), (rival, row.tol)
                fill(row, duel(contenders, options.repeat, options.seconds))
        rival.close()
    ours.close()
    return results, {f"{setting}: {name}": curves}


def line(row):
    """Return a result as one printed line."""
    parts = [f"{row.setting:9} {row.problem:34} {row.package:8} target {row.target:.0e}"]
    if row.gap is not None:
        parts.append(f"tol {row.tol:.0e} gap {row.gap:.0e}")
    if row.ratio is not None:
        parts.append(f"{row.seconds:9.4f} s, ours {row.ours:8.5f} s, {row.ratio:6.2f}x")
    return "  ".join([*parts, row.note])


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="regular expression on the families' names")
    parser.add_argument("--settings", default="path", help=f"some of {','.join(SETTINGS)}, or all")
    parser.add_argument(
        "--packages", default="", help="such as celer,glmnet; default: all there are"
    )
    parser.add_argument("--targets", default=",".join(f"{t:g}" for t in TARGETS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=7, help="how often both are timed in turn")
    parser.add_argument("--seconds", type=float, default=20.0, help="longest run waited for")
    parser.add_argument("--json", type=Path, default=FOLDER / "results.json")
    parser.add_argument("--markdown", type=Path, help="such as docs/benchmarks.md")
    options = parser.parse_args()
    options.targets = [float(target) for target in options.targets.split(",")]
    wanted = SETTINGS if options.settings == "all" else options.settings.split(",")
    options.settings = {name: SETTINGS[name] for name in wanted}
    return options


def main():
    """Measure, print the tables, write JSON and, if requested, the page."""
    options = parsed()
    rivals = [name for name in available() if name != "ours"]
    packages = [name for name in options.packages.split(",") if name] or rivals
    about = environment("make bench-peers", [options.threads])
    about |= {package: version_of(package) for package in rivals}
    record = Record(options.json, about, Result)
    for family in FAMILIES:
        if not re.search(options.only, family.name):
            continue
        if family.missing:
            print(f"{family.name}: left out, there is no {family.missing}")
            continue
        X, y = family.make()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            save_data(folder, X, y)
            for key, setting in options.settings.items():
                wanted = levels(key, family)
                for label, problem in setting.problems(family, X, y):
                    np.save(folder / "y.npy", problem.y)
                    found = measure(key, label, problem, folder, wanted, packages, options)
                    record.add(*found)
                    for row in found[0]:
                        print(line(row), flush=True)
    pages.show(record)
    if options.markdown:
        pages.write(options.markdown, record)


if __name__ == "__main__":
    main()
