"""The package as a whole: its public names, its description, and the examples in README.md."""

import ast
import contextlib
import io
import re
import subprocess
import sys
from importlib.metadata import entry_points, metadata, version
from pathlib import Path

import pytest

import softreg_fast as sf
from softreg_fast.__main__ import main

README = Path(__file__).parents[1] / "README.md"


def test_dir_lists_what_is_public():
    assert set(dir(sf)) == {*sf.__all__, "__version__", "losses", "nn", "penalties"}


def test_public_names_are_found_when_asked_for():
    names = {}
    exec("from softreg_fast import *", names)
    assert names.keys() - {"__builtins__"} == {*sf.__all__}
    assert [name for name in sf.__all__ if getattr(sf, name) is not names[name]] == []
    assert sf.__version__ == version("softreg_fast")


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(sf.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        name.asname: f"{line.module}.{name.name}"
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for name in line.names
    }
    found = {name: f"{module}.{name}" for name, module in sf._MODULE_OF.items()}
    assert seen == found | {name: f"softreg_fast.{name}" for name in sf._SUBPACKAGES}


def test_unknown_names_are_explained():
    with pytest.raises(AttributeError, match=r"'softreg_fast' has no attribute 'lasso'; what does"):
        _ = sf.lasso
    with pytest.raises(ImportError, match="cannot import name 'nonsense'"):
        exec("from softreg_fast import nonsense")


def test_networks_are_imported_when_asked_for():
    code = (
        "import sys, softreg_fast as sf; assert 'softreg_fast.nn' not in sys.modules; "
        "sf.nn.L1(strength=1.0); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Packages that take longer to import than an answer may take.
HEAVY = {"joblib", "matplotlib", "numpy", "pandas", "pyarrow", "scipy", "sklearn"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("--version", 0),
        ("--help", 0),
        ("demo --help", 0),
        ("fit --help", 0),
        ("predict --help", 0),
        ("info --help", 0),
        ("fit data.csv --nonsense", 2),
        ("fit data.csv --alpha -1", 2),
        ("nonsense", 2),
    ],
)
def test_help_and_wrong_options_import_nothing_heavy(line, code):
    assert imported_by(line.split(), code) & HEAVY == set()


def test_wrong_input_is_reported_before_anything_is_imported_for_it(tmp_path):
    pytest.importorskip("pandas")
    table = tmp_path / "data.csv"
    table.write_text("a,b,y\n1,2,3\n2,x,5\n4,3,6\n", encoding="utf-8")
    assert imported_by(["fit", "missing.csv"], 2) & HEAVY <= {"numpy"}
    assert imported_by(["fit", table, "--target", "z"], 2) & HEAVY <= {"numpy"}
    assert imported_by(["predict", "missing.json", table], 2) & HEAVY <= {"numpy"}
    wrong_cell = imported_by(["fit", table, "--target", "y"], 2)
    assert wrong_cell & (HEAVY - {"pyarrow"}) == {"numpy", "pandas"}


def test_a_fit_to_a_table_does_without_scikit_learn(tmp_path):
    pytest.importorskip("pandas")
    table = tmp_path / "data.csv"
    table.write_text("a,b,y\n1,2,3\n2,1,5\n4,3,6\n", encoding="utf-8")
    assert "sklearn" not in imported_by(["fit", table, "--target", "y"], 0)


def imported_by(words, code):
    program = (
        "import sys; from softreg_fast.__main__ import main; code = main(sys.argv[1:]); "
        "print('\\n', *{name.partition('.')[0] for name in sys.modules}, file=sys.stderr); "
        "sys.exit(code)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )
    assert run.returncode == code, run.stderr
    return {*run.stderr.split("\n")[-2].split()}


def test_the_installed_program_is_the_command_line():
    programs = entry_points(group="console_scripts", name="softreg_fast")
    assert {program.load() for program in programs} == {main}


def test_the_description_links_to_nothing_that_a_package_index_lacks():
    description = metadata("softreg_fast").get_payload()
    assert "Lasso" in description
    assert not [link for link in re.findall(r"\]\(([^)]*)\)", description) if "://" not in link]


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)#]*)\)", README.read_text(encoding="utf-8"))
    assert links
    if not (README.parent / "setup.py").exists():
        pytest.skip("the files of the source tree are not beside the tests")
    for link in links:
        assert "://" in link or (README.parent / link).exists(), link


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it writes files
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for block in blocks:
            exec(compile(block, "README.md", "exec"), names)
    assert {name for name, _ in names["one"].selected()} >= {"age", "sex", "bmi"}
