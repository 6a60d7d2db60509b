"""A section of a configuration, ``<plainzeoclient>``, whose client is ZEO's own.

As ``<zeoclient>`` otherwise; ``%import tests.support.plain_zeo`` makes it known.
"""

from __future__ import annotations

from ZODB.config import ZEOClient


class PlainClient(ZEOClient):  # type: ignore[misc]
    """Makes ZEO's client, because zcasync makes its own only for the original sections."""
