"""The frame of a page: a policy that allows its style sheet and its script by hash, and no more."""

import base64
import hashlib
import re
from importlib.resources import files

import pytest
from pages import Parsed

from softreg_fast.report.document import closing, opening, script, style_sheet


@pytest.fixture
def read():
    return Parsed(opening("<b>title</b>") + closing())


def hash_of(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_policy_allows_what_the_page_has_and_nothing_else(read):
    (policy,) = [held["content"] for tag, held in read.tags if "http-equiv" in held]
    rules = {name: given for name, *given in map(str.split, policy.split(";"))}
    assert rules == {
        "default-src": ["'none'"],
        "style-src": [f"'{hash_of(read.parts['style'])}'"],
        "script-src": [f"'{hash_of(read.parts['script'])}'"],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }


def test_style_sheet_and_script_are_files(read):
    folder = files("softreg_fast.report")
    assert folder.joinpath("report.css").read_text(encoding="utf-8") in read.parts["style"]
    assert folder.joinpath("report.js").read_text(encoding="utf-8") == read.parts["script"]


def test_nothing_ends_them_early_or_comes_from_elsewhere():
    for text in (style_sheet(), script()):
        assert not re.search(r"</|<!--|https?:|//\w|@import|url\(|\r", text)
    assert not re.search(r"\b(eval|innerHTML|outerHTML|document\.write|fetch|import)\b", script())


def test_the_title_is_text(read):
    assert ("title", {}) in read.tags
    assert ("b", {}) not in read.tags
