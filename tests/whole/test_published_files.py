"""Files for those who cite, report and package: they agree with pyproject.toml and the commands."""

import re
import tomllib
from pathlib import Path

import pytest

from softreg_fast.cli.arguments import build_parser

ROOT = Path(__file__).parents[2]

if not (ROOT / "CITATION.cff").exists():
    pytest.skip("the source tree is not beside the tests", allow_module_level=True)

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def entry(text, name):
    """Return the value of an entry of a YAML file that is written on one line."""
    return re.search(rf"^ *{name}: *(.*)$", text, re.MULTILINE)[1].strip('"')


def bare(requirement):
    """Return a requirement without spaces and quotes."""
    return re.sub(r"[\s\"]", "", requirement)


def test_the_citation_is_of_this_version():
    text = text_of("CITATION.cff")
    assert entry(text, "version") == PROJECT["version"]
    assert entry(text, "title") == PROJECT["name"]
    assert entry(text, "license") == PROJECT["license"]
    assert entry(text, "- name") == PROJECT["authors"][0]["name"]


def test_the_recipe_has_the_requirements_of_the_project():
    text = text_of("recipe/recipe.yaml")
    assert entry(text, "version") == PROJECT["version"]
    assert entry(text, "license") == PROJECT["license"]
    assert entry(text, "summary") == PROJECT["description"]
    listed = {bare(each) for each in re.findall(r"^ +- ([a-z-]+ >=.*)$", text, re.MULTILINE)}
    wanted = {*PROJECT["dependencies"], *PYPROJECT["build-system"]["requires"]}
    assert listed == {bare(each) for each in wanted}


def test_the_issue_forms_ask_for_a_command_that_exists():
    forms = sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*.yml"))
    if not forms:
        pytest.skip("a source archive has no forms")
    command = "info --bug-report"
    assert build_parser().parse_args(command.split()).bug_report
    asking = {form.stem for form in forms if f"softreg_fast {command}" in form.read_text("utf-8")}
    assert asking == {"bug", "wrong_result", "feature"}
