"""Compare paths and fits of several targets with scikit-learn's MultiTaskElasticNet.

    python -m bench.multi_task --help

Times are seconds of processor time on one thread, the smallest of several rounds, with both
packages in turn in one process. Scikit-learn runs with its default tolerance and with a tight one;
ours always continues to rounding level. The gap is the largest on the path, relative to the loss
at W = 0, computed here in NumPy in the same way for both.
"""

import argparse
import re
import time
import warnings
from dataclasses import dataclass

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import MultiTaskElasticNet, enet_path
from threadpoolctl import threadpool_limits

import softreg_fast
from bench.report import cpu_model, seconds

DEFAULT_TOL, TIGHT_TOL = 1e-4, 1e-8

# The tight fit of a rival is skipped if its loose one took longer than this.
MOST_SECONDS = 20.0


@dataclass(frozen=True)
class Case:
    """A problem: X (n, p) with the given correlation of neighbouring columns, Y (n, n_tasks)."""

    n: int
    p: int
    n_tasks: int
    alphas: tuple = (1.0, 1e-2, 30)  # largest and smallest, in units of alpha_max; number of alphas
    l1_ratio: float = 1.0
    correlation: float = 0.0
    n_active: int = 10
    dtype: type = np.float64

    @property
    def name(self):
        """Name in the table."""
        _, low, count = self.alphas
        what = f"{count} alphas to {low:g}" if count > 1 else f"alpha {low:g}"
        extras = [what, f"l1_ratio {self.l1_ratio:g}"]
        extras += [f"AR({self.correlation:g})"] * (self.correlation > 0.0)
        extras += ["float32"] * (self.dtype == np.float32)
        return f"{self.n} x {self.p} x {self.n_tasks}, {', '.join(extras)}"

    def make(self):
        """Return X in Fortran order, Y, and the grid in falling order."""
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.n, self.p))
        for j in range(1, self.p) if self.correlation else ():
            X[:, j] *= np.sqrt(1.0 - self.correlation**2)
            X[:, j] += self.correlation * X[:, j - 1]
        W = np.zeros((self.p, self.n_tasks))
        active = rng.permutation(self.p)[: self.n_active]
        W[active] = rng.standard_normal((active.size, self.n_tasks))
        Y = X @ W
        Y += 0.5 * Y.std() * rng.standard_normal(Y.shape)
        X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
        largest = np.linalg.norm(X.T @ Y, axis=1).max() / self.n / max(self.l1_ratio, 1e-3)
        high, low, count = self.alphas
        grid = largest * (np.geomspace(high, low, count) if count > 1 else np.array([low]))
        return np.asfortranarray(X, self.dtype), np.asfortranarray(Y, self.dtype), grid


CASES = (
    Case(20, 3, 3, (1.0, 0.1, 1)),
    Case(442, 10, 3, (1.0, 1e-3, 100)),
    Case(442, 10, 3, (1.0, 1e-2, 1)),
    Case(10_000, 50, 5),
    Case(2_000, 200, 10),
    Case(2_000, 200, 10, l1_ratio=0.5, correlation=0.9),
    Case(100, 5_000, 3),
    Case(200, 2_000, 10),
    Case(200, 2_000, 10, dtype=np.float32),
    Case(200, 2_000, 10, (1.0, 0.1, 1)),
    Case(200, 2_000, 10, n_active=100),
    Case(200, 2_000, 5, correlation=0.9),
    Case(100, 300, 100),
    Case(300, 2_000, 3, l1_ratio=0.5),
    Case(300, 2_000, 3, l1_ratio=0.1),
    Case(300, 2_000, 3, l1_ratio=0.01),
    Case(300, 2_000, 3, (1.0, 1e-2, 1), l1_ratio=0.01),
    Case(300, 2_000, 3, (1.0, 1e-3, 1), l1_ratio=0.5),
    Case(1_000, 1_000, 4, l1_ratio=0.1),
    Case(200, 3_000, 5, (1.0, 1e-5, 1), l1_ratio=0.0),
    Case(3_000, 200, 5, (1.0, 1e-5, 1), l1_ratio=0.0),
)


