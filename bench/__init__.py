"""Benchmarks: one harness, families of problems as data, one adaptor for each package.

    harness/    problem, result row, timing, judge of accuracy, tables, worker processes
    families/   problems, and what is expected on them
    adaptors/   one module for each package, named with_PACKAGE
    reports/    tables and pages of the commands

The modules in this folder are the commands (python -m bench.peers --help), those of networks are in
nn/.  SOFTREG_BUILD names a checkout whose build of softreg_fast is measured instead of the one
beside this folder.
"""

import os
import sys
from pathlib import Path

if os.environ.get("SOFTREG_BUILD"):
    sys.path.insert(0, str(Path(os.environ["SOFTREG_BUILD"]).resolve()))
