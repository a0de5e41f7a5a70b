"""Cross-validation: python -m bench.cv.run [--only PATTERN] [--packages sklearn,adelie].

Compares with other packages, each in its own process at its default tolerance; then relates our
times to those of our own operations.
"""

import argparse
import re
import tempfile
from pathlib import Path

from bench.cv import own, pages, peers
from bench.cv.peers import FAMILIES, RIVALS
from bench.peers.environments import ROOT, available, version_of
from bench.peers.problem import save_data, save_setting
from bench.peers.record import Record
from bench.report import environment

PARTS = ("peers", "own")


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="regular expression on the families' names")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--packages", default="", help=f"some of {','.join(RIVALS)}; default: all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5, help="how often both are timed in turn")
    parser.add_argument("--seconds", type=float, default=12.0, help="longest run waited for")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "cv")
    parser.add_argument("--markdown", type=Path, help="such as docs/benchmarks.md")
    return parser.parse_args()


def measure(family, rows, figures, rivals, options):
    """Measure one family, add it to both records, and print it."""
    X, y = family.make()
    problem = peers.folded(family, X, y)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_data(folder, X, y)
        save_setting(folder, problem)
        if "peers" in options.parts:
            rows.add(*peers.measure(family.name, problem, folder, rivals, options, told(peers)))
        if "own" in options.parts:
            for figure in own.figures(family, problem, folder):
                figures.add([figure])
                told(own)(figure)


def told(part):
    """Return a function that prints a line."""
    return lambda row: print(part.line(row), flush=True)


def main():
    """Measure, print the tables, write JSON and, if requested, the page."""
    options = parsed()
    there = available()
    rivals = [name for name in options.packages.split(",") if name]
    rivals = rivals or [name for name, package in RIVALS.items() if package in there]
    about = environment("make bench-cv", [options.threads])
    about |= {package: version_of(package) for package in sorted(set(RIVALS.values()) & set(there))}
    rows = Record(options.folder / "peers.json", about, peers.Row)
    figures = Record(options.folder / "own.json", about, own.Figure)
    for family in FAMILIES:
        if not re.search(options.only, family.name):
            continue
        if family.missing:
            print(f"{family.name}: left out, there is no {family.missing}")
            continue
        measure(family, rows, figures, rivals, options)
    pages.show(rows, figures)
    print(f"\nwritten: {options.folder}")
    if options.markdown:
        pages.write(options.markdown, rows, figures)


if __name__ == "__main__":
    main()
