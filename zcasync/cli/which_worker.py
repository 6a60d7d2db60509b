"""The worker that a command line names: by its UUID, its engine's, or a beginning of one."""

from __future__ import annotations

from typing import Any

import click

from zcasync.cli.errors import Refusal
from zcasync.cli.short import meant


def require_uuid(text: str) -> None:
    """Raise UsageError for a text that no UUID begins with."""
    try:
        meant(text, ())
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from error


def worker_meant(workers: list[Any], wanted: str) -> Any:
    """Return the worker that is meant.  Raises Refusal for none, and for several."""
    names = meant(wanted, [uuid for one in workers for uuid in (one.UUID, one.engineUUID)])
    found = [one for one in workers if one.UUID in names or one.engineUUID in names]
    if not found:
        raise Refusal(f"no worker and no engine has the UUID {wanted}")
    if len(found) > 1:
        several = ", ".join(map(str, names[:5]))
        raise Refusal(f"{wanted} is the beginning of several UUIDs: {several}")
    return found[0]
