"""Costs of our own path: python -m bench.anatomy [--only PATTERN] [--markdown FILE].

Measures how often X is read, the memory used beyond X, the gain from a second thread, and how time
grows with the size of X.
"""

import argparse
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.linalg.blas import dsyrk

from bench.families.data import autoregressive, factors, text, with_target
from bench.families.family import selected
from bench.families.paths import FAMILIES
from bench.families.settings import grid
from bench.harness import tables
from bench.harness.internals import FitProblem, make_engine
from bench.harness.machine import environment
from bench.harness.problem import Problem
from bench.harness.tables import seconds, shortened
from bench.harness.timing import in_turn, thread_sampler, threads_of
from bench.reports import anatomy as page
from softreg_fast import Design, Penalty, path


def reads_of(problem):
    """Return (how often X is read, strategy, nonzeros at the last alpha) for the path."""
    design = Design(problem.X, problem.y)
    engine = make_engine(FitProblem(design, Penalty()), None, len(problem.alphas))
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


def family_row(family):
    """Return the cells of one family's row."""
    problem = grid(family.make(), max(0.01, family.least))
    n_reads, strategy, df = reads_of(problem)
    memory, size = memory_of(problem), problem.nbytes
    times = threads_of(path_of(problem))
    cells = [family.name, strategy, f"{df:,}", f"{n_reads:.1f}", f"{size / 2**20:,.1f} MiB"]
    cells += [f"{memory / 2**20:,.1f} MiB", f"{memory / size:.2f}"]
    return [*cells, seconds(times.second), seconds(times.first), shortened(times.ratio)]


def growth_rows():
    """Yield (name, problems) whose samples, features or stored entries double."""
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
        yield name, [Problem(*with_target(make(), rng)) for make in makers]
    sizes = (12, 25, 50, 100)
    documents = [Problem(*text(20_000, 50_000, k, rng)) for k in sizes]
    yield "text, words per document double", documents


def growth_row(name, problems):
    """Return the cells of one kind: times with two threads, and their quotients."""
    paths = [path_of(grid(problem, 0.01)) for problem in problems]
    times = [threads_of(path, most_seconds=5.0).first for path in paths]
    quotients = [shortened(b / a) for a, b in pairwise(times)]
    return [name, *map(seconds, times), ", ".join(quotients)]


def beside_syrk():
    """Compare a tall path with one BLAS syrk of the same X, with two threads each."""
    problem = grid(next(f for f in FAMILIES if f.name.startswith("tall")).make(), 0.01)
    syrk = thread_sampler(lambda _: dsyrk(1.0, problem.X, trans=1, lower=1), 2)
    times = in_turn(syrk, thread_sampler(path_of(problem), 2))
    return (
        f"The tall path takes {seconds(times.second)}, one BLAS `syrk` of the same X "
        f"{seconds(times.first)}: {times.ratio:.2f} times as long, with two threads."
    )


def main():
    """Measure, print, and write this part of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="regular expression on the families' names")
    parser.add_argument("--markdown", type=Path, help="such as docs/benchmarks.md")
    options = parser.parse_args()
    about = environment("make bench-anatomy", [1, 2])
    families = selected(FAMILIES, options.only, tell=lambda text: None)
    heads = ["problem", "strategy", "nonzero", "reads of X", "X", "memory", "memory / X"]
    lines = tables.show([*heads, "1 thread", "2 threads", "ratio"], map(family_row, families))
    if not options.only:
        tall = beside_syrk()
        print(tall)
        heads = ["growth, 2 threads", *("size x " + str(k) for k in (1, 2, 4, 8)), "factors"]
        rows = (growth_row(name, problems) for name, problems in growth_rows())
        lines += ["", tall, "", *tables.show(heads, rows)]
    if options.markdown:
        page.write(options.markdown, about, lines)


if __name__ == "__main__":
    main()
