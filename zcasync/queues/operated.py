"""Operated: what operators decide about a queue, in its own record, which nobody else writes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from persistent import Persistent

from zcasync.job.acts import Act, are_acts, with_act
from zcasync.job.field_types import Check, Checked, is_bool, is_text, one_of, optional
from zcasync.partial import Partial
from zcasync.queues.options import PutRequest, given_options, kept_defaults
from zcasync.queues.quotas import require_quotas
from zcasync.retry.policy import require_policy
from zcasync.unpublished import Unpublished


class Operated(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """The pause, the defaults and the acts of a queue; see ``IPartialQueue``."""

    _field_types: ClassVar[dict[str, Check]] = {
        "__name__": is_text,
        "batch": is_bool,
        "defaults": optional(one_of(dict)),
        "is_paused": is_bool,
        "acts": are_acts,
    }

    __name__: str
    batch = False
    defaults: Mapping[str, Any] | None = None
    is_paused = False
    acts: tuple[Act, ...] = ()

    def set_defaults(self, **options: Any) -> None:
        """Let these be the options of puts here that say nothing else, in place of those before.

        Raises TypeError and ValueError as ``put`` does.
        """
        require = partial(require_quotas, self)
        said = given_options(None, None, options)
        found = PutRequest(self.__name__, said, {}, require).options  # raises where they are wrong
        require_policy(Partial(print), found.policy)  # as for any call
        self.defaults = kept_defaults(options) or None

    def pause(self) -> None:
        """Let no more of its jobs begin, anywhere, until ``resume``; what runs goes on."""
        self.is_paused = True

    def resume(self) -> None:
        """Let its jobs begin again."""
        if self.is_paused:
            del self.is_paused

    def note_act(self, who: str, what: str) -> None:
        """Note what an operator has done to the queue, now."""
        self.acts = with_act(self.acts, who, what)
