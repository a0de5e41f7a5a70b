"""The choice among the recipes of a net, by validation."""

import json
from dataclasses import dataclass

import numpy as np

from bench.families.nets import TRAININGS
from bench.families.recipes import PLANS, SEEDS, Recipe
from bench.nn.train import file_of

MARGIN = 0.005  # of accuracy


def found(training, recipe):
    """Return the results of all seeds; None if one is missing."""
    files = [file_of(training, recipe, seed) for seed in SEEDS]
    if not all(file.exists() for file in files):
        return None
    return [json.loads(file.read_text()) for file in files]


@dataclass(frozen=True)
class Choice:
    """Choice by validation: tuned dense, the sparsest within the margin of it, the best, and the
    best with L1, whose objective is polished."""

    dense: Recipe
    sparsest: Recipe | None
    best: Recipe
    with_l1: Recipe | None


def chosen(name, taught=False):
    """Return the Choice for a net among the existing results; None if there are too few.

    Sparse nets that are `taught` are compared with dense ones that are not.
    """
    training, recipes = TRAININGS[name], PLANS[name]
    there = {recipe: results for recipe in recipes.recipes if (results := found(training, recipe))}
    dense = [recipe for recipe in recipes.dense if recipe in there]
    candidates = recipes.taught if taught else recipes.sparse
    sparse = [recipe for recipe in candidates if recipe in there and recipe.strength]
    if not dense or not sparse:
        return None

    def validation(recipe):
        return np.mean([result["validation"] for result in there[recipe]])

    tuned = max(dense, key=validation)
    near = [recipe for recipe in sparse if validation(recipe) >= validation(tuned) - MARGIN]
    sparsest = min(near, key=lambda r: nonzero(there[r]), default=None)
    l1 = [recipe for recipe in sparse if recipe.penalty == "l1"]
    return Choice(
        tuned,
        sparsest,
        max(sparse, key=validation),
        max(l1, key=validation, default=None),
    )


def nonzero(results):
    """Return the median fraction of nonzero weights."""
    return float(np.median([result["nonzeros"] / result["n_weights"] for result in results]))
