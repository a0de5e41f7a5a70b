"""Choices that an option offers in Python and on the command line."""

# How cross-validation chooses alpha: the smallest error, or the largest alpha within one standard
# error of that.
RULES = ("min", "1se")
