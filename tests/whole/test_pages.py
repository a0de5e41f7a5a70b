"""The pages of the documentation: their code runs and prints what they show; links hold."""

import ast
import posixpath
import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

import softreg_fast as sf

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "pages.py"

if not TOOL.exists():
    pytest.skip("the source tree is not beside the tests", allow_module_level=True)

# What a page may need and an environment lack.
OPTIONAL = {"formulaic", "joblib", "keras", "matplotlib", "onnx", "pandas", "polars", "torch"}


def tool():
    name = "documentation_pages"  # tests/pages.py has the other one
    spec = spec_from_file_location(name, TOOL)
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = tool()
WITH_CODE = [page for page in PAGES.PAGES if PAGES.BLOCK.search(page.read_text(encoding="utf-8"))]

# Pages that take seconds, or need PyTorch: `make docs` runs these too.
SLOW = ("tutorials/", "README.md", "first-model.md", "neural.md", "save-and-deploy.md")
QUICK = [page for page in WITH_CODE if not any(part in page.as_posix() for part in SLOW)]


def name_of(page):
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", QUICK, ids=name_of)
def test_the_code_of_a_page_runs_and_prints_what_it_shows(page, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    text = page.read_text(encoding="utf-8")
    try:
        ran = PAGES.ran_apart(text, str(page))
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is not installed")
    if int(np.__version__.partition(".")[0]) < 2:
        return  # prints numbers otherwise
    for block, printed in ran:
        if block["output"] is not None:
            assert PAGES.same(printed, block["output"]), f"{block['code']}\nprints\n{printed}"


def test_many_pages_have_code():
    assert len(QUICK) > 20
    assert len(WITH_CODE) > len(QUICK) + 8


@pytest.mark.parametrize("page", PAGES.PAGES, ids=name_of)
def test_links_of_a_page_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    text = re.sub(r"`[^`\n]*`", "", text)
    for link in re.findall(r"\]\(([^)\s#]+)[^)]*\)", text):
        assert "://" in link or (page.parent / link).exists(), link


# --- the tool ---------------------------------------------------------------------------------


def page_of(*parts):
    return "\n".join(parts).replace("'''", "```") + "\n"


def test_a_page_is_run_in_order_and_shows_its_last_values():
    text = page_of(
        "'''python",
        "x = 2",
        "x + 1",
        "'''",
        "",
        "'''output",
        "?",
        "'''",
        "<!-- python",
        "x = 7",
        "-->",
        "'''python",
        "print(x)",
        "x",
        "'''",
        "'''output",
        "7",
        "'''",
    )
    ran = PAGES.ran_apart(text, "page")
    assert [each.printed for each in ran] == ["3\n", "", "7\n7\n"]
    new = PAGES.written(text, ran)
    assert new == text.replace("?", "3").replace("output\n7\n", "output\n7\n7\n")
    assert PAGES.written(new, PAGES.ran_apart(new, "page")) == new


def test_blocks_that_are_not_for_running_are_left_alone():
    text = page_of(
        "<!-- not run: it needs a cluster -->",
        "'''python",
        "1 / 0",
        "'''",
        "'''r",
        "stop()",
        "'''",
        "'''sh",
        "rm -rf nothing",
        "'''",
    )
    assert [each.printed for each in PAGES.ran_apart(text, "page")] == [""]


def test_a_warning_or_a_failing_command_ends_a_page():
    with pytest.raises(UserWarning, match="here"):
        PAGES.ran_apart(
            page_of("'''python", "import warnings; warnings.warn('here')", "'''"), "page"
        )
    with pytest.raises(RuntimeError, match="nowhere"):
        PAGES.ran_apart(page_of("'''sh", "softreg_fast fit nowhere.csv --target y", "'''"), "page")


@pytest.mark.parametrize(
    ("printed", "shown", "same"),
    [
        ("a 1.0001 b\n", "a  1.0 b\n", True),
        ("a 1.01 b", "a 1.0 b", False),
        ("a b", "a c", False),
        ("(3 alphas, 0.0132 s)", "(3 alphas, 1.1e-05 s)", True),
        ("gap 1.3e-17", "gap 0", True),
        ("x 1\ny 2\nz 3", "x 1\n...\nz 3\n", True),
        ("x 1\ny 2\nz 4", "x 1\n...\nz 3\n", False),
        ("x 1", "x 1\n...\nx 1\n", False),
    ],
)
def test_outputs_agree_but_for_rounding_and_time(printed, shown, same):
    assert PAGES.same(printed, shown) == same


# --- the gallery, the site, its versions --------------------------------------------------------


def load(name, folder="tools"):
    spec = spec_from_file_location(name, ROOT / folder / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_gallery_is_large_and_every_script_has_a_title():
    scripts = sorted((ROOT / "examples" / "gallery").glob("*.py"))
    assert len(scripts) >= 20
    for script in scripts:
        title, rule = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))).split("\n")[
            :2
        ]
        assert rule == "=" * len(title), script.name


def test_every_public_name_is_in_the_reference():
    text = "\n".join(
        page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md")
    )
    listed = {line.strip() for line in text.splitlines() if line.startswith("   ")}
    wanted = {*sf.__all__, *sf.penalties.__all__, *sf.losses.__all__} | {
        "SparseMLPClassifier",
        "attach",
    }
    assert not wanted - listed - {"SQUARED", "Squared", "Loss", "as_loss"}


def test_every_page_is_in_a_table_of_contents():
    pages = {
        page.relative_to(ROOT / "docs").with_suffix("").as_posix()
        for page in PAGES.PAGES
        if page.name != "README.md"
    }
    listed = {"index"}
    for page in PAGES.PAGES:
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
            for line in tree.splitlines():
                name = (re.search(r"<(.*)>", line) or [None, line.strip()])[1]
                listed.add(
                    posixpath.normpath(
                        posixpath.join(page.parent.relative_to(ROOT / "docs").as_posix(), name)
                    )
                )
    assert not pages - listed


def test_the_newest_releases_have_versions_of_the_site():
    versions = load("versions")
    tags = ["v1.9.2", "v1.10.0", "v0.1.0", "vnext", "v1.9.10", "v2.0.0rc1"]
    assert versions.newest(tags) == ["v1.10.0", "v1.9.10", "v1.9.2"]
    rows = versions.switcher(["1.10.0", "dev"], "/x/")
    assert [row["url"] for row in rows] == ["/x/1.10.0/", "/x/dev/"]
    assert [row["name"] for row in rows if row.get("preferred")] == ["1.10.0 (stable)"]
    assert versions.switcher(["dev"], "/") == [{"name": "dev", "version": "dev", "url": "/dev/"}]


def test_signs_and_formulas_of_docstrings_stay_what_they_are():
    rewrite = load("of_docstrings", "docs/_extensions").rewrite
    lines = [
        "Minimise |w_j| times `alpha`, for coef_ and 2 * b:",
        "",
        "    1/2 |w|^2",
        "    + a_ * b",
        "",
        "Words again.",
        "",
        "Parameters",
        "----------",
        "coef_ : ndarray, of the shape of coef_",
        "    The **|w|** of `coef_`.",
        "",
        "Examples",
        "--------",
        ">>> a_ * 2",
    ]
    first = r"Minimise \|w_j\| times `alpha`, for coef\_ and 2 \* b:"
    found = rewrite(lines)
    assert found[:6] == [first, "", "::", "", *lines[2:4]]
    assert found[-6:-3] == [
        r"coef_ : ndarray, of the shape of coef\_",
        r"    The \*\*\|w\|\*\* of `coef_`.",
        "",
    ]
    assert found[-1] == lines[-1]
