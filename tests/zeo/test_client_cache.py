"""The files of caches are taken in turn, and a client without one needs none."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from zcasync.zeo.client_cache import cache_files


@pytest.mark.parametrize(
    ("options", "others"),
    [
        ({}, []),
        ({"cache": None, "client": None, "var": "/var"}, []),
        ({"cache": object()}, []),
        ({"cache": "/var/front.zec"}, ["/var/front.2.zec", "/var/front.3.zec"]),
        ({"cache": "/var/front"}, ["/var/front.2", "/var/front.3"]),
        ({"client": "a", "var": "/v", "storage": "x"}, ["/v/a-x.2.zec", "/v/a-x.3.zec"]),
        ({"client": "a", "var": "/v"}, ["/v/a-1.2.zec", "/v/a-1.3.zec"]),
    ],
)
def test_the_first_file_is_that_of_the_options_and_others_are_numbered(
    options: dict[str, Any], others: list[str]
) -> None:
    first, *found = islice(cache_files(options), 3)

    assert first == {}
    assert [one["cache"] for one in found] == others
