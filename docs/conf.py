"""The settings of Sphinx, which makes the pages of this folder: ``make docs``."""

import sys
import tomllib
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS / "extensions")]

project = "zcasync"
author = copyright = "zcasync developers"
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = ["sphinx.ext.autodoc", "guide_links", "reference"]
exclude_patterns = ["extensions"]
#: A link that leads nowhere is an error, as all that Sphinx warns of is: it is called with -W.
nitpicky = True
nitpick_ignore = [("py:class", "ZODB.POSException.InvalidObjectReference")]  # a base of one of ours
# Docstrings say what is given and returned, with units.
autodoc_typehints = "none"
highlight_language = "none"  # of what follows "::"
# Consoles show "..." where any output may be, which no lexer knows.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = f"zcasync {version}"
html_copy_source = False
