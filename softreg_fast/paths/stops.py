"""Rules that end a path, and its progress bar, as one callback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from softreg_fast.options.scalars import check_count, check_number
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.substitution import restored


class PathStep(NamedTuple):
    """Arguments of a `path` callback after each alpha.

    Attributes
    ----------
    position : int
        Position of the alpha on the grid, from 0.
    n_alphas : int
        Number of alphas on the grid.
    alpha : float
        Strength of the penalty.
    df : int
        Number of nonzero coefficients; with several tasks, of features with a nonzero coefficient.
    dev_ratio : float
        Fraction of the deviance explained (R squared).
    gap : float
        Duality gap, in the units of the objective.
    tol : float
        Tolerance of the gap, in the same units.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import path
    >>> fits = path(*load_diabetes(return_X_y=True), callback=lambda step: step.df >= 3)
    >>> int(fits.df[-1])
    3
    """

    position: int
    n_alphas: int
    alpha: float
    df: int
    dev_ratio: float
    gap: float
    tol: float


Tell = Callable[[PathStep], bool | None]


class Run(Protocol):
    """A path in progress, as `PathRun`."""

    problem: Problem
    solved: Problem
    engine: Any


class Stops(NamedTuple):
    """Rules of `path` for its end.

    Attributes
    ----------
    max_dev_ratio : float or None
    max_df, pmax : int or None
    callback : callable or None
    """

    max_dev_ratio: float | None = None
    max_df: int | None = None
    pmax: int | None = None
    callback: Tell | None = None

    def check(self) -> None:
        """Raise an error for values out of range."""
        if self.max_dev_ratio is not None:
            check_number("max_dev_ratio", self.max_dev_ratio, low=0.0, high=1.0)
        if self.max_df is not None:
            check_number("max_df", self.max_df, low=0.0)
        if self.pmax is not None:
            check_count("pmax", self.pmax, least=0, or_none=True)
        if self.callback is not None and not callable(self.callback):
            raise TypeError(
                f"callback must be a function of a PathStep or None, got {self.callback!r}."
            )

    def of(self, run: Run, bar: Any = None) -> Tell | None:
        """Return one callback for all rules, which also moves a progress bar; None if idle."""
        max_dev_ratio, max_df, callback = self.max_dev_ratio, self.max_df, self.callback
        if bar is None and self.pmax is None and max_dev_ratio is None and max_df is None:
            return callback
        ever = None if self.pmax is None else EverNonzero(run)

        def tell(step: PathStep) -> bool:
            if bar is not None:
                bar.set_postfix_str(f"gap {step.gap:.0e}, {step.df} nonzero", refresh=False)
                bar.update()
            count = 0 if ever is None else ever.count()
            return bool(
                (callback is not None and callback(step))
                or (max_dev_ratio is not None and step.dev_ratio >= max_dev_ratio)
                or (max_df is not None and step.df >= max_df)
                or (self.pmax is not None and count >= self.pmax)
            )

        return tell


class EverNonzero:
    """The features that have been nonzero at some alpha of a path in progress."""

    def __init__(self, run: Run) -> None:
        self.run = run
        n_features, vectors = run.problem.design.n_features, run.problem.vectors
        self.seen: NDArray[np.bool_] = np.zeros(n_features, bool)
        self.seen[run.problem.design.fixed(vectors.lower, vectors.upper)] = True

    def count(self) -> int:
        """Return their number, those of the newest fit included."""
        run, coef = self.run, self.run.engine.coef
        if run.solved is not run.problem:
            coef = restored(run.problem, coef.T).T
        nonzero = np.asarray(coef) != 0.0
        self.seen |= nonzero if nonzero.ndim == 1 else nonzero.any(axis=0)
        return int(np.count_nonzero(self.seen))
