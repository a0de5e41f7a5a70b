"""Run a program with our estimators under scikit-learn's names.

python -m softreg_fast.patch SCRIPT [ARGUMENTS]
python -m softreg_fast.patch -m MODULE [ARGUMENTS]

SCRIPT may also be a folder or a zip file with a __main__.py. Arguments, exit status and tracebacks
are those of the program. Processes that it spawns (joblib's loky, multiprocessing's spawn) use
scikit-learn's estimators; `patch_sklearn` documents how to change that.
"""

from __future__ import annotations

import os
import runpy
import sys
import zipfile
from types import TracebackType

from softreg_fast.estimators.drop_in import patch_sklearn

USAGE = "usage: python -m softreg_fast.patch (SCRIPT | -m MODULE) [ARGUMENTS]"


def main(arguments: list[str] | None = None) -> int:
    """Run a script or a module with our estimators under scikit-learn's names."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in ("-h", "--help") or given == ["-m"]:
        print(USAGE)
        return 0 if given[:1] in (["-h"], ["--help"]) else 2
    if given[0] != "-m" and not os.path.exists(given[0]):
        print(f"there is no file {given[0]}\n{USAGE}", file=sys.stderr)
        return 2
    patch_sklearn()
    _leave_us_out_of_tracebacks()
    if given[0] == "-m":
        sys.argv = given[1:]
        runpy.run_module(given[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = given
        _put_on_path(given[0])
        runpy.run_path(given[0], run_name="__main__")
    return 0


def _put_on_path(script: str) -> None:
    # as Python itself does; runpy handles folders and zip files
    if not sys.flags.safe_path:
        del sys.path[0]
        if os.path.isfile(script) and not zipfile.is_zipfile(script):
            sys.path.insert(0, os.path.dirname(os.path.realpath(script)))


def _leave_us_out_of_tracebacks() -> None:
    show = sys.excepthook
    ours = {__file__, runpy.run_path.__code__.co_filename}

    def show_program(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        while trace is not None and trace.tb_frame.f_code.co_filename in ours:
            trace = trace.tb_next
        show(kind, error.with_traceback(trace), trace)

    sys.excepthook = show_program


if __name__ == "__main__":
    sys.exit(main())
