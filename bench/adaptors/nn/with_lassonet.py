"""LassoNet, with its own training loop and path of strengths, and as much time as ours."""

import contextlib
import time

from torch import nn

from bench.harness.nets import judge


class OutOfTimeError(Exception):
    """Error: the time limit has been reached."""


def path(training, data, seconds):
    """Return the path's points of `LassoNetClassifier`, with the hidden layers of an mlp."""
    from lassonet import LassoNetClassifier

    hidden = [m.out_features for m in training.net().modules() if isinstance(m, nn.Linear)][:-1]
    began, points = time.perf_counter(), []

    def note(path, _):
        points.append(judge(path.model, data, time.perf_counter() - began))
        if points[-1]["seconds"] > seconds:
            raise OutOfTimeError

    epochs = max(training.epochs // 3, 1), max(training.epochs // 30, 1)
    model = LassoNetClassifier(
        hidden_dims=tuple(hidden),
        batch_size=training.batch,
        n_iters=epochs,
        patience=epochs,
        path_multiplier=1.3,
        verbose=0,
    )
    with contextlib.suppress(OutOfTimeError):
        model.path(
            *(part.numpy() for part in data.train),
            X_val=data.validation[0].numpy(),
            y_val=data.validation[1].numpy(),
            callback=note,
        )
    return points
