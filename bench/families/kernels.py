"""Named problems for kernels and solvers: dense or like text, from a seed, in three sizes."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from bench.families.data import dense, text
from bench.harness.problem import Problem


@dataclass(frozen=True, eq=False)
class Operands:
    """Problem without intercept, and the vectors and matrices on which kernels operate.

    All packages get the same.
    """

    name: str
    problem: Problem
    exact: bool = True  # False: rivals compute in the dtype of X

    @property
    def X(self):
        return self.problem.X

    @property
    def y(self):
        return self.problem.y

    @property
    def shape(self):
        return self.problem.shape

    @property
    def is_sparse(self):
        return self.problem.is_sparse

    def problem_of(self, kind):
        """Return the problem that solvers of a kind are given: a Lasso path, or weighted ridge."""
        if kind == "lasso path":
            return replace(self.problem, alphas=self.alphas)
        ridge = replace(self.problem, alphas=np.zeros(1), l2=self.l2)
        if kind == "gradient descent":
            return replace(ridge, learning_rate=self.learning_rate)
        return ridge

    def in_own_type(self):
        """Return a copy whose rivals get X and y in the dtype of X and compute in it."""
        return replace(self, exact=False)

    @cached_property
    def rival_X(self):
        """X for rivals: float64, so that all packages compute with the same precision."""
        if self.X.dtype == np.float64 or not self.exact:
            return self.X
        return self.X.astype(np.float64)  # keeps the memory order

    @cached_property
    def rival_y(self):
        return self.y if self.exact else self.y.astype(self.X.dtype)

    @cached_property
    def residual(self):
        """A residual-like vector (n,) of mean 0."""
        r = self._rng("residual").standard_normal(self.shape[0])
        return r - r.mean()

    @cached_property
    def coef(self):
        """Coefficients (p,), none of them 0."""
        return self._rng("coef").standard_normal(self.shape[1])

    @cached_property
    def sparse_coef(self):
        """Coefficients (p,), one in twenty of them not 0."""
        rng = self._rng("sparse coef")
        return self.coef * (rng.random(self.shape[1]) < 0.05)

    @cached_property
    def alphas(self):
        """A grid of 50 alphas from the smallest with w = 0 down to a thirtieth of it."""
        largest = np.max(np.abs(self.X.T @ self.y)) / self.shape[0]
        return np.geomspace(largest, largest / 30, 50)

    @property
    def alpha(self):
        """An alpha at which a large part of the coefficients is not 0."""
        return self.alphas[0] / 20

    @cached_property
    def l2(self):
        """Unequal L2 weights (p,), about a tenth of the mean curvature."""
        curvature = self.moments[1] ** 2 / self.shape[0]
        return 0.1 * curvature.mean() * self._rng("l2").uniform(0.5, 2.0, self.shape[1])

    @cached_property
    def moments(self):
        """Column means, and norms about 0, (p,) each."""
        X = self.rival_X
        if self.is_sparse:
            return X.mean(axis=0), np.sqrt(X.power(2).sum(axis=0))
        return X.mean(axis=0), np.sqrt(np.einsum("ij,ij->j", X, X))

    @cached_property
    def learning_rate(self):
        """A step length below 1 / the largest eigenvalue of X'X/n + diag(l2)."""
        X, n = self.rival_X, self.shape[0]
        w = self._rng("power").standard_normal(self.shape[1])
        largest = 0.0
        for _ in range(15):
            w /= np.linalg.norm(w)
            w = X.T @ (X @ w) / n
            largest = max(largest, np.linalg.norm(w))
        return 1.0 / (1.3 * largest + self.l2.max())

    @cached_property
    def gram(self):
        """X'X in Fortran order and X'y, for solvers that take these as input."""
        X = self.rival_X
        return np.asfortranarray(X.T @ X), X.T @ self.rival_y

    def _rng(self, purpose):
        return np.random.default_rng(zlib.crc32(f"{self.name} {purpose}".encode()))


@dataclass(frozen=True)
class Recipe:
    """A generator of a problem, and its size in each set of sizes."""

    make: Callable
    full: tuple
    quick: tuple
    tiny: tuple


RECIPES = {
    # name                   full                 quick               tiny
    "short": Recipe(dense, (50, 2_000), (50, 1_000), (10, 30)),
    "small": Recipe(dense, (200, 1_000), (200, 500), (12, 20)),
    "medium": Recipe(dense, (20_000, 100), (4_000, 50), (50, 10)),
    "wide": Recipe(dense, (500, 20_000), (200, 5_000), (15, 60)),
    "square": Recipe(dense, (3_000, 3_000), (1_000, 1_000), (25, 25)),
    "tall": Recipe(dense, (100_000, 100), (20_000, 50), (200, 10)),
    "text": Recipe(text, (20_000, 50_000, 100), (3_000, 8_000, 50), (60, 80, 10)),
    # few enough columns for the full Gram matrix
    "columns": Recipe(dense, (5_000, 800), (2_000, 200), (40, 12)),
    "words": Recipe(text, (20_000, 1_500, 60), (3_000, 400, 30), (60, 30, 8)),
    # for complete solutions
    "genes": Recipe(dense, (200, 4_000), (100, 1_000), (15, 40)),
    "survey": Recipe(dense, (20_000, 200), (3_000, 60), (80, 12)),
    "reviews": Recipe(text, (5_000, 20_000, 50), (1_000, 3_000, 30), (60, 80, 10)),
}

SIZES = ("full", "quick", "tiny")


@cache
def operands(name, size):
    """Return the operands of a named problem; "wide float32" is "wide" with X in float32."""
    base, _, dtype = name.partition(" ")
    if dtype:
        origin = operands(base, size)
        return Operands(name, replace(origin.problem, X=origin.X.astype(dtype)))
    recipe = RECIPES[base]
    rng = np.random.default_rng(zlib.crc32(base.encode()))
    X, y = recipe.make(*getattr(recipe, size), rng)
    return Operands(name, Problem(X, y, fit_intercept=False))
