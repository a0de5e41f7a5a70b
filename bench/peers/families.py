"""Data of the comparison (generated from a seed, or real if available) and its settings."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import PolynomialFeatures

from bench.peers.judge import largest_alpha
from bench.peers.problem import Problem
from bench.problems import text

# Target gaps, relative to the objective at w = 0, at which times are compared.
TARGETS = (1e-6, 1e-3)

ROOT = Path(__file__).resolve().parents[2]

# Real data; problems whose file is missing are skipped with a message.
DATA = Path(os.environ.get("SOFTREG_DATA", ROOT.parent / "shared" / "data"))


@dataclass(frozen=True)
class Family:
    """Data, and the required and desired speed of our path relative to the best package.

    `make` returns X in Fortran order or CSC, and y.  Paths go down to `least` times alpha_max where
    the fit is saturated below that.  Single fits on data so small that they measure the overhead of
    a call must be no slower than those of `fit_rival`.
    """

    name: str
    kind: str
    must: float
    aim: float
    make: Callable
    least: float = 0.0
    file: str = ""
    fit_rival: str = ""

    @property
    def missing(self):
        """Missing file, or nothing."""
        return "" if not self.file or (DATA / self.file).exists() else self.file


def factors(n, p, rng):
    """Return columns strongly correlated with ten factors, like genes in pathways."""
    X = rng.standard_normal((n, 10)) @ rng.standard_normal((10, p))
    return X + rng.standard_normal((n, p))


def autoregressive(n, p, rho, rng):
    """Return columns whose neighbours have correlation rho."""
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1.0 - rho**2) * X[:, j]
    return X


def with_target(X, rng):
    """Return X in Fortran order and a target from 50 columns, with noise a tenth of the signal."""
    p = X.shape[1]
    w = np.zeros(p)
    w[rng.choice(p, min(50, p // 2), replace=False)] = rng.standard_normal(min(50, p // 2))
    y = X @ w
    return np.asfortranarray(X), y + 0.1 * y.std() * rng.standard_normal(len(y))


def synthetic(build):
    """Return a function that makes (X, y) from a function of a random generator."""
    return lambda: with_target(build(rng := np.random.default_rng(0)), rng)


def dense(name, squares=False):
    """Return a function that reads a dense file, columns scaled to unit variance.

    `squares` adds squares and interactions.
    """

    def make():
        data = np.load(DATA / f"{name}.npz")
        X, y = data["X"].astype(np.float64), data["y"].astype(np.float64)
        if squares:
            X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0.0, X.std(axis=0), 1.0)
            X = PolynomialFeatures(2, include_bias=False).fit_transform(X)
        spread = X.std(axis=0)
        return np.asfortranarray(X[:, spread > 0.0] / spread[spread > 0.0]), y

    return make


def sparse(name, scaled=False):
    """Return a function that reads a sparse file; more than two classes become 0 against rest."""

    def make():
        X = sp.csc_matrix(sp.load_npz(DATA / f"{name}.X.npz")).astype(np.float64)
        y = np.load(DATA / f"{name}.y.npy")
        if name == "news20_tfidf1":
            y = np.where(y == y.min(), 1.0, -1.0)
        if scaled:
            squares = np.asarray(X.multiply(X).mean(axis=0)).ravel()
            spread = np.sqrt(np.maximum(squares - np.asarray(X.mean(axis=0)).ravel() ** 2, 0.0))
            X = sp.csc_matrix(X @ sp.diags(np.where(spread > 0.0, 1.0 / spread, 0.0)))
        X.sort_indices()
        return X, y.astype(np.float64)

    return make


def tiny():
    """Return scikit-learn's diabetes data."""
    X, y = load_diabetes(return_X_y=True)
    return np.asfortranarray(X), y


def _real(name, kind, must, aim, make, suffix=".npz", **options):
    return Family(name, kind, must, aim, make, file=name + suffix, **options)


