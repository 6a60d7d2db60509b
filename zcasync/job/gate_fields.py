"""GateFields: what a call has to wait for before it begins, and the flow that it belongs to.

A call that has to wait for others is *held*: it is pending and has its queue, but no place in that.
What it waits for leads to it, see :mod:`zcasync.job.gate`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from zcasync.job.attempt_fields import AttemptFields
from zcasync.job.field_types import Check, is_bool, optional, stored

_is_gate = optional(stored("zcasync.job.gate.Gate"))


class GateFields(AttemptFields):
    """What one call waits for; a call that waits for none stores nothing of it."""

    _field_types: ClassVar[dict[str, Check]] = {
        "_held": is_bool,
        "_after": _is_gate,
        "_members": _is_gate,
        "_member_of": _is_gate,
    }

    _held: bool = False
    _after: Any = None
    _members: Any = None
    _member_of: Any = None

    @property
    def is_held(self) -> bool:
        """True for a call that has no place in its queue yet, or that has ended without one."""
        return self._held

    @property
    def after_gate(self) -> Any:
        """The gate of the calls that it begins after; None: it was put without any."""
        return self._after

    @property
    def members_gate(self) -> Any:
        """The gate of the members of a flow; None: it is a call of its own."""
        return self._members

    @property
    def flow_gate(self) -> Any:
        """The gate of the flow that it is a member of; None: of none."""
        return self._member_of

    @property
    def flow(self) -> Any:
        """The flow that it is a member of; None: of none."""
        return None if self._member_of is None else self._member_of.partial

    def hold(self) -> None:
        """Let the call have no place in its queue until somebody lets it begin."""
        self._held = True

    def wait_behind(self, gate: Any) -> None:
        """Let the call begin when what this gate counts has ended."""
        self._after = gate

    def lead(self, gate: Any) -> None:
        """Make the call that of a flow, which is called when its members have ended."""
        self._members = gate

    def join(self, gate: Any) -> None:
        """Make the call a member of a flow.  Raises ValueError where it is one already."""
        if self._member_of is not None:
            raise ValueError(f"{self!r} is a member of a flow already: make a new Partial")
        self._member_of = gate
