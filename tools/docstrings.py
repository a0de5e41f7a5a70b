"""Write the shared descriptions of parameters and attributes into the docstrings.

    python tools/docstrings.py [--check]

tools/docstrings.txt describes each parameter once, for all functions and classes that have it.
This program writes these texts into the docstrings in softreg_fast/, so that help(), editors and
readers of the source find them there without any work at import; with --check it only says which
docstrings differ (tests/whole/test_docstrings.py asks).  In a docstring

- the section Parameters has an entry for every parameter of the signature, in its order.  The
  defaults are those of the signature;
- entries of Attributes, Raises and Warns are filled in where tools/docstrings.txt has their text,
  so for a new one it is enough to write its name;
- an entry that tools/docstrings.txt does not have stays as it is written in the docstring.

Options of solvers are described where they are checked, in the docstring of Options.

Functions are found by importing the package, so moving them to another module changes nothing.
Networks have texts of their own, tools/docstrings_nn.txt, with "nn." or "keras." before the names;
their methods are described by hand. Without PyTorch or Keras, they are left out.
"""

import ast
import importlib
import inspect
import json
import re
import sys
import textwrap
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path

import softreg_fast
import softreg_fast.penalties
from softreg_fast.solvers.problem import Options

TEXTS = Path(__file__).with_suffix(".txt")
FILLED_IN = ("Attributes", "Raises", "Warns")
LINE = 100

# The packages whose public names are described, by what stands before these names in the file.
PACKAGES = {"": softreg_fast, "penalties.": softreg_fast.penalties}

# Packages of networks, by the prefix of their names.
NETWORKS = {"nn.": "softreg_fast.nn", "keras.": "softreg_fast.nn.keras"}

# Classes of networks that users do not call: bases, and results of functions.
NOT_CALLED = {"nn.Plan", "nn.Proximal", "keras.ProximalRegularizer"}

# Functions whose **options go to another one, whose parameters are described with them.
PASSED_ON = {
    "relaxed_path": "path",
    "fused_path": "path",
    "trend_filter_path": "path",
    "adaptive_path": "path",
    "enet_path": "path",
    "lasso_path": "path",
    "PathDisplay.from_path": "PathDisplay.plot",
    "PathDisplay.from_estimator": "PathDisplay.plot",
    "CVPathDisplay.from_path": "CVPathDisplay.plot",
    "CVPathDisplay.from_estimator": "CVPathDisplay.plot",
    "PathDisplay.from_coefficients": "PathDisplay.plot",
    "SurvivalDisplay.from_predictions": "SurvivalDisplay.plot",
    "StabilityDisplay.from_path": "StabilityDisplay.plot",
    "StabilityDisplay.from_estimator": "StabilityDisplay.plot",
}

# Parameters of those that a function sets itself.
OF_THE_TABLE = ["data", "dates", "missing", "unknown"]
OF_THE_PENALTY = [
    "l1_ratio",
    "l1_weights",
    "l2_weights",
    "positive",
    "bounds",
    "exclude",
    "penalty",
]
FIXED = {
    "adaptive_path": ["l1_weights", "penalty"],
    "fused_path": [*OF_THE_PENALTY, *OF_THE_TABLE, "standardize", "precompute"],
    "trend_filter_path": [*OF_THE_PENALTY, *OF_THE_TABLE, "standardize", "precompute"],
    "enet_path": ["penalty", "loss", "offset", *OF_THE_TABLE],
    "lasso_path": ["l1_ratio", "penalty", "loss", "offset", *OF_THE_TABLE],
}

# Functions that take options of solvers, which the docstring of Options describes.
TAKE_OPTIONS = {
    "solve",
    "path",
    "cv_path",
    "stability_path",
    "relaxed_path",
    "fused_path",
    "trend_filter_path",
    "adaptive_path",
    "enet_path",
    "lasso_path",
}

# Methods of public classes for the use of this package alone: what they take is said where it is
# used.
INTERNAL = {
    "Design.columns_scaled_by",
    "Design.crossproduct",
    "Design.fixed",
    "Design.from_user",
    "Design.gradient_at_zero",
    "Design.know_gradient",
    "Design.know_gram",
    "Design.to_engine",
    "Design.to_user",
    "Design.reweighted",
    "Design.with_moments",
    "penalties.Elementwise.rule",
    "penalties.Elementwise.weights_as",
}


def main(arguments):
    """Write the docstrings, or with --check list those that differ; return an exit code."""
    stale = []
    for source, places in by_file(public_things()).items():
        text = source.read_text(encoding="utf-8")
        written = rewritten(text, places, stale)
        if "--check" not in arguments and written != text:
            source.write_text(written, encoding="utf-8")
    for name in stale:
        print(f"{'differs' if '--check' in arguments else 'written'}: {name}")
    return 1 if stale and "--check" in arguments else 0


def public_things():
    """Return {name in the file: function or class}: the public names and their public methods."""
    found = {}
    for prefix, package in PACKAGES.items():
        for name in package.__all__:
            thing = getattr(package, name)
            members = methods_of(thing) if isinstance(thing, type) else []
            found |= {prefix + each.__qualname__: each for each in [thing, *members]}
    found |= things_of_networks()
    return {name: thing for name, thing in found.items() if name not in INTERNAL}


