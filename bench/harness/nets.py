"""Training loop and judge of nets, the same for every package."""

import gzip

import numpy as np
import torch

from softreg_fast.nn import distillation_loss


def adam(model, training, recipe, fused):
    """Return AdamW with the settings of a recipe."""
    return torch.optim.AdamW(
        model.parameters(),
        lr=training.lr,
        betas=(recipe.momentum, 0.999),
        weight_decay=recipe.weight_decay,
        fused=fused,
    )


def fallen(k, n_steps, refit_from, decay):
    """Return the learning rate at step k as a fraction of the first one."""
    if k < refit_from:
        return min(1.0, (1.0 - k / refit_from) / decay)
    return (n_steps - k) / (n_steps - refit_from)


def set_rate(optimizer, rate):
    """Set the learning rate of all parameter groups."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def n_steps_of(samples, training):
    """Return the number of steps of all epochs."""
    return training.epochs * -(-len(samples[1]) // training.batch)


def batches(samples, training):
    """Yield (inputs, classes, scores of teachers if there are any) for each step."""
    for _ in range(training.epochs):
        for rows in torch.randperm(len(samples[1])).split(training.batch):
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


def weights_of(model):
    """Return the tensors whose zeros are counted: all with two axes or more."""
    return [p for p in model.parameters() if p.ndim > 1]


def count_of(model):
    """Return the numbers of nonzero weights and of all weights."""
    weights = weights_of(model)
    return sum(int(torch.count_nonzero(w)) for w in weights), sum(w.numel() for w in weights)


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
