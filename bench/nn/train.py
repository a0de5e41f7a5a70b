"""Train one net on real data, dense or sparse, and store the result.

    python -m bench.nn.train TASK SEED [FIELD=VALUE ...]      fields of Recipe

Results are stored in build/nn/results as JSON, one file for each task, recipe and seed, with the
weights beside it. Existing results are not computed again.
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

AGAIN = 1000  # distance between the seeds of initial weights for the same data


def result_of(task, recipe, seed):
    """Return the result of `fit`, from its file if that exists."""
    file = file_of(task, recipe, seed)
    if file.exists():
        return json.loads(file.read_text())
    model, result = fit(task, recipe, seed)
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), file.with_suffix(".pt"))
    file.write_text(json.dumps(result))
    return result


def file_of(task, recipe, seed):
    """Return the path of the result's file."""
    return FOLDER / "results" / task.label / recipe.label / f"seed{seed}.json"


def fit(task, recipe, seed, again=0):
    """Return the trained model and its `judge` result; `again` draws other initial weights."""
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
    """Return the mean scores of `n_teachers` dense nets on the training samples; store the nets."""
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
    """Return AdamW with the settings of a recipe."""
    return torch.optim.AdamW(
        model.parameters(),
        lr=task.lr,
        betas=(recipe.momentum, 0.999),
        weight_decay=recipe.weight_decay,
        fused=fused,
    )


def judge(model, data, seconds):
    """Return {accuracies, nonzero weights, all weights, bytes of the file, seconds}."""
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
    """Train all epochs of a recipe, cutting zeros out every `cut_every` epochs if given."""
    n_steps = n_steps_of(samples, task)
    refit_from = int((1.0 - recipe.freeze) * n_steps) if recipe.strength else n_steps
    start, ramp = (int(part * n_steps) for part in (recipe.start, recipe.ramp))
    if recipe.strength:
        target = 1.0 - recipe.keep if recipe.keep else None
        schedule = {"start": start, "ramp": ramp, "refit": refit_from, "target_sparsity": target}
        with warnings.catch_warnings():
            # part of these recipes from the start, so validation chose them with it
            warnings.filterwarnings("ignore", message="AdamW has a decoupled weight decay")
            attach(model, optimizer, recipe.rules(), **schedule)
    cuts = range(start + ramp // 2, n_steps, max(cut_every * n_steps // task.epochs, 1))
    for k, batch in enumerate(batches(samples, task)):
        if cut_every and k in cuts:
            compact(model, samples[0][:2], optimizer=optimizer)
        set_rate(optimizer, task.lr * fallen(k, n_steps, refit_from, recipe.decay))
        descend(model, optimizer, *batch)


def fallen(k, n_steps, refit_from, decay):
    """Return the learning rate at step k as a fraction of the first one."""
    if k < refit_from:
        return min(1.0, (1.0 - k / refit_from) / decay)
    return (n_steps - k) / (n_steps - refit_from)


def set_rate(optimizer, rate):
    """Set the learning rate of all parameter groups."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def n_steps_of(samples, task):
    """Return the number of steps of all epochs."""
    return task.epochs * -(-len(samples[1]) // task.batch)


def batches(samples, task):
    """Yield (inputs, classes, scores of teachers if there are any) for each step."""
    for _ in range(task.epochs):
        for rows in torch.randperm(len(samples[1])).split(task.batch):
            yield [each[rows] for each in samples]


def descend(model, optimizer, x, y, teacher_scores=None):
    """Do one optimiser step."""
    optimizer.zero_grad()
    if teacher_scores is None:
        loss = torch.nn.functional.cross_entropy(model(x), y)
    else:
        loss = distillation_loss(model(x), teacher_scores, y)
    loss.backward()
    optimizer.step()


def accuracy(model, samples):
    """Return the fraction of samples classified correctly."""
    X, y = samples
    return int((scores_of(model, X).argmax(1) == y).sum()) / len(y)


def scores_of(model, X):
    """Return the scores of each class, before softmax."""
    with torch.no_grad():
        return torch.cat([model(x) for x in X.split(2000)])


def packed(model):
    """Return the weights as a gzip file: for each tensor a bit per weight, then the nonzeros.

    A tensor without zeros is written in full.
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
