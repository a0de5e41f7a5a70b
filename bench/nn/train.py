"""Train one net on real data, dense or sparse, and keep what came out.

    python -m bench.nn.train TASK SEED [FIELD=VALUE ...]      fields of Recipe

Results lie in build/nn/results as JSON, one file for each task, recipe and seed, with the weights
beside it. What is there is not trained again.
"""

import gzip
import json
import sys
import time

import numpy as np
import torch

from bench.nn.site import FOLDER
from bench.nn.tasks import TASKS, Recipe, count_of
from softreg_fast.nn import attach, compact


def result_of(task, recipe, seed):
    """What `fit` gives, from the file if it is there."""
    file = file_of(task, recipe, seed)
    if file.exists():
        return json.loads(file.read_text())
    model, result = fit(task, recipe, seed)
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), file.with_suffix(".pt"))
    file.write_text(json.dumps(result))
    return result


def file_of(task, recipe, seed):
    """Where the result is kept."""
    return FOLDER / "results" / task.label / recipe.label / f"seed{seed}.json"


def fit(task, recipe, seed):
    """The trained model, and what `judge` says of it."""
    data = task.load(seed)
    torch.manual_seed(seed)
    model = task.net()
    optimizer = adam(model, task, recipe, fused=True)
    began = time.perf_counter()
    train(model, optimizer, data.train, task, recipe)
    return model, judge(model, data, time.perf_counter() - began)


def adam(model, task, recipe, fused):
    """AdamW of a recipe."""
    return torch.optim.AdamW(
        model.parameters(),
        lr=task.lr,
        betas=(recipe.momentum, 0.999),
        weight_decay=recipe.weight_decay,
        fused=fused,
    )


def judge(model, data, seconds):
    """{accuracies, weights that are not zero, weights in all, bytes of the file, seconds}"""
    nonzeros, n_weights = count_of(model)
    return {
        "validation": accuracy(model, data.validation),
        "test": accuracy(model, data.test),
        "nonzeros": nonzeros,
        "n_weights": n_weights,
        "bytes": len(packed(model)),
        "seconds": seconds,
    }


def train(model, optimizer, samples, task, recipe, cut_every=0):
    """All epochs of a recipe; with `cut_every`, zeros are cut out after each so many epochs."""
    n_steps = n_steps_of(samples, task)
    refit_from = int((1.0 - recipe.freeze) * n_steps) if recipe.strength else n_steps
    start, ramp = (int(part * n_steps) for part in (recipe.start, recipe.ramp))
    if recipe.strength:
        target = 1.0 - recipe.keep if recipe.keep else None
        schedule = {"start": start, "ramp": ramp, "refit": refit_from, "target_sparsity": target}
        attach(model, optimizer, recipe.rules(), **schedule)
    cuts = range(start + ramp // 2, n_steps, max(cut_every * n_steps // task.epochs, 1))
    for k, (x, y) in enumerate(batches(samples, task)):
        if cut_every and k in cuts:
            compact(model, samples[0][:2], optimizer=optimizer)
        set_rate(optimizer, task.lr * fallen(k, n_steps, refit_from, recipe.decay))
        descend(model, optimizer, x, y)


def fallen(k, n_steps, refit_from, decay):
    """The part of the first learning rate that is left at step k."""
    if k < refit_from:
        return min(1.0, (1.0 - k / refit_from) / decay)
    return (n_steps - k) / (n_steps - refit_from)


def set_rate(optimizer, rate):
    """For all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def n_steps_of(samples, task):
    """Steps of all epochs."""
    return task.epochs * -(-len(samples[1]) // task.batch)


def batches(samples, task):
    """(inputs, classes) of one step after the other."""
    X, y = samples
    for _ in range(task.epochs):
        for rows in torch.randperm(len(y)).split(task.batch):
            yield X[rows], y[rows]


def descend(model, optimizer, x, y):
    """One step."""
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()


def accuracy(model, samples):
    """The part of the samples that is classified right."""
    X, y = samples
    with torch.no_grad():
        parts = zip(X.split(2000), y.split(2000), strict=True)
        hits = [int((model(x).argmax(1) == wanted).sum()) for x, wanted in parts]
    return sum(hits) / len(y)


def packed(model):
    """A file of the weights: of each tensor a bit for every weight, then the nonzero ones; gzip.

    A tensor without zeros is written as it is.
    """
    parts = []
    for parameter in model.parameters():
        values = parameter.detach().numpy().ravel()
        inside = values != 0.0
        parts += [values] if inside.all() else [np.packbits(inside), values[inside]]
    return gzip.compress(b"".join(part.tobytes() for part in parts), 9)


def main():
    name, seed, *fields = sys.argv[1:]
    torch.set_num_threads(1)
    recipe = Recipe.of(fields)
    result = result_of(TASKS[name], recipe, int(seed))
    part = result["nonzeros"] / result["n_weights"]
    print(
        f"{name} {recipe.label} seed {seed}: validation {result['validation']:.2%}, "
        f"{part:.2%} of the weights, {result['bytes']} bytes, {result['seconds']:.0f} s"
    )


if __name__ == "__main__":
    main()
