"""Member pages: the calls that a gate waits for, named in records of one size, in their order.

They are written once: what counts ends writes other records.
"""

from __future__ import annotations

from typing import ClassVar

from persistent import Persistent

from zcasync.job.field_types import ALL, Check, Checked, needs, stored, tuple_of
from zcasync.job.record import PartialRecord
from zcasync.unpublished import Unpublished

#: So many members are named in one record.
PAGE_SIZE = 64


class MemberPage(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """Some members of a flow, in their order."""

    _field_types: ClassVar[dict[str, Check]] = {
        "members": tuple_of(stored("zcasync.job.record.PartialRecord")),
        ALL: needs("members"),
    }

    def __init__(self, members: tuple[PartialRecord, ...]) -> None:
        self.members = members


class MemberList:
    """The members of a block: a mixin, with the attributes that are stored."""

    _field_types: ClassVar[dict[str, Check]] = {
        "pages": tuple_of(stored("zcasync.job.member_pages.MemberPage")),
    }

    pages: tuple[MemberPage, ...] = ()

    def add_members(self, members: tuple[PartialRecord, ...]) -> None:
        """Name members of a flow, behind those that are named here."""
        last = self.pages[-1] if self.pages else None
        if last is not None and last._p_jar is None and len(last.members) < PAGE_SIZE:
            room = PAGE_SIZE - len(last.members)
            last.members += members[:room]
            members = members[room:]
        self.pages += tuple(
            MemberPage(members[first : first + PAGE_SIZE])
            for first in range(0, len(members), PAGE_SIZE)
        )
