"""The files that the clients of several processes keep their caches in: each has one of its own.

ZEO locks the file of a cache that a configuration names, so that a second process with the same
configuration could not begin.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any


def cache_files(options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a client's options for its cache, first as they are, then with other files in turn.

    The second process of ``front-1.zec`` has ``front-1.2.zec``, and so on.
    """
    yield {}
    cache, client = options.get("cache"), options.get("client")
    if cache is None and client:
        name = f"{client}-{options.get('storage', '1')}.zec"
        cache = os.path.join(options.get("var") or os.getcwd(), name)
    if isinstance(cache, str):
        root, extension = os.path.splitext(cache)
        for number in count(2):
            yield {"cache": f"{root}.{number}{extension}"}
