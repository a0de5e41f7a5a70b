"""path(): networks from dense to sparse with warm starts, and the choice of one of them."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from softreg_fast.nn.paths.checkpoints import (
    Checkpoints,
    random_states,
    restore_random_states,
    restore_states,
    states_of,
    weights_of,
)
from softreg_fast.nn.torch.rules import parameters_of
from softreg_fast.nn.torch.support import deaths_expected
from softreg_fast.system.progress_bar import progress_bar

Vector = NDArray[np.float64]

RULES = ("best", "sparsest")

# train(model, strength)
Train = Callable[[Any, float], Any]


class NetworkStep(NamedTuple):
    """Arguments of a `path` callback after each strength, the position-th of n_strengths."""

    position: int
    n_strengths: int
    strength: float
    score: float
    nonzeros: int


@dataclass(frozen=True, eq=False, repr=False)
class NetworkPath:
    """Networks trained at rising strengths.

    Attributes
    ----------
    strengths : ndarray (n_strengths,), rising
    scores : ndarray (n_strengths,)
        Scores that `train` returned; NaN where it returned none.
    standard_errors : ndarray (n_strengths,)
        Standard errors of the scores that `train` returned; else NaN.
    nonzeros : ndarray (n_strengths,) of int
        Number of nonzero parameters, biases included.
    n_parameters : int
    seconds : ndarray (n_strengths,)
        Wall time of each training.
    greater_is_better : bool
    rule : {"best", "sparsest"}
    tolerance : float or None
    """

    strengths: Vector
    scores: Vector
    standard_errors: Vector
    nonzeros: NDArray[np.int64]
    n_parameters: int
    seconds: Vector
    greater_is_better: bool
    rule: str
    tolerance: float | None
    _template: nn.Module
    _weights: Callable[[int], dict[str, Any]]

    def __len__(self) -> int:
        return len(self.strengths)

    @property
    def density(self) -> Vector:
        """Fraction of nonzero parameters, (n_strengths,)."""
        return self.nonzeros / max(self.n_parameters, 1)

    @property
    def index_best(self) -> int:
        """Index of the strength with the best score; of ties, the sparsest network."""
        return self._sparsest_of(self._losses() <= self._losses().min())

    @property
    def index_sparsest(self) -> int:
        """Index of the sparsest network whose score is within the tolerance of the best."""
        losses = self._losses()
        k = self.index_best
        spread = self.standard_errors[k] if self.tolerance is None else self.tolerance
        return self._sparsest_of(losses <= losses[k] + np.nan_to_num(spread))

    @property
    def index(self) -> int:
        """Index of the strength that the rule chooses."""
        return self.index_best if self.rule == "best" else self.index_sparsest

    @property
    def strength(self) -> float:
        """Strength that the rule chooses."""
        return float(self.strengths[self.index])

    def weights(self, k: int | None = None) -> dict[str, Any]:
        """Return the state_dict after the k-th strength, in main memory; None: the chosen one."""
        return self._weights(self.index if k is None else range(len(self))[k])

    def model(self, k: int | None = None) -> Any:
        """Return a copy of the k-th model in evaluation mode; None: the chosen one."""
        found = copy.deepcopy(self._template)
        found.load_state_dict(self.weights(k))
        return found.eval()

    def plot(self, ax: Any = None) -> Any:
        """Plot score and nonzeros against strength, as a `NetworkPathDisplay`."""
        from softreg_fast.nn.displays.display import NetworkPathDisplay

        return NetworkPathDisplay(self).plot(ax)

    def _losses(self) -> Vector:
        # smaller is better; networks without a score are never chosen
        losses = -self.scores if self.greater_is_better else self.scores
        if not np.isfinite(losses).any():
            raise ValueError(
                "There is no score to choose by; let train return one, or name the network, as in "
                "model(k)."
            )
        return np.where(np.isnan(losses), np.inf, losses)

    def _sparsest_of(self, eligible: NDArray[np.bool_]) -> int:
        # the fewest nonzeros; of ties the best score, then the largest strength
        losses, places = self._losses(), np.arange(len(self))
        order = np.lexsort((-places, losses, self.nonzeros))
        return int(order[eligible[order]][0])

    def __repr__(self) -> str:
        span = f" {self.strengths[0]:.4g} to {self.strengths[-1]:.4g}" if len(self) else ""
        choice = ""
        if np.isfinite(self.scores).any():
            k = self.index
            choice = (
                f", {self.strength:.4g} by rule {self.rule!r}: score {self.scores[k]:.5g}, "
                f"{100 * self.density[k]:.3g} % nonzero"
            )
        return f"NetworkPath({len(self)} strengths{span}{choice}, {self.seconds.sum():.3g} s)"

    def __str__(self) -> str:
        lines = [
            repr(self),
            f"{'':>4} {'strength':>12} {'score':>12} {'SE':>10} {'nonzero':>10} {'%':>7} {'s':>8}",
        ]
        chosen: dict[int, list[str]] = {}
        if np.isfinite(self.scores).any():
            for name, k in (("best", self.index_best), ("sparsest", self.index_sparsest)):
                chosen.setdefault(k, []).append(name)
        for k in range(len(self)):
            score, spread = self.scores[k], self.standard_errors[k]
            lines.append(
                f"{k:>4} {self.strengths[k]:>12.6g} {_number(score, '.6g'):>12} "
                f"{_number(spread, '.4g'):>10} {self.nonzeros[k]:>10} "
                f"{100 * self.density[k]:>7.3g} {self.seconds[k]:>8.3g}"
                f"{'  ' if k in chosen else ''}{', '.join(chosen.get(k, []))}"
            )
        return "\n".join(lines)


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
    folder : path or None
        Saves the weights after every strength. Called again after any interruption, the path
        resumes after the last completed strength, with the random generators of Python, NumPy and
        PyTorch restored: the results are those of an uninterrupted path. A folder holds one path;
        further strengths may be added after the completed ones. None: weights stay in memory.
    carry : iterable of objects with state_dict() and load_state_dict(), or torch.Generators
        Other objects whose state continues from strength to strength, such as an optimiser made
        outside of `train`; saved in the folder too.
    greater_is_better : bool, default=True
        As in scikit-learn: True for an accuracy, False for a loss.
    rule : {"best", "sparsest"}, default="best"
        "best": the best score. "sparsest": the fewest nonzeros among the networks whose scores are
        worse than the best by at most `tolerance`.
    tolerance : float >= 0 or None
        In units of the score. None: the standard error of the best score, or 0 without one.
    callback : callable or None
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


def _number(value: float, form: str) -> str:
    return "" if math.isnan(value) else format(value, form)


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
    number = isinstance(tolerance, int | float) and not isinstance(tolerance, bool)
    if tolerance is not None and not (number and 0.0 <= tolerance < math.inf):
        raise ValueError(f"tolerance must be a finite number >= 0 or None, got {tolerance!r}.")
