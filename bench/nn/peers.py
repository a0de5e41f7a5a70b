"""Results of other packages on the same nets, with equal epochs or equal time.

    python -m bench.nn.peers TASK SEED

torchao's pruning-aware optimiser and Torch-Pruning train for as many epochs as ours, with the same
batches, learning rates and length of the refit. LassoNet has its own training loop, and gets the
seconds that our nets took. Every setting gives one point, accuracy against nonzero weights;
LassoNet gives one for each strength on its path. Results are stored like those of `bench.nn.train`.
"""

import contextlib
import json
import sys
import time
from functools import partial

import torch
from torch import nn

from bench.nn import site
from bench.nn.site import FOLDER
from bench.nn.tasks import TASKS, Recipe, weights_of
from bench.nn.train import adam, batches, descend, fallen, judge, n_steps_of, set_rate

# settings: strengths, sparsities, fractions of the units to cut
STRENGTHS = (0.01, 0.03, 0.1, 0.3)
SPARSITIES = (0.9, 0.95, 0.97, 0.98, 0.99)
RATIOS = (0.3, 0.5, 0.7, 0.85)
CUTS = 5


def steps(task, data):
    """Return (k, rate, inputs, classes) of all steps as in our runs, their number, the refit's."""
    n_steps = n_steps_of(data.train, task)
    refit_from = int((1.0 - Recipe().freeze) * n_steps)
    taken = (
        (k, task.lr * fallen(k, n_steps, refit_from, Recipe().decay), x, y)
        for k, (x, y) in enumerate(batches(data.train, task))
    )
    return taken, n_steps, refit_from


def torchao(task, data, setting, prox_type, group_type):
    """Train with `PruneOptimizer` and return its point."""
    from torchao.prototype.pat.optim import PruneOptimizer

    model = task.net()
    taken, n_steps, refit_from = steps(task, data)
    weights = weights_of(model)
    penalised = {id(w) for w in weights}
    pruned = {"params": weights, "prox_type": prox_type, "group_type": group_type, **setting}
    rest = {"params": [p for p in model.parameters() if id(p) not in penalised]}
    base = torch.optim.AdamW([pruned, rest], lr=task.lr, weight_decay=0.0, fused=True)
    optimizer = PruneOptimizer(
        base,
        warmup_steps=int(Recipe().start * n_steps),
        healing_start_step=refit_from,
    )
    for _, rate, x, y in taken:
        set_rate(base, rate)
        descend(model, optimizer, x, y)
    return model


def torchao_lasso(task, data, strength):
    """Train with L1 on single weights."""
    return torchao(task, data, {"reg_lambda": strength}, "ProxLasso", "ElemGrouper")


def torchao_budget(task, data, sparsity):
    """Prune the smallest of all weights to the requested sparsity, in a ramp up to the refit."""
    setting = {"reg_lambda": 0.0, "min_sparsity": sparsity, "min_sparsity_schedule": True}
    setting |= {"k": 1}
    return torchao(task, data, setting, "GlobalMinSparsityConstraint", "KElementGrouper")


def torch_pruning(task, data, ratio):
    """Cut units by size in five steps, in the middle of training."""
    import torch_pruning as tp

    model = task.net()
    taken, n_steps, refit_from = steps(task, data)
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
    optimizer = adam(model, task, Recipe(), fused=True)
    for k, rate, x, y in taken:
        if k in cuts:
            cutter.step()
            optimizer = adam(model, task, Recipe(), fused=True)
        set_rate(optimizer, rate)
        descend(model, optimizer, x, y)
    return model


class OutOfTimeError(Exception):
    """Error: the time limit has been reached."""


def lassonet(task, data, seconds):
    """Return the path's points of `LassoNetClassifier`, with the hidden layers of an mlp."""
    from lassonet import LassoNetClassifier

    hidden = [m.out_features for m in task.net().modules() if isinstance(m, nn.Linear)][:-1]
    began, points = time.perf_counter(), []

    def note(path, _):
        points.append(judge(path.model, data, time.perf_counter() - began))
        if points[-1]["seconds"] > seconds:
            raise OutOfTimeError

    epochs = max(task.epochs // 3, 1), max(task.epochs // 30, 1)
    path = LassoNetClassifier(
        hidden_dims=tuple(hidden),
        batch_size=task.batch,
        n_iters=epochs,
        patience=epochs,
        path_multiplier=1.3,
        verbose=0,
    )
    with contextlib.suppress(OutOfTimeError):
        path.path(
            *(part.numpy() for part in data.train),
            X_val=data.validation[0].numpy(),
            y_val=data.validation[1].numpy(),
            callback=note,
        )
    return points


PEERS = {
    "torchao, L1": (torchao_lasso, STRENGTHS),
    "torchao, budget": (torchao_budget, SPARSITIES),
    "Torch-Pruning": (torch_pruning, RATIOS),
}


def points_of(task, seed, seconds):
    """Return {peer: {setting: point}}, {"LassoNet": [points]} from the existing files."""
    site.use()
    folder = FOLDER / "results" / task.label
    found = {}
    for peer, (train, settings) in PEERS.items():
        for setting in settings:
            file = folder / f"{peer}={setting}" / f"seed{seed}.json"
            make = partial(one, task, seed, train, setting)
            found.setdefault(peer, {})[setting] = kept(file, make)
    if not task.is_mlp:
        return found
    file = folder / "LassoNet" / f"seed{seed}.json"
    found["LassoNet"] = kept(file, partial(lassonet, task, task.load(seed), seconds))
    return found


def kept(file, make):
    """Return the content of the file; if it does not exist, make the result and store it."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(make()))
    return json.loads(file.read_text())


def one(task, seed, train, setting):
    """Return a point, or the reason why there is none."""
    data = task.load(seed)
    torch.manual_seed(seed)
    began = time.perf_counter()
    try:
        model = train(task, data, setting)
    except Exception as error:  # a peer that fails is a result, too
        return {"error": f"{type(error).__name__}: {error}"[:300]}
    return judge(model, data, time.perf_counter() - began)


def main():
    name, seed, seconds = sys.argv[1:]
    torch.set_num_threads(1)
    for peer, points in points_of(TASKS[name], int(seed), float(seconds)).items():
        print(peer, json.dumps(points))


if __name__ == "__main__":
    main()
