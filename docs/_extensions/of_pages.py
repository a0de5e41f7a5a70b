"""Pages that are read on GitHub, too: their links and fences, as Sphinx needs them."""

import re
import sys
from pathlib import Path

from pygments.lexers.special import TextLexer

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import pages  # noqa: E402

# Files and folders of the repository that are pages of the site.
PAGES = {
    "examples/gallery": "gallery/index.rst",
    "CHANGELOG.md": "development/changelog.md",
    "CONTRIBUTING.md": "development/set-up.md",
    "SECURITY.md": "development/security.md",
}
LINK = re.compile(r"\[([^]]*)\]\(([^)\s#]+)((?:#[^)\s]*)?)\)")


class Output(TextLexer):
    """Lexer of the output of a block of code, which is plain text."""

    name = "output"
    aliases = ("output",)


def resolved(app, page, link, file):
    """Return a link as the page needs it: to a page, the repository, or "" for nowhere."""
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
    kind, repository = "tree" if target.is_dir() else "blob", app.config.source_repository
    return f"{repository}/{kind}/main/{inside}" if repository else ""


def relinked(app, page, text, file):
    def replace(found):
        link = resolved(app, page, found[2], file)
        return f"[{found[1]}]({link}{found[3]})" if link else found[1]

    return LINK.sub(replace, text)


def with_figures(app, docname, text, file):
    """Put the figures that tools/pages.py has drawn under the blocks that draw them."""
    parts, end = [], 0
    for number, block in enumerate(pages.BLOCK.finditer(text)):
        parts.append(text[end : block.end()])
        end = block.end()
        for figure in sorted(
            Path(app.srcdir, "figures").glob(f"{pages.figure_name(file, number)}*.png")
        ):
            link = "../" * docname.count("/") + f"figures/{figure.name}"
            parts.append(f"\n![What the code above draws]({link})\n")
    return "".join([*parts, text[end:]])


def on_source(app, docname, source):
    copied = {page.removesuffix(".md"): name for name, page in PAGES.items()}
    file = ROOT / copied.get(docname, f"docs/{docname}.md")
    if file.exists():
        source[0] = with_figures(app, docname, relinked(app, docname, source[0], file), file)


def on_page(app, pagename, templatename, context, doctree):
    """Leave the link that edits a page out where the page is made from something else."""
    if not (ROOT / "docs" / f"{pagename}.md").exists():
        context["theme_use_edit_page_button"] = False


def setup(app):
    app.connect("html-page-context", on_page)
    app.add_config_value("source_repository", "", "env")
    app.add_lexer("output", Output)
    app.connect("source-read", on_source)
    return {"parallel_read_safe": True}
