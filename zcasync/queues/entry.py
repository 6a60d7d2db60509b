"""Entry: the place of a partial in a lane, as claims and looks at a queue pass it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zcasync.job.record import PartialRecord
from zcasync.queues.restriction import Restriction, is_at_once
from zcasync.unpublished import Unpublished


@dataclass(frozen=True)
class Entry(Unpublished):
    """A place in a lane: in its inbox (``page``) or in one of its trees (``key``)."""

    due: int
    partial: PartialRecord
    page: Any = None
    index: int = 0
    restriction: Restriction = ()
    key: tuple[int, int] = (0, 0)

    @property
    def is_at_once(self) -> bool:
        """True where the partial does not wait for its time, as far as the place tells."""
        page = self.page
        return is_at_once(self.restriction) if page is None else page.is_at_once(self.index)

    def ready(self, now: int) -> int:
        """Return when it is to be examined (microseconds): not later than now when due at once."""
        return min(now, self.due) if self.is_at_once else self.due
