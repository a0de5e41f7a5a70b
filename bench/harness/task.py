"""Contract of the adaptors: how a package solves a problem, and work to be timed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Solver:
    """A package's way to solve a problem of one kind.

    `prepare(problem, n_threads)` converts the data to the package's preferred layout, and compiles;
    it is not timed.  `solve(prepared, tol)` returns coefficients, (n_features, n_alphas), with
    several classes their columns of the first alpha, then of the second and so on; or a Choice with
    folds; `ladder` holds the tolerances to try, loosest first, (None,) if there is
    none.  A package that does not run in Python has `timed(prepared, tol, times)` instead of
    `solve`: the same answer, and the wall and processor seconds of one of `times` repetitions.
    """

    prepare: Callable[..., Any]
    solve: Callable[..., Any] | None
    ladder: tuple = (None,)
    timed: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Task:
    """Work to be timed.

    `work()` does `units` units of the work in addition to the work of `base()`; `before()` runs
    before each sample, untimed; `answer()` returns the result on which packages must agree.
    """

    answer: Callable[[], Any] | None
    work: Callable[[], Any]
    base: Callable[[], Any] | None = None
    units: int = 1
    before: Callable[[], Any] | None = None


# Epochs from w = 0 of a coordinate-descent task (the larger) and of its base (the smaller).
EPOCHS = (1, 6)

# Steps in one sample of a gradient kernel, and of the solver "gradient descent".
STEPS = 10
DESCENT_STEPS = 1000


# Solvers must reach this duality gap (relative to the objective at w = 0).
GAP_TARGETS = {
    "lasso path": 1e-6,
    "weighted ridge": 1e-10,
    "accelerated gradient": 1e-6,
    "gradient descent": None,  # all do the same steps, so they must agree as closely as kernels
}


def tolerances(kind):
    """Return tolerances on gap / ||y||^2, half the gap relative to w = 0, loosest first."""
    return tuple(0.5 * GAP_TARGETS[kind] * factor for factor in (3, 1, 0.3, 0.1, 0.01))


def descent(start, epochs, coef):
    """Return the Task of a coordinate descent, given start(), epochs(count), coef()."""
    few, many = EPOCHS

    def go(count):
        start()
        epochs(count)

    def answer():
        go(many)
        return coef()

    return Task(answer, lambda: go(many), lambda: go(few), many - few)
