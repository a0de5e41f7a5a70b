"""Pages that are read on GitHub, too: their links and fences, as Sphinx needs them."""

import re
from pathlib import Path

from pygments.lexers.special import TextLexer

ROOT = Path(__file__).resolve().parent.parent.parent

# Files and folders of the repository that are pages of the site.
PAGES = {
    "examples/gallery": "gallery/index.rst",
    "CHANGELOG.md": "development/changelog.md",
    "CONTRIBUTING.md": "development/set-up.md",
    "SECURITY.md": "development/security.md",
}
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")


class Output(TextLexer):
    """What a block of code prints."""

    name = "output"
    aliases = ("output",)


def resolved(app, page, link, file):
    """Return a link of a file as the page needs it: to a page, or to the repository."""
    if "://" in link or link.startswith("mailto:"):
        return link
    target = (file.parent / link).resolve()
    if not target.is_relative_to(ROOT):
        return link
    inside = target.relative_to(ROOT).as_posix()
    up = "../" * page.count("/")
    if inside in PAGES:
        return up + PAGES[inside]
    if inside.startswith("docs/") and not target.is_dir():
        return up + inside.removeprefix("docs/")
    kind = "tree" if target.is_dir() else "blob"
    return f"{app.config.source_repository}/{kind}/main/{inside}"


def relinked(app, page, text, file):
    def replace(found):
        return found[1] + resolved(app, page, found[2], file) + found[3]

    return LINK.sub(replace, text)


def on_source(app, docname, source):
    copied = {page.removesuffix(".md"): name for name, page in PAGES.items()}
    file = ROOT / copied.get(docname, f"docs/{docname}.md")
    if file.exists():
        source[0] = relinked(app, docname, source[0], file)


def setup(app):
    app.add_config_value("source_repository", "", "env")
    app.add_lexer("output", Output)
    app.connect("source-read", on_source)
    return {"parallel_read_safe": True}
