"""Named problems: dense and text-like matrices, generated from a seed, in three sizes."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True, eq=False)
class Problem:
    """A matrix, a target, and everything else that all packages must share.

    minimise over w   1/(2n) ||y - X w||^2 + alpha ||w||_1,  or  + 1/2 sum_j l2_j w_j^2

    `X` has contiguous columns: Fortran order, or CSC.  There is no intercept, since not every
    rival can fit one.
    """

    name: str
    X: np.ndarray | sp.csc_array
    y: np.ndarray
    exact: bool = True  # False: rivals compute in the dtype of X

    @property
    def is_sparse(self):
        return sp.issparse(self.X)

    @property
    def shape(self):
        return self.X.shape

    @property
    def layout(self):
        """Shape and dtype, as "500 x 20,000 float64" or "20,000 x 50,000 float32, 1.7M stored"."""
        n, p = self.shape
        text = f"{n:,} x {p:,} {self.X.dtype}"
        if self.is_sparse:
            nnz = self.X.nnz
            text += f", {nnz / 1e6:.1f}M stored" if nnz >= 1e6 else f", {nnz:,} stored"
        return text

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


def dense(n, p, rng):
    """Return columns of different scale that share five factors; ten carry the signal."""
    X = np.empty((n, p), order="F")
    factors = rng.standard_normal((n, 5))
    for start in range(0, p, 256):
        block = slice(start, min(start + 256, p))
        width = block.stop - start
        X[:, block] = rng.standard_normal((width, n)).T + 0.5 * (
            factors @ rng.standard_normal((5, width))
        )
        X[:, block] *= rng.uniform(0.5, 2.0, width)
    carriers = rng.choice(p, min(10, p), replace=False)
    y = X[:, carriers] @ rng.choice([-1.0, 1.0], len(carriers))
    y += y.std() * rng.standard_normal(n)
    return X, y - y.mean()


def text(n, p, words, rng):
    """Return documents of `words` words by Zipf's law: 1 + log(count), rows of unit length.

    Words that never occur are dropped, so there may be fewer than p columns.
    """
    frequency = 1.0 / np.arange(1, p + 1)
    heights = np.cumsum(rng.permutation(frequency))
    drawn = np.searchsorted(heights, rng.random(n * words) * heights[-1])
    X = sp.coo_array(
        (np.ones(n * words), (np.repeat(np.arange(n, dtype=np.int32), words), drawn)), (n, p)
    ).tocsc()
    X.sum_duplicates()
    X = X[:, np.flatnonzero(np.diff(X.indptr))]
    X.data = 1.0 + np.log(X.data)
    X = sp.csc_array(sp.diags_array(1.0 / np.sqrt(X.power(2).sum(axis=1))) @ X)
    X.sort_indices()
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    frequent = np.argsort(-np.diff(X.indptr))[: max(p // 20, 2)]
    carriers = rng.choice(frequent, min(50, len(frequent)), replace=False)
    y = X[:, carriers] @ rng.standard_normal(len(carriers))
    y += 0.5 * y.std() * rng.standard_normal(n)
    return X, y - y.mean()


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
def problem(name, size):
    """Return the named problem; "wide float32" is "wide" with X rounded to float32."""
    base, _, dtype = name.partition(" ")
    if dtype:
        origin = problem(base, size)
        return replace(origin, name=name, X=origin.X.astype(dtype))
    recipe = RECIPES[base]
    rng = np.random.default_rng(zlib.crc32(base.encode()))
    return Problem(name, *recipe.make(*getattr(recipe, size), rng))
