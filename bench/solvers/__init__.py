"""One adaptor for each contender: a module with two tables of functions.

KERNELS maps the name of a kernel to `function(problem, n_threads) -> Task`, and SOLVERS the name of
a whole solution to `function(problem, n_threads, target) -> Solver`, target being the largest gap
allowed, relative to w = 0.  A name means the same work in every table; what a contender cannot do
is not in its tables.  The runner limits the threads of BLAS to n_threads for everybody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# A coordinate-descent task does the larger number of epochs from w = 0, its base the smaller.
EPOCHS = (1, 6)

# Steps in one sample of a gradient kernel, and of the solver "gradient descent".
STEPS = 10
DESCENT_STEPS = 1000


@dataclass(frozen=True)
class Task:
    """Work to be timed.

    `answer()` gives what contenders must agree on; `work()` does `units` units of the work, and
    besides them what `base()` does.
    """

    answer: Callable[[], Any]
    work: Callable[[], Any]
    base: Callable[[], Any] | None = None
    units: int = 1


@dataclass(frozen=True)
class Solver:
    """A solver whose tolerance is still to be chosen.

    `run(tol)` solves, `coefs(result)` gives (n_features,) or (n_features, n_alphas), and `tols`
    are the tolerances to try, loosest first; (None,) where there is none.
    """

    run: Callable[[Any], Any]
    coefs: Callable[[Any], Any]
    tols: tuple


def tolerances(target):
    """Tolerances on gap / ||y||^2, which is half the gap relative to w = 0, loosest first."""
    return tuple(0.5 * target * factor for factor in (3, 1, 0.3, 0.1, 0.01))


def descent(start, epochs, coef):
    """The Task of a coordinate descent: start(), epochs(count), coef()."""
    few, many = EPOCHS

    def go(count):
        start()
        epochs(count)

    def answer():
        go(many)
        return coef()

    return Task(answer, lambda: go(many), lambda: go(few), many - few)
