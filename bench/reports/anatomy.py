"""Part of the page on the costs of our own paths."""

from bench.harness.machine import machine
from bench.harness.page import write_part

INTRODUCTION = """\
## Cost of our own paths

100 alphas to alpha_max/100 (mice_snp: /10), intercept on, float64.

- **Reads of X**: entries of X read after the column means and norms (which take one more read),
  divided by all entries. Reads for the Gram columns of features near the support are included.
- **Memory**: peak memory allocated beyond X, traced by Python.
- **1 thread, 2 threads**: medians of alternating runs, and their ratio.

Command:

    make bench-anatomy
"""


def write(path, about, lines):
    """Write this part of the page."""
    write_part(path, "anatomy", "\n".join([INTRODUCTION, *machine(about), "", *lines]))
