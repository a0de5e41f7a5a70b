"""Part of the page on the costs of our own paths."""

from bench.harness.machine import machine
from bench.harness.page import write_part

INTRODUCTION = """\
## Our paths from inside

100 alphas to alpha_max/100 (mice_snp: /10), intercept on, float64.

- **Reads of X**: entries of X that were read after the column means and norms (one more read),
  divided by all entries. Reading for the Gram columns of features that come near the support is
  included.
- **Memory**: the largest sum of what was allocated at a time beyond X, traced by Python.
- **1 thread, 2 threads**: medians of alternating runs, and their ratio.

Repeat it with

    make bench-anatomy
"""


def write(path, about, lines):
    """Write this part of the page."""
    write_part(path, "anatomy", "\n".join([INTRODUCTION, *machine(about), "", *lines]))
