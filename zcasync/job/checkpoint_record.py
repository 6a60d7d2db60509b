"""CheckpointRecord: what a call's last checkpoint has kept for the attempts that follow it."""

from __future__ import annotations

from typing import Any, ClassVar

from zcasync.job.field_types import Check, is_count, optional
from zcasync.job.fields import PartialFields
from zcasync.job.values import loaded


def _is_checkpoint(value: Any) -> bool:
    return type(value) is tuple and len(value) == 2 and is_count(value[1])


class CheckpointRecord(PartialFields):
    """The last checkpoint: its value as it is stored, and the conflicts that were counted by then.

    It is kept while the call has no result, and behind a Failure: a call that is run again goes on
    from there, because what was done before is committed.
    """

    _field_types: ClassVar[dict[str, Check]] = {
        **PartialFields._field_types,
        "_checkpoint": optional(_is_checkpoint),
    }

    _checkpoint: tuple[Any, int] | None = None

    @property
    def checkpoint(self) -> Any:
        """The value of the last checkpoint, one that nobody else has; None: there was none."""
        return None if self._checkpoint is None else loaded(self._checkpoint[0], self._p_jar)

    @property
    def has_checkpoint(self) -> bool:
        """True where a checkpoint of the call is committed, whatever its value."""
        return self._checkpoint is not None

    @property
    def conflicts_by_checkpoint(self) -> int:
        """The number of attempts that had conflicted by then; 0: there was no checkpoint."""
        return 0 if self._checkpoint is None else self._checkpoint[1]

    def note_checkpoint(self, stored: Any) -> None:
        """Keep the value of a checkpoint, as ``values.storable`` returns it.

        The conflicts of the attempt that has come so far must be recorded before.
        """
        self._checkpoint = (stored, self.conflicts)

    def renew_checkpoint(self) -> None:
        """Keep the value alone, for a call whose attempts are counted from the beginning again."""
        if self.conflicts_by_checkpoint:
            self._checkpoint = (self._checkpoint[0], 0)  # type: ignore[index]

    def drop_checkpoint(self) -> None:
        """Keep no checkpoint any more."""
        if self._checkpoint is not None:
            del self._checkpoint
