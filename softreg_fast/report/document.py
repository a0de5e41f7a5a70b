"""The frame of a page: its head, style sheet and script.

A policy in the head lets a browser run and apply these alone, which it knows by their hashes, and
fetch nothing. So a name that were to slip into the page as markup could not act.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from softreg_fast.display.look import CODE_FONTS, DARK, LIGHT, TEXT_FONTS
from softreg_fast.report.markup import escape

HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
"""


def opening(title: str) -> str:
    """Return the beginning of a page, up to its contents."""
    style = style_sheet()
    policy = (
        f"default-src 'none'; style-src {_hash_of(style)}; script-src {_hash_of(script())}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return HEAD.format(policy=policy, title=escape(title), style=style)


def closing() -> str:
    """Return the end of a page, behind its contents."""
    return f"</main>\n<script>{script()}</script>\n</body>\n</html>\n"


def style_sheet() -> str:
    """Return the style sheet: the colours and fonts of plots, and report.css."""
    light = _variables(LIGHT)
    dark = _variables(DARK)
    return (
        f"\n:root {{\n{light}  --text: {TEXT_FONTS};\n  --code: {CODE_FONTS};\n}}\n"
        f"@media screen and (prefers-color-scheme: dark) {{\n:root {{\n{dark}}}\n}}\n"
        f"{_read('report.css')}"
    )


def script() -> str:
    """Return the script, without which a page is complete."""
    return _read("report.js")


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"  --{name}: {colour};\n" for name, colour in colours.items())


def _read(name: str) -> str:
    text = files("softreg_fast.report").joinpath(name).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n")  # as a browser reads it, whose hash counts


def _hash_of(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
