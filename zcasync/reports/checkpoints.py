"""The last checkpoint of a call, as a text; nothing of it is loaded."""

from __future__ import annotations

from zcasync.job.values import LargeValue
from zcasync.reports.fields import Fields
from zcasync.text import printable, repr_of


def checkpoint_text(fields: Fields) -> str | None:
    """Return the value of a call's last checkpoint as its repr, cut; None: there is none."""
    found = fields["_checkpoint"]
    if found is None:
        return None
    return "a large value" if isinstance(found[0], LargeValue) else printable(repr_of(found[0]))
