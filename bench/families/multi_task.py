"""Families of problems with several targets."""

from dataclasses import dataclass

import numpy as np

from bench.families.family import Family
from bench.harness.problem import Problem


@dataclass(frozen=True)
class Shape:
    """X (n, p) with the given correlation of neighbouring columns, and Y (n, n_tasks)."""

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

    @property
    def kind(self):
        """Kind of problem in the adaptors' tables."""
        return "multi-task path" if self.alphas[2] > 1 else "multi-task fit"

    def make(self):
        """Return the Problem, with X and Y centred and in Fortran order."""
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
        X, Y = (np.asfortranarray(each, self.dtype) for each in (X, Y))
        return Problem(X, Y, grid, self.l1_ratio)


SHAPES = (
    Shape(20, 3, 3, (1.0, 0.1, 1)),
    Shape(442, 10, 3, (1.0, 1e-3, 100)),
    Shape(442, 10, 3, (1.0, 1e-2, 1)),
    Shape(10_000, 50, 5),
    Shape(2_000, 200, 10),
    Shape(2_000, 200, 10, l1_ratio=0.5, correlation=0.9),
    Shape(100, 5_000, 3),
    Shape(200, 2_000, 10),
    Shape(200, 2_000, 10, dtype=np.float32),
    Shape(200, 2_000, 10, (1.0, 0.1, 1)),
    Shape(200, 2_000, 10, n_active=100),
    Shape(200, 2_000, 5, correlation=0.9),
    Shape(100, 300, 100),
    Shape(300, 2_000, 3, l1_ratio=0.5),
    Shape(300, 2_000, 3, l1_ratio=0.1),
    Shape(300, 2_000, 3, l1_ratio=0.01),
    Shape(300, 2_000, 3, (1.0, 1e-2, 1), l1_ratio=0.01),
    Shape(300, 2_000, 3, (1.0, 1e-3, 1), l1_ratio=0.5),
    Shape(1_000, 1_000, 4, l1_ratio=0.1),
    Shape(200, 3_000, 5, (1.0, 1e-5, 1), l1_ratio=0.0),
    Shape(3_000, 200, 5, (1.0, 1e-5, 1), l1_ratio=0.0),
)

# Families to be solved as they are, one problem each.
FAMILIES = [Family(shape.name, shape.kind, shape.make) for shape in SHAPES]
