"""Tables of the results of sparse training."""

import json

import numpy as np

from bench.families.nets import TRAININGS
from bench.families.recipes import NAMES, PLANS, SEEDS, Recipe
from bench.nn.choice import MARGIN, chosen, found, nonzero
from bench.nn.train import file_of

COLUMNS = (
    "",
    "dense, tuned",
    "sparsest near it",
    "nonzero weights",
    "file",
    "best",
    "nonzero weights",
    "violation after a polish",
)
RECIPE_COLUMNS = ("recipe", "nonzero weights", "validation", "test", "against dense")


def line(name, taught=False):
    """Return the row of one net, with the recipes that validation chose."""
    training, choice = TRAININGS[name], chosen(name, taught)
    dense, best = found(training, choice.dense), found(training, choice.best)
    label = f"{name}, taught" if taught else name
    cells = [label, f"{100 * np.median([result['test'] for result in dense]):.1f} %"]
    if choice.sparsest is None:
        cells += [f"none within {100 * MARGIN:g} points", "", ""]
    else:
        sparse = found(training, choice.sparsest)
        ratios = [d["bytes"] / s["bytes"] for d, s in zip(dense, sparse, strict=True)]
        smaller = f"{np.median(ratios):.0f} times smaller"
        cells += [gain(dense, sparse), f"{100 * nonzero(sparse):.1f} %", smaller]
    return [*cells, gain(dense, best), f"{100 * nonzero(best):.1f} %", violation(training, choice)]


def recipes(name):
    """Return a row for every recipe of a net that has run with all seeds."""
    training, choice = TRAININGS[name], chosen(name)
    dense = found(training, choice.dense)
    there = {r: results for r in PLANS[name].recipes if (results := found(training, r))}
    return [
        [
            in_words(recipe),
            f"{100 * nonzero(results):.1f} %",
            f"{100 * np.mean([result['validation'] for result in results]):.1f} %",
            f"{100 * np.mean([result['test'] for result in results]):.1f} %",
            gain(dense, results),
        ]
        for recipe, results in there.items()
    ]


def in_words(recipe):
    """Describe a recipe by the fields that differ between the recipes of a plan."""
    words = [
        f"{NAMES[recipe.penalty]} {recipe.strength:g}" if recipe.strength else "dense",
        f"weight decay {recipe.weight_decay:g}" if recipe.weight_decay else "",
        "" if recipe.momentum == Recipe().momentum else f"beta {recipe.momentum:g}",
        "refit" if recipe.strength and recipe.freeze else "",
        f"{recipe.teachers} teachers" if recipe.teachers else "",
    ]
    return ", ".join(word for word in words if word)


def gain(dense, sparse):
    """Return the gain in test accuracy over dense, in points, paired by seed: median and range."""
    points = [100 * (s["test"] - d["test"]) for d, s in zip(dense, sparse, strict=True)]
    return f"{np.median(points):+.1f} ({min(points):+.1f} to {max(points):+.1f})"


def violation(training, choice):
    """Return the largest violation over the strength, median of the seeds that were polished."""
    if choice.with_l1 is None:
        return ""
    files = [file_of(training, choice.with_l1, seed).with_suffix(".polish.json") for seed in SEEDS]
    after = [json.loads(file.read_text())["after"] for file in files if file.exists()]
    return f"{100 * np.median(after):.2g} % ({len(after)} seeds)" if after else "not there"
