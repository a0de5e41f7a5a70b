"""Table and curves of the results in build/nn/results, and a check in one dimension.

python -m bench.nn.report [--recipes] [--picture FILE]
"""

import argparse
import platform

import torch

from bench.families.recipes import PLANS, SEEDS
from bench.harness.tables import markdown
from bench.nn.choice import chosen
from bench.nn.one_dimension import one_dimension
from bench.reports.nets import COLUMNS, RECIPE_COLUMNS, line, recipes
from bench.reports.nets_plot import curves, dominance, draw


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", help="where to draw the curves")
    parser.add_argument("--recipes", action="store_true", help="a table of all recipes, too")
    asked = parser.parse_args(arguments)
    print(
        f"\n{platform.processor() or platform.machine()}, torch {torch.__version__}, "
        f"{len(SEEDS)} seeds\n"
    )
    lines = ((name, taught) for name in PLANS for taught in (False, True))
    print(table([line(*each) for each in lines if chosen(*each)]))
    if asked.recipes:
        for name in PLANS:
            if chosen(name):
                print(f"\n{name}\n\n{table(recipes(name), RECIPE_COLUMNS)}\n")
                for what, points in curves(name).items():
                    each = [f"{100 * hits:.1f} at {100 * part:.1f}" for part, hits in points]
                    print(f"  {what:16} {', '.join(each)}")
    print("\npoints of a package matched by one of ours; of ours matched by one of its")
    for name in PLANS:
        for peer, counts in dominance(name).items():
            print(f"  {name:14} {peer:16} {counts[0]} of {counts[1]}; {counts[2]} of {counts[3]}")
    for noise in (0.1, 1.0, 10.0):
        print(f"minimiser 0.70 under gradient noise {noise:g}: {one_dimension(noise):.3f}")
    if asked.picture:
        draw(asked.picture)


def table(rows, columns=COLUMNS):
    """Return a table of text as Markdown."""
    return "\n".join(markdown(columns, rows, left=range(len(columns))))


if __name__ == "__main__":
    main()
