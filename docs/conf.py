"""The documents as a site: make docs. Its sources are the pages as they lie, so that links work there and here."""

project = "AEDR"
author = "The aedr contributors"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/*.md",
    "config/README.md",
    "profiles/README.md",
    "benchmarks/README.md",
    "demo/CREDITS.md",
]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "AEDR"
html_extra_path = ["redirect"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
