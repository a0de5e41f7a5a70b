"""Build the documentation into build/site, from a copy of docs/: generated pages stay out of it.

python tools/build_site.py [SPHINX OPTION ...]
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs" / "_extensions"))

from of_pages import PAGES  # noqa: E402

COPY = ROOT / "build" / "site-source"
SITE = ROOT / "build" / "site"

# Folders of the copy that a build writes, and that the next one may use again.
GENERATED = ("figures", "gallery", "reference/generated", "reference/examples")


def copy_pages(source, copy):
    """Copy what differs, and delete what is no longer there; keep what builds generate."""
    wanted = {file.relative_to(source): file for file in source.rglob("*") if file.is_file()}
    wanted = {name: file for name, file in wanted.items() if "__pycache__" not in name.parts}
    wanted |= {Path(page): ROOT / name for name, page in PAGES.items() if name.endswith(".md")}
    for name, new in wanted.items():
        old = copy / name
        if not old.exists() or old.read_bytes() != new.read_bytes():
            old.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(new, old)
    for file in [file for file in copy.rglob("*") if file.is_file()]:
        name = file.relative_to(copy)
        if name not in wanted and not name.as_posix().startswith(GENERATED):
            file.unlink()


def main(options):
    copy_pages(ROOT / "docs", COPY)
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q"]
    places = ["-c", ROOT / "docs", "-d", ROOT / "build" / "site-doctrees", COPY, SITE]
    code = subprocess.call([*command, *options, *places], cwd=ROOT)
    if not code:
        print(f"the documentation is in {SITE / 'index.html'}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
