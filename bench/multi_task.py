"""Compare paths and fits of several targets with scikit-learn's MultiTaskElasticNet.

    python -m bench.multi_task --help

Times are seconds of processor time on one thread, the smallest of several rounds, with both
packages in turn in one process. Scikit-learn runs with its default tolerance and with a tight one;
ours always continues to rounding level. The gap is the largest on the path, relative to the loss
at W = 0, computed here in NumPy in the same way for both.
"""

import argparse
import re
import warnings
from functools import partial

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import softreg_fast
from bench.adaptors import solver_of
from bench.families.multi_task import FAMILIES
from bench.harness import tables
from bench.harness.judge import worst_gap
from bench.harness.machine import cpu_model
from bench.harness.result import Row
from bench.harness.tables import seconds
from bench.harness.timing import alternate, processor_sampler

DEFAULT_TOL, TIGHT_TOL = TOLS = (1e-4, 1e-8)

# The tight fit of a rival is skipped if its loose one took longer than this.
MOST_SECONDS = 20.0


class Run:
    """A package's solution of a problem with a tolerance: its gap, and its least time."""

    def __init__(self, package, kind, problem, tol):
        solver = solver_of(package, kind)
        self.problem, self.gap = problem, None
        self.solve = partial(solver.solve, solver.prepare(problem, 1), tol)
        self.sampler = processor_sampler(self.solve_once)
        self.seconds = np.inf

    def solve_once(self):
        self.coefs = self.solve()

    def sample(self):
        """Take one sample, if earlier ones were not too long; return the least so far."""
        if self.gap is None or self.seconds <= MOST_SECONDS:
            self.seconds = min(self.seconds, self.sampler())
            if self.gap is None:
                self.gap = worst_gap(self.problem, self.coefs)
        return self.seconds


def measure(family, rounds):
    """Return a Row for each tolerance, with scikit-learn's time and gap beside ours."""
    problem = family.make()
    tols = TOLS[:1] if problem.X.dtype == np.float32 else TOLS
    runs = {
        (tol, package): Run(package, family.kind, problem, tol)
        for tol in tols
        for package in ("ours", "sklearn")
    }
    alternate([run.sample for run in runs.values()], rounds)
    return [row_of(family, tol, runs[tol, "ours"], runs[tol, "sklearn"]) for tol in tols]


def row_of(family, tol, mine, its):
    """Return the Row of both Runs with one tolerance."""
    found = Row(family.kind, family.name, "sklearn", tol=tol, gap=its.gap, our_gap=mine.gap)
    found.ours, found.seconds = mine.seconds, its.seconds
    found.ratio = its.seconds / mine.seconds
    return found


def cells(rows):
    """Return the cells of one family's row."""
    found = [rows[0].problem]
    for row in rows:
        found += [seconds(row.ours), f"{row.our_gap:.0e}", seconds(row.seconds), f"{row.gap:.0e}"]
        found += [f"{row.ratio:.1f}"]
    return found + [""] * (1 + 5 * len(TOLS) - len(found))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="families whose name matches this expression")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(
        f"{cpu_model()}, one thread; softreg_fast {softreg_fast.__version__}, "
        f"scikit-learn {sklearn.__version__}, numpy {np.__version__}\n"
    )
    heads = ["samples x features x tasks"]
    for tol in TOLS:
        heads += [f"ours, tol {tol:g}", "gap", "scikit-learn", "gap", "ratio"]
    families = [family for family in FAMILIES if re.search(options.only, family.name)]
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        tables.show(heads, (cells(measure(family, options.rounds)) for family in families))


if __name__ == "__main__":
    main()