def things_of_networks():
    """Return {prefix and qualified name: function or class} of the packages of networks."""
    found = {}
    for prefix, package in NETWORKS.items():
        try:
            module = importlib.import_module(package)
            things = [getattr(module, x) for x in dir(module) if not x.startswith("_")]
        except ModuleNotFoundError:
            continue
        found |= {
            prefix + thing.__qualname__: thing
            for thing in things
            if callable(thing) and thing.__module__.startswith("softreg_fast.nn.")
        }
    return {name: thing for name, thing in found.items() if name not in NOT_CALLED}


def methods_of(kind):
    """Return the public methods of a class that are written and described in this package."""
    found = {}
    for base in kind.__mro__[::-1]:
        if base.__module__.startswith("softreg_fast."):
            functions = {name: getattr(each, "__func__", each) for name, each in vars(base).items()}
            found |= {
                name: inspect.unwrap(each)
                for name, each in functions.items()
                if not name.startswith("_") and inspect.isfunction(each) and each.__doc__
            }
    return list(found.values())


def by_file(things):
    """Return {path of the source: {qualified name: object}}."""
    files = {}
    for name, thing in things.items():
        files.setdefault(Path(inspect.getsourcefile(inspect.unwrap(thing))), {})[name] = thing
    return files


def rewritten(text, things, stale):
    """Return the source with new docstrings; add the names of those that differ to `stale`."""
    lines = text.splitlines()
    nodes = definitions(ast.parse(text))
    nodes = {name: nodes[inspect.unwrap(thing).__qualname__] for name, thing in things.items()}
    # from the end of the file, so that line numbers before stay valid
    for name in sorted(things, key=lambda name: -nodes[name].lineno):
        held = nodes[name].body[0]
        if not (isinstance(held, ast.Expr) and isinstance(held.value, ast.Constant)):
            raise SystemExit(f"{name} has no docstring.")
        old = inspect.cleandoc(held.value.value)
        new = docstring_of(name, things[name], nodes[name], text, old)
        if new != old:
            stale.append(name)
            lines[held.lineno - 1 : held.end_lineno] = quoted(new, held.col_offset)
    return "\n".join(lines) + "\n"


def definitions(tree, inside=""):
    """Return {qualified name: node} of the functions and classes of a module."""
    found = {}
    for node in getattr(tree, "body", []):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[inside + node.name] = node
            if isinstance(node, ast.ClassDef):
                found |= definitions(node, f"{inside}{node.name}.")
    return found


def quoted(text, indent):
    """Return the lines of a docstring in the source."""
    raw = "r" if "\\" in text else ""
    whole = f'{raw}"""{text}' + ('\n"""' if "\n" in text else '"""')
    return textwrap.indent(whole, " " * indent).splitlines()


def docstring_of(name, thing, node, source, old):
    """Return the docstring with the shared texts in its sections."""
    sections = split(old)
    width = LINE - node.col_offset - 8
    texts = texts_for(name, width)
    parameters = parameters_of(thing)
    if parameters and not ("Attributes" in sections and is_returned(thing)):
        texts |= passed_on(name, parameters, width)
        written = texts_of(sections.get("Parameters", ""))
        defaults = defaults_of(thing, node, source)
        listed = [entry(p, written | texts, defaults.get(p), name) for p in parameters]
        sections = with_section(sections, "Parameters", "\n".join(listed))
    for title in FILLED_IN:
        if title in sections:
            written = texts_of(sections[title])
            listed = [entry(each, written | texts, None, name) for each in written]
            sections[title] = "\n".join(listed)
    return joined(sections)


def is_returned(thing):
    """Return whether it is a class that users do not call: results, enumerations, warnings."""
    if not isinstance(thing, type):
        return False
    fields = hasattr(thing, "__dataclass_fields__") or hasattr(thing, "_fields")
    return fields or issubclass(thing, Enum)


def signature_of(thing):
    """Return the parameters with which one calls it."""
    if isinstance(thing, type) and issubclass(thing, BaseException):
        return {}
    is_data = hasattr(thing, "__dataclass_fields__")
    found = inspect.signature(thing.__init__ if is_data else thing).parameters
    return {name: each for name, each in found.items() if name not in ("self", "cls")}


def parameters_of(thing):
    """Return the names of the parameters, with their stars."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [stars.get(p.kind, "") + name for name, p in signature_of(thing).items()]


def defaults_of(thing, node, source):
    """Return {parameter: its default as one reads it in the source}."""
    found = {}
    for name, parameter in signature_of(thing).items():
        if parameter.default is not parameter.empty:
            literal = literals(node, source).get(name)
            found[name] = literal or shown(parameter.default)
    return found


def literals(node, source):
    """Return {parameter: source of its default}, if that is a number or the like."""
    if isinstance(node, ast.ClassDef):
        inits = [n for n in node.body if getattr(n, "name", "") == "__init__"]
        if not inits:
            return {}
        node = inits[0]
    a = node.args
    positional = [*a.posonlyargs, *a.args]
    pairs = [*zip(positional[::-1], a.defaults[::-1], strict=False)]
    pairs += zip(a.kwonlyargs, a.kw_defaults, strict=True)
    lines = source.splitlines()
    return {
        argument.arg: lines[value.lineno - 1][value.col_offset : value.end_col_offset]
        for argument, value in pairs
        if value is not None and not isinstance(value, ast.Name | ast.Attribute)
    }


def shown(value):
    """Return a default that is a name in the source, written as a literal."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


