"""Families under losses beyond the squared one, their settings, and the expected speeds."""

from dataclasses import replace
from functools import partial

import numpy as np

from bench.families.data import dense_file, sparse_file, survival_file
from bench.families.family import Family
from bench.families.settings import SETTINGS as PATH_SETTINGS
from bench.families.settings import Setting, fits_at, folded
from bench.harness.judge import largest_alpha
from bench.harness.problem import Problem


def with_loss(make, loss, target=lambda y: y):
    """Return a function that makes a Problem under a loss, with a function of its y."""

    def made():
        problem = make()
        y = target(problem.y).astype(np.float64)
        # a constant changes nothing under Cox's loss
        return replace(problem, loss=loss, y=y, fit_intercept=loss != "cox")

    return made


def positive(y):
    return y > 0


def numbers(y):
    """Return the number of the class of each y, from 0."""
    return np.unique(y, return_inverse=True)[1]


def counts(name, make, must, aim, file):
    return Family(name, "Poisson", with_loss(make, "poisson"), must, aim, file=file)


def classes(name, make, must, aim, file, target=positive):
    return Family(name, "logistic", with_loss(make, "logistic", target), must, aim, file=file)


def several(name, make, must, aim, file, loss="multinomial"):
    return Family(name, loss, with_loss(make, loss, numbers), must, aim, file=file)


def survival(name, make, must, aim, file=""):
    return Family(name, "Cox", with_loss(make, "cox"), must, aim, file=file)


def times(name, must, aim, time, event, columns):
    make = survival_file(name, time, event, columns)
    return survival(name, make, must, aim, f"survival/{name}.csv")


def dense(name, must, aim, kind=classes, label=None, **options):
    return kind(label or name, dense_file(name, scaled=False), must, aim, f"{name}.npz", **options)


def sparse(name, must, aim, kind=classes, **options):
    return kind(name, sparse_file(name), must, aim, f"{name}.X.npz", **options)


def simulated(n=100_000, p=300):
    """Return classes that depend on 20 of the independent columns."""
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.standard_normal((n, p)))
    w = np.zeros(p)
    w[rng.choice(p, 20, replace=False)] = 0.5 * rng.standard_normal(20)
    return Problem(X, rng.random(n) < 1.0 / (1.0 + np.exp(-X @ w)))


def simulated_times(n=300, p=6_000):
    """Return survival times that depend on 15 of the independent columns, half of them censored."""
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.standard_normal((n, p)))
    w = np.zeros(p)
    w[rng.choice(p, 15, replace=False)] = 0.5 * rng.standard_normal(15)
    death, censoring = rng.exponential(np.exp(-X @ w)), rng.exponential(1.0, n)
    return Problem(X, np.column_stack([np.minimum(death, censoring), death <= censoring]))


FAMILIES = [
    dense("glmnet_Binomial", 4, 8),
    dense("glmnet_Poisson", 4, 8, counts),
    dense("golub", 12, 20),
    dense("alon", 12, 20),
    dense("arcene", 30, 60),
    dense("mnist5k", 6, 15, label="mnist5k, 8 or not", target=lambda y: y == 8),
    dense("bikeshare", 10, 40, counts),
    sparse("rcv1_small", 2, 4),
    sparse("polarity2_tfidf12", 3, 6),
    sparse("news20_tfidf1", 1.5, 3, target=lambda y: y < 10),
    classes("simulated 100,000 x 300", simulated, 4, 10, ""),
    sparse("pg15_poisson", 2.5, 5, counts),
    times("CoxExample", 3, 6, "time", "status", lambda name: name.startswith("X")),
    times(
        "breast_cancer", 3, 6, "t.tdm", "e.tdm", lambda name: name.startswith(("X", "age", "size"))
    ),
    survival("simulated 300 x 6,000 Cox", simulated_times, 50, 150),
    dense("glmnet_Multinomial", 2, 5, several),
    dense(
        "glmnet_Multinomial",
        3,
        10,
        partial(several, loss="grouped multinomial"),
        label="glmnet_Multinomial, grouped",
    ),
    dense("mnist5k", 2, 5, several, label="mnist5k, ten digits"),
]

# Families with elastic nets and weighted paths, with cross-validation by the deviance and by areas
# (cv.glmnet wants ten samples a fold for those), and with a search for C.
PENALISED = ("glmnet_Binomial", "alon", "mnist5k, 8 or not", "bikeshare")
FOLDED = (
    "glmnet_Binomial",
    "glmnet_Poisson",
    "golub",
    "bikeshare",
    "rcv1_small",
    "CoxExample",
    "glmnet_Multinomial",
)
RANKED = ("glmnet_Binomial", "mnist5k, 8 or not", "rcv1_small")
SEARCHED = ("glmnet_Binomial", "golub", "alon", "mnist5k, 8 or not", "rcv1_small")

N_FOLDS = 10

# Folds of a search for C, and values of C: scikit-learn's defaults.
SEARCH_FOLDS, SEARCH_CS = 5, 10


def only(names, problems):
    """Return a function that yields the problems of the families of these names alone."""

    def some(family, problem):
        if family.name in names:
            yield from problems(family, problem)

    return some


def some_of(key):
    """Return a setting of the paths, for the penalised families alone."""
    setting = PATH_SETTINGS[key]
    return replace(setting, kind="loss path", problems=only(PENALISED, setting.problems))


def ranked(family, problem):
    """Yield the problem with folds, to be chosen from by the area under the curve."""
    for name, made in folded(family, problem, N_FOLDS):
        yield name, replace(made, measure="auc")


def search(family, problem):
    """Yield the problem with folds, and few alphas, which stand for values of C."""
    alphas = np.geomspace(1.0, 0.01, SEARCH_CS) * largest_alpha(problem)
    yield family.name, replace(problem, alphas=alphas, n_folds=SEARCH_FOLDS)


SETTINGS = {
    "path": replace(PATH_SETTINGS["path"], kind="loss path"),
    "fit": Setting("One fit", "loss fit", fits_at((10, 100)), 1.5, 4),
    "enet": some_of("enet"),
    "weighted": some_of("weighted"),
    "cv": Setting(
        "Ten folds and the final fit, by the deviance",
        "loss cv",
        only(FOLDED, partial(folded, n_folds=N_FOLDS)),
        5,
        15,
    ),
    "auc": Setting(
        "Ten folds and the final fit, by the area under the curve",
        "loss cv",
        only(RANKED, ranked),
        5,
        15,
    ),
    "search": Setting(
        "LogisticRegressionCV: ten values of C in five folds, and the final fit",
        "loss search",
        only(SEARCHED, search),
        20,
        100,
    ),
}

# Largest suboptimality of other packages, of the null deviance; scikit-learn's solvers rarely meet
# the one of paths.
TARGET = 1e-6
TARGETS = {key: 10.0 * TARGET if key == "search" else TARGET for key in SETTINGS}


def levels(key, family):
    """Return (must, aim) of a setting and a family."""
    setting = SETTINGS[key]
    if key in ("cv", "auc", "search"):
        return setting.must, setting.aim
    return min(setting.must, family.must), min(setting.aim, family.aim)
