"""Docstrings as reStructuredText: formulas become literal blocks, and signs stay what they are.

In docstrings only backticks are markup. Elsewhere |w|, w_ and * mean themselves, and lines that are
indented below a sentence are a formula.
"""

import re

SECTIONS = re.compile(r"^(Parameters|Attributes|Returns|Raises|Yields|See Also)$")
EXAMPLES = re.compile(r"^(Examples|References)$")
NAMED = re.compile(r"^ *\*{0,2}\w[\w, *]*( : .*)?$")
SPAN = re.compile(r"(``.+?``|`[^`]+`)")


def escaped(line):
    """Escape what reStructuredText would take for markup, outside backticks."""
    parts = SPAN.split(line)
    for k in range(0, len(parts), 2):
        part = re.sub(r"([|*])", r"\\\1", parts[k])
        parts[k] = re.sub(r"(?<=\w)_(?!\w)", r"\\_", part)
    return "".join(parts)


def rewrite(lines):
    """Return the lines of a docstring with formulas as literal blocks and signs escaped."""
    out, section, literal = [], None, False
    for k, line in enumerate(lines):
        heading = k + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[k + 1].strip())
        if heading:
            section = line.strip()
        if EXAMPLES.match(section or "") or heading or re.fullmatch(r"-{3,}", line.strip()):
            out.append(line)
            continue
        if SECTIONS.match(section or ""):
            named = not line.startswith(" ") or (" : " in line and NAMED.match(line))
            if named:
                name, colon, kind = line.partition(" : ")
                out.append(name + colon + escaped(kind))
            else:
                out.append(escaped(line))
            continue
        starts = line.startswith("    ") and not literal and k and not lines[k - 1].strip()
        if starts and out and not any(each.lstrip().startswith("- ") for each in out[-4:]):
            out += ["::", ""]
            literal = True
        elif literal and line.strip() and not line.startswith("    "):
            literal = False
        out.append(line if literal else escaped(line))
    return out


def on_docstring(app, what, name, obj, options, lines):
    lines[:] = rewrite(lines)


def on_member(app, what, name, obj, skip, options):
    """Leave out what other packages define: methods of int, of torch's optimisers, ..."""
    inner = getattr(obj, "fget", None) or getattr(obj, "__func__", None) or obj
    module = getattr(inner, "__module__", None) or ""
    foreign = what == "class" and callable(inner) and not module.startswith("softreg_fast")
    return True if foreign or re.fullmatch(r"set_\w+_request", name) else None


def setup(app):
    app.connect("autodoc-skip-member", on_member)
    app.connect("autodoc-process-docstring", on_docstring, priority=100)  # before numpydoc
    return {"parallel_read_safe": True}
