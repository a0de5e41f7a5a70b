"""Choices that an option offers: one type each, for checkers and editors, and its values.

It imports nothing but `typing`, because the command line reads it before it knows what to do.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

# How cross-validation chooses alpha: the smallest error, or the largest alpha within one standard
# error of that.
Rule = Literal["min", "1se"]
RULES: tuple[Rule, ...] = get_args(Rule)

# Solvers of regression; `solve` describes them.
Solver = Literal["auto", "cd", "cholesky", "cg", "gradient"]
SOLVER_NAMES: tuple[Solver, ...] = get_args(Solver)

# The same in the words of glmnet.
RULES_OF_GLMNET = {f"lambda.{rule}": rule for rule in RULES}

# Penalties that take the place of L1 and L2, with the name of their shape parameter.
SHAPES = {"mcp": "gamma", "scad": "a"}

# Losses that have a name; the others are objects of softreg_fast.losses.
LossName = Literal[
    "squared",
    "logistic",
    "binomial",
    "multinomial",
    "poisson",
    "gamma",
    "inverse_gaussian",
    "probit",
    "quantile",
    "cloglog",
    "cox",
    "squared_hinge",
]

# Kinds of predictions: the mean of y, the linear predictor, a class, the probabilities of all, the
# probabilities of no event.
Prediction = Literal["response", "link", "class", "proba", "survival"]
PREDICTIONS: tuple[Prediction, ...] = get_args(Prediction)

# Information criteria, for a choice of alpha without folds.
Criterion = Literal["aic", "aicc", "bic", "ebic", "gcv"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)

# Weights of folds in the mean of their errors: all equal, or by their samples.
FoldWeights = Literal["equal", "samples"]
FOLD_WEIGHTS: tuple[FoldWeights, ...] = get_args(FoldWeights)

# Measures on the samples left out that have a name here, of survival models two of them;
# scikit-learn's scorers are others.
MeasureName = Literal["deviance", "mse", "mae", "auc", "accuracy", "brier", "concordance"]
SurvivalMeasure = Literal["deviance", "concordance"]

# How Cox's loss treats events at the same time.
Ties = Literal["breslow", "efron"]
TIES: tuple[Ties, ...] = get_args(Ties)

# Orders of coordinate descent.
Selection = Literal["cyclic", "random"]
SELECTIONS: tuple[Selection, ...] = get_args(Selection)

# What is done with missing values: an error that names them, rows left out, or their own column.
Missing = Literal["error", "drop", "indicator"]
MISSING: tuple[Missing, ...] = get_args(Missing)

# What is done with a level of a categorical column that the fit did not see.
Unknown = Literal["error", "zero"]
UNKNOWN: tuple[Unknown, ...] = get_args(Unknown)

# X axes of the pictures of paths.
Against = Literal["alpha", "l1", "deviance"]

# Functions of the mean that are linear in X, for Tweedie's family.
Link = Literal["auto", "identity", "log"]
LINKS: tuple[Link, ...] = get_args(Link)

# Sequences of weights of SLOPE: those of Benjamini and Hochberg, and of OSCAR.
RankWeights = Literal["bh", "oscar"]

# Names that scikit-learn's estimators take, where one solver here stands for all of theirs.
LogisticSolver = Literal["lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"]
TweedieSolver = Literal["lbfgs", "newton-cholesky"]
QuantileSolver = Literal["highs", "highs-ds", "highs-ipm", "interior-point", "revised simplex"]
RidgeSolver = Solver | Literal["svd", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"]
LogisticPenalty = Literal["l1", "l2", "elasticnet", "deprecated"]
GCVMode = Literal["auto", "svd", "eigen"]

# Parts of dates that may be features.
DATE_PARTS = ("year", "quarter", "month", "week", "day", "dayofweek", "hour", "minute", "days")

# Penalties that the command line names, with the options that shape them.
PENALTIES = {
    "mcp": "gamma",
    "scad": "a",
    "group_lasso": None,
    "sparse_group_lasso": None,
    "group_mcp": "gamma",
    "slope": "q",
}

# Penalties of groups among them.
OF_GROUPS = ("group_lasso", "sparse_group_lasso", "group_mcp")

# Shells for which there is a script that completes options.
SHELLS = ("bash", "zsh", "fish")


def rule_of(given: Any) -> Rule:
    """Return the rule that a word names, glmnet's words included.

    Raises
    ------
    ValueError
        For anything else.
    """
    rule = RULES_OF_GLMNET.get(given, given) if isinstance(given, str) else given
    if not isinstance(rule, str) or rule not in RULES:
        raise ValueError(
            f"rule must be one of {', '.join(RULES)} (in glmnet lambda.min and lambda.1se); got "
            f"{given!r}."
        )
    return rule
