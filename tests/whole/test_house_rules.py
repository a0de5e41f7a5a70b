"""The rules of docs/contributing.md that a test can hold, read from the sources."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "softreg_fast"

if not (ROOT / "setup.py").exists():
    pytest.skip("the source tree is not beside the tests", allow_module_level=True)

# From the bottom up: a module imports from its own row and from those above it in this list.
FLOORS = (
    {"kernels"},
    {"options", "system"},
    {"losses"},
    {"data"},
    {"penalties"},
    {"solvers"},
    {"paths"},
    {"model_selection"},
    {"estimators", "display", "report"},
    {"cli"},
    {"__main__", "patch"},
)
EXTRAS = {"formulaic", "matplotlib", "onnx", "pandas", "polars", "pyarrow", "rich", "tqdm"}
NETWORKS = {"torch", "keras"}

# A docstring begins with a verb, or names a thing.
RIDDLE = re.compile(
    r"(As many|How|Nobody|So many|Somebody|That|The same|These|Those|What|Where|Whether|Which"
    r"|Who|Whose)\b"
)


def files(*patterns):
    """Return the files of the source tree that match, without those that are built."""
    return [file for pattern in patterns for file in sorted(ROOT.glob(pattern))]


def none_of(offenders):
    assert not offenders, "\n" + "\n".join(sorted(offenders))


def name_of(file):
    return file.relative_to(ROOT).as_posix()


def tree_of(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def module_name(file):
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in files("softreg_fast/**/*.py")}
COMPILED = {f"softreg_fast.kernels.{file.stem}" for file in files("src/_*.pyx")}


def statements(body):
    """Yield the statements that an import of the module runs, those of type checkers left out."""
    for node in body:
        if isinstance(node, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(node.test):
                yield from statements(node.body)
            yield from statements(node.orelse)
        elif isinstance(node, ast.Try):
            yield from statements(node.body + node.orelse + node.finalbody)
            for handler in node.handlers:
                yield from statements(handler.body)
        else:
            yield node


def imports(file):
    """Return the modules that importing this one imports, as they are written."""
    found = set()
    for node in statements(tree_of(file).body):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name_of(file)}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES or inner in COMPILED else node.module)
    return found


IMPORTS = {name: imports(file) for name, file in MODULES.items()}


def room(module):
    """Return the folder of a module in the package: data of softreg_fast.data.design."""
    return module.split(".")[1] if "." in module else ""


def floor(module):
    return next((k for k, rooms in enumerate(FLOORS) if room(module) in rooms), None)


def test_every_room_has_a_floor():
    rooms = {room(name) for name in MODULES} - {"", "nn"}
    assert rooms <= set().union(*FLOORS)


def test_imports_point_down():
    climbs = [
        f"{name} imports {other}"
        for name, others in IMPORTS.items()
        for other in others
        if floor(name) is not None and floor(other) is not None and floor(other) > floor(name)
    ]
    none_of(climbs)


def test_only_networks_import_networks():
    # the rest of the package works without PyTorch and Keras; the command line knows no network
    none_of([name for name in MODULES if room(name) != "nn" and "nn" in map(room, IMPORTS[name])])


def test_no_import_leads_back():
    # take away modules that import nothing that is left: what remains is in or above a cycle
    left = {name: {other for other in IMPORTS[name] if other in MODULES} for name in MODULES}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    none_of(sorted(left))


def test_extras_are_imported_where_they_are_used():
    early = []
    for name, others in IMPORTS.items():
        packages = {other.partition(".")[0] for other in others}
        allowed = NETWORKS if room(name) == "nn" else set()
        early += [
            f"{name} imports {package}" for package in packages & (EXTRAS | NETWORKS - allowed)
        ]
    none_of(early)


def test_no_file_is_long_without_a_reason():
    # the reason is a sentence that begins with "One file"
    long = []
    for file in files("softreg_fast/**/*.py", "src/*.p*", "src/*.h", "tests/**/*.py"):
        lines = file.read_text(encoding="utf-8").splitlines()
        if len(lines) > 500 and not any("One file" in line for line in lines[:20]):
            long.append(f"{name_of(file)}: {len(lines)} lines")
    none_of(long)


def public_names():
    """Return the names that an __init__.py of the package mentions."""
    found = set()
    for file in files("softreg_fast/**/__init__.py"):
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.alias):
                found.add(node.name)
    return found


def functions(tree, owner=""):
    """Yield (function, name of its class or of itself) of a module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, owner or node.name
            yield from functions(node, owner or node.name)
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, node.name)
        else:
            yield from functions(node, owner)


def test_functions_have_eight_parameters_at_most():
    public, many = public_names(), []
    for file in MODULES.values():
        for function, owner in functions(tree_of(file)):
            if file.parent.name == "estimators" and function.name == "__init__":
                continue  # scikit-learn's estimators name every parameter there
            given = function.args
            names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
            names = [name for name in names if name not in ("self", "cls")]
            if len(names) > 8 and owner not in public:
                many.append(f"{name_of(file)}: {function.name} has {len(names)}")
    none_of(many)


