"""Puts that are lost with their transaction although nobody was told of an error.

``plone.protect`` aborts what a GET without its token has written, and answers as if nothing had
happened: the put is gone then, too, and only the log can say so.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import transaction
from zope.globalrequest import getRequest

#: Zope's own, in a web process: nobody observes what Twisted logs there.
log = logging.getLogger("zcasync.zope")

#: The package that aborts, and the key of the puts of a transaction.
PROTECTION = "plone.protect"
PUTS = object()


def watch(call: str) -> None:
    """Have it logged when the transaction of a put in a request is aborted without an error.

    ``call``: the name of what is put.
    """
    request = getRequest()
    if request is None:
        return
    current = transaction.get()
    try:
        current.data(PUTS).append(call)
    except KeyError:
        current.set_data(PUTS, [call])
        current.addAfterAbortHook(tell, (current, request.get("URL")))


def tell(current: Any, url: Any) -> None:
    """Log that the puts of a transaction are lost, unless somebody gets the error for it."""
    is_protection = any(
        frame.f_globals.get("__name__", "").startswith(PROTECTION)
        for frame, _ in traceback.walk_stack(None)
    )
    if not is_protection and sys.exc_info()[0] is not None:
        return
    calls = current.data(PUTS)
    why = (
        "plone.protect has aborted it: the request had no token; put by POST, or with the token"
        if is_protection
        else "its transaction was aborted, and there was no error"
    )
    log.warning(
        "%d put(s) in the request for %s are lost, of %s: %s",
        len(calls),
        url,
        ", ".join(sorted(set(calls))),
        why,
    )
