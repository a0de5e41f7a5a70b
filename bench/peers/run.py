"""Beside the field's packages: python -m bench.peers.run [--only PATTERN] [--settings path,fit].

For every package the first tolerance on its ladder whose worst gap, judged outside all packages,
meets the target; then it and we are timed in turn, each in a process of its own.
"""

import argparse
import json
import math
import re
import select
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from bench.peers import pages
from bench.peers.environments import FOLDER, available, python_of, version_of
from bench.peers.families import FAMILIES, NO_CONTEST, SETTINGS, TARGETS, levels
from bench.peers.judge import worst_gap
from bench.peers.problem import save_data, save_setting
from bench.report import environment
from bench.timing import LEAST_SECONDS, REST_SECONDS


class Worker:
    """A package in a process of its own, given up after so many seconds without an answer."""

    def __init__(self, package, n_threads, seconds):
        self.package, self.n_threads, self.seconds = package, n_threads, seconds
        script = Path(__file__).with_name("worker.py")
        threads = {
            name: str(n_threads)
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        }
        self.process = subprocess.Popen(
            ["env", *(f"{k}={v}" for k, v in threads.items()), python_of(package), script, package],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, seconds=None, **request):
        """The answer to a request; an error if there is none in time."""
        if self.process.poll() is not None:
            return {"error": "the process has ended"}
        print(json.dumps(request), file=self.process.stdin, flush=True)
        ready, _, _ = select.select([self.process.stdout], [], [], seconds or self.seconds)
        if not ready:
            self.close()
            return {"error": f"over {self.seconds:g} s"}
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "the process has ended"}

    def close(self):
        """End the process."""
        self.process.kill()
        self.process.communicate()


@dataclass
class Result:
    """What one package reached on one problem, and its times beside ours, in seconds."""

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


def climb(worker, problem, targets, folder):
    """{target: (tol, gap)} of the loosest tolerance that meets it, the points tried, and a note."""
    answer = worker.ask(load=str(folder), n_threads=worker.n_threads, seconds=300.0)
    if "error" in answer:
        return {}, [], answer["error"]
    # the first run of a process is slower than the others
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


def duel(ours, rival, my_tol, its_tol, repeats, most_seconds):
    """Pairs of times (ours, rival), taken in turn."""
    contenders = [(ours, my_tol), (rival, its_tol)]
    times = [_seconds(worker, tol, 1) for worker, tol in contenders]
    if None in times:
        return []
    counts = [max(1, math.ceil(LEAST_SECONDS / seconds)) for seconds in times]
    pairs, began = [], time.perf_counter()
    while len(pairs) < repeats:
        pair = [_seconds(*who, count) for who, count in zip(contenders, counts, strict=True)]
        if None in pair:
            break
        pairs.append(pair)
        if pair[1] > NO_CONTEST * pair[0] and pair[1] > 1.0:
            break
        if len(pairs) >= 3 and time.perf_counter() - began > most_seconds:
            break
    return pairs


def _seconds(worker, tol, times):
    time.sleep(REST_SECONDS)
    return worker.ask(tol=tol, times=times).get("seconds")


def measure(setting, name, problem, folder, wanted, packages, options):
    """The Results on one problem, and {package: [(seconds, gap), ...]}."""
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
                pairs = duel(ours, rival, mine[target][0], row.tol, options.repeat, options.seconds)
                _fill(row, pairs)
        rival.close()
    ours.close()
    return results, curves


def _fill(row, pairs):
    if pairs:
        ours, its = np.transpose(pairs)
        row.ours, row.seconds = float(np.median(ours)), float(np.median(its))
        low, row.ratio, high = np.quantile(its / ours, (0.25, 0.5, 0.75)).tolist()
        row.quartiles, row.pairs = (low, high), len(pairs)


def line(row):
    """One result as it is printed when it is there."""
    parts = [f"{row.setting:9} {row.problem:34} {row.package:8} target {row.target:.0e}"]
    if row.gap is not None:
        parts.append(f"tol {row.tol:.0e} gap {row.gap:.0e}")
    if row.ratio is not None:
        parts.append(f"{row.seconds:9.4f} s, ours {row.ours:8.5f} s, {row.ratio:6.2f}x")
    return "  ".join([*parts, row.note])


class Record:
    """All results so far, in a JSON file; those of another machine or version are dropped."""

    def __init__(self, path, about):
        self.path, self.rows, self.curves = path, {}, {}
        self.about = self.now = about  # when the last was measured, and now
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if _lasting(kept["about"]) == _lasting(about):
                for row in kept["rows"]:
                    self._take(Result(**row))
                self.curves, self.about = kept["curves"], kept["about"]

    def _take(self, row):
        key = (row.setting, row.problem, row.package, row.target, row.n_threads)
        self.rows[key] = row

    def add(self, results, curves):
        """Take in what was found on one problem, and save."""
        self.about = self.now
        for row in results:
            self._take(row)
        self.curves.setdefault(f"{results[0].setting}: {results[0].problem}", {}).update(curves)
        kept = {"about": self.about, "rows": [asdict(r) for r in self.rows.values()]}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**kept, "curves": self.curves}, indent=1)
        self.path.write_text(text + "\n", encoding="utf-8")


def _lasting(about):
    passing = {"command", "date", "load at the start", "threads", "blas"}
    return {name: value for name, value in about.items() if name not in passing}


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
    """Measure, print the tables, write JSON and, if wanted, the page."""
    options = parsed()
    rivals = [name for name in available() if name != "ours"]
    packages = [name for name in options.packages.split(",") if name] or rivals
    about = environment("make bench-peers", [options.threads])
    about |= {package: version_of(package) for package in rivals}
    record = Record(options.json, about)
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
