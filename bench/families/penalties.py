"""Families under penalties beyond L1, and the expected speeds."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy.sparse as sp

from bench.families.data import dense_file, factors, sparse_file, synthetic
from bench.families.family import Family
from bench.harness.penalties import largest_alpha
from bench.harness.problem import Problem


@dataclass(frozen=True)
class Omega:
    """A penalty of the benchmarks: its packages, and the accuracy at which they are compared.

    For MCP and SCAD that is the largest distance to stationarity, relative to alpha, otherwise the
    duality gap, relative to the null objective.
    """

    title: str
    target: float
    rivals: tuple


OMEGAS = {
    "mcp": Omega("MCP", 1e-3, ("skglm",)),
    "scad": Omega("SCAD", 1e-3, ("skglm",)),
    "slope": Omega("SLOPE, weights of Benjamini and Hochberg, q = 0.1", 1e-6, ("sortedl1",)),
    "groups": Omega("Group lasso", 1e-6, ("adelie", "skglm")),
    "logistic groups": Omega("Group lasso with the logistic loss", 1e-6, ("adelie",)),
    "sparse groups": Omega("Sparse group lasso, l1_ratio = 0.5", 1e-6, ()),
}


def standardised(problem):
    """Return the problem with centred y and, unless X is sparse, columns of x_j'x_j = n."""
    if sp.issparse(problem.X):
        return replace(problem, y=problem.y - problem.y.mean())
    X = problem.X - problem.X.mean(axis=0)
    X /= np.sqrt(np.mean(X * X, axis=0))
    return replace(problem, X=np.asfortranarray(X), y=problem.y - problem.y.mean())


def path_under(omega, make, eps, groups=None):
    """Return a function that makes the path of 100 alphas to eps alpha_max under a penalty."""

    def made():
        given = make()
        problem = replace(standardised(given), omega=omega)
        if omega.startswith("logistic"):
            classes = np.where(given.y > np.median(given.y), 1.0, 0.0)
            problem = replace(problem, y=classes, loss="logistic")
        if groups is not None:
            problem = replace(problem, groups=groups(problem.shape[1]))
        return replace(problem, alphas=np.geomspace(1.0, eps, 100) * largest_alpha(problem))

    return made


def gene_sets(n=200, p=10_000):
    """Return genes in sets of 5 to 10 that share a factor; 20 sets carry the signal."""
    rng = np.random.default_rng(0)
    of = sets_of(p)
    X = rng.standard_normal((n, p)) + rng.standard_normal((n, of[-1] + 1))[:, of]
    w = np.where(of % (of[-1] // 20) == 0, rng.standard_normal(p), 0.0)
    y = X @ w
    return Problem(np.asfortranarray(X), y + 0.3 * y.std() * rng.standard_normal(n))


def sets_of(p):
    """Return the number of the set of each gene."""
    sizes = np.random.default_rng(1).integers(5, 11, p)
    return np.repeat(np.arange(p), sizes)[:p]


def blocks_of(p, size=5):
    """Return the number of the block of neighbours of each feature."""
    return np.arange(p) // size


def parts_of(p):
    """Return groups of the diamonds: numbers by themselves, and levels of cut, colour, clarity."""
    return np.concatenate([np.arange(7), np.repeat([7, 8, 9], [5, 7, 8])])


def flights():
    """Return the delays of flights: numbers of unit variance and indicators of four categories."""
    problem = sparse_file("nycflights_onehot")()
    X = problem.X
    squares = np.asarray(X[:, :6].multiply(X[:, :6]).mean(axis=0)).ravel()
    scale = np.ones(X.shape[1])
    scale[:6] /= np.sqrt(squares - np.asarray(X[:, :6].mean(axis=0)).ravel() ** 2)
    return replace(problem, X=sp.csc_matrix(X @ sp.diags(scale)))


def columns_of(p):
    """Return the columns of the table of flights: numbers, carrier, origin, destination, plane."""
    return np.concatenate([np.arange(6), np.repeat([6, 7, 8, 9], [16, 3, 104, p - 129])])


SMALL = synthetic(partial(factors, 200, 10_000))
LARGE = synthetic(partial(factors, 1_000, 5_000))
MEDIUM = synthetic(partial(factors, 1_000, 2_000))
SHAPES = {"200 x 10,000": SMALL, "1,000 x 5,000": LARGE}


def family(omega, name, make, must, aim, eps, groups=None, file=""):
    made = path_under(omega, make, eps, groups)
    title = OMEGAS[omega].title.partition(",")[0]
    return Family(f"{title}: {name}", omega, made, must, aim, file=file)


def nonconvex(omega):
    real = {
        name: (dense_file(name, scaled=False), f"{name}.npz") for name in ("golub", "riboflavin")
    }
    cases = {**real, **{name: (make, "") for name, make in SHAPES.items()}}
    return [
        family(omega, name, make, 20, 40, 0.05, file=file) for name, (make, file) in cases.items()
    ]


FAMILIES = [
    *nonconvex("mcp"),
    *nonconvex("scad"),
    family("slope", "200 x 10,000", SMALL, 3, 6, 0.05),
    family("slope", "1,000 x 2,000", MEDIUM, 3, 6, 0.05),
    family("groups", "gene sets 200 x 10,000", gene_sets, 3, 5, 0.01, sets_of),
    family("groups", "1,000 x 5,000 to 1/20", LARGE, 1.5, 3, 0.05, blocks_of),
    family("groups", "1,000 x 5,000 to 1/100", LARGE, 1, 2, 0.01, blocks_of),
    family(
        "groups",
        "diamonds",
        dense_file("diamonds", scaled=False),
        8,
        14,
        0.01,
        parts_of,
        "diamonds.npz",
    ),
    *(
        family(omega, "flights", flights, 3, aim, 0.01, columns_of, "nycflights_onehot.X.npz")
        for omega, aim in (("groups", 10), ("logistic groups", 8))
    ),
    family("logistic groups", "gene sets 200 x 10,000", gene_sets, 3, 8, 0.01, sets_of),
    family("sparse groups", "gene sets 200 x 10,000", gene_sets, 2, 5, 0.01, sets_of),
]
