"""path(): networks trained from dense to sparse with warm starts."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from softreg_fast.nn.paths.checkpoints import (
    Checkpoints,
    random_states,
    restore_random_states,
    restore_states,
    states_of,
    weights_of,
)
from softreg_fast.nn.paths.network_path import RULES, NetworkPath
from softreg_fast.nn.torch.dead_layers import deaths_expected
from softreg_fast.nn.torch.parameters import parameters_of
from softreg_fast.options.scalars import is_real
from softreg_fast.system.progress_bar import progress_bar

# train(model, strength)
Train = Callable[[Any, float], Any]


class NetworkStep(NamedTuple):
    """Arguments of a `path` callback after each strength, the position-th of n_strengths."""

    position: int
    n_strengths: int
    strength: float
    score: float
    nonzeros: int


def path(
    train: Train,
    model: nn.Module,
    strengths: ArrayLike,
    *,
    folder: Any = None,
    carry: Iterable[Any] = (),
    greater_is_better: bool = True,
    rule: str = "best",
    tolerance: float | None = None,
    callback: Callable[[NetworkStep], bool | None] | None = None,
    progress: bool = False,
) -> NetworkPath:
    """Train a network at rising strengths of its penalty, each warm-started from the one before.

    Unlike for the Lasso, the path cannot start at the sparse end: at weights of zero the gradients
    of deep networks are zero too. From dense to sparse, every network starts from a good solution
    of a weaker penalty (Lemhadri, Ruan, Abraham, Tibshirani 2021), and every network but the first
    needs few epochs.

    Parameters
    ----------
    train : callable
        train(model, strength) trains the model in place for its epochs, and returns its score on
        validation data, a pair (score, its standard error), or None.
    model : torch.nn.Module
        Trained in place; it ends with the weights of the last strength.
    strengths : array-like (n_strengths,)
        Finite numbers >= 0, all different; used in rising order. 0 gives the dense network.
    folder : path or None, default=None
        Saves the weights after every strength. Called again after any interruption, the path
        resumes after the last completed strength, with the random generators of Python, NumPy and
        PyTorch restored: the results are those of an uninterrupted path. A folder holds one path;
        further strengths may be added after the completed ones. None: weights stay in memory.
    carry : iterable of optimisers, schedulers or torch.Generators, default=()
        Objects with state_dict() and load_state_dict() whose state continues from strength to
        strength, such as an optimiser made outside of `train`; saved in the folder too.
    greater_is_better : bool, default=True
        As in scikit-learn: True for an accuracy, False for a loss.
    rule : {"best", "sparsest"}, default="best"
        "best": the best score. "sparsest": the fewest nonzeros among the networks whose scores are
        worse than the best by at most `tolerance`.
    tolerance : float >= 0 or None, default=None
        In units of the score. None: the standard error of the best score, or 0 without one.
    callback : callable or None, default=None
        Called with a `NetworkStep` after each strength, including those read from a folder; a true
        return value ends the path.
    progress : bool, default=False
        Show one progress bar over strengths on standard error (needs tqdm), if that is a terminal.

    Returns
    -------
    NetworkPath

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, a folder that belongs to another path, or weights that are not finite
        after a training.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from softreg_fast.nn import L1, attach, path
    >>> X = torch.eye(4)
    >>> def train(model, strength):
    ...     optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    ...     attach(model, optimizer, {"weight": L1(strength=strength)})
    ...     for _ in range(50):
    ...         optimizer.zero_grad()
    ...         torch.nn.functional.mse_loss(model(X), X[:, :1]).backward()
    ...         optimizer.step()
    ...     with torch.no_grad():
    ...         return torch.nn.functional.mse_loss(model(X), X[:, :1])
    >>> model = torch.nn.Linear(4, 1, bias=False)
    >>> found = path(train, model, [0.01, 0.1], greater_is_better=False, tolerance=0.1,
    ...              rule="sparsest")
    >>> found.nonzeros.tolist(), found.strength
    ([1, 1], 0.01)
    """
    grid = _checked(train, model, strengths)
    _check_choice(rule, tolerance)
    run = _Run(train, model, grid, folder, list(carry))
    with progress_bar(len(grid), progress, unit="strength") as bar:
        for k in range(len(grid)):
            row = run.rows[k] if k < len(run.rows) else run.train(k)
            step = NetworkStep(k, len(grid), row["strength"], row["score"], row["nonzeros"])
            if bar is not None:
                bar.set_postfix_str(
                    f"score {step.score:.4g}, {step.nonzeros} nonzero", refresh=False
                )
                bar.update()
            if callback is not None and callback(step):
                break
    run.restore(k + 1)
    return run.found(k + 1, greater_is_better=greater_is_better, rule=rule, tolerance=tolerance)


class _Run:
    # The trainings of a path, with results in memory or in a folder.
    def __init__(
        self, train: Train, model: nn.Module, grid: list[float], folder: Any, carry: list[Any]
    ) -> None:
        self.user_train = train
        self.model = model
        self.grid = grid
        self.carry = carry
        self.kept: list[dict[str, Any]] = []
        self.checkpoints = None if folder is None else Checkpoints(folder, grid, model)
        self.rows = [] if self.checkpoints is None else list(self.checkpoints.rows)
        self.place = 0  # number of strengths after which the model has its present weights

    def train(self, k: int) -> dict[str, Any]:
        """Train at the k-th strength, keep the weights and return the row of results."""
        self.restore(k)
        began = time.perf_counter()
        strength = self.grid[k]
        with deaths_expected():  # usual at large strengths, and visible in the nonzeros
            score, spread = score_of(self.user_train(self.model, strength))
        for name, parameter, _ in parameters_of(self.model):
            if not bool(torch.isfinite(parameter).all()):
                raise ValueError(
                    f"Training at strength {strength:g} has left {name} with weights that are not "
                    "finite; a smaller learning rate may help."
                )
        # The network could be compacted here before the next strength, if the folder stored the
        # new sizes of its layers beside the weights.
        row = {
            "strength": strength,
            "score": score,
            "standard_error": spread,
            "nonzeros": count_nonzeros(self.model),
            "seconds": time.perf_counter() - began,
        }
        weights = weights_of(self.model)
        if self.checkpoints is None:
            self.kept.append(weights)
        else:
            states = {"carry": states_of(self.carry), "random": random_states()}
            self.checkpoints.save(k, row, {"model": weights, **states})
        self.rows.append(row)
        self.place = k + 1
        return row

    def restore(self, done: int) -> None:
        """Restore the state after `done` strengths from the folder, unless it is current."""
        if self.checkpoints is None or self.place == done:
            return
        held = self.checkpoints.load(done - 1)
        self.model.load_state_dict(held["model"])
        restore_states(self.carry, held["carry"])
        restore_random_states(held["random"])
        self.place = done

    def found(self, done: int, **choice: Any) -> NetworkPath:
        rows = self.rows[:done]

        def column(name: str) -> Any:
            return np.array([row[name] for row in rows])

        return NetworkPath(
            strengths=column("strength"),
            scores=column("score"),
            standard_errors=column("standard_error"),
            nonzeros=column("nonzeros"),
            n_parameters=sum(p.numel() for _, p, _ in parameters_of(self.model)),
            seconds=column("seconds"),
            _template=copy.deepcopy(self.model),
            _weights=self._weights,
            **choice,
        )

    def _weights(self, k: int) -> dict[str, Any]:
        if self.checkpoints is None:
            return self.kept[k]
        weights: dict[str, Any] = self.checkpoints.load(k)["model"]
        return weights


def score_of(returned: Any) -> tuple[float, float]:
    """Return score and standard error from the result of `train`; NaN for missing ones."""
    parts = returned if isinstance(returned, tuple) else (returned,)
    parts = tuple(part.detach() if torch.is_tensor(part) else part for part in parts)
    try:
        if len(parts) > 2:
            raise TypeError
        numbers = [math.nan if part is None else float(part) for part in parts]
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(
            f"train returned {returned!r}; expected a score, a pair (score, its standard error), "
            "or None."
        ) from None
    return (*numbers, math.nan)[:2]  # type: ignore[return-value]


def count_nonzeros(model: nn.Module) -> int:
    """Count the nonzero parameters, shared ones once."""
    return sum(int(torch.count_nonzero(p)) for _, p, _ in parameters_of(model))


def _checked(train: Any, model: Any, strengths: ArrayLike) -> list[float]:
    if not callable(train):
        raise TypeError(f"train must be a function of model and strength, got {train!r}.")
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}.")
    try:
        grid = np.asarray(strengths, np.float64)
    except (TypeError, ValueError):
        grid = np.empty(0)
    if grid.ndim != 1 or not grid.size or not (np.isfinite(grid) & (grid >= 0.0)).all():
        raise ValueError(f"strengths must be a vector of finite numbers >= 0, got {strengths!r}.")
    rising = np.unique(grid)
    if len(rising) < len(grid):
        raise ValueError("strengths must all be different.")
    return [float(strength) for strength in rising]


def _check_choice(rule: Any, tolerance: Any) -> None:
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}; got {rule!r}.")
    if tolerance is not None and not (is_real(tolerance) and 0.0 <= tolerance < math.inf):
        raise ValueError(f"tolerance must be a finite number >= 0 or None, got {tolerance!r}.")
