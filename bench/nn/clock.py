"""Training time: dense with PyTorch's faster Adam, and ours with zeros cut out during training.

    python -m bench.nn.clock TASK [FIELD=VALUE ...]       run nothing else at the same time

Trains one net of each kind, in turn, for every seed, and prints seconds and their ratio. Without
fields the recipe is the one that validation chose. Once the penalty has its full strength,
`softreg_fast.nn.compact` cuts units whose weights are all zero out of the net every four epochs.
"""

import sys
import time

import numpy as np
import torch

from bench.families.nets import TRAININGS
from bench.families.recipes import SEEDS, Recipe
from bench.harness.nets import accuracy, adam, count_of
from bench.nn.choice import chosen
from bench.nn.train import train

CUT_EVERY = 4  # epochs


def clock(training, recipe, seed, fused, cut_every=0):
    """Return the seconds of one training, the test accuracy, and the weights left in the net."""
    data = training.load(seed)
    torch.manual_seed(seed)
    model = training.net()
    optimizer = adam(model, training, recipe, fused)
    began = time.perf_counter()
    train(model, optimizer, data.train, training, recipe, cut_every)
    return time.perf_counter() - began, accuracy(model, data.test), count_of(model)[1]


def main():
    name, *fields = sys.argv[1:]
    training, choice = TRAININGS[name], chosen(name)
    if choice is None and not fields:
        sys.exit(f"nothing is chosen yet: python -m bench.nn.run --only {name}")
    recipe = Recipe.of(fields) if fields else choice.sparsest
    dense = Recipe() if choice is None else choice.dense
    taken = []
    for seed in SEEDS:
        runs = (
            clock(training, dense, seed, fused=True),
            clock(training, dense, seed, fused=False),
            clock(training, recipe, seed, fused=True, cut_every=CUT_EVERY),
        )
        taken.append([seconds for seconds, _, _ in runs])
        print(
            f"seed {seed}:", *(f"{s:.1f} s, {a:.1%}, {n} weights;" for s, a, n in runs), flush=True
        )
    fused, default, ours = np.array(taken).T
    ratio = np.median(ours / np.minimum(fused, default))
    print(
        f"{name}, {recipe.label}: {ratio:.2f} of the time of dense Adam, "
        f"with compaction, {torch.get_num_threads()} threads"
    )


if __name__ == "__main__":
    main()
