"""Settings: the problems that are made of every family, and the expected speeds."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from bench.families.paths import FAMILIES
from bench.harness.judge import largest_alpha

# Target gaps, relative to the objective at w = 0, at which times are compared.
TARGETS = (1e-6, 1e-3)


def grid(problem, eps):
    """Return the problem with 100 alphas from alpha_max to eps alpha_max."""
    return replace(problem, alphas=np.geomspace(1.0, eps, 100) * largest_alpha(problem))


def path_to(eps):
    """Return a function that yields the Lasso path to eps alpha_max, unless saturated there."""

    def problems(family, problem):
        least = max(eps, family.least)
        if least == eps or eps == 0.01:
            yield family.name, grid(problem, least)

    return problems


def fits_at(parts):
    """Return a function that yields single fits at fractions of alpha_max, unless saturated."""

    def problems(family, problem):
        largest = largest_alpha(problem)
        for part in parts:
            if 1.0 / part >= family.least:
                alphas = np.array([largest / part])
                yield f"{family.name}, alpha_max/{part}", replace(problem, alphas=alphas)

    return problems


def elastic_net(family, problem):
    """Yield a path with l1_ratio 0.5; with y of unit variance glmnet's elastic net equals ours."""
    y = problem.y
    if problem.loss == "squared":
        y = (y - y.mean()) / y.std()
    problem = replace(problem, y=y, l1_ratio=0.5)
    yield family.name, grid(problem, max(0.01, family.least))


def weighted(family, problem):
    """Yield a path with L1 weights from 0.5 to 2, and one feature in twenty unpenalised.

    On wide data only n_samples / 10 are unpenalised, since more would fit y by themselves; under
    other losses only features that are often not zero, since others may separate the classes.
    """
    X, (n, p) = problem.X, problem.shape
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.5, 2.0, p)
    if problem.loss != "squared":
        often = X.getnnz(axis=0) if sp.issparse(X) else np.count_nonzero(X, axis=0)
        usual = np.flatnonzero(often > n // 10)
    else:
        usual = np.flatnonzero(np.diff(X.indptr) > 20) if sp.issparse(X) else np.arange(p)
    free = rng.permutation(usual)[: max(min(p // 20, n // 10, 200), 1)]
    weights[free] = 0.0
    yield family.name, grid(replace(problem, l1_weights=weights), max(0.01, family.least))


N_FOLDS = 5


def folded(family, problem, n_folds=N_FOLDS):
    """Yield the problem with folds and 100 alphas to alpha_max/100 or to saturation."""
    yield family.name, replace(grid(problem, max(0.01, family.least)), n_folds=n_folds)


@dataclass(frozen=True)
class Setting:
    """Problems of one kind for all families; the smaller of its and the family's must and aim
    applies."""

    title: str
    kind: str  # in the adaptors' tables
    problems: Callable
    must: float = np.inf
    aim: float = np.inf


SETTINGS = {
    "path": Setting("Lasso path, 100 alphas to alpha_max/100", "path", path_to(0.01)),
    "long": Setting("Lasso path, 100 alphas to alpha_max/1000", "path", path_to(0.001)),
    "fit": Setting("One Lasso fit", "fit", fits_at((2, 10, 100)), 1.5, 4),
    "enet": Setting("Elastic-net path, l1_ratio 0.5, to alpha_max/100", "path", elastic_net, 2, 5),
    "weighted": Setting("Weighted Lasso path, some unpenalised", "path", weighted, 2, 5),
}


def levels(key, family):
    """Return (must, aim, the only rival that counts, or nothing) of a setting and a family."""
    if key == "fit" and family.fit_rival:
        return 1.0, family.aim, family.fit_rival
    setting = SETTINGS[key]
    return min(setting.must, family.must), min(setting.aim, family.aim), ""


# Families on which cross-validation is compared.
FOLDED_NAMES = (
    "factors 200 x 10,000",
    "AR(0.6) 500 x 20,000",
    "AR(0.8) 3,000 x 3,000",
    "tall 100,000 x 300",
    "tiny 442 x 10",
    "riboflavin",
    "golub",
    "trumptweets_logrt",
    "nycflights_onehot",
)
FOLDED = [family for family in FAMILIES if family.name in FOLDED_NAMES]
