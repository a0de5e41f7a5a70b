"""Curves of test accuracy against nonzero weights, ours and those of other packages."""

import json

import numpy as np

from bench.families.nets import TRAININGS
from bench.families.recipes import NAMES, PLANS
from bench.harness.environments import NETS
from bench.harness.nets import count_of
from bench.nn.choice import found
from bench.nn.peers import PEERS


def curves(name):
    """Return {curve: [(fraction of weights, test accuracy)]}, seed means, most weights last."""
    training = TRAININGS[name]
    folder = NETS / "results" / training.label
    runs = {
        f"ours, {NAMES[penalty]}": [
            found(training, recipe) for recipe in PLANS[name].sparse if recipe.penalty == penalty
        ]
        for penalty in NAMES
    }
    runs["dense"] = [found(training, recipe) for recipe in PLANS[name].dense]
    for recipe in PLANS[name].taught:
        runs.setdefault("sqrt, taught" if recipe.strength else "dense, taught", []).append(
            found(training, recipe)
        )
    for peer, (_, settings) in PEERS.items():
        runs[peer] = [read(folder / f"{peer}={setting}") for setting in settings]
    paths = read(folder / "LassoNet")
    runs["LassoNet"] = [list(step) for step in zip(*paths, strict=False)]
    total = count_of(training.net())[1]
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