# ---------------------------------------------------------------------------------------------
# Sections and entries in numpydoc's format.


def split(text):
    """Return {title: body} of a docstring's sections; the title of the beginning is ''."""
    parts = re.split(r"^(\w[\w ]*)\n-+\n", text, flags=re.MULTILINE)
    titles = ["", *parts[1::2]]
    return {title: body.strip("\n") for title, body in zip(titles, parts[::2], strict=True)}


def joined(sections):
    """Return the docstring of these sections."""
    return "\n\n".join(
        f"{title}\n{'-' * len(title)}\n{body}" if title else body
        for title, body in sections.items()
    )


def with_section(sections, title, body):
    """Return the sections with this one, after the beginning if it is new."""
    if title in sections:
        return sections | {title: body}
    first = sections.pop("")
    return {"": first, title: body} | sections


def texts_of(body):
    """Return {name: (type, description)} of a section; `a, b : type` describes both."""
    found, names = {}, []
    for line in body.splitlines():
        if line and not line[0].isspace():
            head, _, kind = line.partition(" : ")
            names = [head] if head.endswith(("Error", "Warning")) else head.split(", ")
            found |= {name: (kind, []) for name in names}
        else:
            for name in names:
                found[name][1].append(line)
    return {n: (kind, textwrap.dedent("\n".join(t)).strip("\n")) for n, (kind, t) in found.items()}


def entry(name, texts, default, owner):
    """Return one entry of a section."""
    if name not in texts:
        raise SystemExit(f"{owner}: {name} is described neither in {TEXTS.name} nor here.")
    kind, text = texts[name]
    if default is not None:
        stated = re.search(r", default=(.*)$", kind)
        if not (stated and same(stated.group(1), default)):
            kind = re.sub(r", default=.*$", "", kind) + f", default={default}"
    head = f"{name} : {kind}" if kind else name
    return head + ("\n" + textwrap.indent(text, "    ") if text else "")


def same(stated, default):
    """Return whether two sources of a default have the same value, such as 2**30 and 1073741824."""
    try:
        return eval(stated) == eval(default)
    except (NameError, SyntaxError):
        return False


def filled(text, width):
    """Return a text with its paragraphs filled, except for those that have indented lines."""
    return "\n\n".join(
        paragraph
        if re.search(r"^ ", paragraph, re.MULTILINE)
        else textwrap.fill(paragraph, width, break_long_words=False, break_on_hyphens=False)
        for paragraph in text.split("\n\n")
    )


def passed_on(name, parameters, width):
    """Return {**options: description} of a function that passes options on to another one."""
    if name not in PASSED_ON:
        return {}
    target = public_things()[PASSED_ON[name]]
    node, source = node_of(target)
    written = texts_of(split(inspect.getdoc(target)).get("Parameters", ""))
    written |= texts_for(target.__qualname__)
    own = texts_for(name)
    defaults = defaults_of(target, node, source)
    without = {*parameters, *FIXED.get(name, ())}
    names = [p for p in parameters_of(target) if p not in without]
    described = {p: (written | own)[p] for p in names}
    described = {p: (kind, filled(text, width - 4)) for p, (kind, text) in described.items()}
    # a default of its own, as in {"tol": 1e-4, **params}, stands in the text
    defaults = {p: d for p, d in defaults.items() if "default=" not in own.get(p, ("",))[0]}
    options = parameters[-1]
    kind, text = own[options]
    listed = "\n".join(entry(p, described, defaults.get(p), name) for p in names)
    return {options: (kind, f"{filled(text, width)}\n\n{listed}" if names else filled(text, width))}


def node_of(thing):
    """Return the node and the source text of a function."""
    source = Path(inspect.getsourcefile(inspect.unwrap(thing))).read_text(encoding="utf-8")
    return definitions(ast.parse(source))[inspect.unwrap(thing).__qualname__], source


def texts_for(name, width=LINE):
    """Return {entry: (type, description)} for an object, by Options and by the file."""
    found = {}
    if name in TAKE_OPTIONS:
        found = texts_of(split(inspect.getdoc(Options))["Attributes"])
    file = TEXTS.with_stem("docstrings_nn") if name.startswith(tuple(NETWORKS)) else TEXTS
    for block in re.split(r"^\[", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        patterns, body = block.split("]\n", 1)
        if any(fnmatchcase(name, pattern) for pattern in patterns.split()):
            found |= texts_of(body)
    return {each: (kind, filled(text, width)) for each, (kind, text) in found.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
