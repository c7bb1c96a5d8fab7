"""Sphinx configuration: Markdown pages, one theme, no network."""

project = "RoboLoop"
author = "The RoboLoop authors"
copyright = "2026, The RoboLoop authors"
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "RoboLoop"
suppress_warnings = ["myst.xref_missing"]
