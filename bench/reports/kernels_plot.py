"""Plot of the ratios of all comparisons."""

from itertools import groupby

from bench.families.comparisons import HEADINGS
from bench.reports.kernels import met

MET, MISSED, SHOWN = "#1b7837", "#b2182b", "#878787"


def write_plot(path, about, rows):
    """Plot each comparison's ratios on a log axis; return False without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    lines = list(lines_of(rows))
    figure = Figure(figsize=(9.5, 1.6 + 0.2 * len(lines)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.axvline(1.0, color="black", linewidth=0.8, zorder=1)
    for y, line in enumerate(lines):
        if isinstance(line, list):
            draw_line(axes, y, line)
    label_lines(axes, lines)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(lines) - 0.4, -0.8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(axis="x", which="major", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("their time / ours: we are faster to the right of 1")
    axes.secondary_xaxis("top").xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    figure.legend(handles=legend(rows), loc="outside lower center", ncols=4, fontsize=8)
    about_machine = f"{about['cpu']}, {about['cores']} cores, {about['date']}"
    figure.suptitle(f"softreg_fast {about['softreg_fast']} on {about_machine}", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")
    return True


def lines_of(rows):
    """Yield the lines of the plot: headings, and lists with the rows of one comparison."""
    for work, group in groupby(rows, key=lambda row: row.setting):
        yield HEADINGS[work]
        for _, same in groupby(group, key=lambda row: (row.problem, row.package)):
            yield list(same)


def label_lines(axes, lines):
    """Label the lines at the left, the headings in bold."""
    labels = [
        line if isinstance(line, str) else f"{line[0].problem}, {line[0].package}" for line in lines
    ]
    axes.set_yticks(range(len(lines)), labels, fontsize=8)
    for tick, line in zip(axes.get_yticklabels(), lines, strict=True):
        if isinstance(line, str):
            tick.set_fontweight("bold")


def draw_line(axes, y, line):
    """Draw the rows of one comparison, which differ in the number of threads."""
    for k, row in enumerate(line):
        if row.ratio is not None:
            draw_row(axes, y + 0.3 * (k - 0.5 * (len(line) - 1)), row)


def draw_row(axes, y, row):
    """Draw a marker with whiskers at the quartiles, and a bar at the expectation."""
    colour = SHOWN if met(row) is None else MET if met(row) else MISSED
    marker = "o" if row.n_threads == 1 else "D"
    axes.plot(row.quartiles, [y, y], color=colour, linewidth=1.2, zorder=2)
    axes.plot(row.ratio, y, marker, color=colour, markersize=4, zorder=3)
    if row.must is not None:
        axes.plot(row.must, y, "|", color="black", markersize=7, markeredgewidth=1.4, zorder=4)


def legend(rows):
    from matplotlib.lines import Line2D

    plain = {"linestyle": "none", "markersize": 5}
    handles = [Line2D([], [], marker="o", color="black", label="1 thread", **plain)]
    if any(row.n_threads > 1 for row in rows):
        handles.append(Line2D([], [], marker="D", color="black", label="more threads", **plain))
    handles.append(Line2D([], [], marker="|", color="black", label="expected", **plain))
    for colour, label in ((MET, "met"), (MISSED, "missed"), (SHOWN, "nothing expected")):
        handles.append(Line2D([], [], color=colour, label=label))
    return handles
