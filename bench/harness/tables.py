"""Tables of Markdown, and the format of times, numbers, gaps and verdicts in all of them."""


def seconds(value):
    """Format a time with three digits and a suitable unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{shortened(value / size)} {unit}"
    return f"{shortened(value / 1e-6)} us"


def shortened(value):
    """Format a number with three digits, without an exponent."""
    return f"{value:.0f}" if value >= 99.95 else f"{value:.3g}"


def gap_text(value):
    """Format a gap with one digit."""
    return "-" if value is None else f"{max(value, 0.0):.0e}"


def multiple(row):
    """Format a package's time as a multiple of ours, or the reason why there is none."""
    if row is None:
        return ""
    return row.note or "-" if row.ratio is None else shortened(row.ratio)


def judged(value, must, aim):
    """Return the verdict on a value of which larger is better."""
    return "aim met" if value >= aim else "met" if value >= must else "missed"


def line(cells):
    """Return one row of a table."""
    return f"| {' | '.join(cells)} |"


def start(heads, left=(0,)):
    """Return the first two lines of a table; the columns `left` are aligned to the left."""
    texts = {range(len(heads))[k] for k in left}
    return [line(heads), line("---" if k in texts else "---:" for k in range(len(heads)))]


def markdown(heads, rows, left=(0,)):
    """Return the lines of a table."""
    return [*start(heads, left), *map(line, rows)]


def show(heads, rows, left=(0,)):
    """Print a table row by row; return its lines."""
    lines = start(heads, left)
    print("\n".join(lines), flush=True)
    for row in rows:
        lines.append(line(row))
        print(lines[-1], flush=True)
    return lines


def show_all(tables):
    """Print tables, given as (title, lines)."""
    for title, lines in tables:
        print(f"\n{title}\n")
        print("\n".join(lines))
