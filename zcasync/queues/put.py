"""Put: the checks of what is put, before anything changes."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from twisted.python.reflect import qual
from zope.component import getGlobalSiteManager

from zcasync.errors import BadCallable
from zcasync.interfaces import PENDING, IDataManagerPartial
from zcasync.job.callables import is_imported, require_allowed
from zcasync.job.placement import (
    Checked,
    bare_copy,
    is_bare,
    keep,
    require_placed,
    require_plain,
)
from zcasync.job.secret import require_arguments
from zcasync.job.signature import require_signature
from zcasync.partial import Partial, as_partial
from zcasync.queues.options import PutOptions, PutRequest
from zcasync.retry.policy import require_policy


class Check:
    """The check of one put's items: makes partials of them, refuses what cannot be put.

    Changes nothing.  ``jar``: the queue's connection; None for a queue that is not stored.
    """

    def __init__(self, request: PutRequest, jar: Any) -> None:
        self._request = request
        self._jar = jar
        self._known: dict[FunctionType, Partial] = {}  # functions that were checked
        self._options: dict[int, PutOptions] = {}  # of the items
        self._found: dict[str, Any] = {}  # callables by their names
        self._checked: Checked = []
        self._contexts: dict[int, Any] = {}  # of items, where each has its own

    def __call__(self, item: Any) -> Partial:
        """Return the item as a partial that can be put.

        Raises ValueError, BadCallable, NotAllowed, MisplacedError.  A function that occurs many
        times is checked the first time only.
        """
        if type(item) is not FunctionType:
            return self._check(item)
        first = self._known.get(item)
        if first is not None:
            return self._again(first)
        partial = self._check(item)
        if type(partial) is Partial and is_bare(partial):
            self._known[item] = partial
        return partial

    def options_of(self, partial: Any) -> PutOptions:
        """Return the options of an item that was checked."""
        return self._options[id(partial)]

    def context_of(self, partial: Any) -> dict[str, Any] | None:
        """Return what is remembered with an item that was checked."""
        return self._contexts.get(id(partial), self.options_of(partial).remembered.context)

    def keep(self) -> None:
        """Keep all calls that were checked as they are now, whatever happens to their arguments."""
        keep(self._checked)

    def _again(self, first: Partial) -> Partial:
        """Return another partial of a function that was checked."""
        made = bare_copy(first)
        self._options[id(made)] = self._options[id(first)]
        return made  # type: ignore[return-value]

    def _check(self, item: Any) -> Partial:
        partial: Any = item if isinstance(item, Partial) else _adapted(item)
        if partial is None:
            partial = as_partial(item)
        if not type(partial).__module__.startswith("zcasync."):
            raise BadCallable(
                f"{partial!r} is of class {qual(type(partial))}: a supervisor loads no class of "
                "an application, so it must be a Partial itself; keep what is yours in its "
                "annotations, or in an object that is an argument"
            )
        if partial.queue is not None or partial.parent is not None:
            raise ValueError(f"item {partial!r} was put already: make a new Partial")
        if partial.state != PENDING:
            raise ValueError(f"item {partial!r} has been called already: make a new Partial")
        options = self._request.for_callable(require_signature(partial, self._found))
        self._options[id(partial)] = options
        if options.detached:
            _require_no_flow(partial)
            require_plain(partial)
        if options.remembered.of_calls:
            self._contexts[id(partial)] = options.remembered.of(partial)
        require_arguments(partial, options.secret)
        if is_imported(options.policy):
            require_allowed(self._jar, options.policy)
        require_policy(partial, options.policy)
        if self._jar is not None:
            self._checked += require_placed(partial, self._jar)
        return partial  # type: ignore[no-any-return]


def _require_no_flow(partial: Any) -> None:
    """Raise ValueError where a call without a connection would have to begin others."""
    if partial.members_gate is not None:
        raise ValueError(
            "detached and a flow exclude each other: a flow is made with its members, which are "
            "stored; let their callables declare detached"
        )


def _adapted(item: Any) -> Any:
    """Return the partial that the application's adapter, or ours, makes of an item; or None.

    Not by the current site, which may be any, and away: what is put means the same everywhere.
    """
    if IDataManagerPartial.providedBy(item):
        return item
    return getGlobalSiteManager().queryAdapter(item, IDataManagerPartial)
