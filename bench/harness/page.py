"""Writer of docs/benchmarks.md: each program replaces its own part and keeps the others."""

HEAD = "# Benchmarks\n\nEach part of this page is written by the command that measured it.\n"
PARTS = ("peers", "cv", "losses", "penalties", "anatomy", "kernels")


def write_part(path, part, text):
    """Replace one part of the page; create the page if it does not exist."""
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    texts = {name: _between(page, name) for name in PARTS}
    texts[part] = text.strip()
    parts = (f"{_mark(name)}\n{body}\n{_mark(name)}\n" for name, body in texts.items() if body)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([HEAD, *parts]), encoding="utf-8")
    print(f"wrote {path}")


def _mark(name):
    return f"<!-- {name} -->"


def _between(page, name):
    pieces = page.split(_mark(name))
    return pieces[1].strip() if len(pieces) == 3 else ""