def ours(X, Y, case, grid, tol):
    """Return our coefficients, (n_alphas, n_features, n_tasks)."""
    if len(grid) == 1:
        model = softreg_fast.MultiTaskElasticNet(
            grid[0], l1_ratio=case.l1_ratio, tol=tol, max_iter=None, n_threads=1
        )
        return model.fit(X, Y).coef_.T[np.newaxis]
    _, coefs, _ = softreg_fast.enet_path(
        X, Y, l1_ratio=case.l1_ratio, alphas=grid, tol=tol, max_iter=100_000, n_threads=1
    )
    return coefs.T


def theirs(X, Y, case, grid, tol):
    """Return scikit-learn's coefficients, (n_alphas, n_features, n_tasks)."""
    if len(grid) == 1:
        model = MultiTaskElasticNet(grid[0], l1_ratio=case.l1_ratio, tol=tol, max_iter=100_000)
        return model.fit(X, Y).coef_.T[np.newaxis]
    _, coefs, _ = enet_path(X, Y, l1_ratio=case.l1_ratio, alphas=grid, tol=tol, max_iter=100_000)
    return coefs.T


def worst_gap(X, Y, case, grid, coefs):
    """Return the largest duality gap on the path, relative to the loss at W = 0."""
    X, Y, n = X.astype(np.float64), Y.astype(np.float64), len(X)
    worst = 0.0
    for alpha, W in zip(grid, coefs, strict=True):
        l1, l2 = alpha * case.l1_ratio, alpha * (1.0 - case.l1_ratio)
        R, lengths = Y - X @ W, np.linalg.norm(W, axis=1)
        Z = np.linalg.norm(X.T @ R, axis=1) / n
        k = 1.0 if l2 else min(1.0, l1 / Z.max())
        conjugate = np.square(np.maximum(k * Z - l1, 0.0)).sum() / (2.0 * l2) if l2 else 0.0
        primal = np.sum(R * R) / (2 * n) + l1 * lengths.sum() + 0.5 * l2 * lengths @ lengths
        dual = k * np.sum(R * Y) / n - k * k * np.sum(R * R) / (2 * n) - conjugate
        worst = max(worst, primal - dual)
    return worst / (np.sum(Y * Y) / (2 * n))


def clocked(way, *given):
    """Return (seconds of processor time of a call, its result); short calls are repeated."""
    count, began = 0, time.process_time()
    while count == 0 or time.process_time() - began < 0.02:
        result = way(*given)
        count += 1
    return (time.process_time() - began) / count, result


def measure(case, rounds):
    """Return {tol: {package: (least seconds, gap)}}."""
    X, Y, grid = case.make()
    tols = (DEFAULT_TOL,) if case.dtype == np.float32 else (DEFAULT_TOL, TIGHT_TOL)
    found = {tol: {} for tol in tols}
    for _ in range(rounds):
        for tol in tols:
            for package in (ours, theirs):
                least, gap = found[tol].get(package, (np.inf, None))
                if gap is not None and least > MOST_SECONDS:
                    continue
                taken, coefs = clocked(package, X, Y, case, grid, tol)
                gap = worst_gap(X, Y, case, grid, coefs) if gap is None else gap
                found[tol][package] = min(least, taken), gap
    return found


def row(case, found):
    """Return one row of the table."""
    cells = [case.name]
    for by_package in found.values():
        (mine, my_gap), (taken, gap) = by_package[ours], by_package[theirs]
        cells += [seconds(mine), f"{my_gap:.0e}", seconds(taken), f"{gap:.0e}"]
        cells += [f"{taken / mine:.1f}"]
    cells += [""] * (11 - len(cells))
    return f"| {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="cases whose name matches this expression")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(
        f"{cpu_model()}, one thread; softreg_fast {softreg_fast.__version__}, "
        f"scikit-learn {sklearn.__version__}, numpy {np.__version__}\n"
    )
    heads = [
        f"| ours, tol {tol:g} | gap | scikit-learn | gap | ratio "
        for tol in (DEFAULT_TOL, TIGHT_TOL)
    ]
    print(f"| samples x features x tasks {''.join(heads)}|")
    print("|---|" + "---:|" * 10)
    warnings.simplefilter("ignore", ConvergenceWarning)
    with threadpool_limits(1):
        for case in CASES:
            if re.search(options.only, case.name):
                print(row(case, measure(case, options.rounds)), flush=True)


if __name__ == "__main__":
    main()
