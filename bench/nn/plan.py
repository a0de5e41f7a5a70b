"""The training recipes of each task, and the choice among them by validation."""

import json
from dataclasses import dataclass

import numpy as np

from bench.nn.tasks import TASKS, Recipe
from bench.nn.train import file_of

SEEDS = range(5)
MARGIN = 0.005  # of accuracy
MOMENTUM = 0.99
TEACHERS = 4


@dataclass(frozen=True)
class Plan:
    """Dense recipes to be tuned, a path of sparse recipes, and a path of taught ones."""

    dense: tuple
    sparse: tuple
    taught: tuple = ()

    @property
    def recipes(self):
        """All recipes."""
        return *self.dense, *self.sparse, *self.taught


def plan(dense, sparse, refit, l1, l_half, taught, momentum=MOMENTUM):
    """Return a Plan: dense recipes with each decay in `dense`, sparse ones with `sparse`, `refit`.

    L1 stays on to the end: it is the regulariser. sqrt|w|, which shrinks large weights less,
    finds smaller supports; it is followed by a refit without penalty, with only the weight decay
    `refit`. L1 uses a momentum of 0.99, which averages the noise of about a hundred gradients: with
    0.9 the last few batches move twice as many irrelevant weights away from zero. Dense nets also
    try the weight decays of sparse ones. `taught` are strengths of sqrt|w| for nets with dense
    teachers; a dense net learns from these teachers, too.
    """
    learning = {"weight_decay": refit, "teachers": TEACHERS}
    return Plan(
        tuple(
            Recipe(weight_decay=decay, momentum=each)
            for each in sorted({0.9, momentum})
            for decay in dense
        ),
        tuple(
            Recipe("l1", strength, weight_decay=decay, momentum=momentum, freeze=0.0)
            for strength in l1
            for decay in sparse
        )
        + tuple(Recipe("l_half", strength, weight_decay=refit) for strength in l_half),
        (Recipe(**learning), *(Recipe("l_half", strength, **learning) for strength in taught)),
    )


PLANS = {
    "LeNet-300-100": plan(
        dense=(0.0, 0.1, 0.5, 1.0),
        sparse=(0.5, 1.0),
        refit=0.1,
        l1=(1e-4, 2e-4, 4e-4),
        l_half=(5e-5, 1e-4, 2e-4, 4e-4),
        taught=(2e-4, 4e-4, 8e-4, 1.6e-3),
    ),
    "LSTM": plan(
        dense=(0.0, 0.05, 0.1),
        sparse=(0.05,),
        refit=0.05,
        l1=(),
        l_half=(3e-5, 5e-5, 7e-5, 1e-4),
        taught=(5e-5, 1e-4, 1.5e-4, 2e-4, 4e-4),
        momentum=0.9,
    ),
    "GRU": plan(
        dense=(0.0, 0.1, 1.0),
        sparse=(0.1,),
        refit=0.1,
        l1=(3e-4, 1e-3, 2e-3, 4e-3),
        l_half=(3e-4, 1e-3, 2e-3),
        taught=(3e-4, 1e-3, 2e-3, 4e-3),
        momentum=0.9,
    ),
    "digits": plan(
        dense=(0.0, 0.1, 1.0),
        sparse=(0.1,),
        refit=0.1,
        l1=(1e-4, 3e-4, 1e-3),
        l_half=(2e-4, 5e-4, 1e-3, 2e-3),
        taught=(1e-3, 2e-3, 4e-3, 8e-3),
    ),
    "LeNet-5": plan(
        dense=(0.0, 0.1, 1.0),
        sparse=(1.0,),
        refit=0.1,
        l1=(3e-4,),
        l_half=(5e-5, 1e-4, 2e-4, 4e-4),
        taught=(1e-4, 2e-4, 4e-4),
    ),
}


def found(task, recipe):
    """Return the results of all seeds; None if one is missing."""
    files = [file_of(task, recipe, seed) for seed in SEEDS]
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
    """Return the Choice of a task among the existing results; None if there are too few.

    Sparse nets that are `taught` are compared with dense ones that are not.
    """
    task, recipes = TASKS[name], PLANS[name]
    there = {recipe: results for recipe in recipes.recipes if (results := found(task, recipe))}
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
