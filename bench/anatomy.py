"""Costs of our own path: python -m bench.anatomy [--only PATTERN] [--markdown FILE].

Measures how often X is read, the memory used beyond X, the gain from a second thread, and how time
grows with the size of X.
"""

import argparse
import re
import time
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from scipy.linalg.blas import dsyrk
from threadpoolctl import threadpool_limits

from bench import report
from bench.page import write_part
from bench.peers.families import FAMILIES, autoregressive, factors, grid, with_target
from bench.peers.problem import Problem
from bench.problems import text
from bench.timing import REST_SECONDS
from softreg_fast import Design, Penalty, path
from softreg_fast.solvers.choice import make_engine
from softreg_fast.solvers.problem import Problem as Fit

INTRODUCTION = """\
## Our paths from inside

100 alphas to alpha_max/100 (mice_snp: /10), intercept on, float64.

- **Reads of X**: entries of X that were read after the column means and norms (one more read),
  divided by all entries. Reading for the Gram columns of features that come near the support is
  included.
- **Memory**: the largest sum of what was allocated at a time beyond X, traced by Python.
- **1 thread, 2 threads**: medians of alternating runs, and their ratio.

Repeat it with

    make bench-anatomy
"""


def reads_of(problem):
    """Return (how often X is read, strategy, nonzeros at the last alpha) for the path."""
    design = Design(problem.X, problem.y)
    engine = make_engine(Fit(design, Penalty()), None, len(problem.alphas))
    for alpha in problem.alphas:
        engine.solve(alpha, 0.0, 1e-6, 100_000)
    return engine.n_reads, engine.strategy, np.count_nonzero(engine.coef)


def memory_of(problem):
    """Return the peak of the bytes allocated beyond X."""
    tracemalloc.start()
    path(problem.X, problem.y, alphas=problem.alphas)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def path_of(problem):
    """Return a function of the number of threads that computes our path."""
    return lambda n_threads: path(problem.X, problem.y, alphas=problem.alphas, n_threads=n_threads)


def time_of(task, n_threads):
    """Return the seconds of `task(n_threads)`, measured after a rest."""
    with threadpool_limits(n_threads):
        time.sleep(REST_SECONDS)
        began = time.perf_counter()
        task(n_threads)
        return time.perf_counter() - began


def in_turn(first, second, most_seconds=20.0):
    """Call two timers in turn; return the medians of both and of first / second."""
    second()
    began, pairs = time.perf_counter(), []
    while len(pairs) < 9 and (len(pairs) < 3 or time.perf_counter() - began < most_seconds):
        pairs.append((first(), second()))
    a, b = np.transpose(pairs)
    return np.median(a), np.median(b), np.median(a / b)


def threads_of(task, most_seconds=20.0):
    """Return median seconds with one and with two threads, and the median ratio."""
    return in_turn(lambda: time_of(task, 1), lambda: time_of(task, 2), most_seconds)


def size_of(X):
    return X.data.nbytes + X.indices.nbytes + X.indptr.nbytes if sp.issparse(X) else X.nbytes


def family_row(family):
    """Return the cells of one family's row."""
    X, y = family.make()
    problem = grid(Problem(X, y, None), max(0.01, family.least))
    n_reads, strategy, df = reads_of(problem)
    memory, size = memory_of(problem), size_of(X)
    one, two, ratio = threads_of(path_of(problem))
    cells = [family.name, strategy, f"{df:,}", f"{n_reads:.1f}", f"{size / 2**20:,.1f} MiB"]
    cells += [f"{memory / 2**20:,.1f} MiB", f"{memory / size:.2f}"]
    return [*cells, report.seconds(one), report.seconds(two), report.shortened(ratio)]


def growth_rows():
    """Return rows of times as samples, features or stored entries double."""
    rng = np.random.default_rng(0)
    kinds = {
        "factors, p doubles": [(lambda k=k: factors(200, 2_500 * k, rng)) for k in (1, 2, 4, 8)],
        "AR(0.6), n doubles": [
            (lambda k=k: autoregressive(125 * k, 5_000, 0.6, rng)) for k in (1, 2, 4, 8)
        ],
        "tall, n doubles": [
            (lambda k=k: rng.standard_normal((12_500 * k, 300))) for k in (1, 2, 4, 8)
        ],
    }
    for name, makers in kinds.items():
        yield name, [with_target(make(), rng) for make in makers]
    sizes = (12, 25, 50, 100)
    yield "text, words per document double", [text(20_000, 50_000, k, rng) for k in sizes]


def growth_row(name, problems):
    times = []
    for X, y in problems:
        problem = grid(Problem(X, y, None), 0.01)
        times.append(threads_of(path_of(problem), most_seconds=5.0)[1])
    factors_ = [report.shortened(b / a) for a, b in pairwise(times)]
    return [name, *map(report.seconds, times), ", ".join(factors_)]


def syrk_row():
    """Compare a tall path with one BLAS syrk of the same X, with two threads each."""
    X, y = next(f for f in FAMILIES if f.name.startswith("tall")).make()
    problem = grid(Problem(X, y, None), 0.01)
    ours, syrk, ratio = in_turn(
        lambda: time_of(path_of(problem), 2),
        lambda: time_of(lambda _: dsyrk(1.0, X, trans=1, lower=1), 2),
    )
    return syrk, ours, ratio


def show(heads, rows):
    """Print a Markdown table row by row; return its lines."""
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    print("\n".join(lines), flush=True)
    for row in rows:
        lines.append("| " + " | ".join(row) + " |")
        print(lines[-1], flush=True)
    return lines


def main():
    """Measure, print, and write this part of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="regular expression on the families' names")
    parser.add_argument("--markdown", type=Path, help="such as docs/benchmarks.md")
    options = parser.parse_args()
    about = report.environment("make bench-anatomy", [1, 2])
    families = [f for f in FAMILIES if re.search(options.only, f.name) and not f.missing]
    heads = ["problem", "strategy", "nonzero", "reads of X", "X", "memory", "memory / X"]
    heads += ["1 thread", "2 threads", "ratio"]
    lines = show(heads, map(family_row, families))
    if not options.only:
        syrk, ours, ratio = syrk_row()
        tall = (
            f"The tall path takes {report.seconds(ours)}, one BLAS `syrk` of the same X "
            f"{report.seconds(syrk)}: {ratio:.2f} times as long, with two threads."
        )
        print(tall)
        heads = ["growth, 2 threads", *("size x " + str(k) for k in (1, 2, 4, 8)), "factors"]
        rows = (growth_row(name, problems) for name, problems in growth_rows())
        lines += ["", tall, "", *show(heads, rows)]
    if options.markdown:
        machine = report.machine(about)
        text_ = "\n".join([INTRODUCTION, *machine, "", *lines])
        write_part(options.markdown, "anatomy", text_)


if __name__ == "__main__":
    main()
