"""Fits of the estimators: training with penalties, then without; its record, and when it ends."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score

from softreg_fast.nn.checks import check_integer, check_real
from softreg_fast.nn.estimators import dense_layers
from softreg_fast.nn.estimators.dense_layers import DenseLayer, Values
from softreg_fast.nn.estimators.named_penalties import in_refit, penalties_of
from softreg_fast.nn.estimators.samples import Samples
from softreg_fast.penalties import (
    Penalty,
)

# Relative decrease of the objective in the last n_iter_no_change epochs above which training was
# too short.
STILL_CHANGING = 0.05


@dataclass
class Training:
    """Training in two parts, with its record: losses, nonzero weights, held-out scores."""

    estimator: Any
    train: Callable[..., list[DenseLayer]]
    out_activation: str
    losses: list[float] = field(default_factory=list)
    n_nonzero: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        model = self.estimator
        if model.activation not in dense_layers.ACTIVATIONS:
            names = ", ".join(dense_layers.ACTIVATIONS)
            raise ValueError(f"activation must be one of {names}, got {model.activation!r}.")
        if model.batch_size != "auto":
            check_integer("batch_size", model.batch_size, otherwise=" or 'auto'")
        check_integer("max_iter", model.max_iter)
        check_integer("n_iter_no_change", model.n_iter_no_change)
        check_real("alpha", model.alpha)
        check_real("tol", model.tol)
        check_real("learning_rate_init", model.learning_rate_init, above=True)
        check_real("refit", model.refit, below=1.0)
        if model.early_stopping:
            check_real("validation_fraction", model.validation_fraction, above=True, below=1.0)
        self.penalties = penalties_of(model.penalty, model.l1_ratio, len(model._hidden()) + 1)

    def run(self, layers: list[DenseLayer], samples: Samples, rng: Any) -> list[DenseLayer]:
        """Train with the penalties, and then the remaining weights without them."""
        model, penalties = self.estimator, self.penalties
        after = [in_refit(penalty) for penalty in penalties]
        n_refit = round(model.refit * model.max_iter)
        if model.alpha == 0.0 or all(a is b for a, b in zip(penalties, after, strict=True)):
            n_refit = 0
        n_first = max(model.max_iter - n_refit, 1)
        layers = self._part(layers, samples, rng, penalties, n_first, last=not n_refit)
        if not n_refit:
            return layers
        whole = dense_layers.without_idle(layers, model.activation)
        read = dense_layers.read_by(whole)
        small = dense_layers.compacted(whole, read)
        small = self._part(small, samples.of_columns(read[0]), rng, after, n_refit, last=True)
        return dense_layers.expanded(small, read, whole)

    def _part(
        self,
        layers: list[DenseLayer],
        samples: Samples,
        rng: Any,
        penalties: list[Penalty | None],
        n_epochs: int,
        last: bool,
    ) -> list[DenseLayer]:
        model = self.estimator
        size, n_samples = model.batch_size, len(samples.rows)
        size = min(200, max(n_samples // 10, 64)) if size == "auto" else int(size)
        refit, rate = penalties is not self.penalties, model.learning_rate_init
        part = Part(
            n_epochs,
            penalties,
            float(model.alpha),
            learning_rate=lambda done: rate * (1.0 - done if refit else 1.0),
            frozen=refit,
        )
        watch = Watch(self, self._scorer(samples) if last else None, by_objective=not refit)
        layers = self.train(
            layers,
            lambda: samples.batches(size, rng if model.shuffle else None),
            -(-n_samples // size),
            part,
            watch,
            activation=model.activation,
            out_activation=self.out_activation,
        )
        if not refit and watch.was_changing():
            warnings.warn(
                f"The network still changed after {n_epochs} epochs. Raise max_iter or tol; or "
                "give a larger learning_rate_init or a smaller batch_size.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return watch.best or layers

    def _scorer(self, samples: Samples) -> Callable[[list[DenseLayer]], float] | None:
        if not self.estimator.early_stopping:
            return None
        inputs = samples.inputs(samples.held_out)
        targets, weight = samples.targets[samples.held_out], samples.weight[samples.held_out]

        def score(layers: list[DenseLayer]) -> float:
            output = dense_layers.output_of(layers, inputs, self.estimator.activation)
            return score_of(self.out_activation, output, targets, weight)

        return score


class Part(NamedTuple):
    """A part of the training: the first, with the penalties, or the refit.

    Attributes
    ----------
    n_epochs : int
        Number of passes over the data.
    penalties : list of Penalty or None
        One for each layer, for weights of the shape (outputs, inputs).
    strength : float
        Multiplies the penalties.
    learning_rate : callable
        Maps the completed fraction of the part to the learning rate.
    frozen : bool
        Keep zero weights zero.
    """

    n_epochs: int
    penalties: list[Penalty | None]
    strength: float
    learning_rate: Callable[[float], float]
    frozen: bool


class Watch:
    """Callback after each epoch: records it, and ends a part of the training.

    A part ends when the score or the objective stops improving. The layers of the best score are
    kept.
    """

    def __init__(
        self,
        training: Training,
        score: Callable[[list[DenseLayer]], float] | None,
        by_objective: bool,
    ) -> None:
        self.training = training
        self.score = score
        self.by_objective = by_objective
        self.objectives: list[float] = []
        self.merit = -np.inf
        self.n_waited = 0
        self.best: list[DenseLayer] | None = None

    def __call__(self, loss: float, objective: float | None, layers: list[DenseLayer]) -> bool:
        training, model = self.training, self.training.estimator
        n_nonzero = sum(int(np.count_nonzero(layer.coef)) for layer in layers)
        training.losses.append(loss)
        training.n_nonzero.append(n_nonzero)
        if not np.isfinite(loss if objective is None else objective):
            raise ValueError(
                f"The loss became {loss} in epoch {len(training.losses)}. Try a smaller "
                "learning_rate_init, and standardize=True."
            )
        if model.verbose:
            print(f"Epoch {len(training.losses)}: loss {loss:.6g}, {n_nonzero} weights")
        merit = None
        if objective is not None and self.by_objective:
            self.objectives.append(objective)
            merit = -objective
        if self.score is not None:
            merit = self.score(layers)
            training.scores.append(merit)
            if merit > self.merit:
                self.best = [
                    DenseLayer(layer.coef.copy(), layer.intercept.copy()) for layer in layers
                ]
        if merit is None:
            return False
        self.n_waited = 0 if merit > self.merit + model.tol else self.n_waited + 1
        self.merit = max(self.merit, merit)
        return bool(self.n_waited > model.n_iter_no_change)

    def was_changing(self) -> bool:
        """Return whether the objective was still falling at the last epoch."""
        if self.n_waited > self.training.estimator.n_iter_no_change:
            return False
        last = self.objectives[-1 - self.training.estimator.n_iter_no_change :]
        too_few = len(last) <= self.training.estimator.n_iter_no_change
        return too_few or last[-1] < (1.0 - STILL_CHANGING) * last[0]


def train_function(who: str) -> Callable[..., list[DenseLayer]]:
    """Return the function that trains; raise ModuleNotFoundError without PyTorch."""
    try:
        from softreg_fast.nn.estimators.training import train
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(
            f"To fit {who} needs PyTorch: pip install 'softreg_fast[torch]'. Predictions do "
            "without it.",
            name="torch",
        ) from error
    return train


def score_of(out_activation: str, output: Values, targets: Values, weight: Values) -> float:
    """Compute R^2 for regression, accuracy for classification."""
    if out_activation == "identity":
        return float(r2_score(targets, output, sample_weight=weight))
    if out_activation == "softmax":
        return float(accuracy_score(targets.argmax(1), output.argmax(1), sample_weight=weight))
    return float(accuracy_score(targets > 0.5, output > 0.0, sample_weight=weight))
