"""One adaptor for each package: a module with two tables of functions.

KERNELS maps the name of a kernel to `function(problem, n_threads) -> Task`, and SOLVERS the name of
a complete solution to `function(problem, n_threads, target) -> Solver`, where target is the largest
gap allowed, relative to w = 0.  A name means the same work in every table; tables lack what a
package cannot do.  The runner limits the threads of BLAS to n_threads for all packages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Epochs from w = 0 of a coordinate-descent task (the larger) and of its base (the smaller).
EPOCHS = (1, 6)

# Steps in one sample of a gradient kernel, and of the solver "gradient descent".
STEPS = 10
DESCENT_STEPS = 1000


@dataclass(frozen=True)
class Task:
    """Work to be timed.

    `answer()` returns the result on which packages must agree; `work()` does `units` units of the
    work in addition to the work of `base()`.
    """

    answer: Callable[[], Any]
    work: Callable[[], Any]
    base: Callable[[], Any] | None = None
    units: int = 1


@dataclass(frozen=True)
class Solver:
    """A solver with its tolerance as a parameter.

    `run(tol)` solves, `coefs(result)` returns (n_features,) or (n_features, n_alphas), and `tols`
    are the tolerances to try, loosest first; (None,) if there is none.
    """

    run: Callable[[Any], Any]
    coefs: Callable[[Any], Any]
    tols: tuple


def tolerances(target):
    """Return tolerances on gap / ||y||^2, half the gap relative to w = 0, loosest first."""
    return tuple(0.5 * target * factor for factor in (3, 1, 0.3, 0.1, 0.01))


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
