"""torchao's pruning-aware optimiser."""

import torch

from bench.adaptors.nn import steps
from bench.families.recipes import Recipe
from bench.harness.nets import descend, set_rate, weights_of

STRENGTHS = (0.01, 0.03, 0.1, 0.3)
SPARSITIES = (0.9, 0.95, 0.97, 0.98, 0.99)


def torchao(training, data, setting, prox_type, group_type):
    """Train with `PruneOptimizer` and return its point."""
    from torchao.prototype.pat.optim import PruneOptimizer

    model = training.net()
    taken, n_steps, refit_from = steps(training, data)
    weights = weights_of(model)
    penalised = {id(w) for w in weights}
    pruned = {"params": weights, "prox_type": prox_type, "group_type": group_type, **setting}
    rest = {"params": [p for p in model.parameters() if id(p) not in penalised]}
    base = torch.optim.AdamW([pruned, rest], lr=training.lr, weight_decay=0.0, fused=True)
    optimizer = PruneOptimizer(
        base,
        warmup_steps=int(Recipe().start * n_steps),
        healing_start_step=refit_from,
    )
    for _, rate, x, y in taken:
        set_rate(base, rate)
        descend(model, optimizer, x, y)
    return model


def torchao_lasso(training, data, strength):
    """Train with L1 on single weights."""
    return torchao(training, data, {"reg_lambda": strength}, "ProxLasso", "ElemGrouper")


def torchao_budget(training, data, sparsity):
    """Prune the smallest of all weights to the requested sparsity, in a ramp up to the refit."""
    setting = {"reg_lambda": 0.0, "min_sparsity": sparsity, "min_sparsity_schedule": True}
    setting |= {"k": 1}
    return torchao(training, data, setting, "GlobalMinSparsityConstraint", "KElementGrouper")


SETTINGS = {
    "torchao, L1": (torchao_lasso, STRENGTHS),
    "torchao, budget": (torchao_budget, SPARSITIES),
}
