"""Object ids that are not given twice: forgets what a database server that went away handed out.

A ZEO client fetches ids a hundred at a time.  A server that was killed does not remember which of
them were not used yet, and the next one hands them out again, to the same client too: two objects
of one connection then have one id, and the commit fails with a ValueError that no retry expects.
"""

from __future__ import annotations

from typing import Any


def forget_ids_at_disconnect(storage: Any) -> Any:
    """Let a ZEO client fetch new ids after each disconnect; returns the storage.

    Any other storage is left as it is.
    """
    fetched = getattr(storage, "_oids", None)
    if isinstance(fetched, list) and hasattr(storage, "notify_disconnected"):
        disconnected = storage.notify_disconnected

        def notify_disconnected() -> None:
            disconnected()
            fetched.clear()

        storage.notify_disconnected = notify_disconnected
    return storage
