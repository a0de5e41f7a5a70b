"""Run the benchmarks and report them: python -m bench.run [--quick] [--only PATTERN] ..."""

import argparse
import re
import shlex
import sys
import time
import warnings
from functools import cache, partial
from pathlib import Path

import joblib
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from bench.adaptors import kernels_of, solver_of
from bench.families.comparisons import AGREEMENT, COMPARISONS, LOOSE_AGREEMENT
from bench.families.kernels import SIZES, operands
from bench.harness import timing
from bench.harness.judge import difference, worst_gap
from bench.harness.machine import environment, print_environment
from bench.harness.result import Row
from bench.harness.task import GAP_TARGETS, Task
from bench.reports import kernels as report
from bench.reports.kernels_plot import write_plot

# Time limit of a row, which has at least three pairs.
MOST_SECONDS = 5.0


def measure(case, size, n_threads, pairs):
    """Measure one comparison and return its Row."""
    given = operands(case.problem, size)
    row = Row(
        case.work,
        case.problem,
        case.rival if case.counted else f"{case.rival} in float32",
        n_threads=n_threads,
        must=case.expectation(n_threads),
        layout=given.problem.layout,
        counted=case.counted,
    )
    with threadpool_limits(n_threads, user_api="blas"):
        if case.work in GAP_TARGETS:
            tasks = solver_tasks(case, size, row)
        else:
            tasks = kernel_tasks(case, given, row)
        return row if row.note else row.fill(race(tasks, n_threads, pairs))


def kernel_tasks(case, given, row):
    """Return both packages' Tasks; store the difference of the results, or a refusal."""
    rival_given = given if case.counted else given.in_own_type()
    mine = kernels_of("ours")[case.work](given, row.n_threads)
    other = kernels_of(case.rival)[case.work](rival_given, row.n_threads)
    compare(row, mine.answer(), other.answer(), AGREEMENT if case.counted else LOOSE_AGREEMENT)
    return mine, other


def solver_tasks(case, size, row):
    """Return both Tasks with the loosest tolerances that meet the target; store both gaps."""
    target = GAP_TARGETS[case.work]
    packages = "ours", case.rival
    (my_tol, row.our_gap, mine), (row.tol, row.gap, its) = (
        loosest(package, case.work, case.problem, size) for package in packages
    )
    if target is None:
        compare(row, mine, its, AGREEMENT)
    elif not max(row.our_gap, row.gap) <= target:
        row.note = f"a gap stayed above {target:.0e}"
    problem = operands(case.problem, size).problem_of(case.work)
    return [
        solver_task(package, case.work, problem, row.n_threads, tol)
        for package, tol in zip(packages, (my_tol, row.tol), strict=True)
    ]


def solver_task(package, kind, problem, n_threads, tol):
    """Return the Task of running a package's solver with a tolerance."""
    solver = solver_of(package, kind)
    return Task(None, partial(solver.solve, solver.prepare(problem, n_threads), tol))


def compare(row, mine, its, tolerance):
    """Store the difference of two answers; if it is too large, they are not timed."""
    row.difference = difference(mine, its)
    if not row.difference <= tolerance:
        row.note = f"the answers differ by {row.difference:.1e}"


@cache
def loosest(package, kind, name, size):
    """Return (tolerance, gap, coefficients) of the loosest tolerance that meets the target."""
    problem, target = operands(name, size).problem_of(kind), GAP_TARGETS[kind]
    solver = solver_of(package, kind)
    prepared = solver.prepare(problem, 1)
    for tol in solver.ladder:
        W = solver.solve(prepared, tol)
        gap = worst_gap(problem, W)
        if target is None or gap <= target:
            break
    return tol, gap, W


def race(tasks, n_threads, pairs):
    """Time two Tasks in turn, with a rest in between if BLAS threads may still be spinning."""
    timing.rest()
    samplers = [timing.sampler(task) for task in tasks]
    if n_threads > 1:
        samplers = [timing.rested(sample) for sample in samplers]
    return timing.alternate(samplers, pairs, MOST_SECONDS)


def run(cases, size, threads, pairs, tell):
    """Measure all comparisons; call `tell(row)` after each."""
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
    """Yield every comparison with every number of threads that it can use."""
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
        for case in COMPARISONS
        if re.search(asked.only, f"{case.work} / {case.problem} / {case.rival}")
    ]
    if not cases:
        print(f"no case matches {asked.only!r}", file=sys.stderr)
        return 2
    command = shlex.join(["python", "-m", "bench.run", *argv])
    about = environment(command, asked.threads)
    print_environment(about)
    began = time.perf_counter()
    rows = run(cases, asked.size, asked.threads, asked.repeat, report.Table().add)
    about["seconds"] = round(time.perf_counter() - began)
    report.print_summary(about, rows)
    report.write_json(asked.json, about, rows)
    if not write_plot(asked.plot, about, rows):
        print("no plot: pip install softreg_fast[bench] brings matplotlib")
    if asked.markdown:
        report.write_markdown(asked.markdown, about, rows)
    return int(any(row.note for row in rows))


if __name__ == "__main__":
    sys.exit(main())
