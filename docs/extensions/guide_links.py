"""Links between guides, which are written as names of files: ``<story.rst>``.

They lead to the file where the repository is read, and to its page in what Sphinx makes.  A link to
what is no page, or to a section that is not there, is an error of the build.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

log = logging.getLogger(__name__)


class GuideLinks(SphinxTransform):
    """Makes references to pages of links to files."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        """Replace each link to a guide of this folder, and look at those to sections."""
        for link in list(self.document.findall(nodes.reference)):
            target = link.get("refuri", "")
            if target.endswith(".rst") and "/" not in target:
                link.replace_self(_to_page(target.removesuffix(".rst"), link))
            elif target.startswith("#") and target[1:] not in self.document.ids:
                log.warning("this page has no section %s", target, location=link)


def _to_page(page: str, link: nodes.reference) -> pending_xref:
    """Return the reference that Sphinx resolves, or names, when all pages are read."""
    found = pending_xref(
        "",
        nodes.inline("", link.astext()),
        refdomain="std",
        reftype="doc",
        reftarget=f"/{page}",
        refexplicit=True,
        refwarn=True,
    )
    found.source, found.line = link.source, link.line
    return found


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_transform(GuideLinks)
    return {"parallel_read_safe": True}
