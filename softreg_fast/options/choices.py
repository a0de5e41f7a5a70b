"""Choices that an option offers in Python and on the command line."""

from __future__ import annotations

from typing import Any

# How cross-validation chooses alpha: the smallest error, or the largest alpha within one standard
# error of that.
RULES = ("min", "1se")

# The same in the words of glmnet.
RULES_OF_GLMNET = {f"lambda.{rule}": rule for rule in RULES}

# Penalties that take the place of L1 and L2, with the name of their shape parameter.
SHAPES = {"mcp": "gamma", "scad": "a"}

# What becomes of missing values, and of levels that a fit has not seen.
MISSING = ("error", "drop", "indicator")
UNKNOWN = ("error", "zero")

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

# Kinds of predictions: the mean of y, the linear predictor, a class, the probabilities of all, the
# probabilities of no event.
PREDICTIONS = ("response", "link", "class", "proba", "survival")


def rule_of(given: Any) -> str:
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
