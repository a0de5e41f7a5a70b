"""Make the packages installed for this Python importable in another one.

    python tools/share_packages.py OTHER_PYTHON

The other Python's own packages take precedence.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path


def main(other):
    place = 'import sysconfig; print(sysconfig.get_path("purelib"), end="")'
    found = subprocess.run([other, "-c", place], capture_output=True, text=True, check=True)
    ours = sysconfig.get_path("purelib")
    line = f"import site; site.addsitedir({ours!r})\n"  # also follows its .pth files
    Path(found.stdout, "shared.pth").write_text(line, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
