"""Run the code on the pages of the documentation, and write what it prints beneath it.

    python tools/pages.py [--check] [--figures FOLDER] [PAGE.md ...]    (without pages: all of them)

A page is run from top to bottom in one namespace and an empty folder, with warnings as errors:

- a fence `python` is run; the value of its last expression is printed, as in a notebook, if it has
  a repr of its own,
- of a fence `sh` the lines that call softreg_fast are run, others are for the reader,
- a fence `output` behind one of these holds what it printed: text, and numbers to 0.1 %,
- an HTML comment that begins with `<!-- python` is run, and not shown to readers,
- a fence `python` behind the comment `<!-- not run: REASON -->` is not run.

What a block draws is saved in FOLDER, from which the site takes it (docs/_extensions/of_pages.py).
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    page
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if "_" not in page.parts[-2][:1]
)

BLOCK = re.compile(
    r"^(?P<skip><!-- not run: [^\n]*-->\n)?```(?P<kind>python|sh)\n(?P<code>.*?)^```\n"
    r"(?P<gap>\n?)(?:```output\n(?P<output>.*?)^```\n)?"
    r"|^<!-- python\n(?P<hidden>.*?)^-->\n",
    re.DOTALL | re.MULTILINE,
)
NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?")
SECONDS = re.compile(r"[\d.e+-]+(?= s\b)")
PROGRAMS = ("softreg_fast ", "python -m softreg_fast ")
WIDTH = 100


class Ran(NamedTuple):
    """A block that was run.

    block : re.Match
    printed : str
    """

    block: re.Match[str]
    printed: str


def run(text: str, name: str = "page", figures: Path | None = None) -> Iterator[Ran]:
    """Run the blocks of a page in order, in the current folder; save figures in another folder.

    Raises
    ------
    Exception
        Of the code of the page.
    """
    names: dict[str, Any] = {"__name__": "__page__"}
    for number, block in enumerate(BLOCK.finditer(text)):
        if block["skip"]:
            continue
        if block["kind"] == "sh":
            yield Ran(block, _shell(block["code"]))
            continue
        code = block["hidden"] or block["code"]
        line = text.count("\n", 0, block.start()) + 1
        yield Ran(block, _python("\n" * line + code, names, name))
        if figures is not None:
            _save_figures(figures / figure_name(Path(name), number))


def figure_name(page: Path, number: int) -> str:
    """Return how the names of the figures of a block begin."""
    return f"{'-'.join(page.resolve().relative_to(ROOT).with_suffix('').parts)}-{number}-"


def _save_figures(place: Path) -> None:
    pyplot = sys.modules.get("matplotlib.pyplot")
    for k, number in enumerate(pyplot.get_fignums() if pyplot else ()):
        place.parent.mkdir(parents=True, exist_ok=True)
        pyplot.figure(number).savefig(f"{place}{k}.png", dpi=120)
    if pyplot:
        pyplot.close("all")


def _python(code: str, names: dict[str, Any], name: str) -> str:
    tree, last = ast.parse(code, name), None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(tree, name, "exec"), names)
        if last is not None:
            value = eval(compile(last, name, "eval"), names)
            if value is not None and " object at 0x" not in repr(value):
                print(repr(value))
    return said.getvalue()


def _shell(code: str) -> str:
    said = ""
    for line in code.replace("\\\n", " ").splitlines():
        if line.startswith(PROGRAMS):
            words = shlex.split(line.partition("softreg_fast ")[2], comments=True)
            program = [sys.executable, "-m", "softreg_fast", *words]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            ran = subprocess.run(
                program, capture_output=True, text=True, check=False, env=environment
            )
            if ran.returncode:
                raise RuntimeError(f"{line}\n{ran.stderr}")
            said += ran.stdout
    return said


def same(printed: str, written: str) -> bool:
    """Return whether two outputs agree: words exactly, numbers to 0.1 %, seconds not at all.

    A line that is "..." in what is written stands for any lines.
    """
    parts = written.split("\n...\n")
    if len(parts) == 2:
        first, last = (part.splitlines() for part in parts)
        lines = printed.splitlines()
        if len(lines) < len(first) + len(last):
            return False
        head = "\n".join(lines[: len(first)])
        return _agree(head, parts[0]) and _agree("\n".join(lines[-len(last) :]), parts[1])
    return _agree(printed, written)


def _agree(one: str, other: str) -> bool:
    skeletons, numbers = [], []
    for text in (one, other):
        timed = SECONDS.sub("T", text)
        numbers.append([float(number) for number in NUMBER.findall(timed)])
        skeletons.append(NUMBER.sub("#", timed).split())
    return skeletons[0] == skeletons[1] and all(
        abs(x - y) <= 1e-3 * max(abs(x), abs(y)) + 1e-9 for x, y in zip(*numbers, strict=True)
    )


def written(text: str, ran: list[Ran]) -> str:
    """Return a page with outputs replaced, where it has them and they differ."""
    for block, printed in reversed(ran):
        if block["output"] is not None and not same(printed, block["output"]):
            start, end = block.span("output")
            text = text[:start] + printed.rstrip("\n") + "\n" + text[end:]
    return text


def main() -> int:
    """Run pages; return 1 if one of them fails or, to be checked, has another output."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--figures", type=lambda folder: Path(folder).resolve())
    parser.add_argument("pages", nargs="*", type=Path)
    asked = parser.parse_args()
    failed = 0
    for page in asked.pages or PAGES:
        page = page.resolve()
        text = page.read_text(encoding="utf-8")
        try:
            new = written(text, ran_apart(text, str(page), asked.figures))
        except Exception as error:  # of the code of the page, of any kind
            print(f"{page}: {type(error).__name__}: {error}")
            failed = 1
            continue
        if new != text:
            print(f"{page}: another output")
            failed = failed or int(asked.check)
            if not asked.check:
                page.write_text(new, encoding="utf-8")
    return failed


def ran_apart(text: str, name: str, figures: Path | None = None) -> list[Ran]:
    """Run a page in a folder of its own, with warnings as errors."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        os.chdir(folder)
        try:
            return list(run(text, name, figures))
        finally:
            os.chdir(here)
            if "matplotlib.pyplot" in sys.modules:
                sys.modules["matplotlib.pyplot"].close("all")


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    sys.exit(main())
