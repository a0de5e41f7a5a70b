"""Cross-validation: the same names, but `solve` gives a Choice, and the ladder is one default.

Everybody is given the same alphas and folds, and all other settings are a package's own.
"""
