"""Tables of paths under penalties beyond L1."""

from bench.families.penalties import OMEGAS
from bench.harness import tables
from bench.harness.machine import machine
from bench.harness.page import write_part
from bench.harness.tables import gap_text, judged, multiple, seconds, shortened

# Our L1 path of as many alphas, beside which the others stand.
OWN_L1 = "our L1 path"

INTRODUCTION = """\
## Penalties beyond L1, compared with other packages

Paths of 100 alphas with an intercept, columns standardised, under squared error, or the logistic
loss where the table says so. Each package runs in
a process of its own with one thread, with the loosest tolerance on its ladder whose accuracy is at
most the target. The accuracy is computed outside all packages (`bench/harness/penalties.py`): the
duality gap, relative to the null objective (under the logistic loss the objective less the best
lower bound that any package gives), or for MCP and SCAD, which are not convex, the largest
distance of a slope from the subdifferential, relative to alpha. Times are processor times; *best /
ours* is that of the best other package divided by ours. *our L1 path* is the time of our own Lasso
on as many alphas to the same share of its alpha_max, as a multiple of ours: 0.5 means that the
penalty costs twice the time of L1.

Command:

    make bench-penalties ARGS="--markdown docs/benchmarks.md"

Results are stored in `build/peers/penalties.json` and kept there between runs.
"""


def show(record):
    """Print all tables."""
    tables.show_all(all_tables(record))
    print(f"\nwritten: {record.path}")


def write(path, record):
    """Write the part of the page."""
    lines = [INTRODUCTION, *machine(record.about), ""]
    for title, rows in all_tables(record):
        lines += [f"### {title}", "", *rows, ""]
    write_part(path, "penalties", "\n".join(lines))


def all_tables(record):
    """Yield (title, lines of Markdown) of every penalty."""
    for key, omega in OMEGAS.items():
        rows = [row for row in record.rows.values() if row.setting == key]
        if rows:
            yield f"{omega.title}: accuracy <= {omega.target:g}", table(rows, omega.rivals)


def table(rows, rivals):
    """Return lines: our time and accuracy, the others' times as multiples of ours, the verdict."""
    others = [*rivals, OWN_L1]
    heads = ["problem", "ours", "accuracy", *others, "best / ours", "must", "aim", "verdict"]
    lines = []
    for problem in dict.fromkeys(row.problem for row in rows):
        found = {row.package: row for row in rows if row.problem == problem}
        lines.append(cells(problem, found, rivals))
    return tables.markdown(heads, lines, left=(0, -1))


def cells(problem, found, rivals):
    """Return the cells of one row."""
    ours = found["ours"]
    measured = [row for row in found.values() if row.ratio is not None]
    time = measured[0].ours if measured else ours.seconds
    theirs = [multiple(found.get(name)) for name in (*rivals, OWN_L1)]
    name = problem.partition(": ")[2]
    start = [name, seconds(time) if time else ours.note, gap_text(ours.gap), *theirs]
    ratios = [row.ratio for row in measured if row.package in rivals]
    wanted = [f"{ours.must:g}", f"{ours.aim:g}"]
    if not ratios:
        return [*start, "", *wanted, "no other met the target"]
    best = min(ratios)
    return [*start, shortened(best), *wanted, judged(best, ours.must, ours.aim)]
