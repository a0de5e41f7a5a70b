"""Settings of Sphinx for the documentation; `make docs` builds it into build/site."""

import os
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs" / "_extensions"))

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
URLS = PROJECT.get("urls", {})
SOURCE = URLS.get("Source", "")  # of the repository, once it has an address

project = "softreg_fast"
author = copyright = "the softreg_fast developers"
version = release = PROJECT["version"]
language = "en"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "of_docstrings",
    "of_pages",
]
intersphinx_mapping = {}  # builds need no network
exclude_patterns = ["README.md", "sg_execution_times.rst", "**/sg_execution_times.rst"]
nitpicky = True
# single backticks in docstrings name arguments as well as objects; explicit roles are checked
default_role = "py:obj"
nitpick_ignore_regex = [("py:obj", ".*")]
suppress_warnings = ["config.cache"]
if " " in str(Path(__file__)):  # a space in the folder of the checkout breaks no link
    suppress_warnings.append("sphinx_gallery.space_in_filename")

# --- the reference -----------------------------------------------------------------------------

autosummary_generate = True
autodoc_typehints = "none"  # the sections of numpydoc have types in words
autodoc_default_options = {"members": True, "inherited-members": True}
numpydoc_show_class_members = False
numpydoc_use_plots = False
add_module_names = False
highlight_language = "none"  # of formulas; fences name theirs

# --- pages -------------------------------------------------------------------------------------

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 4
source_repository = SOURCE  # read by of_pages
copybutton_exclude = ".linenos, .gp, .go"

# --- the gallery -------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": [str(ROOT / "examples" / "gallery")],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"\.py",
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "show_memory": False,
    "plot_gallery": os.environ.get("SOFTREG_GALLERY", "True"),
    "reference_url": {"softreg_fast": None},
    "doc_module": ("softreg_fast",),
    "backreferences_dir": "reference/examples",
    "min_reported_time": 1,
    "matplotlib_animations": False,
    "image_srcset": ["2x"],
    "show_signature": False,
    "capture_repr": (),  # printed text and pictures only
}

# --- the theme ---------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "softreg_fast"
html_static_path = ["_static"]
html_css_files = ["site.css"]
templates_path = ["_templates"]
html_show_sourcelink = False
html_copy_source = False
html_baseurl = os.environ.get("SOFTREG_SITE", URLS.get("Documentation", ""))
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 8,
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher", "navbar-icon-links"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
if "SOFTREG_SWITCHER" in os.environ:  # on the web, where tools/versions.py puts several versions
    html_theme_options["navbar_end"].insert(0, "version-switcher")
    html_theme_options["check_switcher"] = False
    html_theme_options["switcher"] = {
        "json_url": os.environ["SOFTREG_SWITCHER"],
        "version_match": os.environ.get("SOFTREG_VERSION", "dev"),
    }
html_context = {"default_mode": "auto"}
if SOURCE:
    owner, name = re.fullmatch(r"https://github.com/([^/]+)/([^/]+)/?", SOURCE).groups()
    html_theme_options |= {"github_url": SOURCE, "use_edit_page_button": True}
    html_theme_options["secondary_sidebar_items"].append("edit-this-page")
    html_context |= {"github_user": owner, "github_repo": name}
    html_context |= {"github_version": "main", "doc_path": "docs"}
