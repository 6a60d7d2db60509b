"""A job that stores what older versions of zcasync do not know."""

from __future__ import annotations

from typing import Any

from zcasync import formats


def store_newest(manager: Any) -> int:
    """Store a record of the newest form that this process knows; its number."""
    formats.use_format(manager, formats.RECORD_FORMAT)
    return formats.RECORD_FORMAT
