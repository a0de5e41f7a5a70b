"""Training time: dense, by the fastest of PyTorch's Adams, and ours with zeros cut out on the way.

    python -m bench.nn.clock TASK [STRENGTH]       nothing else should run beside it

One training of each, in turn, for every seed; seconds and their ratio. Units whose weights are all
zero are cut out of the net after every `EVERY` epochs, once the penalty has its full strength, by
`softreg_fast.nn.compact`; without it the zeros stay in.
"""

import sys
import time

import numpy as np
import torch

import softreg_fast.nn
from bench.nn.plan import SEEDS, chosen
from bench.nn.tasks import TASKS, Recipe, count_of
from bench.nn.train import (
    accuracy,
    batches,
    descend,
    fallen,
    n_steps_of,
    refit,
    set_rate,
    train,
)
from softreg_fast.nn import attach

EVERY = 4  # epochs
compact = getattr(softreg_fast.nn, "compact", None)


def train_and_cut(model, optimizer, samples, task, recipe):
    """As `bench.nn.train.train`, cutting on the way; the part of the weights that is left."""
    n_steps = n_steps_of(samples, task)
    refit_from = int((1.0 - recipe.freeze) * n_steps)
    start, ramp = (int(part * n_steps) for part in (recipe.start, recipe.ramp))
    rules = recipe.rules()
    proximal = attach(model, optimizer, rules, start=start, ramp=ramp)
    between = EVERY * n_steps // task.epochs
    for k, (x, y) in enumerate(batches(samples, task)):
        if k > start + ramp and k <= refit_from and (k % between == 0 or k == refit_from):
            proximal = cut(model, optimizer, proximal, samples[0][:2], rules)
        if k == refit_from:
            refit(proximal, optimizer)
        set_rate(optimizer, task.lr * fallen(k, n_steps, refit_from, recipe.decay))
        descend(model, optimizer, x, y)


def cut(model, optimizer, proximal, example, rules):
    """Compaction in place, and proximal steps on what is left."""
    if compact is None:
        return proximal
    state = dict(proximal.state)
    proximal.remove()
    compact(model, example, optimizer=optimizer)
    proximal = attach(model, optimizer, rules)
    proximal.state.update(state)
    return proximal


def seconds(task, seed, run, recipe, **kind):
    """Of one training; the model."""
    data = task.load(seed)
    torch.manual_seed(seed)
    model = task.net()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=task.lr, weight_decay=recipe.weight_decay, **kind
    )
    began = time.perf_counter()
    run(model, optimizer, data.train, task, recipe)
    return time.perf_counter() - began, model, accuracy(model, data.test)


def main():
    name, *strength = sys.argv[1:]
    task, choice = TASKS[name], chosen(name)
    if strength:
        recipe = Recipe(penalty="l1", strength=float(strength[0]))
    else:
        recipe = choice.sparsest
    dense = choice.dense if choice else Recipe()
    taken = []
    for seed in SEEDS:
        ways = (
            (train, dense, {"fused": True}),
            (train, dense, {}),
            (train_and_cut, recipe, {"fused": True}),
        )
        times = [seconds(task, seed, run, how, **kind) for run, how, kind in ways]
        taken.append([each[0] for each in times])
        left = count_of(times[-1][1])
        print(seed, *(f"{t:.1f} s ({100 * hits:.1f} %)" for t, _, hits in times), left, flush=True)
    fused, default, ours = np.array(taken).T
    ratio = np.median(ours / np.minimum(fused, default))
    print(
        f"{name} {recipe.label}: {ratio:.2f} of the time of dense Adam, "
        f"{'with' if compact else 'without'} compaction, {torch.get_num_threads()} threads"
    )


if __name__ == "__main__":
    main()
