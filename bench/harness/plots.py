"""Plots of gap against time."""


def draw(path, panels, packages, targets):
    """Draw a panel for every problem: gap against time.

    `panels` are {problem: {package: [(seconds, gap), ...]}}; dashed lines show the targets.  Return
    False without results or without matplotlib.
    """
    if not panels:
        return False
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(3.6 * columns, 0.6 + 2.6 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for ax, (name, curves) in zip(axes, panels.items(), strict=False):
        _panel(ax, name, curves, packages, targets)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    figure.supxlabel("seconds", fontsize=9)
    figure.supylabel("worst gap / objective at w = 0", fontsize=9)
    _legend(figure, axes[: len(panels)], columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    print(f"wrote {path}")
    return True


def _panel(ax, name, curves, packages, targets):
    """Draw a curve for every package."""
    from matplotlib.ticker import NullFormatter

    for k, package in enumerate(packages):
        points = [(s, max(gap, 1e-16)) for s, gap in curves.get(package, [])]
        if points:
            style = {"color": "black", "zorder": 5} if package == "ours" else {"color": f"C{k}"}
            ax.loglog(*zip(*points, strict=True), "o-", label=package, markersize=4, **style)
    for target in targets:
        ax.axhline(target, color="grey", linewidth=0.7, linestyle="--")
    ax.set_title(name, fontsize=9)
    ax.tick_params(labelsize=7)
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(color="#e5e5e5", linewidth=0.5)


def _legend(figure, axes, columns):
    """Add one legend with every package that occurs in any panel."""
    handles = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(
        handles.values(),
        handles,
        loc="outside upper center",
        ncols=min(len(handles), 2 * columns + 1),
    )
