"""Report in plain words what is missing, before anything is built.

It must run on very old Pythons too, since these are what it has to detect.
"""

import os
import shlex
import sys
import sysconfig

OLDEST = (3, 11)


def problems():
    """Return what keeps this Python from building softreg_fast, one line each."""
    if sys.version_info < OLDEST:
        yield (
            "softreg_fast needs Python %d.%d or newer, but %s is Python %d.%d. Name another "
            "one, for example: make PYTHON=python3.12 demo"
            % (OLDEST + (sys.executable,) + tuple(sys.version_info[:2]))
        )
        return
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        yield (
            "%s cannot make virtual environments (%s). On Debian and Ubuntu: "
            "apt-get install python3-venv" % (sys.executable, error)
        )
    header = os.path.join(sysconfig.get_path("include"), "Python.h")
    if not os.path.exists(header):
        yield (
            "The C headers of %s are missing (no %s). On Debian and Ubuntu: "
            "apt-get install python3-dev" % (sys.executable, header)
        )
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    import shutil  # shutil.which does not exist in Python 2

    if shutil.which(compiler) is None:
        yield (
            "There is no C compiler called %s. On Debian and Ubuntu: apt-get install gcc; "
            "or name another one, for example: make CC=clang demo" % compiler
        )


if __name__ == "__main__":
    found = list(problems())
    for problem in found:
        sys.stderr.write("\n    %s\n" % problem)
    if found:
        sys.stderr.write("\n")
    sys.exit(bool(found))
