"""Install groups of requirements from pyproject.toml into the Python that runs this.

    python tools/install.py [--oldest] GROUP...

A group is `build` (what setup.py needs), `runtime`, or one of the extras.  With --oldest,
the runtime requirements, and those for tables, are pinned to the lowest release series that
pyproject.toml allows.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def requirements(pyproject, group):
    """Return the requirement lines of one group, with extras that name other extras expanded."""
    if group == "build":
        return pyproject["build-system"]["requires"]
    if group == "runtime":
        return pyproject["project"]["dependencies"]
    found = []
    for line in pyproject["project"]["optional-dependencies"][group]:
        own_extras = re.fullmatch(r"softreg_fast\[(.+)\]", line)
        if own_extras:
            for extra in own_extras[1].split(","):
                found += requirements(pyproject, extra.strip())
        else:
            found.append(line)
    return found


def held_at_oldest(line):
    """Pin a requirement to its lowest release series: `numpy>=1.26` -> `numpy==1.26.*`."""
    name, floor = line.split(">=")
    return f"{name}=={floor}.*"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--oldest", action="store_true")
    parser.add_argument("groups", nargs="+", metavar="GROUP")
    asked = parser.parse_args()
    pyproject = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    lines = [line for group in asked.groups for line in requirements(pyproject, group)]
    if asked.oldest:
        held = requirements(pyproject, "runtime") + requirements(pyproject, "tables")
        lines = [held_at_oldest(line) if line in held else line for line in lines]
    return subprocess.call([sys.executable, "-m", "pip", "install", "--quiet", *lines])


if __name__ == "__main__":
    sys.exit(main())
