"""Compare with other packages: python -m bench.peers [--only PATTERN] [--settings path,fit].

For every package, find the first tolerance on its ladder whose worst gap, computed outside all
packages, meets the target; then time it and ours in turn, each in its own process.
"""

import argparse
import tempfile
from pathlib import Path

from bench.families.family import selected
from bench.families.paths import FAMILIES
from bench.families.settings import SETTINGS, TARGETS, levels
from bench.harness.environments import FOLDER, available, version_of
from bench.harness.machine import environment
from bench.harness.problem import save_data, save_setting
from bench.harness.record import Record
from bench.harness.result import Row
from bench.harness.worker import Worker, climb, pairs_of
from bench.reports import peers as pages


def measure(setting, name, problem, folder, wanted, packages, options):
    """Return the Rows of one problem, and its panel {package: [(seconds, gap), ...]}.

    `wanted` are must, aim, and the only package that counts.
    """
    save_setting(folder, problem)
    kind, rows, curves = SETTINGS[setting].kind, [], {}

    def row(package, target, note):
        found = Row(setting, name, package, target, options.threads, *wanted, note=note)
        rows.append(found)
        return found

    with Worker("ours", kind, options.threads, options.seconds) as ours:
        mine, curves["ours"], note = climb(ours, problem, options.targets, folder)
        for target in options.targets:
            own = row("ours", target, note)
            own.tol, own.gap = mine.get(target, (None, None))
        for package in packages:
            with Worker(package, kind, options.threads, options.seconds) as rival:
                its, curves[package], note = climb(rival, problem, options.targets, folder)
                for target in options.targets:
                    other = row(package, target, note)
                    if target in its and target in mine:
                        other.tol, other.gap = its[target]
                        contenders = (ours, mine[target][0]), (rival, other.tol)
                        other.fill(pairs_of(contenders, options.repeat, options.seconds))
    return rows, {f"{setting}: {name}": curves}


def measure_family(family, packages, options, record):
    """Measure all settings of one family, add them to the record, and print them."""
    base = family.make()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_data(folder, base)
        for key, setting in options.settings.items():
            for label, problem in setting.problems(family, base):
                wanted = levels(key, family)
                found = measure(key, label, problem, folder, wanted, packages, options)
                record.add(*found)
                for row in found[0]:
                    print(line(row), flush=True)


def line(row):
    """Return a result as one printed line."""
    parts = [f"{row.setting:9} {row.problem:34} {row.package:8} target {row.target:.0e}"]
    if row.gap is not None:
        parts.append(f"tol {row.tol:.0e} gap {row.gap:.0e}")
    if row.ratio is not None:
        parts.append(f"{row.seconds:9.4f} s, ours {row.ours:8.5f} s, {row.ratio:6.2f}x")
    return "  ".join([*parts, row.note])


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="regular expression on the families' names")
    parser.add_argument("--settings", default="path", help=f"some of {','.join(SETTINGS)}, or all")
    parser.add_argument(
        "--packages", default="", help="such as celer,glmnet; default: all there are"
    )
    parser.add_argument("--targets", default=",".join(f"{t:g}" for t in TARGETS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=7, help="how often both are timed in turn")
    parser.add_argument("--seconds", type=float, default=20.0, help="longest run waited for")
    parser.add_argument("--json", type=Path, default=FOLDER / "results.json")
    parser.add_argument("--markdown", type=Path, help="such as docs/benchmarks.md")
    options = parser.parse_args()
    options.targets = [float(target) for target in options.targets.split(",")]
    wanted = SETTINGS if options.settings == "all" else options.settings.split(",")
    options.settings = {name: SETTINGS[name] for name in wanted}
    return options


def main():
    """Measure, print the tables, write JSON and, if requested, the page."""
    options = parsed()
    rivals = [name for name in available() if name != "ours"]
    packages = [name for name in options.packages.split(",") if name] or rivals
    about = environment("make bench-peers", [options.threads])
    about |= {package: version_of(package) for package in rivals}
    record = Record(options.json, about)
    for family in selected(FAMILIES, options.only):
        measure_family(family, packages, options, record)
    pages.show(record)
    if options.markdown:
        pages.write(options.markdown, record)


if __name__ == "__main__":
    main()
