"""Choices that an option offers in Python and on the command line."""

# How cross-validation chooses alpha: the smallest error, or the largest alpha within one standard
# error of that.
RULES = ("min", "1se")

# Penalties that take the place of L1 and L2, with the name of their shape parameter.
SHAPES = {"mcp": "gamma", "scad": "a"}

# Kinds of predictions: the mean of y, the linear predictor, a class, the probabilities of all, the
# probabilities of no event.
PREDICTIONS = ("response", "link", "class", "proba", "survival")