def test_docstrings_begin_with_a_verb_or_a_noun():
    riddles = []
    for file in files(*(f"{folder}/**/*.py" for folder in ("softreg_fast", "tests", "tools"))):
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                text = ast.get_docstring(node) or ""
                if RIDDLE.match(text):
                    riddles.append(f"{name_of(file)}: {text.splitlines()[0]}")
    none_of(riddles)


# --- src --------------------------------------------------------------------------------------

CDEF = re.compile(
    r"^ *(?:cdef|cpdef) (?P<kind>(?:inline )?)(?P<name>[\w*\[\]:, ]+)\((?:[^()]|\([^()]*\))*\)"
    r"(?P<tail>[^\n:=]*):[^\n]*$",
    re.MULTILINE,
)


# Other functions return Python objects, so that an exception shows.
C_TYPE = re.compile(r"(void|int|bint|double|float|size_t|Py_ssize_t|\w+_t|const \w+ ?\*)[ *]")


def compiled_functions(pattern):
    """Yield (file name, match) of the C functions in the Cython files that match."""
    for file in files(pattern):
        text = re.sub(r'""".*?"""', "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        for found in CDEF.finditer(text):
            if "class " not in found["name"]:
                yield file.name, found


def test_pxd_files_hold_inline_functions_only():
    found = list(compiled_functions("src/*.pxd"))
    assert len(found) > 50
    none_of([f"{file}: {each['name']}" for file, each in found if not each["kind"]])


def test_c_functions_say_whether_they_raise():
    found = list(compiled_functions("src/*.p*"))
    assert len(found) > 100
    silent = [
        f"{file}: {each['name']}"
        for file, each in found
        if "except" not in each["tail"] and C_TYPE.match(each["name"].strip())
    ]
    none_of(silent)


def test_directives_stand_in_setup_only():
    none_of(
        [name_of(f) for f in files("src/*.p*") if re.search(r"^# *cython:", f.read_text(), re.M)]
    )


def test_layouts_are_named_in_one_file():
    named = {f.name for f in files("src/*.p*") if re.search(r"\b(DENSE|CSC)_F", f.read_text())}
    assert named == {"matrix.pxd"}


def test_openmp_is_named_in_one_file():
    named = [
        file.name
        for file in files("src/*.p*", "src/*.h")
        if re.search(r"\bomp\.h\b", file.read_text())
    ]
    assert named == ["openmp.pxd"]


def test_no_flag_ties_a_build_to_a_machine_or_reorders_sums():
    forbidden = re.compile(r"^-(march|mtune|ffast-math|Ofast|funsafe|fassociative)")
    words = [
        node.value
        for node in ast.walk(tree_of(ROOT / "setup.py"))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    for file in ("Makefile", "pyproject.toml", "tools/try_build.py"):
        words += re.findall(r"-\w[\w-]*", (ROOT / file).read_text(encoding="utf-8"))
    none_of([word for word in words if forbidden.match(word)])


# --- tests ------------------------------------------------------------------------------------


def test_the_oracle_is_independent():
    for name in ("oracles", "penalty_oracles", "exact"):
        assert "softreg_fast" not in {other.partition(".")[0] for other in imports_of_test(name)}


def imports_of_test(name):
    return imports(ROOT / "tests" / f"{name}.py")


def test_tests_lie_where_their_modules_lie():
    others = {"tests", "tests/bench", "tests/nn/package", "tests/pickles", "tests/whole"}
    folders = {name_of(file.parent) for file in files("tests/**/test_*.py")} - others
    strange = [name for name in folders if not (PACKAGE / name.removeprefix("tests/")).is_dir()]
    none_of(strange)


def test_no_two_test_files_have_one_name():
    # pytest imports them by name
    names = [file.name for file in files("tests/**/test_*.py")]
    none_of({name for name in names if names.count(name) > 1})


def trimmed(place):
    return place.rstrip("./-")


def test_every_file_that_is_named_exists():
    # not those that a program completes
    named = re.compile(r"\b(?:tests|docs|tools|src|bench|examples)/[\w./-]*+(?!\{)")
    missing = [
        f"{name_of(text)}: {place}"
        for text in files(
            "*.md", "docs/*.md", "Makefile", "pyproject.toml", "tools/*.py", ".ci/run"
        )
        for place in map(trimmed, named.findall(text.read_text(encoding="utf-8")))
        if not ((ROOT / place).exists() or re.search("NAME|VERSION", place))
    ]
    none_of(missing)


def test_every_command_of_the_docs_selects_tests():
    known = "\n".join(
        f"{file.name} {name}"
        for file in files("tests/**/test_*.py")
        for name in re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8"))
    )
    chosen = re.findall(r"-k ('[^']+'|\w+)", (ROOT / "docs" / "reliability.md").read_text())
    words = {word for each in chosen for word in re.findall(r"\w+", each)} - {"and", "or", "not"}
    assert len(words) > 30
    none_of({word for word in words if word not in known})
