"""Table and curves of the results in build/nn/results, and a check in one dimension.

python -m bench.nn.report [--recipes] [--picture FILE]
"""

import argparse
import json
import platform

import numpy as np
import torch

from bench.nn.peers import PEERS
from bench.nn.plan import MARGIN, PLANS, SEEDS, chosen, found, nonzero
from bench.nn.site import FOLDER
from bench.nn.tasks import TASKS, Recipe, count_of
from bench.nn.train import file_of
from softreg_fast.nn import L1, attach

COLUMNS = (
    "",
    "dense, tuned",
    "sparsest near it",
    "nonzero weights",
    "file",
    "best",
    "nonzero weights",
    "violation after a polish",
)
NAMES = {"l1": "L1", "l_half": "sqrt", "mcp": "MCP", "scad": "SCAD", "sparse_group": "groups"}
RECIPE_COLUMNS = ("recipe", "nonzero weights", "validation", "test", "against dense")


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


def table(lines, columns=COLUMNS):
    """Return a Markdown table."""
    rows = [columns, ["---"] * len(columns), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def line(name, taught=False):
    """Return the row of one net, with the recipes that validation chose."""
    task, choice = TASKS[name], chosen(name, taught)
    dense, best = found(task, choice.dense), found(task, choice.best)
    label = f"{name}, taught" if taught else name
    cells = [label, f"{100 * np.median([result['test'] for result in dense]):.1f} %"]
    if choice.sparsest is None:
        cells += [f"none within {100 * MARGIN:g} points", "", ""]
    else:
        sparse = found(task, choice.sparsest)
        ratios = [d["bytes"] / s["bytes"] for d, s in zip(dense, sparse, strict=True)]
        smaller = f"{np.median(ratios):.0f} times smaller"
        cells += [gain(dense, sparse), f"{100 * nonzero(sparse):.1f} %", smaller]
    return [*cells, gain(dense, best), f"{100 * nonzero(best):.1f} %", violation(task, choice)]


def recipes(name):
    """Return a row for every recipe of a net that has run with all seeds."""
    task, choice = TASKS[name], chosen(name)
    dense = found(task, choice.dense)
    there = {r: results for r in PLANS[name].recipes if (results := found(task, r))}
    return [
        [
            in_words(recipe),
            f"{100 * nonzero(results):.1f} %",
            f"{100 * np.mean([result['validation'] for result in results]):.1f} %",
            f"{100 * np.mean([result['test'] for result in results]):.1f} %",
            gain(dense, results),
        ]
        for recipe, results in there.items()
    ]


def in_words(recipe):
    """Describe a recipe by the fields that differ between the recipes of a plan."""
    words = [
        f"{NAMES[recipe.penalty]} {recipe.strength:g}" if recipe.strength else "dense",
        f"weight decay {recipe.weight_decay:g}" if recipe.weight_decay else "",
        "" if recipe.momentum == Recipe().momentum else f"beta {recipe.momentum:g}",
        "refit" if recipe.strength and recipe.freeze else "",
        f"{recipe.teachers} teachers" if recipe.teachers else "",
    ]
    return ", ".join(word for word in words if word)


def gain(dense, sparse):
    """Return the gain in test accuracy over dense, in points, paired by seed: median and range."""
    points = [100 * (s["test"] - d["test"]) for d, s in zip(dense, sparse, strict=True)]
    return f"{np.median(points):+.1f} ({min(points):+.1f} to {max(points):+.1f})"


def violation(task, choice):
    """Return the largest violation over the strength, median of the seeds that were polished."""
    if choice.with_l1 is None:
        return ""
    files = [file_of(task, choice.with_l1, seed).with_suffix(".polish.json") for seed in SEEDS]
    after = [json.loads(file.read_text())["after"] for file in files if file.exists()]
    return f"{100 * np.median(after):.2g} % ({len(after)} seeds)" if after else "not there"


def curves(name):
    """Return {curve: [(fraction of weights, test accuracy)]}, seed means, most weights last."""
    task = TASKS[name]
    folder = FOLDER / "results" / task.label
    runs = {
        f"ours, {NAMES[penalty]}": [
            found(task, recipe) for recipe in PLANS[name].sparse if recipe.penalty == penalty
        ]
        for penalty in NAMES
    }
    runs["dense"] = [found(task, recipe) for recipe in PLANS[name].dense]
    for recipe in PLANS[name].taught:
        runs.setdefault("sqrt, taught" if recipe.strength else "dense, taught", []).append(
            found(task, recipe)
        )
    for peer, (_, settings) in PEERS.items():
        runs[peer] = [read(folder / f"{peer}={setting}") for setting in settings]
    paths = read(folder / "LassoNet")
    runs["LassoNet"] = [list(step) for step in zip(*paths, strict=False)]
    total = count_of(task.net())[1]
    return {
        what: sorted(mean_point(results, total) for results in its if results)
        for what, its in runs.items()
        if any(its)
    }


def read(folder):
    """Return the results in a folder, without those that failed."""
    results = [json.loads(file.read_text()) for file in sorted(folder.glob("seed*.json"))]
    return [result for result in results if "error" not in result]


def mean_point(results, total):
    """Return the mean point over the seeds."""
    part = np.mean([result["nonzeros"] / total for result in results])
    return float(part), float(np.mean([result["test"] for result in results]))


def dominance(name):
    """Return {peer: (its points that ours dominate, all its points, our points that its dominate,
    all our points)}."""
    made = curves(name)
    ours = [point for what in made if what.startswith("ours") for point in made[what]]
    theirs = {peer: made[peer] for peer in (*PEERS, "LassoNet") if peer in made}
    return {peer: (*beaten(its, ours), *beaten(ours, its)) for peer, its in theirs.items()}


def beaten(points, others):
    """Count points dominated by one with no more weights and no less accuracy; and all points."""
    count = sum(any(q <= part and a >= hits for q, a in others) for part, hits in points)
    return count, len(points)


def draw(path):
    """Draw test accuracy against nonzero weights, one panel for each net."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    made = {name: found for name in PLANS if (found := curves(name))}
    figure, axes = plt.subplots(
        1, len(made), figsize=(3.6 * len(made), 3.4), squeeze=False, layout="constrained"
    )
    whats = list(dict.fromkeys(what for found in made.values() for what in found))
    for ax, (name, found) in zip(axes[0], made.items(), strict=True):
        for what, points in found.items():
            x, y = zip(*points, strict=True)
            ours = what.startswith("ours") or what.endswith("taught")
            ax.plot(
                [100 * part for part in x],
                [100 * hits for hits in y],
                "s" if what.startswith("dense") else "o",
                color=f"C{whats.index(what)}",
                markersize=6 if ours else 4,
                zorder=3 if ours else 2,
                label=what,
            )
        top = max(hits for points in found.values() for _, hits in points)
        ax.set(xscale="log", title=name, xlabel="nonzero weights, %")
        low = min(hits for points in found.values() for _, hits in points)
        ax.set_ylim(100 * max(low, top - 0.12) - 0.4, 100 * top + 0.4)
        ax.xaxis.set_major_formatter("{x:g}")
        ax.grid(alpha=0.3)
    axes[0, 0].set_ylabel("test accuracy, %")
    handles = {t: h for ax in axes[0] for h, t in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=2 * len(made))
    figure.savefig(path, dpi=100)
    print(f"wrote {path}")


def one_dimension(noise):
    """Return mean x for 1/2 (x - 1)^2 + 0.3 |x| under Adam with noisy gradients; minimiser: 0.7.

    A thousand copies start at 0. Long steps bring them close, short ones leave little bias.
    """
    torch.manual_seed(0)
    model = torch.nn.Linear(1000, 1, bias=False).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    attach(model, optimizer, {"weight": L1(strength=0.3)})
    x = model.weight
    total = torch.zeros(())
    with torch.no_grad():
        x.zero_()
        for k in range(12_000):
            optimizer.param_groups[0]["lr"] = 1e-2 if k < 6_000 else 1e-3
            x.grad = x - 1.0 + noise * torch.randn_like(x)
            optimizer.step()
            total += x.mean() * (k >= 9_000)
    return float(total) / 3_000


if __name__ == "__main__":
    main()
