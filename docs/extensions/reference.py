"""Directives for the reference: ``interface NAME``, ``commands`` and ``settings``."""

from __future__ import annotations

from typing import Any

import pages
from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Interface(SphinxDirective):
    """One interface of ``zcasync.interfaces``, with all its attributes and methods."""

    required_arguments = 1

    def run(self) -> list[Node]:
        """Return the nodes of what the manual says."""
        return self.parse_text_to_nodes(pages.interface_text(self.arguments[0]))


class Commands(SphinxDirective):
    """The command line: a section for each command."""

    def run(self) -> list[Node]:
        """Return the nodes of what the parser knows."""
        return self.parse_text_to_nodes(pages.commands_text(), allow_section_headings=True)


class Settings(SphinxDirective):
    """The table of the settings of ``etc/zcasync.conf``."""

    def run(self) -> list[Node]:
        """Return the nodes of what the schema and the defaults are."""
        return self.parse_text_to_nodes(pages.settings_text())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives.  Nothing remembers what they read, so each build reads it again."""
    for name, directive in (
        ("interface", Interface),
        ("commands", Commands),
        ("settings", Settings),
    ):
        app.add_directive(name, directive)
    return {"parallel_read_safe": True}
