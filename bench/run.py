"""Run the benchmarks and report them: python -m bench.run [--quick] [--only PATTERN] ..."""

import argparse
import re
import shlex
import sys
import time
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import joblib
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from bench import report
from bench.cases import AGREEMENT, CASES, GAP_TARGETS, LOOSE_AGREEMENT
from bench.certificate import difference, worst_gap
from bench.problems import SIZES, problem
from bench.solvers import Task, numpy, ours, scipy, sklearn
from bench.timing import REST_SECONDS, Duel, compare

RIVALS = {"numpy": numpy, "scipy": scipy, "sklearn": sklearn}

# Time limit of a row, which has at least three pairs.
MOST_SECONDS = 5.0


@dataclass(frozen=True)
class Row:
    """One comparison with one number of threads, and its results."""

    work: str
    problem: str
    layout: str
    rival: str
    n_threads: int
    expected: float | None
    counted: bool
    difference: float | None = None  # of the two kernels' results
    gaps: tuple | None = None  # duality gaps of our solution and the rival's
    duel: Duel | None = None
    refusal: str = ""  # the reason, if it was not timed

    @property
    def met(self):
        """Return whether the median ratio reaches the expected one, None without an expectation."""
        if self.refusal:
            return False
        return None if self.expected is None else self.duel.ratio >= self.expected


def measure(case, size, n_threads, pairs):
    """Measure one case and return its Row."""
    data = problem(case.problem, size)
    row = {
        "work": case.work,
        "problem": case.problem,
        "layout": data.layout,
        "rival": case.rival,
        "n_threads": n_threads,
        "expected": case.expectation(n_threads),
        "counted": case.counted,
    }
    if not case.counted:
        row["rival"] += " in float32"
    with threadpool_limits(n_threads, user_api="blas"):
        if case.work in ours.KERNELS:
            row |= measure_kernel(case, data, n_threads, pairs)
        else:
            row |= measure_solver(case, size, n_threads, pairs)
    return Row(**row)


def measure_kernel(case, data, n_threads, pairs):
    """Return the difference of the results and, if it is small enough, the times."""
    mine = ours.KERNELS[case.work](data, n_threads)
    rival_data = data if case.counted else data.in_own_type()
    other = RIVALS[case.rival].KERNELS[case.work](rival_data, n_threads)
    apart = difference(mine.answer(), other.answer())
    if not apart <= (AGREEMENT if case.counted else LOOSE_AGREEMENT):
        return {"difference": apart, "refusal": f"the answers differ by {apart:.1e}"}
    return {"difference": apart, "duel": race(mine, other, n_threads, pairs)}


def measure_solver(case, size, n_threads, pairs):
    """Return both gaps at the loosest tolerance that meets the target, and the times."""
    data, target = problem(case.problem, size), GAP_TARGETS[case.work]
    places = [(adaptor, case.work, case.problem, size) for adaptor in (ours, RIVALS[case.rival])]
    (my_tol, my_gap, mine), (its_tol, its_gap, its) = (loosest(*place) for place in places)
    found = {"gaps": (my_gap, its_gap)}
    if target is None:
        apart = found["difference"] = difference(mine, its)
        if not apart <= AGREEMENT:
            return found | {"refusal": f"the answers differ by {apart:.1e}"}
    elif not max(my_gap, its_gap) <= target:
        return found | {"refusal": f"a gap stayed above {target:.0e}"}
    tasks = [
        timed(adaptor.SOLVERS[case.work](data, n_threads, target), tol)
        for (adaptor, *_), tol in zip(places, (my_tol, its_tol), strict=True)
    ]
    return found | {"duel": race(*tasks, n_threads, pairs)}


def timed(solver, tol):
    """Return the Task of running a solver with the tolerance `tol`."""
    return Task(None, lambda: solver.run(tol))


@cache
def loosest(adaptor, work, name, size):
    """Return (tolerance, gap, coefficients) of the loosest tolerance that meets the target."""
    data, target = problem(name, size), GAP_TARGETS[work]
    l1, l2 = 0.0, data.l2
    if work == "lasso path":
        l1, l2 = data.alphas[None, :], 0.0
    solver = adaptor.SOLVERS[work](data, 1, target)
    for tol in solver.tols:
        W = solver.coefs(solver.run(tol))
        gap = worst_gap(data, W, l1, l2)
        if target is None or gap <= target:
            break
    return tol, gap, W


def race(mine, other, n_threads, pairs):
    """Time both in turn, with a rest in between if BLAS threads may still be spinning."""
    time.sleep(REST_SECONDS)
    return compare(mine, other, pairs, REST_SECONDS if n_threads > 1 else 0.0, MOST_SECONDS)


def run(cases, size, threads, pairs, tell):
    """Measure all cases; call `tell(row)` after each."""
    rows = []
    with warnings.catch_warnings():
        # scikit-learn's kernels warn when they are stopped after a few epochs
        warnings.simplefilter("ignore", ConvergenceWarning)
        for case, n_threads in cases_with_threads(cases, threads):
            row = measure(case, size, n_threads, pairs)
            tell(row)
            rows.append(row)
    return rows


def cases_with_threads(cases, threads):
    """Return every case with every number of threads that it can use."""
    for case in cases:
        for n_threads in threads if case.threaded else threads[:1]:
            yield case, n_threads


def parse(argv):
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument(
        "--quick", action="store_const", const="quick", dest="size", help="small problems"
    )
    parser.add_argument("--size", choices=SIZES, help="size of the problems (default: full)")
    parser.add_argument(
        "--only",
        metavar="PATTERN",
        default="",
        help='regular expression that "work / problem / rival" must contain',
    )
    cores = joblib.cpu_count()
    parser.add_argument(
        "--threads",
        type=thread_counts,
        default=(1, 2) if cores > 1 else (1,),
        help="numbers of threads, such as 1,2",
    )
    parser.add_argument("--repeat", type=positive, default=7, help="pairs of samples in a row")
    folder = Path("build", "bench")
    parser.add_argument("--json", type=Path, default=folder / "results.json")
    parser.add_argument("--plot", type=Path, default=folder / "results.png")
    parser.add_argument("--markdown", type=Path, help="such as docs/benchmarks.md")
    parser.set_defaults(size="full")
    return parser.parse_args(argv)


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def thread_counts(text):
    return tuple(sorted({positive(part) for part in text.split(",")}))


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    asked = parse(argv)
    cases = [
        case
        for case in CASES
        if re.search(asked.only, f"{case.work} / {case.problem} / {case.rival}")
    ]
    if not cases:
        print(f"no case matches {asked.only!r}", file=sys.stderr)
        return 2
    command = shlex.join(["python", "-m", "bench.run", *argv])
    about = report.environment(command, asked.threads)
    report.print_environment(about)
    began = time.perf_counter()
    rows = run(cases, asked.size, asked.threads, asked.repeat, report.Table().add)
    about["seconds"] = round(time.perf_counter() - began)
    report.print_summary(about, rows)
    report.write_json(asked.json, about, rows)
    if not report.write_plot(asked.plot, about, rows):
        print("no plot: pip install softreg_fast[bench] brings matplotlib")
    if asked.markdown:
        report.write_markdown(asked.markdown, about, rows)
    return int(any(row.refusal for row in rows))


if __name__ == "__main__":
    sys.exit(main())
