"""What Sphinx needs to know to make the site: `make docs` reads this file.

The whole checkout is the source, so that the links of a page lead to the same place here and on a forge. Nothing is
executed, nothing is fetched: notebooks show the outputs they were committed with, and MathJax is a file beside them.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from site_pages import source_of  # noqa: E402

project = "minitx"
copyright = "the minitx authors, MIT licence"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "sphinx.ext.mathjax",
    "shown_code",
    "site_pages",
]
root_doc = "docs/index"
include_patterns = ["docs/**", "notebooks/**", "CHANGELOG.md"]
exclude_patterns = [".*", "build", "dist", "minitx", "tests", "benchmarks", "**/.ipynb_checkpoints"]

# Pages and notebooks
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_dmath_double_inline = True  # $$ in the middle of a paragraph, as Jupyter has it
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # without a kernel sliders do nothing: the picture beside them is shown
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]

# Docstrings
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
linkcode_resolve = source_of
toc_object_entries_show_parents = "hide"
highlight_language = "none"

# Mathematics: a single file that fetches nothing. Its menu would fetch the rules of speech.
mathjax_path = "mathjax/tex-svg-full.js"
mathjax3_config = {"options": {"enableMenu": False}}

# Looks
html_theme = "furo"
html_title = "minitx"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_use_index = False  # the API reference and the search lead to every name
html_domain_indices = False
html_show_sphinx = False
html_show_search_summary = False  # summaries are fetched page by page, which browsers refuse a page on disk
html_additional_pages = {"index": "to_landing_page.html"}
templates_path = ["_templates"]
