"""Train one net on real data, dense or sparse, and store the result.

    python -m bench.nn.train TASK SEED [FIELD=VALUE ...]      fields of Recipe

Results are stored in build/nn/results as JSON, one file for each task, recipe and seed, with the
weights beside it. Existing results are not computed again.
"""

import sys
import time
import warnings

import torch

from bench.families.nets import TRAININGS
from bench.families.recipes import Recipe
from bench.harness.environments import NETS
from bench.harness.nets import (
    adam,
    batches,
    descend,
    fallen,
    judge,
    n_steps_of,
    scores_of,
    set_rate,
)
from bench.harness.record import kept
from softreg_fast.nn import attach, compact

AGAIN = 1000  # distance between the seeds of initial weights for the same data


def result_of(training, recipe, seed):
    """Return the result of `fit`, from its file if that exists."""
    file = file_of(training, recipe, seed)

    def make():
        model, result = fit(training, recipe, seed)
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.save(model.state_dict(), file.with_suffix(".pt"))
        return result

    return kept(file, make)


def file_of(training, recipe, seed):
    """Return the path of the result's file."""
    return NETS / "results" / training.label / recipe.label / f"seed{seed}.json"


def fit(training, recipe, seed, again=0):
    """Return the trained model and its `judge` result; `again` draws other initial weights."""
    data = training.load(seed)
    samples = data.train
    if recipe.teachers:
        samples = *samples, taught(training, recipe.teachers, seed)
    torch.manual_seed(seed + AGAIN * again)
    model = training.net()
    optimizer = adam(model, training, recipe, fused=True)
    began = time.perf_counter()
    train(model, optimizer, samples, training, recipe)
    return model, judge(model, data, time.perf_counter() - began)


def taught(training, n_teachers, seed):
    """Return the mean scores of `n_teachers` dense nets on the training samples; store the nets."""
    X = training.load(seed).train[0]
    recipe = Recipe(weight_decay=training.teacher_decay)
    scores = []
    for k in range(n_teachers):
        file = NETS / "teachers" / training.label / recipe.label / f"seed{seed}_{k}.pt"
        if not file.exists():
            model, _ = fit(training, recipe, seed, again=k)
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.save(model.state_dict(), file)
        model = training.net()
        model.load_state_dict(torch.load(file, weights_only=True))
        scores.append(scores_of(model, X))
    return torch.stack(scores).mean(0)


def train(model, optimizer, samples, training, recipe, cut_every=0):
    """Train all epochs of a recipe, cutting zeros out every `cut_every` epochs if given."""
    n_steps = n_steps_of(samples, training)
    refit_from = int((1.0 - recipe.freeze) * n_steps) if recipe.strength else n_steps
    start, ramp = (int(part * n_steps) for part in (recipe.start, recipe.ramp))
    if recipe.strength:
        target = 1.0 - recipe.keep if recipe.keep else None
        schedule = {"start": start, "ramp": ramp, "refit": refit_from, "target_sparsity": target}
        with warnings.catch_warnings():
            # part of these recipes from the start, so validation chose them with it
            warnings.filterwarnings("ignore", message="AdamW has a decoupled weight decay")
            attach(model, optimizer, recipe.rules(), **schedule)
    cuts = range(start + ramp // 2, n_steps, max(cut_every * n_steps // training.epochs, 1))
    for k, batch in enumerate(batches(samples, training)):
        if cut_every and k in cuts:
            compact(model, samples[0][:2], optimizer=optimizer)
        set_rate(optimizer, training.lr * fallen(k, n_steps, refit_from, recipe.decay))
        descend(model, optimizer, *batch)


def main():
    name, seed, *fields = sys.argv[1:]
    torch.set_num_threads(1)
    recipe = Recipe.of(fields)
    result = result_of(TRAININGS[name], recipe, int(seed))
    part = result["nonzeros"] / result["n_weights"]
    print(
        f"{name} {recipe.label} seed {seed}: validation {result['validation']:.2%}, "
        f"{part:.2%} of the weights, {result['bytes']} bytes, {result['seconds']:.0f} s"
    )


if __name__ == "__main__":
    main()