FAMILIES = [
    Family("factors 200 x 10,000", "wide", 10, 20, synthetic(lambda g: factors(200, 10_000, g))),
    Family(
        "AR(0.6) 500 x 20,000",
        "wide",
        3,
        8,
        synthetic(lambda g: autoregressive(500, 20_000, 0.6, g)),
    ),
    Family(
        "AR(0.8) 3,000 x 3,000",
        "square",
        5,
        10,
        synthetic(lambda g: autoregressive(3_000, 3_000, 0.8, g)),
    ),
    Family(
        "tall 100,000 x 300", "tall", 3, 5, synthetic(lambda g: g.standard_normal((100_000, 300)))
    ),
    Family(
        "text 20,000 x 100,000",
        "sparse",
        3,
        8,
        lambda: text(20_000, 100_000, 100, np.random.default_rng(0)),
    ),
    Family("tiny 442 x 10", "tiny", 0.7, 1.5, tiny, fit_rival="sklearn"),
    _real("riboflavin", "real, wide", 6, 15, dense("riboflavin")),
    _real("golub", "real, wide", 6, 15, dense("golub")),
    _real("arcene", "real, wide", 6, 15, dense("arcene")),
    _real("mice_snp", "real, wide", 6, 15, dense("mice_snp"), least=0.1),
    _real("trumptweets_logrt", "real, sparse", 4, 10, sparse("trumptweets_logrt"), ".X.npz"),
    _real("news20_tfidf1", "real, sparse", 4, 10, sparse("news20_tfidf1"), ".X.npz"),
    _real("polarity2_tfidf12", "real, sparse", 4, 10, sparse("polarity2_tfidf12"), ".X.npz"),
    _real("nycflights_onehot", "real, sparse", 4, 10, sparse("nycflights_onehot", True), ".X.npz"),
    _real("california_housing", "real, tall", 2, 5, dense("california_housing", squares=True)),
    _real("diamonds", "real, tall", 2, 5, dense("diamonds", squares=True)),
    _real("bikeshare", "real, tall", 2, 5, dense("bikeshare")),
]


def grid(problem, eps):
    """Return the problem with 100 alphas from alpha_max to eps alpha_max."""
    return replace(problem, alphas=np.geomspace(1.0, eps, 100) * largest_alpha(problem))


def path_to(eps):
    """Return a function that yields the Lasso path to eps alpha_max, unless saturated there."""

    def problems(family, X, y):
        least = max(eps, family.least)
        if least == eps or eps == 0.01:
            yield family.name, grid(Problem(X, y, None), least)

    return problems


def single_fits(family, X, y):
    """Yield single fits at a half, a tenth and a hundredth of alpha_max."""
    problem = Problem(X, y, None)
    largest = largest_alpha(problem)
    for part in (2, 10, 100):
        if 1.0 / part >= family.least:
            alphas = np.array([largest / part])
            yield f"{family.name}, alpha_max/{part}", replace(problem, alphas=alphas)


def elastic_net(family, X, y):
    """Yield a path with l1_ratio 0.5; with y of unit variance glmnet's elastic net equals ours."""
    problem = Problem(X, (y - y.mean()) / y.std(), None, l1_ratio=0.5)
    yield family.name, grid(problem, max(0.01, family.least))


def weighted(family, X, y):
    """Yield a path with L1 weights from 0.5 to 2, and one feature in twenty unpenalised.

    On wide data only n_samples / 10 are unpenalised, since more would fit y by themselves.
    """
    n, p = X.shape
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.5, 2.0, p)
    usual = np.flatnonzero(np.diff(X.indptr) > 20) if sp.issparse(X) else np.arange(p)
    free = rng.permutation(usual)[: max(min(p // 20, n // 10, 200), 1)]
    weights[free] = 0.0
    yield family.name, grid(Problem(X, y, None, l1_weights=weights), max(0.01, family.least))


@dataclass(frozen=True)
class Setting:
    """A task for all families; the smaller of its and the family's must and aim applies."""

    title: str
    problems: Callable
    must: float = np.inf
    aim: float = np.inf


def levels(key, family):
    """Return (must, aim, the only rival that counts, or nothing) of a setting and a family."""
    if key == "fit" and family.fit_rival:
        return 1.0, family.aim, family.fit_rival
    setting = SETTINGS[key]
    return min(setting.must, family.must), min(setting.aim, family.aim), ""


SETTINGS = {
    "path": Setting("Lasso path, 100 alphas to alpha_max/100", path_to(0.01)),
    "long": Setting("Lasso path, 100 alphas to alpha_max/1000", path_to(0.001)),
    "fit": Setting("One Lasso fit", single_fits, 1.5, 4),
    "enet": Setting("Elastic-net path, l1_ratio 0.5, to alpha_max/100", elastic_net, 2, 5),
    "weighted": Setting("Weighted Lasso path, some unpenalised", weighted, 2, 5),
}
