"""The manual as a site: `make docs` builds it into build/site, to be opened without a network."""

import re
from pathlib import Path

project = "lss"
html_title = "lss"
author = "the lss developers"
extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns = ["_static"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
pygments_style = "friendly"
highlight_language = "none"
suppress_warnings = ["myst.header"]  # pages of results may begin a section at any level

# The results lie beside the benchmarks, for those who read the repository; on the site they are a page like any other.
OUTSIDE = {"../bench/RESULTS.md": "results.md", "../README.md": "index.md"}


def _links_within(app: object, name: str, source: list[str]) -> None:
    """Links to pages that lie elsewhere, and to folders (which the site does not hold: their names remain)."""
    for path, page in OUTSIDE.items():
        for up in ("", "../"):
            source[0] = source[0].replace(f"]({up}{path}", f"]({up}{page}")
    here = (Path(__file__).parent / name).parent

    def without_folder(link: re.Match[str]) -> str:
        return link[1] if (here / link[2]).is_dir() else link[0]

    source[0] = re.sub(r"\[([^\]]+)\]\(([^)#]+)\)", without_folder, source[0])


def setup(app: object) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _links_within)  # type: ignore[attr-defined]
    return {"parallel_read_safe": True}
