"""Hints for unknown argument names: those of other packages, and misspelt ones."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Iterable
from typing import Any, ParamSpec, TypeVar

from softreg_fast.options.spelling import nearest

P = ParamSpec("P")
R = TypeVar("R")

# Argument names of glmnet, statsmodels, celer, skglm and scikit-learn, and the equivalent names
# here, of which a function has at most one.
SAME = {
    "C": ("alpha", "alphas"),
    "L1_wt": ("l1_ratio",),
    "dfmax": ("max_df",),
    "family": ("loss",),
    "folds": ("cv",),
    "intercept": ("fit_intercept",),
    "lam": ("alpha", "alphas"),
    "lambd": ("alpha", "alphas"),
    "lambda": ("alpha", "alphas"),
    "lambda_": ("alpha", "alphas"),
    "lambda_min_ratio": ("eps",),
    "lambda_path": ("alphas",),
    "lambdas": ("alphas", "alpha"),
    "max_epochs": ("max_iter",),
    "maxit": ("max_iter",),
    "n_folds": ("cv",),
    "n_jobs": ("n_threads",),
    "n_lambda": ("n_alphas",),
    "n_lambdas": ("n_alphas",),
    "n_splits": ("cv",),
    "newoffset": ("offset",),
    "newx": ("X",),
    "newy": ("y",),
    "nfolds": ("cv",),
    "nlambda": ("n_alphas",),
    "normalize": ("standardize",),
    "penalty_factor": ("l1_weights", "l2_weights"),
    "penalty_factors": ("l1_weights", "l2_weights"),
    "random_seed": ("random_state", "seed"),
    "random_state": ("seed",),
    "s": ("alpha",),
    "scorer": ("scoring",),
    "seed": ("random_state",),
    "standardise": ("standardize",),
    "thresh": ("tol",),
    "type": ("kind",),
    "type_measure": ("measure", "scoring"),
    "verbose": ("progress",),
    "x": ("X",),
}

# Advice for arguments that have no equivalent argument here.
ADVICE = {
    "exclude": "give the features to leave out the weight inf in l1_weights",
    "foldid": "give cv=foldid, the number of the fold of each sample",
    "lower_limits": "give bounds=(lower, upper)",
    "keep": "the result has predictions, those out of fold",
    "shuffle": "a number of folds is dealt out in random order unless seed=None",
    "upper_limits": "give bounds=(lower, upper)",
}

# Arguments that weigh features, of which each function has some.
OF_FEATURES = ("l1_weights", "l2_weights", "penalty_weights", "group_weights")

_BOUNDS = "--positive bounds coefficients by 0; solve(bounds=...) in Python knows other bounds"

# Command-line options of other programs, and our equivalent option or an explanation.
OTHER_OPTIONS = {
    "--lambda": "--alpha",
    "--lambdas": "--alphas",
    "--s": "--select alpha=A chooses a model of the path",
    "--nlambda": "--n-alphas",
    "--n-lambda": "--n-alphas",
    "--n-lambdas": "--n-alphas",
    "--lambda-min-ratio": "--eps",
    "--lambda.min.ratio": "--eps",
    "--nfolds": "--cv",
    "--n-folds": "--cv",
    "--folds": "--cv",
    "--kfold": "--cv",
    "--shuffle": "--seed",
    "--random-state": "--seed",
    "--penalty-factor": "--penalty-weights",
    "--penalty-factors": "--penalty-weights",
    "--l1-weights": "--penalty-weights",
    "--l2-weights": "--penalty-weights",
    "--exclude": "--ignore",
    "--drop": "--ignore",
    "--lower-limits": _BOUNDS,
    "--lower-bounds": _BOUNDS,
    "--upper-limits": _BOUNDS,
    "--bounds": _BOUNDS,
    "--nonnegative": "--positive",
    "--family": "--loss",
    "--n-jobs": "--threads",
    "--jobs": "--threads",
    "--nthreads": "--threads",
    "--n-threads": "--threads",
    "--thresh": "--tol",
    "--maxit": "--max-iter",
    "--normalize": "--standardize",
    "--standardise": "--standardize",
    "--no-normalize": "--no-standardize",
    "--fit-intercept": "there is an intercept unless --no-intercept is said",
    "--intercept": "there is an intercept unless --no-intercept is said",
    "--sample-weight": "--weights",
    "--sample-weights": "--weights",
    "--label": "--target",
    "--response": "--target",
    "--y": "--target",
    "--sep": "--delimiter",
    "--dec": "--decimal",
    "--fileencoding": "--encoding",
    "--categorical": "--categories",
    "--one-hot": "--categories",
    "--impute": "--missing",
    "--handle-unknown": "--unknown",
    "--group": "--groups",
    "--id": "--ignore",
    "--out": "--output",
}

# Functions and classes of other packages, and their equivalents here.
NAMES = {
    "cv_glmnet": "cv_path",
    "elastic_net": "path or ElasticNet",
    "glmnet": "path",
    "lasso": "path or Lasso",
    "LinearRegression": "Ridge with alpha=0",
    "WeightedLasso": "Lasso with l1_weights",
}


def suggestion(word: Any, known: Iterable[Any]) -> str:
    """Return 'did you mean ...?' if a known name is close to `word`, ignoring case, else ''.

    A word that is not a string is compared by its str(): '1' may stand for 1.
    """
    words = {str(each): each for each in known}
    close = nearest(str(word), list(words))
    return "" if close is None else f"did you mean {words[close]!r}?"


class _Annotation(str):
    """An annotation, which signatures in `help` and editors show without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def with_hints(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that unknown keyword arguments raise an error with a hint.

    Its signature shows annotations as they are written.

    Raises
    ------
    TypeError
        From the decorated function, for an argument that `function` does not take.
    """
    names = set(inspect.signature(function).parameters)
    function.__annotations__ = {
        name: _Annotation(text) if isinstance(text, str) else text
        for name, text in function.__annotations__.items()
    }

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if not names.issuperset(kwargs):
            unknown = next(name for name in kwargs if name not in names)
            raise TypeError(_unknown_argument(_caller(function, args), unknown, names))
        return function(*args, **kwargs)

    return call


def _caller(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    # for a constructor, which may be inherited, the name of the class that is made
    _, _, last = function.__qualname__.rpartition(".")
    return type(args[0]).__name__ if last == "__init__" else last


def _unknown_argument(caller: str, unknown: str, names: set[str]) -> str:
    return f"{caller}() got an unexpected keyword argument {unknown!r}; {hint(unknown, names)}"


def hint(unknown: str, names: Collection[str]) -> str:
    """Return a sentence that suggests a known name for an unknown argument."""
    ours = [name for name in SAME.get(unknown, ()) if name in names]
    if ours:
        return f"here it is called {ours[0]}."
    if unknown in ADVICE:
        return f"{ADVICE[unknown]}."
    if unknown == "weights":
        theirs = " and ".join(name for name in OF_FEATURES if name in names)
        return f"give sample_weight for samples{theirs and f', {theirs} for features'}."
    accepted = sorted(set(names) - {"self"})
    return suggestion(unknown, accepted) or f"it takes {', '.join(accepted)}."
