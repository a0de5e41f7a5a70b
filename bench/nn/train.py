"""Train one net on real data, dense or sparse, and keep what came out.

    python -m bench.nn.train TASK SEED [FIELD=VALUE ...]      fields of Recipe

Results lie in build/nn/results as JSON, one file for each task, recipe and seed, with the weights
beside it. What is there is not trained again.
"""

import gzip
import json
import sys
import time
import warnings

import numpy as np
import torch

from bench.nn.site import FOLDER
from bench.nn.tasks import TASKS, Recipe, count_of
from softreg_fast.nn import attach, compact, distillation_loss

AGAIN = 1000  # between the seeds of first weights for the same data


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


def fit(task, recipe, seed, again=0):
    """The trained model, and what `judge` says of it; `again` draws other first weights."""
    data = task.load(seed)
    samples = data.train
    if recipe.teachers:
        samples = *samples, taught(task, recipe.teachers, seed)
    torch.manual_seed(seed + AGAIN * again)
    model = task.net()
    optimizer = adam(model, task, recipe, fused=True)
    began = time.perf_counter()
    train(model, optimizer, samples, task, recipe)
    return model, judge(model, data, time.perf_counter() - began)


def taught(task, n_teachers, seed):
    """Mean scores of so many dense nets for the training samples; the nets are kept."""
    X = task.load(seed).train[0]
    recipe = Recipe(weight_decay=task.teacher_decay)
    scores = []
    for k in range(n_teachers):
        file = FOLDER / "teachers" / task.label / recipe.label / f"seed{seed}_{k}.pt"
        if not file.exists():
            model, _ = fit(task, recipe, seed, again=k)
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.save(model.state_dict(), file)
        model = task.net()
        model.load_state_dict(torch.load(file, weights_only=True))
        scores.append(scores_of(model, X))
    return torch.stack(scores).mean(0)


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
        with warnings.catch_warnings():
            # what these recipes always were, and were chosen by validation with it
            warnings.filterwarnings("ignore", message="AdamW has a decoupled weight decay")
            attach(model, optimizer, recipe.rules(), **schedule)
    cuts = range(start + ramp // 2, n_steps, max(cut_every * n_steps // task.epochs, 1))
    for k, batch in enumerate(batches(samples, task)):
        if cut_every and k in cuts:
            compact(model, samples[0][:2], optimizer=optimizer)
        set_rate(optimizer, task.lr * fallen(k, n_steps, refit_from, recipe.decay))
        descend(model, optimizer, *batch)


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
    """(inputs, classes, scores of teachers if there are any) of one step after the other."""
    for _ in range(task.epochs):
        for rows in torch.randperm(len(samples[1])).split(task.batch):
            yield [each[rows] for each in samples]


def descend(model, optimizer, x, y, teacher_scores=None):
    """One step."""
    optimizer.zero_grad()
    if teacher_scores is None:
        loss = torch.nn.functional.cross_entropy(model(x), y)
    else:
        loss = distillation_loss(model(x), teacher_scores, y)
    loss.backward()
    optimizer.step()


def accuracy(model, samples):
    """The part of the samples that is classified right."""
    X, y = samples
    return int((scores_of(model, X).argmax(1) == y).sum()) / len(y)


def scores_of(model, X):
    """Of each class, before softmax."""
    with torch.no_grad():
        return torch.cat([model(x) for x in X.split(2000)])


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
