"""Sphinx settings; the build is `make docs`, in which a warning is an error."""

from __future__ import annotations

from importlib.metadata import version as installed_version

project = "django-mass-migration"
author = "The django-mass-migration authors"
project_copyright = f"2026, {author}"
release = installed_version(project)
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "explanation/crash-*.md"]
autodoc_typehints = "description"

html_theme = "furo"
html_title = f"{project} {release}"
