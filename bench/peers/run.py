"""Paths beside the field's packages: python -m bench.peers.run [--only PATTERN] [--targets ...].

For every package the first tolerance on its ladder whose worst gap along the path, judged outside
all packages, meets the target; then it and we are timed in turn, each in a process of its own.
"""

import argparse
import json
import re
import select
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from bench import report
from bench.peers.environments import FOLDER, HOME, python_of, version_of
from bench.peers.families import FAMILIES
from bench.peers.judge import largest_alpha, worst_gap

TARGETS = (1e-6, 1e-3)


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
        self.process.wait()


@dataclass
class Result:
    """What one package reached on one problem, and its times beside ours, in seconds."""

    family: str
    package: str
    target: float
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
    X, y, alphas = problem
    reached, points = {}, []
    for tol in answer["ladder"]:
        saved = folder / f"{worker.package}.npz"
        ran = worker.ask(tol=tol, save=str(saved))
        if "error" in ran:
            return reached, points, ran["error"]
        gap = worst_gap(X, y, alphas, sp.csc_matrix(sp.load_npz(saved)))
        points.append((ran["seconds"], gap))
        for target in targets:
            if gap <= target and target not in reached:
                reached[target] = tol, gap
        if len(reached) == len(targets):
            break
    return reached, points, "" if reached else f"gap {points[-1][1]:.0e} at the strictest tolerance"


def duel(ours, rival, my_tol, its_tol, repeats, most_seconds):
    """Pairs of times (ours, rival), taken in turn."""
    pairs, began = [], time.perf_counter()
    while len(pairs) < repeats:
        times = []
        for worker, tol in ((ours, my_tol), (rival, its_tol)):
            time.sleep(0.15)  # idle BLAS threads spin for a tenth of a second
            answer = worker.ask(tol=tol)
            if "error" in answer:
                return pairs
            times.append(answer["seconds"])
        pairs.append(times)
        if len(pairs) >= 3 and time.perf_counter() - began > most_seconds:
            break
    return pairs


def measure(family, packages, options):
    """The Results of one family, and {package: [(seconds, gap), ...]}."""
    X, y = family.make()
    alphas = np.geomspace(1.0, options.eps or family.eps, 100) * largest_alpha(X, y)
    results, curves = [], {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if sp.issparse(X):
            sp.save_npz(folder / "X.npz", X, compressed=False)
        else:
            np.save(folder / "X.npy", X)
        np.save(folder / "y.npy", y)
        np.save(folder / "alphas.npy", alphas)
        ours = Worker("ours", options.threads, options.seconds)
        mine, curves["ours"], note = climb(ours, (X, y, alphas), options.targets, folder)
        for target in options.targets:
            tol, gap = mine.get(target, (None, None))
            results.append(Result(family.name, "ours", target, tol, gap, note=note))
        for package in packages:
            rival = Worker(package, options.threads, options.seconds)
            its, curves[package], note = climb(rival, (X, y, alphas), options.targets, folder)
            for target in options.targets:
                result = Result(family.name, package, target, note=note)
                results.append(result)
                if target not in its or target not in mine:
                    continue
                result.tol, result.gap = its[target]
                pairs = duel(
                    ours, rival, mine[target][0], result.tol, options.repeat, options.seconds
                )
                if not pairs:
                    continue
                mine_s, its_s = np.transpose(pairs)
                result.ours, result.seconds = float(np.median(mine_s)), float(np.median(its_s))
                low, middle, high = np.quantile(its_s / mine_s, (0.25, 0.5, 0.75))
                result.ratio, result.quartiles = float(middle), (float(low), float(high))
                result.pairs = len(pairs)
            rival.close()
        ours.close()
    return results, curves


def _cell(row):
    if row.ratio is None:
        return row.note or "-"
    return f"{report.seconds(row.seconds)} ({row.ratio:.1f}x)"


def table(results, target, packages):
    """Lines of a Markdown table: our time, the others' as multiples of it, the verdict."""
    heads = ["problem", "ours", "our gap", *packages, "best / ours", "must", "aim", "verdict"]
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 2) + " --- |"]
    for family in FAMILIES:
        rows = {r.package: r for r in results if r.family == family.name and r.target == target}
        if not rows:
            continue
        ratios = [r.ratio for r in rows.values() if r.ratio is not None]
        times = [r.ours for r in rows.values() if r.ours is not None]
        best = min(ratios, default=None)
        cells = [
            family.name,
            report.seconds(float(np.median(times))) if times else rows["ours"].note or "-",
            f"{rows['ours'].gap:.0e}" if rows["ours"].gap is not None else "-",
        ]
        cells += [_cell(rows[package]) for package in packages]
        verdict = "no rival got there"
        if best is not None:
            verdict = "met" if best >= family.must else "missed"
        cells += [f"{best:.1f}" if best is not None else "-", str(family.must), str(family.aim)]
        lines.append("| " + " | ".join([*cells, verdict]) + " |")
    return lines


def line(row):
    """One result as it is printed when it is there."""
    parts = [f"{row.family:24} {row.package:8} target {row.target:.0e}"]
    if row.gap is not None:
        parts.append(f"tol {row.tol:.0e} gap {row.gap:.0e}")
    if row.ratio is not None:
        parts.append(f"{row.seconds:8.3f} s, ours {row.ours:8.4f} s, {row.ratio:6.1f}x")
    return "  ".join([*parts, row.note])


def main():
    """Measure, print the tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="regular expression on the problems' names")
    parser.add_argument("--packages", default=",".join(p for p in HOME if p != "ours"))
    parser.add_argument("--targets", type=lambda s: [float(t) for t in s.split(",")])
    parser.add_argument("--eps", type=float, help="last alpha / first alpha (default: 0.01)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="longest path that is waited for"
    )
    parser.add_argument("--json", type=Path, default=FOLDER / "peers.json")
    options = parser.parse_args()
    options.targets = options.targets or list(TARGETS)
    packages = options.packages.split(",")
    versions = {package: version_of(package) for package in ["ours", *packages]}
    results, curves = [], {}
    for family in FAMILIES:
        if not re.search(options.only, family.name):
            continue
        if family.missing:
            print(f"{family.name}: left out, there is no {family.missing}")
            continue
        found, curves[family.name] = measure(family, packages, options)
        results += found
        for row in found:
            print(line(row), flush=True)
    for target in options.targets:
        print(f"\nworst gap / P0 <= {target:g}, {options.threads} thread(s)\n")
        print("\n".join(table(results, target, packages)))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    kept = {"versions": versions, "results": [asdict(r) for r in results], "curves": curves}
    options.json.write_text(json.dumps(kept, indent=1))
    print(f"\nwritten: {options.json}")


if __name__ == "__main__":
    main()
