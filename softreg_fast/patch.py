"""Run a program with our estimators under scikit-learn's names.

python -m softreg_fast.patch SCRIPT [ARGUMENTS]
python -m softreg_fast.patch -m MODULE [ARGUMENTS]
"""

from __future__ import annotations

import os
import runpy
import sys

from softreg_fast.drop_in import patch_sklearn

USAGE = "usage: python -m softreg_fast.patch (SCRIPT | -m MODULE) [ARGUMENTS]"


def main(arguments: list[str] | None = None) -> int:
    """Run a script or a module with our estimators under scikit-learn's names."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in ("-h", "--help") or given == ["-m"]:
        print(USAGE)
        return 0 if given[:1] in (["-h"], ["--help"]) else 2
    patch_sklearn()
    if given[0] == "-m":
        sys.argv = given[1:]
        runpy.run_module(given[1], run_name="__main__", alter_sys=True)
    else:
        if not os.path.isfile(given[0]):
            print(f"there is no file {given[0]}\n{USAGE}", file=sys.stderr)
            return 2
        sys.argv = given
        sys.path[0] = os.path.dirname(os.path.realpath(given[0]))  # as Python itself does
        runpy.run_path(given[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
