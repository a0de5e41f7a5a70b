"""Packages that train sparse nets, one module each, named with_PACKAGE.

SETTINGS maps names to (train(training, data, setting), settings): the trained net of each setting,
such as a strength or a sparsity, with the same epochs, batches, learning rates and length of the
refit as ours.
"""

from bench.families.recipes import Recipe
from bench.harness.nets import batches, fallen, n_steps_of


def steps(training, data):
    """Return (k, rate, inputs, classes) of all steps as in our runs, their number, the refit's."""
    n_steps = n_steps_of(data.train, training)
    refit_from = int((1.0 - Recipe().freeze) * n_steps)
    taken = (
        (k, training.lr * fallen(k, n_steps, refit_from, Recipe().decay), x, y)
        for k, (x, y) in enumerate(batches(data.train, training))
    )
    return taken, n_steps, refit_from
