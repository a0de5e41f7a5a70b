"""Which recipes each task is trained by, and which of them validation chooses."""

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
    """Dense recipes, to be tuned, and a path of sparse ones; one of nets with teachers."""

    dense: tuple
    sparse: tuple
    taught: tuple = ()

    @property
    def recipes(self):
        """All of them."""
        return *self.dense, *self.sparse, *self.taught


def plan(dense, sparse, refit, l1, l_half, taught, momentum=MOMENTUM):
    """Dense recipes with each weight decay in `dense`, sparse ones with those of `sparse`, `refit`.

    L1 stays on to the end: it is the regulariser. sqrt|w|, which takes less from large weights,
    finds the smaller supports; a refit without penalty follows, held by the weight decay `refit`
    alone. L1 goes with a momentum of 0.99, which averages the noise of some hundred gradients: with
    0.9 twice as many weights that the data do not want are thrown off zero by the last few batches.
    Dense nets try what sparse ones use. `taught` are strengths of sqrt|w| for nets that learn from
    dense ones; a dense net learns from them, too.
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
    """The results of all seeds; None if one is missing."""
    files = [file_of(task, recipe, seed) for seed in SEEDS]
    if not all(file.exists() for file in files):
        return None
    return [json.loads(file.read_text()) for file in files]


@dataclass(frozen=True)
class Choice:
    """What validation chose: tuned dense, the sparsest within the margin of it, the best, and the
    best with L1, whose objective is polished."""

    dense: Recipe
    sparsest: Recipe | None
    best: Recipe
    with_l1: Recipe | None


def chosen(name, taught=False):
    """The Choice of a task among what is there; None where too little is.

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
    """The median part of the weights that is not zero."""
    return float(np.median([result["nonzeros"] / result["n_weights"] for result in results]))
