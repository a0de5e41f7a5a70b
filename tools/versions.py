"""Gather the documentation of this commit and of the last releases in one folder, for a web server.

    python tools/versions.py FOLDER [PLACE]

PLACE is where the server has the folder: /softreg_fast/ on GitHub Pages.  That of this commit has
been built, by `make docs`.  A release is built from its tag in a worktree, if it has documentation.
FOLDER then holds dev/, X.Y.Z/ ..., switcher.json and a page that leads to the newest release.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RELEASES = 3  # so many of the newest

FORWARD = """<!doctype html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={0}/index.html">
<title>softreg_fast</title>
<a href="{0}/index.html">softreg_fast</a>
"""


def newest(tags):
    """Return the newest releases among tags, newest first: v1.10.0 is newer than v1.9.2."""
    found = [tag for tag in tags if re.fullmatch(r"v\d+\.\d+\.\d+", tag)]
    return sorted(found, key=lambda tag: [int(k) for k in tag[1:].split(".")], reverse=True)[
        :RELEASES
    ]


def switcher(versions, place):
    """Return the rows of the theme's menu of versions; the first release is the stable one."""
    rows = []
    for k, version in enumerate(versions):
        row = {"name": version, "version": version, "url": f"{place}{version}/"}
        if k == 0 and version != "dev":
            row |= {"name": f"{version} (stable)", "preferred": True}
        rows.append(row)
    return rows


def built(tag, folder):
    """Build the documentation of a tag; return its folder, or None if the tag has none."""
    subprocess.run(["git", "worktree", "add", "--detach", folder, tag], cwd=ROOT, check=True)
    if not (folder / "docs" / "conf.py").exists():
        return None
    subprocess.run(
        ["make", "docs"], cwd=folder, check=True, env={**os.environ, "SOFTREG_VERSION": tag[1:]}
    )
    return folder / "build" / "site"


def main(target, place="/softreg_fast/"):
    target = Path(target)
    tags = subprocess.run(
        ["git", "tag", "--list", "v*"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "build" / "site", target / "dev")
    versions = []
    for tag in newest(tags):
        with tempfile.TemporaryDirectory() as folder:
            site = built(tag, Path(folder, "tree"))
            if site is not None:
                shutil.copytree(site, target / tag[1:])
                versions.append(tag[1:])
    versions.append("dev")
    rows = json.dumps(switcher(versions, place), indent=1)
    (target / "switcher.json").write_text(rows, encoding="utf-8")
    (target / "index.html").write_text(FORWARD.format(versions[0]), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
