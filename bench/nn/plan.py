"""Which recipes each task is trained by, and which of them validation chooses."""

import json
from dataclasses import dataclass

import numpy as np

from bench.nn.tasks import TASKS, Recipe
from bench.nn.train import file_of

SEEDS = range(5)
MARGIN = 0.005  # of accuracy
MOMENTUM = 0.99


@dataclass(frozen=True)
class Plan:
    """Dense recipes, to be tuned, and a path of sparse ones."""

    dense: tuple
    sparse: tuple

    @property
    def recipes(self):
        """All of them."""
        return *self.dense, *self.sparse


def plan(weight_decays, strengths, **fields):
    """Dense with Adam's usual momentum and with that of the sparse nets; L1 with every strength.

    A momentum of 0.99 averages the noise of some hundred gradients. With 0.9 twice as many weights
    that the data do not want are thrown off zero by the last few batches.
    """
    return Plan(
        tuple(
            Recipe(weight_decay=decay, momentum=momentum)
            for momentum in (0.9, MOMENTUM)
            for decay in weight_decays
        ),
        tuple(
            Recipe(penalty="l1", strength=strength, momentum=MOMENTUM, **fields)
            for strength in strengths
        ),
    )


PLANS = {
    "LeNet-300-100": plan((0.0, 0.1, 1.0), (1e-3, 3e-4, 7e-4, 1e-4)),
    "LSTM": plan((0.0, 0.1, 1.0), (1e-4, 2e-4, 3e-4, 5e-4), ramp=0.1, freeze=0.4, decay=0.3),
    "digits": plan((0.0, 0.1, 1.0), (3e-4, 1e-3, 2e-3, 3e-3, 5e-3)),
    "GRU": plan((0.0, 0.1, 1.0), (3e-4, 1e-3, 2e-3, 3e-3)),
    "LeNet-5": plan((0.0, 0.1), (3e-4, 1e-3, 2e-3)),
}


def found(task, recipe):
    """The results of all seeds; None if one is missing."""
    files = [file_of(task, recipe, seed) for seed in SEEDS]
    if not all(file.exists() for file in files):
        return None
    return [json.loads(file.read_text()) for file in files]


@dataclass(frozen=True)
class Choice:
    """What validation chose: tuned dense, the sparsest within the margin of it, the best."""

    dense: Recipe
    sparsest: Recipe | None
    best: Recipe


def chosen(name):
    """The Choice of a task among what is there; None where too little is."""
    task, recipes = TASKS[name], PLANS[name]
    there = {recipe: results for recipe in recipes.recipes if (results := found(task, recipe))}
    dense = [recipe for recipe in recipes.dense if recipe in there]
    sparse = [recipe for recipe in recipes.sparse if recipe in there]
    if not dense or not sparse:
        return None

    def validation(recipe):
        return np.mean([result["validation"] for result in there[recipe]])

    tuned = max(dense, key=validation)
    near = [recipe for recipe in sparse if validation(recipe) >= validation(tuned) - MARGIN]
    sparsest = min(near, key=lambda r: nonzero(there[r]), default=None)
    return Choice(tuned, sparsest, max(sparse, key=validation))


def nonzero(results):
    """The median part of the weights that is not zero."""
    return float(np.median([result["nonzeros"] / result["n_weights"] for result in results]))
