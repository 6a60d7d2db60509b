"""Retention: which completed jobs stay, by their age and by their number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from zcasync.workers.completed import RETENTION, Bucket, Completed
from zcasync.workers.dating import date
from zcasync.workers.kept_failed import FAILED_RETENTION
from zcasync.workers.kept_number import MOST_COMPLETED, MOST_FAILED, trim


@dataclass(frozen=True)
class Retention:
    """For how long completed jobs stay, and failed ones, where that is longer; and how many.

    The numbers are those of one worker, 0: any number.  ``most_failed`` counts those that stay when
    the others of their time are gone.
    """

    completed: timedelta = RETENTION
    failed: timedelta = FAILED_RETENTION
    most_completed: int = MOST_COMPLETED
    most_failed: int = MOST_FAILED

    def apply(self, completed: Completed, set_by: int = 0) -> bool:
        """Drop what is too old or too much of a collection; return whether more is to be dropped.

        ``set_by``: so far the clock was set forward since the last time, microseconds.
        """
        date(completed, set_by)
        completed.prune(self.completed, self.failed)
        keeps_failed = self.failed > self.completed
        return trim(completed, self.most_completed, self.most_failed, keeps_failed, Bucket)
