"""Torch-Pruning: units are cut by size in the middle of training."""

import torch
from torch import nn

from bench.adaptors.nn import steps
from bench.families.recipes import Recipe
from bench.harness.nets import adam, descend, set_rate

RATIOS = (0.3, 0.5, 0.7, 0.85)  # fractions of the units to cut
CUTS = 5


def torch_pruning(training, data, ratio):
    """Cut units by size in five steps, in the middle of training."""
    import torch_pruning as tp

    model = training.net()
    taken, n_steps, refit_from = steps(training, data)
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    cutter = tp.pruner.MagnitudePruner(
        model,
        data.train[0][:2],
        importance=tp.importance.MagnitudeImportance(p=2),
        pruning_ratio=ratio,
        global_pruning=True,
        max_pruning_ratio=0.95,
        iterative_steps=CUTS,
        ignored_layers=[last],
    )
    cuts = set(torch.linspace(0.3 * n_steps, refit_from, CUTS).int().tolist())
    optimizer = adam(model, training, Recipe(), fused=True)
    for k, rate, x, y in taken:
        if k in cuts:
            cutter.step()
            optimizer = adam(model, training, Recipe(), fused=True)
        set_rate(optimizer, rate)
        descend(model, optimizer, x, y)
    return model


SETTINGS = {"Torch-Pruning": (torch_pruning, RATIOS)}
