"""Family: a named source of problems."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from bench.families.data import DATA


@dataclass(frozen=True)
class Family:
    """A source of a Problem, and the required and desired ratio of the best package's time to ours.

    `make` returns a Problem with X in Fortran order or CSC.  Paths go down to `least` times
    alpha_max where the fit is saturated below that.  Single fits on data so small that they measure
    the overhead of a call must be no slower than those of `fit_rival`.
    """

    name: str
    kind: str
    make: Callable
    must: float | None = None
    aim: float | None = None
    least: float = 0.0
    file: str = ""
    fit_rival: str = ""

    @property
    def missing(self):
        """Missing file, or nothing."""
        return "" if not self.file or (DATA / self.file).exists() else self.file


def selected(families, pattern, tell=print):
    """Yield the families whose name matches a regular expression and whose data exist."""
    for family in families:
        if not re.search(pattern, family.name):
            continue
        if family.missing:
            tell(f"{family.name}: left out, there is no {family.missing}")
        else:
            yield family
